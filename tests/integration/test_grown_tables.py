"""Posting, sealing and reading cost the same in a grown book as in a young one, by what the database does, not by time.

On SQLite every statement's plan is read, and the steps of its machine are counted, triggers included; on PostgreSQL
the rows that each database transaction has read are counted, after statements have been prepared and planned for any
values. A search by the book alone is a scan of the book.
"""

import re
from collections import Counter
from collections.abc import Callable
from datetime import date

import pytest
import sqlalchemy as sa

from ledger import balances, requests
from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.facts import Finding, Hold, Note, PeriodClose, Release, ReleaseKind, rule_change
from ledger.posting import post_requests
from ledger.state import Request
from ledger.storage.engine import write_transaction
from tests.conftest import NOON, make_book
from tests.entries import BANK, back, paid, post

YOUNG, GROWN = 150, 3_000
BATCH = 10
TURNS = 14  # prepared after five, planned for any values after five more
SMALL = {"head", "h", "book", "business_date", "d", "period", "asset"}
"""Tables of which a book has few rows, however long it lives."""
FEW_ROWS = 400
"""What a batch of ten requests or a page of a statement may read, of all tables together."""


def grow(engine: sa.Engine, entries: int) -> Book:
    """A book with so many citizens, holds, notes, limits and kept answers, and one account that is in every entry."""
    book = make_book(engine, FixedClock(NOON))
    for first in range(0, entries, 500):
        numbers = range(first, min(first + 500, entries))
        batch = [Request([paid(f"k{i}", 10, citizen=f"c{i}")], f"r{i}", "s1", bytes(32)) for i in numbers]
        batch += [Request([Hold(back(f"h{i}", 1, citizen=f"c{i}"))]) for i in numbers if i % 5 == 0]
        batch += [Request([Release(f"v{i}", f"h{i}", ReleaseKind.VOID)]) for i in numbers if i % 10 == 0]
        batch += [Request([Note(f"n{i}", f"k{i}", "seen")]) for i in numbers if i % 5 == 0]
        put(book, batch)
    post(book, PeriodClose("p1", date(2026, 1, 31)))
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")
    return book


def put(book: Book, batch: list[Request]) -> None:
    with write_transaction(book.engine) as connection:
        post_requests(connection, book.book_id, batch, clock=book.clock, keys=book.keys)


def batch_of(turn: int) -> list[Request]:
    """One of everything, of a citizen who is new and of one who is not."""
    key, citizen = f"t{turn}", f"c{turn}"
    return [
        Request([paid(f"{key}-1", 5, citizen=f"c-{key}")], f"r-{key}", "s1", bytes(32)),
        Request([paid(f"{key}-2", 5, citizen=citizen), paid(f"k{turn}", 10, citizen=citizen)]),
        Request([back(f"{key}-3", 10, citizen=f"c{5 * turn + 41}", reverses=f"k{5 * turn + 41}")]),
        Request([Hold(back(f"{key}-4", 2, citizen=citizen))]),
        Request([back(f"{key}-5", 1, citizen=f"c{5 + 10 * turn}", settles=f"h{5 + 10 * turn}")]),
        Request([Note(f"{key}-6", f"k{turn}", "seen again")]),
        Request([rule_change(f"{key}-7", AccountRef("489100", citizen), floor=-5, ceiling=10**6)]),
        Request([Finding(f"{key}-8", "state/1", [{"rows": turn}])]),
        Request([paid(f"{key}-9", 5, citizen=citizen, on=date(2026, 1, 15))]),
        Request([back(f"{key}-10", 10**9, citizen=citizen)], f"r-{key}-10", "s1", bytes(32)),
    ]


def read(connection: sa.Connection, turn: int) -> None:
    """What pages and the API ask of one account, one entry or one request."""
    citizen = AccountRef("489100", f"c{turn}")
    assert balances.balance(connection, "main", citizen) < 0
    assert balances.balance(connection, "main", citizen, on=NOON.date()) < 0
    assert balances.balance(connection, "main", AccountRef(BANK)) > 0
    assert len(balances.statement(connection, "main", AccountRef(BANK), after_seq=80, limit=20)) == 20
    assert balances.entry_by_key(connection, "main", f"k{turn}") is not None
    assert len(balances.entries(connection, "main", first_n=100, limit=10)) == 10
    assert len(balances.entries(connection, "main", limit=10, newest_first=True)) == 10
    assert requests.recall(connection, "main", f"r{turn}", actor="s1", body_hash=bytes(32))


def do(book: Book, name: str, turn: int, look: Callable[[sa.Connection], Counter] = lambda _: Counter()) -> Counter:
    """Post or read; returns by how much it has changed what `look` sees."""
    if name == "post":
        with write_transaction(book.engine) as connection:
            before = look(connection)
            results = post_requests(connection, "main", batch_of(turn), clock=book.clock, keys=book.keys)
            assert [isinstance(result, list) for result in results] == [True] * (BATCH - 1) + [False]
            return look(connection) - before
    with book.read() as connection:
        before = look(connection)
        read(connection, turn)
        return look(connection) - before


@pytest.mark.parametrize("name", ["post", "read"])
def test_on_sqlite_no_plan_scans_a_table_or_a_book(make_engine, name: str) -> None:
    book = grow(make_engine("sqlite"), YOUNG)
    statements: list[str] = []
    with book.engine.connect() as connection:
        driver = connection.connection.driver_connection
    driver.set_trace_callback(statements.append)  # the pool gives this connection again
    do(book, name, 3)
    driver.set_trace_callback(None)
    # the plan of an INSERT is what foreign keys would ask if something were owed; what they do ask is counted below
    shown = [s for s in statements if re.match(r"\s*(SELECT|UPDATE|WITH)", s)]
    assert len(shown) > 8
    plans = {(row[3], s[:200]) for s in shown for row in driver.execute(f"EXPLAIN QUERY PLAN {s}")}
    assert [plan for plan in plans if is_scan(plan[0])] == []


def is_scan(detail: str) -> bool:
    """Whether a step of a plan reads a whole table, or all that a book has in it."""
    if "VIRTUAL TABLE" in detail or "CONSTANT ROW" in detail:
        return False
    searched = re.match(r"SEARCH (\w+) USING .*\(book_id=\?\)$", detail)
    return detail.startswith("SCAN") or (searched is not None and searched[1] not in SMALL)


@pytest.mark.parametrize("name", ["post", "read"])
def test_on_sqlite_a_grown_book_takes_as_many_steps_as_a_young_one(make_engine, name: str) -> None:
    """The trigger that seals is part of it; a tree that is one level higher is allowed for."""
    young, grown = (steps(grow(make_engine("sqlite"), entries), name) for entries in (YOUNG, GROWN))
    assert grown <= young * 1.1


def steps(book: Book, name: str) -> int:
    """Instructions of SQLite's machine, in tens."""
    counted = [0]

    def count() -> int:
        counted[0] += 1
        return 0

    with book.engine.connect() as connection:
        driver = connection.connection.driver_connection
    driver.set_progress_handler(count, 10)
    do(book, name, 3)
    driver.set_progress_handler(None, 10)
    assert counted[0] > 100
    return counted[0]


@pytest.mark.postgresql
@pytest.mark.parametrize("name", ["post", "read"])
def test_on_postgresql_a_batch_or_a_page_finds_its_rows_by_index(make_engine, name: str) -> None:
    """As in tables too large to be worth reading through, which the planner prefers where it can still afford it."""
    engine = make_engine("postgresql")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} SET enable_seqscan = off")
    engine.dispose()
    book = grow(engine, GROWN)
    for turn in range(1, TURNS):
        counted = do(book, name, turn, rows_read)
    assert {table: rows for (table, way), rows in counted.items() if way == "through" and table not in SMALL} == {}
    assert counted["entry", "by index"] > 5
    assert counted.total() < FEW_ROWS, counted


@pytest.mark.postgresql
def test_on_postgresql_statistics_from_when_the_book_was_young_do_no_harm(make_engine) -> None:
    book = grow(make_engine("postgresql"), YOUNG)
    put(book, [Request([paid(f"more{i}", 10, citizen=f"c-more{i}")]) for i in range(GROWN)])
    for turn in range(1, TURNS):
        counted = do(book, "post", turn, rows_read)
    assert {table: rows for (table, way), rows in counted.items() if way == "through" and rows > FEW_ROWS} == {}


@pytest.mark.postgresql
def test_on_postgresql_plans_made_before_anybody_has_analysed_the_tables_do_no_harm(make_engine) -> None:
    """The planner then takes a book for a two-hundredth of its tables, and would rather read all of it than search."""
    book = make_book(make_engine("postgresql"), FixedClock(NOON))
    put(book, [Request([paid(f"k{i}", 10, citizen=f"c{i}")], f"r{i}", "s1", bytes(32)) for i in range(4 * YOUNG)])
    for turn in range(TURNS):
        again = Request([paid(f"t{turn}", 5, citizen=f"c{turn}")], f"rt{turn}", "s1", bytes(32))
        with write_transaction(book.engine) as connection:
            before = rows_read(connection)
            post_requests(connection, book.book_id, [again], clock=book.clock, keys=book.keys)
            counted = rows_read(connection) - before
    assert counted["account", "by index"] >= 2
    assert counted.total() < FEW_ROWS / BATCH, counted


def rows_read(connection: sa.Connection) -> Counter:
    """By table, the rows read from beginning to end and those found by an index, so far."""
    query = "SELECT relname, coalesce(seq_tup_read, 0), coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables"
    rows = connection.exec_driver_sql(query).all()
    return Counter({(row[0], "through"): row[1] for row in rows} | {(row[0], "by index"): row[2] for row in rows})
