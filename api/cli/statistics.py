"""`bxl statistics`: what is published of all loans on a day, its loan book, and the default rate of any loans."""

from datetime import datetime
from fractions import Fraction
from typing import Any, BinaryIO

import click

from api.bootstrap import open_book
from api.cli.fields import CENTS, FLAG, MAX_INPUT_BYTES, Fields, Reader, day
from api.cli.options import book_options, settings_for
from api.cli.scorecard import restructurings_command
from api.cli.terms import answer_in_json
from contracts.servicing.model import Due, Position, Standing
from contracts.statistics.defaults import Concession
from contracts.statistics.figures import UNRATED, LoanFacts, assess, calendar_windows, rate_of
from contracts.statistics.files import loan_book_csv, rate_json, statistics_json
from contracts.statistics.queries import Published, publish
from contracts.statistics.rate import windows_since
from contracts.terms.exact import decimal_half_up
from ledger.clock import check_happened

_DATE = click.DateTime(formats=["%Y-%m-%d"])
_LONGEST_WORD = 40
_WORD: Reader[str] = Reader(
    lambda value: value if isinstance(value, str) and 0 < len(value) <= _LONGEST_WORD else None,
    f"a text of 1 to {_LONGEST_WORD} characters",
)
_on_option = click.option("--on", type=_DATE, help="As of the end of this day (default: the business date).")

_PLANS = {
    "capitalised": "Interest that plans made principal",
    "cut": "Principal cut by plans",
    "converted": "Principal that became shares",
}


@click.group(name="statistics", invoke_without_command=True)
@_on_option
@click.option("--json", "as_json", is_flag=True, help="Print the file that the page offers, amounts in cents.")
@book_options
@click.pass_context
def statistics(
    context: click.Context, on: datetime | None, *, as_json: bool, database: str | None, book: str | None
) -> None:
    """Print default rate, vintages and recovery of all loans of the book."""
    if context.invoked_subcommand is not None:
        return
    figures = _published(database, book, on).statistics
    if as_json:
        click.echo(statistics_json(figures), nl=False)
        return
    click.echo(f"On {figures.on}, amounts in EUR")
    click.echo(f"Default rate: {_percent(figures.default_rate.rate)}")
    for each in figures.default_rate.windows:
        click.echo(f"  {each.window.starts_on.year}  {each.defaults:>6} of {each.loans:>6}  {_percent(each.rate):>8}")
    click.echo(
        f"{'paid out':<10}{'loans':>7}{'lent':>16}{'repaid':>16}{'outstanding':>16}{'lost':>16}{'recovered':>16}"
    )
    for name, sums in [*((str(v.year), v.amounts) for v in figures.vintages), ("total", figures.totals)]:
        cents = (sums.lent_cents, sums.repaid_cents, sums.outstanding_cents, sums.lost_cents, sums.recovered_cents)
        click.echo(f"{name:<10}{sums.loans:>7}" + "".join(f"{_euro(each):>16}" for each in cents))
    for name in ("capitalised", "cut", "converted"):
        if cents := getattr(figures.totals, f"{name}_cents"):
            click.echo(f"{_PLANS[name]}: {_euro(cents)}")
    for point in figures.recovery:
        if point.loans:
            click.echo(f"Back within {point.months:>2} months: {_percent(point.share):>8} ({point.loans} defaults)")


statistics.add_command(restructurings_command)


@statistics.command(name="loan-book")
@_on_option
@book_options
def loan_book_command(on: datetime | None, database: str | None, book: str | None) -> None:
    """Print the public loan book as CSV: one row a loan, without names."""
    click.echo(loan_book_csv(_published(database, book, on).rows), nl=False)


@statistics.command(name="default-rate")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the answer is always JSON.")
def default_rate_command(file: BinaryIO, *, _as_json: bool) -> int:
    """Print the default rate of the loans in FILE (JSON; default standard input) as JSON; no book is opened.

    \b
    on               the last day that counts
    first_window_on  date; windows of twelve months follow from it (default: calendar years)
    loans            [{"id", "risk_class", "disbursed_on", "repaid_on", "insolvent_on", "lost_on",
                     "dues": [{"due_on", "amount_cents", "settled_on"}],
                     "concessions": [{"on", "by_contract"}]}]; what did not happen is left out
    """  # noqa: D301 -- click keeps lines after this control character as they are
    return answer_in_json(lambda: _rate(Fields.read(file.read(MAX_INPUT_BYTES + 1))))


def _published(database: str | None, book: str | None, on: datetime | None) -> Published:
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        today = opened.today_in(connection)
        wanted = on.date() if on else today
        check_happened(wanted, today=today)
        return publish(connection, opened, wanted)


def _rate(fields: Fields) -> dict[str, Any]:
    on, first_on = fields.need("on", day()), fields.get("first_window_on", day(), None)
    loans = [_loan(each, n) for n, each in enumerate(fields.objects("loans"))]
    fields.done()
    paid_out = [loan.position.standing.disbursed_on for loan in loans]
    if first_on is None:
        windows = calendar_windows(min((each for each in paid_out if each is not None), default=None), on)
    else:
        windows = windows_since(first_on, on)
    figures = [assess(loan, windows, on) for loan in loans]
    classes = sorted({loan.risk_class for loan in loans})
    by_class = {name: rate_of([f for f in figures if f.risk_class == name], windows, on) for name in classes}
    return {
        **rate_json(rate_of(figures, windows, on)),
        "by_risk_class": {name: rate_json(rate) for name, rate in by_class.items()},
        "defaults": {
            loan.loan_id: [
                {
                    "on": each.starts_on.isoformat(),
                    "until": each.until and each.until.isoformat(),
                    "ground": each.ground,
                }
                for each in loan.spells
            ]
            for loan in figures
            if loan.spells
        },
    }


def _loan(fields: Fields, n: int) -> LoanFacts:
    loan_id, risk_class = fields.get("id", _WORD, str(n)), fields.get("risk_class", _WORD, UNRATED)
    standing = Standing(
        disbursed_on=fields.need("disbursed_on", day()),
        repaid_on=fields.get("repaid_on", day(), None),
        insolvent_on=fields.get("insolvent_on", day(), None),
        lost_on=fields.get("lost_on", day(), None),
    )
    dues = tuple(_due(each, number) for number, each in enumerate(fields.objects("dues"), 1))
    concessions = tuple(_concession(each) for each in fields.objects("concessions"))
    fields.done()
    position = Position(principal_cents=sum(due.principal_cents for due in dues), dues=dues, standing=standing)
    return LoanFacts(loan_id=loan_id, position=position, concessions=concessions, risk_class=risk_class)


def _due(fields: Fields, n: int) -> Due:
    due = Due(
        n=n,
        due_on=fields.need("due_on", day()),
        interest_cents=0,
        principal_cents=fields.get("amount_cents", CENTS, 1),
        settled_on=fields.get("settled_on", day(), None),
    )
    fields.done()
    return due


def _concession(fields: Fields) -> Concession:
    conceded = Concession(fields.need("on", day()), by_contract=fields.get("by_contract", FLAG, otherwise=False))
    fields.done()
    return conceded


def _percent(value: Fraction | None) -> str:
    return "none" if value is None else f"{decimal_half_up(value * 100, 2)} %"


def _euro(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
