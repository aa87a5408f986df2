"""The trace of an issue: its payments under pseudonyms, its expenses, and which paid which; as open data.

A payment's pseudonym follows from its subscriber's own key, so that she finds her payments and nobody else can tell
whose they are; once her key is destroyed it is gone, and the payment goes by its number alone.
"""

import hmac
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from contracts.bonds import queries as q
from contracts.bonds.model import SeriesState
from contracts.bonds.projects import ProceedsTerms, Use, UseKind
from contracts.bonds.tracing import RULE, Flow, Paid, flows
from contracts.bonds.uses import uses
from contracts.parties.queries import Keeper
from ledger import balances
from ledger.errors import InvariantError, Refusal
from ledger.storage.base import JSON

FORMAT = "bxl-proceeds-trace/1"
_PSEUDONYM = b"bxl proceeds trace 1 "
_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedPayment:
    """A citizen's payment, as far as it became units; of `units` at the price of the issue."""

    number: int
    pseudonym: str
    units: int
    cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """All of it, as the books were known after entry `known_at_entry`."""

    series_id: str
    title: str
    issued_on: date
    known_at_entry: int
    proceeds: ProceedsTerms
    payments: tuple[TracedPayment, ...]
    uses: tuple[Use, ...]
    flows: tuple[Flow, ...]

    @property
    def expenses(self) -> tuple[Use, ...]:
        """What was spent, oldest first."""
        return tuple(each for each in self.uses if each.kind is UseKind.SPENT)

    @property
    def has_arrived(self) -> bool:
        """Whether the proceeds are with the issuer."""
        return bool(self.uses)

    @property
    def raised_cents(self) -> int:
        """What all payments come to."""
        return sum(each.cents for each in self.payments)

    def cash_cents(self, project_id: str = "") -> int:
        """What a project has and has not spent; without one, what is allocated to none."""
        return sum(each.cents for each in self.flows if each.project_id == project_id and each.expense is None)

    def spent_cents(self, project_id: str) -> int:
        """What a project has spent."""
        return sum(each.cents for each in self.flows if each.project_id == project_id and each.expense is not None)


def trace(connection: sa.Connection, keeper: Keeper, series_id: str) -> Trace:
    """Every euro of an issue; refuses `series-not-known`, and `series-not-issued` before there are units."""
    book_id, record = keeper.book_id, q.series_record(connection, keeper.book_id, series_id)
    if record.state not in {SeriesState.RUNNING, SeriesState.REDEEMED}:
        raise Refusal("series-not-issued", series_id=series_id)
    terms = record.series.terms
    allotted = [each for each in q.allotments(connection, book_id, series_id) if each.units]
    keys = keeper.keys.existing_keys(connection, {each.holder for each in allotted})
    payments = tuple(
        TracedPayment(
            number=each.number,
            pseudonym=_pseudonym(keys, each),
            units=each.units,
            cents=each.units * terms.price_cents,
        )
        for each in allotted
    )
    used = tuple(uses(connection, book_id, series_id))
    found = Trace(
        series_id=series_id,
        title=terms.title,
        issued_on=terms.issued_on,
        known_at_entry=balances.entry_count(connection, book_id) - 1,
        proceeds=terms.proceeds,
        payments=payments,
        uses=used,
        flows=tuple(flows([Paid(number=each.number, cents=each.cents) for each in payments], used)),
    )
    _check(found)
    return found


def own_payments(connection: sa.Connection, book_id: str, series_id: str, holder: str) -> frozenset[int]:
    """The numbers of one subscriber's payments."""
    return frozenset(
        each.number for each in q.allotments(connection, book_id, series_id) if each.holder == holder and each.units
    )


def trace_json(found: Trace, only: Collection[int] | None = None) -> bytes:
    """The trace as open data, amounts in cents; of `only` some payments where they are named."""
    names = {each.number: each.pseudonym for each in found.payments}
    payments = [each for each in found.payments if only is None or each.number in only]
    stated: dict[str, JSON] = {
        "format": FORMAT,
        "series": found.series_id,
        "title": found.title,
        "rule": RULE,
        "known_at_entry": found.known_at_entry,
        "raised_cents": found.raised_cents,
        "arrived": found.has_arrived,
        "payments": [
            {"payment": each.pseudonym, "place": each.number, "units": each.units, "cents": each.cents}
            for each in payments
        ],
        "expenses": [_expense(each) for each in found.expenses],
        "flows": [
            {
                "payment": names[each.number],
                "project": each.project_id or None,
                "expense": each.expense,
                "cents": each.cents,
            }
            for each in found.flows
            if only is None or each.number in only
        ],
    }
    return json.dumps(stated, ensure_ascii=False, indent=1).encode() + b"\n"


def _pseudonym(keys: Mapping[str, bytes], allotted: q.Allotment) -> str:
    key = keys.get(allotted.holder)
    if key is None:
        return f"erased-{allotted.number}"
    return hmac.digest(key, _PSEUDONYM + allotted.pledge_id.encode(), "sha256").hex()[:_LENGTH]


def _expense(use: Use) -> dict[str, JSON]:
    assert use.expense is not None, "what was spent has its expense"
    return {
        "expense": use.n,
        "project": use.project_id,
        "what": use.expense.title,
        "paid_on": use.expense.paid_on.isoformat(),
        "cents": use.amount_cents,
        "evidence_sha256": use.expense.evidence,
    }


def _check(found: Trace) -> None:
    """Both ways to the cent: each payment is all in its places, each expense is all paid by payments."""
    by_payment: dict[int, int] = {}
    by_expense: dict[int | None, int] = {}
    for each in found.flows:
        by_payment[each.number] = by_payment.get(each.number, 0) + each.cents
        by_expense[each.expense] = by_expense.get(each.expense, 0) + each.cents
    if by_payment != {each.number: each.cents for each in found.payments}:
        raise InvariantError(f"{found.series_id}: a payment is not all traced")
    if any(by_expense.get(each.n) != each.amount_cents for each in found.expenses):
        raise InvariantError(f"{found.series_id}: an expense is not all traced")
    entered = sum(each.amount_cents for each in found.uses if each.kind is UseKind.ENTERED)
    if found.has_arrived and entered != found.raised_cents:
        raise InvariantError(f"{found.series_id}: what was raised is not what arrived at the issuer")
