"""The effective annual rate that equates what is lent and what is due (TAEG, JKP, APR).

Formula and intervals as in Directive 2008/48/EC, annex I, in the wording of Directive 2011/90/EU: an interval is whole
months, twelve to the year, counted backwards from the due date, and the days left over, on the 365
or 366 days of the year that ends with them.
"""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

from contracts.terms.dates import years
from contracts.terms.schedule import Schedule, Terms, schedule
from ledger.errors import Refusal

_PRECISION = 40
_STEP = Decimal("1e-20")
_DECIMALS = Decimal("0.000001")
_HIGHEST = Decimal(1_000_000)
_LOWEST = Decimal("-0.99")


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


def taeg_of(plan: Schedule, *, charges_cents: int = 0) -> Decimal:
    """The rate of a schedule already made; `charges_cents` are costs that the borrower bears on the first day.

    Refuses `yield-out-of-range` where no rate up to 100,000,000 % equates the two.
    """
    if plan.totals.interest_cents == 0 and charges_cents == 0:
        return Decimal(0).quantize(_DECIMALS)
    start = plan.terms.starts_on
    lent = [(part.on, -part.amount_cents) for part in plan.terms.paid_out]
    due = [(row.due_on, row.total_cents) for row in plan.instalments]
    return rate_of([(start, charges_cents), *lent, *due])


def rate_of(flows: Sequence[tuple[date, int]]) -> Decimal:
    """The annual rate, with 6 decimals, at which dated amounts in cents are worth nothing together on the first date.

    What is paid out is negative. Refuses `yield-out-of-range` where no rate from -99 % to 100,000,000 % does it.

    >>> rate_of([(date(2026, 3, 2), -100_000), (date(2027, 3, 2), 104_500)])
    Decimal('0.045000')
    """
    start = min(on for on, _ in flows)
    with localcontext() as context:
        context.prec = _PRECISION
        context.rounding = ROUND_HALF_UP
        timed = [(_decimal(years(start, on)), cents) for on, cents in flows if cents]
        return _solve(timed).quantize(_DECIMALS)


def _solve(flows: Sequence[tuple[Decimal, int]]) -> Decimal:
    """Newton's method from zero, kept inside a bracket: where a step leaves it, its middle is taken instead."""
    low, high = _LOWEST, _HIGHEST
    if _worth(flows, low)[0] < 0 or _worth(flows, high)[0] > 0:
        raise Refusal("yield-out-of-range")
    rate, step = Decimal(0), Decimal(1)
    while abs(step) > _STEP and high - low > _STEP:
        excess, slope = _worth(flows, rate)
        low, high = (rate, high) if excess >= 0 else (low, rate)
        following = rate - excess / slope if slope else high
        if not low <= following <= high:
            following = (low + high) / 2
        step, rate = following - rate, following
    return rate


def _worth(flows: Sequence[tuple[Decimal, int]], rate: Decimal) -> tuple[Decimal, Decimal]:
    """What the flows are worth at the start, and how fast that changes with the rate."""
    base = 1 + rate
    values = [(t, cents * base**-t) for t, cents in flows]
    worth = sum((value for _, value in values), Decimal(0))
    return worth, -sum((t * value for t, value in values), Decimal(0)) / base


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
