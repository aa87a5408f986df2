"""All papers of a year's end, read from one snapshot of the books and tied before any of them is drawn.

    loans/<loan>/proof                 in the borrower's language, or in French: it goes to a public body
    lenders/<lender>/certificate       in the lender's own language
    lenders/<lender>/statement         the statement of the pages, for the whole year
    lenders/<lender>/loss-<loan>       where principal was lost in the year
    borrowers/<borrower>/withholding   with declaration-273.xml where there is interest to declare

Nobody who was erased is written to; the index says who was left out.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import sqlalchemy as sa

from contracts.documents.certificate import render_certificate
from contracts.documents.fund_proof import render_fund_proof
from contracts.documents.model import Language, StatementData
from contracts.documents.statement import render_statement
from contracts.documents.text import wording
from contracts.documents.withholding_return import declaration_273, render_withholding_return
from contracts.documents.yearly import CertificateData
from contracts.loans.books import loan_books, loan_ids
from contracts.loans.model import DocumentDesk
from contracts.secondchance.changes import judicial_plans
from contracts.statements import CLAIM, statement_data
from contracts.yearend.certificate import certificate_data
from contracts.yearend.losses import loss_papers
from contracts.yearend.movements import WRITTEN_OFF, LoanYear, Period, loan_year, tie, tie_payables
from contracts.yearend.paper import YearPaper
from contracts.yearend.proof import proof_data
from contracts.yearend.stand import Stand, language_of, stand_on
from contracts.yearend.withholding import withholding_data
from ledger import balances
from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.clock import brussels_date
from ledger.errors import Refusal
from ledger.treehead import TreeHead, tree_head

DECLARATION = "declaration-273.xml"
_TO_A_PUBLIC_BODY: dict[Language, Language] = {"fr": "fr", "nl": "nl", "en": "fr"}
"""Administrations of Brussels are written to in French or Dutch (coordinated laws of 18 July 1966)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YearTotals:
    """Sums over the whole book, in cents."""

    opening_cents: int
    lent_cents: int
    repaid_cents: int
    lost_cents: int
    changed_cents: int
    closing_cents: int
    interest_cents: int
    tax_cents: int
    credit_cents: int
    loss_credit_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class YearEnd:
    """A year's papers and what they stand on; `left_out` are lenders who were erased."""

    book_id: str
    year: int
    made_on: date
    known_at_entry: int
    head: TreeHead
    wording: str
    totals: YearTotals
    papers: tuple[YearPaper, ...]
    left_out: tuple[str, ...]


def year_end(book: Book, year: int, desk: DocumentDesk) -> YearEnd:
    """Every paper of a calendar year that has ended.

    Refuses `year-not-ended`, `year-before-books`, `year-end-does-not-tie`, and what rules refuse: `no-rule-for-date`.
    """
    period = Period(year)
    with book.read() as connection:
        today = book.today_in(connection)
        if today <= period.ends_on:
            raise Refusal("year-not-ended", year=str(year), today_on=today.isoformat())
        _refuse_before_books(connection, book.book_id, period)
        return _year_end(stand_on(connection, book, period, desk))


def _refuse_before_books(connection: sa.Connection, book_id: str, period: Period) -> None:
    """The books begin with their first entry, or with the earliest day that a portfolio taken over states."""
    begun_on = brussels_date(balances.entry_numbered(connection, book_id, 0).booked_at)
    first_on = min([begun_on, *balances.first_posting_dates(connection, book_id).values()])
    if period.ends_on < first_on:
        raise Refusal("year-before-books", year=str(period.year), first_on=first_on.isoformat())


def _year_end(stand: Stand) -> YearEnd:
    loans = _loans(stand)
    of_lender: dict[str, list[LoanYear]] = defaultdict(list)
    of_borrower: dict[str, list[LoanYear]] = defaultdict(list)
    for loan in loans:
        of_borrower[loan.book.loan.borrower].append(loan)
        for claim in loan.claims:
            if claim.is_alive:
                of_lender[claim.lender].append(loan)
    papers, left_out = [_proof(stand, loan) for loan in loans], []
    for lender, own in sorted(of_lender.items()):
        tie_payables(stand.connection, stand.book_id, lender, own, stand.period)
        found = _lender_papers(stand, lender, own)
        papers += found
        left_out += [] if found else [lender]
    papers += [_withholding(stand, borrower, own) for borrower, own in sorted(of_borrower.items())]
    return YearEnd(
        book_id=stand.book_id,
        year=stand.period.year,
        made_on=stand.made_on,
        known_at_entry=stand.known_at_entry,
        head=tree_head(stand.connection, stand.book_id),
        wording=wording("en").version,
        totals=_totals(loans, papers),
        papers=tuple(papers),
        left_out=tuple(left_out),
    )


def _loans(stand: Stand) -> list[LoanYear]:
    ids = loan_ids(stand.connection, stand.book_id)
    books = loan_books(stand.connection, stand.book_id, ids)
    judicial = judicial_plans(stand.connection, stand.book_id, list(books.values()))
    read = (
        loan_year(stand.connection, stand.book_id, book, stand.period, judicial.get(loan_id, frozenset()))
        for loan_id, book in sorted(books.items())
    )
    return [loan for loan in read if loan is not None]


def _proof(stand: Stand, loan: LoanYear) -> YearPaper:
    borrower = stand.person(loan.book.loan.borrower)
    language = "fr" if borrower is None else _TO_A_PUBLIC_BODY[language_of(borrower)]
    data = proof_data(stand, loan)
    return YearPaper(f"loans/{loan.loan_id}/proof", language, data, partial(render_fund_proof, data, language))


def _lender_papers(stand: Stand, lender: str, loans: Sequence[LoanYear]) -> list[YearPaper]:
    found = stand.person(lender)
    if found is None:
        return []
    language = language_of(found)
    certificate = certificate_data(stand, found, loans)
    statement = statement_data(
        stand.connection,
        stand.keeper,
        lender,
        year=stand.period.year,
        today=stand.made_on,
        language=language,
        desk=stand.desk,
    )
    _tie_statement(statement, lender, loans)
    of_lender = f"lenders/{lender}"
    return [
        YearPaper(
            f"{of_lender}/certificate", language, certificate, partial(render_certificate, certificate, language)
        ),
        YearPaper(f"{of_lender}/statement", language, statement, partial(render_statement, statement, language)),
        *loss_papers(stand, found, loans),
    ]


def _tie_statement(statement: StatementData, lender: str, loans: Sequence[LoanYear]) -> None:
    """Hold the statement's sums against the claims; refuses `year-end-does-not-tie`."""
    for loan in loans:
        claim, account = loan.claim_of(lender), AccountRef(CLAIM, lender, loan.book.loan.asset.code)
        flows = [flow for flow in statement.flows if flow.loan_id == loan.loan_id]
        tie(account, stated=sum(flow.principal_cents for flow in flows), booked=claim.repaid_cents)
        changed = [change for change in statement.changes if change.loan_id == loan.loan_id]
        stated = sum(change.claim_cents for change in changed)
        tie(account, stated=stated, booked=claim.changed_cents - claim.lost_cents)
        off = AccountRef(WRITTEN_OFF, lender, loan.book.loan.asset.code)
        tie(off, stated=sum(change.received_cents for change in changed), booked=claim.recovered_cents)
        [row] = (row for row in statement.claims if row.loan_id == loan.loan_id)
        tie(account, stated=row.closing_cents, booked=claim.closing_cents)


def _withholding(stand: Stand, borrower: str, loans: Sequence[LoanYear]) -> YearPaper:
    found = stand.person(borrower)
    language: Language = "fr" if found is None else language_of(found)
    data = withholding_data(stand, borrower, loans)
    declared = declaration_273(data, language)
    return YearPaper(
        f"borrowers/{borrower}/withholding",
        language,
        data,
        partial(render_withholding_return, data, language),
        beside=((f"borrowers/{borrower}/{DECLARATION}", declared),) if declared else (),
    )


def _totals(loans: Sequence[LoanYear], papers: Sequence[YearPaper]) -> YearTotals:
    claims = [claim for loan in loans for claim in loan.claims]
    shares = [share for loan in loans for share in loan.shares_in_year()]
    certified = [paper.data for paper in papers if isinstance(paper.data, CertificateData)]
    return YearTotals(
        opening_cents=sum(claim.opening_cents for claim in claims),
        lent_cents=sum(claim.lent_cents for claim in claims),
        repaid_cents=sum(claim.repaid_cents for claim in claims),
        lost_cents=sum(claim.lost_cents for claim in claims),
        changed_cents=sum(claim.changed_cents for claim in claims),
        closing_cents=sum(claim.closing_cents for claim in claims),
        interest_cents=sum(share.interest_cents for share in shares),
        tax_cents=sum(share.tax_cents for share in shares),
        credit_cents=sum(data.credit_cents for data in certified),
        loss_credit_cents=sum(data.loss_credit_cents for data in certified),
    )
