"""Receipts for holders: the proof files of one line of the journal, and the paper that carries them.

A line's receipt is its owner's and nobody else's; it is given once the published log covers the entry.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import cast

import sqlalchemy as sa

from api.bootstrap import Wiring
from contracts.documents.authority import make_receipt_identity
from contracts.documents.model import Addressee, Language, ReceiptData
from contracts.documents.receipt import render_receipt
from contracts.documents.signature import sign_receipt
from contracts.parties import queries as parties
from contracts.parties.model import Attribute
from ledger import balances
from ledger.acknowledgements import acknowledge
from ledger.audit.openings import receipt_for
from ledger.balances import OwnedLine
from ledger.book import Book
from ledger.errors import Refusal
from ledger.integrator import read_checkpoint
from ledger.log.receipt import ReceiptFiles
from ledger.signing import policy_in_force


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """A line of one's own; `final` once its receipt can be given."""

    line: OwnedLine
    final: bool


def own_lines(wiring: Wiring, party_id: str, *, before_n: int | None = None, limit: int = 100) -> list[ReceiptLine]:
    """The party's lines, newest first."""
    book = wiring.book
    size = published_size(wiring)
    with book.read() as connection:
        lines = balances.lines_of_owner(connection, book.book_id, party_id, before_n=before_n, limit=limit)
    return [ReceiptLine(line, line.n < size) for line in lines]


def published_size(wiring: Wiring) -> int:
    """The number of entries under the published checkpoint."""
    published = read_checkpoint(wiring.settings.log_folder)
    return published[0].size if published else 0


def receipt_files(wiring: Wiring, party_id: str, n: int, line: int) -> ReceiptFiles:
    """Proof and opening of one's own line; refuses `line-unknown` for anybody else's, and `receipt-not-yet-final`."""
    _own_line(wiring, party_id, n, line)
    return receipt_for(wiring.book, wiring.settings.log_folder, n=n, line=line)


def receipt_pdf(wiring: Wiring, party_id: str, n: int, line: int, *, language: str) -> bytes:
    """The signed paper with both files attached; refuses as `receipt_files` does."""
    owned = _own_line(wiring, party_id, n, line)
    proof = receipt_for(wiring.book, wiring.settings.log_folder, n=n, line=line)
    chosen = cast("Language", language)
    pdf = render_receipt(_data(wiring, party_id, owned, chosen), chosen, proof=proof.proof, opening=proof.opening)
    return sealed(wiring, pdf)


def sealed(wiring: Wiring, pdf: bytes) -> bytes:
    """A paper with the attachments of a receipt, signed by the receipt key over all its bytes."""
    now, settings = wiring.book.clock.now(), wiring.settings
    identity = make_receipt_identity(settings.keys_folder, now=now, passphrase=settings.key_passphrase)
    return sign_receipt(pdf, identity=identity, at=now)


def acknowledgement(wiring: Wiring, party_id: str, n: int, line: int) -> bytes:
    """The signed promise that the log will hold one's own entry within a day of its booking; there at once.

    Refuses `line-unknown` for anybody else's line, and what `ledger.acknowledgements.acknowledge` refuses.
    """
    _own_line(wiring, party_id, n, line)
    settings = wiring.settings
    folders = settings.log_folder, settings.keys_folder
    return acknowledge(wiring.book, *folders, n, passphrase=settings.key_passphrase)


def _own_line(wiring: Wiring, party_id: str, n: int, line: int) -> OwnedLine:
    """Somebody else's line answers as one that does not exist."""
    book = wiring.book
    with book.read() as connection:
        found = balances.lines_of_owner(connection, book.book_id, party_id, before_n=n + 1, limit=20)
    for owned in found:
        if (owned.n, owned.line) == (n, line):
            return owned
    raise Refusal("line-unknown", n=n, line=line)


def _data(wiring: Wiring, party_id: str, owned: OwnedLine, language: Language) -> ReceiptData:
    settings, book = wiring.settings, wiring.book
    policy = policy_in_force(settings.log_folder, published_size(wiring))
    with book.read() as connection:
        holder = addressee(connection, book, party_id, owned.effective_on)
        scale = balances.asset_scales(connection, book.book_id)[owned.account.asset]
    return ReceiptData(
        receipt_id=f"{book.book_id}-{owned.n}-{owned.line}",
        holder=holder,
        happened=purpose_words(owned.purpose, language),
        entry_number=owned.n,
        effective_on=owned.effective_on,
        booked_at=owned.booked_at,
        account=str(owned.account),
        asset=owned.account.asset,
        side="debit" if owned.debit else "credit",
        amount_cents=owned.debit or owned.credit,
        scale=scale,
        origin=policy.origin,
        checkpoint_size=published_size(wiring),
        policy_sha256=policy.sha256.hex(),
        licence_holder=settings.operator,
        verify_address=f"{settings.origin}/log/",
        sandbox=settings.is_sandbox,
    )


def addressee(connection: sa.Connection, book: Book, party_id: str, on: date) -> Addressee:
    """A holder as papers name her: her name, and the commune that is on record for a day."""
    commune = parties.attribute_as_of(connection, book, party_id, Attribute.COMMUNE, on)
    name = parties.display_name(connection, book, party_id)
    return Addressee(party=party_id, name=name, address=(str(commune),) if commune else ())


def purpose_words(purpose: str, language: str) -> str:
    """What an entry's purpose means to a holder; an imported entry's own purpose, which has no words, as it stands."""
    return purposes().get(purpose, {}).get(language, purpose)


@cache
def purposes() -> Mapping[str, Mapping[str, str]]:
    """What the purposes of business events mean to a holder, by language."""
    return tomllib.loads(files("api").joinpath("purposes.toml").read_text("utf-8"))
