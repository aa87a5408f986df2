"""Commands of the accountant: the annual statements, and closing and opening a financial year."""

import json
from collections.abc import Iterable
from datetime import datetime

import click

from api.bootstrap import open_book
from api.cli.amounts import euro
from api.cli.options import as_actor, book_options, known_at_of, known_at_option, settings_for
from ledger import approvals
from ledger.audit.floors import below_floor
from ledger.audit.restatements import restatement, store_restatement
from ledger.money import EUR
from ledger.reports import BalanceSheet, IncomeStatement, Note, balance_sheet, income_statement
from ledger.rubrics import LANGUAGES, Row
from ledger.years import close_year, open_year, request_year_close

_DATE = click.DateTime(formats=["%Y-%m-%d"])
_NAME_WIDTH, _AMOUNT_WIDTH = 72, 20
_language = click.option("--language", type=click.Choice(LANGUAGES), default="en", show_default=True)


@click.group("report")
def report() -> None:
    """The annual statements in the abbreviated Belgian form; what changed in closed periods; balances below a floor."""


@report.command("balance-sheet")
@click.option("--on", type=_DATE, required=True, help="The day at whose end the book is looked at.")
@known_at_option
@_language
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, amounts in minor units.")
@book_options
def balance_sheet_command(
    on: datetime, known_at: str | None, language: str, *, as_json: bool, database: str | None, book: str | None
) -> None:
    """Print what the book owns and owes on a day."""
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        known = known_at_of(connection, opened.book_id, known_at)
        sheet = balance_sheet(connection, opened.book_id, on=on.date(), known_at=known)
    if as_json:
        click.echo(json.dumps(_sheet_object(sheet), ensure_ascii=False))
        return
    _show_rows([*sheet.assets, *sheet.liabilities], language)
    _show_notes(sheet.notes, language)


@report.command("income-statement")
@click.option("--since", type=_DATE, required=True, help="The first day.")
@click.option("--until", type=_DATE, required=True, help="The last day.")
@known_at_option
@_language
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, amounts in minor units.")
@book_options
def income_statement_command(
    since: datetime,
    until: datetime,
    known_at: str | None,
    language: str,
    *,
    as_json: bool,
    database: str | None,
    book: str | None,
) -> None:
    """Print what was earned and spent between two days, both included."""
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        known = known_at_of(connection, opened.book_id, known_at)
        found = income_statement(connection, opened.book_id, since=since.date(), until=until.date(), known_at=known)
    if as_json:
        click.echo(json.dumps(_income_object(found), ensure_ascii=False))
        return
    _show_rows([*found.rows, *found.appropriation], language)
    _show_notes(found.notes, language)


@report.command("restatement")
@click.option("--period", "until", type=_DATE, required=True, help="The last day of the closed period.")
@known_at_option
@click.option("--store", is_flag=True, help="Keep its hash in the record, as a note on the closing entry.")
@click.option("--json", "as_json", is_flag=True, help="Print the report itself, the bytes that its hash is of.")
@book_options
def restatement_command(
    until: datetime, known_at: str | None, *, store: bool, as_json: bool, database: str | None, book: str | None
) -> None:
    """Say what late entries have changed in a closed period, by account and by line of the balance sheet."""
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        known = known_at_of(connection, opened.book_id, known_at)
        found = restatement(connection, opened.book_id, until_on=until.date(), known_at=known)
    if store:
        with opened.unit_of_work(actor="report") as unit:
            store_restatement(unit, until_on=until.date(), known_at=found.known_at)
    if as_json:
        click.echo(found.text(), nl=False)
        return
    click.echo(f"Up to {until.date()}, closed by entry {found.period.n}, as known at entry {found.known_at}")
    for entry in found.late:
        click.echo(f"late   {entry.n:>8} {entry.effective_on} {entry.purpose} ({entry.key})")
    for called, changes in (("account", found.accounts), ("rubric", found.rubrics)):
        for each in changes:
            closed, now = _shown(each.closed, each.asset), _shown(each.known, each.asset)
            click.echo(f"{called:<8} {each.name:<24} {each.asset:<12} {closed:>18} {now:>18}")
    click.echo(f"sha256 {found.sha256}")


@report.command("below-floor")
@known_at_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, amounts in minor units.")
@book_options
def below_floor_command(known_at: str | None, *, as_json: bool, database: str | None, book: str | None) -> None:
    """List the days on which a balance by date of effect was below its account's floor."""
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        found = below_floor(connection, opened.book_id, known_at=known_at_of(connection, opened.book_id, known_at))
    rows: list[dict[str, object]] = [
        {
            "account": str(each.account),
            "asset": each.account.asset,
            "since_on": each.since_on.isoformat(),
            "until_on": each.until_on.isoformat() if each.until_on else None,
            "lowest": each.lowest,
            "floor": each.floor,
        }
        for each in found
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for each in found:
        until = each.until_on or "now"
        lowest = _shown(each.lowest, each.account.asset)
        click.echo(f"{each.account!s:<24} {each.account.asset:<12} {each.since_on} to {until} {lowest:>18}")


@click.group("year")
def year() -> None:
    """Close a financial year, with a second person's approval, and open the next."""


@year.command("request")
@click.option("--ends-on", type=_DATE, required=True, help="The last day of the year.")
@click.option("--reason", required=True, help="What the second person reads.")
@as_actor
@click.option("--json", "as_json", is_flag=True, help="Print the approval's identifier as JSON.")
@book_options
def request_command(
    ends_on: datetime, reason: str, actor: str, *, as_json: bool, database: str | None, book: str | None
) -> None:
    """Ask a second person to approve that the year is closed on its result as it stands."""
    with open_book(settings_for(database, book)).unit_of_work(actor=actor) as unit:
        approval_id = request_year_close(unit, ends_on=ends_on.date(), reason=reason)
    click.echo(
        json.dumps({"approval_id": approval_id}) if as_json else f"Approval {approval_id} waits for a colleague."
    )


@year.command("close")
@click.option("--ends-on", type=_DATE, required=True, help="The last day of the year.")
@click.option("--approval", "approval_id", required=True, help="What the request answered.")
@as_actor
@click.option("--json", "as_json", is_flag=True, help="Print the entries as JSON.")
@book_options
def close_command(
    ends_on: datetime, approval_id: str, actor: str, *, as_json: bool, database: str | None, book: str | None
) -> None:
    """Close the year; where nobody has approved it yet, this approves it as the second person."""
    opened = open_book(settings_for(database, book))
    with opened.unit_of_work(actor=actor) as unit:
        asked = approvals.find(unit.connection, unit.book_id, approval_id)
        if asked is not None and asked.approver is None:
            approvals.approve(unit, approval_id)
        keys = close_year(unit, ends_on=ends_on.date(), approval_id=approval_id)
    _show_entries("closed", keys, duplicate=all(result.duplicate for result in unit.results), as_json=as_json)


@year.command("open")
@click.option("--starts-on", type=_DATE, required=True, help="The first day of the new year.")
@as_actor
@click.option("--json", "as_json", is_flag=True, help="Print the entry as JSON.")
@book_options
def open_command(starts_on: datetime, actor: str, *, as_json: bool, database: str | None, book: str | None) -> None:
    """Carry the result of the year that ended the day before forward."""
    with open_book(settings_for(database, book)).unit_of_work(actor=actor) as unit:
        keys = open_year(unit, starts_on=starts_on.date())
    duplicate = bool(keys) and all(result.duplicate for result in unit.results)
    _show_entries("opened", keys, duplicate=duplicate, as_json=as_json)


def _show_entries(done: str, keys: list[str], *, duplicate: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"entries": keys, "duplicate": duplicate}))
        return
    repeated = " (it was already)" if duplicate else ""
    click.echo(
        f"The year is {done}{repeated}: " + (", ".join(keys) if keys else "there was no result to carry forward")
    )


def _sheet_object(sheet: BalanceSheet) -> dict[str, object]:
    return {
        "on": sheet.on.isoformat(),
        "total_cents": sheet.total_cents,
        "result_cents": sheet.result_cents,
        "assets": _row_objects(sheet.assets),
        "liabilities": _row_objects(sheet.liabilities),
        "notes": _note_objects(sheet.notes),
    }


def _income_object(found: IncomeStatement) -> dict[str, object]:
    return {
        "since": found.since.isoformat(),
        "until": found.until.isoformat(),
        "result_cents": found.result_cents,
        "rows": _row_objects(found.rows),
        "appropriation": _row_objects(found.appropriation),
        "notes": _note_objects(found.notes),
    }


def _row_objects(rows: Iterable[Row]) -> list[dict[str, object]]:
    return [
        {"code": row.code, "level": row.level, "names": dict(row.names), "amount_cents": row.amount_cents}
        for row in rows
    ]


def _note_objects(notes: Iterable[Note]) -> list[dict[str, object]]:
    return [
        {"code": note.code, "asset": note.asset, "names": dict(note.names), "debit": note.debit, "credit": note.credit}
        for note in notes
    ]


def _show_rows(rows: Iterable[Row], language: str) -> None:
    """The main lines, and of the others those that hold an amount."""
    for row in rows:
        if row.amount_cents or row.level <= 1:
            name = "  " * row.level + row.names[language]
            click.echo(f"{row.code:<8} {_cut(name):<{_NAME_WIDTH}} {euro(row.amount_cents):>{_AMOUNT_WIDTH}}")


def _show_notes(notes: Iterable[Note], language: str) -> None:
    for note in notes:
        debit, credit = _shown(note.debit, note.asset), _shown(note.credit, note.asset)
        name = _cut(f"{note.names[language]} ({note.asset})")
        click.echo(f"{note.code:<8} {name:<{_NAME_WIDTH}} {debit:>{_AMOUNT_WIDTH}} {credit:>{_AMOUNT_WIDTH}}")


def _cut(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 3] + "..."


def _shown(minor: int, asset: str) -> str:
    """Euro with two decimals; any other asset in its smallest unit."""
    return euro(minor) if asset == EUR.code else str(minor)
