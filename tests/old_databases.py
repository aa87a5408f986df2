"""Databases as an earlier program left them: a revision that is not the newest, with rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command, config

from ledger.storage.engine import open_engine, schema_transaction

BOTH = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql))
"""The databases, as parameters of a fixture."""


@contextmanager
def old_database(request: pytest.FixtureRequest, folder: Path, revision: str, *rows: str) -> Iterator[sa.Engine]:
    """A database of the fixture's parameter at `revision`, after these statements."""
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{folder / 'old.sqlite3'}" if is_sqlite else request.getfixturevalue("make_empty_postgresql")()
    engine = open_engine(url)
    with schema_transaction(engine) as connection:
        settings = config.Config()
        settings.set_main_option("script_location", "api:migrations")
        settings.set_main_option("path_separator", "os")
        settings.attributes["connection"] = connection
        command.upgrade(settings, revision)
        for row in rows:
            connection.exec_driver_sql(row)
    yield engine
    engine.dispose()
