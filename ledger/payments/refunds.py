"""Refunds as the provider states them: what left the provider's balance, and what came back to it.

    provider            queued     pending, processing    refunded            failed, canceled
    row                 queued     sent                   refunded            failed
    posted              nothing    ref:ID:out             ref:ID:out once     ref:ID:back, if out was posted

A queued refund is not a movement of money: it waits for the provider's balance, and is shown as a case meanwhile. A
refund that nobody ordered here (made by hand in the provider's dashboard) is booked against 499200 and shown as a case.
"""

from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.clock import brussels_date
from ledger.errors import Refusal
from ledger.payments import outflow, postings
from ledger.payments import tables as t
from ledger.payments.lifecycle import REFUND
from ledger.payments.model import UNKNOWN_MOVEMENTS, RefundState
from ledger.payments.moves import move, record_birth
from ledger.payments.rail import ProviderRefund
from ledger.payments.rows import close_cases, keep_evidence, open_case

QUEUED = "refund-queued"
"""The case of a refund that the provider accepted and has no money for."""
_LEFT = frozenset({RefundState.SENT, RefundState.REFUNDED})
STATES = {
    "queued": RefundState.QUEUED,
    "pending": RefundState.SENT,
    "processing": RefundState.SENT,
    "refunded": RefundState.REFUNDED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}
"""Which state of ours agrees with a status of the provider's."""
PAST_THE_PROVIDER = frozenset({RefundState.BY_BANK, RefundState.ARRIVED})
"""States of refunds that go by bank, of which the provider has nothing new to say."""


def record_refund(uow: UnitOfWork, payment: sa.Row[Any], truth: ProviderRefund) -> int:
    """Record whatever is new about one refund of `payment`; gives the number of facts recorded."""
    row = _refund_of(uow, truth) or _foreign(uow, payment, truth)
    if row.amount_cents != truth.amount_cents or truth.currency != "EUR":
        facts = Refusal("refund-amount-differs", asked_cents=row.amount_cents, stated_cents=truth.amount_cents)
        open_case(uow, truth.provider_id, facts, payment_id=payment.payment_id)
        return 0
    if truth.status not in STATES:
        unknown = Refusal("provider-status-unknown", stated=truth.status[:40])
        open_case(uow, truth.provider_id, unknown, payment_id=payment.payment_id)
        return 0
    recorded = 0
    for event in _events(RefundState(row.state), truth.status):
        row = _record(uow, payment, row, event, truth)
        recorded += 1
    return recorded


def emit_refund(uow: UnitOfWork, topic: str, key: str, row: sa.Row[Any], on: str) -> None:
    """Tell the product that a refund's money left (`refund.sent`) or will not arrive (`refund.failed`).

    A refund that nobody ordered here is no product's: it is the operators' case.
    """
    if row.debit == str(UNKNOWN_MOVEMENTS):
        return
    body = {
        "refund_id": row.refund_id,
        "payment_id": row.payment_id,
        "reference": row.reference,
        "amount_cents": row.amount_cents,
        "on": on,
    }
    uow.emit(topic, key, body)


def _events(state: RefundState, status: str) -> list[str]:
    """The moves that lead from what the books know to what the provider states."""
    wanted = STATES[status]
    if wanted is state:
        return []
    if wanted is RefundState.REFUNDED:
        events = ["refunded"] if state is RefundState.SENT else ["sent", "refunded"]
    else:
        events = [{RefundState.QUEUED: "queued", RefundState.SENT: "sent", RefundState.FAILED: "failed"}[wanted]]
    return events if REFUND.allows(state, events[0]) else []


def _record(uow: UnitOfWork, payment: sa.Row[Any], row: sa.Row[Any], event: str, truth: ProviderRefund) -> sa.Row[Any]:
    """One move of the refund with its posting and its message; gives the row as it is then."""
    columns: dict[str, object] = {"provider_id": truth.provider_id}
    fact_key = None
    if event == "queued":
        waits = Refusal(QUEUED, amount_cents=row.amount_cents, reference=row.reference)
        open_case(uow, truth.provider_id, waits, payment_id=row.payment_id)
    else:
        close_cases(uow, truth.provider_id, QUEUED, reason=event)
    if event == "sent":
        fact_key, columns["sent_on"] = _record_departure(uow, payment, row, truth)
    if event == "failed":
        fact_key = _record_failure(uow, payment, row, truth)
    move(uow, REFUND, row.refund_id, state=row.state, event=event, fact_key=fact_key, **columns)
    return _row(uow, row.refund_id)


def _record_departure(
    uow: UnitOfWork, payment: sa.Row[Any], row: sa.Row[Any], truth: ProviderRefund
) -> tuple[str, date]:
    waited = row.state == RefundState.QUEUED  # the provider says when it was asked, not when it left
    on, debit = uow.today() if waited else brussels_date(truth.created_at), AccountRef.parse(row.debit)
    fact_key = postings.refund_out_key(truth.provider_id)
    evidence = keep_evidence(uow, fact_key, _statement(truth), owner=debit.owner)
    left = outflow.leave(uow, payment, row.amount_cents, debit)
    if left.excess_cents:
        twice = Refusal("refund-of-charged-back", excess_cents=left.excess_cents, reference=row.reference)
        open_case(uow, truth.provider_id, twice, payment_id=row.payment_id)
    uow.post(postings.refund_sent(truth.provider_id, left, on=on, evidence=evidence))
    emit_refund(uow, "refund.sent", fact_key, row, on.isoformat())
    return fact_key, on


def _record_failure(uow: UnitOfWork, payment: sa.Row[Any], row: sa.Row[Any], truth: ProviderRefund) -> str | None:
    fact_key, debit = None, AccountRef.parse(row.debit)
    if row.state in _LEFT:
        fact_key = postings.refund_back_key(truth.provider_id)
        back = outflow.come_back(uow, payment, row.amount_cents, debit)
        on = max(uow.today(), brussels_date(truth.created_at))
        evidence = keep_evidence(uow, fact_key, _statement(truth), owner=debit.owner)
        uow.post(postings.refund_failed(truth.provider_id, back, on=on, evidence=evidence))
    emit_refund(uow, "refund.failed", f"{row.refund_id}:failed", row, uow.today().isoformat())
    failed = Refusal("refund-failed", amount_cents=row.amount_cents, reference=row.reference)
    open_case(uow, truth.provider_id, failed, payment_id=row.payment_id)
    return fact_key


def _refund_of(uow: UnitOfWork, truth: ProviderRefund) -> sa.Row[Any] | None:
    c = t.refund.c
    ours = sa.or_(
        c.provider_id == truth.provider_id,
        sa.and_(c.refund_id == truth.metadata.get("op", ""), c.provider_id.is_(None)),
    )
    return uow.connection.execute(sa.select(t.refund).where(c.book_id == uow.book_id, ours)).first()


def _foreign(uow: UnitOfWork, payment: sa.Row[Any], truth: ProviderRefund) -> sa.Row[Any]:
    """A row for a refund that nobody ordered here."""
    refund_id = uow.new_id("r")
    uow.connection.execute(
        t.refund.insert().values(
            book_id=uow.book_id,
            refund_id=refund_id,
            payment_id=payment.payment_id,
            reference=f"unordered:{truth.provider_id}",
            amount_cents=truth.amount_cents,
            debit=str(UNKNOWN_MOVEMENTS),
            state=RefundState.REQUESTED.value,
            requested_at=uow.now(),
            requested_on=uow.today(),
            provider_id=truth.provider_id,
        )
    )
    record_birth(uow, REFUND, refund_id)
    case = Refusal("refund-not-ordered-here", stated_cents=truth.amount_cents, reference=payment.reference)
    open_case(uow, truth.provider_id, case, payment_id=payment.payment_id)
    return _row(uow, refund_id)


def _row(uow: UnitOfWork, refund_id: str) -> sa.Row[Any]:
    c = t.refund.c
    return uow.connection.execute(sa.select(t.refund).where(c.book_id == uow.book_id, c.refund_id == refund_id)).one()


def _statement(truth: ProviderRefund) -> dict[str, Any]:
    return {
        "id": truth.provider_id,
        "payment": truth.payment_provider_id,
        "status": truth.status,
        "amount_cents": truth.amount_cents,
        "currency": truth.currency,
        "created_at": truth.created_at.isoformat(),
        "metadata": dict(truth.metadata),
    }
