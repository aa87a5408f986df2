"""Commands on the totals of closed periods: enter them, and write the path of one account."""

from datetime import datetime
from pathlib import Path

import click

from api.bootstrap import open_book
from api.cli.options import book_options, settings_for
from ledger.accounts import AccountRef
from ledger.audit.totals import encode_proofs, enter_totals, proof_of_account

_DATE = click.DateTime(formats=["%Y-%m-%d"])


@click.group("state")
def state() -> None:
    """Enter the totals of the last closed period, and prove that an account is part of them."""


@state.command("enter")
@book_options
def enter_command(database: str | None, book: str | None) -> None:
    """Enter the totals of the last closed period, where the worker has not yet."""
    entered = enter_totals(open_book(settings_for(database, book)))
    click.echo("The totals of the last closed period are entered." if entered else "Nothing to enter.")


@state.command("proof")
@click.argument("account")
@click.option("--asset", default="EUR", show_default=True, help="The account's asset.")
@click.option("--period", type=_DATE, required=True, help="The last day of the period.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file (default: standard output).")
@book_options
def proof_command(
    account: str, asset: str, period: datetime, out: Path | None, database: str | None, book: str | None
) -> None:
    """Write the path of ACCOUNT in the totals of a closed period: what `bxl verify state --mine` checks."""
    found = proof_of_account(open_book(settings_for(database, book)), AccountRef.parse(account, asset), period.date())
    encoded = encode_proofs([found])
    if out is None:
        click.echo(encoded, nl=False)
    else:
        out.write_bytes(encoded)
