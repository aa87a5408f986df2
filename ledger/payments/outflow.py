"""How much of a payment refunds and chargebacks have taken, and how much of that nobody here holds any more.

A payment can go back twice: by a refund of ours and by a chargeback of the payer's bank. What leaves beyond what stood
here is the payer's to give back (416200). What comes back fills that claim first, so the sums do not depend on the
order in which refunds, chargebacks and reversals were heard of.
"""

from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.payments import tables as t
from ledger.payments.model import BANK_REFUND, TO_RECOVER, UNKNOWN_MOVEMENTS, Outflow, RefundState, TransferState
from ledger.payments.rows import upsert


def covered_cents(uow: UnitOfWork, payment: sa.Row[Any], amount_cents: int) -> int:
    """How much of `amount_cents` still stands here for the payment, whose row the caller holds."""
    left, _ = _taken(uow, payment.payment_id)
    left += _by_bank_cents(uow, payment.payment_id)
    return min(amount_cents, max(0, int(payment.amount_cents) - left))


def leave(uow: UnitOfWork, payment: sa.Row[Any], amount_cents: int, account: AccountRef) -> Outflow:
    """Money of a payment leaves, from `account` as far as it still stands here; the caller holds the payment's row."""
    excess = amount_cents - covered_cents(uow, payment, amount_cents)
    if account == UNKNOWN_MOVEMENTS:
        excess = 0
    if account.code == TO_RECOVER:
        excess = amount_cents
    _count(uow, payment.payment_id, left=amount_cents, excess=excess)
    return Outflow(amount_cents, excess, payment.payer, account)


def come_back(uow: UnitOfWork, payment: sa.Row[Any], amount_cents: int, account: AccountRef) -> Outflow:
    """Money of a payment comes back: what the payer had too much first, the rest to `account`."""
    _, standing = _taken(uow, payment.payment_id)
    excess = 0 if account == UNKNOWN_MOVEMENTS else min(amount_cents, standing)
    _count(uow, payment.payment_id, left=-amount_cents, excess=-excess)
    return Outflow(amount_cents, excess, payment.payer, account)


def _by_bank_cents(uow: UnitOfWork, payment_id: str) -> int:
    """What of a payment went back to its payer by a transfer of ours, or is ordered."""
    r, o = t.refund.c, t.transfer_order.c
    ordered = sa.exists().where(
        o.book_id == r.book_id,
        o.reference == sa.literal(BANK_REFUND) + r.refund_id,
        o.state.in_((TransferState.ORDERED.value, TransferState.BOOKED.value)),
    )
    query = sa.select(sa.func.coalesce(sa.func.sum(r.amount_cents), 0)).where(
        r.book_id == uow.book_id,
        r.payment_id == payment_id,
        r.state.in_((RefundState.BY_BANK.value, RefundState.ARRIVED.value)),
        ordered,
    )
    return int(uow.connection.execute(query).scalar_one())


def _taken(uow: UnitOfWork, payment_id: str) -> tuple[int, int]:
    c = t.payment_outflow.c
    query = sa.select(c.left_cents, c.excess_cents).where(c.book_id == uow.book_id, c.payment_id == payment_id)
    row = uow.connection.execute(query).one_or_none()
    return (0, 0) if row is None else (int(row.left_cents), int(row.excess_cents))


def _count(uow: UnitOfWork, payment_id: str, *, left: int, excess: int) -> None:
    c = t.payment_outflow.c
    uow.connection.execute(
        upsert(uow.connection, t.payment_outflow)
        .values(book_id=uow.book_id, payment_id=payment_id, left_cents=left, excess_cents=excess)
        .on_conflict_do_update(
            index_elements=["book_id", "payment_id"],
            set_={"left_cents": c.left_cents + left, "excess_cents": c.excess_cents + excess},
        )
    )
