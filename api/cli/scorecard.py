"""`bxl statistics restructurings`: what became of every plan after 6, 12 and 24 months, and how wrong the model was."""

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

import click

from api.bootstrap import open_book
from api.cli.options import book_options, settings_for
from contracts.statistics.restructurings import Reckoned, reckon_scorecard
from contracts.statistics.scorecard import Assumed, MarkTotals, Outcome
from contracts.statistics.scorecard_files import scorecard_csv, scorecard_json
from contracts.terms.exact import decimal_half_up
from ledger.clock import check_happened

_ASSUMED = {
    Assumed.AFTER: "plans accepted",
    Assumed.REFUSED: "plans not applied",
    Assumed.BANKRUPT: "debts lost",
}


@click.command(name="restructurings")
@click.option("--on", type=click.DateTime(formats=["%Y-%m-%d"]), help="As of the end of this day (default: today).")
@click.option("--json", "as_json", is_flag=True, help="Print the file that the page offers.")
@click.option("--csv", "as_csv", is_flag=True, help="Print one row a plan, without names.")
@book_options
def restructurings_command(
    on: datetime | None, *, as_json: bool, as_csv: bool, database: str | None, book: str | None
) -> None:
    """Print what became of every plan that came into effect, 6, 12 and 24 months later."""
    if as_json and as_csv:
        raise click.UsageError("--json or --csv, not both")
    found = _reckoned(database, book, on)
    if as_json or as_csv:
        click.echo(scorecard_json(found.scorecard) if as_json else scorecard_csv(found.plans), nl=False)
        return
    card = found.scorecard
    click.echo(f"On {card.on}, {card.plans} plans in effect so far")
    _show("all", card.totals)
    for route, totals in card.by_route.items():
        _show(route.value, totals)
    for each in card.errors:
        click.echo(
            f"Shown before the vote against what came, {_ASSUMED[each.assumed]}: {_error(each.error, each.cases)}"
        )


def _show(name: str, totals: Sequence[MarkTotals]) -> None:
    click.echo(f"{name:<24}" + "".join(f"{each.months:>7} m" for each in totals))
    _row("plans", [str(each.plans) for each in totals])
    for outcome in Outcome:
        _row(outcome.value, [str(each.outcomes[outcome]) for each in totals])
    _row("defaulted again, ever", [str(each.redefaulted) for each in totals])
    _row("paid of what was asked", [_percent(each.paid_share) for each in totals])


def _row(name: str, cells: Sequence[str]) -> None:
    click.echo(f"  {name:<22}" + "".join(f"{cell:>9}" for cell in cells))


def _error(error: Fraction | None, cases: int) -> str:
    return "no case" if not cases else f"{_percent(error)} in {cases} {'case' if cases == 1 else 'cases'}"


def _percent(value: Fraction | None) -> str:
    return "none" if value is None else f"{decimal_half_up(value * 100, 2)} %"


def _reckoned(database: str | None, book: str | None, on: datetime | None) -> Reckoned:
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        today = opened.today_in(connection)
        wanted = on.date() if on else today
        check_happened(wanted, today=today)
        return reckon_scorecard(connection, opened, wanted)
