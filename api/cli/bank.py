"""Commands of the treasurer on the client account: take in a bank statement, and print what is in suspense."""

import json
from dataclasses import replace
from pathlib import Path

import click

from api.bootstrap import open_book
from api.cli.options import as_actor, book_options, settings_for
from contracts.dispatch import BANK_HOOKS
from ledger.payments.statements import import_statement_file
from ledger.payments.suspense import open_items


@click.group("bank")
def bank() -> None:
    """Take in the bank's statements, and see what could not be placed."""


@bank.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@as_actor
@click.option("--json", "as_json", is_flag=True, help="Print what came in as JSON.")
@book_options
def import_command(file: Path, actor: str, *, as_json: bool, database: str | None, book: str | None) -> None:
    """Import a camt.053 FILE; what was imported before adds nothing."""
    settings = settings_for(database, book)
    hooks = replace(BANK_HOOKS, own_iban=settings.own_iban)
    done = import_statement_file(open_book(settings), file.read_bytes(), hooks=hooks, actor=actor)
    if as_json:
        counts = {"statements": done.statements, "known_statements": done.known_statements}
        click.echo(json.dumps({"sha256": done.sha256, **counts, "lines": done.lines, "suspended": done.suspended}))
        return
    click.echo(f"{done.statements} new statements ({done.known_statements} known), {done.lines} lines")
    click.echo(f"{done.suspended} in suspense")


@bank.command("suspense")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@book_options
def suspense_command(*, as_json: bool, database: str | None, book: str | None) -> None:
    """Print what is in suspense, oldest first, with the last days to answer and to give it back."""
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        found = open_items(opened, connection)
    rows = [
        {
            "item_id": each.item_id,
            "amount_cents": each.amount_cents,
            "received_on": each.received_on.isoformat(),
            "answer_by_on": each.answer_by.isoformat(),
            "return_by_on": each.return_by.isoformat(),
            "reason": each.reason.value,
            "proposal": [proposed.payment_id for proposed in each.proposal],
        }
        for each in found
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(
            f"{row['item_id']}  {row['amount_cents']} cents  received {row['received_on']}  "
            f"answer by {row['answer_by_on']}  return by {row['return_by_on']}  {row['reason']}"
        )
