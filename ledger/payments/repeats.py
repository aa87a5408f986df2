"""Calls whose effect nobody knows: two people decide whether a refund or a debit is made anew, never a machine.

A call comes here once its key is forgotten by the provider and its operation cannot be found there. The decision to
leave it closes the case (`service.close_case`); the decision to repeat it makes a new operation with a new key. Should
the first turn up later all the same, the sweep books it, and what was moved twice is seen.
"""

from typing import Any

import sqlalchemy as sa

from ledger import approvals
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments import tables as t
from ledger.payments.model import NOT_FOUND, CallKind, PaymentState, RefundState
from ledger.payments.service import close_case, repeat_debit, request_refund
from ledger.storage.base import JSON

REPEAT = "provider-call-repeat"
UNKNOWN_CASES = frozenset({"refund-outcome-unknown", "debit-outcome-unknown"})
"""Codes of the cases that are decided here."""


def request_repeat(uow: UnitOfWork, call_id: str, *, reason: str) -> str:
    """Ask a second person to agree that a call is made anew; gives the approval's id. Refuses `call-not-unknown`."""
    call, subject = _unknown(uow, call_id)
    return approvals.request(uow, action=REPEAT, body=_body(call, subject), reason=reason)


def repeat_call(uow: UnitOfWork, call_id: str, *, approval_id: str) -> str:
    """Make a call anew under an approval and close its case; gives the id of the new payment or refund.

    Refuses `call-not-unknown` (also where it has turned up meanwhile) and what `approvals.require` refuses.
    """
    call, subject = _unknown(uow, call_id)
    approvals.require(uow, approval_id, REPEAT, _body(call, subject))
    if call.kind == CallKind.CREATE_REFUND:
        case = "refund-outcome-unknown"
        new_id = request_refund(
            uow,
            payment_id=subject.payment_id,
            amount_cents=subject.amount_cents,
            reference=subject.reference,
            debit=AccountRef.parse(subject.debit),
            decided=True,
        )
    else:
        case = "debit-outcome-unknown"
        new_id = repeat_debit(uow, subject, call.body)
    close_case(uow, subject=call_id, code=case, reason=f"{new_id} ({approval_id})")
    return new_id


def _unknown(uow: UnitOfWork, call_id: str) -> tuple[sa.Row[Any], sa.Row[Any]]:
    """The call, locked, and its payment or refund, if its outcome is unknown and nobody has decided on it."""
    c, k = t.provider_call.c, t.payment_case.c
    call = uow.connection.execute(
        sa.select(t.provider_call).where(c.book_id == uow.book_id, c.call_id == call_id).with_for_update()
    ).first()
    waiting = sa.select(k.code).where(k.book_id == uow.book_id, k.subject == call_id, k.closed_at.is_(None))
    is_open = uow.connection.execute(waiting.where(k.code.in_(UNKNOWN_CASES))).first() is not None
    if call is None or call.outcome != NOT_FOUND or not is_open:
        raise Refusal("call-not-unknown", call=call_id)
    table, key, rejected = (
        (t.refund, t.refund.c.refund_id, RefundState.REJECTED)
        if call.kind == CallKind.CREATE_REFUND
        else (t.payment, t.payment.c.payment_id, PaymentState.REJECTED)
    )
    subject = uow.connection.execute(sa.select(table).where(table.c.book_id == uow.book_id, key == call_id)).one()
    if subject.state != rejected:
        raise Refusal("call-not-unknown", call=call_id)
    return call, subject


def _body(call: sa.Row[Any], subject: sa.Row[Any]) -> dict[str, JSON]:
    """What exactly is decided."""
    return {
        "call_id": call.call_id,
        "kind": call.kind,
        "reference": subject.reference,
        "amount_cents": subject.amount_cents,
    }
