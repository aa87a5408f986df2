"""Repayment schedules: what is due when, exact to the cent.

Interest is rounded half up each period on the cents then outstanding. A constant total (annuity) solves the real day
fractions of the periods; a constant principal (linear) is the principal over the number of instalments; a bullet pays
interest each period and the principal with the last. What rounding leaves over is in the last instalment, so that the
principals sum to what was lent. Only the first period may be longer or shorter than the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import assert_never

from contracts.terms.dates import add_months
from contracts.terms.daycount import DayCount, IcmaPeriod, days, year_fraction
from contracts.terms.exact import half_up
from ledger.errors import Refusal
from ledger.money import MAX_MINOR

MAX_INSTALMENTS = 600
_RATE_DECIMALS = 12
_FIRST_YEAR, _LAST_YEAR = 1900, 2200


class Every(StrEnum):
    """How often an instalment falls due."""

    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half-year"
    YEAR = "year"

    @property
    def months(self) -> int:
        """The length of a regular period in months."""
        return {"month": 1, "quarter": 3, "half-year": 6, "year": 12}[self.value]


class RepaymentKind(StrEnum):
    """How the principal comes back."""

    ANNUITY = "annuity"
    LINEAR = "linear"
    BULLET = "bullet"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a schedule follows from; `rate_annual` is nominal (0.045 is 4.5 %). Refuses terms that make no schedule."""

    principal_cents: int
    rate_annual: Decimal
    starts_on: date
    first_due_on: date
    instalments: int
    every: Every
    kind: RepaymentKind
    day_count: DayCount = DayCount.THIRTY_E_360

    def __post_init__(self) -> None:
        if not 0 < self.principal_cents <= MAX_MINOR:
            raise Refusal("principal-out-of-range", principal_cents=self.principal_cents)
        if not _is_rate(self.rate_annual):
            raise Refusal("rate-out-of-range", rate_annual=str(self.rate_annual)[:40], decimals=_RATE_DECIMALS)
        if not 1 <= self.instalments <= MAX_INSTALMENTS:
            raise Refusal("instalments-out-of-range", instalments=self.instalments, limit=MAX_INSTALMENTS)
        if self.first_due_on <= self.starts_on:
            raise Refusal("due-not-after-start", first_due_on=self.first_due_on.isoformat())
        if not (self.starts_on.year >= _FIRST_YEAR and self.first_due_on.year < _LAST_YEAR):
            raise Refusal("terms-date-out-of-range", starts_on=self.starts_on.isoformat())

    @property
    def grid(self) -> IcmaPeriod:
        """The regular due dates. When the first falls one period after the start, the start's day of the month counts.

        A loan of 31 January, monthly, is due on 28 February, then on 31 March.
        """
        regular = add_months(self.starts_on, self.every.months) == self.first_due_on
        return IcmaPeriod(self.starts_on if regular else self.first_due_on, self.every.months)

    def due_on(self, n: int) -> date:
        """The date of instalment `n`, counted from 1."""
        grid = self.grid
        return grid.grid_date(n if grid.anchor_on == self.starts_on else n - 1)

    @property
    def ends_on(self) -> date:
        """The date of the last instalment."""
        return self.due_on(self.instalments)


@dataclass(frozen=True, slots=True)
class Instalment:
    """One instalment; `days` are those of the day count, `outstanding_cents` is what is left after it."""

    n: int
    due_on: date
    days: int
    interest_cents: int
    principal_cents: int
    total_cents: int
    outstanding_cents: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a schedule's columns."""

    interest_cents: int
    principal_cents: int
    total_cents: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule with its sums; the principals sum to the terms' principal."""

    terms: Terms
    instalments: tuple[Instalment, ...]
    totals: Totals


@dataclass(frozen=True, slots=True)
class _Period:
    n: int
    due_on: date
    days: int
    rate: Fraction


def schedule(terms: Terms) -> Schedule:
    """The schedule of `terms`; refuses `annuity-below-interest` where a constant total cannot pay a period's interest.

    1,000.00 EUR at 4 %, five yearly instalments with a constant total:

    >>> five = Terms(100_000, Decimal("0.04"), date(2026, 3, 2), date(2027, 3, 2), 5, Every.YEAR, RepaymentKind.ANNUITY)
    >>> for row in schedule(five).instalments:
    ...     print(row.n, row.due_on, row.interest_cents, row.principal_cents, row.total_cents, row.outstanding_cents)
    1 2027-03-02 4000 18463 22463 81537
    2 2028-03-02 3261 19202 22463 62335
    3 2029-03-02 2493 19970 22463 42365
    4 2030-03-02 1695 20768 22463 21597
    5 2031-03-02 864 21597 22461 0
    """
    periods = _periods(terms)
    constant = _constant_cents(terms, periods)
    rows: list[Instalment] = []
    outstanding = terms.principal_cents
    for period in periods:
        interest = half_up(outstanding * period.rate)
        is_last = period.n == terms.instalments
        principal = outstanding if is_last else min(outstanding, _principal(terms, period, constant, interest))
        outstanding -= principal
        rows.append(
            Instalment(period.n, period.due_on, period.days, interest, principal, interest + principal, outstanding)
        )
    return Schedule(terms, tuple(rows), _totals(rows))


def _is_rate(value: Decimal) -> bool:
    """From 0 to 1 and not finer than twelve decimals, which also keeps exact fractions short."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_RATE_DECIMALS and 0 <= value <= 1


def _periods(terms: Terms) -> list[_Period]:
    rate, grid = Fraction(terms.rate_annual), terms.grid
    periods, opens = [], terms.starts_on
    for n in range(1, terms.instalments + 1):
        closes = terms.due_on(n)
        fraction = year_fraction(terms.day_count, opens, closes, period=grid)
        periods.append(_Period(n, closes, days(terms.day_count, opens, closes), rate * fraction))
        opens = closes
    return periods


def _constant_cents(terms: Terms, periods: Sequence[_Period]) -> int:
    """The part that stays the same: the total of an annuity, the principal of a linear loan, nothing of a bullet."""
    match terms.kind:
        case RepaymentKind.ANNUITY:
            return half_up(terms.principal_cents * _annuity_factor([period.rate for period in periods]))
        case RepaymentKind.LINEAR:
            return half_up(Fraction(terms.principal_cents, terms.instalments))
        case RepaymentKind.BULLET:
            return 0
        case _:
            assert_never(terms.kind)


def _annuity_factor(rates: Sequence[Fraction]) -> Fraction:
    """The constant total that repays 1 over periods with these rates.

    The debt after all periods, growth minus factor times annuity, is zero; the loop is Horner's.
    Numerators and denominators are kept apart, since reducing such long fractions at every step is what costs time.
    """
    growth, annuity, scale = 1, 0, 1
    for rate in rates:
        up, down = rate.denominator + rate.numerator, rate.denominator
        growth, annuity, scale = growth * up, annuity * up + scale * down, scale * down
    return Fraction(growth, annuity)


def _principal(terms: Terms, period: _Period, constant: int, interest: int) -> int:
    if terms.kind is not RepaymentKind.ANNUITY:
        return constant
    if constant < interest:
        raise Refusal("annuity-below-interest", instalment=period.n, total_cents=constant, interest_cents=interest)
    return constant - interest


def _totals(rows: Sequence[Instalment]) -> Totals:
    return Totals(
        interest_cents=sum(row.interest_cents for row in rows),
        principal_cents=sum(row.principal_cents for row in rows),
        total_cents=sum(row.total_cents for row in rows),
    )
