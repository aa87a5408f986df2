"""What a loan's terms and events come to on a date."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from contracts.loans.simulation.dues import Allocation, Component
from contracts.loans.simulation.events import Event, EventType, in_effect
from contracts.loans.simulation.replay import Replay
from contracts.terms.agreed import Terms
from contracts.terms.amortisation import Instalment
from contracts.terms.schedule import Schedule, schedule
from ledger.accounts import AccountRef
from ledger.journal import JournalEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A simulated loan at the end of a day; amounts in cents, before tax.

    `before` is the schedule as agreed; `after` is what every event makes of it, those after the day included. What is
    due counts instalments whose day has come. `written_off` is what is lost less what of it came after all;
    `recovered` is all that came after a loss or a charge-off. `accounts` are signed, debit less credit.
    """

    before: Schedule
    after: tuple[Instalment, ...]
    due_interest: int
    due_principal: int
    days_past_due: int
    interest: int
    principal: int
    accrued_interest: int
    to_return: int
    written_off: int
    recovered: int
    entries: tuple[JournalEntry, ...]
    accounts: dict[AccountRef, int]


def simulate(terms: Terms, order: Allocation, events: Sequence[Event], as_of: date) -> Simulation:
    """Replay `events` over `terms`; refuses what `in_effect` and `Replay` refuse, and what `schedule` refuses."""
    before = schedule(terms)
    loan, later = _until(terms, order, events, as_of)
    arrived = [due for due in loan.dues if due.row.due_on <= as_of]
    found = Simulation(
        before=before,
        after=(),
        due_interest=sum(due.unpaid(Component.INTEREST) for due in arrived),
        due_principal=sum(due.unpaid(Component.PRINCIPAL) for due in arrived),
        days_past_due=loan.days_past_due(as_of),
        interest=sum(due.unpaid(Component.INTEREST) for due in loan.dues),
        principal=loan.principal,
        accrued_interest=loan.plan.accrued_cents(as_of) if loan.is_running else 0,
        to_return=loan.to_return,
        written_off=loan.written_off,
        recovered=loan.recovered,
        entries=tuple(loan.journal.entries),
        accounts=loan.journal.balances(),
    )
    for event in later:
        loan.act(event)
    return replace(found, after=_plan_of(loan))


def replayed(terms: Terms, order: Allocation, events: Sequence[Event], as_of: date) -> Replay:
    """The loan at the end of a day, whatever happens later; refuses what `in_effect` and `Replay` refuse."""
    return _until(terms, order, events, as_of)[0]


def _until(terms: Terms, order: Allocation, events: Sequence[Event], as_of: date) -> tuple[Replay, Sequence[Event]]:
    """The loan at the end of a day, and the events after it."""
    counted = in_effect([*events, *_agreed(terms, events)])
    loan = Replay(terms, order)
    known = bisect_right(counted, as_of, key=lambda event: event.on)
    for event in counted[:known]:
        loan.act(event)
    loan.come_to(as_of)
    return loan, counted[known:]


def _agreed(terms: Terms, events: Sequence[Event]) -> list[Event]:
    """What the terms say will happen: changes of the rate, and paying out unless events tell when that is."""
    changes = [
        Event(event_id=f"terms:rate:{n}", on=change.on, kind=EventType.RATE_CHANGE, rate_annual=change.rate_annual)
        for n, change in enumerate(terms.rate_changes, 1)
    ]
    if any(event.kind is EventType.DISBURSEMENT for event in events):
        return changes
    return changes + [
        Event(event_id=f"terms:part:{n}", on=part.on, kind=EventType.DISBURSEMENT, amount_cents=part.amount_cents)
        for n, part in enumerate(terms.paid_out, 1)
    ]


def _plan_of(loan: Replay) -> tuple[Instalment, ...]:
    """The instalments as they were called, less what is not asked any more, and those still to come."""
    called = [
        replace(
            due.row,
            interest_cents=due.interest,
            principal_cents=due.principal,
            total_cents=due.interest + due.principal,
        )
        for due in loan.dues
    ]
    rows, repaid = [], 0
    for row in called + loan.rest():
        repaid += row.principal_cents
        owed = sum(cents for on, cents in loan.changes if on <= row.due_on)
        rows.append(replace(row, outstanding_cents=owed - repaid))
    return tuple(rows)
