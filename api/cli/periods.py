"""Commands of the accountant on periods: ask for a closing, close under four eyes, list what is closed."""

import json
from datetime import datetime

import click

from api.bootstrap import open_book
from api.cli.options import as_actor, book_options, settings_for
from ledger import approvals
from ledger.audit.totals import enter_totals
from ledger.periods import close_period, closed_periods, request_period_close

_DATE = click.DateTime(formats=["%Y-%m-%d"])
_until = click.option("--until", type=_DATE, required=True, help="The last day of the period.")


@click.group("period")
def period() -> None:
    """Close a period, with a second person's approval, and list those that are closed."""


@period.command("request")
@_until
@click.option("--reason", required=True, help="What the second person reads.")
@as_actor
@click.option("--json", "as_json", is_flag=True, help="Print the approval's identifier as JSON.")
@book_options
def request_command(
    until: datetime, reason: str, actor: str, *, as_json: bool, database: str | None, book: str | None
) -> None:
    """Ask a second person to approve that the period is closed on its balances as they stand."""
    with open_book(settings_for(database, book)).unit_of_work(actor=actor) as unit:
        approval_id = request_period_close(unit, until_on=until.date(), reason=reason)
    click.echo(
        json.dumps({"approval_id": approval_id}) if as_json else f"Approval {approval_id} waits for a colleague."
    )


@period.command("close")
@_until
@click.option("--approval", "approval_id", required=True, help="What the request answered.")
@as_actor
@click.option("--json", "as_json", is_flag=True, help="Print the closing entry as JSON.")
@book_options
def close_command(
    until: datetime, approval_id: str, actor: str, *, as_json: bool, database: str | None, book: str | None
) -> None:
    """Close the period and enter its totals; where nobody has approved yet, this approves as the second person."""
    opened = open_book(settings_for(database, book))
    with opened.unit_of_work(actor=actor) as unit:
        asked = approvals.find(unit.connection, unit.book_id, approval_id)
        if asked is not None and asked.approver is None:
            approvals.approve(unit, approval_id)
        key = close_period(unit, until_on=until.date(), approval_id=approval_id)
    [closing] = unit.results
    enter_totals(opened)
    if as_json:
        click.echo(json.dumps({"entry": closing.n, "key": key, "duplicate": closing.duplicate}))
        return
    repeated = " (it was already)" if closing.duplicate else ""
    click.echo(f"All up to {until.date()} is closed{repeated}: entry {closing.n}")


@period.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@book_options
def list_command(*, as_json: bool, database: str | None, book: str | None) -> None:
    """Print the closed periods, oldest first."""
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        found = closed_periods(connection, opened.book_id)
    rows: list[dict[str, object]] = [
        {
            "since_on": each.since_on.isoformat() if each.since_on else None,
            "until_on": each.until_on.isoformat(),
            "entry": each.n,
            "closed_at": each.closed_at.isoformat(),
            "actor": each.actor,
            "approvals": list(each.approvals),
        }
        for each in found
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        since = row["since_on"] or "the beginning"
        click.echo(f"{since} to {row['until_on']}: closed by entry {row['entry']} on {row['closed_at']}")
