"""Refunds that the provider can't make: they go by bank transfer, to the payer's own verified account.

    why                                             who decides
    paid longer ago than the provider gives back    the rule, when the refund is asked for (`refund_windows.toml`)
    paid to our own account, past the provider      the rule
    the provider refused, or the money came back    a person, from the desk

The money stands in 489400 until a transfer is ordered, under four eyes, the cash rule and the payee check like any
other. The product hears `refund.sent` when the bank has booked it, and `refund.failed` if it comes back after that.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments import tables as t
from ledger.payments.lifecycle import REFUND
from ledger.payments.model import BANK_REFUND, RefundState, TransferDraft, TransferKind, TransferState
from ledger.payments.moves import move
from ledger.payments.refunds import emit_refund
from ledger.storage.base import JSON

_UNDER_WAY = (TransferState.ORDERED.value, TransferState.BOOKED.value)


@dataclass(frozen=True, slots=True)
class BankRefund:
    """A refund that waits for its transfer."""

    refund_id: str
    payee: str
    amount_cents: int
    debit: AccountRef
    reference: str

    def draft(self, iban_last4: str) -> TransferDraft:
        """Its transfer."""
        kind, reference = TransferKind.REFUND, f"{BANK_REFUND}{self.refund_id}"
        return TransferDraft(reference, self.payee, self.amount_cents, self.debit, kind, iban_last4)


def window_days(method: str | None, on: date) -> int | None:
    """For how many days the provider refunds a method, by the row that holds on a date; None where no row says.

    >>> window_days("bancontact", date(2026, 12, 1)), window_days("wero", date(2026, 12, 1))
    (180, None)
    """
    rows = [row for row in _windows() if row["code"] == method and row["valid_from"] <= on]
    return int(max(rows, key=lambda row: row["valid_from"])["days"]) if rows else None


def goes_by_bank(payment: sa.Row[Any], on: date) -> bool:
    """Whether a refund of this paid payment, asked for on a date, can't be the provider's."""
    if payment.provider_id is None:
        return True
    days = window_days(payment.method, on)
    return days is not None and on > payment.paid_on + timedelta(days=days)


def send_by_bank(uow: UnitOfWork, refund_id: str) -> None:
    """Let a refund that the provider refused, or whose money came back, go by bank transfer.

    Refuses `refund-not-known`, and `move-not-allowed` for any other.
    """
    c = t.refund.c
    chosen = sa.select(t.refund).where(c.book_id == uow.book_id, c.refund_id == refund_id)
    row = uow.connection.execute(chosen.with_for_update()).one_or_none()
    if row is None:
        raise Refusal("refund-not-known", refund_id=refund_id[:40])
    move(uow, REFUND, refund_id, state=row.state, event="by-bank")


def waiting(connection: sa.Connection, book_id: str) -> list[BankRefund]:
    """Refunds that go by bank and have no transfer under way, the oldest first."""
    r, o, p = t.refund.c, t.transfer_order.c, t.payment.c
    ordered = sa.exists().where(
        o.book_id == r.book_id, o.reference == sa.literal(BANK_REFUND) + r.refund_id, o.state.in_(_UNDER_WAY)
    )
    rows = connection.execute(
        sa.select(r.refund_id, p.payer, r.amount_cents, r.debit, r.reference)
        .join_from(t.refund, t.payment, sa.and_(p.book_id == r.book_id, p.payment_id == r.payment_id))
        .where(r.book_id == book_id, r.state == RefundState.BY_BANK.value, ~ordered)
        .order_by(r.requested_at, r.refund_id)
    )
    return [_bank_refund(*row) for row in rows]


def failed(connection: sa.Connection, book_id: str) -> list[BankRefund]:
    """Refunds that failed at the provider and that nothing stands in for, the oldest first."""
    r, p, other = t.refund.c, t.payment.c, t.refund.alias("other").c
    gone = [RefundState.FAILED.value, RefundState.REJECTED.value]
    same = (other.book_id == r.book_id, other.payment_id == r.payment_id, other.reference == r.reference)
    rows = connection.execute(
        sa.select(r.refund_id, p.payer, r.amount_cents, r.debit, r.reference)
        .join_from(t.refund, t.payment, sa.and_(p.book_id == r.book_id, p.payment_id == r.payment_id))
        .where(r.book_id == book_id, r.state.in_(gone), ~sa.exists().where(*same, other.state.not_in(gone)))
        .order_by(r.requested_at, r.refund_id)
    )
    return [_bank_refund(*row) for row in rows]


def confirm_bank_refund(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `transfer.booked` of a refund: the money has left; told twice, it changes nothing."""
    row = _refund_of(uow, body)
    if row.state != RefundState.BY_BANK:
        return
    on = date.fromisoformat(str(body["on"]))
    key = f"sct:{body['order_id']}:booked"
    move(uow, REFUND, row.refund_id, state=row.state, event="arrived", fact_key=key, sent_on=on)
    emit_refund(uow, "refund.sent", key, row, on.isoformat())


def note_bank_refund_back(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `transfer.failed` of a refund: one that had arrived waits again, like one that never left."""
    row = _refund_of(uow, body)
    if row.state != RefundState.ARRIVED:
        return
    key = f"sct:{body['order_id']}:back"
    move(uow, REFUND, row.refund_id, state=row.state, event="came-back", fact_key=key)
    emit_refund(uow, "refund.failed", key, row, str(body["on"]))


def _bank_refund(refund_id: str, payee: str, amount_cents: int, debit: str, reference: str) -> BankRefund:
    return BankRefund(refund_id, payee, amount_cents, AccountRef.parse(debit), reference)


def _refund_of(uow: UnitOfWork, body: Mapping[str, JSON]) -> sa.Row[Any]:
    c = t.refund.c
    refund_id = str(body["reference"]).removeprefix(BANK_REFUND)
    chosen = sa.select(t.refund).where(c.book_id == uow.book_id, c.refund_id == refund_id)
    return uow.connection.execute(chosen.with_for_update()).one()


@cache
def _windows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tomllib.loads((files("ledger.payments") / "refund_windows.toml").read_text("utf-8"))[
        "method"
    ]
    return rows
