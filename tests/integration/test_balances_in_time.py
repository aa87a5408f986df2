"""What a balance on a day as known at an entry reads: index ranges, however long the account's history is."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa

from ledger import dated
from ledger.accounts import AccountRef
from ledger.balances import balance, known_at_instant, statement
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.dated import check_known_at
from ledger.errors import Refusal
from ledger.facts import PeriodClose
from tests.conftest import NOON
from tests.entries import BANK, paid

DAYS, A_DAY = 120, 10
FIRST = date(2026, 3, 2)
BIG = ("posting", "entry")


def fill(book: Book, clock: FixedClock) -> dict[date, int]:
    """Four months of a busy account, closed by the month, some late, some ahead; the last entry of each day."""
    last = {}
    for day in range(DAYS):
        on = FIRST + timedelta(days=day)
        clock.instant = NOON + timedelta(days=day)
        with book.unit_of_work(actor="s1") as unit:
            if on.day == 6:
                unit.post(PeriodClose(f"period:{on}", on - timedelta(days=6)))
            for number in range(A_DAY):
                shift = {0: -20, 1: 50}.get(number, 0)
                unit.post(paid(f"p{day}-{number}", 1 + number, on=on + timedelta(days=shift)))
        last[on] = unit.results[-1].n
    return last


@contextmanager
def plans_of(connection: sa.Connection) -> Iterator[list[str]]:
    """The plans of the statements that are run inside."""
    ran: list[tuple[str, object]] = []

    def note(_connection, _cursor, text, parameters, *_rest):
        ran.append((text, parameters))

    plans: list[str] = []
    sa.event.listen(connection, "before_cursor_execute", note)
    yield plans
    sa.event.remove(connection, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    for text, parameters in ran:
        rows = connection.exec_driver_sql(explain + text, parameters)
        plans.append("\n".join(str(row[-1]) for row in rows))


def scanned(plan: str) -> list[str]:
    """The large tables that a plan reads from end to end."""
    found = re.findall(r"SCAN (\w+)|Seq Scan on (\w+)", plan)
    return [table for pair in found for table in pair if table in BIG]


@pytest.fixture
def long(book: Book, clock: FixedClock) -> tuple[Book, dict[date, int]]:
    last = fill(book, clock)
    if book.engine.dialect.name == "postgresql":
        with book.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
    return book, last


def test_every_read_of_a_balance_is_a_range_of_an_index(long) -> None:
    book, last = long
    day = FIRST + timedelta(days=DAYS // 2)
    ref = AccountRef(BANK)
    with book.read() as connection, plans_of(connection) as plans:
        for on in (None, FIRST, day, day + timedelta(days=70)):
            for known_at in (None, last[FIRST], last[day], last[max(last)]):
                balance(connection, book.book_id, ref, on=on, known_at=known_at)
        statement(connection, book.book_id, ref, known_at=last[day], after_seq=300, limit=5)
        known_at_instant(connection, book.book_id, NOON + timedelta(days=9))
    assert len(plans) > 40
    assert [(plan, scanned(plan)) for plan in plans if scanned(plan)] == []
    assert any("posting_effective" in plan for plan in plans)
    assert any("posting_late" in plan for plan in plans)


def test_a_plan_that_reads_a_whole_table_is_told_from_one_that_does_not(long) -> None:
    book, _ = long
    with book.read() as connection, plans_of(connection) as plans:
        connection.execute(sa.text("SELECT sum(debit) FROM posting"))
        connection.execute(sa.text("SELECT n FROM entry WHERE book_id = 'main' AND n = 7"))
    assert [scanned(plan) for plan in plans] == [["posting"], []]


def test_an_instant_stands_for_the_last_entry_booked_at_or_before_it(long) -> None:
    book, last = long
    with book.read() as connection:
        for day in (0, 1, 77, DAYS - 1):
            instant, on = NOON + timedelta(days=day), FIRST + timedelta(days=day)
            assert known_at_instant(connection, book.book_id, instant) == last[on]
            before = last[on - timedelta(days=1)] if day else -1
            assert known_at_instant(connection, book.book_id, instant - timedelta(microseconds=1)) == before
        assert known_at_instant(connection, book.book_id, datetime.max.replace(tzinfo=NOON.tzinfo)) == max(
            last.values()
        )
        assert known_at_instant(connection, "nowhere", NOON) == -1


def test_what_is_known_at_an_entry_that_is_not_booked_yet_is_not_asked(sqlite_book: Book) -> None:
    with sqlite_book.read() as connection:
        check_known_at(connection, "main", 0)
        for number in (-1, 1):
            with pytest.raises(Refusal) as refused:
                check_known_at(connection, "main", number)
            assert refused.value == Refusal("known-at-not-reached", known_at=number, last_entry=0)


def test_a_database_that_cannot_skip_in_an_index_goes_day_by_day_to_the_same_balances(long, monkeypatch) -> None:
    book, last = long
    ref = AccountRef(BANK)
    asked = [(day, last[known]) for day in last for known in list(last)[::17]]
    with book.read() as connection:
        found = {}
        for skips in (True, False):
            monkeypatch.setattr(dated, "skips_in_indexes", lambda _, skips=skips: skips)
            found[skips] = [balance(connection, book.book_id, ref, on=on, known_at=n) for on, n in asked]
    assert found[True] == found[False]
    assert len(set(found[True])) > DAYS
