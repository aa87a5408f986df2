"""`bxl migrate`: a database at this version's schema, with its book and keys."""

import click

from api.cli.options import book_options, settings_for
from ledger.errors import Refusal


@click.command("migrate")
@click.option("--grant", "role", metavar="ROLE", help="PostgreSQL: let this role, which owns nothing, run the program.")
@book_options
def migrate(database: str | None, book: str | None, role: str | None) -> int:
    """Bring the database to this version's schema and create the book and its keys where they are missing.

    With --grant, a database role gets what the program needs and nothing with which the record could be changed.
    """
    from api import migrations  # noqa: PLC0415 -- slow imports that only this command needs
    from api.bootstrap import create_book  # noqa: PLC0415 -- the same

    settings = settings_for(database, book)
    if role is not None and not settings.database_url.startswith("postgresql"):
        raise Refusal("grant-needs-postgresql")
    made = create_book(settings)
    click.echo(f"The book {settings.book_id} stands; keys and log are in {settings.data}.")
    if role is not None:
        migrations.grant(made.engine, role)
        click.echo(f"The role {role} may run the program.")
    return 0
