"""Random lives of a simulated loan: terms, and events that make sense of them, with those that do not refused."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from contracts.loans.simulation.events import Event, EventType
from contracts.terms.daycount import DayCount
from contracts.terms.schedule import Every, RepaymentKind, Terms

START = date(2026, 3, 2)
_WITH_AMOUNT = {
    EventType.REPAYMENT,
    EventType.PREPAYMENT,
    EventType.INTEREST_WAIVER,
    EventType.WRITE_OFF,
    EventType.RECOVERY,
}


@st.composite
def simulated_terms(draw: st.DrawFn) -> Terms:
    every = draw(st.sampled_from([Every.MONTH, Every.QUARTER, Every.YEAR, Every.TWO_WEEKS]))
    return Terms(
        principal_cents=draw(st.integers(100, 5_000_000)),
        rate_annual=Decimal(draw(st.integers(0, 900))).scaleb(-4),
        starts_on=START,
        first_due_on=every.after(START),
        instalments=draw(st.integers(1, 12)),
        every=every,
        kind=draw(st.sampled_from(RepaymentKind)),
        day_count=draw(st.sampled_from([DayCount.THIRTY_E_360, DayCount.ACT_365F, DayCount.ACT_ACT_ISDA])),
    )


@st.composite
def simulated_events(draw: st.DrawFn, terms: Terms) -> list[Event]:
    """Up to eight events within the term and a little after it."""
    span = (terms.ends_on - START).days
    kinds = st.sampled_from([kind for kind in EventType if kind not in {EventType.DISBURSEMENT, EventType.UNDO}])
    events = []
    for n in range(draw(st.integers(0, 8))):
        kind, on = draw(kinds), START + timedelta(days=draw(st.integers(0, span + 60)))
        amount = draw(st.integers(1, terms.principal_cents)) if kind in _WITH_AMOUNT else None
        if kind in {EventType.PREPAYMENT, EventType.WRITE_OFF} and draw(st.booleans()):
            amount = None
        event = Event(
            event_id=f"e{n}",
            on=on,
            kind=kind,
            amount_cents=amount,
            periods=draw(st.integers(1, 4)),
            rate_annual=Decimal(draw(st.integers(0, 900))).scaleb(-4),
        )
        events.append(event)
    return events
