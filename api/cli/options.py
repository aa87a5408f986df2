"""The options that commands share: which database, which book."""

import os
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from sqlalchemy.engine import Connection, make_url

from api.settings import EMBEDDED_FILE, Settings, SettingsError, read_settings

F = TypeVar("F", bound=Callable[..., Any])


def book_options(command: F) -> F:
    """`--database URL` and `--book NAME`; both fall back on the environment, then on the embedded database."""
    with_book = click.option("--book", metavar="NAME", help="The book (default: BXL_BOOK, or main).")(command)
    return click.option("--database", metavar="URL", help="SQLAlchemy URL (default: the embedded database).")(with_book)


_ACTOR = re.compile(r"[a-z0-9][a-z0-9.:-]{0,63}")


def _actor(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not _ACTOR.fullmatch(value):
        raise click.BadParameter("a short identifier of lower-case letters, digits, dots, colons and hyphens")
    return value


as_actor = click.option("--as", "actor", required=True, callback=_actor, help="Who acts, as the book names people.")
known_at_option = click.option(
    "--known-at", metavar="ENTRY", help="As known at this entry: its number, or an instant (default: all entries)."
)


def known_at_of(connection: Connection, book_id: str, stated: str | None) -> int | None:
    """The entry number that `--known-at` stands for: an instant is the last entry booked then or before.

    Refuses `known-at-not-reached`.
    """
    if stated is None:
        return None
    from ledger.dated import check_known_at, known_at_instant  # noqa: PLC0415 -- most commands need no database

    if stated.isascii() and stated.isdecimal():
        known_at = int(stated)
    else:
        known_at = known_at_instant(connection, book_id, _instant(stated))
    check_known_at(connection, book_id, known_at)
    return known_at


def _instant(stated: str) -> datetime:
    try:
        instant = datetime.fromisoformat(stated)
    except ValueError as error:
        raise click.UsageError("--known-at is neither an entry's number nor an instant") from error
    if instant.tzinfo is None:
        raise click.UsageError("--known-at names an instant without its time zone, such as +00:00 or Z")
    return instant


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
