"""Commands that close a day: compare provider, bank and ledger, and verify a report that was made of it."""

import json
from datetime import datetime
from pathlib import Path

import click

from api.bootstrap import wire
from api.cli.main import EXIT_REFUSED
from api.cli.options import as_actor, book_options, settings_for

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group("reconcile")
def reconcile() -> None:
    """Close a day, and verify the report of one."""


@reconcile.command("close")
@click.option("--on", type=_DAY, help="The day (default: today).")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Also write the signed report here.")
@as_actor
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@book_options
def close_command(
    on: datetime | None, out: Path | None, actor: str, *, as_json: bool, database: str | None, book: str | None
) -> int:
    """Compare provider, bank and ledger, store and sign the report; ends with 1 where anything differs."""
    from api.reconcile.closing import close_day  # noqa: PLC0415 -- only this command needs it

    wiring = wire(settings_for(database, book))
    closed = close_day(wiring, on=on.date() if on else wiring.book.today(), actor=actor)
    if out is not None:
        out.write_bytes(closed.file)
    if as_json:
        click.echo(json.dumps(closed.report))
    else:
        for row in closed.report["accounts"]:
            stated = "nothing stated" if row["stated_cents"] is None else f"{row['stated_cents']:>16}"
            click.echo(
                f"{row['account']}  {row['source']:12}{row['ledger_cents']:>16}{stated}{row['difference_cents']:>12}"
            )
            for named in row["named"]:
                click.echo(f"        {named['code']} {named['subject']} {named['cents']}")
        for text in closed.report["invariants"]:
            click.echo(text)
    return 0 if closed.agrees else EXIT_REFUSED


@reconcile.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--certificate", help="SHA-256 of the receipt certificate (default: the one that the log's policy pins).")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@book_options
def verify_command(
    file: Path, certificate: str | None, *, as_json: bool, database: str | None, book: str | None
) -> int:
    """Verify that a signed report is what was stored; refuses `close-malformed` and `close-forged`."""
    from api.reconcile.closing import pinned_certificate, verify_close  # noqa: PLC0415 -- only this command needs it

    pinned = certificate or pinned_certificate(settings_for(database, book))
    report = verify_close(file.read_bytes(), certificate_sha256=pinned)
    click.echo(json.dumps(report) if as_json else f"verified: book {report['book']} on {report['on']}")
    return 0
