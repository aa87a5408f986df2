"""What became of plans: each outcome and its edges, what counts as a default again, shares, and the model's error."""

import csv
import io
import json
from datetime import date, timedelta
from fractions import Fraction

import pytest

from contracts.secondchance.model import Route, State
from contracts.servicing.model import Due, Position, Standing
from contracts.statistics.loan_book import WITHHELD, K
from contracts.statistics.scorecard import MARKS, Assumed, ModelCase, Outcome, Restructuring, mark, scorecard
from contracts.statistics.scorecard_files import COLUMNS, scorecard_csv, scorecard_json
from contracts.terms.dates import add_months

EFFECT = date(2026, 3, 31)
HALF = date(2026, 9, 30)
LATER = date(2029, 1, 1)


def due(on: date, settled_on: date | None = None, cents: int = 100) -> Due:
    return Due(n=2, due_on=on, interest_cents=0, principal_cents=cents, settled_on=settled_on, asked_from=EFFECT)


def plan(*dues: Due, fell_on: tuple[date, ...] = (), route: Route = Route.VOLUNTARY, name: str = "p", **standing):
    known = Standing(**({"disbursed_on": date(2025, 1, 1)} | standing))
    return Restructuring(
        restructuring_id=name,
        effect_on=EFFECT,
        route=route,
        position=Position(principal_cents=sum(each.principal_cents for each in dues), dues=dues, standing=known),
        asked=tuple((each.due_on, each.total_cents) for each in dues),
        paid=tuple((each.settled_on, each.total_cents) for each in dues if each.settled_on),
        defaulted_on=fell_on,
        states=((EFFECT, State.PERFORMING_UNDER_PLAN), *((day, State.DEFAULTED) for day in fell_on)),
    )


def at_half(made: Restructuring):
    return mark(made, HALF).marks[0]


def test_a_plan_counts_at_a_mark_on_its_day_and_not_the_day_before() -> None:
    made = plan(due(date(2026, 6, 30), date(2026, 6, 30)))
    assert mark(made, HALF - timedelta(days=1)).marks == ()
    assert [(each.months, each.on) for each in mark(made, HALF).marks] == [(6, HALF)]
    assert [each.months for each in mark(made, add_months(EFFECT, 24)).marks] == list(MARKS)


@pytest.mark.parametrize(
    ("made", "outcome", "again"),
    [
        (plan(due(HALF)), Outcome.ON_TIME, False),
        (plan(due(HALF - timedelta(days=1))), Outcome.LATE, False),
        (plan(due(HALF - timedelta(days=90))), Outcome.LATE, False),
        (plan(due(HALF - timedelta(days=91))), Outcome.DEFAULTED_AGAIN, True),
        (plan(due(HALF), fell_on=(HALF,)), Outcome.DEFAULTED_AGAIN, True),
        (plan(due(HALF), fell_on=(HALF + timedelta(days=1),)), Outcome.ON_TIME, False),
        (plan(due(HALF), insolvent_on=HALF), Outcome.DEFAULTED_AGAIN, True),
        (plan(due(HALF), insolvent_on=HALF + timedelta(days=1)), Outcome.ON_TIME, False),
        (plan(due(HALF, HALF), repaid_on=HALF), Outcome.PAID_OFF, False),
        (plan(due(HALF, HALF), repaid_on=HALF, fell_on=(EFFECT,)), Outcome.PAID_OFF, True),
        (plan(due(HALF), insolvent_on=EFFECT, lost_on=HALF), Outcome.LOST, True),
        (plan(due(HALF), insolvent_on=EFFECT, lost_on=HALF + timedelta(days=1)), Outcome.DEFAULTED_AGAIN, True),
    ],
)
def test_the_outcome_is_the_first_that_is_true_on_the_day(
    made: Restructuring, outcome: Outcome, *, again: bool
) -> None:
    assert (at_half(made).outcome, at_half(made).has_redefaulted) == (outcome, again)
    assert at_half(made) == mark(made, LATER).marks[0], "a later day changes nothing of an earlier mark"


def test_a_default_of_before_the_plan_is_none_of_its_own() -> None:
    dropped = Due(
        n=1, due_on=date(2025, 6, 1), interest_cents=0, principal_cents=100, settled_on=None, dropped_on=EFFECT
    )
    made = plan(dropped, due(HALF))
    assert at_half(made).has_redefaulted is False


def test_what_one_pays_early_does_not_make_up_for_another() -> None:
    early = plan(due(date(2026, 6, 1), date(2026, 6, 1)), due(date(2027, 6, 1), date(2026, 6, 2)))
    silent = plan(due(date(2026, 9, 1), cents=300))
    card = scorecard([mark(each, HALF) for each in (early, silent)], [], HALF)
    assert (card.totals[0].asked_cents, card.totals[0].paid_cents) == (400, 100)
    assert card.totals[0].paid_share == Fraction(1, 4)
    assert (card.totals[1].plans, card.totals[1].paid_share) == (0, None)
    assert sum(card.totals[0].outcomes.values()) == sum(card.totals[0].states.values()) == card.totals[0].plans == 2


def test_routes_stand_apart_and_add_up_to_all() -> None:
    made = [plan(due(HALF), route=route) for route in (Route.VOLUNTARY, Route.JUDICIAL, Route.JUDICIAL)]
    card = scorecard([mark(each, HALF) for each in made], [], HALF)
    assert {route: totals[0].plans for route, totals in card.by_route.items()} == {
        Route.VOLUNTARY: 1,
        Route.JUDICIAL: 2,
    }
    assert card.plans == card.totals[0].plans == 3


def test_the_error_of_the_model_is_what_came_against_what_was_shown() -> None:
    cases = [ModelCase(Assumed.AFTER, 1_000, 700), ModelCase(Assumed.AFTER, 1_000, 1_200)]
    cases += [ModelCase(Assumed.BANKRUPT, 0, 5)]
    after, refused, bankrupt = scorecard([], cases, HALF).errors
    assert (after.cases, after.error) == (2, Fraction(-1, 20))
    assert (refused.cases, refused.error) == (0, None)
    assert (bankrupt.cases, bankrupt.received_cents, bankrupt.error) == (1, 5, None)


@pytest.mark.parametrize("plans", [K - 1, K])
def test_amounts_year_and_route_are_told_from_five_plans_on(plans: int) -> None:
    made = [mark(plan(due(HALF, HALF), name=f"p{n}"), HALF) for n in range(plans)]
    cases = [ModelCase(Assumed.AFTER, 1_000, 900)] * plans
    body = json.loads(scorecard_json(scorecard(made, cases, HALF)))
    first, *rows = csv.reader(io.StringIO(scorecard_csv(made).decode()))
    assert tuple(first) == COLUMNS
    told = plans >= K
    assert (body["marks"][0]["asked_cents"], body["model_error"][0]["expected_cents"]) == (
        (100 * plans, 1_000 * plans) if told else (None, None)
    )
    assert (body["marks"][0]["paid_share"], body["model_error"][0]["error"]) == ("1.000000", "-0.100000")
    kind = ["2026", "voluntary"] if told else [WITHHELD, WITHHELD]
    assert rows[0] == ["p0", *kind, "performing_under_plan", "on-time", "no", "100", *[""] * 8]
