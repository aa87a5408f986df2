"""Many running loans at once, and one business day of their servicing: called, paid through the bank, shared out.

    town = served_town(engine, Size(loans=100, lenders=140, borrowers=10))
    serve_day(town.book)       # calls, a bank statement that pays all of them, shares, reminders; again changes nothing

The loans stand as agreeing and paying out left them, written in bulk. One in five of them is due on `DAY`.

    python -m tests.servicing_kit URL MINUTES KILL

serves the day so many minutes past noon; at the KILL-th crash point that it comes by, it kills itself (0: never).
"""

import hashlib
import itertools
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import sqlalchemy as sa

from api.migrations import load_metadata
from api.worker.relay import Handler, relay
from api.worker.steps import PAID_DUES
from contracts import moves
from contracts.dispatch import BANK_HOOKS, HANDLERS
from contracts.loans import postings, tables
from contracts.loans.dues import call_due_instalments, remind_late_borrowers
from contracts.loans.lifecycle import DISBURSED, DISBURSEMENT_ORDERED, LOAN
from contracts.loans.model import LenderClaim, Loan
from contracts.loans.steps import instalment_id
from contracts.offers import tables as offer_tables
from contracts.offers.model import OfferDraft, body_of
from contracts.parties.model import Attribute, LegalIdentity, NaturalIdentity
from contracts.parties.service import record_attribute, register_legal, register_natural
from contracts.terms.daycount import DayCount
from contracts.terms.schedule import Every, RepaymentKind, Terms, schedule
from ledger import crash
from ledger.accounts import AccountRef
from ledger.book import Book, UnitOfWork, open_book
from ledger.clock import FixedClock
from ledger.journal import JournalEntry, Posting
from ledger.payments import tables as payment_tables
from ledger.payments.bank import configure_bank
from ledger.payments.model import Mode
from ledger.payments.service import configure_payments
from ledger.payments.statements import import_statement_file
from ledger.storage import bulk
from ledger.storage.engine import open_engine
from tests.bankfiles_kit import HOLDER, camt, paid
from tests.conftest import make_book, make_keys

CLAIMS_A_LOAN = 14
DAYS = 5
DAY = date(2026, 11, 25)
NOON = datetime(2026, 11, 25, 11, tzinfo=UTC)
INSTALMENTS = 5
CLAIM_CENTS = 50_000
BATCH = 500
_T = TypeVar("_T")
_TEXTS = {"fr": "Un four.", "nl": "Een oven.", "en": "An oven."}


@dataclass(frozen=True, slots=True)
class Size:
    """How many loans, with fourteen claims each, are spread over how many lenders and borrowers."""

    loans: int
    lenders: int
    borrowers: int


@dataclass(frozen=True, slots=True)
class ServedTown:
    """A book, and what its lenders and borrowers are called in every town of the same size, by their own tokens."""

    book: Book
    names: Mapping[str, str]


def served_town(engine: sa.Engine, size: Size) -> ServedTown:
    """A book in which all the loans run, with every claim a position and every borrower's money paid out."""
    book = make_book(engine, FixedClock(NOON))
    with book.unit_of_work(actor="kit") as uow:
        configure_payments(
            uow, public_url="https://town.example", webhook_url="https://town.example/hook", mode=Mode.TEST
        )
        configure_bank(uow, HOLDER)
    lenders = [_lender(uow, n) for uow, n in _units(book, range(size.lenders))]
    borrowers = [_borrower(uow, n) for uow, n in _units(book, range(size.borrowers))]
    loans = [_loan(n, borrowers) for n in range(size.loans)]
    claims = {loan.loan_id: _claims(loan, n, lenders) for n, loan in enumerate(loans)}
    for uow, loan in _units(book, loans):
        uow.open_asset(loan.asset)
    with book.unit_of_work(actor="kit") as uow:
        _write_rows(uow, loans, claims)
    lent = dict.fromkeys(lenders, 0)
    for each in (claim for row in claims.values() for claim in row):
        lent[each.lender] += each.principal_cents
    _post(book, [_entry(f"open:{who}", "550100", f"489200:{who}", cents) for who, cents in lent.items() if cents])
    _post(book, [postings.loan_issued(loan, c, actor="kit") for loan in loans for c in claims[loan.loan_id]])
    _post(
        book,
        [_entry(f"out:{x.loan_id}", f"489500:{x.borrower}", "550100", x.principal_cents, x.agreed_on) for x in loans],
    )
    names = {who: f"lender {n}" for n, who in enumerate(lenders)}
    return ServedTown(book, names | {who: f"borrower {n}" for n, who in enumerate(borrowers)})


def serve_day(book: Book) -> Mapping[str, int]:
    """What the worker does on `DAY`; how many things each part did. All of it again does nothing."""
    called = call_due_instalments(book, DAY)
    pay_by_bank(book)
    return {"called": called, "shared": share_out(book), "reminded": remind_late_borrowers(book, DAY)}


def pay_by_bank(book: Book) -> None:
    """The bank books a transfer for every due that was asked for; the same file again changes nothing."""
    c = payment_tables.payment.c
    query = sa.select(c.amount_cents, c.structured_reference).where(c.structured_reference.is_not(None))
    with book.read() as connection:
        asked = connection.execute(query.order_by(c.reference)).all()
    lines = (paid(cents, f"LINE-{n}", reference=reference) for n, (cents, reference) in enumerate(asked))
    if asked:
        import_statement_file(book, camt(*lines, opening=0), hooks=BANK_HOOKS)


def share_out(book: Book) -> int:
    """Everything that products told each other is handled; how many rows."""
    handled = 0
    while done := relay(book, _HANDLERS, topics=HANDLERS, together=PAID_DUES):
        handled += done
    return handled


def _handler(topic: str) -> Handler:
    return lambda uow, row: HANDLERS[topic](uow, row.body)


_HANDLERS = {topic: _handler(topic) for topic in HANDLERS}


def _units(book: Book, items: Sequence[_T] | range) -> Iterator[tuple[UnitOfWork, Any]]:
    """Each item with a unit of work that it shares with others."""
    for first in range(0, len(items), BATCH):
        with book.unit_of_work(actor="kit") as uow:
            for item in items[first : first + BATCH]:
                yield uow, item


def _post(book: Book, entries: Sequence[JournalEntry]) -> None:
    for uow, entry in _units(book, entries):
        uow.post(entry)


def _lender(uow: UnitOfWork, n: int) -> str:
    party_id = register_natural(uow, NaturalIdentity("Ada", f"Peeters {n}", f"ada{n}@citizens.example", "fr"))
    kind = "resident-individual"
    record_attribute(uow, party_id, Attribute.HOLDER_KIND, kind, valid_from=date(2025, 1, 1), evidence="eid")
    return party_id


def _borrower(uow: UnitOfWork, n: int) -> str:
    first_digits = 4_000_000 + n
    number = f"0{first_digits}{97 - first_digits % 97:02}"
    return register_legal(uow, LegalIdentity(f"Four {n}", "SRL", number, "Zoé Dubois", f"f{n}@firms.example", "fr"))


def _loan(n: int, borrowers: Sequence[str]) -> Loan:
    agreed_on = DAY.replace(year=DAY.year - 1) + timedelta(days=n % DAYS)
    return Loan(
        loan_id=f"l{n:06}",
        offer_id=f"o{n:06}",
        borrower=borrowers[n % len(borrowers)],
        title="Un deuxième four",
        principal_cents=CLAIMS_A_LOAN * CLAIM_CENTS,
        rate_annual=Decimal("0.0350"),
        term_years=INSTALMENTS,
        every=Every.YEAR,
        kind=RepaymentKind.LINEAR,
        day_count=DayCount.THIRTY_E_360,
        scheme="proxi.B",
        agreed_on=agreed_on,
        first_due_on=Every.YEAR.after(agreed_on),
    )


def _claims(loan: Loan, n: int, lenders: Sequence[str]) -> list[LenderClaim]:
    return [
        LenderClaim(
            number=k + 1,
            pledge_id=f"p{n:06}{k:02}",
            lender=lenders[(n * CLAIMS_A_LOAN + k) % len(lenders)],
            principal_cents=CLAIM_CENTS,
        )
        for k in range(CLAIMS_A_LOAN)
    ]


def _entry(key: str, debit: str, credit: str, cents: int, on: date = date(2025, 11, 24)) -> JournalEntry:
    legs = (Posting(AccountRef.parse(debit), cents, 0), Posting(AccountRef.parse(credit), 0, cents))
    return JournalEntry(key, on, "test", legs)


def _write_rows(uow: UnitOfWork, loans: Sequence[Loan], claims: Mapping[str, Sequence[LenderClaim]]) -> None:
    def insert(table: sa.Table, names: str, rows: Sequence[tuple[Any, ...]]) -> None:
        bulk.insert_rows(uow.connection, table, uow.book_id, names.split(), rows)

    insert(offer_tables.offer, "offer_id borrower drafted_on", [(x.offer_id, x.borrower, x.agreed_on) for x in loans])
    insert(
        offer_tables.offer_version,
        "offer_id version body body_hash rules",
        [(x.offer_id, 1, body_of(_draft(x)), hashlib.sha256(x.offer_id.encode()).hexdigest(), []) for x in loans],
    )
    insert(
        tables.loan,
        "loan_id offer_id borrower principal_cents agreed_on",
        [(x.loan_id, x.offer_id, x.borrower, x.principal_cents, x.agreed_on) for x in loans],
    )
    insert(
        tables.loan_claim,
        "loan_id number pledge_id lender principal_cents",
        [(x, c.number, c.pledge_id, c.lender, c.principal_cents) for x, row in claims.items() for c in row],
    )
    plans = {loan.agreed_on: schedule(_terms(loan)).instalments for loan in loans[:DAYS]}
    insert(
        tables.instalment,
        "loan_id n instalment_id due_on days interest_cents principal_cents outstanding_cents",
        [
            (x.loan_id, i.n, instalment_id(x.loan_id, i.n), i.due_on, i.days, i.interest_cents, i.principal_cents,
             i.outstanding_cents)
            for x in loans
            for i in plans[x.agreed_on]
        ],
    )  # fmt: skip
    for event in (DISBURSEMENT_ORDERED, DISBURSED):
        moved = [moves.NewMove(object_id=x.loan_id, event=event, on=x.agreed_on) for x in loans]
        moves.record_moves(uow, LOAN, moved)


def _terms(loan: Loan) -> Terms:
    return Terms(
        principal_cents=loan.principal_cents,
        rate_annual=loan.rate_annual,
        starts_on=loan.agreed_on,
        first_due_on=loan.first_due_on,
        instalments=INSTALMENTS,
        every=loan.every,
        kind=loan.kind,
        day_count=loan.day_count,
    )


def _draft(loan: Loan) -> OfferDraft:
    return OfferDraft(
        borrower=loan.borrower,
        title=loan.title,
        commune="Saint-Gilles",
        sector="food",
        pitch=_TEXTS,
        use_of_funds=_TEXTS,
        risks=_TEXTS,
        rate_annual=loan.rate_annual,
        term_years=loan.term_years,
        every=loan.every,
        kind=loan.kind,
        day_count=loan.day_count,
        minimum_cents=loan.principal_cents,
        maximum_cents=loan.principal_cents,
        pledge_minimum_cents=10_000,
        opens_on=loan.agreed_on - timedelta(days=10),
        closes_on=loan.agreed_on,
        scheme=loan.scheme,
    )


def main() -> None:
    """The day in the book at an address; what a killed run held is free again minutes later."""
    url, minutes, kill_at = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    passed = itertools.count(1)

    def reach(point: str) -> None:
        if next(passed) == kill_at:
            sys.stdout.write(point)
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    crash.reach = reach
    load_metadata()
    clock = FixedClock(NOON + timedelta(minutes=minutes))
    serve_day(open_book(open_engine(url), "main", clock=clock, keys=make_keys()))


if __name__ == "__main__":
    main()
