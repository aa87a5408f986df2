"""Database drivers that go wrong on demand: at the k-th statement, or around the commit.

    before      the statement fails before it is carried out
    after       it is carried out, then fails
    conflict    it fails as a serialization failure (PostgreSQL) or a busy database (SQLite)
    lost        the connection is lost (PostgreSQL: the server really ends it; SQLite: a failing disk)
    delay       everybody else has a turn before it is carried out
    commit-lost     the commit does not happen and the caller learns it by an error
    commit-unknown  the commit happens and the caller gets an error all the same

Faults sit in the drivers' own connections, below SQLAlchemy and below the dialect modules, which run on them directly.
On PostgreSQL a failing statement is one that the server refuses, so that the pipeline is aborted as it would be.
"""

import sqlite3
from collections.abc import Callable
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

STATEMENT_KINDS = ("before", "after", "conflict", "lost", "delay")
COMMIT_KINDS = ("commit-lost", "commit-unknown")


class Faults:
    """What is to go wrong next. Counts the statements that writing connections run while it is armed."""

    def __init__(self) -> None:
        self.armed = False
        self.kind, self.at = "", 0
        self.count = self.struck = 0
        self.poison: str | None = None  # statements whose values contain it always fail
        self.poison_passes = False  # whether the failure looks like one that another try can mend
        self.on_delay: Callable[[], None] = lambda: None

    @contextmanager
    def armed_with(self, kind: str = "", at: int = 0):
        """Within the block, the fault of this kind strikes once: at statement `at`, or at the commit."""
        self.kind, self.at, self.count, self.armed = kind, at, 0, True
        try:
            yield
        finally:
            self.armed = False

    def here(self) -> str:
        """The kind of fault that strikes the statement that is about to run, or nothing."""
        if not self.armed:
            return ""
        self.count += 1
        return self._strike() if self.kind in STATEMENT_KINDS and self.count == self.at else ""

    def at_commit(self) -> str:
        """The kind of fault that strikes the commit."""
        return self._strike() if self.armed and self.kind in COMMIT_KINDS else ""

    def _strike(self) -> str:
        kind, self.kind = self.kind, ""
        self.struck += 1
        return kind

    def is_poisoned(self, values) -> bool:
        """Whether a statement with these values always fails."""
        return self.poison is not None and self.poison in repr(values)


def inject(engine: sa.Engine, faults: Faults) -> None:
    """Make every connection that `engine` opens from now on one of ours."""
    engine.dispose()
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine, "do_connect")
        def _connect_sqlite(_dialect, _record, arguments, options):
            connection = sqlite3.connect(*arguments, **options, factory=FaultySQLite)
            connection.faults = faults
            return connection

    else:

        @sa.event.listens_for(engine, "do_connect")
        def _connect_postgresql(_dialect, _record, arguments, options):
            connection = FaultyPostgreSQL.connect(*arguments, **options)
            connection.cursor_factory = FaultyPostgreSQLCursor
            connection.faults = faults
            return connection


class FaultySQLiteCursor(sqlite3.Cursor):
    """Runs statements, or fails."""

    def execute(self, statement, values=()):
        return self._run(super().execute, statement, values)

    def executemany(self, statement, values):
        return self._run(super().executemany, statement, list(values))

    def _run(self, run, statement, values):
        faults = self.connection.faults
        if faults.is_poisoned(values):
            raise (sqlite3.OperationalError if faults.poison_passes else sqlite3.InternalError)("a page is damaged")
        kind = "" if statement.startswith(("PRAGMA", "ROLLBACK")) else faults.here()
        if kind == "before":
            raise sqlite3.InternalError("it failed")
        if kind == "conflict":
            raise sqlite3.OperationalError("database is locked")
        if kind == "lost":
            raise sqlite3.OperationalError("disk I/O error")
        if kind == "delay":
            faults.on_delay()
        result = run(statement, values)
        if kind == "after":
            raise sqlite3.InternalError("it failed afterwards")
        return result


class FaultySQLite(sqlite3.Connection):
    """A connection whose statements and commits can fail."""

    faults = Faults()

    def cursor(self, factory=FaultySQLiteCursor):
        return super().cursor(factory)

    def execute(self, *arguments):
        return self.cursor().execute(*arguments)

    def executemany(self, *arguments):
        return self.cursor().executemany(*arguments)

    def commit(self):
        kind = self.faults.at_commit()
        if kind == "commit-lost":
            self.rollback()
            raise sqlite3.OperationalError("disk I/O error")
        super().commit()
        if kind == "commit-unknown":
            raise sqlite3.OperationalError("disk I/O error")


class FaultyPostgreSQLCursor(psycopg.Cursor):
    """Runs statements, or has the server refuse one or end the connection."""

    def execute(self, statement, values=None, **options):
        faults = self.connection.faults
        kind = faults.here()
        poisoned = faults.is_poisoned(values)
        if kind == "before" or (poisoned and not faults.poison_passes):
            super().execute("SELECT 1/0")
        if kind == "conflict" or poisoned:
            super().execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$")
        if kind == "lost":
            end_backend(self.connection)
        if kind == "delay":
            faults.on_delay()
        super().execute(statement, values, **options)
        if kind == "after":
            psycopg.Cursor(self.connection).execute("SELECT 1/0")
        return self


class FaultyPostgreSQL(psycopg.Connection):
    """A connection whose statements and commits can fail."""

    faults = Faults()

    def commit(self):
        kind = self.faults.at_commit()
        if kind == "commit-lost":
            end_backend(self)
        super().commit()
        if kind == "commit-unknown":
            end_backend(self)
            raise psycopg.OperationalError("the connection was lost before the answer came")


def end_backend(connection: psycopg.Connection) -> None:
    """Let the server end this connection, and wait until it has."""
    info = connection.info
    with psycopg.connect(host=info.host, port=info.port, user=info.user, dbname="postgres", autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [info.backend_pid])
