"""`bxl fund`: the register of proxi loans, which the Fund keeps: what is filed, and what it answered."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import click

from api.bootstrap import open_book
from api.cli.options import as_actor, book_options, settings_for
from contracts.documents.folder import check_empty
from contracts.loans.books import loan_book
from contracts.registration.filings import chosen
from contracts.registration.package import registration_package, write_package
from contracts.registration.queries import Registration, registrations
from contracts.registration.service import ANSWERS, record_answer, record_filed


@click.group("fund")
def fund() -> None:
    """The Fund's register of loans."""


@fund.command("file")
@click.argument("loan_id", metavar="LOAN")
@click.option(
    "--out", "folder", type=click.Path(path_type=Path), required=True, help="A folder that is empty or is not there."
)
@as_actor
@book_options
def file_command(loan_id: str, folder: Path, *, actor: str, database: str | None, book: str | None) -> None:
    """Write what the registration of LOAN asks for, and record that it was filed today.

    That is every signed agreement which is not registered yet, and a table of them. If it can't be written, nothing is
    recorded.
    """
    check_empty(folder)
    opened = open_book(settings_for(database, book))
    package = registration_package(opened, loan_id)
    with opened.unit_of_work(actor=actor) as uow:
        on = uow.today()
        filed = record_filed(uow, loan_id, package.pledge_ids, on=on, evidence=package.sha256)
        write_package(package, folder, on=on)
    click.echo(f"{filed} agreements of {loan_id} in {folder}, recorded as filed on {on.isoformat()}")


@fund.command("answer")
@click.argument("loan_id", metavar="LOAN")
@click.argument("answer", type=click.Choice(ANSWERS))
@click.option("--on", "on_text", metavar="DATE", required=True, help="The day that the Fund's paper states.")
@click.option("--reference", required=True, help="The Fund's reference.")
@click.option(
    "--paper",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The Fund's answer; its SHA-256 is kept.",
)
@click.option("--agreement", "numbers", type=int, multiple=True, metavar="N", help="Only these (default: all).")
@as_actor
@book_options
def answer_command(  # noqa: PLR0913 -- a command line's words
    loan_id: str,
    answer: str,
    *,
    on_text: str,
    reference: str,
    paper: Path,
    numbers: Sequence[int],
    actor: str,
    database: str | None,
    book: str | None,
) -> None:
    """Record what the Fund answered to the agreements of LOAN."""
    try:
        on = date.fromisoformat(on_text)
    except ValueError as error:
        raise click.UsageError("--on is a date such as 2026-11-28") from error
    evidence = hashlib.sha256(paper.read_bytes()).hexdigest()
    with open_book(settings_for(database, book)).unit_of_work(actor=actor) as uow:
        known = registrations(uow.connection, uow.book_id, loan_book(uow.connection, uow.book_id, loan_id))
        pledge_ids = chosen(known, loan_id, numbers or [each.number for each in known])
        done = record_answer(uow, loan_id, pledge_ids, answer, on=on, reference=reference, evidence=evidence)
    click.echo(f"{done} agreements of {loan_id}: {answer} on {on.isoformat()}")


@fund.command("show")
@click.argument("loan_id", metavar="LOAN")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@book_options
def show_command(loan_id: str, *, as_json: bool, database: str | None, book: str | None) -> None:
    """Print where each agreement of LOAN stands in the register."""
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        known = registrations(connection, opened.book_id, loan_book(connection, opened.book_id, loan_id))
    if as_json:
        click.echo(json.dumps({"loan": loan_id, "agreements": [_shown(each) for each in known]}))
        return
    for each in known:
        days = [day.isoformat() for day in (each.registered_on, each.deregistered_on) if day]
        click.echo(" ".join([str(each.number), each.lender, each.state.value, *days, each.reference or ""]).strip())


def _shown(each: Registration) -> dict[str, object]:
    return {
        "number": each.number,
        "lender": each.lender,
        "state": each.state.value,
        "registered_on": each.registered_on.isoformat() if each.registered_on else None,
        "deregistered_on": each.deregistered_on.isoformat() if each.deregistered_on else None,
        "reference": each.reference,
    }
