"""Entries posted per second through the library, beside the driver inserting the same rows into bare tables.

Ours: one unit of work per batch of two-posting entries over 1,000 accounts; keys looked up, floors checked, every line
committed to, a block sealed by trigger, balances and head updated. Bare: the rows that ours wrote to `entry`, `posting`
and `block`, inserted by the driver alone (`executemany`) into the same tables without triggers or foreign keys, one
database transaction per batch, same durability. What the bare side leaves out is what the ratio measures.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.journal import JournalEntry, Posting
from ledger.storage import tables

ROUNDS = 3
ACCOUNTS = 1_000
_WRITTEN = (tables.entry, tables.posting, tables.block)


@dataclass(frozen=True)
class Rate:
    """Entries per second, ours and bare, as the medians of the rounds."""

    database: str
    batch: int
    entries: int
    ours: float
    bare: float

    @property
    def ratio(self) -> float:
        """Ours as a share of the bare rate."""
        return self.ours / self.bare


def measure(book: Book, bare: sa.Engine, *, batch: int, batches: int) -> Rate:
    """Post and insert in turn, `ROUNDS` times `batches` batches of `batch` entries."""
    _warm_up(book)
    ours, raw = [], []
    for number in range(ROUNDS):
        entries = _entries(batch * batches, seed=number * 1_000 + batch)
        first_n = _next_n(book)
        started = time.perf_counter()
        for at in range(0, len(entries), batch):
            with book.unit_of_work(actor="bench") as unit:
                for entry in entries[at : at + batch]:
                    unit.post(entry)
        ours.append(len(entries) / (time.perf_counter() - started))
        raw.append(len(entries) / _insert_bare(book, bare, first_n))
    return Rate(bare.dialect.name, batch, ROUNDS * batch * batches, median(ours), median(raw))


def make_bare(engine: sa.Engine) -> None:
    """The three tables with their keys and indexes, without triggers and foreign keys."""
    metadata = sa.MetaData()
    for table in _WRITTEN:
        columns = [sa.Column(c.name, c.type, primary_key=c.primary_key, nullable=c.nullable) for c in table.columns]
        keys = [
            sa.UniqueConstraint(*(c.name for c in u.columns))
            for u in table.constraints
            if isinstance(u, sa.UniqueConstraint)
        ]
        indexes = [sa.Index(index.name, *(c.name for c in index.columns)) for index in table.indexes]
        sa.Table(table.name, metadata, *columns, *keys, *indexes, sqlite_strict=True)
    with engine.begin() as connection:
        metadata.create_all(connection)


def _insert_bare(book: Book, bare: sa.Engine, first_n: int) -> float:
    """Seconds for inserting what was posted from `first_n` on, block by block."""
    statements = [_statement(table, bare) for table in _WRITTEN]
    blocks = _blocks(book, first_n)
    raw = bare.raw_connection()
    cursor: Any = raw.cursor()
    started = time.perf_counter()
    for rows_by_table in blocks:
        if bare.dialect.name == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
        for statement, rows in zip(statements, rows_by_table, strict=True):
            cursor.executemany(statement, rows)
        raw.commit() if bare.dialect.name != "sqlite" else cursor.execute("COMMIT")
    seconds = time.perf_counter() - started
    raw.close()
    return seconds


def _statement(table: sa.Table, engine: sa.Engine) -> str:
    mark = "?" if engine.dialect.name == "sqlite" else "%s"
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    return f'INSERT INTO "{table.name}" ({names}) VALUES ({", ".join([mark] * len(table.columns))})'


def _blocks(book: Book, first_n: int) -> list[list[list[tuple[Any, ...]]]]:
    """For each block, the raw rows of entry, posting and block, as the driver returns them."""
    raw = book.engine.raw_connection()
    cursor: Any = raw.cursor()

    def rows(table: sa.Table, where: str) -> list[tuple[Any, ...]]:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        cursor.execute(f'SELECT {names} FROM "{table.name}" WHERE {where} ORDER BY 1, 2')
        return [tuple(row) for row in cursor.fetchall()]

    block_rows = rows(tables.block, f"first_n >= {first_n}")
    found = []
    for block in block_rows:
        first, last = block[2], block[3]
        found.append(
            [
                rows(tables.entry, f"n BETWEEN {first} AND {last}"),
                rows(tables.posting, f"n BETWEEN {first} AND {last}"),
                [block],
            ]
        )
    raw.close()
    return found


def _warm_up(book: Book) -> None:
    """Open every account, so that the rounds measure posting."""
    with book.unit_of_work(actor="bench") as unit:
        for i in range(ACCOUNTS):
            unit.post(_entry(f"open/{i}", i, 1_000_000))


def _entries(count: int, *, seed: int) -> Sequence[JournalEntry]:
    chance = random.Random(seed)
    return [_entry(f"{seed}/{i}", chance.randrange(ACCOUNTS), chance.randrange(1, 10**6)) for i in range(count)]


def _entry(key: str, owner: int, cents: int) -> JournalEntry:
    debit = Posting(AccountRef("580100"), debit=cents)
    credit = Posting(AccountRef("489100", f"c{owner}"), credit=cents)
    return JournalEntry(key, date(2026, 3, 2), "payment-received", (debit, credit), "bench")


def _next_n(book: Book) -> int:
    with book.read() as connection:
        return connection.scalar(sa.select(tables.head.c.next_n)) or 0
