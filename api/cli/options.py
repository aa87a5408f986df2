"""The options that commands share: which database, which book."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from sqlalchemy.engine import make_url

from api.settings import EMBEDDED_FILE, Settings, SettingsError, read_settings

F = TypeVar("F", bound=Callable[..., Any])


def book_options(command: F) -> F:
    """`--database URL` and `--book NAME`; both fall back on the environment, then on the embedded database."""
    with_book = click.option("--book", metavar="NAME", help="The book (default: BXL_BOOK, or main).")(command)
    return click.option("--database", metavar="URL", help="SQLAlchemy URL (default: the embedded database).")(with_book)


def settings_for(database: str | None, book: str | None = None) -> Settings:
    """The settings with these options over the environment.

    Keys and log of a database that is named here and not by BXL_DATA lie in a folder of its own, beside a SQLite file
    and under `data` for a server, so that two databases never share a key. The embedded file has them right beside it.
    """
    environment = dict(os.environ)
    if database is not None:
        environment["BXL_DATABASE"] = database
        environment.setdefault("BXL_DATA", str(_folder_of(database)))
    if book is not None:
        environment["BXL_BOOK"] = book
    try:
        return read_settings(environment)
    except SettingsError as error:
        raise click.UsageError("\n".join(error.faults)) from error


def _folder_of(database: str) -> Path:
    try:
        url = make_url(database)
    except Exception as error:
        raise click.UsageError(f"--database is no SQLAlchemy URL: {error}") from error
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:":
            raise click.UsageError("--database names no file: a book is kept, never in memory")
        file = Path(url.database)
        return file.parent if file.name == EMBEDDED_FILE else file.with_name(f"{file.name}-data")
    server = [url.host or url.query.get("host", "local"), url.port, url.database]  # a socket's folder is in the query
    return Path("data") / re.sub(r"[^\w.]+", "-", "-".join(str(part) for part in server if part)).strip("-")
