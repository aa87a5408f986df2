"""Commands on what an agreement says: day counts, schedules, bonds."""

import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import BinaryIO

import click

from api.cli import bonds
from api.cli.fields import DECIMAL, FLAG, FREQUENCY, MAX_INPUT_BYTES, Fields, Reader, day, integer, word
from api.cli.main import EXIT_REFUSED, show_refusal
from contracts.schemes.net_yield import CREDIT_MONTHS, net_yield
from contracts.schemes.rules import schemes
from contracts.schemes.withholding import HolderKind
from contracts.terms.agreed import Disbursement, Every, RateChange, RateConvention, RepaymentKind, Terms
from contracts.terms.amortisation import Instalment
from contracts.terms.daycount import DayCount, IcmaPeriod, days, year_fraction
from contracts.terms.exact import decimal_half_up
from contracts.terms.schedule import formula, schedule, totals
from contracts.terms.taeg import taeg_of
from ledger.calendars import Roll
from ledger.errors import Refusal

_FRACTION_DECIMALS = 18
_CHARGES: Reader[int] = Reader(
    lambda value: value if type(value) is int and value >= 0 else None, "a whole number of cents, not negative"
)


_SCHEME: Reader[str] = Reader(
    lambda value: value if value in schemes("credit_rate_first_periods") else None,
    "a scheme with a tax credit",
)


class Irregular(StrEnum):
    """Where an irregular coupon period stands in the life of its bond."""

    FIRST = "first"
    LAST = "last"


@click.group(name="terms")
def terms() -> None:
    """Financial mathematics on the command line."""


@terms.command(name="year-fraction")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the answer is always JSON.")
def year_fraction_command(file: BinaryIO, *, _as_json: bool) -> int:
    """Print the days and the fraction of a year between two dates, as JSON, from the JSON in FILE (default: stdin).

    Fields: convention (30/360, 30E/360, 30E/360 ISDA, ACT/360, ACT/365F, ACT/ACT ISDA, ACT/ACT ICMA, ACT/ACT AFB),
    start, end; for 30E/360 ISDA matures_on; for ACT/ACT ICMA the coupon period period_start, period_end, its frequency
    (1, 2, 3, 4, 6 or 12 a year), end_of_month, and irregular (first or last: where an irregular period stands in the
    life of the bond; default first). A field that a convention has no use for changes nothing.
    """
    return answer_in_json(lambda: _fraction_json(Fields.read(file.read(MAX_INPUT_BYTES + 1))))


@terms.command(name="schedule")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the answer is always JSON.")
def schedule_command(file: BinaryIO, *, _as_json: bool) -> int:
    """Print the schedule of the terms in FILE (JSON; default standard input) as JSON.

    \b
    principal_cents   whole cents
    rate_annual       text, "0.035"
    starts_on         date
    first_due_on      date; default: one period after the start
    instalments       how many
    every             month, quarter, half-year, year, week, two-weeks, 15-days
    kind              annuity, linear, bullet, bullet-capitalised
    day_count         default 30E/360; see year-fraction
    rate_convention   nominal (default) or effective
    principal_grace   first periods without principal
    interest_grace    first periods whose interest is due, without interest, after them
    roll              following, modified-following, preceding: due dates on days of TARGET
    adjusted          true: interest runs between rolled dates
    unit_cents        100: constant parts in whole euros
    disbursements     [{"on", "amount_cents"}], the first on starts_on, together the principal
    rate_changes      [{"on", "rate_annual"}]
    charges_cents     costs of the first day, for the effective annual rate
    """  # noqa: D301 -- click keeps lines after this control character as they are
    return answer_in_json(lambda: _plan_json(Fields.read(file.read(MAX_INPUT_BYTES + 1))))


@terms.command(name="bond-accrued")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the answer is always JSON.")
def bond_accrued_command(file: BinaryIO, *, _as_json: bool) -> int:
    """Print the interest that a bond has accrued, in currency units, from the JSON in FILE (default: stdin).

    \b
    coupon_rate       text, a fraction a year: "0.045"; "0" for a bond without coupons
    nominal_cents     whole cents
    issued_on         date; interest runs from it
    matures_on        date; coupon dates are counted back from it
    frequency         coupons a year: 1, 2, 3, 4, 6, 12
    day_count         see year-fraction
    settles_on        date, from issued_on to the day before matures_on
    first_coupon_on   date; default: the first coupon date after issued_on
    calendar          TARGET: payments are rolled to its days; interest is not
    roll              following (default with a calendar), modified-following, preceding
    clean_price       text, percent of the nominal (bond-yield)
    yield             text, a fraction a year, compounded with the coupons (bond-price)
    """  # noqa: D301 -- click keeps lines after this control character as they are
    return answer_in_json(lambda: bonds.accrued_json(Fields.read(file.read(MAX_INPUT_BYTES + 1))))


@terms.command(name="bond-price")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the answer is always JSON.")
def bond_price_command(file: BinaryIO, *, _as_json: bool) -> int:
    """Print what a bond costs at a yield, per 100 of nominal, and its durations in years, from the JSON in FILE.

    The fields are those of bond-accrued, with yield.
    """
    return answer_in_json(lambda: bonds.price_json(Fields.read(file.read(MAX_INPUT_BYTES + 1))))


@terms.command(name="bond-yield")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the answer is always JSON.")
def bond_yield_command(file: BinaryIO, *, _as_json: bool) -> int:
    """Print what a bond yields at a price, compounded with its coupons, from the JSON in FILE (default: stdin).

    The fields are those of bond-accrued, with clean_price.
    """
    return answer_in_json(lambda: bonds.yield_json(Fields.read(file.read(MAX_INPUT_BYTES + 1))))


@terms.command(name="bond-cashflows")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the answer is always JSON.")
def bond_cashflows_command(file: BinaryIO, *, _as_json: bool) -> int:
    """Print every payment on a bond, interest and principal, from the JSON in FILE (default: stdin).

    The fields are those of bond-accrued; with settles_on, which may be left out, only payments that a buyer of that
    day receives. Interest is shown exactly, and rounded half up to the cent as if one holder held the whole nominal.
    """
    return answer_in_json(lambda: bonds.cashflows_json(Fields.read(file.read(MAX_INPUT_BYTES + 1))))


@terms.command(name="net-yield")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the answer is always JSON.")
def net_yield_command(file: BinaryIO, *, _as_json: bool) -> int:
    """Print what a loan yields its lender a year, before and after taxes, from the JSON in FILE (default: stdin).

    \b
    the fields of schedule, without charges_cents, and
    holder_kind       resident-individual (default), non-resident-individual, legal-person, exempt
    scheme            proxi.A, proxi.B, winwin, coup-de-pouce: with its tax credit; default: none
    credit_months     after the end of a tax period until its credit is paid; default 18

    Yields are effective annual rates if every instalment is paid on its date: an indication, not a promise.
    """  # noqa: D301 -- click keeps lines after this control character as they are
    return answer_in_json(lambda: _yield_json(Fields.read(file.read(MAX_INPUT_BYTES + 1))))


def answer_in_json(make: Callable[[], Mapping[str, object]]) -> int:
    """Print what `make` gives, or the refusal, which is exit code 1."""
    try:
        answer = make()
    except Refusal as refusal:
        show_refusal(refusal, as_json=True)
        return EXIT_REFUSED
    click.echo(json.dumps(answer))
    return 0


def _fraction_json(fields: Fields) -> dict[str, object]:
    convention = fields.need("convention", word(DayCount))
    start, end = fields.need("start", day()), fields.need("end", day())
    matures_on = fields.get("matures_on", day(), None)
    period = _icma_period(fields)
    fields.done()
    fraction = year_fraction(convention, start, end, period=period, matures_on=matures_on)
    return {
        "days": days(convention, start, end, matures_on=matures_on),
        "fraction": f"{decimal_half_up(fraction, _FRACTION_DECIMALS):f}",
    }


def _icma_period(fields: Fields) -> IcmaPeriod | None:
    """The coupon period, if all of it is given."""
    opens_on, closes_on = fields.get("period_start", day(), None), fields.get("period_end", day(), None)
    months = fields.get("frequency", FREQUENCY, None)
    end_of_month = fields.get("end_of_month", FLAG, otherwise=False)
    is_last = fields.get("irregular", word(Irregular), None) is Irregular.LAST
    if opens_on is None or closes_on is None or months is None:
        return None
    return IcmaPeriod.around(opens_on, closes_on, months=months, end_of_month=end_of_month, last=is_last)


def _plan_json(fields: Fields) -> dict[str, object]:
    charges_cents = fields.get("charges_cents", _CHARGES, 0)
    plan = schedule(read_terms(fields))
    rates = {"taeg": str(taeg_of(plan, charges_cents=charges_cents)), "formula": formula(plan.terms)}
    return schedule_json(plan.instalments) | rates


def _yield_json(fields: Fields) -> dict[str, object]:
    holder_kind = fields.get("holder_kind", word(HolderKind), HolderKind.RESIDENT_INDIVIDUAL)
    scheme = fields.get("scheme", _SCHEME, None)
    credit_months = fields.get("credit_months", integer(), CREDIT_MONTHS)
    found = net_yield(schedule(read_terms(fields)), holder_kind, scheme=scheme, credit_months=credit_months)
    names = ("principal_cents", "interest_cents", "withheld_cents", "credit_cents")
    flows = [
        {"on": flow.on.isoformat(), **{name: cents for name in names if (cents := getattr(flow, name))}}
        for flow in found.flows
    ]
    rates = {"gross": found.gross, "after_withholding": found.after_withholding, "net": found.net}
    sums = {name: sum(getattr(flow, name) for flow in found.flows) for name in names[1:]}
    return {**{name: str(rate) for name, rate in rates.items()}, "totals": sums, "flows": flows}


def read_terms(fields: Fields) -> Terms:
    """Terms from the fields of a JSON object, all of them; refuses what `Fields` and `Terms` refuse."""
    starts_on, every = fields.need("starts_on", day()), fields.need("every", word(Every))
    stated = partial(
        Terms,
        principal_cents=fields.need("principal_cents", integer("a whole number of cents")),
        rate_annual=fields.need("rate_annual", DECIMAL),
        starts_on=starts_on,
        first_due_on=fields.get("first_due_on", day("2026-04-02"), every.after(starts_on)),
        instalments=fields.need("instalments", integer()),
        every=every,
        kind=fields.need("kind", word(RepaymentKind)),
        day_count=fields.get("day_count", word(DayCount), DayCount.THIRTY_E_360),
        rate_convention=fields.get("rate_convention", word(RateConvention), RateConvention.NOMINAL),
        principal_grace=fields.get("principal_grace", integer(), 0),
        interest_grace=fields.get("interest_grace", integer(), 0),
        roll=fields.get("roll", word(Roll), None),
        adjusted=fields.get("adjusted", FLAG, otherwise=False),
        unit_cents=fields.get("unit_cents", integer(), 1),
        disbursements=tuple(_disbursement(part) for part in fields.objects("disbursements")),
        rate_changes=tuple(_rate_change(change) for change in fields.objects("rate_changes")),
    )
    fields.done()
    return stated()


def _disbursement(fields: Fields) -> Disbursement:
    part = Disbursement(fields.need("on", day()), fields.need("amount_cents", integer("a whole number of cents")))
    fields.done()
    return part


def _rate_change(fields: Fields) -> RateChange:
    change = RateChange(fields.need("on", day()), fields.need("rate_annual", DECIMAL))
    fields.done()
    return change


def schedule_json(rows: Sequence[Instalment]) -> dict[str, object]:
    """Instalments and their sums as the commands print them."""
    sums = totals(rows)
    return {
        "instalments": [_instalment_json(row) for row in rows],
        "totals": {name: getattr(sums, name) for name in ("interest_cents", "principal_cents", "total_cents")},
    }


def _instalment_json(row: Instalment) -> dict[str, object]:
    names = ("n", "days", "interest_cents", "principal_cents", "total_cents", "outstanding_cents")
    shown: dict[str, object] = {"due_on": row.due_on.isoformat()} | {name: getattr(row, name) for name in names}
    return shown | ({"capitalised_cents": row.capitalised_cents} if row.capitalised_cents else {})
