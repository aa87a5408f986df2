"""Whatever happens to a simulated loan, no cent is made or lost, and no order of hearing of it matters."""

from collections import Counter
from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.loans.simulation.dues import LAWFUL
from contracts.loans.simulation.events import Event, EventType
from contracts.loans.simulation.simulate import Simulation, simulate
from contracts.terms.schedule import Terms, schedule
from ledger.errors import Refusal
from tests.simulation_kit import START, simulated_events, simulated_terms

MANY = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def outcome(terms: Terms, events: list[Event], as_of: date) -> Simulation | tuple[str, object]:
    try:
        return simulate(terms, LAWFUL, events, as_of)
    except Refusal as refusal:
        return refusal.code, dict(refusal.facts)


def lived(terms: Terms, events: list[Event], as_of: date) -> tuple[Simulation, list[Event]]:
    """The life with the events that were not refused, one after the other as they became known."""
    kept: list[Event] = []
    for event in sorted(events, key=lambda each: each.place):
        if isinstance(outcome(terms, [*kept, event], as_of), Simulation):
            kept.append(event)
    found = outcome(terms, kept, as_of)
    assert isinstance(found, Simulation)
    return found, kept


@MANY
@given(st.data())
def test_events_in_any_order_give_the_same_life(data: st.DataObject) -> None:
    terms = data.draw(simulated_terms())
    events = data.draw(simulated_events(terms))
    as_of = START + timedelta(days=data.draw(st.integers(0, 1_500)))
    assert outcome(terms, data.draw(st.permutations(events)), as_of) == outcome(terms, events, as_of)


@MANY
@given(st.data())
def test_what_was_undone_never_was(data: st.DataObject) -> None:
    terms = data.draw(simulated_terms())
    events = data.draw(simulated_events(terms))
    as_of = START + timedelta(days=data.draw(st.integers(0, 1_500)))
    gone = data.draw(st.sets(st.sampled_from(events))) if events else set()
    undos = [Event(event_id=f"u:{each.event_id}", on=as_of, kind=EventType.UNDO, undoes=each.event_id) for each in gone]
    assert outcome(terms, [*events, *undos], as_of) == outcome(terms, [e for e in events if e not in gone], as_of)


@MANY
@given(st.data())
def test_no_cent_is_made_or_lost(data: st.DataObject) -> None:
    terms = data.draw(simulated_terms())
    as_of = START + timedelta(days=data.draw(st.integers(0, 1_500)))
    found, kept = lived(terms, data.draw(simulated_events(terms)), as_of)
    for entry in found.entries:
        sums: Counter[str] = Counter()
        for line in entry.postings:
            sums[line.account.asset] += line.debit - line.credit
        assert set(sums.values()) == {0}
    accounts = {str(account): cents for account, cents in found.accounts.items()}
    owed = found.principal + found.written_off
    assert -accounts.get("021000:borrower", 0) == owed  # a loss ends no debt
    assert accounts.get("020000:lender", 0) == found.principal
    assert accounts.get("022000:lender", 0) == found.written_off
    assert accounts.get("030200:simulated", 0) == found.interest
    assert -accounts.get("489400:borrower", 0) == found.to_return
    assert accounts.get("489600:simulated", 0) == 0
    received = sum(e.postings[0].debit for e in found.entries if e.purpose == "payment-received")
    assert received == found.to_return - accounts.get("489300:lender", 0)
    paid_in = sum(event.amount_cents or 0 for event in kept if event.kind is EventType.REPAYMENT and event.on <= as_of)
    assert received >= paid_in
    assert min(found.principal, found.interest, found.written_off, found.accrued_interest, found.to_return) >= 0


@MANY
@given(st.data())
def test_what_is_lost_and_what_comes_back_are_never_more_than_was_at_stake(data: st.DataObject) -> None:
    terms = data.draw(simulated_terms())
    found, _ = lived(terms, data.draw(simulated_events(terms)), date(2099, 1, 1))
    lent = sum(e.postings[0].debit for e in found.entries if e.purpose == "loan-issued")
    lost = sum(e.postings[0].debit for e in found.entries if e.purpose == "claim-written-off")
    back = sum(e.postings[0].debit for e in found.entries if e.purpose == "recovery-distributed")
    assert lost <= lent
    assert found.written_off == lost - back
    assert found.written_off + found.principal <= lent


@MANY
@given(st.data())
def test_the_schedule_after_repays_what_is_neither_prepaid_nor_lost_and_ends_at_zero(data: st.DataObject) -> None:
    terms = data.draw(simulated_terms())
    found, kept = lived(terms, data.draw(simulated_events(terms)), date(2099, 1, 1))
    assert [row.outstanding_cents for row in found.after][-1:] in ([], [0]) or any(
        event.kind is EventType.WRITE_OFF for event in kept
    )
    if all(event.kind in {EventType.REPAYMENT, EventType.RATE_CHANGE, EventType.TERM_EXTENSION} for event in kept):
        assert sum(row.principal_cents for row in found.after) == terms.principal_cents
    rows = [row.due_on for row in found.after]
    assert rows == sorted(rows)


@MANY
@given(simulated_terms())
def test_a_loan_paid_on_its_days_is_the_schedule_and_ends_at_zero(terms: Terms) -> None:
    rows = [row for row in schedule(terms).instalments if row.total_cents]
    events = [
        Event(event_id=str(row.n), on=row.due_on, kind=EventType.REPAYMENT, amount_cents=row.total_cents)
        for row in rows
    ]
    found = simulate(terms, LAWFUL, events, terms.ends_on)
    assert found.after == tuple(rows)
    assert (found.principal, found.interest, found.days_past_due, found.to_return) == (0, 0, 0, 0)
    called = [e.effective_on for e in found.entries if e.purpose == "due-called"]
    assert called == [row.due_on for row in rows]


@MANY
@given(simulated_terms(), st.integers(0, 2_000))
def test_no_day_accrues_twice(terms: Terms, days: int) -> None:
    """Called and accrued interest of a loan that nobody pays is that of the schedule, split at any day."""
    as_of = START + timedelta(days=days)
    found = simulate(terms, LAWFUL, [], as_of)
    rows = schedule(terms).instalments
    passed = [row for row in rows if row.due_on <= as_of]
    assert found.interest == sum(row.interest_cents for row in passed)
    following = next((row for row in rows if row.due_on > as_of), None)
    if following is not None and not passed:
        assert found.accrued_interest <= following.interest_cents + following.capitalised_cents
    if following is None:
        assert found.accrued_interest == 0
