"""The tools of a plan at work on a loan's remaining schedule: a replay of its life, and then the plan, on one day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

from contracts.loans.simulation.dues import Allocation, Component, parts, unpaid
from contracts.loans.simulation.events import Event, EventType
from contracts.loans.simulation.replay import Replay
from contracts.loans.simulation.simulate import replayed
from contracts.schemes.rules import Rule
from contracts.secondchance.tools import (
    Frame,
    HolidayInterest,
    Tool,
    Use,
    check_capitalised,
    check_extension,
    check_order,
    check_rate_cut,
)
from contracts.terms.amortisation import Instalment
from ledger.errors import InvariantError, Refusal


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed at the end of a day, in cents, and when: called and unpaid dues first, with their own dates."""

    principal_cents: int
    due_interest_cents: int
    rows: tuple[Instalment, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """What a plan made of the debt, in cents; `later_cents` of interest are capitalised in the course of a holiday."""

    before: Owed
    after: Owed
    waived_cents: int
    capitalised_cents: int
    later_cents: int
    cut_cents: int
    converted_cents: int
    rules: tuple[Rule, ...]
    amortisation: Mapping[str, Any]
    """Where the plan leaves what is not called yet (`Amortisation.to_state`)."""


def restructure(frame: Frame, order: Allocation, events: Sequence[Event], uses: Sequence[Use]) -> Changed:
    """Replay `events` over the terms until the frame's day, and then use the tools in their order.

    Refuses what `contracts.secondchance.tools` and the replay refuse, and `plan-without-debt`.
    """
    for event in events:
        if event.on > frame.on:
            raise event.out_of_place()
    return use_tools(replayed(frame.terms, order, events, frame.on), frame, uses)


def use_tools(standing: Replay, frame: Frame, uses: Sequence[Use]) -> Changed:
    """Use the tools in their order on a loan as it stands on the frame's day, which is changed by it.

    Refuses what `contracts.secondchance.tools` and the replay refuse, and `plan-without-debt`.
    """
    check_order(uses, frame.on)
    loan = Restructured(standing, frame)
    before = owed(standing)
    if not before.principal_cents:
        raise Refusal("plan-without-debt", on_on=frame.on.isoformat())
    for use in uses:
        loan.use(use)
    after = owed(standing)
    kept = before.principal_cents + loan.capitalised - loan.cut - loan.converted
    if after.principal_cents != kept:
        raise InvariantError("a plan loses or makes principal")
    later = sum(row.principal_cents for row in after.rows) - after.principal_cents
    rules = (*loan.rules, *check_capitalised(frame, loan.capitalised + later))
    return Changed(
        before=before,
        after=after,
        waived_cents=loan.waived,
        capitalised_cents=loan.capitalised,
        later_cents=later,
        cut_cents=loan.cut,
        converted_cents=loan.converted,
        rules=rules,
        amortisation=standing.plan.to_state(),
    )


def owed(loan: Replay) -> Owed:
    """What is owed, and by when; what was called and is unpaid first, the oldest of it ahead."""
    left, rows = loan.principal, []
    for due in loan.dues:
        if due.is_open:
            interest, principal = due.unpaid(Component.INTEREST), due.unpaid(Component.PRINCIPAL)
            left -= principal
            rows.append(
                replace(
                    due.row,
                    interest_cents=interest,
                    principal_cents=principal,
                    total_cents=interest + principal,
                    outstanding_cents=left,
                )
            )
    return Owed(loan.principal, unpaid(loan.dues, Component.INTEREST), (*rows, *loan.rest()))


class Restructured:
    """A replayed loan on which tools are used; amounts in cents."""

    def __init__(self, loan: Replay, frame: Frame) -> None:
        self.waived = self.capitalised = self.cut = self.converted = 0
        self.rules: list[Rule] = []
        self._loan, self._frame = loan, frame

    def use(self, use: Use) -> None:
        """Use one tool."""
        match use.tool:
            case Tool.HOLIDAY:
                self._pause(use)
            case Tool.EXTENSION:
                self._act(EventType.TERM_EXTENSION if self._loan.is_running else EventType.REAGE, use)
                self.rules += check_extension(self._frame, last=self._loan.plan.last)
            case Tool.RATE_CUT:
                self.rules += check_rate_cut(self._frame, use.rate_annual, current=self._loan.plan.rate_annual)
                self._act(EventType.RATE_CHANGE, use)
            case Tool.WAIVER:
                before = unpaid(self._loan.dues, Component.INTEREST)
                self._act(EventType.INTEREST_WAIVER, use)
                self.waived = before - unpaid(self._loan.dues, Component.INTEREST)
            case Tool.CAPITALISATION:
                self._capitalise(use)
            case Tool.CARRY_FORWARD:
                self._act(EventType.REAMORTISE, use)
            case Tool.HAIRCUT:
                self.cut = self._reduce(use)
            case Tool.PARTICIPATION:
                self.converted = self._reduce(use)
            case Tool.SUBORDINATION | Tool.BETTER_FORTUNE:
                pass  # rank and a promise: no instalment changes
            case _:
                assert_never(use.tool)

    def _event(self, kind: EventType, use: Use) -> Event:
        return Event(
            event_id=use.tool.value,
            on=self._frame.on,
            kind=kind,
            amount_cents=use.amount_cents,
            periods=use.periods,
            rate_annual=use.rate_annual,
        )

    def _act(self, kind: EventType, use: Use) -> None:
        self._loan.act(self._event(kind, use))

    def _pause(self, use: Use) -> None:
        if use.interest is HolidayInterest.PAID:
            self._act(EventType.PRINCIPAL_GRACE, use)
        elif use.interest is HolidayInterest.DEFERRED:
            self._act(EventType.PAYMENT_HOLIDAY, use)
        elif not self._loan.is_running:
            raise self._event(EventType.PAYMENT_HOLIDAY, use).out_of_place()
        else:
            first = self._loan.plan.n
            self._loan.plan.defer(range(first, first + use.periods), interest=True, capitalise=True)

    def _capitalise(self, use: Use) -> None:
        """Called and unpaid interest is asked no more, and owed as principal from the day on."""
        plan, limit = self._loan.plan, unpaid(self._loan.dues, Component.INTEREST)
        cents = limit if use.amount_cents is None else use.amount_cents
        if not self._loan.is_running:
            raise self._event(EventType.REAMORTISE, use).out_of_place()
        if cents > limit or not cents:
            raise Refusal("capitalisation-exceeds-due", amount_cents=cents, limit_cents=limit)
        for part in parts(self._loan.dues, [Component.INTEREST], cents):
            part.due.ask_less(Component.INTEREST, part.interest)
        plan.move(max(self._frame.on, plan.opens_on), cents)
        self.capitalised = cents

    def _reduce(self, use: Use) -> int:
        """Principal is owed no more: what was called of it first, the oldest ahead; with all of it, interest ends."""
        owed, called = self._loan.principal, unpaid(self._loan.dues, Component.INTEREST)
        is_all = use.amount_cents in {None, owed}
        self._act(EventType.WRITE_OFF, replace(use, amount_cents=None) if is_all else use)
        self.waived += called if is_all else 0
        return owed - (0 if is_all else self._loan.principal)
