"""Commands on the keys of persons: those that their lines and papers are hidden under."""

import click

from api.bootstrap import open_book
from api.cli.options import book_options, settings_for
from ledger.rewrap import rewrap


@click.group("keys")
def keys() -> None:
    """Look after the keys that persons' lines and papers are hidden under."""


@keys.command("rewrap")
@book_options
def rewrap_command(database: str | None, book: str | None) -> None:
    """Replace the wrapping key: every live key is wrapped anew, and the old key is gone. The worker does it in time."""
    click.echo(f"{rewrap(open_book(settings_for(database, book)))} keys wrapped anew")
