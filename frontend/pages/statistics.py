"""The statistics of all loans: default rate, totals, vintages, recovery, and the files with the same figures."""

from decimal import Decimal
from fractions import Fraction

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from api.deps import Language, WiringDep
from contracts.schemes.ecspr import SCHEME
from contracts.schemes.rules import find_rule
from contracts.statistics.defaults import CONCESSION_MONTHS, Ground
from contracts.statistics.figures import Statistics
from contracts.statistics.files import dictionary
from contracts.statistics.loan_book import K
from contracts.terms.dates import MONTHS_A_YEAR
from contracts.terms.exact import decimal_half_up, half_up
from frontend.charts import Bar, Label, stacked
from frontend.i18n import Tongue, tongue
from frontend.rendering import render

_DECIMALS = 6
_BASIS_POINTS = 10_000
router = APIRouter()


@router.get("/statistics")
def statistics(request: Request, wiring: WiringDep, language: Language) -> Response:
    """What became of all loans, with the default rate of Regulation (EU) 2020/1503, article 20."""
    figures, words = wiring.statistics.current(wiring.book).statistics, tongue(language)
    asked = find_rule(SCHEME, "default_rate_months", figures.on)
    with_loans = [each for each in figures.default_rate.windows if each.loans]
    return render(
        request,
        "statistics.html",
        figures=figures,
        grounds=list(Ground),
        columns=dictionary(),
        chart=_recovery_chart(figures, words),
        share=lambda value: words.text("site.none") if value is None else words.percent(_decimal(value)),
        months_asked=None if asked is None else asked.integer(),
        months_had=MONTHS_A_YEAR * len(with_loans),
        concession_months=CONCESSION_MONTHS,
        alike=K,
    )


def _recovery_chart(figures: Statistics, words: Tongue) -> Markup | None:
    """A bar for each age of which there are defaults, in hundredths of a percent; nothing where nothing came back."""
    points = [(point.months, point.share) for point in figures.recovery]
    bars = [
        Bar(words.number(months), half_up(share * _BASIS_POINTS), 0) for months, share in points if share is not None
    ]
    if not any(bar.first_cents for bar in bars):
        return None
    label = Label("recovery-chart", words.text("statistics.recovery"), words.text("statistics.recovery-lead"))
    return stacked(bars, label, write=lambda points: words.percent(Decimal(points) / _BASIS_POINTS, 1))


def _decimal(value: Fraction) -> Decimal:
    return decimal_half_up(value, _DECIMALS)
