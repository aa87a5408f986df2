"""The effective annual rate that equates what is lent and what is due (TAEG, JKP, APR), without charges.

Formula and intervals as in Directive 2008/48/EC, annex I, in the wording of Directive 2011/90/EU: an interval is whole
months, twelve to the year, counted backwards from the due date, and the days left over, on the 365
or 366 days of the year that ends with them.
"""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

from contracts.terms.dates import MONTHS_A_YEAR, add_months
from contracts.terms.schedule import Schedule, Terms, schedule

_PRECISION = 40
_STEP = Decimal("1e-20")
_DECIMALS = Decimal("0.000001")


def taeg(terms: Terms) -> Decimal:
    """The rate of `terms`' schedule as a fraction with 6 decimals.

    Monthly interest at a nominal 6 % compounds to 6.1678 % a year:

    >>> from contracts.terms.schedule import Every, RepaymentKind
    >>> monthly = Terms(
    ...     10_000_000, Decimal("0.06"), date(2026, 1, 15), date(2026, 2, 15), 60, Every.MONTH, RepaymentKind.BULLET
    ... )
    >>> taeg(monthly)
    Decimal('0.061678')
    """
    return taeg_of(schedule(terms))


def taeg_of(plan: Schedule) -> Decimal:
    """The rate of a schedule already made."""
    if plan.totals.interest_cents == 0:
        return Decimal(0).quantize(_DECIMALS)
    with localcontext() as context:
        context.prec = _PRECISION
        context.rounding = ROUND_HALF_UP
        flows = [(_decimal(years(plan.terms.starts_on, row.due_on)), row.total_cents) for row in plan.instalments]
        return _solve(Decimal(plan.terms.principal_cents), flows).quantize(_DECIMALS)


def years(start: date, end: date) -> Fraction:
    """The interval from `start` to `end` in years, as the directive counts it.

    >>> years(date(2026, 1, 15), date(2026, 7, 15)), years(date(2026, 1, 15), date(2026, 2, 25))
    (Fraction(1, 2), Fraction(97, 876))
    """
    months = (end.year - start.year) * MONTHS_A_YEAR + end.month - start.month
    if add_months(end, -months) < start:
        months -= 1
    rest_ends_on = add_months(end, -months)
    year = (rest_ends_on - add_months(rest_ends_on, -MONTHS_A_YEAR)).days
    return Fraction(months, MONTHS_A_YEAR) + Fraction((rest_ends_on - start).days, year)


def _solve(lent: Decimal, flows: list[tuple[Decimal, int]]) -> Decimal:
    """Newton's method from zero: the present value is convex and falling in the rate, so the steps never overshoot."""
    rate, step = Decimal(0), Decimal(1)
    while step > _STEP:
        base = 1 + rate
        values = [(t, cents * base**-t) for t, cents in flows]
        excess = sum((value for _, value in values), Decimal(0)) - lent
        slope = sum((t * value for t, value in values), Decimal(0)) / base
        step = excess / slope
        rate += step
    return rate


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
