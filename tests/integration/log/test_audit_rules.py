"""An operator who holds every key can seal what the rules forbid; the audit derives the rules and finds it.

Each case switches one rule of the decision off, enters what it forbids in a copy without triggers, with commitments,
leaves and blocks that fit, and audits the copy.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger import judge, posting, reading
from ledger.accounts import AccountRef, chart_row
from ledger.audit.drill import copy_book
from ledger.audit.rows import audit_rows
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.facts import Hold, PeriodClose, Release, ReleaseKind, RuleChange
from ledger.judge import Accepted, Judge, Scratch
from ledger.storage import bulk, tables
from tests.conftest import MakeEngine, make_book
from tests.entries import BANK, back, entry, paid
from tests.full_book import EVIDENCE, LOAN, enter, fill_full_book
from tests.full_book import full_book as full_book
from tests.full_book import full_sqlite_book as full_sqlite_book

Patch = pytest.MonkeyPatch


@pytest.fixture
def copy(full_sqlite_book: Book, tmp_path: Path) -> Iterator[Book]:
    engine = copy_book(full_sqlite_book, tmp_path / "copy.sqlite3")
    yield Book(engine, "main", full_sqlite_book.clock, full_sqlite_book.keys)
    engine.dispose()


def no_limits(patch: Patch, _book: Book) -> None:
    patch.setattr(judge, "check_limits", lambda account: None)


def never_late(patch: Patch, _book: Book) -> None:
    patch.setattr(Judge, "_lateness", lambda self, entry: None)


def always_expired(patch: Patch, _book: Book) -> None:
    def release(self: Judge, item: Release, body_hash: bytes) -> Accepted:
        hold = self._open_hold(item.hold)
        accepted = Accepted(item, body_hash, names=hold.place)
        self._step(hold, accepted, item.kind.value)
        return accepted

    patch.setattr(Judge, "_release", release)


def holds_never_expire(patch: Patch, _book: Book) -> None:
    open_hold = Judge._open_hold

    def forgetful(self: Judge, key: str) -> Any:
        hold = open_hold(self, key)
        hold.expires_at = None
        return hold

    patch.setattr(Judge, "_open_hold", forgetful)


def holds_never_end(patch: Patch, _book: Book) -> None:
    read = reading.read_holds

    def reopened(*arguments: Any) -> Any:
        return {key: replace(hold, is_open=True) for key, hold in read(*arguments).items()}

    patch.setattr(reading, "read_holds", reopened)


def holds_reserve_more(patch: Patch, _book: Book) -> None:
    read = reading._read_reserved
    patch.setattr(
        reading,
        "_read_reserved",
        lambda *a: {n: type(held)({k: v * 2 for k, v in held.items()}) for n, held in read(*a).items()},
    )


def any_reversal(patch: Patch, _book: Book) -> None:
    patch.setattr(Judge, "_check_reversal", lambda self, entry: self._state.targets[entry.reverses].n)


def any_period(patch: Patch, book: Book) -> None:
    patch.setattr(book.clock, "business_date", date(2026, 12, 31))


def kept_balances_are_wrong(patch: Patch, _book: Book) -> None:
    insert = bulk.insert_rows

    def one_more(connection: Any, table: sa.Table, book_id: str, columns: Any, rows: Any, **more: Any) -> None:
        if table is tables.period_balance:
            rows = [(*row[:-1], row[-1] + 1) for row in rows]
        insert(connection, table, book_id, columns, rows, **more)

    patch.setattr(posting.bulk, "insert_rows", one_more)


def closing_needs_no_zero(patch: Patch, _book: Book) -> None:
    def change(self: Judge, item: RuleChange, body_hash: bytes) -> Accepted:
        account: Scratch = self._account(item.account)
        self._remember(account)
        account.minimum, account.maximum, account.closed = item.minimum, item.maximum, item.closed
        account.version += 1
        return Accepted(item, body_hash, [account], version=account.version)

    patch.setattr(Judge, "_change_rule", change)


def closed_accounts_are_open(patch: Patch, _book: Book) -> None:
    account = Judge._account

    def opened(self: Judge, ref: AccountRef) -> Scratch:
        scratch = account(self, ref)
        scratch.closed = False
        return scratch

    patch.setattr(Judge, "_account", opened)


NOW = date(2026, 4, 3)
C18, X1 = AccountRef("489100", "c18"), AccountRef("499100", "x1")
FORBIDDEN: dict[str, tuple[Callable[[Patch, Book], None], list[Any], str]] = {
    "a balance below its floor": (no_limits, [back("f", 99_000_000, on=NOW)], "limits"),
    "a hold beyond a floor": (no_limits, [Hold(back("f", 99_000_000, on=NOW))], "limits"),
    "limits that exclude the balance": (no_limits, [RuleChange("f", C18, None, -99_000_000)], "limits"),
    "a late entry that does not say so": (never_late, [paid("f", 1, on=date(2026, 3, 1))], "details"),
    "a hold in a closed period": (never_late, [Hold(paid("f", 1, on=date(2026, 3, 1)))], "effective_on"),
    "a hold that expired too early": (always_expired, [Release("f", "h-open", ReleaseKind.EXPIRED)], "kind"),
    "a hold that was posted after its end": (
        holds_never_end,
        [back("f", 10, on=NOW, settles="h-void")],
        "hold_n",
    ),
    "a hold that was posted after it expired": (
        holds_never_expire,
        [back("f", 10, on=NOW, settles="h-late")],
        "expires_at",
    ),
    "a hold that was overdrawn": (holds_reserve_more, [back("f", 1_500, on=NOW, settles="h-open")], "debit and credit"),
    "a reversal that is no mirror": (any_reversal, [back("f", 1, on=NOW, reverses="p1")], "reverses"),
    "a period that was not over": (any_period, [PeriodClose("f", date(2026, 11, 30))], "until_on"),
    "kept balances that are not the sums": (kept_balances_are_wrong, [PeriodClose("f", date(2026, 4, 1))], "posted"),
    "an account closed with money in it": (
        closing_needs_no_zero,
        [RuleChange("f", C18, None, None, closed=True)],
        "closed",
    ),
    "a posting to a closed account": (
        closed_accounts_are_open,
        [entry("f", (BANK, 1, 0), (str(X1), 0, 1), on=NOW)],
        "limits",
    ),
}


@pytest.mark.parametrize("name", FORBIDDEN)
@pytest.mark.parametrize("commitments", [True, False], ids=["full", "sums"])
def test_what_the_rules_forbid_is_found_though_every_hash_fits(
    copy: Book, monkeypatch: Patch, name: str, *, commitments: bool
) -> None:
    instant: datetime = copy.clock.instant
    enter(copy, Hold(back("h-late", 50, on=NOW), instant + timedelta(hours=1)))
    copy.clock.instant = instant + timedelta(hours=2)
    assert audit_rows(copy, commitments=commitments).failure is None
    switch_off, items, column = FORBIDDEN[name]
    with monkeypatch.context() as patch:
        switch_off(patch, copy)
        enter(copy, *items)
    failed = [check for check in audit_rows(copy, commitments=commitments).checks if not check.passed]
    assert column in {check.facts.get("column") for check in failed}, failed


def test_a_trading_account_that_moves_one_asset_only_is_found(full_sqlite_book: Book, monkeypatch: Patch) -> None:
    def trading(code: str) -> Any:
        return replace(chart_row(code), exchange=code == BANK)

    with monkeypatch.context() as patch:
        patch.setattr("ledger.audit.rows.accounts.chart_row", trading)
        patch.setattr(judge, "chart_row", trading)
        assert audit_rows(full_sqlite_book).failure.code == "exchange-pair-incomplete"


def test_the_same_without_the_rules_switched_off_passes(copy: Book) -> None:
    enter(copy, paid("f", 1), Hold(back("g", 10, on=NOW)), RuleChange("r", C18, None, 800_000, evidence=EVIDENCE))
    enter(
        copy,
        back("p6:back", 900, reverses="p6"),
        entry("n", ("020000:c17", 1, 0, LOAN.code), ("021000:e1", 0, 1, LOAN.code)),
    )
    enter(copy, PeriodClose("c", date(2026, 4, 1)))
    assert audit_rows(copy).failure is None


ALTERED = {  # seen by the fast level, or only by commitments, bodies and digests
    "posting SET debit = debit + 1 WHERE n = 4 AND debit > 0": True,
    "posting SET balance_after = balance_after + 1 WHERE n = 4": True,
    "posting SET seq = seq + 100 WHERE n = 4": True,
    "posting SET effective_on = '2026-03-03' WHERE n = 4": True,
    "posting SET restates = '2026-02-28' WHERE n = 4": True,
    "entry SET leaf = zeroblob(32) WHERE n = 4": True,
    "entry SET bytes = zeroblob(32) WHERE n = 4": True,
    "entry SET lines = 4 WHERE n = 4": True,
    "entry SET details = NULL WHERE details IS NOT NULL AND type = 'posting/1' AND n > 20": True,
    "block SET root = zeroblob(32) WHERE block = 3": True,
    "block SET hash = zeroblob(32) WHERE block = 3": True,
    "request SET outcome = '{}'": True,
    "balance SET posted = posted + 1": True,
    "balance SET held_debit = held_debit + 1": True,
    "head SET last_hash = zeroblob(32)": True,
    "hold_step SET kind = 'part'": True,
    "period_balance SET posted = posted + 1": True,
    "account_rule SET version = 9 WHERE version = 2": True,
    "entry SET purpose = 'other' WHERE n = 4": False,
    "entry SET body_hash = zeroblob(32) WHERE n = 4": False,
    "posting SET commitment = zeroblob(32) WHERE n = 4 AND line = 1": False,
    "finding SET body = '{}'": False,
}


@pytest.mark.parametrize("change", ALTERED)
def test_the_fast_level_sees_sums_balances_leaves_and_blocks_and_the_full_level_the_rest(
    copy: Book, change: str
) -> None:
    with copy.engine.begin() as connection:
        assert connection.exec_driver_sql(f"UPDATE {change}").rowcount
    assert (audit_rows(copy, commitments=False).failure is not None) == ALTERED[change]
    assert audit_rows(copy).failure is not None


def test_the_fast_level_passes_a_full_book_on_both_databases_and_says_what_it_left_out(full_book: Book) -> None:
    report = audit_rows(full_book, commitments=False)
    assert report.failure is None
    assert any("no line was opened" in sentence for sentence in report.not_checked)
    assert report.figures == audit_rows(full_book).figures


@pytest.mark.postgresql
def test_an_audit_that_stops_early_leaves_a_servers_connection_usable(
    make_engine: MakeEngine, clock: FixedClock
) -> None:
    book = make_book(make_engine("postgresql"), clock)
    fill_full_book(book)
    for _ in range(3):
        with book.engine.connect() as connection, connection.begin() as transaction:
            connection.exec_driver_sql("ALTER TABLE balance DISABLE TRIGGER ALL")
            connection.exec_driver_sql("UPDATE balance SET version = version + 1 WHERE account_id > 1")
            assert len(audit_rows(_Within(book, connection), max_failures=2).checks) == 2
            transaction.rollback()
    assert audit_rows(book).failure is None


class _Within(Book):
    """The book as one connection sees it."""

    def __init__(self, book: Book, connection: sa.Connection) -> None:
        super().__init__(book.engine, book.book_id, book.clock, book.keys)
        object.__setattr__(self, "_connection", connection)

    def read(self) -> Any:
        return nullcontext(self._connection)
