"""Chargebacks as the provider states them: money that the payer's bank took back, and what of it was won back.

| event | posted | fact |
|---|---|---|
| received | whose money it was, or a claim on the payer, to 580100 | chb:ID:in |
| reversed | the other way round | chb:ID:rev |

Whose money it was is the product's to say: until its issue a pledge's own, afterwards nobody's here, so that the payer
owes it. A chargeback is recorded only after its payment; stated together, the payment comes first.
"""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from ledger import balances
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.clock import brussels_date
from ledger.errors import Refusal
from ledger.payments import outflow as flow
from ledger.payments import postings
from ledger.payments import tables as t
from ledger.payments.lifecycle import CHARGEBACK
from ledger.payments.model import TO_RECOVER, ChargebackHooks, ChargebackState, ChargedBack, Outflow, PaidPayment
from ledger.payments.moves import move, record_birth
from ledger.payments.rail import ProviderChargeback, ProviderPayment
from ledger.payments.rows import close_cases, keep_evidence, open_case

CASE = "payment-charged-back"


def record_chargebacks(
    uow: UnitOfWork,
    payment: sa.Row[Any],
    truth: ProviderPayment,
    hooks: ChargebackHooks,
    *,
    credited: AccountRef | None,
) -> int:
    """Record whatever is new about the chargebacks of a paid `payment`; gives the number of facts recorded.

    `credited` is the account that the payment was credited to, if that was done in this unit of work.
    """
    if truth.charged_back_cents and not truth.chargebacks:
        unlisted = Refusal("chargeback-not-listed", charged_back_cents=truth.charged_back_cents)
        open_case(uow, truth.provider_id, unlisted, payment_id=payment.payment_id)
    recorded = 0
    for stated in sorted(truth.chargebacks, key=lambda each: (each.created_at, each.provider_id)):
        where = credited or _credited(uow, truth.provider_id)
        recorded += _record(uow, payment, stated, hooks, where)
    return recorded


def standing_cents(connection: sa.Connection, book_id: str, payment_id: str) -> int:
    """What is charged back of a payment and was not won back, in cents."""
    c = t.chargeback.c
    query = sa.select(sa.func.coalesce(sa.func.sum(c.amount_cents), 0)).where(
        c.book_id == book_id, c.payment_id == payment_id, c.state == ChargebackState.RECEIVED.value
    )
    return int(connection.execute(query).scalar_one())


def _record(
    uow: UnitOfWork, payment: sa.Row[Any], stated: ProviderChargeback, hooks: ChargebackHooks, credited: AccountRef
) -> int:
    row = _row(uow, stated.provider_id)
    if row is None and stated.currency != "EUR":
        differs = Refusal("payment-currency-differs", stated=stated.currency)
        open_case(uow, stated.provider_id, differs, payment_id=payment.payment_id)
        return 0
    if row is not None and row.amount_cents != stated.amount_cents:
        differs = Refusal(
            "chargeback-amount-differs", known_cents=int(row.amount_cents), stated_cents=stated.amount_cents
        )
        open_case(uow, stated.provider_id, differs, payment_id=payment.payment_id)
        return 0
    recorded = 0
    if row is None:
        row = _receive(uow, payment, stated, hooks, credited)
        recorded += 1
    if stated.reversed_at is not None and row.state == ChargebackState.RECEIVED:
        _reverse(uow, payment, stated, hooks, credited)
        recorded += 1
    return recorded


def _receive(
    uow: UnitOfWork, payment: sa.Row[Any], stated: ProviderChargeback, hooks: ChargebackHooks, credited: AccountRef
) -> sa.Row[Any]:
    on = brussels_date(stated.created_at)
    covered = flow.covered_cents(uow, payment, stated.amount_cents)
    account = hooks.taken(uow, _charged_back(uow, payment, credited, covered, stated))
    taken = flow.leave(uow, payment, stated.amount_cents, account)
    key = postings.charged_back_key(stated.provider_id)
    evidence = keep_evidence(uow, key, _statement(stated), owner=payment.payer)
    uow.connection.execute(
        t.chargeback.insert().values(
            book_id=uow.book_id,
            provider_id=stated.provider_id,
            payment_id=payment.payment_id,
            amount_cents=stated.amount_cents,
            debit=str(account),
            excess_cents=taken.excess_cents,
            state=CHARGEBACK.initial.value,
            reason_code=stated.reason_code,
            received_on=on,
        )
    )
    record_birth(uow, CHARGEBACK, stated.provider_id, fact_key=key)
    uow.post(postings.charged_back(stated.provider_id, _postable(taken, credited), on=on, evidence=evidence))
    case = Refusal(CASE, charged_back_cents=stated.amount_cents)
    open_case(uow, stated.provider_id, case, payment_id=payment.payment_id)
    found = _row(uow, stated.provider_id)
    assert found is not None, "it was written just now"
    return found


def _reverse(
    uow: UnitOfWork, payment: sa.Row[Any], stated: ProviderChargeback, hooks: ChargebackHooks, credited: AccountRef
) -> None:
    assert stated.reversed_at is not None, "the caller looked"
    on = brussels_date(stated.reversed_at)
    move(
        uow,
        CHARGEBACK,
        stated.provider_id,
        state=ChargebackState.RECEIVED,
        event="reversed",
        fact_key=postings.chargeback_reversed_key(stated.provider_id),
        reversed_on=on,
    )
    back = flow.come_back(uow, payment, stated.amount_cents, credited)
    covered = back.amount_cents - back.excess_cents
    if covered:
        account = hooks.won_back(uow, _charged_back(uow, payment, credited, covered, stated))
        back = replace(back, account=account)
    key = postings.chargeback_reversed_key(stated.provider_id)
    evidence = keep_evidence(uow, key, _statement(stated), owner=payment.payer)
    uow.post(postings.chargeback_reversed(stated.provider_id, _postable(back, credited), on=on, evidence=evidence))
    close_cases(uow, stated.provider_id, CASE, reason="reversed")


def _charged_back(
    uow: UnitOfWork, payment: sa.Row[Any], credited: AccountRef, amount_cents: int, stated: ProviderChargeback
) -> ChargedBack:
    c = t.payment.c
    paid_on = sa.select(c.paid_on).where(c.book_id == uow.book_id, c.payment_id == payment.payment_id)
    paid = PaidPayment(
        book_id=uow.book_id,
        payment_id=payment.payment_id,
        reference=payment.reference,
        payer=payment.payer,
        amount_cents=payment.amount_cents,
        paid_on=uow.connection.execute(paid_on).scalar_one(),
        credit=AccountRef.parse(payment.credit),
    )
    on = brussels_date(stated.reversed_at or stated.created_at)
    return ChargedBack(paid, amount_cents, on, credited)


def _credited(uow: UnitOfWork, payment_provider_id: str) -> AccountRef:
    """The account that a payment posted earlier was credited to."""
    entry = balances.entry_by_key(uow.connection, uow.book_id, postings.paid_key(payment_provider_id))
    assert entry is not None, "a paid payment has its entry"
    return next(line.account for line in entry.lines if line.credit)


def _postable(flowed: Outflow, credited: AccountRef) -> Outflow:
    """The claim on the payer has a line of its own; the other line then needs some account, which is left out."""
    return replace(flowed, account=credited) if flowed.account.code == TO_RECOVER else flowed


def _row(uow: UnitOfWork, provider_id: str) -> sa.Row[Any] | None:
    c = t.chargeback.c
    query = sa.select(t.chargeback).where(c.book_id == uow.book_id, c.provider_id == provider_id)
    return uow.connection.execute(query).one_or_none()


def _statement(stated: ProviderChargeback) -> dict[str, Any]:
    return {
        "id": stated.provider_id,
        "payment": stated.payment_provider_id,
        "amount_cents": stated.amount_cents,
        "currency": stated.currency,
        "created_at": stated.created_at.isoformat(),
        "reversed_at": stated.reversed_at.isoformat() if stated.reversed_at else None,
        "reason": stated.reason_code,
    }
