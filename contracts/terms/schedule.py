"""Repayment schedules: what is due when, exact to the cent.

Interest is rounded half up each period on the cents then outstanding. A constant total (annuity) solves the real day
fractions of the periods; a constant principal (linear) is the principal over the number of instalments; a bullet pays
interest each period, or with `bullet-capitalised` adds it to the debt, and the principal with the last. What rounding
leaves over is in the last instalment, so that the principals sum to what was lent. Only the first period may be longer
or shorter than the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from operator import itemgetter
from typing import assert_never

from contracts.terms.agreed import Every as Every
from contracts.terms.agreed import RateConvention as RateConvention
from contracts.terms.agreed import RepaymentKind as RepaymentKind
from contracts.terms.agreed import Terms as Terms
from contracts.terms.amortisation import Amortisation
from contracts.terms.amortisation import Instalment as Instalment


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


def schedule(terms: Terms) -> Schedule:
    """The schedule of `terms`; refuses `annuity-below-interest` where a constant total cannot pay a period's interest.

    1,000.00 EUR at 4 %, five yearly instalments with a constant total:

    >>> from datetime import date
    >>> from decimal import Decimal
    >>> five = Terms(100_000, Decimal("0.04"), date(2026, 3, 2), date(2027, 3, 2), 5, Every.YEAR, RepaymentKind.ANNUITY)
    >>> for row in schedule(five).instalments:
    ...     print(row.n, row.due_on, row.interest_cents, row.principal_cents, row.total_cents, row.outstanding_cents)
    1 2027-03-02 4000 18463 22463 81537
    2 2028-03-02 3261 19202 22463 62335
    3 2029-03-02 2493 19970 22463 42365
    4 2030-03-02 1695 20768 22463 21597
    5 2031-03-02 864 21597 22461 0
    """
    plan = Amortisation(terms)
    changes = [(part.on, partial(plan.move, part.on, part.amount_cents)) for part in terms.paid_out]
    changes += [(change.on, partial(plan.change_rate, change.on, change.rate_annual)) for change in terms.rate_changes]
    changes.sort(key=itemgetter(0), reverse=True)
    rows: list[Instalment] = []
    while not plan.is_over:
        while changes and changes[-1][0] < plan.closes_on:
            changes.pop()[1]()
        rows.append(plan.close())
    return Schedule(terms, tuple(rows), totals(rows))


def all_due(terms: Terms, n: int, on: date) -> Instalment:
    """What is due where the whole debt ends on a day within period `n`, the instalments before it being those agreed.

    Principal outstanding, and interest to that day by the terms' day count, rounded half up. The day lies on the
    period's opening or after it, and before its end.

    >>> five = Terms(100_000, Decimal("0.04"), date(2026, 3, 2), date(2027, 3, 2), 5, Every.YEAR, RepaymentKind.LINEAR)
    >>> due = all_due(five, 2, date(2027, 9, 2))
    >>> due.principal_cents, due.interest_cents, due.days, due.outstanding_cents
    (80000, 1613, 184, 0)
    """
    plan = Amortisation(terms)
    for part in terms.paid_out:
        plan.move(part.on, part.amount_cents)
    for _ in range(1, n):
        plan.close()
    return plan.end(on)


def formula(terms: Terms) -> str:
    """How the figures of a schedule come about, in one sentence."""
    is_effective = terms.rate_convention is RateConvention.EFFECTIVE
    rate = f"(1 + r)^(1/{terms.every.a_year}) - 1" if is_effective else f"r x fraction of a year ({terms.day_count})"
    match terms.kind:
        case RepaymentKind.ANNUITY:
            repaid = "constant total K = P / sum over k of product over j <= k of 1 / (1 + i_j)"
        case RepaymentKind.LINEAR:
            repaid = "constant principal P / n"
        case RepaymentKind.BULLET:
            repaid = "principal P with the last"
        case RepaymentKind.BULLET_CAPITALISED:
            repaid = "P x product over k of (1 + i_k) with the last, each interest rounded"
        case _:
            assert_never(terms.kind)
    return f"interest = outstanding x i, rounded half up; i = {rate}; {repaid}; the last instalment absorbs"


def totals(rows: Sequence[Instalment]) -> Totals:
    """The sums of the columns."""
    return Totals(
        interest_cents=sum(row.interest_cents for row in rows),
        principal_cents=sum(row.principal_cents for row in rows),
        total_cents=sum(row.total_cents for row in rows),
    )
