"""From read models to what charts draw: sums of what is there already, and nothing that a rule would have to decide."""

from collections.abc import Sequence

from contracts.loans.queries import InstalmentLine, MonthFlow
from contracts.offers.queries import OfferCard
from contracts.terms.schedule import Instalment
from frontend.charts import Bar, GaugeFigures


def gauge_of(card: OfferCard) -> GaugeFigures:
    """The three shades of an offer's money; money in reflection is a part of what has arrived."""
    return GaugeFigures(
        firm_cents=card.received_cents - card.reflection_cents,
        reflection_cents=card.reflection_cents,
        promised_cents=card.committed_cents,
        minimum_cents=card.minimum_cents,
        maximum_cents=card.maximum_cents,
    )


def schedule_bars(instalments: Sequence[Instalment]) -> list[Bar]:
    """One bar per instalment, principal below interest; a year is written under its first instalment."""
    names = _first_of_each([row.due_on.year for row in instalments])
    return [Bar(name, row.principal_cents, row.interest_cents) for name, row in zip(names, instalments, strict=True)]


def loan_bars(instalments: Sequence[InstalmentLine]) -> list[Bar]:
    """The same for a loan that exists."""
    names = _first_of_each([row.due_on.year for row in instalments])
    return [Bar(name, row.principal_cents, row.interest_cents) for name, row in zip(names, instalments, strict=True)]


def flow_bars(months: Sequence[MonthFlow]) -> list[Bar]:
    """One pair per month, expected and received; a year is written under its first month."""
    names = _first_of_each([flow.month.year for flow in months])
    return [Bar(name, flow.expected_cents, flow.received_cents) for name, flow in zip(names, months, strict=True)]


def _first_of_each(years: Sequence[int]) -> list[str]:
    return [str(year) if n == 0 or years[n - 1] != year else "" for n, year in enumerate(years)]
