"""Direct debits under signed mandates: announced, collected by a file (pain.008), and given back by the debtor's bank.

    ordered ──> collected ──> returned
      └──> rejected

A debit makes a payment that nobody asks the provider for; it is paid when the bank statement shows the debit by its
end-to-end id, which is the debit's own. It is announced 14 days before it is collected. What its return takes
depends on where the money is by then (rows 27 and 28): the product says. What a reason code asks for is dated data.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.calendars import next_target_day
from ledger.clock import check_happened
from ledger.errors import Refusal
from ledger.payments import debit_postings as postings
from ledger.payments import tables as t
from ledger.payments.lifecycle import DEBIT, PAYMENT
from ledger.payments.mandates import Mandate, active_mandate, end_mandate
from ledger.payments.model import (
    REFUNDS_DUE,
    DebitState,
    MandateState,
    PaidPayment,
    PaymentState,
    ResolveCredit,
)
from ledger.payments.moves import move, record_birth
from ledger.payments.queries import not_taken_back
from ledger.payments.reasons import Action, OrderKind, action_for
from ledger.payments.rows import open_case
from ledger.payments.truth import emit_unusable
from ledger.storage.base import JSON
from ledger.storage.bulk import among

NOTICE_DAYS = 14
METHOD = "own-directdebit"
MANDATE_ENDED = "mandate-ended"
"""Why we give a debit up ourselves."""
DEBIT_FAILED = "debit.failed"
"""Topic: {debit_id, reference, debtor, amount_cents, reason, action, on}; `action` is what the reason asks for."""
TakenFrom = Callable[[UnitOfWork, "Debit"], AccountRef]
"""Whose account a debit that is given back takes its money from."""


@dataclass(frozen=True, slots=True)
class Debit:
    """A direct debit; `debit_id` is its end-to-end id, `payment_id` the payment that it makes."""

    debit_id: str
    payment_id: str
    reference: str
    mandate_id: str
    debtor: str
    amount_cents: int
    credit: AccountRef
    announced_on: date
    collect_on: date
    state: DebitState
    batch_id: str | None
    booked_on: date | None
    reason: str | None


def earliest_collection(announced_on: date) -> date:
    """The first day on which a debit that is announced on a date may be collected.

    >>> earliest_collection(date(2026, 12, 11))
    datetime.date(2026, 12, 28)
    """
    return next_target_day(announced_on + timedelta(days=NOTICE_DAYS))


def order_debit(
    uow: UnitOfWork, known: Mandate, *, reference: str, amount_cents: int, credit: AccountRef, due_on: date
) -> Debit:
    """Announce that `amount_cents` will be collected when it is due, and 14 days from now at the earliest.

    The caller tells the debtor so, in the same unit of work. Refuses `mandate-not-active`.
    """
    if known.state is not MandateState.ACTIVE:
        raise Refusal("mandate-not-active", mandate_id=known.mandate_id, state=known.state.value)
    postings.DEBIT_COLLECTED.check_account(credit)
    debit_id, payment_id, today = uow.new_id("b"), uow.new_id("y"), uow.today()
    named = {"book_id": uow.book_id, "reference": reference, "amount_cents": amount_cents, "credit": str(credit)}
    uow.connection.execute(
        t.payment.insert().values(
            **named,
            payment_id=payment_id,
            payer=known.debtor,
            state=PaymentState.REQUESTED.value,
            requested_at=uow.now(),
            requested_on=today,
            method=METHOD,
        )
    )
    record_birth(uow, PAYMENT, payment_id)
    move(uow, PAYMENT, payment_id, state=PaymentState.REQUESTED.value, event="opened")
    uow.connection.execute(
        t.debit_order.insert().values(
            **named,
            debit_id=debit_id,
            payment_id=payment_id,
            mandate_id=known.mandate_id,
            debtor=known.debtor,
            announced_on=today,
            collect_on=max(next_target_day(due_on), earliest_collection(today)),
            state=DebitState.ORDERED.value,
        )
    )
    record_birth(uow, DEBIT, debit_id)
    return debit(uow.connection, uow.book_id, debit_id)


def record_collected(uow: UnitOfWork, debit_id: str, resolve_credit: ResolveCredit, *, evidence: str, on: date) -> bool:
    """The bank statement shows a debit that was collected (row 26); False where it was recorded before."""
    known = _lock(uow, debit_id)
    if known.state in {DebitState.COLLECTED, DebitState.RETURNED}:
        return False
    check_happened(on, today=uow.today())
    credit = _credit(uow, known, on, resolve_credit)
    entry = postings.debit_collected(
        debit_id,
        amount_cents=known.amount_cents,
        credit=credit,
        expected=credit == known.credit,
        on=on,
        actor=uow.actor,
        evidence=evidence,
    )
    uow.post(entry)
    move(uow, DEBIT, debit_id, state=known.state.value, event="collected", fact_key=entry.key, booked_on=on)
    payment = _payment(uow, known)
    move(uow, PAYMENT, payment.payment_id, state=payment.state, event="paid", fact_key=entry.key, paid_on=on)
    m = t.mandate.c
    used = (m.book_id == uow.book_id, m.mandate_id == known.mandate_id)
    uow.connection.execute(t.mandate.update().where(*used).values(last_used_on=on))
    uow.emit(
        "payment.paid",
        entry.key,
        {
            "payment_id": known.payment_id,
            "reference": known.reference,
            "payer": known.debtor,
            "amount_cents": known.amount_cents,
            "paid_on": on.isoformat(),
            "account": str(credit),
        },
    )
    return True


def record_returned(
    uow: UnitOfWork, debit_id: str, taken_from: TakenFrom, *, reason: str, evidence: str, on: date
) -> bool:
    """The debtor's bank has taken a collected debit back (rows 27 and 28); False where it was recorded before.

    A debit that the statement never showed as collected is merely not collected.
    """
    known = _lock(uow, debit_id)
    if known.state in {DebitState.RETURNED, DebitState.REJECTED}:
        return False
    if known.state is DebitState.ORDERED:
        return record_rejected(uow, debit_id, reason=reason, on=on)
    check_happened(on, today=uow.today(), since=[known.booked_on])
    entry = postings.debit_returned(
        debit_id,
        amount_cents=known.amount_cents,
        debit=taken_from(uow, known),
        on=on,
        actor=uow.actor,
        evidence=evidence,
    )
    uow.post(entry)
    move(uow, DEBIT, debit_id, state=known.state.value, event="returned", fact_key=entry.key, reason=reason)
    _follow(uow, known, reason, on)
    return True


def record_rejected(uow: UnitOfWork, debit_id: str, *, reason: str, on: date) -> bool:
    """A debit will not be collected: its payment has failed. False where that was recorded before."""
    known = _lock(uow, debit_id)
    if known.state is DebitState.REJECTED:
        return False
    move(uow, DEBIT, debit_id, state=known.state.value, event="rejected", reason=reason)
    payment = _payment(uow, known)
    if PAYMENT.allows(PaymentState(payment.state), "failed"):
        move(uow, PAYMENT, payment.payment_id, state=payment.state, event="failed")
        emit_unusable(uow, payment, PaymentState.FAILED)
    _follow(uow, known, reason, on)
    return True


def debit(connection: sa.Connection, book_id: str, debit_id: str) -> Debit:
    """One debit; the caller knows that it is there."""
    [found] = _debits(connection, t.debit_order.c.book_id == book_id, t.debit_order.c.debit_id == debit_id)
    return found


def debits(connection: sa.Connection, book_id: str, *, state: DebitState | None = None) -> list[Debit]:
    """Every debit, the first to be collected first; of one `state` if given."""
    c = t.debit_order.c
    return _debits(connection, c.book_id == book_id, *([] if state is None else [c.state == state.value]))


def debits_named(connection: sa.Connection, book_id: str, end_to_end_ids: Collection[str]) -> dict[str, Debit]:
    """Our debits that a bank statement names, by their end-to-end ids; others are left out."""
    c = t.debit_order.c
    found = _debits(connection, c.book_id == book_id, among(connection, c.debit_id, end_to_end_ids))
    return {each.debit_id: each for each in found}


def collected_on(connection: sa.Connection, book_id: str, debtor: str) -> dict[str, date]:
    """By payment, the day on which each open debit of a debtor will be collected."""
    c = t.debit_order.c
    found = _debits(connection, c.book_id == book_id, c.debtor == debtor, c.state == DebitState.ORDERED.value)
    return {each.payment_id: each.collect_on for each in found}


def debits_for(connection: sa.Connection, book_id: str, reference: str) -> list[Debit]:
    """Every debit of a reference, the first to be collected first."""
    c = t.debit_order.c
    return _debits(connection, c.book_id == book_id, c.reference == reference)


def _follow(uow: UnitOfWork, known: Debit, reason: str, on: date) -> None:
    """What the reason asks for: a mandate is used no more, or a person looks; the product hears of it in any case."""
    action = action_for(OrderKind.DEBIT, reason, on)
    used = active_mandate(uow.connection, uow.book_id, known.debtor)
    if action in {Action.BLOCK, Action.ASK_ACCOUNT} and used is not None and used.mandate_id == known.mandate_id:
        end_mandate(uow, used, "blocked", reason=reason)
    if action is Action.LOOK and reason != MANDATE_ENDED:
        open_case(
            uow, known.debit_id, Refusal("debit-failed", reason=reason, reference=known.reference), payment_id=None
        )
    body: dict[str, JSON] = {
        "debit_id": known.debit_id,
        "reference": known.reference,
        "debtor": known.debtor,
        "amount_cents": known.amount_cents,
        "reason": reason,
        "action": action.value,
        "on": on.isoformat(),
    }
    uow.emit(DEBIT_FAILED, known.debit_id, body)


def _credit(uow: UnitOfWork, known: Debit, on: date, resolve_credit: ResolveCredit) -> AccountRef:
    """A second paid payment of one reference is the payer's to have back; about the first, the product decides."""
    c = t.payment.c
    paid = (c.book_id == uow.book_id, c.reference == known.reference, c.state == PaymentState.PAID.value)
    if uow.connection.execute(sa.select(c.payment_id).where(*paid, not_taken_back())).first() is not None:
        return AccountRef(REFUNDS_DUE, known.debtor)
    stated = (known.payment_id, known.reference, known.debtor, known.amount_cents, on, known.credit)
    return resolve_credit(uow.connection, PaidPayment(uow.book_id, *stated))


def _payment(uow: UnitOfWork, known: Debit) -> sa.Row[Any]:
    c = t.payment.c
    return uow.connection.execute(
        sa.select(t.payment).where(c.book_id == uow.book_id, c.payment_id == known.payment_id).with_for_update()
    ).one()


def _lock(uow: UnitOfWork, debit_id: str) -> Debit:
    c = t.debit_order.c
    chosen = sa.select(t.debit_order).where(c.book_id == uow.book_id, c.debit_id == debit_id)
    return _debit(uow.connection.execute(chosen.with_for_update()).one())


def _debits(connection: sa.Connection, *wanted: sa.ColumnElement[bool]) -> list[Debit]:
    c = t.debit_order.c
    rows = connection.execute(sa.select(t.debit_order).where(*wanted).order_by(c.collect_on, c.debit_id))
    return [_debit(row) for row in rows]


def _debit(row: sa.Row[Any]) -> Debit:
    values = {name: getattr(row, name) for name in Debit.__slots__}
    return Debit(**{**values, "credit": AccountRef.parse(row.credit), "state": DebitState(row.state)})
