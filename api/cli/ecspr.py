"""`bxl ecspr`: what the book holds as evidence of Regulation (EU) 2020/1503."""

import json

import click

from api.bootstrap import open_book
from api.cli.options import book_options, settings_for
from contracts.evidence import evidence


@click.group()
def ecspr() -> None:
    """List what was checked of Regulation (EU) 2020/1503, article by article."""


@ecspr.command("evidence")
@click.option("--article", help="This article only, with its paragraphs: 21, 21(7).")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the lines are always JSON.")
@book_options
def evidence_command(*, article: str | None, _as_json: bool, database: str | None, book: str | None) -> None:
    """Print one JSON object a line for each check that left evidence, by article and date."""
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        lines = evidence(connection, opened, article=article)
    for line in lines:
        click.echo(json.dumps(line.to_json(), ensure_ascii=False, sort_keys=True))
