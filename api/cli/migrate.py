"""`bxl migrate`: a database at this version's schema, with its book and keys."""

import click

from api.cli.options import book_options, settings_for


@click.command("migrate")
@book_options
def migrate(database: str | None, book: str | None) -> int:
    """Bring the database to this version's schema and create the book and its keys where they are missing."""
    from api.bootstrap import create_book  # noqa: PLC0415 -- slow imports that only this command needs

    settings = settings_for(database, book)
    create_book(settings)
    click.echo(f"The book {settings.book_id} stands; keys and log are in {settings.data}.")
    return 0
