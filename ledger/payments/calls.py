"""Calls to the provider: claimed in one unit of work, made outside any, their outcome recorded in another.

    planned ──sent──▶ sent ──done──▶ done            first sent < 55 minutes ago: again, same key and same bytes
       ▲               │ ├──rejected──▶ rejected     later: search the provider for our op, adopt or close
       └──postponed────┘ └──unknown──▶ unknown ──sent──▶ sent

The provider keeps an idempotency key for an hour. A refund or a debit whose outcome is unknown is always searched for
first, and one that cannot be found after the window is closed and shown to a person: no machine moves money twice, and
two people decide whether it is made anew (`repeats`).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from ledger.book import Book, UnitOfWork
from ledger.crash import reach
from ledger.errors import Refusal
from ledger.payments import tables as t
from ledger.payments.inbox import ACTOR, TURN, receive
from ledger.payments.lifecycle import CALL, PAYMENT, REFUND
from ledger.payments.model import NOT_FOUND, CallKind, CallState, PaymentState, RefundState
from ledger.payments.moves import move
from ledger.payments.rail import (
    CallRefusedError,
    NotAtProviderError,
    PaymentRail,
    ProviderPayment,
    ProviderRefund,
    RailBusyError,
    RailError,
)
from ledger.payments.refunds import emit_refund
from ledger.payments.rows import open_case
from ledger.payments.truth import emit_unusable

RETRY_WINDOW = timedelta(minutes=55)
"""How long after the first sending the same key may be used again; the provider keeps it for an hour."""
LEASE = timedelta(seconds=60)
"""After so long a call that was claimed and never reported is taken up again."""
_NO_PAUSE, _FIRST_PAUSE, _LONGEST_PAUSE = timedelta(0), timedelta(seconds=2), timedelta(minutes=10)
_NEVER_TWICE = frozenset({CallKind.CREATE_REFUND, CallKind.CREATE_DEBIT})
"""Kinds that move money with nobody at a page: looked for before they are sent a second time, never made anew."""
_UNKNOWN_CASES = {CallKind.CREATE_REFUND: "refund-outcome-unknown", CallKind.CREATE_DEBIT: "debit-outcome-unknown"}


@dataclass(frozen=True, slots=True)
class _Claim:
    """A call as it was claimed: `search` asks to look for our op first, `send` whether it may be sent at all."""

    call: sa.Row[Any]
    subject: sa.Row[Any]
    payment_provider_id: str | None
    attempt: int
    search: bool
    send: bool


@dataclass(frozen=True, slots=True)
class _Outcome:
    event: str
    found: ProviderPayment | ProviderRefund | None = None
    reason: str | None = None
    retry_after: timedelta | None = None


def send_due_calls(book: Book, rail: PaymentRail, *, limit: int = 50, subject: str | None = None) -> int:
    """Make the calls that are due, oldest first, or only that of one payment or refund; gives how many were settled.

    A turn ends early once it has taken `TURN`, and where the provider asks for a pause.

    A web route calls it once with its `subject` right after its commit; the worker calls it in its loop.
    """
    settled, until = 0, book.clock.now() + TURN
    for _ in range(limit):
        claim = _claim(book, subject)
        if claim is None:
            break
        reach("call.before-send")
        outcome = _make(rail, claim)
        reach("call.after-send")
        with book.unit_of_work(actor=ACTOR) as uow:
            settled += _record(uow, claim, outcome)
        if outcome.retry_after is not None or book.clock.now() >= until:
            break
    return settled


def _claim(book: Book, subject: str | None) -> _Claim | None:
    c = t.provider_call.c
    with book.unit_of_work(actor=ACTOR) as uow:
        now = uow.now()
        due = sa.select(t.provider_call).where(c.book_id == uow.book_id, c.next_at <= now)
        if subject is not None:
            due = due.where(c.call_id == subject)
        due = due.order_by(c.next_at, c.call_id).limit(1)
        call = uow.connection.execute(due.with_for_update(skip_locked=True)).first()
        if call is None:
            return None
        uow.connection.execute(
            t.provider_call.update()
            .where(c.book_id == uow.book_id, c.call_id == call.call_id)
            .values(
                state=CALL.after(CallState(call.state), "sent").value,
                attempts=call.attempts + 1,
                first_sent_at=call.first_sent_at or now,
                next_at=now + LEASE,
            )
        )
        row, payment = _subject(uow, call)
        tried = call.first_sent_at is not None
        return _Claim(
            call=call,
            subject=row,
            payment_provider_id=payment.provider_id,
            attempt=call.attempts + 1,
            search=tried and (call.kind in _NEVER_TWICE or now - call.first_sent_at >= RETRY_WINDOW),
            send=not tried or now - call.first_sent_at < RETRY_WINDOW,
        )


def _make(rail: PaymentRail, claim: _Claim) -> _Outcome:
    """Search, send, or both; every failure of the rail is one of the outcomes."""
    try:
        if claim.search:
            found = _search(rail, claim)
            if found is not None:
                return _Outcome("done", found)
            if not claim.send:
                return _Outcome("rejected", reason=NOT_FOUND)
        return _Outcome("done", _send(rail, claim))
    except CallRefusedError as refused:
        return _Outcome("rejected", reason=str(refused)[:200])
    except NotAtProviderError:
        return _Outcome("rejected", reason="the provider does not know the payment")
    except RailBusyError as busy:
        return _Outcome("postponed", reason=str(busy)[:200], retry_after=busy.retry_after)
    except RailError as error:
        return _Outcome("unknown", reason=str(error)[:200])


def _search(rail: PaymentRail, claim: _Claim) -> ProviderPayment | ProviderRefund | None:
    op = claim.call.call_id
    if claim.call.kind != CallKind.CREATE_REFUND:
        payments = rail.newest_payments(since=claim.subject.requested_on - timedelta(days=1))
        return next((p for p in payments if p.metadata.get("op") == op), None)
    assert claim.payment_provider_id is not None, "a paid payment has a provider's id"
    refunds = rail.payment(claim.payment_provider_id).refunds
    return next((r for r in refunds if r.metadata.get("op") == op), None)


def _send(rail: PaymentRail, claim: _Claim) -> ProviderPayment | ProviderRefund:
    if claim.call.kind != CallKind.CREATE_REFUND:
        return rail.create_payment(claim.call.body, claim.call.idempotency_key)
    assert claim.payment_provider_id is not None, "a paid payment has a provider's id"
    return rail.create_refund(claim.payment_provider_id, claim.call.body, claim.call.idempotency_key)


def _record(uow: UnitOfWork, claim: _Claim, outcome: _Outcome) -> int:
    """Store the outcome; another process may have taken the call over meanwhile: the first certain outcome stands."""
    c = t.provider_call.c
    call = uow.connection.execute(
        sa.select(t.provider_call).where(c.book_id == uow.book_id, c.call_id == claim.call.call_id).with_for_update()
    ).one()
    if call.state != CallState.SENT or (call.attempts != claim.attempt and outcome.event != "done"):
        return 0
    settled = outcome.event in {"done", "rejected"}
    uow.connection.execute(
        t.provider_call.update()
        .where(c.book_id == uow.book_id, c.call_id == call.call_id)
        .values(
            state=CALL.after(CallState.SENT, outcome.event).value,
            first_sent_at=claim.call.first_sent_at if outcome.event == "postponed" else call.first_sent_at,
            next_at=None if settled else uow.now() + max(_pause(call.attempts), outcome.retry_after or _NO_PAUSE),
            outcome=outcome.reason,
        )
    )
    if outcome.event == "done":
        _adopt(uow, claim, outcome.found)
    elif outcome.event == "rejected":
        _close(uow, claim, outcome.reason or "")
    return int(settled)


def _adopt(uow: UnitOfWork, claim: _Claim, found: ProviderPayment | ProviderRefund | None) -> None:
    """Link what the provider created; its facts are recorded by the inbox like any other."""
    row, payment = _subject(uow, claim.call)
    if isinstance(found, ProviderRefund):
        c = t.refund.c
        uow.connection.execute(
            t.refund.update()
            .where(c.book_id == uow.book_id, c.refund_id == row.refund_id, c.provider_id.is_(None))
            .values(provider_id=found.provider_id)
        )
        receive(uow, payment.provider_id)
        return
    assert found is not None, "a call that is done has its object"
    if row.state in {PaymentState.REQUESTED, PaymentState.REJECTED}:
        columns = {"provider_id": found.provider_id, "checkout_url": found.checkout_url}
        move(uow, PAYMENT, row.payment_id, state=row.state, event="opened", **columns)
    if found.status != "open" or _was_seen(uow, found.provider_id):
        receive(uow, found.provider_id)


def _close(uow: UnitOfWork, claim: _Claim, reason: str) -> None:
    """The provider will not do it: say so to the product, and to the operators."""
    row, payment = _subject(uow, claim.call)
    if claim.call.kind != CallKind.CREATE_REFUND:
        if row.state == PaymentState.REQUESTED:
            move(uow, PAYMENT, row.payment_id, state=row.state, event="rejected")
            emit_unusable(uow, row, PaymentState.REJECTED)
        code = "payment-refused-by-provider"
    else:
        if row.state == RefundState.REQUESTED:
            move(uow, REFUND, row.refund_id, state=row.state, event="rejected")
            emit_refund(uow, "refund.failed", f"{row.refund_id}:rejected", row, uow.today().isoformat())
        code = "refund-refused-by-provider"
    if reason == NOT_FOUND:
        code = _UNKNOWN_CASES.get(CallKind(claim.call.kind), code)
    case = Refusal(code, reference=row.reference, amount_cents=row.amount_cents, reason=reason)
    open_case(uow, claim.call.call_id, case, payment_id=payment.payment_id)


def _subject(uow: UnitOfWork, call: sa.Row[Any]) -> tuple[sa.Row[Any], sa.Row[Any]]:
    """The payment or refund that a call is about, and the payment."""
    payment_id, refund = call.call_id, None
    if call.kind == CallKind.CREATE_REFUND:
        refund = uow.connection.execute(
            sa.select(t.refund).where(t.refund.c.book_id == uow.book_id, t.refund.c.refund_id == call.call_id)
        ).one()
        payment_id = refund.payment_id
    payment = uow.connection.execute(
        sa.select(t.payment)
        .where(t.payment.c.book_id == uow.book_id, t.payment.c.payment_id == payment_id)
        .with_for_update()
    ).one()
    return refund or payment, payment


def _was_seen(uow: UnitOfWork, provider_id: str) -> bool:
    c = t.payment_inbox.c
    row = sa.select(c.seen).where(c.book_id == uow.book_id, c.provider_id == provider_id)
    return uow.connection.execute(row).first() is not None


def _pause(attempts: int) -> timedelta:
    return min(_FIRST_PAUSE * (1 << min(attempts, 12)), _LONGEST_PAUSE)
