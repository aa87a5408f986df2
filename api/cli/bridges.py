"""Commands on the bridges between books of one database: do they net to zero, and what is left open."""

import json
from dataclasses import replace

import click

from api.bootstrap import open_book
from api.cli.options import book_options, settings_for
from ledger.bridges import check_zero, open_peers, peers, sweep


@click.group("bridges")
def bridges() -> None:
    """Look after transfers between the books of one database."""


@bridges.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@book_options
def check_command(*, as_json: bool, database: str | None, book: str | None) -> int:
    """Say by how much the bridges of the book and of its peers do not net to zero; exit code 1 if they do not."""
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        others = peers(connection, opened.book_id)
        found = check_zero(connection, opened.book_id)
    if as_json:
        click.echo(json.dumps({"bridges": others, "differences": [each._asdict() for each in found]}))
    else:
        for each in found:
            click.echo(f"{each.book} and {each.other}: {each.amount} {each.asset} too much on one side")
        click.echo(f"{len(others)} bridges, {len(found)} differences")
    return 1 if found else 0


@bridges.command("sweep")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@book_options
def sweep_command(*, as_json: bool, database: str | None, book: str | None) -> None:
    """Complete or void every open transfer of the book."""
    settings = settings_for(database, book)
    opened = open_book(settings)
    with opened.read() as connection:
        names = open_peers(connection, opened.book_id)
    swept = [sweep(opened, open_book(replace(settings, book_id=name))) for name in names]
    sent, returned = sum(each.sent for each in swept), sum(each.returned for each in swept)
    click.echo(json.dumps({"sent": sent, "returned": returned}) if as_json else f"{sent} completed, {returned} voided")
