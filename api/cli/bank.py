"""Commands of the treasurer on the client account: statements and suspense, runs of payouts and their files."""

import json
from dataclasses import replace
from pathlib import Path

import click

from api.bootstrap import open_book
from api.cli.options import as_actor, book_options, settings_for
from api.v1.schemas import orders as schemas
from api.v1.schemas.orders import ParkedHolder
from contracts.dispatch import BANK_HOOKS
from contracts.payout_views import PayoutRun, payout_run, payout_runs
from ledger.payments.batches import file_of
from ledger.payments.model import BatchState
from ledger.payments.statements import import_statement_file
from ledger.payments.suspense import open_items
from ledger.payments.transfer_runs import parked_lines, transfer_run
from ledger.storage.base import JSON


@click.group("bank")
def bank() -> None:
    """Take in the bank's statements, see what could not be placed, and what is paid out."""


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


@bank.command("runs")
@click.option("--last", default=20, show_default=True, type=click.IntRange(1, 1_000), help="How many.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@book_options
def runs_command(last: int, *, as_json: bool, database: str | None, book: str | None) -> None:
    """Print the newest runs of payouts, newest first."""
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        found = payout_runs(connection, opened.book_id, limit=last)
    if as_json:
        click.echo(json.dumps([_as_json(run) for run in found]))
        return
    for run in found:
        click.echo(
            f"{run.run_id}  {run.planned_on}  {run.state}  {run.lines} transfers  {run.total_cents} cents  "
            f"{sum(each.holders for each in run.parked)} parked  {len(run.files)} files"
        )


@bank.command("run")
@click.argument("run_id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as `/v1/payout-runs` gives it.")
@book_options
def run_command(run_id: str, *, as_json: bool, database: str | None, book: str | None) -> None:
    """Print one run of payouts: what was approved by whom, how far it has come, its files."""
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        run = payout_run(connection, opened.book_id, run_id)
    if as_json:
        click.echo(json.dumps(_as_json(run)))
        return
    click.echo(f"{run.run_id}  planned {run.planned_on}  {run.state}")
    click.echo(f"approved: {run.lines} transfers, {run.total_cents} cents, SHA-256 {run.lines_sha256}")
    click.echo(f"asked for by {run.asked_by}, approved by {run.approved_by or '-'}")
    click.echo(f"ordered: {run.ordered} transfers, {run.ordered_cents} cents; {run.left_cents} cents to go")
    click.echo(f"in no file: {run.waiting} transfers, {run.waiting_cents} cents")
    for reason, holders, amount_cents in run.parked:
        click.echo(f"parked: {reason}  {holders} holders  {amount_cents} cents")
    for file in run.files:
        click.echo(f"{file.batch_id}  {file.state}  {file.count} transfers  {file.total_cents} cents  {file.sha256}")


@bank.command("run-files")
@click.argument("run_id")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@book_options
def run_files_command(run_id: str, folder: Path, *, database: str | None, book: str | None) -> None:
    """Write the order files of a run into FOLDER, but for those that were given up; the bytes are always the same."""
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        kept = [f for f in payout_run(connection, opened.book_id, run_id).files if f.state is not BatchState.DISCARDED]
    folder.mkdir(parents=True, exist_ok=True)
    for each in kept:
        with opened.read() as connection:
            file = file_of(connection, opened, each.batch_id)
        path = folder / f"{each.batch_id}.xml"
        path.write_bytes(file)
        click.echo(f"{each.sha256}  {path}  {each.state}")


@bank.command("parked")
@click.argument("run_id")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@book_options
def parked_command(run_id: str, *, as_json: bool, database: str | None, book: str | None) -> None:
    """Print who is owed money and is not paid by a run, and why."""
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        transfer_run(connection, opened.book_id, run_id)
        found = parked_lines(connection, opened.book_id, run_id)
    if as_json:
        click.echo(json.dumps([ParkedHolder.model_validate(line).model_dump(mode="json") for line in found]))
        return
    for line in found:
        click.echo(f"{line.payee}  {line.amount_cents} cents  {line.reason}")


def _as_json(run: PayoutRun) -> dict[str, JSON]:
    return schemas.PayoutRun.model_validate(run).model_dump(mode="json")
