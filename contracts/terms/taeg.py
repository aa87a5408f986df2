"""The effective annual rate that equates what is lent and what is due (TAEG, JKP, APR).

Formula and intervals as in Directive 2008/48/EC, annex I, in the wording of Directive 2011/90/EU: an interval is whole
months, twelve to the year, counted backwards from the due date, and the days left over, on the 365
or 366 days of the year that ends with them.
"""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from contracts.terms.dates import years
from contracts.terms.discounting import internal_rate
from contracts.terms.schedule import Schedule, Terms, schedule

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
    timed = [(years(start, on), Fraction(cents)) for on, cents in flows]
    return internal_rate(timed).quantize(_DECIMALS, ROUND_HALF_UP)
