"""Commands on a loan's life: what events make of its terms."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import BinaryIO

import click

from api.cli.fields import DECIMAL, MAX_INPUT_BYTES, Fields, Reader, day, word
from api.cli.terms import answer_in_json, read_terms, schedule_json
from contracts.loans.simulation.dues import LAWFUL, allocation
from contracts.loans.simulation.events import Event, EventType
from contracts.loans.simulation.simulate import Simulation, simulate
from contracts.terms.agreed import check_rate
from ledger.journal import JournalEntry
from ledger.money import MAX_MINOR

_LONGEST_TEXT = 100
_MOST_PERIODS = 600
_TEXT: Reader[str] = Reader(
    lambda value: value if isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT else None,
    f"a text of 1 to {_LONGEST_TEXT} characters",
)
_AMOUNT: Reader[int] = Reader(
    lambda value: value if type(value) is int and 0 < value <= MAX_MINOR else None, "a whole number of cents above 0"
)
_PERIODS: Reader[int] = Reader(
    lambda value: value if type(value) is int and 0 < value <= _MOST_PERIODS else None, f"1 to {_MOST_PERIODS}"
)


class _Waived(StrEnum):
    INTEREST = "interest"


class _Lost(StrEnum):
    PRINCIPAL = "principal"


@click.group(name="loan")
def loan() -> None:
    """What becomes of a loan."""


@loan.command(name="simulate")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the answer is always JSON.")
def simulate_command(file: BinaryIO, *, _as_json: bool) -> int:
    """Print what events make of a loan, as JSON, from the JSON in FILE (default: standard input).

    \b
    terms             as `bxl terms schedule` takes them
    allocation        order of components, default "costs,late-interest,interest,principal"; oldest first in each
    as_of             date
    events            [{"id", "on", "type", …}], in any order; ids are n of the list where they are left out
      disbursement    amount_cents; without any, the terms are paid out as they say
      repayment       amount_cents
      prepayment      amount_cents; left out: all that is owed
      payment_holiday until, or periods: nothing falls due meanwhile
      principal_grace until, or periods: interest only
      term_extension  periods more
      rate_change     rate_annual
      interest_waiver amount_cents; left out: all interest that is called
      reage           periods: unpaid principal and the debt over so many instalments
      reamortise      unpaid principal over the instalments that are left
      charge_off      all is called, nothing more accrues
      write_off       amount_cents; left out: all principal, and the loan ends
      recovery        amount_cents
      undo            undoes: the id of another event
    """  # noqa: D301 -- click keeps lines after this control character as they are
    return answer_in_json(lambda: _answer(Fields.read(file.read(MAX_INPUT_BYTES + 1))))


def _answer(fields: Fields) -> dict[str, object]:
    terms = read_terms(fields.object("terms"))
    order = allocation(fields.get("allocation", _TEXT, ",".join(LAWFUL)))
    events = [_event(each, n) for n, each in enumerate(fields.objects("events"), 1)]
    as_of = fields.need("as_of", day())
    fields.done()
    return _simulation_json(simulate(terms, order, events, as_of), as_of)


def _event(fields: Fields, n: int) -> Event:
    named, on = fields.get("id", _TEXT, str(n)), fields.need("on", day())
    kind = fields.need("type", word(EventType))
    event = _READERS.get(kind, _plain)(fields, named, on, kind)
    fields.done()
    return event


def _plain(_fields: Fields, named: str, on: date, kind: EventType) -> Event:
    return Event(event_id=named, on=on, kind=kind)


def _with_amount(fields: Fields, named: str, on: date, kind: EventType) -> Event:
    return Event(event_id=named, on=on, kind=kind, amount_cents=fields.need("amount_cents", _AMOUNT))


def _with_amount_or_all(fields: Fields, named: str, on: date, kind: EventType) -> Event:
    if kind is EventType.INTEREST_WAIVER:
        fields.get("component", word(_Waived), None)
    elif kind is EventType.WRITE_OFF:
        fields.get("component", word(_Lost), None)
    return Event(event_id=named, on=on, kind=kind, amount_cents=fields.get("amount_cents", _AMOUNT, None))


def _with_periods(fields: Fields, named: str, on: date, kind: EventType) -> Event:
    return Event(event_id=named, on=on, kind=kind, periods=fields.need("periods", _PERIODS))


def _with_time(fields: Fields, named: str, on: date, kind: EventType) -> Event:
    """Until a day, or so many periods."""
    until = fields.get("until", day(), None)
    periods = 0 if until else fields.need("periods", _PERIODS)
    return Event(event_id=named, on=on, kind=kind, until=until, periods=periods)


def _with_rate(fields: Fields, named: str, on: date, kind: EventType) -> Event:
    rate: Decimal = fields.need("rate_annual", DECIMAL)
    check_rate(rate)
    return Event(event_id=named, on=on, kind=kind, rate_annual=rate)


def _with_target(fields: Fields, named: str, on: date, kind: EventType) -> Event:
    return Event(event_id=named, on=on, kind=kind, undoes=fields.need("undoes", _TEXT))


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


def _simulation_json(found: Simulation, as_of: date) -> dict[str, object]:
    return {
        "as_of": as_of.isoformat(),
        "schedule_before": schedule_json(found.before.instalments),
        "schedule_after": schedule_json(found.after),
        "due": {
            "costs_cents": 0,
            "late_interest_cents": 0,
            "interest_cents": found.due_interest,
            "principal_cents": found.due_principal,
            "total_cents": found.due_interest + found.due_principal,
        },
        "days_past_due": found.days_past_due,
        "balances": {
            "costs_cents": 0,
            "late_interest_cents": 0,
            "interest_cents": found.interest,
            "principal_cents": found.principal,
            "accrued_interest_cents": found.accrued_interest,
            "to_return_cents": found.to_return,
            "written_off_cents": found.written_off,
            "recovered_cents": found.recovered,
        },
        "entries": [_entry_json(entry) for entry in found.entries],
        "accounts": {f"{account}:{account.asset}": cents for account, cents in found.accounts.items()},
    }


def _entry_json(entry: JournalEntry) -> dict[str, object]:
    return {
        "on": entry.effective_on.isoformat(),
        "purpose": entry.purpose,
        "postings": [
            {"account": str(line.account), "asset": line.account.asset, "debit": line.debit, "credit": line.credit}
            for line in entry.postings
        ],
    }
