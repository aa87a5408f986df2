"""Engines and database transactions: the only place that opens a database, begins, and commits.

SQLite: WAL, full sync, STRICT tables, foreign keys; every write begins with BEGIN IMMEDIATE after taking one lock file
beside the database, so that writers of several processes and threads queue instead of polling. PostgreSQL: psycopg 3,
read committed for writes (the book's `head` row is the lock), a repeatable snapshot for reads.
"""

import fcntl
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ledger.errors import InvariantError, Refusal

_BUSY_MILLISECONDS = 30_000
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -64000",  # KiB: all index pages that a batch changes in a grown book, several times over
    "PRAGMA wal_autocheckpoint = 16000",  # pages: what many batches change again and again goes into the file once
    "PRAGMA recursive_triggers = ON",  # else INSERT OR REPLACE deletes rows without asking the delete triggers
    f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}",
)

_thread_locks: dict[str, threading.Lock] = {}


def open_engine(url: str) -> sa.Engine:
    """An engine for a SQLAlchemy `url` (`sqlite:///path` or `postgresql://…`); refuses `database-not-supported`."""
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise Refusal("database-not-supported", database=url.partition(":")[0]) from error
    if address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:"):
        return _open_sqlite(address)
    if address.get_backend_name() == "postgresql":
        return sa.create_engine(address.set(drivername="postgresql+psycopg"), pool_pre_ping=True, max_overflow=20)
    raise Refusal("database-not-supported", database=address.drivername)


def is_missing(engine: sa.Engine) -> bool:
    """Whether a SQLite file is not there: connecting would make an empty one."""
    return engine.dialect.name == "sqlite" and not Path(str(engine.url.database)).exists()


def skips_in_indexes(connection: sa.Connection) -> bool:
    """Whether the database steps from one value of an index's column to the next, for a condition on the one after it.

    PostgreSQL does since version 18 (release notes, "skip scan"); SQLite only where ANALYZE has been run.
    """
    version = connection.dialect.server_version_info
    return connection.dialect.name == "postgresql" and version is not None and version >= (18,)


@contextmanager
def write_transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One database transaction: committed when the block ends well, rolled back otherwise."""
    with engine.connect() as connection, write_on(connection):
        yield connection


@contextmanager
def write_on(connection: sa.Connection) -> Iterator[None]:
    """One database transaction on a connection that its caller keeps from one to the next."""
    with _writer_lock(connection.engine):
        try:
            with connection.begin():
                yield
        except sa.exc.DBAPIError:
            # On SQLite a SELECT that was cut off keeps its snapshot after ROLLBACK, and every later BEGIN IMMEDIATE on
            # this connection would be refused as soon as somebody else has written.
            connection.invalidate()
            raise


@contextmanager
def schema_transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A database transaction that may make tables anew: SQLite then checks foreign keys at its end, not as it goes."""
    if engine.dialect.name == "sqlite":
        Path(str(engine.url.database)).touch(mode=0o600)  # a new book is its owner's to read
    with _writer_lock(engine), engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            with connection.begin():
                yield connection
            return
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA foreign_keys = OFF")  # has no effect once a transaction has begun
        try:
            with connection.begin():
                yield connection
                astray = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                if astray is not None:
                    raise InvariantError(f"a row of {astray[0]} names a row that is not there")
        finally:
            driver.execute("PRAGMA foreign_keys = ON")


@contextmanager
def read_transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A read-only snapshot: what it sees does not change while it is open, and it can't write."""
    options: dict[str, Any] = {"read_only": True}
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def _open_sqlite(address: sa.URL) -> sa.Engine:
    engine = sa.create_engine(address.set(drivername="sqlite+pysqlite"), pool_size=10, max_overflow=20)

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        for pragma in _SQLITE_PRAGMAS:
            connection.execute(pragma)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


@contextmanager
def _writer_lock(engine: sa.Engine) -> Iterator[None]:
    """On SQLite, this thread's and this process's turn to write; the database's own lock still guards correctness."""
    if engine.dialect.name != "sqlite":
        yield
        return
    path = f"{Path(str(engine.url.database)).resolve()}.lock"
    with _thread_locks.setdefault(path, threading.Lock()), Path(path).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file closes, also by the death of the process
        yield
