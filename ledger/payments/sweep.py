"""The sweep: what no webhook told. It lists the provider's newest pages and marks what the books do not know yet.

Payments that are older than the window and still open here are asked for one by one. A sweep after everything was
processed marks nothing.
"""

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.payments import tables as t
from ledger.payments.chargebacks import CASE
from ledger.payments.inbox import ACTOR, receive
from ledger.payments.lifecycle import PAYMENT
from ledger.payments.model import PaymentState, RefundState
from ledger.payments.rail import (
    PaymentRail,
    ProviderChargeback,
    ProviderPayment,
    ProviderRefund,
    RailError,
    is_payment_id,
)
from ledger.payments.refunds import PAST_THE_PROVIDER, STATES
from ledger.payments.rows import open_case
from ledger.payments.truth import ENDINGS

WINDOW = timedelta(days=3)
_UNSETTLED_REFUNDS = (RefundState.REQUESTED, RefundState.QUEUED, RefundState.SENT)


def sweep(book: Book, rail: PaymentRail, *, window: timedelta = WINDOW) -> int:
    """Compare the provider's lists with the books; gives how many payments were marked to be fetched.

    Raises `RailError` where the provider can't be listed; nothing is marked then.
    """
    since = book.today() - window
    payments = rail.newest_payments(since=since)
    refunds = rail.newest_refunds(since=since)
    charged_back = rail.newest_chargebacks(since=since)
    payments += _older_open(book, rail, since, {p.provider_id for p in payments})
    refunds += [refund for payment in payments for refund in payment.refunds]
    with book.unit_of_work(actor=ACTOR) as uow:
        marked = {p.provider_id for p in payments if _has_news(uow, p)}
        marked |= {r.payment_provider_id for r in refunds if _refund_has_news(uow, r)}
        marked |= {c.payment_provider_id for c in charged_back if _chargeback_has_news(uow, c)}
        for provider_id in sorted(marked):
            receive(uow, provider_id, listed=True)
    return len(marked)


def _older_open(book: Book, rail: PaymentRail, since: date, listed: set[str]) -> list[ProviderPayment]:
    """The whole truth of every payment before the window that waits for something."""
    p, r = t.payment.c, t.refund.c
    waiting = sa.select(r.payment_id).where(
        r.book_id == book.book_id, r.state.in_([s.value for s in _UNSETTLED_REFUNDS])
    )
    with book.read() as connection:
        ids = connection.execute(
            sa.select(p.provider_id)
            .where(
                p.book_id == book.book_id,
                p.provider_id.is_not(None),
                sa.or_(sa.and_(p.state == PaymentState.OPEN.value, p.requested_on <= since), p.payment_id.in_(waiting)),
            )
            .order_by(p.requested_at)
        ).scalars()
        older = [provider_id for provider_id in ids if provider_id is not None]
    return [truth for i in older if i not in listed and (truth := _truth(rail, i)) is not None]


def _truth(rail: PaymentRail, provider_id: str) -> ProviderPayment | None:
    try:
        return rail.payment(provider_id)
    except RailError:
        return None  # the next sweep asks again


def _has_news(uow: UnitOfWork, truth: ProviderPayment) -> bool:
    row = _row(uow, t.payment, t.payment.c.provider_id == truth.provider_id)
    if row is None and truth.metadata.get("book") == uow.book_id:
        row = _row(uow, t.payment, t.payment.c.payment_id == truth.metadata.get("op", ""))
    if row is None:
        _show_stranger(uow, truth)
        return False
    if _is_a_case(uow, truth.provider_id):
        return False
    if row.provider_id is None or not _chargebacks_known(uow, row, truth):
        return True
    if row.provider_id != truth.provider_id:
        return truth.status == PaymentState.PAID
    if truth.status != PaymentState.PAID and truth.status not in ENDINGS:
        return False
    state = PaymentState(row.state)
    return state != truth.status and PAYMENT.allows(state, truth.status)


def _chargebacks_known(uow: UnitOfWork, row: sa.Row[Any], truth: ProviderPayment) -> bool:
    """Whether the books hold the chargebacks that the provider's list tells of, won back or not."""
    c = t.chargeback.c
    where = (c.book_id == uow.book_id, c.payment_id == row.payment_id)
    known = uow.connection.execute(sa.select(c.amount_cents, c.reversed_on).where(*where)).all()
    received = sum(int(each.amount_cents) for each in known)
    reversed_ = sum(int(each.amount_cents) for each in known if each.reversed_on is not None)
    return truth.charged_back_cents in {received, received - reversed_}


def _chargeback_has_news(uow: UnitOfWork, stated: ProviderChargeback) -> bool:
    if _row(uow, t.payment, t.payment.c.provider_id == stated.payment_provider_id) is None:
        return False
    row = _row(uow, t.chargeback, t.chargeback.c.provider_id == stated.provider_id)
    if row is not None and (stated.reversed_at is None or row.reversed_on is not None):
        return False
    return not _is_a_case(uow, stated.provider_id)


def _refund_has_news(uow: UnitOfWork, truth: ProviderRefund) -> bool:
    if not is_payment_id(truth.payment_provider_id):
        return False
    if _row(uow, t.payment, t.payment.c.provider_id == truth.payment_provider_id) is None:
        return False
    row = _row(uow, t.refund, t.refund.c.provider_id == truth.provider_id)
    if row is not None and row.state in {STATES.get(truth.status), *PAST_THE_PROVIDER}:
        return False
    return not _is_a_case(uow, truth.provider_id) or (row is not None and truth.status in STATES)


def _show_stranger(uow: UnitOfWork, truth: ProviderPayment) -> None:
    """Money at the provider that no payment of these books asked for is for a person to look at."""
    if truth.status == PaymentState.PAID:
        stranger = Refusal("payment-not-ours", provider_id=truth.provider_id, stated_cents=truth.amount_cents)
        open_case(uow, truth.provider_id, stranger, payment_id=None)


def _is_a_case(uow: UnitOfWork, subject: str) -> bool:
    """Whether a person has been told; a chargeback that only a case told of is fetched again and posted."""
    c = t.payment_case.c
    where = (c.book_id == uow.book_id, c.subject == subject, c.code != CASE)
    return uow.connection.execute(sa.select(c.code).where(*where)).first() is not None


def _row(uow: UnitOfWork, table: sa.Table, condition: sa.ColumnElement[bool]) -> sa.Row[Any] | None:
    return uow.connection.execute(sa.select(table).where(table.c.book_id == uow.book_id, condition)).first()
