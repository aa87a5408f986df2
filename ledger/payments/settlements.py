"""Settlements: the provider's balance on its way to the client account, and the fees that the platform makes good.

    580100 ──outgoing-transfer──▶ 580200 ──bank statement──▶ 550100
                 stl:REF:out                 settle:REF
    550200 ──with the settlement──▶ 580300 ──bank statement──▶ 550100
                 top:REF                     top:REF:booked

The provider keeps its fees, so a settlement is smaller than the money it is of. The platform owes the client account
the difference from the day on which the settlement leaves, and a case says so until the bank shows it. A settlement
that staff books from the statement alone, where the provider's books are not read, leaves and arrives in one unit.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger import balances
from ledger.book import UnitOfWork
from ledger.clock import brussels_date, check_happened
from ledger.errors import Refusal
from ledger.payments import postings
from ledger.payments import tables as t
from ledger.payments.model import (
    CLIENT_BANK,
    PROVIDER_BALANCE,
    SETTLEMENTS_DUE,
    SMALL_DIFFERENCE_CENTS,
    SettlementState,
)
from ledger.payments.rail import ProviderMovement, ProviderSettlement
from ledger.payments.rows import close_cases, keep_evidence, open_case
from ledger.storage import bulk
from ledger.storage.base import JSON

COVER_CASE, RETURNED_CASE = "fee-cover-due", "settlement-returned"
_STATUSES = frozenset({"open", "pending", "processing", "processing-at-bank", "paidout"})
_GONE = frozenset({SettlementState.SENT, SettlementState.BOOKED})


def announce(uow: UnitOfWork, stated: ProviderSettlement) -> None:
    """Keep a settlement that the provider tells of; nothing is posted until it has left the balance.

    A settlement below zero is carried: nothing is paid out, and the next one is smaller by it.
    """
    row = row_of(uow, stated.reference)
    if stated.status == "failed":
        open_case(uow, stated.reference, _returned(stated.amount_cents), payment_id=None)
    elif stated.status not in _STATUSES:
        unknown = Refusal("provider-status-unknown", stated=stated.status[:40])
        open_case(uow, stated.reference, unknown, payment_id=None)
    if stated.amount_cents < 0:
        carried = Refusal("settlement-negative", amount_cents=stated.amount_cents)
        open_case(uow, stated.reference, carried, payment_id=None)
    if row is None:
        state = SettlementState.CARRIED if stated.amount_cents <= 0 else SettlementState.ANNOUNCED
        _insert(uow, stated.reference, stated.amount_cents, state, brussels_date(stated.created_at), stated.provider_id)
    elif row.state == SettlementState.ANNOUNCED:
        _update(uow, stated.reference, amount_cents=stated.amount_cents, provider_id=stated.provider_id)
    elif row.provider_id is None:
        _update(uow, stated.reference, provider_id=stated.provider_id)


def send(uow: UnitOfWork, movement: ProviderMovement, statement: Mapping[str, JSON]) -> tuple[int, int] | None:
    """The movement takes a settlement off the balance: post it once, and the cover of its fees.

    Gives the number of facts and the cents that are posted as having left; None while the settlement is not known.
    """
    row = _row_with_id(uow, movement.settlement_provider_id)
    if row is None:
        return None
    if row.state in _GONE:
        return 0, int(row.amount_cents)
    on, cents = brussels_date(movement.created_at), -_gross_cents(movement)
    key = postings.settlement_sent_key(row.reference)
    evidence = keep_evidence(uow, key, statement, owner="")
    uow.post(
        postings.settlement_sent(row.reference, amount_cents=cents, on=on, actor=postings.RAIL_ACTOR, evidence=evidence)
    )
    _update(uow, row.reference, state=SettlementState.SENT.value, out_on=on, amount_cents=cents)
    return 1 + _cover_fees(uow, row.reference, movement, on), cents


def give_back(uow: UnitOfWork, movement: ProviderMovement, statement: Mapping[str, JSON]) -> int | None:
    """A settlement did not arrive and stands on the provider's balance again; None while it is not known."""
    row = _row_with_id(uow, movement.settlement_provider_id)
    if row is None or row.state not in _GONE:
        return None
    on, cents = brussels_date(movement.created_at), _gross_cents(movement)
    key = postings.SETTLEMENT_RETURNED.fact_key({"id": movement.provider_id})
    evidence = keep_evidence(uow, key, statement, owner="")
    uow.post(postings.settlement_returned(movement.provider_id, amount_cents=cents, on=on, evidence=evidence))
    _update(uow, row.reference, state=SettlementState.RETURNED.value)
    open_case(uow, row.reference, _returned(cents), payment_id=None)
    return 1


def book_settlement(uow: UnitOfWork, *, reference: str, amount_cents: int, evidence: str, on: date) -> None:
    """The bank statement shows a settlement; the caller holds the gate of the client account. See `transfers`."""
    if _was_booked(uow, reference, amount_cents, on):
        return
    row = row_of(uow, reference)
    if row is None or row.state not in _GONE:
        _send_by_hand(uow, row, reference, amount_cents, evidence, on)
        sent_cents = amount_cents
    else:
        sent_cents = int(row.amount_cents)
    gained_cents = amount_cents - sent_cents
    if abs(gained_cents) > SMALL_DIFFERENCE_CENTS:
        raise Refusal(
            "settlement-amount-differs", reference=reference, sent_cents=sent_cents, booked_cents=amount_cents
        )
    actor = uow.actor
    uow.post(postings.settlement_booked(reference, amount_cents=amount_cents, on=on, actor=actor, evidence=evidence))
    if gained_cents:
        uow.post(
            postings.small_difference(
                reference, SETTLEMENTS_DUE, gained_cents=gained_cents, on=on, actor=actor, evidence=evidence
            )
        )
    _update(uow, reference, state=SettlementState.BOOKED.value, booked_on=on)


def book_fee_cover(uow: UnitOfWork, *, reference: str, amount_cents: int, evidence: str, on: date) -> None:
    """The bank statement shows the platform's own money, which covers the fees of the settlement `reference`.

    Recorded twice it is posted once. Refuses `fee-cover-unknown`, `fee-cover-amount-differs` and `date-not-reached`.
    """
    check_happened(on, today=uow.today())
    row = row_of(uow, reference)
    if row is None or row.fee_cents <= 0:
        raise Refusal("fee-cover-unknown", reference=reference)
    if row.fee_cents != amount_cents:
        raise Refusal("fee-cover-amount-differs", due_cents=int(row.fee_cents), booked_cents=amount_cents)
    if row.cover_booked_on is not None:
        return
    uow.post(postings.fee_cover_booked(reference, amount_cents=amount_cents, on=on, actor=uow.actor, evidence=evidence))
    _update(uow, reference, cover_booked_on=on)
    close_cases(uow, reference, COVER_CASE, reason="booked")


def sent_cents(connection: sa.Connection, book_id: str, references: Iterable[str]) -> dict[str, int]:
    """What left the provider's balance with these references, of what did and is not booked."""
    c = t.provider_settlement.c
    where = (c.book_id == book_id, c.state == SettlementState.SENT.value)
    query = sa.select(c.reference, c.amount_cents).where(*where, bulk.among(connection, c.reference, references))
    return {row.reference: int(row.amount_cents) for row in connection.execute(query)}


def covers_due(connection: sa.Connection, book_id: str) -> dict[str, int]:
    """The fees that the platform still owes the client account, by the settlement's reference, the oldest first."""
    c = t.provider_settlement.c
    where = (c.book_id == book_id, c.fee_cents > 0, c.cover_booked_on.is_(None))
    query = sa.select(c.reference, c.fee_cents).where(*where).order_by(c.out_on, c.reference)
    return {row.reference: int(row.fee_cents) for row in connection.execute(query)}


def row_of(uow: UnitOfWork, reference: str) -> sa.Row[Any] | None:
    """The settlement with this reference, locked."""
    c = t.provider_settlement.c
    query = sa.select(t.provider_settlement).where(c.book_id == uow.book_id, c.reference == reference)
    return uow.connection.execute(query.with_for_update()).one_or_none()


def _cover_fees(uow: UnitOfWork, reference: str, movement: ProviderMovement, on: date) -> int:
    """The platform owes the client account every fee that was kept until the settlement left and is not covered yet."""
    c = t.provider_movement.c
    uncovered = (c.book_id == uow.book_id, c.covered_by.is_(None), c.moved_at <= movement.created_at)
    total = sa.select(sa.func.coalesce(sa.func.sum(c.fee_cents), 0)).where(*uncovered)
    fee_cents = int(uow.connection.execute(total).scalar_one())
    if fee_cents <= 0:  # nothing kept, or more given back than kept: the next settlement goes on counting
        return 0
    uow.connection.execute(t.provider_movement.update().where(*uncovered).values(covered_by=reference))
    uow.post(postings.fee_covered(reference, amount_cents=fee_cents, on=on))
    _update(uow, reference, fee_cents=fee_cents)
    open_case(uow, reference, Refusal(COVER_CASE, amount_cents=fee_cents), payment_id=None)
    return 1


def _send_by_hand(
    uow: UnitOfWork, row: sa.Row[Any] | None, reference: str, amount_cents: int, evidence: str, on: date
) -> None:
    """The provider's books did not tell of it: the statement is the evidence that it has left, too."""
    standing_cents = balances.balance(uow.connection, uow.book_id, PROVIDER_BALANCE)
    if amount_cents > standing_cents:
        raise Refusal("settlement-exceeds-provider-balance", amount_cents=amount_cents, standing_cents=standing_cents)
    if row is None:
        _insert(uow, reference, amount_cents, SettlementState.ANNOUNCED, on, None)
    uow.post(postings.settlement_sent(reference, amount_cents=amount_cents, on=on, actor=uow.actor, evidence=evidence))
    _update(uow, reference, out_on=on, amount_cents=amount_cents)


def _was_booked(uow: UnitOfWork, reference: str, amount_cents: int, on: date) -> bool:
    """Whether just this was booked before, in one step from the balance as it once was, or in two."""
    entry = balances.entry_by_key(uow.connection, uow.book_id, postings.settlement_key(reference))
    return (
        entry is not None
        and entry.effective_on == on
        and any(line.account == CLIENT_BANK and line.debit == amount_cents for line in entry.lines)
    )


def _gross_cents(movement: ProviderMovement) -> int:
    """What moved, before the fee of moving it."""
    return movement.result_cents + movement.deduction_cents


def _returned(amount_cents: int) -> Refusal:
    return Refusal(RETURNED_CASE, amount_cents=amount_cents)


def _row_with_id(uow: UnitOfWork, provider_id: str | None) -> sa.Row[Any] | None:
    c = t.provider_settlement.c
    query = sa.select(t.provider_settlement).where(c.book_id == uow.book_id, c.provider_id == provider_id)
    return uow.connection.execute(query.with_for_update()).one_or_none()


def _insert(
    uow: UnitOfWork, reference: str, amount_cents: int, state: SettlementState, on: date, provider_id: str | None
) -> None:
    uow.connection.execute(
        t.provider_settlement.insert().values(
            book_id=uow.book_id,
            reference=reference,
            provider_id=provider_id,
            amount_cents=amount_cents,
            state=state.value,
            fee_cents=0,
            created_on=on,
        )
    )


def _update(uow: UnitOfWork, reference: str, **values: object) -> None:
    c = t.provider_settlement.c
    uow.connection.execute(
        t.provider_settlement.update().where(c.book_id == uow.book_id, c.reference == reference).values(**values)
    )
