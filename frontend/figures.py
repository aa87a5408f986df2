"""From read models to what charts draw: sums of what is there already, and nothing that a rule would have to decide."""

from collections.abc import Sequence

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
    years = [instalment.due_on.year for instalment in instalments]
    return [
        Bar(str(year) if n == 0 or years[n - 1] != year else "", instalment.principal_cents, instalment.interest_cents)
        for n, (instalment, year) in enumerate(zip(instalments, years, strict=True))
    ]
