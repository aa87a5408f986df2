"""Reading the events of a loan's life from JSON: what each kind of event states."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import StrEnum

from api.cli.fields import DECIMAL, Fields, Reader, day, word
from contracts.loans.simulation.events import Event, EventType
from contracts.terms.agreed import check_rate
from ledger.money import MAX_MINOR

_LONGEST_TEXT = 100
_MOST_PERIODS = 600
TEXT: Reader[str] = Reader(
    lambda value: value if isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT else None,
    f"a text of 1 to {_LONGEST_TEXT} characters",
)
AMOUNT: Reader[int] = Reader(
    lambda value: value if type(value) is int and 0 < value <= MAX_MINOR else None, "a whole number of cents above 0"
)
PERIODS: Reader[int] = Reader(
    lambda value: value if type(value) is int and 0 < value <= _MOST_PERIODS else None, f"1 to {_MOST_PERIODS}"
)


class _Waived(StrEnum):
    INTEREST = "interest"


class _Lost(StrEnum):
    PRINCIPAL = "principal"


def read_event(fields: Fields, n: int) -> Event:
    """The event of a JSON object, the `n`th of its list; refuses what `Fields` refuses."""
    named, on = fields.get("id", TEXT, str(n)), fields.need("on", day())
    kind = fields.need("type", word(EventType))
    event = _READERS.get(kind, _plain)(fields, named, on, kind)
    fields.done()
    return event


def _plain(_fields: Fields, named: str, on: date, kind: EventType) -> Event:
    return Event(event_id=named, on=on, kind=kind)


def _with_amount(fields: Fields, named: str, on: date, kind: EventType) -> Event:
    return Event(event_id=named, on=on, kind=kind, amount_cents=fields.need("amount_cents", AMOUNT))


def _with_amount_or_all(fields: Fields, named: str, on: date, kind: EventType) -> Event:
    if kind is EventType.INTEREST_WAIVER:
        fields.get("component", word(_Waived), None)
    elif kind is EventType.WRITE_OFF:
        fields.get("component", word(_Lost), None)
    return Event(event_id=named, on=on, kind=kind, amount_cents=fields.get("amount_cents", AMOUNT, None))


def _with_periods(fields: Fields, named: str, on: date, kind: EventType) -> Event:
    return Event(event_id=named, on=on, kind=kind, periods=fields.need("periods", PERIODS))


def _with_time(fields: Fields, named: str, on: date, kind: EventType) -> Event:
    """Until a day, or so many periods."""
    until = fields.get("until", day(), None)
    periods = 0 if until else fields.need("periods", PERIODS)
    return Event(event_id=named, on=on, kind=kind, until=until, periods=periods)


def _with_rate(fields: Fields, named: str, on: date, kind: EventType) -> Event:
    rate: Decimal = fields.need("rate_annual", DECIMAL)
    check_rate(rate)
    return Event(event_id=named, on=on, kind=kind, rate_annual=rate)


def _with_target(fields: Fields, named: str, on: date, kind: EventType) -> Event:
    return Event(event_id=named, on=on, kind=kind, undoes=fields.need("undoes", TEXT))


_READERS: dict[EventType, Callable[[Fields, str, date, EventType], Event]] = {
    EventType.DISBURSEMENT: _with_amount,
    EventType.REPAYMENT: _with_amount,
    EventType.RECOVERY: _with_amount,
    EventType.PREPAYMENT: _with_amount_or_all,
    EventType.INTEREST_WAIVER: _with_amount_or_all,
    EventType.WRITE_OFF: _with_amount_or_all,
    EventType.TERM_EXTENSION: _with_periods,
    EventType.REAGE: _with_periods,
    EventType.PAYMENT_HOLIDAY: _with_time,
    EventType.PRINCIPAL_GRACE: _with_time,
    EventType.RATE_CHANGE: _with_rate,
    EventType.UNDO: _with_target,
}
