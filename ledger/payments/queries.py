"""Read models of payments, for products, pages and the API."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from ledger.payments import tables as t
from ledger.payments.model import (
    Case,
    ChargebackState,
    ChargebackView,
    DebitState,
    PaymentState,
    PaymentView,
    RefundState,
    RefundView,
    SettlementState,
    SettlementView,
    TransferKind,
    TransferOrder,
    TransferState,
)
from ledger.storage.bulk import among

STILL_TO_PAY = frozenset({PaymentState.REQUESTED, PaymentState.OPEN})
"""States in which a payment waits for its payer."""

METHOD_CASE = "method-not-switched-on"
"""Code of the case of a way to pay that the provider does not have (see `availability`)."""


def payment(connection: sa.Connection, book_id: str, payment_id: str) -> PaymentView | None:
    """One payment, or nothing."""
    views = _payments(connection, book_id, t.payment.c.payment_id == payment_id)
    return views[0] if views else None


def payer_of(connection: sa.Connection, book_id: str, payment_id: str) -> str | None:
    """The party that a payment was asked of, or nothing."""
    c = t.payment.c
    payer: str | None = connection.execute(
        sa.select(c.payer).where(c.book_id == book_id, c.payment_id == payment_id)
    ).scalar_one_or_none()
    return payer


def payments_for(connection: sa.Connection, book_id: str, reference: str) -> list[PaymentView]:
    """Every payment of a reference, oldest first."""
    return _payments(connection, book_id, t.payment.c.reference == reference)


def still_to_pay(payments: Sequence[PaymentView], *, by_transfer: bool) -> PaymentView | None:
    """The one of a reference's payments that waits for its payer: at the provider, or for a transfer to the bank."""
    return next(
        (p for p in payments if p.state in STILL_TO_PAY and (p.structured_reference is not None) is by_transfer), None
    )


def open_transfers(connection: sa.Connection, book_id: str, prefix: str) -> list[PaymentView]:
    """Every transfer that is still awaited under a reference with that prefix, oldest first."""
    c = t.payment.c
    awaited = (c.structured_reference.is_not(None), c.state == PaymentState.OPEN.value)
    return _payments(connection, book_id, sa.and_(c.reference.startswith(prefix, autoescape=True), *awaited))


def paid(payments: Sequence[PaymentView]) -> PaymentView | None:
    """The first of a reference's payments that is paid."""
    return next((p for p in payments if p.state is PaymentState.PAID), None)


def refunds_for(connection: sa.Connection, book_id: str, reference: str) -> list[RefundView]:
    """Every refund of a reference, oldest first."""
    return _refunds(connection, book_id, t.refund.c.reference == reference)


def refunds_of_payment(connection: sa.Connection, book_id: str, payment_id: str) -> list[RefundView]:
    """Every refund of a payment, oldest first."""
    return _refunds(connection, book_id, t.refund.c.payment_id == payment_id)


def payment_of_refund(connection: sa.Connection, book_id: str, refund_provider_id: str) -> str | None:
    """The provider's id of the payment whose refund has this provider's id, or nothing."""
    p, r = t.payment.c, t.refund.c
    same = sa.and_(p.book_id == r.book_id, p.payment_id == r.payment_id)
    found: str | None = connection.execute(
        sa.select(p.provider_id)
        .join_from(t.refund, t.payment, same)
        .where(r.book_id == book_id, r.provider_id == refund_provider_id)
    ).scalar_one_or_none()
    return found


def is_undone(connection: sa.Connection, book_id: str, payment_id: str) -> bool:
    """Whether a payment is on its way back to its payer: by a refund, or because the payer's bank took it."""
    return bool(payments_undone(connection, book_id, [payment_id]))


def payments_undone(connection: sa.Connection, book_id: str, payment_ids: Sequence[str]) -> set[str]:
    """Those of the payments that are on their way back to their payers."""
    debits, charged, back = t.debit_order.c, t.chargeback.c, t.refund.c
    undone = (
        (debits, debits.state == DebitState.RETURNED.value),
        (charged, charged.state == ChargebackState.RECEIVED.value),
        (back, sa.true()),
    )
    query = sa.union(
        *(
            sa.select(c.payment_id).where(c.book_id == book_id, among(connection, c.payment_id, payment_ids), condition)
            for c, condition in undone
        )
    )
    return set(connection.execute(query).scalars())


def is_taken_back(connection: sa.Connection, book_id: str, payment_id: str) -> bool:
    """Whether the payment is of a direct debit that the debtor's bank has taken back."""
    c = t.debit_order.c
    wanted = (c.book_id == book_id, c.payment_id == payment_id, c.state == DebitState.RETURNED.value)
    return connection.execute(sa.select(c.debit_id).where(*wanted)).first() is not None


def not_taken_back() -> sa.ColumnElement[bool]:
    """For a statement that selects payments: none whose direct debit was taken back."""
    p, d = t.payment.c, t.debit_order.c
    taken = (d.book_id == p.book_id, d.payment_id == p.payment_id, d.state == DebitState.RETURNED.value)
    return ~sa.exists().where(*taken)


def asked_before(connection: sa.Connection, book_id: str, references: Sequence[str]) -> set[str]:
    """Those of the references for which a payment was asked, whatever became of it."""
    c = t.payment.c
    query = sa.select(c.reference).distinct().where(c.book_id == book_id, among(connection, c.reference, references))
    return set(connection.execute(query).scalars())


def standing_payments(connection: sa.Connection, book_id: str, reference: str) -> list[PaymentView]:
    """Every payment of a reference, oldest first, without those whose direct debit was taken back."""
    every = payments_for(connection, book_id, reference)
    return [each for each in every if not is_taken_back(connection, book_id, each.payment_id)]


def chargebacks(
    connection: sa.Connection, book_id: str, *, state: ChargebackState | None = None
) -> list[ChargebackView]:
    """Chargebacks, newest first; of one `state` if given."""
    c, p = t.chargeback.c, t.payment.c
    joined = t.chargeback.join(t.payment, (c.book_id == p.book_id) & (c.payment_id == p.payment_id))
    chosen = sa.select(t.chargeback, p.reference).select_from(joined).where(c.book_id == book_id)
    if state is not None:
        chosen = chosen.where(c.state == state.value)
    rows = connection.execute(chosen.order_by(c.received_on.desc(), c.provider_id))
    return [
        ChargebackView(
            provider_id=r.provider_id,
            payment_id=r.payment_id,
            reference=r.reference,
            amount_cents=r.amount_cents,
            debit=r.debit,
            excess_cents=r.excess_cents,
            state=ChargebackState(r.state),
            received_on=r.received_on,
            reversed_on=r.reversed_on,
            reason_code=r.reason_code,
        )
        for r in rows
    ]


def missing_methods(connection: sa.Connection, book_id: str) -> dict[str, str]:
    """Each way to pay that the provider was last seen without, with the subject of its open case."""
    c = t.payment_case.c
    rows = connection.execute(
        sa.select(c.subject, c.facts).where(c.book_id == book_id, c.code == METHOD_CASE, c.closed_at.is_(None))
    )
    return {str(row.facts["method"]): row.subject for row in rows}


def settlements(connection: sa.Connection, book_id: str, *, limit: int = 50) -> list[SettlementView]:
    """The provider's settlements, newest first."""
    c = t.provider_settlement.c
    chosen = sa.select(t.provider_settlement).where(c.book_id == book_id)
    rows = connection.execute(chosen.order_by(c.created_on.desc(), c.reference.desc()).limit(limit))
    return [
        SettlementView(
            reference=r.reference,
            amount_cents=r.amount_cents,
            fee_cents=r.fee_cents,
            state=SettlementState(r.state),
            created_on=r.created_on,
            out_on=r.out_on,
            booked_on=r.booked_on,
            cover_booked_on=r.cover_booked_on,
        )
        for r in rows
    ]


def refunds_due(connection: sa.Connection, book_id: str) -> list[RefundView]:
    """Refunds that were asked for and have not left the provider, oldest first."""
    waiting = (RefundState.REQUESTED.value, RefundState.QUEUED.value)
    return _refunds(connection, book_id, t.refund.c.state.in_(waiting))


def open_cases(connection: sa.Connection, book_id: str) -> list[Case]:
    """What a person must look at, oldest first; `case.refusal` has a sentence in the catalogue."""
    c = t.payment_case.c
    rows = connection.execute(
        sa.select(t.payment_case)
        .where(c.book_id == book_id, c.closed_at.is_(None))
        .order_by(c.opened_at, c.subject, c.code)
    )
    return [Case(r.subject, r.code, r.payment_id, r.facts, r.opened_at) for r in rows]


def transfer_orders(
    connection: sa.Connection,
    book_id: str,
    *,
    state: TransferState | None = None,
    reference: str | None = None,
    limit: int | None = None,
) -> list[TransferOrder]:
    """Transfer orders, newest first, at most `limit`; of one `state` or one `reference` if given."""
    c = t.transfer_order.c
    chosen = sa.select(t.transfer_order).where(c.book_id == book_id)
    if state is not None:
        chosen = chosen.where(c.state == state.value)
    if reference is not None:
        chosen = chosen.where(c.reference == reference)
    rows = connection.execute(chosen.order_by(c.ordered_on.desc(), c.order_id).limit(limit))
    return [transfer_order_of(row) for row in rows]


def open_order_count(connection: sa.Connection, book_id: str) -> int:
    """How many transfers were ordered and not executed yet."""
    c = t.transfer_order.c
    mine = (c.book_id == book_id, c.state == TransferState.ORDERED.value)
    return int(connection.execute(sa.select(sa.func.count()).where(*mine)).scalar_one())


def orders_of_file(connection: sa.Connection, book_id: str, batch_id: str) -> list[TransferOrder]:
    """The transfer orders that stand in a file, in order of their ids."""
    c = t.transfer_order.c
    query = sa.select(t.transfer_order).where(c.book_id == book_id, c.batch_id == batch_id).order_by(c.order_id)
    return [transfer_order_of(row) for row in connection.execute(query)]


def open_orders_to(
    connection: sa.Connection, book_id: str, payees: Collection[str], *, approval_id: str
) -> list[TransferOrder]:
    """The orders to some payees, under one approval, that the bank has not executed, in order of their ids."""
    c = t.transfer_order.c
    mine = (c.book_id == book_id, c.approval_id == approval_id, c.state == TransferState.ORDERED.value)
    query = sa.select(t.transfer_order).where(*mine, among(connection, c.payee, payees)).order_by(c.order_id)
    return [transfer_order_of(row) for row in connection.execute(query)]


def transfer_order(connection: sa.Connection, book_id: str, order_id: str) -> TransferOrder | None:
    """One transfer order, or nothing."""
    c = t.transfer_order.c
    row = connection.execute(
        sa.select(t.transfer_order).where(c.book_id == book_id, c.order_id == order_id)
    ).one_or_none()
    return None if row is None else transfer_order_of(row)


def orders_by_id(connection: sa.Connection, book_id: str, order_ids: Collection[str]) -> dict[str, TransferOrder]:
    """Transfers by their ids, which are their end-to-end ids, whatever their state; those not known are left out."""
    c = t.transfer_order.c
    rows = connection.execute(
        sa.select(t.transfer_order).where(c.book_id == book_id, among(connection, c.order_id, order_ids))
    )
    return {row.order_id: transfer_order_of(row) for row in rows}


def _payments(connection: sa.Connection, book_id: str, condition: sa.ColumnElement[bool]) -> list[PaymentView]:
    rows = connection.execute(
        sa.select(t.payment)
        .where(t.payment.c.book_id == book_id, condition)
        .order_by(t.payment.c.requested_at, t.payment.c.payment_id)
    )
    return [
        PaymentView(
            r.payment_id,
            r.reference,
            r.amount_cents,
            PaymentState(r.state),
            r.checkout_url,
            r.paid_on,
            r.provider_id,
            r.structured_reference,
        )
        for r in rows
    ]


def _refunds(connection: sa.Connection, book_id: str, condition: sa.ColumnElement[bool]) -> list[RefundView]:
    rows: Sequence[sa.Row[Any]] = connection.execute(
        sa.select(t.refund)
        .where(t.refund.c.book_id == book_id, condition)
        .order_by(t.refund.c.requested_at, t.refund.c.refund_id)
    ).all()
    return [
        RefundView(
            r.refund_id, r.payment_id, r.reference, r.amount_cents, RefundState(r.state), r.sent_on, r.provider_id
        )
        for r in rows
    ]


def transfer_order_of(row: sa.Row[Any]) -> TransferOrder:
    """The order that a row holds."""
    return TransferOrder(
        order_id=row.order_id,
        reference=row.reference,
        payee=row.payee,
        amount_cents=row.amount_cents,
        iban_last4=row.iban_last4,
        kind=TransferKind(row.kind),
        state=TransferState(row.state),
        ordered_on=row.ordered_on,
        booked_on=row.booked_on,
        statement_reference=row.statement_reference,
        text=row.text,
        batch_id=row.batch_id,
        reason=row.reason,
    )
