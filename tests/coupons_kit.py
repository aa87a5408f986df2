"""One coupon of many holders: the day after the record date it is planned, funded through the bank, and paid.

    town = coupon_town(engine, 1_000)    a series runs, its holders stand in the register
    serve_coupon(town.book, town.series_id)   planned, asked of the issuer, paid; again changes nothing

The register stands as issuing left it, written in bulk. Every third holder lives where the series pays a margin.

    python -m tests.coupons_kit URL SERIES KILL

serves the coupon; at the KILL-th crash point that it comes by, it kills itself (0: never).
"""

import itertools
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial

import sqlalchemy as sa

from api.migrations import load_metadata
from contracts import moves
from contracts.bonds import queries, runs
from contracts.bonds.lifecycle import ALLOTTED, ISSUED, OPENED, SERIES
from contracts.bonds.model import RunState
from contracts.bonds.service import draft_series
from contracts.bonds.terms import from_template
from contracts.dispatch import BANK_HOOKS
from contracts.parties import tables as parties
from contracts.parties.model import Attribute, LegalIdentity
from contracts.parties.service import register_legal
from ledger import crash
from ledger.accounts import AccountRef
from ledger.book import Book, UnitOfWork, open_book
from ledger.clock import FixedClock
from ledger.journal import JournalEntry, Posting
from ledger.payments.bank import configure_bank
from ledger.payments.model import Mode
from ledger.payments.queries import payments_for, still_to_pay
from ledger.payments.service import configure_payments
from ledger.payments.statements import import_statement_file
from ledger.storage import bulk
from ledger.storage.engine import open_engine
from tests.bankfiles_kit import HOLDER, camt, paid
from tests.conftest import make_book, make_keys
from tests.payout_kit import give_accounts

ISSUED_ON, PAID_ON = date(2026, 5, 25), date(2026, 11, 25)
NOON = datetime(2026, 11, 25, 11, tzinfo=UTC)
BATCH = 500
_TEXTS = {"fr": "Un toit.", "nl": "Een dak.", "en": "A roof."}


@dataclass(frozen=True, slots=True)
class CouponTown:
    """A book with a running series, and its holders by the order in which they were registered."""

    book: Book
    series_id: str
    names: Mapping[str, str]


def coupon_town(engine: sa.Engine, holders: int) -> CouponTown:
    """A book in which one series runs that so many hold, from one to nine units each."""
    book = make_book(engine, FixedClock(NOON))
    with book.unit_of_work(actor="kit") as uow:
        configure_payments(
            uow, public_url="https://town.example", webhook_url="https://town.example/hook", mode=Mode.TEST
        )
        configure_bank(uow, HOLDER)
        issuer = register_legal(
            uow, LegalIdentity("Etterbeek", "commune", "0403.199.702", "Zoé Dubois", "e@firms.example", "fr")
        )
        series_id = _series(uow, issuer, holders)
    tokens: list[str] = []
    for first in range(0, holders, BATCH):
        with book.unit_of_work(actor="kit") as uow:
            tokens += _holders(uow, range(first, min(first + BATCH, holders)))
    asset = f"BOND-{series_id.upper()}"
    for first in range(0, holders, BATCH):
        with book.unit_of_work(actor="kit") as uow:
            for n, token in enumerate(tokens[first : first + BATCH], first):
                uow.post(_entry(issuer, token, 1 + n % 9, asset))
    names = {token: f"holder {n}" for n, token in enumerate(tokens)}
    return CouponTown(book, series_id, names | {issuer: "issuer", series_id: "series"})


def serve_coupon(book: Book, series_id: str) -> bool:
    """The coupon from the record date to the last holder's credit; whether there was anything left to do."""
    with book.read() as connection:
        known = queries.runs(connection, book.book_id, series_id)
    if "c1" not in known:
        plan_coupon(book, series_id)
    fund_coupon(book, series_id)
    with book.read() as connection:
        _, state = queries.run_of(connection, book.book_id, series_id, "c1")
    if state is RunState.PAID:
        return False
    runs.pay_run(book, series_id, "c1", on=PAID_ON, actor="kit")
    return True


def plan_coupon(book: Book, series_id: str) -> None:
    """The register is frozen into lines, and the issuer is asked."""
    with book.unit_of_work(actor="kit") as uow:
        runs.plan_run(uow, series_id, "c1", on=PAID_ON)


def fund_coupon(book: Book, series_id: str) -> None:
    """The bank books what the issuer was asked for; done before, it changes nothing."""
    with book.read() as connection:
        asked = still_to_pay(payments_for(connection, book.book_id, f"run:{series_id}:c1"), by_transfer=True)
    if asked is not None:
        line = paid(asked.amount_cents, "LINE-1", reference=asked.structured_reference)
        import_statement_file(book, camt(line, opening=0), hooks=BANK_HOOKS)


def _series(uow: UnitOfWork, issuer: str, holders: int) -> str:
    terms = from_template(
        "etterbeek",
        issuer=issuer,
        title="Un toit",
        commune="Etterbeek",
        residents="Etterbeek",
        pitch=_TEXTS,
        use_of_funds=_TEXTS,
        risks=_TEXTS,
        nominal_cents=10_000,
        units=10 * holders,
        minimum_units=1,
        ceiling_units=10 * holders,
        coupons=[{"from_n": 1, "rate_annual": "0.0394"}],
        opens_on="2026-05-04",
        closes_on="2026-05-11",
        issued_on=ISSUED_ON.isoformat(),
        matures_on="2027-05-25",
    )
    series_id = draft_series(uow, terms, on=date(2026, 5, 1))
    uow.open_asset(queries.series_record(uow.connection, uow.book_id, series_id).series.asset)
    for event in (OPENED, ALLOTTED, ISSUED):
        moves.record_move(uow, SERIES, series_id, event, on=ISSUED_ON, facts={"seed": ""})
    return series_id


def _holders(uow: UnitOfWork, numbers: range) -> list[str]:
    """Citizens as a coupon and a payout read them: parties with tax status and account, every third with a commune."""
    tokens, now = [uow.new_id("c") for _ in numbers], uow.now()
    stated = [(token, Attribute.HOLDER_KIND, "resident-individual") for token in tokens]
    at_home = [token for n, token in zip(numbers, tokens, strict=True) if n % 3 == 0]
    stated += [(token, Attribute.COMMUNE, "Etterbeek") for token in at_home]
    sealed = uow.keys.seal_many(uow, [(token, json.dumps(value).encode()) for token, _, value in stated])
    people = [(token, "natural", now, "kit") for token in tokens]
    attributes = [
        (token, name.value, "", 1, secret, date(2025, 1, 1), "eid", now, "kit")
        for (token, name, _), secret in zip(stated, sealed, strict=True)
    ]
    columns = ("party_id", "name", "about", "seq", "sealed", "valid_from", "evidence", "recorded_at", "actor")
    insert = partial(bulk.insert_rows, uow.connection)
    insert(parties.party, uow.book_id, ("party_id", "kind", "registered_at", "actor"), people)
    insert(parties.party_attribute, uow.book_id, columns, attributes)
    give_accounts(uow, numbers, tokens)
    return tokens


def _entry(issuer: str, holder: str, units: int, asset: str) -> JournalEntry:
    legs = (
        Posting(AccountRef("010000", holder, asset), units, 0),
        Posting(AccountRef("011000", issuer, asset), 0, units),
    )
    return JournalEntry(f"open:{holder}", ISSUED_ON, "test", legs)


def main() -> None:
    """The coupon in the book at an address."""
    url, series_id, kill_at = sys.argv[1], sys.argv[2], int(sys.argv[3])
    passed = itertools.count(1)

    def reach(point: str) -> None:
        if next(passed) == kill_at:
            sys.stdout.write(point)
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    crash.reach = reach
    load_metadata()
    serve_coupon(open_book(open_engine(url), "main", clock=FixedClock(NOON), keys=make_keys()), series_id)


if __name__ == "__main__":
    main()
