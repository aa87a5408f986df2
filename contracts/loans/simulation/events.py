"""What can happen to a simulated loan, and the order in which it counts.

Events are put in order of date, then of type as `EventType` lists them, then of what they say, then of id, so that it
makes no difference in which order they became known. What was undone is dropped before anything is replayed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from ledger.errors import Refusal

MAX_EVENTS = 600


class EventType(StrEnum):
    """What happens; on one day in this order, after the dues of the day were called."""

    DISBURSEMENT = "disbursement"
    RATE_CHANGE = "rate_change"
    TERM_EXTENSION = "term_extension"
    PAYMENT_HOLIDAY = "payment_holiday"
    PRINCIPAL_GRACE = "principal_grace"
    INTEREST_WAIVER = "interest_waiver"
    REPAYMENT = "repayment"
    PREPAYMENT = "prepayment"
    REAGE = "reage"
    REAMORTISE = "reamortise"
    CHARGE_OFF = "charge_off"
    WRITE_OFF = "write_off"
    RECOVERY = "recovery"
    UNDO = "undo"


_RANK = {kind: rank for rank, kind in enumerate(EventType)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event with its date of effect; `amount_cents` is None where all of it is meant."""

    event_id: str
    on: date
    kind: EventType
    amount_cents: int | None = None
    periods: int = 0
    until: date | None = None
    rate_annual: Decimal = Decimal(0)
    undoes: str = ""

    @property
    def place(self) -> tuple[date, int, int, int, date, Decimal, str]:
        """Its place among the others; what it says goes before its id, which may only be its place in a list."""
        said = self.amount_cents or 0, self.periods, self.until or date.min, self.rate_annual
        return self.on, _RANK[self.kind], *said, self.event_id

    def out_of_place(self) -> Refusal:
        """The refusal of an event that has nothing to act on at its date."""
        return Refusal("event-out-of-place", id=self.event_id, type=self.kind.value, wanted_on=self.on.isoformat())


def in_effect(events: Sequence[Event]) -> list[Event]:
    """The events that count, in order; an undo takes one other event away, and can't itself be undone.

    Refuses `event-id-repeated`, `undo-unknown` for an undo of nothing that can be undone, `undo-repeated`, and
    `terms-changes-too-many`.
    """
    if len(events) > MAX_EVENTS:
        raise Refusal("terms-changes-too-many", field="events", limit=MAX_EVENTS)
    by_id: dict[str, Event] = {}
    for event in events:
        if event.event_id in by_id:
            raise Refusal("event-id-repeated", id=event.event_id)
        by_id[event.event_id] = event
    undone: set[str] = set()
    for event in sorted(events, key=lambda each: each.place):
        if event.kind is not EventType.UNDO:
            continue
        target = by_id.get(event.undoes)
        if target is None or target.kind is EventType.UNDO:
            raise Refusal("undo-unknown", id=event.event_id, undoes=event.undoes)
        if event.undoes in undone:
            raise Refusal("undo-repeated", id=event.event_id, undoes=event.undoes)
        undone.add(event.undoes)
    counted = [each for each in events if each.kind is not EventType.UNDO and each.event_id not in undone]
    return sorted(counted, key=lambda each: each.place)
