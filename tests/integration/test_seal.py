"""Attacks on the record by SQL alone, past this program: each is refused by the database, on both databases.

The fixture's oracle audits the book after every test, so a refused attack has also changed nothing.
"""
# ruff: noqa: E501 -- tables of cases read best one row a case

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from ledger import approvals
from ledger.book import Book
from ledger.decide import decide
from ledger.lines import seal_block
from ledger.posting import post_entries, write_decision
from ledger.reading import lock_and_read, state_of, subject_keys_of
from ledger.state import Decision, Request
from ledger.storage import bulk, tables
from ledger.storage.base import MUTABLE_RECORD_TABLES, RECORD_TABLES, metadata
from ledger.storage.engine import write_transaction
from tests.entries import back, paid, post

CORE = sorted(t.name for t in vars(tables).values() if isinstance(t, sa.Table) and t.name in RECORD_TABLES)
REFUSED = (sa.exc.IntegrityError, sa.exc.InternalError)


@pytest.fixture
def full_book(book: Book) -> Book:
    """A book with rows in every record table of the ledger."""
    post(book, paid("k1", 100), paid("k2", 50, citizen="c18"))
    post(book, back("k3", 50, citizen="c18", reverses="k2"))
    with book.unit_of_work(actor="s1") as unit:
        unit.emit("topic", "key", {"a": 1})
        approval_id = approvals.request(unit, action="act", body={"a": 1}, reason="because")
        unit.remember("r1", body_hash=bytes(32), outcome={"a": 1})
    with book.unit_of_work(actor="s2") as unit:
        approvals.approve(unit, approval_id)
    return book


def attack(book: Book, *statements: str) -> None:
    """Run the statements in one database transaction; they or the commit must be refused."""
    with pytest.raises(REFUSED), book.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize("table", CORE)
def test_no_row_of_the_record_is_changed_or_deleted(full_book: Book, table: str) -> None:
    with full_book.read() as connection:
        assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
    column = list(metadata.tables[table].columns)[-1].name
    attack(full_book, f"UPDATE {table} SET {column} = {column}")
    attack(full_book, f"DELETE FROM {table}")
    if full_book.engine.dialect.name == "postgresql":
        attack(full_book, f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize("table", sorted(MUTABLE_RECORD_TABLES))
def test_balances_and_head_are_never_deleted_and_never_go_back(full_book: Book, table: str) -> None:
    attack(full_book, f"DELETE FROM {table}")
    if full_book.engine.dialect.name == "postgresql":
        attack(full_book, f"TRUNCATE {table}")
    counter = {"head": "next_n", "balance": "seq"}[table]
    attack(full_book, f"UPDATE {table} SET {counter} = {counter} - 1")


def test_no_balance_is_set_beyond_its_limits(full_book: Book) -> None:
    attack(full_book, "UPDATE balance SET posted = -1 WHERE account_id = 1")


@pytest.mark.parametrize(
    "change",
    [
        "balance SET posted = posted + 1 WHERE account_id = 1",
        "balance SET posted = posted + 1, seq = seq + 1 WHERE account_id = 1",
        "balance SET minimum = NULL, maximum = NULL",
        "balance SET maximum = 1000000 WHERE account_id = 1",
        "balance SET last_commitment = NULL",
        "head SET next_account = next_account + 5",
        "head SET last_booked_at = last_booked_at + 1000000000000",
    ],
)
def test_balances_and_head_say_what_the_last_posting_and_block_say(full_book: Book, change: str) -> None:
    attack(full_book, f"UPDATE {change}")


POSTING_COLUMNS = "book_id, account_id, seq, n, line, debit, credit, balance_after, effective_on, commitment"


@pytest.mark.parametrize("recursive_triggers", ["ON", "OFF"])
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE"])
def test_insert_or_replace_is_refused_on_sqlite(full_book: Book, verb: str, recursive_triggers: str) -> None:
    if full_book.engine.dialect.name != "sqlite":  # the nearest thing there is
        attack(
            full_book,
            "INSERT INTO posting SELECT * FROM posting WHERE n = 2"
            " ON CONFLICT (book_id, account_id, seq) DO UPDATE SET debit = 1",
        )
        return
    with closing(sqlite3.connect(str(full_book.engine.url.database))) as connection:
        connection.execute(f"PRAGMA recursive_triggers = {recursive_triggers}")
        for table in ("posting", "entry", "account", "asset", "block", "book", "account_rule"):
            with pytest.raises(sqlite3.IntegrityError, match="seal"):
                connection.execute(f"{verb} INTO {table} SELECT * FROM {table}")
        with pytest.raises(sqlite3.IntegrityError, match="seal"):  # takes the place of another row by a unique index
            connection.execute(
                f"{verb} INTO posting SELECT book_id, account_id, 99, n, line, debit, credit, balance_after,"
                " effective_on, commitment FROM posting WHERE n = 2"
            )


def posting_row(account: int, seq: int, n: int, line: int, debit: int, credit: int) -> str:
    blob = "zeroblob(32)"
    values = f"'main', {account}, {seq}, {n}, {line}, {debit}, {credit}, 0, '2026-03-02', {blob}"
    return f"INSERT INTO posting ({POSTING_COLUMNS}) VALUES ({values})"


def for_dialect(book: Book, statement: str) -> str:
    if book.engine.dialect.name == "sqlite":
        return statement
    return statement.replace("zeroblob(32)", "decode(repeat('00', 32), 'hex')")


@pytest.mark.parametrize(
    ("account", "n", "debit", "credit"),
    [
        (1, 2, 7, 0),
        (1, 0, 7, 0),
        (1, 4, 7, 0),
        (1, 6, 7, 0),
        (1, 10_000, 7, 0),
        (1, 2, 0, 0),
        (1, 2, 7, 7),
        (77, 6, 7, 0),
    ],
    ids=["sealed", "genesis", "accounts", "next", "far", "no-side", "both-sides", "no-account"],
)
def test_no_posting_is_added_by_itself(full_book: Book, account: int, n: int, debit: int, credit: int) -> None:
    attack(full_book, for_dialect(full_book, posting_row(account, 9, n, 8, debit, credit)))


def test_a_balanced_pair_of_postings_is_not_added_to_a_sealed_entry(full_book: Book) -> None:
    pair = [posting_row(1, 9, 2, 8, 7, 0), posting_row(2, 9, 2, 9, 0, 7)]
    attack(full_book, *(for_dialect(full_book, row) for row in pair))


@pytest.mark.parametrize(("n", "block"), [(6, 3), (6, 2), (2, 3), (-1, 3), (7, 3), (6, 4)])
def test_no_entry_stands_without_its_seal(full_book: Book, n: int, block: int) -> None:
    attack(
        full_book,
        for_dialect(
            full_book,
            "INSERT INTO entry (book_id, n, block, type, booked_at, actor, lines, bytes, leaf)"
            f" VALUES ('main', {n}, {block}, 'accounts/1', 0, 'x', 1, zeroblob(32), zeroblob(32))",
        ),
    )


@pytest.mark.parametrize("n", [0, 1, 4, 6])
def test_no_account_rule_or_asset_is_added_by_itself(full_book: Book, n: int) -> None:
    for statement in (
        f"INSERT INTO account VALUES ('main', 99, '550100', 'x', 'EUR', false, {n}, 99, zeroblob(32))",
        f"INSERT INTO account_rule VALUES ('main', 1, 2, NULL, NULL, {n})",
        f"INSERT INTO asset VALUES ('main', 'USD', 2, {n}, 99, zeroblob(32))",
        f"INSERT INTO asset VALUES ('main', 'USD', 2, {n}, NULL, NULL)",
    ):
        attack(full_book, for_dialect(full_book, statement))


def reseal(decision: Decision, book: Book, **changes: Any) -> Decision:
    """The decision with parts exchanged and a block that fits the entries as they are now."""
    changed = replace(decision, **changes)
    assert changed.block is not None
    assert decision.block is not None
    block = seal_block(
        book_id=book.book_id,
        block=decision.block.block,
        first_n=changed.entries[0].n,
        leaves=[e.leaf for e in changed.entries],
        postings=len(changed.postings),
        prev_hash=decision.block.prev_hash,
        sealed_at=decision.block.sealed_at,
    )
    return replace(changed, block=block)


def with_posting(decision: Decision, index: int, **changes: Any) -> list[Any]:
    return [p._replace(**changes) if i == index else p for i, p in enumerate(decision.postings)]


Forgery = Callable[[Decision, Book], Decision]

FORGERIES: dict[str, Forgery] = {
    "unbalanced": lambda d, b: replace(d, postings=with_posting(d, 0, debit=101)),
    "two-unbalanced-entries-that-balance-together": lambda d, b: replace(
        d, postings=[p._replace(debit=p.debit + 1) if i == 0 else p._replace(credit=p.credit + 1) if i == 3 else p for i, p in enumerate(d.postings)]
    ),
    "a-line-missing": lambda d, b: replace(d, postings=d.postings[:-2]),
    "a-line-missing-and-resealed": lambda d, b: reseal(d, b, postings=d.postings[:-2]),
    "a-line-too-many": lambda d, b: replace(d, postings=[*d.postings, d.postings[0]._replace(seq=77, line=77)]),
    "lines-too-many-and-resealed": lambda d, b: reseal(
        d, b, postings=[*d.postings, d.postings[0]._replace(seq=77, line=77), d.postings[1]._replace(seq=77, line=78)]
    ),
    "an-entry-missing": lambda d, b: replace(d, entries=d.entries[:-1]),
    "an-entry-missing-and-resealed": lambda d, b: reseal(d, b, entries=d.entries[:-1], postings=d.postings[:2]),
    "an-entry-more": lambda d, b: replace(d, entries=[*d.entries, d.entries[-1]._replace(n=d.entries[-1].n + 1, fact_key="x")]),
    "a-gap-in-the-entries": lambda d, b: replace(d, entries=[*d.entries[:-1], d.entries[-1]._replace(n=99)]),
    "an-account-missing": lambda d, b: replace(d, accounts=d.accounts[:-1], opened=d.opened[:-1], postings=d.postings[:2]),
    "an-account-more": lambda d, b: replace(d, accounts=[*d.accounts, d.accounts[0]._replace(account_id=99, owner="x", line=99)]),
    "a-block-too-far": lambda d, b: replace(d, block=d.block and d.block._replace(block=d.block.block + 1)),
    "a-block-again": lambda d, b: replace(d, block=d.block and d.block._replace(block=d.block.block - 1)),
    "a-block-after-another": lambda d, b: replace(d, block=d.block and d.block._replace(prev_hash=bytes(32))),
    "a-block-that-begins-late": lambda d, b: replace(d, block=d.block and d.block._replace(first_n=d.block.first_n + 1, entries=d.block.entries - 1)),
    "a-block-that-ends-early": lambda d, b: replace(d, block=d.block and d.block._replace(last_n=d.block.last_n - 1, entries=d.block.entries - 1)),
    "a-block-with-another-count": lambda d, b: replace(d, block=d.block and d.block._replace(entries=d.block.entries + 1)),
    "a-block-with-another-count-of-postings": lambda d, b: replace(d, block=d.block and d.block._replace(postings=d.block.postings + 1)),
    "a-key-used-twice": lambda d, b: replace(d, entries=[*d.entries[:-1], d.entries[-1]._replace(fact_key="k1")]),
    "an-entry-reversed-twice": lambda d, b: replace(d, entries=[*d.entries[:-1], d.entries[-1]._replace(reverses=3)]),
    "an-entry-without-a-key": lambda d, b: replace(d, entries=[*d.entries[:-1], d.entries[-1]._replace(fact_key=None)]),
    "an-amount-beyond-2^53": lambda d, b: replace(d, postings=[d.postings[0]._replace(debit=2**53), d.postings[1]._replace(credit=2**53), *d.postings[2:]]),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_no_forged_commit_is_sealed(full_book: Book, name: str) -> None:
    batch = [[paid("f1", 100, citizen="c30"), paid("f2", 5, citizen="c31")]]
    with pytest.raises(REFUSED), write_transaction(full_book.engine) as connection:
        write_decision(connection, full_book.book_id, FORGERIES[name](decided(full_book, connection, batch), full_book))


def test_no_commit_goes_without_its_block(full_book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    write = bulk.write

    def without_block(connection, book_id, changes):
        write(connection, book_id, [change for change in changes if change.table is not tables.block])

    monkeypatch.setattr(bulk, "write", without_block)
    with pytest.raises(REFUSED):
        post(full_book, paid("f1", 100))


def test_the_same_commit_unforged_is_sealed(full_book: Book) -> None:
    with write_transaction(full_book.engine) as connection:
        write_decision(
            connection, full_book.book_id, decided(full_book, connection, [[paid("f1", 100, citizen="c30")]])
        )


def test_nothing_is_added_after_the_seal_in_the_same_commit(full_book: Book) -> None:
    with pytest.raises(REFUSED), write_transaction(full_book.engine) as connection:
        decision = decided(full_book, connection, [[paid("f1", 100)]])
        write_decision(connection, full_book.book_id, decision)
        n = decision.entries[-1].n
        for row in (posting_row(1, 90, n, 8, 7, 0), posting_row(2, 90, n, 9, 0, 7)):
            connection.exec_driver_sql(for_dialect(full_book, row))


def decided(book: Book, connection: sa.Connection, batch: list[Any]) -> Decision:
    requests = [Request(items) for items in batch]
    found = lock_and_read(connection, book.book_id, requests)
    state = state_of(connection, book.book_id, found, requests, [])
    keys = subject_keys_of(connection, found, requests, book.keys, book.clock)
    return decide(state, requests, now=book.clock.now(), today=book.clock.today(), keys=keys)


def test_a_second_writer_cannot_slip_a_line_under_an_uncommitted_block(full_book: Book) -> None:
    outcome: list[BaseException | None] = []

    def slip(n: int) -> None:
        statements = [fake_entry(n + 1), posting_row(1, 90, n, 8, 7, 0), posting_row(2, 90, n, 9, 0, 7)]
        try:
            with full_book.engine.begin() as connection:
                for statement in statements:
                    connection.exec_driver_sql(for_dialect(full_book, statement))
            outcome.append(None)
        except sa.exc.DBAPIError as error:
            outcome.append(error)

    with write_transaction(full_book.engine) as connection:
        decision = decided(full_book, connection, [[paid("f1", 100)]])
        write_decision(connection, full_book.book_id, decision)
        thread = threading.Thread(target=slip, args=(decision.entries[-1].n,))
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()  # it waits: for the head, or for SQLite's one writer
    thread.join(10)
    assert isinstance(outcome[0], REFUSED)


def fake_entry(n: int) -> str:
    return (
        "INSERT INTO entry (book_id, n, block, type, booked_at, actor, lines, bytes, leaf)"
        f" VALUES ('main', {n}, 3, 'accounts/1', 0, 'x', 1, zeroblob(32), zeroblob(32))"
    )


def test_what_sealing_reads_does_not_grow_with_the_record(full_book: Book) -> None:
    """Counted in rows and steps, not in time; the connection's plans were made while the tables were almost empty."""
    small = cost_of_one_entry(full_book, "small")
    for batch in range(4):
        post(full_book, *(paid(f"g{batch}-{i}", 1, citizen=f"c{i % 50}") for i in range(500)))
    large = cost_of_one_entry(full_book, "large")
    assert small > 10
    assert large <= small * 3  # reading all would be 2,000 rows and more


def cost_of_one_entry(book: Book, key: str) -> int:
    """What posting one entry costs: SQLite's virtual machine steps, or PostgreSQL's rows read from the record."""
    measure = sqlite_steps if book.engine.dialect.name == "sqlite" else postgresql_rows
    with write_transaction(book.engine) as connection, measure(connection) as cost:
        post_entries(connection, book.book_id, [paid(key, 1)], clock=book.clock, keys=book.keys)
    return cost[0]


@contextmanager
def sqlite_steps(connection: sa.Connection) -> Iterator[list[int]]:
    cost = [0]

    def count() -> int:
        cost[0] += 1
        return 0

    driver = connection.connection.dbapi_connection
    driver.set_progress_handler(count, 1)
    yield cost
    driver.set_progress_handler(None, 0)


@contextmanager
def postgresql_rows(connection: sa.Connection) -> Iterator[list[int]]:
    read = (
        "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables"
        " WHERE relname IN ('entry', 'posting', 'block', 'account', 'balance')"
    )
    cost = [-int(connection.exec_driver_sql(read).scalar())]
    yield cost
    connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
    cost[0] += int(connection.exec_driver_sql(read).scalar())
