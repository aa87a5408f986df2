"""`bxl trace`: every euro of a bond, from a citizen's payment to the expense of a project that it paid."""

from collections.abc import Mapping, Sequence

import click

from api.bootstrap import open_book
from api.cli.amounts import euro
from api.cli.options import book_options, settings_for
from contracts.bonds.allocation import allocation_report, report_json
from contracts.bonds.trace import Trace, trace, trace_json
from contracts.bonds.tracing import Flow


@click.command("trace")
@click.argument("series_id", metavar="BOND")
@click.option("--year", type=int, help="Print the allocation report of a calendar year instead.")
@click.option("--known-at", type=int, help="With --year: as the books were known after that entry.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object, amounts in cents.")
@book_options
def trace_command(
    series_id: str, year: int | None, known_at: int | None, *, as_json: bool, database: str | None, book: str | None
) -> None:
    """Print which payments paid which expense of BOND; payments go by pseudonyms.

    The rule is first in, first out: payments in the order in which they became units, expenses in the order of their
    entries. Both sums are checked to the cent before anything is printed.
    """
    if known_at is not None and year is None:
        raise click.UsageError("--known-at goes with --year")
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        if year is not None:
            today = opened.today_in(connection)
            found = allocation_report(connection, opened, series_id, year, today=today, known_at=known_at)
            click.echo(report_json(found), nl=False)
            return
        traced = trace(connection, opened, series_id)
    if as_json:
        click.echo(trace_json(traced), nl=False)
        return
    _show(traced)


def _show(found: Trace) -> None:
    """The expenses, each with the payments that paid it, and what is not spent."""
    names = {each.number: each.pseudonym for each in found.payments}
    count = len(found.payments)
    click.echo(
        f"{found.title}: {euro(found.raised_cents)} raised by {count} payments, after entry {found.known_at_entry}"
    )
    for use in found.expenses:
        assert use.expense is not None, "what was spent has its expense"
        amount, paid_on = euro(use.amount_cents), use.expense.paid_on
        click.echo(f"{use.project_id:<24} {amount:>16} entry {use.n} paid on {paid_on}: {use.expense.title}")
        _show_flows([each for each in found.flows if each.expense == use.n], names)
    for project_id, called in (*((each.project_id, each.project_id) for each in found.proceeds.projects), ("", "-")):
        cash = [each for each in found.flows if each.expense is None and each.project_id == project_id]
        if cash:
            state = "not spent" if project_id else "not allocated" if found.has_arrived else "not yet at the issuer"
            click.echo(f"{called:<24} {euro(sum(each.cents for each in cash)):>16} {state}")
            _show_flows(cash, names)


def _show_flows(found: Sequence[Flow], names: Mapping[int, str]) -> None:
    for each in found:
        click.echo(f"  {names[each.number]:<22} {euro(each.cents):>16}")
