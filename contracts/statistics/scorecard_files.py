"""The files of the scorecard: the same bytes for the same books and the same day, and nobody's name in them.

restructurings.json    every figure of the page, with definitions
restructurings.csv     one row a plan that came into effect (RFC 4180, UTF-8)

Few plans are ever in effect, and their offers were public with names and amounts: so amounts are told only where at
least `K` plans share them, and a row tells year and route only where at least `K` rows have the same.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence

from contracts.statistics.files import fraction_text
from contracts.statistics.loan_book import WITHHELD, K, in_steps
from contracts.statistics.scorecard import MARKS, Mark, Marked, MarkTotals, ModelError, Scorecard
from ledger.storage.base import JSON

VERSION = 1
COLUMNS = (
    "plan",
    "effect_year",
    "route",
    *(f"{name}_{months}" for months in MARKS for name in ("state", "outcome", "defaulted_again", "paid_percent")),
)


def scorecard_json(card: Scorecard) -> bytes:
    """Every figure: counts, shares as fractions in text with six decimals; null where there is none, or too few."""
    body: dict[str, JSON] = {
        "format": f"bxl-restructurings/{VERSION}",
        "on": card.on.isoformat(),
        "definitions": _definitions(),
        "plans_in_effect": card.plans,
        "marks": [_total(each) for each in card.totals],
        "by_route": {route.value: [_total(each) for each in totals] for route, totals in card.by_route.items()},
        "model_error": [_error(each) for each in card.errors],
    }
    return (json.dumps(body, ensure_ascii=False, indent=2) + "\n").encode()


def scorecard_csv(plans: Sequence[Marked]) -> bytes:
    """One row a plan, in the order given; cells of a mark that it is not old enough for are empty."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    alike = Counter(_kind(plan) for plan in plans)
    for plan in plans:
        told = _kind(plan) if alike[_kind(plan)] >= K else (WITHHELD, WITHHELD)
        marks = {each.months: each for each in plan.marks}
        cells = [cell for months in MARKS for cell in _cells(marks.get(months))]
        writer.writerow([plan.restructuring_id, *told, *cells])
    return out.getvalue().encode()


def _kind(plan: Marked) -> tuple[str, str]:
    return str(plan.effect_on.year), plan.route.value


def _cells(each: Mark | None) -> tuple[str, str, str, str]:
    if each is None:
        return "", "", "", ""
    paid = in_steps(each.paid_cents, each.asked_cents, up=False) if each.asked_cents else ""
    return each.state.value, each.outcome.value, "yes" if each.has_redefaulted else "no", paid


def _total(each: MarkTotals) -> dict[str, JSON]:
    is_told = each.plans >= K
    return {
        "months": each.months,
        "plans": each.plans,
        "outcomes": {outcome.value: n for outcome, n in each.outcomes.items()},
        "states": {state.value: n for state, n in each.states.items()},
        "defaulted_again": each.redefaulted,
        "asked_cents": each.asked_cents if is_told else None,
        "paid_cents": each.paid_cents if is_told else None,
        "paid_share": fraction_text(each.paid_share),
    }


def _error(each: ModelError) -> dict[str, JSON]:
    is_told = each.cases >= K
    return {
        "assumed": each.assumed.value,
        "cases": each.cases,
        "expected_cents": each.expected_cents if is_told else None,
        "received_cents": each.received_cents if is_told else None,
        "error": fraction_text(each.error),
    }


def _definitions() -> dict[str, JSON]:
    return {
        "marks_months": list(MARKS),
        "counted": "plans in effect for at least so many months, whatever became of them since",
        "outcome": "the first that is true of: lost, paid-off, defaulted-again, late, on-time",
        "defaulted_again": "since the effect the file moved into default, the plan fell, another plan was a distressed "
        "concession, or the loan is in default by the rule of the default rate, the plan's own concession left out; "
        "also where it was paid off or lost later",
        "asked": "interest and principal of the plan that fell due by then, before tax, also where it fell since",
        "paid": "what settled it or came after its fall, with what was recovered of a loss; no more than asked, a plan",
        "model_error": "of what lenders were shown before the vote, what came more until the debt was over, as a share "
        "of it; below zero where less came",
        "after": "accepted plans whose debt is over, also where it was lost",
        "refused": "plans that did not come into effect and whose debt is over",
        "bankrupt": "debts that were lost after a vote on a plan",
        "few": f"amounts of fewer than {K} plans are null; year and route that fewer than {K} rows share are "
        f"{WITHHELD}",
    }
