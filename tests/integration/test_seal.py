"""Attacks on the record by SQL alone, past this program: each is refused by the database, on both databases.

The fixture's oracle audits the book after every test, so a refused attack has also changed nothing.
"""
# ruff: noqa: E501 -- tables of cases read best one row a case

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import sqlalchemy as sa

from ledger.book import Book
from ledger.posting import lock_head
from ledger.state import Head
from ledger.storage import tables
from ledger.storage.base import MUTABLE_RECORD_TABLES, RECORD_TABLES, metadata
from ledger.storage.engine import write_transaction
from ledger.storage.seal.belonging import unique_keys
from tests.sealed_book import fill

CORE = sorted(t.name for t in vars(tables).values() if isinstance(t, sa.Table) and t.name in RECORD_TABLES)
REFUSED = (sa.exc.IntegrityError, sa.exc.InternalError)


@pytest.fixture
def full_book(book: Book) -> Book:
    """A book with rows in every record table of the ledger."""
    fill(book)
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
        "balance SET version = version + 1 WHERE account_id = 1",
        "balance SET minimum = -500, maximum = 10000, version = 2 WHERE account_id = 2",
        "balance SET closed = NOT closed WHERE account_id = 1",
        "balance SET held_debit = 0, held_credit = 0 WHERE held_debit + held_credit > 0",
        "balance SET held_credit = held_credit + 1 WHERE account_id = 1",
        "balance SET last_commitment = NULL",
        "head SET next_account = next_account + 5",
        "head SET next_n = next_n + 1",
        "head SET next_block = next_block + 1",
        "head SET last_booked_at = last_booked_at + 1000000000000",
        "head SET closed_on = '2026-02-28'",
        "head SET closed_on = NULL",
    ],
)
def test_balances_and_head_say_what_the_record_says(full_book: Book, change: str) -> None:
    attack(full_book, f"UPDATE {change}")


def test_no_second_head_or_balance_is_added(full_book: Book) -> None:
    if full_book.engine.dialect.name == "sqlite":
        with foreign_connection(full_book, recursive_triggers="OFF") as connection:
            for table in ("head", "balance"):
                with pytest.raises(sqlite3.IntegrityError, match="seal"):
                    connection.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
                with pytest.raises(sqlite3.IntegrityError, match="seal"):
                    connection.execute(f"UPDATE OR REPLACE {table} SET rowid = rowid + 1")
    attack(full_book, "INSERT INTO head SELECT * FROM head")
    attack(full_book, "INSERT INTO balance SELECT * FROM balance")


@contextmanager
def foreign_connection(book: Book, *, recursive_triggers: str) -> Iterator[sqlite3.Connection]:
    """What any other program has that opens the file: no foreign keys, and REPLACE may delete unasked."""
    with closing(sqlite3.connect(str(book.engine.url.database), isolation_level=None)) as connection:
        connection.execute(f"PRAGMA recursive_triggers = {recursive_triggers}")
        yield connection


def replacements(table: sa.Table) -> Iterator[str]:
    """Copies of the stored rows that share one unique key with them, and of which all other columns are another's."""
    columns = [column.name for column in table.columns]
    for key, where in unique_keys(table):
        others = ["hex(randomblob(8))" if name in fresh_texts(table, key) else name for name in columns]
        only = f" WHERE {where}" if where else ""
        yield f"INTO {table.name} ({', '.join(columns)}) SELECT {', '.join(others)} FROM {table.name}{only}"


def fresh_texts(table: sa.Table, key: list[str]) -> set[str]:
    """The texts of other keys, which are made new, so that the row is in the way of another by `key` only."""
    named = {name for columns, _ in unique_keys(table) for name in columns}
    return {name for name in named - set(key) if isinstance(table.c[name].type, sa.Text)}


@pytest.mark.parametrize("recursive_triggers", ["ON", "OFF"])
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE"])
def test_no_row_takes_the_place_of_another_on_sqlite(full_book: Book, verb: str, recursive_triggers: str) -> None:
    if full_book.engine.dialect.name != "sqlite":  # the nearest thing there is
        attack(
            full_book,
            "INSERT INTO posting SELECT * FROM posting WHERE n = 2"
            " ON CONFLICT (book_id, account_id, seq) DO UPDATE SET debit = 1",
        )
        return
    with foreign_connection(full_book, recursive_triggers=recursive_triggers) as connection:
        for name in CORE:
            before = connection.execute(f"SELECT rowid, * FROM {name}").fetchall()
            for replacement in replacements(metadata.tables[name]):
                refused_or_left_out(connection, f"{verb} {replacement}", name)
            refused_or_left_out(connection, f"{verb} INTO {name} SELECT * FROM {name}", name)
            columns = ", ".join(column.name for column in metadata.tables[name].columns)
            placed = f"{verb} INTO {name} (rowid, {columns}) SELECT rowid, {columns} FROM {name}"
            refused_or_left_out(connection, placed, name)
            assert connection.execute(f"SELECT rowid, * FROM {name}").fetchall() == before


def refused_or_left_out(connection: sqlite3.Connection, statement: str, table: str) -> None:
    """The outbox leaves out what it has already; everything else is an error."""
    if table == "outbox":
        connection.execute(statement)
        return
    with pytest.raises(sqlite3.IntegrityError, match="seal"):
        connection.execute(statement)


def test_a_row_is_not_stored_where_another_stands(sqlite_book: Book) -> None:
    """A row of a new key, at the place of an old row: SQLite would delete the old one without asking."""
    fill(sqlite_book)
    with foreign_connection(sqlite_book, recursive_triggers="OFF") as connection:
        for table, key in (("approval_request", "approval_id"), ("outbox", "key"), ("attestation", "row_key")):
            columns = [column.name for column in metadata.tables[table].columns]
            values = ", ".join(f"{name} || 'x'" if name == key else name for name in columns)
            values = values.replace("state_key", "'another'")
            names = ", ".join(columns)
            refused_or_left_out(
                connection,
                f"INSERT OR REPLACE INTO {table} (rowid, {names}) SELECT rowid, {values} FROM {table}",
                table,
            )
            assert connection.execute(f"SELECT count(*) FROM {table} WHERE {key} LIKE '%x'").fetchone() == (0,)


def test_a_connection_without_foreign_keys_enters_nothing(sqlite_book: Book) -> None:
    fill(sqlite_book)
    with foreign_connection(sqlite_book, recursive_triggers="ON") as connection:
        for statement in (entry_row(sqlite_book), request_row(sqlite_book)):
            with pytest.raises(sqlite3.IntegrityError, match="seal"):
                connection.execute(statement)
            connection.execute("PRAGMA foreign_keys = ON")
            with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
                connection.execute(statement)  # alone, it is its own commit
            connection.execute("PRAGMA foreign_keys = OFF")


def head_of(book: Book) -> Head:
    with write_transaction(book.engine) as connection:
        return lock_head(connection, book.book_id)


def entry_row(book: Book, *, n: int | None = None, block: int | None = None, kind: str = "accounts/1") -> str:
    """An entry of two lines, by default the next one of the next block."""
    head = head_of(book)
    n, block = head.next_n if n is None else n, head.next_block if block is None else block
    columns = "book_id, n, block, type, booked_at, actor, lines, bytes, leaf"
    return (
        f"INSERT INTO entry ({columns}) VALUES ('main', {n}, {block}, '{kind}', 0, 'x', 3, zeroblob(32), zeroblob(32))"
    )


def request_row(book: Book, *, block: str | None = None, position: str = "0") -> str:
    block = str(head_of(book).next_block) if block is None else block
    columns = "book_id, key, actor, body_hash, outcome, at, block, position"
    return f"INSERT INTO request ({columns}) VALUES ('main', 'new', 'x', zeroblob(32), '{{}}', 0, {block}, {position})"


def block_row(book: Book, *, entries: int = 0, requests: int = 0, prev: bytes | None = None) -> str:
    head = head_of(book)
    prev = head.last_hash if prev is None else prev
    hexed = f"X'{prev.hex()}'" if book.engine.dialect.name == "sqlite" else f"decode('{prev.hex()}', 'hex')"
    counts = f"{head.next_n}, {head.next_n + entries - 1}, {entries}, 0"
    return f"INSERT INTO block VALUES ('main', {head.next_block}, {counts}, zeroblob(32), {hexed}, zeroblob(32), 0, {requests})"


def posting_row(account: int, seq: int, n: int, line: int, debit: int, credit: int) -> str:
    columns = "book_id, account_id, seq, n, line, debit, credit, balance_after, effective_on, commitment"
    values = f"'main', {account}, {seq}, {n}, {line}, {debit}, {credit}, 0, '2026-03-02', zeroblob(32)"
    return f"INSERT INTO posting ({columns}) VALUES ({values})"


def rows_of_entry(n: int) -> list[str]:
    """One row for each table whose rows belong to an entry, as if entry `n` had them."""
    return [
        posting_row(1, 900, n, 1, 7, 0),
        f"INSERT INTO account VALUES ('main', 99, '550100', 'x', 'EUR', false, {n}, 1, zeroblob(32))",
        f"INSERT INTO account_rule VALUES ('main', 1, 9, NULL, NULL, {n}, false, zeroblob(32))",
        f"INSERT INTO account_rule VALUES ('main', 2, 2, NULL, NULL, {n}, true, zeroblob(32))",
        f"INSERT INTO account_rule VALUES ('main', 2, 2, NULL, NULL, {n}, false, NULL)",
        f"INSERT INTO asset VALUES ('main', 'USD', 2, {n}, 1, zeroblob(32))",
        f"INSERT INTO asset VALUES ('main', 'USD', 2, {n}, NULL, NULL)",
        f"INSERT INTO hold VALUES ('main', {n}, NULL)",
        f"INSERT INTO hold_line VALUES ('main', {n}, 1, 1, 7, 0, zeroblob(32))",
        f"INSERT INTO hold_line VALUES ('main', {n}, 90, 1, 7, 0, zeroblob(32))",
        f"INSERT INTO hold_step SELECT 'main', min(hold_n), 50, 'part', {n} FROM hold",
        f"INSERT INTO hold_step SELECT 'main', min(hold_n), 50, 'void', {n} FROM hold",
        f"INSERT INTO period VALUES ('main', '2026-02-28', '2026-02-01', {n})",
        f"INSERT INTO period_balance VALUES ('main', 3, '2026-01-31', {n}, 1)",
        f"INSERT INTO finding VALUES ('main', {n}, 1, '{{}}', zeroblob(32))",
        f"INSERT INTO finding VALUES ('main', {n}, 90, '{{}}', zeroblob(32))",
    ]


def for_dialect(book: Book, statement: str) -> str:
    """The same statement, with SQLite's ways of writing bytes and flags turned into PostgreSQL's."""
    if book.engine.dialect.name == "sqlite":
        return statement
    return statement.replace("zeroblob(32)", "decode(repeat('00', 32), 'hex')")


def test_nothing_is_added_to_any_entry_that_stands(full_book: Book) -> None:
    """Whatever the entry's type, genesis included; and nothing for the next entry, or for one far away."""
    for n in (*range(head_of(full_book).next_n), head_of(full_book).next_n, 10_000, -1):
        for statement in rows_of_entry(n):
            attack(full_book, for_dialect(full_book, statement))


@pytest.mark.parametrize(
    "kind",
    [
        "posting/1",
        "accounts/1",
        "hold/1",
        "release/1",
        "rules/1",
        "period/1",
        "note/1",
        "state/1",
        "verdict/1",
        "genesis/1",
    ],
)
def test_no_row_is_sealed_under_an_entry_of_another_kind_or_count(full_book: Book, kind: str) -> None:
    """The next entry is there, of each kind in turn: no single row makes a whole of it, so nothing is sealed."""
    head = head_of(full_book)
    for statement in [*rows_of_entry(head.next_n), "SELECT 1"]:
        first = entry_row(full_book, kind=kind)
        attack(
            full_book, *(for_dialect(full_book, each) for each in (first, statement, block_row(full_book, entries=1)))
        )


@pytest.mark.parametrize(
    ("n", "debit", "credit"), [(2, 7, 0), (2, 0, 0), (2, 7, 7)], ids=["sealed", "no-side", "both-sides"]
)
def test_no_posting_is_added_by_itself(full_book: Book, n: int, debit: int, credit: int) -> None:
    attack(full_book, for_dialect(full_book, posting_row(1, 900, n, 8, debit, credit)))


def test_a_balanced_pair_of_postings_is_not_added_to_a_sealed_entry(full_book: Book) -> None:
    pair = [posting_row(1, 900, 2, 8, 7, 0), posting_row(2, 900, 2, 9, 0, 7)]
    attack(full_book, *(for_dialect(full_book, row) for row in pair))


@pytest.mark.parametrize(("beyond", "blocks"), [(0, 0), (0, -1), (-4, 0), (1, 0), (0, 1)])
def test_no_entry_stands_without_its_seal(full_book: Book, beyond: int, blocks: int) -> None:
    head = head_of(full_book)
    statement = entry_row(full_book, n=head.next_n + beyond, block=head.next_block + blocks)
    attack(full_book, for_dialect(full_book, statement))


@pytest.mark.parametrize("position", ["NULL", "0", "1", "-1"])
@pytest.mark.parametrize("block", ["NULL", "0", "1", "next", "1000"])
def test_no_answer_stands_without_its_seal(full_book: Book, block: str, position: str) -> None:
    block = block.replace("next", str(head_of(full_book).next_block))
    attack(full_book, for_dialect(full_book, request_row(full_book, block=block, position=position)))


@pytest.mark.parametrize(("position", "requests"), [("1", 1), ("-1", 1), ("0", 2), ("0", 0)])
def test_answers_are_sealed_at_their_places_and_all_of_them(full_book: Book, position: str, requests: int) -> None:
    answer, block = request_row(full_book, position=position), block_row(full_book, requests=requests)
    attack(full_book, for_dialect(full_book, answer), for_dialect(full_book, block))


def test_no_block_seals_nothing(full_book: Book) -> None:
    attack(full_book, for_dialect(full_book, block_row(full_book)))


def test_nothing_is_attested_by_a_state_that_is_entered(full_book: Book) -> None:
    row = "INSERT INTO attestation VALUES ('main', 'outbox', '[\"new\"]', zeroblob(32), 'state')"
    attack(full_book, for_dialect(full_book, row))


def test_a_temporary_table_of_the_same_name_does_not_fool_the_seal(full_book: Book) -> None:
    """Names of a connection's own tables come before all others, but not inside the seal."""
    head = head_of(full_book)
    rows = (for_dialect(full_book, posting_row(a, 900, 2, 8 + a, 7 * (a == 1), 7 * (a == 2))) for a in (1, 2))
    attack(
        full_book,
        *(f"CREATE TEMPORARY TABLE {name} AS SELECT * FROM {name} WHERE 1 = 0" for name in ("block", "head", "entry")),
        f"INSERT INTO entry (n, lines, type, book_id) VALUES ({head.next_n}, 99, 'posting/1', 'main'), (2, 99, 'posting/1', 'main')",
        *rows,
    )


def test_what_fits_is_sealed(full_book: Book) -> None:
    """The same rows without a fault: what the attacks above are refused for is their fault alone."""
    head = head_of(full_book)
    n = head.next_n
    hold = [
        entry_row(full_book, kind="hold/1"),
        f"INSERT INTO hold VALUES ('main', {n}, NULL)",
        *(f"INSERT INTO hold_line VALUES ('main', {n}, {i}, 1, 7, 0, zeroblob(32))" for i in (1, 2)),
        block_row(full_book, entries=1),
    ]
    answer = [request_row(full_book), block_row(full_book, requests=1)]
    for statements in (hold, answer):
        with full_book.engine.connect() as connection, connection.begin() as transaction:
            for statement in statements:
                connection.exec_driver_sql(for_dialect(full_book, statement))
            if full_book.engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
            transaction.rollback()
