"""From what the provider states to facts: each is checked against what we asked, posted once, and moves its row.

Facts, not statuses: what is recorded depends on what the books know already, so any repetition or order of the same
truths ends in the same books. A statement that does not agree with what we asked becomes a case and posts nothing.
"""

from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.clock import brussels_date
from ledger.errors import Refusal
from ledger.payments import postings
from ledger.payments import tables as t
from ledger.payments.chargebacks import record_chargebacks
from ledger.payments.lifecycle import PAYMENT
from ledger.payments.model import (
    OWN_CHARGEBACKS,
    REFUNDS_DUE,
    ChargebackHooks,
    PaidPayment,
    PaymentState,
    ResolveCredit,
    paid_body,
)
from ledger.payments.moves import move
from ledger.payments.queries import not_taken_back
from ledger.payments.rail import ProviderPayment
from ledger.payments.refunds import record_refund
from ledger.payments.rows import keep_evidence, open_case

ENDINGS = frozenset({"failed", "canceled", "expired"})
STILL_OPEN = frozenset({"open", "pending", "authorized"})


def record_truth(
    uow: UnitOfWork,
    truth: ProviderPayment,
    resolve_credit: ResolveCredit,
    chargebacks: ChargebackHooks = OWN_CHARGEBACKS,
) -> int:
    """Record whatever is new in `truth`; gives the number of facts recorded."""
    payment = _payment_of(uow, truth, chargebacks)
    if payment is None:
        if truth.status == "paid":
            open_case(uow, truth.provider_id, _not_ours(truth), payment_id=None)
        return 0
    difference = _difference(uow, payment, truth)
    if difference is not None:
        open_case(uow, truth.provider_id, difference, payment_id=payment.payment_id)
        return 0
    recorded, credited = _record_state(uow, payment, truth, resolve_credit)
    recorded += sum(record_refund(uow, payment, refund) for refund in truth.refunds)
    if truth.status == PaymentState.PAID:
        recorded += record_chargebacks(uow, payment, truth, chargebacks, credited=credited)
    return recorded


def _payment_of(uow: UnitOfWork, truth: ProviderPayment, chargebacks: ChargebackHooks) -> sa.Row[Any] | None:
    """Our payment, locked together with every other of its reference, so that only one can be the first paid.

    A product locks what it sold before it locks a payment, so where a chargeback is stated its lock is taken first.
    """
    c = t.payment.c
    ours = sa.or_(c.provider_id == truth.provider_id, c.payment_id == truth.metadata.get("op", ""))
    found = uow.connection.execute(
        sa.select(c.payment_id, c.reference)
        .where(c.book_id == uow.book_id, ours)
        .order_by((c.provider_id == truth.provider_id).desc())
    ).first()
    if found is None:
        return None
    if truth.chargebacks:
        chargebacks.hold(uow, found.reference)
    rows = uow.connection.execute(
        sa.select(t.payment)
        .where(c.book_id == uow.book_id, c.reference == found.reference)
        .order_by(c.payment_id)
        .with_for_update()
    ).all()
    return next(row for row in rows if row.payment_id == found.payment_id)


def _difference(uow: UnitOfWork, payment: sa.Row[Any], truth: ProviderPayment) -> Refusal | None:
    """How the provider's statement differs from what we asked, if it does."""
    mode = uow.connection.execute(
        sa.select(t.payment_terms.c.mode).where(t.payment_terms.c.book_id == uow.book_id)
    ).scalar_one_or_none()
    asked = {"op": payment.payment_id, "reference": payment.reference, "payer": payment.payer, "book": uow.book_id}
    if payment.provider_id not in {None, truth.provider_id}:
        return Refusal("payment-created-twice", payment_id=payment.payment_id, known=payment.provider_id)
    if truth.mode != mode:
        return Refusal("payment-mode-differs", asked=mode, stated=truth.mode)
    if truth.currency != "EUR":
        return Refusal("payment-currency-differs", stated=truth.currency)
    if truth.amount_cents != payment.amount_cents:
        return Refusal("payment-amount-differs", asked_cents=payment.amount_cents, stated_cents=truth.amount_cents)
    if any(truth.metadata.get(name) != value for name, value in asked.items()):
        return Refusal("payment-metadata-differs", reference=payment.reference)
    return None


def _record_state(
    uow: UnitOfWork, payment: sa.Row[Any], truth: ProviderPayment, resolve_credit: ResolveCredit
) -> tuple[int, AccountRef | None]:
    """The number of facts, and the account that the payment was credited to if it is one of them."""
    columns = {"provider_id": truth.provider_id, "checkout_url": truth.checkout_url or payment.checkout_url}
    if truth.status == "paid":
        return _record_paid(uow, payment, truth, resolve_credit)
    if truth.status in ENDINGS:
        event = truth.status
    elif truth.status in STILL_OPEN:
        event = "opened"
    else:
        unknown = Refusal("provider-status-unknown", stated=truth.status[:40])
        open_case(uow, truth.provider_id, unknown, payment_id=payment.payment_id)
        return 0, None
    if not PAYMENT.allows(PaymentState(payment.state), event):
        return 0, None
    move(uow, PAYMENT, payment.payment_id, state=payment.state, event=event, **columns)
    if event in ENDINGS:
        emit_unusable(uow, payment, PAYMENT.after(PaymentState(payment.state), event))
    return 1, None


def emit_unusable(uow: UnitOfWork, payment: sa.Row[Any], state: PaymentState) -> None:
    """Tell the product that nothing will come of a payment."""
    body = {
        "payment_id": payment.payment_id,
        "reference": payment.reference,
        "payer": payment.payer,
        "state": state.value,
    }
    uow.emit("payment.unusable", f"{payment.payment_id}:{state.value}", body)


def _record_paid(
    uow: UnitOfWork, payment: sa.Row[Any], truth: ProviderPayment, resolve_credit: ResolveCredit
) -> tuple[int, AccountRef | None]:
    if payment.state == PaymentState.PAID:
        return 0, None
    assert truth.paid_at is not None, "an adapter gives no paid payment without its instant"
    paid_on = brussels_date(truth.paid_at)
    own = AccountRef.parse(payment.credit)
    paid = PaidPayment(
        uow.book_id, payment.payment_id, payment.reference, payment.payer, payment.amount_cents, paid_on, own
    )
    credit = _credit(uow, paid, resolve_credit)
    entry = postings.payment_received(
        truth.provider_id,
        amount_cents=payment.amount_cents,
        credit=credit,
        expected=credit == own,
        on=paid_on,
        evidence=keep_evidence(uow, postings.paid_key(truth.provider_id), _statement(truth), owner=payment.payer),
    )
    uow.post(entry)
    move(
        uow,
        PAYMENT,
        payment.payment_id,
        state=payment.state,
        event="paid",
        fact_key=entry.key,
        provider_id=truth.provider_id,
        paid_on=paid_on,
        method=truth.method,
    )
    uow.emit("payment.paid", entry.key, paid_body(paid, credit))
    return 1, credit


def _credit(uow: UnitOfWork, payment: PaidPayment, resolve_credit: ResolveCredit) -> AccountRef:
    """A second paid payment of one reference is the payer's to have back; about the first, the product decides."""
    c = t.payment.c
    first = uow.connection.execute(
        sa.select(c.payment_id).where(
            c.book_id == uow.book_id,
            c.reference == payment.reference,
            c.state == PaymentState.PAID.value,
            not_taken_back(),
        )
    ).first()
    if first is not None:
        return AccountRef(REFUNDS_DUE, payment.payer)
    return resolve_credit(uow.connection, payment)


def _statement(truth: ProviderPayment) -> dict[str, Any]:
    assert truth.paid_at is not None, "only paid payments have a statement"
    return {
        "id": truth.provider_id,
        "mode": truth.mode,
        "status": truth.status,
        "amount_cents": truth.amount_cents,
        "currency": truth.currency,
        "paid_at": truth.paid_at.isoformat(),
        "metadata": dict(truth.metadata),
    }


def _not_ours(truth: ProviderPayment) -> Refusal:
    return Refusal("payment-not-ours", provider_id=truth.provider_id, stated_cents=truth.amount_cents)
