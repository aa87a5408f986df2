"""What became of plans: each plan that came into effect, as it stood 6, 12 and 24 months later, by rule.

    effect ── 6 ── 12 ── 24 months       at each mark: state of the file, outcome of the debt, paid against plan
                                         of the debt, in order: lost | paid off | in default again | late | on time

A plan counts at a mark once it is that old, whatever became of it: none drops out because it fell. It has defaulted
again where, since it came into effect, the file moved into default, the plan fell, another was a distressed concession,
or the loan is in default by the rule of the default rate (`contracts.statistics.defaults`), its own concession left
out. What is paid counts up to what the plan asked by then, so that nobody who pays early makes up for another who does
not pay.

The model's past error sets what lenders were told against what came. A plan that was accepted is judged by what it
promised also where its loan was lost: otherwise only those that went well would be counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from contracts.secondchance.model import Route, State
from contracts.servicing.model import Position
from contracts.statistics.defaults import Ground, spells
from contracts.terms.dates import add_months

MARKS = (6, 12, 24)
"""Months after its effect at which a plan is looked at."""


class Outcome(StrEnum):
    """How a debt under a plan stands on a day; the first that is true."""

    LOST = "lost"
    PAID_OFF = "paid-off"
    DEFAULTED_AGAIN = "defaulted-again"
    LATE = "late"
    ON_TIME = "on-time"


class Assumed(StrEnum):
    """Which of the figures that lenders were shown is held against what came."""

    AFTER = "after"
    REFUSED = "refused"
    BANKRUPT = "bankrupt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restructuring:
    """One plan in effect: what it asks and what was paid of it, as days and cents, and the moves of its file.

    `defaulted_on` are the days since on which the file moved into default, the plan fell, or another was distressed.
    """

    restructuring_id: str
    effect_on: date
    route: Route
    position: Position
    asked: tuple[tuple[date, int], ...]
    paid: tuple[tuple[date, int], ...]
    defaulted_on: tuple[date, ...]
    states: tuple[tuple[date, State], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A plan so many months after its effect, on the day `on`; `paid_cents` is at most `asked_cents`."""

    months: int
    on: date
    state: State
    outcome: Outcome
    asked_cents: int
    paid_cents: int
    has_redefaulted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A plan with the marks that it is old enough for."""

    restructuring_id: str
    effect_on: date
    route: Route
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkTotals:
    """All plans at one mark: how many are so old, how they stand, and what was paid of what they asked, in cents."""

    months: int
    plans: int
    outcomes: Mapping[Outcome, int]
    states: Mapping[State, int]
    redefaulted: int
    asked_cents: int
    paid_cents: int

    @property
    def paid_share(self) -> Fraction | None:
        """The share of what the plans asked by then; None where they asked nothing."""
        return Fraction(self.paid_cents, self.asked_cents) if self.asked_cents else None


@dataclass(frozen=True, slots=True)
class ModelCase:
    """One figure that lenders were shown before a vote, and what came until the debt was over, in cents."""

    assumed: Assumed
    expected_cents: int
    received_cents: int


@dataclass(frozen=True, slots=True)
class ModelError:
    """All cases of one figure together."""

    assumed: Assumed
    cases: int
    expected_cents: int
    received_cents: int

    @property
    def error(self) -> Fraction | None:
        """What came more than expected, as a share of it, below zero where less came; None where nothing was."""
        return Fraction(self.received_cents - self.expected_cents, self.expected_cents) if self.expected_cents else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """What is published of a day: `totals` and `by_route` have an item a mark, `errors` one a figure."""

    on: date
    plans: int
    totals: tuple[MarkTotals, ...]
    by_route: Mapping[Route, tuple[MarkTotals, ...]]
    errors: tuple[ModelError, ...]


def mark(plan: Restructuring, on: date) -> Marked:
    """The plan at every mark that is not after the day `on`."""
    days = [(months, add_months(plan.effect_on, months)) for months in MARKS]
    marks = tuple(_mark(plan, months, day) for months, day in days if day <= on)
    return Marked(restructuring_id=plan.restructuring_id, effect_on=plan.effect_on, route=plan.route, marks=marks)


def scorecard(plans: Sequence[Marked], cases: Sequence[ModelCase], on: date) -> Scorecard:
    """All plans together, all and by route, and the error of each figure that lenders were shown."""
    return Scorecard(
        on=on,
        plans=len(plans),
        totals=_totals(plans),
        by_route={
            route: _totals([plan for plan in plans if plan.route is route])
            for route in Route
            if any(plan.route is route for plan in plans)
        },
        errors=tuple(_error(assumed, [case for case in cases if case.assumed is assumed]) for assumed in Assumed),
    )


def _mark(plan: Restructuring, months: int, on: date) -> Mark:
    asked, paid = (sum(cents for day, cents in amounts if day <= on) for amounts in (plan.asked, plan.paid))
    has_redefaulted = any(day <= on for day in plan.defaulted_on) or any(
        spell.starts_on >= plan.effect_on and spell.ground is not Ground.CONCESSION
        for spell in spells(plan.position, (), on)
    )
    return Mark(
        months=months,
        on=on,
        state=next((state for day, state in reversed(plan.states) if day <= on), State.PERFORMING_UNDER_PLAN),
        outcome=_outcome(plan.position, on, has_redefaulted=has_redefaulted),
        asked_cents=asked,
        paid_cents=min(asked, paid),
        has_redefaulted=has_redefaulted,
    )


def _outcome(position: Position, on: date, *, has_redefaulted: bool) -> Outcome:
    standing = position.standing
    if standing.lost_on is not None and standing.lost_on <= on:
        return Outcome.LOST
    if standing.repaid_on is not None and standing.repaid_on <= on:
        return Outcome.PAID_OFF
    if has_redefaulted:
        return Outcome.DEFAULTED_AGAIN
    return Outcome.LATE if position.overdue_cents(on) else Outcome.ON_TIME


def _totals(plans: Sequence[Marked]) -> tuple[MarkTotals, ...]:
    return tuple(
        _total(months, [each for plan in plans for each in plan.marks if each.months == months]) for months in MARKS
    )


def _total(months: int, marks: Sequence[Mark]) -> MarkTotals:
    return MarkTotals(
        months=months,
        plans=len(marks),
        outcomes={outcome: sum(each.outcome is outcome for each in marks) for outcome in Outcome},
        states={state: n for state in State if (n := sum(each.state is state for each in marks))},
        redefaulted=sum(each.has_redefaulted for each in marks),
        asked_cents=sum(each.asked_cents for each in marks),
        paid_cents=sum(each.paid_cents for each in marks),
    )


def _error(assumed: Assumed, cases: Iterable[ModelCase]) -> ModelError:
    found = list(cases)
    expected, received = sum(each.expected_cents for each in found), sum(each.received_cents for each in found)
    return ModelError(assumed, len(found), expected, received)
