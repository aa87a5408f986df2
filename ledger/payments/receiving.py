"""Payments by transfer to the client account: what a payer is asked for, and what happens when the money is there.

A transfer is asked for once for a reference of a product and stays payable beside any payment at the provider; the
first of them that is paid is the expected one. It has a structured communication, by which its money is recognised.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments import tables as t
from ledger.payments.bank import has_client_account
from ledger.payments.lifecycle import PAYMENT
from ledger.payments.model import REFUNDS_DUE, PaidPayment, PaymentState, ResolveCredits, paid_body
from ledger.payments.moves import insert_moves
from ledger.payments.queries import not_taken_back
from ledger.payments.references import structured_communication
from ledger.payments.statement_postings import TRANSFER_RECEIVED
from ledger.storage import bulk

_NUMBERS = 10**10


@dataclass(frozen=True, slots=True)
class Arrival:
    """Money of a payment that has come by transfer: when, and the fact key of the entry that says so."""

    payment_id: str
    on: date
    fact_key: str


def request_transfer(
    uow: UnitOfWork, *, reference: str, payer: str, amount_cents: int, credit: AccountRef
) -> str | None:
    """Ask `payer` for a transfer to the client account; gives the payment's id, the same as long as it is not paid.

    None where the book has no client account at a bank of its own.

    `reference`, `credit` and what follows from the money are those of `ledger.payments.service.request_payment`.
    """
    if amount_cents <= 0:
        raise Refusal("payment-amount-not-positive", amount_cents=amount_cents)
    TRANSFER_RECEIVED.check_account(credit)
    if not has_client_account(uow.connection, uow.book_id):
        return None
    known = uow.connection.execute(_open_transfer(uow.book_id, reference)).scalar()
    if known is not None:
        return str(known)
    payment_id = uow.new_id("y")
    uow.connection.execute(
        t.payment.insert().values(
            book_id=uow.book_id,
            payment_id=payment_id,
            reference=reference,
            payer=payer,
            amount_cents=amount_cents,
            credit=str(credit),
            state=PaymentState.OPEN.value,
            requested_at=uow.now(),
            requested_on=uow.today(),
            structured_reference=structured_communication(1 + secrets.randbelow(_NUMBERS - 1)),
        )
    )
    born, opened = PaymentState.REQUESTED.value, PaymentState.OPEN.value
    insert_moves(
        uow,
        PAYMENT,
        [(payment_id, 0, None, born, "requested", None), (payment_id, 1, born, opened, "opened", None)],
    )
    return payment_id


def payments_for_update(uow: UnitOfWork, payment_ids: Sequence[str]) -> Mapping[str, sa.Row[Any]]:
    """The payments with these ids, locked, by id."""
    c = t.payment.c
    query = sa.select(t.payment).where(c.book_id == uow.book_id, bulk.among(uow.connection, c.payment_id, payment_ids))
    rows = uow.connection.execute(query.order_by(c.payment_id).with_for_update())
    return {row.payment_id: row for row in rows}


def credits_of(
    uow: UnitOfWork, arrivals: Sequence[Arrival], payments: Mapping[str, sa.Row[Any]], resolve_credits: ResolveCredits
) -> list[AccountRef]:
    """Where the money of each arrival belongs: what a reference was paid for before goes back to its payer."""
    c = t.payment.c
    references = [payments[each.payment_id].reference for each in arrivals]
    paid = uow.connection.execute(
        sa.select(c.reference).where(
            c.book_id == uow.book_id,
            bulk.among(uow.connection, c.reference, sorted(set(references))),
            c.state == PaymentState.PAID.value,
            not_taken_back(),
        )
    )
    done = set(paid.scalars())
    paid_now = [_paid_now(uow.book_id, payments[each.payment_id], each.on) for each in arrivals]
    accounts = resolve_credits(uow.connection, paid_now)
    for position, payment in enumerate(paid_now):
        if payment.reference in done:
            accounts[position] = AccountRef(REFUNDS_DUE, payment.payer)
        done.add(payment.reference)
    return accounts


def settle_payments(
    uow: UnitOfWork,
    arrivals: Sequence[Arrival],
    payments: Mapping[str, sa.Row[Any]],
    accounts: Sequence[AccountRef],
) -> None:
    """Mark open payments as paid and tell their products, in the bodies of `payment.paid`; the entries are posted."""
    if not arrivals:
        return
    last = _last_moves(uow, [each.payment_id for each in arrivals])
    target, source = PAYMENT.after(PaymentState.OPEN, "paid").value, PaymentState.OPEN.value
    insert_moves(
        uow,
        PAYMENT,
        [(each.payment_id, last[each.payment_id] + 1, source, target, "paid", each.fact_key) for each in arrivals],
    )
    days = {each.on for each in arrivals}
    moved = sum(_mark_paid(uow, on, [each.payment_id for each in arrivals if each.on == on]) for on in days)
    assert moved == len(arrivals), "a payment was paid by somebody else meanwhile"
    paid_now = [_paid_now(uow.book_id, payments[each.payment_id], each.on) for each in arrivals]
    told = [
        (arrival.fact_key, paid_body(payment, account))
        for arrival, payment, account in zip(arrivals, paid_now, accounts, strict=True)
    ]
    uow.emit_many("payment.paid", told)


def _mark_paid(uow: UnitOfWork, on: date, payment_ids: Sequence[str]) -> int:
    """Open payments become paid on that day, in one statement; how many there were."""
    c = t.payment.c
    which = (c.book_id == uow.book_id) & bulk.among(uow.connection, c.payment_id, payment_ids)
    paid = PAYMENT.after(PaymentState.OPEN, "paid").value
    update = t.payment.update().where(which, c.state == PaymentState.OPEN.value).values(state=paid, paid_on=on)
    return uow.connection.execute(update).rowcount


def _paid_now(book_id: str, row: sa.Row[Any], on: date) -> PaidPayment:
    own = AccountRef.parse(row.credit)
    return PaidPayment(book_id, row.payment_id, row.reference, row.payer, row.amount_cents, on, own)


def _open_transfer(book_id: str, reference: str) -> sa.Select[tuple[str]]:
    c = t.payment.c
    return sa.select(c.payment_id).where(
        c.book_id == book_id,
        c.reference == reference,
        c.structured_reference.is_not(None),
        c.state == PaymentState.OPEN.value,
    )


def _last_moves(uow: UnitOfWork, payment_ids: Sequence[str]) -> dict[str, int]:
    c = t.payment_move.c
    query = (
        sa.select(c.object_id, sa.func.max(c.sequence).label("last"))
        .where(c.book_id == uow.book_id, bulk.among(uow.connection, c.object_id, payment_ids))
        .group_by(c.object_id)
    )
    return {row.object_id: row.last for row in uow.connection.execute(query)}
