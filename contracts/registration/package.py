"""What a loan's registration asks for, as a folder: the signed agreements, and a table of them with one row each.

    agreements/<n>.pdf   the agreement of claim n with both signatures, as its lender has it
    table.csv            RFC 4180, UTF-8, one agreement a row; amounts in euros with two decimals
    index.json           every file with its SHA-256

The Fund's own form and its term could not be read; the sister schemes ask for the originals and such a table. National
register numbers are not kept, so the lender adds hers. A text that a spreadsheet would take for a formula begins with
an apostrophe.
"""

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from contracts.documents.folder import as_json, as_zip, write_folder
from contracts.documents.service import open_document
from contracts.loans import queries as loans
from contracts.loans.books import LoanBook, loan_book
from contracts.loans.model import LenderClaim
from contracts.parties.model import Attribute, LegalIdentity, shown_enterprise_number
from contracts.parties.queries import Keeper, attribute_as_of, party
from contracts.registration.lifecycle import TO_FILE
from contracts.registration.queries import registrations
from ledger.book import Book
from ledger.errors import InvariantError, Refusal
from ledger.storage.base import JSON

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRow:
    """One row of the table; its fields are the columns."""

    agreement: str
    number: int
    scheme: str
    agreed_on: date
    lender: str
    lender_name: str
    lender_commune: str
    borrower_name: str
    enterprise_number: str
    principal_eur: str
    rate_percent: str
    term_years: int
    repayment: str
    every: str
    first_due_on: date
    ends_on: date
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Package:
    """The agreements of a loan that are to be filed, and their bytes in the order of the rows."""

    loan_id: str
    rows: tuple[AgreementRow, ...]
    papers: tuple[bytes, ...]
    pledge_ids: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Of its rows, which name the hash of every agreement; in hex."""
        return hashlib.sha256(as_json(self.rows)).hexdigest()


def registration_package(book: Book, loan_id: str) -> Package:
    """What is to be filed of a loan: every agreement that was not yet, or was refused.

    Refuses `loan-not-known`, `agreements-not-written` while one is missing, `nothing-to-register`, and
    `subject-key-destroyed` for a lender who was erased.
    """
    with book.read() as connection:
        found = loan_book(connection, book.book_id, loan_id)
        states = {each.pledge_id: each.state for each in registrations(connection, book.book_id, found)}
        claims = [claim for claim in found.agreed_claims if states[claim.pledge_id] in TO_FILE]
        if not claims:
            raise Refusal("nothing-to-register", loan_id=loan_id)
        made = [_agreement(connection, book, found, claim) for claim in claims]
    return Package(
        loan_id,
        tuple(row for row, _ in made),
        tuple(paper for _, paper in made),
        tuple(claim.pledge_id for claim in claims),
    )


def write_package(package: Package, folder: Path, *, on: date) -> list[JSON]:
    """Write the package to `folder`; gives its files. Refuses `folder-is-a-file` and `folder-not-empty`."""
    return write_folder(folder, _files(package), partial(_index, package, on))


def zip_package(package: Package, *, on: date) -> bytes:
    """The package as one file, the folder's files in it; the same package on the same day gives the same bytes."""
    return as_zip(_files(package), partial(_index, package, on))


def _agreement(
    connection: sa.Connection, keeper: Keeper, book: LoanBook, claim: LenderClaim
) -> tuple[AgreementRow, bytes]:
    loan = book.loan
    papers = loans.agreements_of(connection, keeper.book_id, loan.loan_id, claim.lender)
    named = f"agreement:{loan.loan_id}:{claim.pledge_id}"
    paper = next((each for each in papers if each.reference == named), None)
    if paper is None:
        raise Refusal("agreements-not-written", loan_id=loan.loan_id, number=claim.number)
    borrower = party(connection, keeper, loan.borrower).identity
    if not isinstance(borrower, LegalIdentity):
        raise InvariantError("a borrower is an enterprise")
    commune = attribute_as_of(connection, keeper, claim.lender, Attribute.COMMUNE, loan.agreed_on)
    row = AgreementRow(
        agreement=named,
        number=claim.number,
        scheme=loan.scheme,
        agreed_on=loan.agreed_on,
        lender=claim.lender,
        lender_name=party(connection, keeper, claim.lender).name,
        lender_commune=str(commune or ""),
        borrower_name=borrower.name,
        enterprise_number=shown_enterprise_number(borrower.enterprise_number),
        principal_eur=f"{Decimal(claim.principal_cents).scaleb(-2):.2f}",
        rate_percent=f"{(loan.rate_annual * 100).normalize():f}",
        term_years=loan.term_years,
        repayment=loan.kind.value,
        every=loan.every.value,
        first_due_on=loan.first_due_on,
        ends_on=book.term_ends_on,
        file=f"agreements/{claim.number}.pdf",
        sha256=paper.sha256,
    )
    return row, open_document(keeper, connection, paper.document_id)


def _files(package: Package) -> Iterator[tuple[str, bytes]]:
    for row, paper in zip(package.rows, package.papers, strict=True):
        yield row.file, paper
    yield "table.csv", _table(package.rows)


def _table(rows: Sequence[AgreementRow]) -> bytes:
    out, names = io.StringIO(), [field.name for field in fields(AgreementRow)]
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in names])
    return out.getvalue().encode()


def _cell(value: object) -> str:
    text = value.isoformat() if isinstance(value, date) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _index(package: Package, on: date, listed: list[JSON]) -> dict[str, JSON]:
    return {
        "loan": package.loan_id,
        "made_on": on.isoformat(),
        "agreements": len(package.rows),
        "sha256_of_rows": package.sha256,
        "files": listed,
    }
