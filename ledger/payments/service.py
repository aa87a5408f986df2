"""What products ask of the payment rails: payments and refunds. Nothing here touches the network.

A request writes the payment (or refund) and a call row with the frozen body; `calls.send_due_calls` sends it later.

Topics emitted in the unit of work that records the fact (bodies in brackets):
`payment.paid` {payment_id, reference, payer, amount_cents, paid_on, account}: `account` is where the money was
credited; if that is not what was asked for, the product owes the payer a refund and asks for it in its handler;
`payment.unusable` {payment_id, reference, payer, state}; `refund.sent` and `refund.failed` {refund_id, payment_id,
reference, amount_cents, on}.
"""

from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments import tables as t
from ledger.payments.bank_refunds import goes_by_bank
from ledger.payments.bodies import payment_body, recurring_body, refund_body, with_op
from ledger.payments.chargebacks import standing_cents
from ledger.payments.lifecycle import PAYMENT, REFUND
from ledger.payments.methods import PaymentKind, at_provider, offered
from ledger.payments.model import NOT_FOUND, CallKind, CallState, Mode, PaymentState, RefundState
from ledger.payments.moves import move, record_birth
from ledger.payments.postings import PAYMENT_RECEIVED, REFUND_SENT
from ledger.payments.queries import missing_methods

LANGUAGES = ("fr", "nl", "en")
_GONE = (RefundState.FAILED, RefundState.REJECTED)


def configure_payments(uow: UnitOfWork, *, public_url: str, webhook_url: str, mode: Mode) -> None:
    """Keep where payers return to, where the provider calls, and whether money is real: frozen into later requests.

    `public_url` is the site's origin; `webhook_url` is the whole address of the webhook route. Called at every start.
    Refuses `payment-mode-changed` once payments of the other mode are in the book.
    """
    for url in (public_url, webhook_url):
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            raise Refusal("payment-address-malformed", address=url)
    where = t.payment_terms.c.book_id == uow.book_id
    known = uow.connection.execute(sa.select(t.payment_terms).where(where)).one_or_none()
    values = {"public_url": public_url.rstrip("/"), "webhook_url": webhook_url, "mode": mode.value}
    if known is None:
        uow.connection.execute(t.payment_terms.insert().values(book_id=uow.book_id, **values))
        return
    if known.mode != mode.value and _any_payment(uow):
        raise Refusal("payment-mode-changed", known=known.mode, asked=mode.value)
    uow.connection.execute(t.payment_terms.update().where(where).values(**values))


def request_payment(  # noqa: PLR0913 -- a payment has that many parts, each named where it is asked for
    uow: UnitOfWork,
    *,
    reference: str,
    payer: str,
    amount_cents: int,
    description: str,
    credit: AccountRef,
    kind: PaymentKind,
    return_path: str,
    language: str,
) -> str:
    """Ask for a payment of `amount_cents` by the party `payer`; `credit` is the account it will be credited to.

    The provider's page shows the methods that are offered for the `kind` and the amount.

    `reference` is the product's own (`pledge:…`, `due:…`); several payments may share one, and only the first that is
    paid counts as expected. `return_path` is where the payer returns to, an absolute path on this site.
    Gives the payment's id; the checkout address stands in `queries.payment` once the provider has answered.
    """
    terms = _terms(uow)
    if not return_path.startswith("/") or return_path.startswith("//") or "\\" in return_path:
        raise Refusal("return-path-malformed", path=return_path)
    if language not in LANGUAGES:
        raise Refusal("language-unknown", language=language[:16], allowed=LANGUAGES)
    payment_id = _record_payment(uow, reference=reference, payer=payer, amount_cents=amount_cents, credit=credit)
    body = payment_body(
        amount_cents=amount_cents,
        description=description,
        redirect_url=terms.public_url + return_path,
        webhook_url=terms.webhook_url,
        language=language,
        metadata=_metadata(uow, payment_id, reference, payer, terms.mode),
        methods=at_provider(
            offered(kind, amount_cents, uow.today(), without=missing_methods(uow.connection, uow.book_id))
        ),
    )
    _plan_call(uow, payment_id, CallKind.CREATE_PAYMENT, body)
    return payment_id


def request_debit(
    uow: UnitOfWork,
    *,
    reference: str,
    payer: str,
    amount_cents: int,
    description: str,
    credit: AccountRef,
    customer: str,
    mandate: str,
) -> str:
    """Have the provider debit the party `payer` under a `mandate` of its `customer`; nobody is led to a page.

    Otherwise as `request_payment`. A debit whose outcome stays unknown is never made anew without two people, see
    `repeats`. Refuses `debit-not-offered` for an amount above the limit of direct debits.
    """
    terms = _terms(uow)
    if not offered(PaymentKind.DEBIT, amount_cents, uow.today()):
        raise Refusal("debit-not-offered", amount_cents=amount_cents)
    payment_id = _record_payment(uow, reference=reference, payer=payer, amount_cents=amount_cents, credit=credit)
    body = recurring_body(
        amount_cents=amount_cents,
        description=description,
        webhook_url=terms.webhook_url,
        customer=customer,
        mandate=mandate,
        metadata=_metadata(uow, payment_id, reference, payer, terms.mode),
    )
    _plan_call(uow, payment_id, CallKind.CREATE_DEBIT, body)
    return payment_id


def repeat_debit(uow: UnitOfWork, payment: sa.Row[Any], body: bytes) -> str:
    """A debit with the terms of an earlier one, whose frozen `body` is given; `repeats` says when."""
    credit = AccountRef.parse(payment.credit)
    payment_id = _record_payment(
        uow, reference=payment.reference, payer=payment.payer, amount_cents=payment.amount_cents, credit=credit
    )
    _plan_call(uow, payment_id, CallKind.CREATE_DEBIT, with_op(body, payment_id))
    return payment_id


def request_refund(
    uow: UnitOfWork, *, payment_id: str, amount_cents: int, reference: str, debit: AccountRef, decided: bool = False
) -> str:
    """Ask that `amount_cents` of a paid payment go back to its payer; `debit` is the account the money stands on.

    The same reference on the same payment gives the refund that is already under way, so asking twice refunds once; a
    refund that failed or was rejected may be asked for again. What the provider can't give back any more goes by bank
    (`ledger.payments.bank_refunds`). Refuses `payment-not-paid`, `refund-exceeds-payment`, and `refund-needs-decision`
    where nobody knows what became of the last one, unless two people have `decided`.
    """
    payment = uow.connection.execute(
        sa.select(t.payment)
        .where(t.payment.c.book_id == uow.book_id, t.payment.c.payment_id == payment_id)
        .with_for_update()
    ).one_or_none()
    if payment is None:
        raise Refusal("payment-not-known", payment_id=payment_id)
    if payment.state != PaymentState.PAID:
        raise Refusal("payment-not-paid", payment_id=payment_id, state=payment.state)
    if amount_cents <= 0:
        raise Refusal("payment-amount-not-positive", amount_cents=amount_cents)
    REFUND_SENT.check_account(debit)
    standing = uow.connection.execute(
        sa.select(t.refund).where(
            t.refund.c.book_id == uow.book_id,
            t.refund.c.payment_id == payment_id,
            t.refund.c.state.not_in([s.value for s in _GONE]),
        )
    ).all()
    for row in standing:
        if row.reference == reference:
            if (row.amount_cents, row.debit) != (amount_cents, str(debit)):
                raise Refusal("refund-already-ordered", reference=reference, ordered_cents=row.amount_cents)
            return str(row.refund_id)
    taken_cents = standing_cents(uow.connection, uow.book_id, payment_id)
    remaining_cents = payment.amount_cents - taken_cents - sum(row.amount_cents for row in standing)
    if amount_cents > remaining_cents:
        raise Refusal("refund-exceeds-payment", amount_cents=amount_cents, remaining_cents=remaining_cents)
    if not decided and _is_unknown(uow, payment_id, reference):
        raise Refusal("refund-needs-decision", reference=reference, amount_cents=amount_cents)
    refund_id = _record_refund(uow, payment_id, reference=reference, amount_cents=amount_cents, debit=debit)
    if goes_by_bank(payment, uow.today()):
        move(uow, REFUND, refund_id, state=RefundState.REQUESTED.value, event="by-bank")
        return refund_id
    metadata = {"op": refund_id, "reference": reference, "payment": payment_id, "book": uow.book_id}
    _plan_call(
        uow,
        refund_id,
        CallKind.CREATE_REFUND,
        refund_body(amount_cents=amount_cents, description=reference, metadata=metadata),
    )
    return refund_id


def close_case(uow: UnitOfWork, *, subject: str, code: str, reason: str) -> None:
    """A person has dealt with a case; refuses `case-not-open`."""
    closed = uow.connection.execute(
        t.payment_case.update()
        .where(
            t.payment_case.c.book_id == uow.book_id,
            t.payment_case.c.subject == subject,
            t.payment_case.c.code == code,
            t.payment_case.c.closed_at.is_(None),
        )
        .values(closed_at=uow.now(), closed_by=uow.actor, closing_reason=reason)
    )
    if closed.rowcount != 1:
        raise Refusal("case-not-open", subject=subject, case=code)


def _terms(uow: UnitOfWork) -> sa.Row[Any]:
    where = t.payment_terms.c.book_id == uow.book_id
    terms = uow.connection.execute(sa.select(t.payment_terms).where(where)).one_or_none()
    if terms is None:
        raise Refusal("payments-not-configured")
    return terms


def _record_payment(uow: UnitOfWork, *, reference: str, payer: str, amount_cents: int, credit: AccountRef) -> str:
    """The row and the birth of a payment that the provider is going to be asked for."""
    if amount_cents <= 0:
        raise Refusal("payment-amount-not-positive", amount_cents=amount_cents)
    PAYMENT_RECEIVED.check_account(credit)
    payment_id = uow.new_id("y")
    uow.connection.execute(
        t.payment.insert().values(
            book_id=uow.book_id,
            payment_id=payment_id,
            reference=reference,
            payer=payer,
            amount_cents=amount_cents,
            credit=str(credit),
            state=PaymentState.REQUESTED.value,
            requested_at=uow.now(),
            requested_on=uow.today(),
        )
    )
    record_birth(uow, PAYMENT, payment_id)
    return payment_id


def _record_refund(uow: UnitOfWork, payment_id: str, *, reference: str, amount_cents: int, debit: AccountRef) -> str:
    """The row and the birth of a refund."""
    refund_id = uow.new_id("r")
    uow.connection.execute(
        t.refund.insert().values(
            book_id=uow.book_id,
            refund_id=refund_id,
            payment_id=payment_id,
            reference=reference,
            amount_cents=amount_cents,
            debit=str(debit),
            state=RefundState.REQUESTED.value,
            requested_at=uow.now(),
            requested_on=uow.today(),
        )
    )
    record_birth(uow, REFUND, refund_id)
    return refund_id


def _metadata(uow: UnitOfWork, payment_id: str, reference: str, payer: str, mode: str) -> dict[str, str]:
    """What a payment at the provider is recognised by."""
    return {"op": payment_id, "reference": reference, "payer": payer, "book": uow.book_id, "env": mode}


def _is_unknown(uow: UnitOfWork, payment_id: str, reference: str) -> bool:
    """Whether nobody knows what became of the last refund with that reference."""
    r, c = t.refund.c, t.provider_call.c
    same = sa.and_(r.book_id == c.book_id, r.refund_id == c.call_id)
    last = uow.connection.execute(
        sa.select(r.state, c.outcome)
        .join_from(t.refund, t.provider_call, same)
        .where(r.book_id == uow.book_id, r.payment_id == payment_id, r.reference == reference)
        .order_by(r.requested_at.desc(), r.refund_id.desc())
        .limit(1)
    ).first()
    return last is not None and (last.state, last.outcome) == (RefundState.REJECTED, NOT_FOUND)


def _plan_call(uow: UnitOfWork, call_id: str, kind: CallKind, body: bytes) -> None:
    uow.connection.execute(
        t.provider_call.insert().values(
            book_id=uow.book_id,
            call_id=call_id,
            kind=kind.value,
            idempotency_key=f"{uow.book_id}-{call_id}",
            body=body,
            state=CallState.PLANNED.value,
            attempts=0,
            next_at=uow.now(),
        )
    )


def _any_payment(uow: UnitOfWork) -> bool:
    found = sa.select(t.payment.c.payment_id).where(t.payment.c.book_id == uow.book_id).limit(1)
    return uow.connection.execute(found).first() is not None
