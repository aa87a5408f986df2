"""What became of plans: every one in effect after 6, 12 and 24 months, and how wrong the model was."""

from fractions import Fraction

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.deps import Language, WiringDep
from contracts.statistics.loan_book import K
from contracts.statistics.scorecard import Outcome
from contracts.terms.exact import decimal_half_up
from frontend.i18n import Tongue, tongue
from frontend.rendering import render

_DECIMALS = 6
router = APIRouter()


@router.get("/statistics/restructurings")
def scorecard(request: Request, wiring: WiringDep, language: Language) -> Response:
    """Outcome, redefault and paid against plan, for all plans and by route, without names."""
    words = tongue(language)
    return render(
        request,
        "scorecard.html",
        card=wiring.statistics.current(wiring.book).scorecard,
        outcomes=list(Outcome),
        share=lambda value: whole_percent(value, words),
        few=K,
    )


def whole_percent(value: Fraction | None, words: Tongue) -> str:
    """A share in whole percent; a word where there is none."""
    return words.text("site.none") if value is None else words.percent(decimal_half_up(value, _DECIMALS), 0)
