"""Fill a book fast and honestly: rows as `decide` makes them, block after block, written past the triggers.

Every entry is judged, numbered, committed to and sealed as in earnest, by the same pure function. What is left out is
what the database does to check each commit: triggers and foreign keys sleep while rows come in, and many blocks go in
one commit. Indexes stand all the while, so their shape is that of a book which has grown. Balances and head are written
at the end. Then the guards are back, and the next posting is held against all of this by the seal.

    with loading(book, today=...) as loader:
        loader.enter(items)       # one block
"""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.decide import decide
from ledger.facts import Item
from ledger.lines import AccountRow, BlockRow, EntryRow, PeriodRow, PostingRow, RuleRow
from ledger.posting import _BALANCE, _values, _write_period_balances
from ledger.reading import _account, head_of, subject_keys_of
from ledger.state import AccountState, Head, Request, State
from ledger.storage import bulk, tables
from ledger.storage.changes import Change, Inserts, Replacement, Updates, Wanted

_BLOCKS_A_COMMIT = 40
_QUICK = ("query_only = OFF", "synchronous = OFF", "foreign_keys = OFF", "cache_size = -1000000")


class Loader:
    """Decides and writes; `state` is what stands, as decided so far."""

    def __init__(self, book: Book, connection: sa.Connection, *, today: date) -> None:
        self._book = book
        self._connection = connection
        self._today = today
        self._head, self._accounts, self._keys = self._read()
        self._periods: list[date] = []
        self._waiting: list[Any] = []

    def enter(self, items: Sequence[Item]) -> int:
        """Enter `items` in one block, all of them or none; the number of the first."""
        state = State(self._book.book_id, self._head, self._accounts, periods=self._periods)
        request = Request(items, actor="bench")
        decision = decide(state, [request], now=self._book.clock.now(), today=self._today, keys=self._keys)
        [result] = decision.results
        if not isinstance(result, list):
            raise AssertionError(f"what is loaded must be accepted: {result}")  # noqa: TRY004 -- a defect of the load
        self._head = decision.head
        self._accounts.update({account.ref: account for account in decision.opened + decision.changed})
        self._waiting.append(decision)
        if decision.periods or len(self._waiting) >= _BLOCKS_A_COMMIT:
            self._write()
        return result[0].n

    def finish(self) -> None:
        """Write what waits, then every balance and the head."""
        self._write()
        moved = [_values(account) for account in self._accounts.values()]
        head: list[Change] = [
            Updates(tables.balance, _BALANCE, moved),
            Replacement(tables.head, Head._fields, self._head),
        ]
        with self._connection.begin():
            bulk.write(self._connection, self._book.book_id, head)

    def _read(self) -> tuple[Head, dict[AccountRef, AccountState], dict[str, bytes]]:
        book_id, a = self._book.book_id, tables.account.c
        with self._connection.begin():
            rows = self._connection.execute(sa.select(a.code, a.owner, a.asset).where(a.book_id == book_id))
            wanted = Wanted([AccountRef.known(*row) for row in rows], (), ())
            found = bulk.lock_and_read(self._connection, book_id, wanted)
            keys = subject_keys_of(self._connection, found, [], self._book.keys, self._book.clock)
        return head_of(found, book_id), dict(map(_account, found.accounts)), dict(keys)

    def _write(self) -> None:
        def rows(name: str) -> list[Any]:
            return [row for decision in self._waiting for row in getattr(decision, name)]

        periods = rows("periods")
        changes: list[Change] = [
            Inserts(tables.entry, EntryRow._fields, rows("entries")),
            Inserts(tables.account, AccountRow._fields, rows("accounts")),
            Inserts(tables.account_rule, RuleRow._fields, rows("rules")),
            Inserts(tables.posting, PostingRow._fields, rows("postings")),
            Inserts(tables.period, PeriodRow._fields, periods),
            Inserts(tables.block, BlockRow._fields, [decision.block for decision in self._waiting]),
        ]
        with self._connection.begin():
            bulk.write(self._connection, self._book.book_id, changes)
            for period in periods:
                _write_period_balances(self._connection, self._book.book_id, period)
        self._periods += [period.until_on for period in periods]
        self._waiting = []


@contextmanager
def loading(book: Book, *, today: date) -> Iterator[Loader]:
    """A loader for a book whose accounts all stand, on a connection whose guards sleep until the block ends."""
    engine = book.engine
    with engine.connect() as connection:
        guards = _lull(connection)
        loader = Loader(book, connection, today=today)
        gc.freeze()  # the accounts stay; looking through them again and again takes a tenth of the time
        yield loader
        loader.finish()
        _wake(connection, guards)
        connection.invalidate()  # what was set on it goes with it
    settle(engine)


def settle(engine: sa.Engine) -> None:
    """What a database in use does by itself sooner or later; nothing of this project runs ANALYZE on SQLite."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM (ANALYZE)")
            connection.exec_driver_sql("CHECKPOINT")
    else:
        with engine.connect() as connection:
            _driver(connection).execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _lull(connection: sa.Connection) -> Iterable[tuple[str, str]]:
    """Put triggers and foreign keys to sleep; the triggers that have to be made again."""
    driver = _driver(connection)
    if connection.dialect.name == "postgresql":
        with connection.begin():
            connection.exec_driver_sql("SET session_replication_role = replica")
            connection.exec_driver_sql("SET synchronous_commit = off")
        return []
    for pragma in _QUICK:
        driver.execute(f"PRAGMA {pragma}")
    guards = driver.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in guards:
        driver.execute(f"DROP TRIGGER {name}")
    return guards


def _wake(connection: sa.Connection, guards: Iterable[tuple[str, str]]) -> None:
    for _, statement in guards:
        _driver(connection).execute(statement)


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.driver_connection
