"""How fast a book is posted to: alone, in batches, by 32 callers on one account, beside the driver's bare insert.

    single    one caller, one entry at a time, through the group writer
    batch500  units of work of 500 entries over 1,000 accounts
    hot32     32 callers at once, each waiting for its answer, all on the same two accounts
    raw500    the rows that batch500 wrote to `entry`, `posting` and `block`, inserted by the driver alone
              (`executemany`) into the same tables without triggers or foreign keys, 500 entries a database transaction

Every entry has two postings, a fact key of its own, and all that an entry has in earnest: keys looked up, floors
checked, every line committed to, a block sealed by trigger, balances and head updated, one durable commit. What the
bare insert leaves out is what the ratio measures. The server's time is that of its process for this connection.
"""

import hashlib
import os
import random
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.book import Book, create_book
from ledger.clock import SystemClock
from ledger.errors import InvariantError, Refusal
from ledger.journal import JournalEntry, Posting
from ledger.state import Replayed, Request
from ledger.storage import tables
from ledger.storage.keys import KEY_SIZE, KeyRing
from ledger.writer import GroupWriter

ACCOUNTS = 1_000
CALLERS = 32
BATCH = 500
WRITTEN = (tables.entry, tables.posting, tables.block)
_ON = date(2026, 3, 2)
_RAW = "bench_raw_"


@dataclass(frozen=True, slots=True)
class PostingRates:
    """Entries per second; the median of a single call in milliseconds; the server's microseconds an entry at batch 500.

    `server_cpu_us_per_entry` is None where there is no server, or where its process is not on this machine.
    """

    single_per_s: int
    single_p50_ms: float
    batch500_per_s: int
    hot32_per_s: int
    raw500_per_s: int
    server_cpu_us_per_entry: int | None


def measure_posting(engine: sa.Engine, *, rounds: int = 3, seconds: int = 2) -> PostingRates:
    """Measure on a new book of the database behind `engine`, which keeps its rows; figures are medians of rounds."""
    book = new_book(engine)
    open_accounts(book)
    with _raw_tables(engine) as raw:
        batches: list[int] = []
        bare: list[int] = []
        server: list[int] = []
        for number in range(rounds):
            rate, first_n, last_n, spent = _batches(book, seconds=seconds, seed=number)
            batches.append(rate)
            bare.append(insert_bare(book, raw, first_n, last_n))
            server += [] if spent is None else [spent]
    singles = [_single(book, seconds=seconds, seed=number) for number in range(rounds)]
    hot = [_callers(book, seconds=seconds, seed=number) for number in range(rounds)]
    return PostingRates(
        single_per_s=round(median(rate for rate, _ in singles)),
        single_p50_ms=round(median(middle for _, middle in singles) / 1000, 3),
        batch500_per_s=round(median(batches)),
        hot32_per_s=round(median(hot)),
        raw500_per_s=round(median(bare)),
        server_cpu_us_per_entry=round(median(server)) if server else None,
    )


def new_book(engine: sa.Engine) -> Book:
    """A book for measuring, with keys that nobody keeps."""
    book_id = f"bench-{secrets.token_hex(4)}"
    return create_book(
        engine,
        book_id,
        name="Measurement",
        origin=f"bench.example/{book_id}",
        policy_hash=hashlib.sha256(b"no policy").digest(),
        clock=SystemClock(),
        keys=KeyRing(book_id, secrets.token_bytes(KEY_SIZE)),
    )


def open_accounts(book: Book) -> None:
    """Open every account that is measured, so that measuring is posting."""
    with book.unit_of_work(actor="bench") as unit:
        for i in range(ACCOUNTS):
            unit.post(payment(f"open/{i}", i, 1_000_000))


def payment(key: str, owner: int, cents: int) -> JournalEntry:
    """Two postings: a payment of one citizen."""
    debit = Posting(AccountRef("580100"), debit=cents)
    credit = Posting(AccountRef("489100", f"c{owner}"), credit=cents)
    return JournalEntry(key, _ON, "payment-received", (debit, credit), "bench")


def payments(count: int, *, seed: str) -> Sequence[JournalEntry]:
    """`count` payments of random citizens."""
    chance = random.Random(seed)  # noqa: S311 -- the same load in every run
    return [payment(f"{seed}/{i}", chance.randrange(ACCOUNTS), chance.randrange(1, 10**6)) for i in range(count)]


def _batches(book: Book, *, seconds: int, seed: int) -> tuple[int, int, int, int | None]:
    """Entries per second, the first and last number posted, and the server's microseconds per entry."""
    stock = [payments(BATCH, seed=f"batch/{seed}/{i}") for i in range(20 * seconds)]
    first_n = next_n(book)
    with server_time(book.engine) as server:
        started = time.perf_counter_ns()
        for batch in stock:
            post_batch(book, batch)
        spent = time.perf_counter_ns() - started
    entries = len(stock) * BATCH
    micros = None if server.micros is None else server.micros // entries
    return entries * 10**9 // spent, first_n, next_n(book) - 1, micros


def post_batch(book: Book, batch: Sequence[JournalEntry]) -> None:
    """One unit of work."""
    with book.unit_of_work(actor="bench") as unit:
        for entry in batch:
            unit.post(entry)


def _single(book: Book, *, seconds: int, seed: int) -> tuple[int, int]:
    """Entries per second of one caller who waits for each answer, and the median of a call in microseconds."""
    writer, spent = GroupWriter(book), []
    entries = iter(payments(4_000 * seconds, seed=f"single/{seed}/{secrets.token_hex(2)}"))
    started = ended = time.perf_counter_ns()
    while ended - started < seconds * 10**9 and (entry := next(entries, None)) is not None:
        before = time.perf_counter_ns()
        _must_stand(writer.post(Request([entry], actor="bench")))
        ended = time.perf_counter_ns()
        spent.append(ended - before)
    writer.close()
    return len(spent) * 10**9 // (ended - started), round(median(spent)) // 1000


def _callers(book: Book, *, seconds: int, seed: int) -> int:
    """Entries per second of 32 callers on the same two accounts."""
    writer, posted = GroupWriter(book), [0] * CALLERS
    deadline = time.perf_counter_ns() + seconds * 10**9

    def call(caller: int) -> None:
        while time.perf_counter_ns() < deadline:
            entry = payment(f"hot/{seed}/{caller}/{posted[caller]}", 0, 100)
            _must_stand(writer.post(Request([entry], actor="bench")))
            posted[caller] += 1

    threads = [threading.Thread(target=call, args=(i,)) for i in range(CALLERS)]
    started = time.perf_counter_ns()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended = time.perf_counter_ns()
    writer.close()
    return sum(posted) * 10**9 // (ended - started)


def _must_stand(result: object) -> None:
    if isinstance(result, Refusal | Replayed):
        raise InvariantError(f"what is measured must hold: {result}")


def next_n(book: Book) -> int:
    """The number of the next entry."""
    with book.read() as connection:
        return connection.scalar(sa.select(tables.head.c.next_n).where(tables.head.c.book_id == book.book_id)) or 0


@dataclass(slots=True)
class ServerTime:
    """The processor time that the server's processes for the pool's connections have taken, in microseconds."""

    micros: int | None = None


@contextmanager
def server_time(engine: sa.Engine) -> Iterator[ServerTime]:
    """What the server spent meanwhile on the one connection that the pool holds; None where that can't be seen."""
    spent = ServerTime()
    process = _server_process(engine)
    before = None if process is None else _ticks(process)
    yield spent
    after = None if process is None else _ticks(process)
    if before is not None and after is not None and process == _server_process(engine):
        spent.micros = (after - before) * 10**6 // os.sysconf("SC_CLK_TCK")


def _server_process(engine: sa.Engine) -> int | None:
    if engine.dialect.name != "postgresql":
        return None
    with engine.connect() as connection:
        process: int | None = connection.scalar(sa.text("SELECT pg_backend_pid()"))
        return process


def _ticks(process: int) -> int | None:
    """User and system time of a process of the server on this machine (Linux)."""
    try:
        name, _, rest = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")
    except OSError:
        return None
    fields = rest.split()
    return int(fields[11]) + int(fields[12]) if "postgres" in name else None


@dataclass(frozen=True, slots=True)
class RawTables:
    """The written tables once more, by name, with their keys and indexes and nothing else."""

    engine: sa.Engine
    copies: Sequence[sa.Table]


@contextmanager
def _raw_tables(engine: sa.Engine) -> Iterator[RawTables]:
    metadata = sa.MetaData()
    copies = [_bare_copy(table, metadata) for table in WRITTEN]
    metadata.drop_all(engine)
    metadata.create_all(engine)
    try:
        yield RawTables(engine, copies)
    finally:
        metadata.drop_all(engine)


def _bare_copy(table: sa.Table, metadata: sa.MetaData) -> sa.Table:
    columns = [sa.Column(c.name, c.type, primary_key=c.primary_key, nullable=c.nullable) for c in table.columns]
    keys = [
        sa.UniqueConstraint(*(c.name for c in constraint.columns))
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    ]
    indexes = [
        sa.Index(_RAW + str(index.name), *(c.name for c in index.columns), unique=index.unique, **_partial(index))
        for index in table.indexes
    ]
    return sa.Table(_RAW + table.name, metadata, *columns, *keys, *indexes, sqlite_strict=True)


def _partial(index: sa.Index) -> dict[str, Any]:
    options = {f"{name}_where": index.dialect_options[name]["where"] for name in ("sqlite", "postgresql")}
    return {name: where for name, where in options.items() if where is not None}


def insert_bare(book: Book, raw: RawTables, first_n: int, last_n: int) -> int:
    """Entries per second for inserting what was posted from `first_n` to `last_n`, block by block."""
    statements = [_statement(copy, raw.engine) for copy in raw.copies]
    blocks = _blocks(book, first_n, last_n)
    connection = raw.engine.raw_connection()
    cursor: Any = connection.cursor()
    if raw.engine.dialect.name == "sqlite":
        cursor.execute("PRAGMA query_only = OFF")  # the pool hands out connections as their last reader left them
    started = time.perf_counter_ns()
    for rows_by_table in blocks:
        if raw.engine.dialect.name == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
        for statement, rows in zip(statements, rows_by_table, strict=True):
            cursor.executemany(statement, rows)
        cursor.execute("COMMIT")
    spent = time.perf_counter_ns() - started
    connection.close()
    return (last_n - first_n + 1) * 10**9 // spent


def _statement(table: sa.Table, engine: sa.Engine) -> str:
    mark = "?" if engine.dialect.name == "sqlite" else "%s"
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    return f'INSERT INTO "{table.name}" ({names}) VALUES ({", ".join([mark] * len(table.columns))})'  # noqa: S608 -- names of the metadata


def _blocks(book: Book, first_n: int, last_n: int) -> list[list[list[tuple[Any, ...]]]]:
    """For each block, the raw rows of the written tables, as the driver returns them."""
    raw = book.engine.raw_connection()
    cursor: Any = raw.cursor()
    mark = "?" if book.engine.dialect.name == "sqlite" else "%s"

    def rows(table: sa.Table, column: str, low: int, high: int) -> list[tuple[Any, ...]]:
        names = ", ".join(f'"{each.name}"' for each in table.columns)
        where = f"book_id = {mark} AND {column} BETWEEN {mark} AND {mark}"
        cursor.execute(f'SELECT {names} FROM "{table.name}" WHERE {where} ORDER BY 1, 2', (book.book_id, low, high))  # noqa: S608 -- names of the metadata
        return [tuple(row) for row in cursor.fetchall()]

    found = []
    for block in rows(tables.block, "first_n", first_n, last_n):
        first, last = block[2], block[3]
        found.append([rows(tables.entry, "n", first, last), rows(tables.posting, "n", first, last), [block]])
    raw.close()
    return found
