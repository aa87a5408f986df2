"""A small company's year in euro, small enough to follow by hand, and short ways to read its statements."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

from ledger import approvals
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.money import Asset
from ledger.reports import BalanceSheet, IncomeStatement, balance_sheet, income_statement
from ledger.rubrics import Row
from ledger.years import close_year, open_year, request_year_close
from tests.entries import entry, post

FIRST, LAST, NEXT = date(2025, 1, 1), date(2025, 12, 31), date(2026, 1, 1)
LOAN = Asset("LOAN-L1", 2)

# what each key says; amounts in cents
YEAR = [
    entry("capital", ("550200", 10_000_00, 0), ("100000", 0, 8_000_00), ("140000", 0, 2_000_00), on=date(2025, 1, 2)),
    entry("desk", ("240000", 600_00, 0), ("550200", 0, 600_00), on=date(2025, 1, 15)),
    entry("fee", ("400000:e5", 1_210_00, 0), ("704000", 0, 1_000_00), ("451000", 0, 210_00), on=date(2025, 3, 10)),
    entry("rent", ("610000", 300_00, 0), ("411000", 63_00, 0), ("440000:x1", 0, 363_00), on=date(2025, 4, 1)),
    entry("charges", ("657000", 20_00, 0), ("550200", 0, 20_00), on=date(2025, 5, 5)),
    entry("client-money", ("550100", 500_00, 0), ("489100:c17", 0, 500_00), on=date(2025, 6, 1)),
    entry("paid-too-much", ("550200", 50_00, 0), ("400000:e6", 0, 50_00), on=date(2025, 7, 1)),
    entry("paid-twice", ("440000:x2", 30_00, 0), ("550200", 0, 30_00), on=date(2025, 7, 2)),
    entry("overdraft", ("650000", 70_00, 0), ("550300", 0, 70_00), on=date(2025, 8, 1)),
    entry("gain", ("550200", 10_00, 0), ("763000", 0, 10_00), on=date(2025, 9, 1)),
    entry("claim", ("020000:c17", 400, 0, "LOAN-L1"), ("021000:e5", 0, 400, "LOAN-L1"), on=date(2025, 9, 2)),
    entry("called", ("030100", 5_00, 0), ("031100", 0, 5_00), on=date(2025, 10, 1)),
    entry("depreciation", ("630000", 120_00, 0), ("240900", 0, 120_00), on=LAST),
    entry("tax", ("670000", 100_00, 0), ("450000", 0, 100_00), on=LAST),
]


def keep_books(book: Book) -> None:
    """Post the year."""
    with book.unit_of_work(actor="s1") as unit:
        unit.open_asset(LOAN)
    post(book, *YEAR)


def go_to(clock: FixedClock, day: date) -> None:
    """Make it noon of that day."""
    clock.instant = datetime(day.year, day.month, day.day, 11, 0, tzinfo=UTC)


def sheet_on(book: Book, on: date) -> BalanceSheet:
    with book.read() as connection:
        return balance_sheet(connection, book.book_id, on=on)


def income_of(book: Book, since: date = FIRST, until: date = LAST) -> IncomeStatement:
    with book.read() as connection:
        return income_statement(connection, book.book_id, since=since, until=until)


def amounts(rows: Iterable[Row]) -> dict[str, int]:
    """The lines that hold an amount."""
    return {row.code: row.amount_cents for row in rows if row.amount_cents}


def ask_to_close(book: Book, ends_on: date = LAST, *, asked_by: str = "s1", approved_by: str | None = "s2") -> str:
    """Ask for the closing, and have it approved."""
    with book.unit_of_work(actor=asked_by) as unit:
        approval_id = request_year_close(unit, ends_on=ends_on, reason="the accounts are ready")
    if approved_by is not None:
        with book.unit_of_work(actor=approved_by) as unit:
            approvals.approve(unit, approval_id)
    return approval_id


def close(book: Book, ends_on: date = LAST, approval_id: str | None = None) -> list[tuple[str, bool]]:
    """Close; the key of each entry and whether it stood before."""
    approval_id = approval_id or ask_to_close(book, ends_on)
    with book.unit_of_work(actor="s1") as unit:
        keys = close_year(unit, ends_on=ends_on, approval_id=approval_id)
    assert [result.key for result in unit.results] == keys
    return [(result.key, result.duplicate) for result in unit.results]


def open_next(book: Book, starts_on: date = NEXT) -> list[tuple[str, bool]]:
    """Open; the key of each entry and whether it stood before."""
    with book.unit_of_work(actor="s1") as unit:
        open_year(unit, starts_on=starts_on)
    return [(result.key, result.duplicate) for result in unit.results]
