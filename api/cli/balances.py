"""`bxl balance`: one account on a day, as known at an entry, and the file by which anyone can check it."""

import json
from datetime import date, datetime
from pathlib import Path

import click

from api.bootstrap import open_book
from api.cli.options import book_options, known_at_of, known_at_option, settings_for
from ledger.accounts import AccountRef
from ledger.audit.balance_proof import balance_proof
from ledger.balances import balance
from ledger.book import Book
from ledger.held import available
from ledger.money import EUR

_DATE = click.DateTime(formats=["%Y-%m-%d"])


@click.command("balance")
@click.argument("account")
@click.option("--asset", default=EUR.code, show_default=True)
@click.option("--on", type=_DATE, help="By date of effect, on this day (default: whatever the date).")
@known_at_option
@click.option("--proof", type=click.Path(dir_okay=False, path_type=Path), help="Write what proves it to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, amounts in minor units.")
@book_options
def balance_command(
    account: str,
    asset: str,
    on: datetime | None,
    known_at: str | None,
    proof: Path | None,
    *,
    as_json: bool,
    database: str | None,
    book: str | None,
) -> None:
    """Print the balance of ACCOUNT (such as 489100:c17), and what holds reserve of it."""
    settings = settings_for(database, book)
    opened, ref = open_book(settings), AccountRef.parse(account, asset)
    day = on.date() if on else None
    with opened.read() as connection:
        known = known_at_of(connection, opened.book_id, known_at)
        signed = balance(connection, opened.book_id, ref, on=day, known_at=known)
        standing = available(connection, opened.book_id, ref)
    found = {
        "account": account,
        "asset": asset,
        "on": day.isoformat() if day else None,
        "known_at": known,
        "debit": max(signed, 0),
        "credit": max(-signed, 0),
        "held_debit": standing.held_debit,
        "held_credit": standing.held_credit,
    }
    if proof is not None:
        _write_proof(opened, ref, proof, settings.log_folder, on=day, known_at=known)
    if as_json:
        click.echo(json.dumps(found))
        return
    side = "debit" if signed > 0 else "credit" if signed < 0 else ""
    click.echo(f"{account} {asset}: {abs(signed)} {side}".rstrip())
    if standing.held_debit or standing.held_credit:
        click.echo(f"reserved by holds: {standing.held_debit} debit, {standing.held_credit} credit")


def _write_proof(
    book: Book, account: AccountRef, file: Path, log_folder: Path, *, on: date | None, known_at: int | None
) -> None:
    lines = balance_proof(book, account, log_dir=log_folder, on=on, known_at=known_at)
    header = next(lines)  # refused before a file is made
    partial = file.with_name(file.name + ".partial")
    partial.touch(mode=0o600)
    partial.write_bytes(b"".join((header, *lines)))
    partial.replace(file)
