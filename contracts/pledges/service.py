"""Use cases of a pledge: make, pay, withdraw, firm up, lapse, give back.

Every one of them holds the offer's row first and the lender's row second. Handlers of payment facts are idempotent: the
same fact again changes nothing. Money that a pledge can't take any more is sent back by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import sqlalchemy as sa

from contracts import moves
from contracts.events import OFFER_RETURN, emit_mail
from contracts.offers import postings as offer_postings
from contracts.offers import service as offers
from contracts.offers.model import OfferDraft, check_lender, payable_until
from contracts.offers.queries import OfferRecord, offer_record
from contracts.parties.estates import lock_alive
from contracts.parties.model import Attribute, LenderDeclaration
from contracts.parties.queries import attribute_as_of, elsewhere, lender_facts
from contracts.parties.service import record_lender_declaration
from contracts.pledges import postings
from contracts.pledges import queries as q
from contracts.pledges import tables as t
from contracts.pledges.lifecycle import (
    CAMPAIGN_FAILED,
    ISSUED,
    MACHINE,
    NOT_ALLOTTED,
    NOT_PAID_IN_TIME,
    PAID,
    PAID_TOO_LATE,
    REFLECTION_OVER,
    REFUND_FAILED,
    REFUND_SENT,
    WITHDRAWN,
)
from contracts.pledges.model import (
    LIVE,
    Pledge,
    PledgeMade,
    PledgeState,
    PledgeWithdrawn,
    check_can_withdraw,
    firm_on,
    payment_is_usable,
)
from contracts.pledges.safeguards import Consent, require_safeguards
from contracts.schemes import conditions
from contracts.schemes.ecspr import reflection_ends_on
from ledger import balances
from ledger.accounts import AccountRef
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.payments.methods import PaymentKind
from ledger.payments.model import PaidPayment, PaymentState
from ledger.payments.queries import paid, payment, payments_for, refunds_for, refunds_of_payment, still_to_pay
from ledger.payments.receiving import request_transfer
from ledger.payments.service import request_payment, request_refund
from ledger.storage.base import JSON

CHUNK = 500
"""Entries of one unit of work in a run over many pledges; what is left is a row of the outbox."""
JOB = "system:pledges"
NO_CONSENT = Consent()


def make_pledge(  # noqa: PLR0913 -- one argument a statement of the lender
    uow: UnitOfWork,
    *,
    offer_id: str,
    lender: str,
    amount_cents: int,
    on: date,
    language: str,
    risk_acknowledged: bool,
    declaration: LenderDeclaration | None = None,
    consent: Consent = NO_CONSENT,
) -> PledgeMade:
    """Promise `amount_cents` to an offer and ask for its payment.

    `declaration` is what the lender states on her ties to this borrower, needed unless she has stated it before;
    `consent` what she confirms of an amount above her threshold.
    Refuses `offer-…`, `pledge-below-minimum`, `risk-not-acknowledged`, `lender-…`, what the scheme refuses, and what
    `contracts.pledges.safeguards` refuses.
    """
    record, money = offers.accept_pledge(uow, offer_id, amount_cents=amount_cents, on=on)
    if not risk_acknowledged:
        raise Refusal("risk-not-acknowledged")
    lock_alive(uow, lender)
    draft, pledge_id = record.draft, uow.new_id("p")
    _check_offer_terms(uow, record, lender, amount_cents, on)
    if declaration is not None:
        record_lender_declaration(
            uow,
            lender,
            borrower=draft.borrower,
            declaration=declaration,
            valid_from=on,
            evidence=f"pledge:{pledge_id}",
        )
    _check_scheme(uow, draft, lender, amount_cents, on, taken_cents=money.taken)
    require_safeguards(
        uow,
        lender=lender,
        borrower=draft.borrower,
        pledge_id=pledge_id,
        amount_cents=amount_cents,
        on=on,
        consent=consent,
    )
    pledge = Pledge(
        pledge_id=pledge_id,
        offer_id=offer_id,
        lender=lender,
        amount_cents=amount_cents,
        pledged_on=on,
        reflection_ends_on=reflection_ends_on(on),
        payable_until=payable_until(draft, on),
        language=language,
        risk_acknowledged_on=on,
    )
    row = {name: getattr(pledge, name) for name in Pledge.__slots__}
    uow.connection.execute(t.pledge.insert().values(book_id=uow.book_id, **row))
    offers.count(uow, offer_id, pledge_id, committed=amount_cents)
    payment_id = _request_payment(uow, pledge, draft.title)
    request_transfer(
        uow,
        reference=_reference(pledge_id),
        payer=lender,
        amount_cents=amount_cents,
        credit=postings.in_reflection(lender),
    )
    ends_on = pledge.reflection_ends_on
    _mail(uow, "pledge-made", pledge, draft.title, key=pledge_id, reflection_ends_on=ends_on.isoformat())
    return PledgeMade(pledge_id=pledge_id, payment_id=payment_id, reflection_ends_on=ends_on)


def request_new_payment(uow: UnitOfWork, pledge_id: str, *, on: date) -> str:
    """The payment to make for an unpaid pledge: the open one, or a new one if the last can't be paid any more.

    Refuses `pledge-not-payable`.
    """
    pledge, state = lock_pledge(uow, pledge_id)
    if state is not PledgeState.PLEDGED or on > pledge.payable_until:
        raise Refusal("pledge-not-payable", state=state.value, payable_until_on=pledge.payable_until.isoformat())
    payments = payments_for(uow.connection, uow.book_id, _reference(pledge_id))
    known = paid(payments) or still_to_pay(payments, by_transfer=False)
    return known.payment_id if known is not None else _request_payment(uow, pledge, _title(uow, pledge))


def withdraw_pledge(uow: UnitOfWork, pledge_id: str, *, on: date) -> PledgeWithdrawn:
    """Take a pledge back within its reflection period, without reason or cost; paid money is sent back.

    An amended sheet of its offer gives the right again, for a firm pledge too. Asked twice it happens once; refuses
    `reflection-over`.
    """
    pledge, state = lock_pledge(uow, pledge_id)
    if _was_withdrawn(uow, pledge_id):
        refunds = refunds_for(uow.connection, uow.book_id, _reference(pledge_id))
        return PledgeWithdrawn(pledge_id=pledge_id, refund_id=refunds[-1].refund_id if refunds else None)
    record = offer_record(uow.connection, uow.book_id, pledge.offer_id)
    check_can_withdraw(pledge, state, on=on, is_amended=record.sheet_lets_withdraw(on))
    refund_id, amount, is_firm = None, pledge.amount_cents, state is PledgeState.FIRM
    if state is not PledgeState.PLEDGED:
        entry = postings.pledge_withdrawn(pledge, is_firm=is_firm, on=on, actor=uow.actor)
        uow.post(entry)
        moves.record_move(uow, MACHINE, pledge_id, WITHDRAWN, on=on, fact_key=entry.key)
        offers.count(uow, pledge.offer_id, pledge_id, received=-amount, in_reflection=0 if is_firm else -amount)
        refund_id = refund_pledge(uow, pledge, _paid_by(uow, pledge_id))
    else:
        moves.record_move(uow, MACHINE, pledge_id, WITHDRAWN, on=on)
        offers.count(uow, pledge.offer_id, pledge_id, committed=-amount)
    _mail(uow, "pledge-withdrawn", pledge, record.draft.title, key=pledge_id)
    return PledgeWithdrawn(pledge_id=pledge_id, refund_id=refund_id)


def credit_accounts_for(connection: sa.Connection, paid: Sequence[PaidPayment]) -> list[AccountRef]:
    """Where money that arrives for a `pledge:<id>` belongs now: to the pledge, or on its way back to the lender."""
    if not paid:
        return []
    pledge_ids = [each.reference.removeprefix("pledge:") for each in paid]
    made = q.pledges_by_id(connection, paid[0].book_id, pledge_ids)
    states = moves.states(connection, paid[0].book_id, MACHINE, pledge_ids)
    accounts = []
    for each, pledge_id in zip(paid, pledge_ids, strict=True):
        pledge, state = made[pledge_id], states[pledge_id]
        usable = payment_is_usable(pledge, state, amount_cents=each.amount_cents, paid_on=each.paid_on)
        accounts.append(postings.in_reflection(pledge.lender) if usable else postings.to_refund(pledge.lender))
    return accounts


def confirm_payment(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `payment.paid` of a pledge: it is paid, or its money goes back. The same payment again changes nothing."""
    payment_id, paid_on = str(body["payment_id"]), date.fromisoformat(str(body["paid_on"]))
    pledge, state = lock_pledge(uow, str(body["reference"]).removeprefix("pledge:"))
    paid = q.paid_move(uow.connection, uow.book_id, pledge.pledge_id)
    if (paid is not None and paid.facts["payment_id"] == payment_id) or _has_refund(uow, payment_id):
        return
    held = body["account"] == str(postings.in_reflection(pledge.lender))
    usable = payment_is_usable(pledge, state, amount_cents=int(str(body["amount_cents"])), paid_on=paid_on)
    if not (usable and held):
        _send_back(uow, pledge, state, payment_id, paid_on, held=held)
        return
    moves.record_move(uow, MACHINE, pledge.pledge_id, PAID, on=paid_on, facts={"payment_id": payment_id})
    amount = pledge.amount_cents
    offers.count(uow, pledge.offer_id, pledge.pledge_id, committed=-amount, received=amount, in_reflection=amount)
    _mail(uow, "pledge-paid", pledge, _title(uow, pledge), key=pledge.pledge_id)


def note_unusable_payment(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `payment.unusable`: tell the lender that her payment did not succeed and that she may pay again."""
    pledge = q.pledge(uow.connection, uow.book_id, str(body["reference"]).removeprefix("pledge:"))
    if q.state_of(uow.connection, uow.book_id, pledge.pledge_id) is PledgeState.PLEDGED:
        key, until = str(body["payment_id"]), pledge.payable_until.isoformat()
        _mail(uow, "pledge-payment-failed", pledge, _title(uow, pledge), key=key, payable_until_on=until)


def confirm_refund(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `refund.sent` of a pledge or of a payment it could not take."""
    pledge, state = lock_pledge(uow, _refunded_pledge(uow, body))
    if _is_own_refund(body) and MACHINE.allows(state, REFUND_SENT):
        on = date.fromisoformat(str(body["on"]))
        moves.record_move(uow, MACHINE, pledge.pledge_id, REFUND_SENT, on=on, facts={"refund_id": body["refund_id"]})
    facts = {"on_on": body["on"], "amount_cents": body["amount_cents"]}
    _mail(uow, "refund-sent", pledge, _title(uow, pledge), key=str(body["refund_id"]), **facts)


def note_failed_refund(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `refund.failed`: the money stays due to the lender, who is asked for an account."""
    pledge, state = lock_pledge(uow, _refunded_pledge(uow, body))
    if _is_own_refund(body) and MACHINE.allows(state, REFUND_FAILED):
        on = date.fromisoformat(str(body["on"]))
        moves.record_move(uow, MACHINE, pledge.pledge_id, REFUND_FAILED, on=on, facts={"refund_id": body["refund_id"]})
    key, amount = str(body["refund_id"]), body["amount_cents"]
    _mail(uow, "refund-failed", pledge, _title(uow, pledge), key=key, amount_cents=amount)


def retry_refund(uow: UnitOfWork, pledge_id: str) -> str:
    """Ask again for a refund that failed; refuses `refund-not-failed`."""
    pledge, state = lock_pledge(uow, pledge_id)
    if state is not PledgeState.REFUND_FAILED:
        raise Refusal("refund-not-failed", state=state.value)
    failed = refunds_for(uow.connection, uow.book_id, _reference(pledge_id))
    return refund_pledge(uow, pledge, failed[-1].payment_id)


def lock_pledge(uow: UnitOfWork, pledge_id: str) -> tuple[Pledge, PledgeState]:
    """A pledge and where it stands; its offer is locked."""
    pledge = q.pledge(uow.connection, uow.book_id, pledge_id)
    offers.lock_offer(uow, pledge.offer_id)
    return pledge, q.state_of(uow.connection, uow.book_id, pledge_id)


def refund_pledge(uow: UnitOfWork, pledge: Pledge, payment_id: str) -> str:
    """Ask for the refund of what `payment_id` paid for a pledge; the money stands on 489400."""
    return _refund(uow, pledge, payment_id, reference=_reference(pledge.pledge_id))


def firm_up_pledges(book: Book, on: date) -> int:
    """Dated job: every paid pledge whose reflection period is over becomes firm; gives how many did."""
    with book.read() as connection:
        found = q.pledges_in(connection, book.book_id, PledgeState.PAID, reflection_over_on=on)
    return sum(_in_unit(book, each.pledge_id, on, firm_up_pledge) for each in found)


def firm_up_pledge(uow: UnitOfWork, pledge_id: str, *, on: date) -> bool:
    """Commit a paid pledge's money to the issue once its reflection is over; False where there is nothing to do."""
    pledge, state = lock_pledge(uow, pledge_id)
    paid = q.paid_move(uow.connection, uow.book_id, pledge_id)
    if state is not PledgeState.PAID or paid is None or on <= pledge.reflection_ends_on:
        return False
    entry = postings.pledge_firm(pledge, on=firm_on(pledge, paid.effective_on), actor=uow.actor)
    uow.post(entry)
    moves.record_move(uow, MACHINE, pledge_id, REFLECTION_OVER, on=entry.effective_on, fact_key=entry.key)
    offers.count(uow, pledge.offer_id, pledge_id, in_reflection=-pledge.amount_cents)
    return True


def lapse_unpaid_pledges(book: Book, on: date) -> int:
    """Dated job: every pledge that was not paid in time lapses; gives how many did."""
    with book.read() as connection:
        found = [
            each for each in q.pledges_in(connection, book.book_id, PledgeState.PLEDGED) if each.payable_until < on
        ]
    return sum(_in_unit(book, each.pledge_id, on, lapse_pledge) for each in found)


def lapse_pledge(uow: UnitOfWork, pledge_id: str, *, on: date) -> bool:
    """Let an unpaid pledge go; False where it is paid, or where its money has just arrived and is being handled."""
    pledge, state = lock_pledge(uow, pledge_id)
    payments = payments_for(uow.connection, uow.book_id, _reference(pledge_id))
    is_paid = any(payment.state is PaymentState.PAID for payment in payments)
    if state is not PledgeState.PLEDGED or on <= pledge.payable_until or is_paid:
        return False
    moves.record_move(uow, MACHINE, pledge_id, NOT_PAID_IN_TIME, on=on)
    offers.count(uow, pledge.offer_id, pledge_id, committed=-pledge.amount_cents)
    _mail(uow, "pledge-lapsed", pledge, _title(uow, pledge), key=pledge_id)
    return True


def convert_pledge(uow: UnitOfWork, pledge: Pledge, *, on: date, fact_key: str) -> None:
    """A firm pledge has become a claim, by the entry named; the caller holds the offer."""
    moves.record_move(uow, MACHINE, pledge.pledge_id, ISSUED, on=on, fact_key=fact_key)


def allot_pledge(uow: UnitOfWork, pledge: Pledge, *, rest_cents: int, on: date, fact_key: str) -> None:
    """A firm pledge has become units by the entry named, which set `rest_cents` of it aside: they go back."""
    if rest_cents == pledge.amount_cents:
        moves.record_move(uow, MACHINE, pledge.pledge_id, NOT_ALLOTTED, on=on, fact_key=fact_key)
        refund_pledge(uow, pledge, _paid_by(uow, pledge.pledge_id))
        return
    convert_pledge(uow, pledge, on=on, fact_key=fact_key)
    if rest_cents:
        payment_id = _paid_by(uow, pledge.pledge_id)
        _refund(uow, pledge, payment_id, reference=f"excess:{payment_id}", amount_cents=rest_cents)


def cancel_offer(uow: UnitOfWork, offer_id: str, *, on: date, approval_id: str) -> None:
    """Cancel an offer under four eyes and give every pledge back."""
    offers.mark_cancelled(uow, offer_id, on=on, approval_id=approval_id)
    return_pledges(uow, offer_id, on=on)


def return_pledges(uow: UnitOfWork, offer_id: str, *, on: date) -> int:
    """Give the pledges of an offer that came to nothing back, up to a chunk at a time; gives how many this time."""
    offers.lock_offer(uow, offer_id)
    found = q.pledges_of_offer(uow.connection, uow.book_id, offer_id, *LIVE)
    for pledge, state in found[:CHUNK]:
        _return_pledge(uow, pledge, state, on)
    if len(found) > CHUNK:
        key = f"{offer_id}:{found[CHUNK][0].pledge_id}"
        uow.emit(OFFER_RETURN, key, {"offer_id": offer_id, "on": on.isoformat()})
    return min(len(found), CHUNK)


def continue_return(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle the next chunk of pledges to give back."""
    return_pledges(uow, str(body["offer_id"]), on=date.fromisoformat(str(body["on"])))


def _return_pledge(uow: UnitOfWork, pledge: Pledge, state: PledgeState, on: date) -> None:
    title = _title(uow, pledge)
    if state is PledgeState.PLEDGED:
        moves.record_move(uow, MACHINE, pledge.pledge_id, CAMPAIGN_FAILED, on=on)
    else:
        entry = offer_postings.campaign_failed(
            pledge_id=pledge.pledge_id,
            lender=pledge.lender,
            amount_cents=pledge.amount_cents,
            firm=state is PledgeState.FIRM,
            on=on,
            actor=uow.actor,
        )
        uow.post(entry)
        moves.record_move(uow, MACHINE, pledge.pledge_id, CAMPAIGN_FAILED, on=on, fact_key=entry.key)
        refund_pledge(uow, pledge, _paid_by(uow, pledge.pledge_id))
    _mail(uow, "campaign-failed", pledge, title, key=pledge.pledge_id)


def _send_back(
    uow: UnitOfWork, pledge: Pledge, state: PledgeState, payment_id: str, paid_on: date, *, held: bool
) -> None:
    """Money that the pledge can't take: out of where it was booked if need be, and back to the lender, once."""
    is_first = MACHINE.allows(state, PAID_TOO_LATE) and not refunds_for(
        uow.connection, uow.book_id, _reference(pledge.pledge_id)
    )
    if held and state is PledgeState.WITHDRAWN and is_first:
        uow.post(postings.pledge_withdrawn(pledge, is_firm=False, on=paid_on, actor=uow.actor))
    elif held:
        uow.post(
            postings.payment_unusable(
                payment_id=payment_id,
                lender=pledge.lender,
                amount_cents=pledge.amount_cents,
                on=paid_on,
                actor=uow.actor,
            )
        )
    if is_first:
        moves.record_move(uow, MACHINE, pledge.pledge_id, PAID_TOO_LATE, on=paid_on, facts={"payment_id": payment_id})
    if state is PledgeState.PLEDGED:
        offers.count(uow, pledge.offer_id, pledge.pledge_id, committed=-pledge.amount_cents)
    reference = _reference(pledge.pledge_id) if is_first else f"excess:{payment_id}"
    _refund(uow, pledge, payment_id, reference=reference)
    _mail(uow, "payment-sent-back", pledge, _title(uow, pledge), key=payment_id)


def _check_offer_terms(uow: UnitOfWork, record: OfferRecord, lender: str, amount_cents: int, on: date) -> None:
    """What this offer asks of its lenders: residents first, and no more than its limit for one person."""
    commune = attribute_as_of(uow.connection, uow, lender, Attribute.COMMUNE, on)
    check_lender(
        record.draft,
        commune=commune if isinstance(commune, str) else None,
        pledged_cents=q.cents_in_offer(uow.connection, uow.book_id, record.offer_id, lender),
        amount_cents=amount_cents,
        on=on,
    )


def _check_scheme(
    uow: UnitOfWork, draft: OfferDraft, lender: str, amount_cents: int, on: date, taken_cents: int
) -> None:
    """All conditions of the scheme on this part; the lender's row is held, so her caps are counted one at a time.

    A bond series is of no scheme.
    """
    if draft.units is not None:
        return
    stated = elsewhere(uow.connection, uow, lender, on)
    live = q.live_cents(uow.connection, uow.book_id, lender)
    concluded = q.concluded_cents(uow.connection, uow.book_id, lender, on.year)
    claims = balances.balances(uow.connection, uow.book_id, code_prefix="020000", owner=lender)
    conditions.check(
        conditions.Application(
            scheme=draft.scheme,
            concluded_on=on,
            rate_annual=draft.rate_annual,
            term_years=draft.term_years,
            repayment=conditions.repayment_form(draft.kind, draft.every),
            amount_cents=amount_cents,
            lender=lender_facts(uow.connection, uow, lender, borrower=draft.borrower, on=on),
            lender_concluded_cents=stated.concluded_cents + live + concluded,
            lender_outstanding_cents=stated.outstanding_cents + live + sum(each.signed for each in claims),
            borrower_outstanding_cents=offers.borrower_outstanding_cents(uow, draft.borrower) + taken_cents,
        )
    )


def _request_payment(uow: UnitOfWork, pledge: Pledge, title: str) -> str:
    return request_payment(
        uow,
        reference=_reference(pledge.pledge_id),
        payer=pledge.lender,
        amount_cents=pledge.amount_cents,
        description=f"{title} ({pledge.pledge_id})",
        credit=postings.in_reflection(pledge.lender),
        kind=PaymentKind.PLEDGE,
        return_path=f"/{pledge.language}/pledges/{pledge.pledge_id}?back=1",
        language=pledge.language,
    )


def _refund(
    uow: UnitOfWork, pledge: Pledge, payment_id: str, *, reference: str, amount_cents: int | None = None
) -> str:
    return request_refund(
        uow,
        payment_id=payment_id,
        amount_cents=amount_cents or pledge.amount_cents,
        reference=reference,
        debit=postings.to_refund(pledge.lender),
    )


def _paid_by(uow: UnitOfWork, pledge_id: str) -> str:
    paid = q.paid_move(uow.connection, uow.book_id, pledge_id)
    assert paid is not None, f"{pledge_id} holds money but was never paid"
    return str(paid.facts["payment_id"])


def _was_withdrawn(uow: UnitOfWork, pledge_id: str) -> bool:
    history = moves.moves_of(uow.connection, uow.book_id, [pledge_id])[pledge_id]
    return any(move.event == WITHDRAWN for move in history)


def _has_refund(uow: UnitOfWork, payment_id: str) -> bool:
    return bool(refunds_of_payment(uow.connection, uow.book_id, payment_id))


def _is_own_refund(body: Mapping[str, JSON]) -> bool:
    """Whether the refund is of the pledge itself, and not of a payment too many."""
    return str(body["reference"]).startswith("pledge:")


def _refunded_pledge(uow: UnitOfWork, body: Mapping[str, JSON]) -> str:
    """The pledge that a refund belongs to: by its own reference, or by that of the payment it sends back."""
    if _is_own_refund(body):
        return str(body["reference"]).removeprefix("pledge:")
    paid = payment(uow.connection, uow.book_id, str(body["payment_id"]))
    assert paid is not None, "a refund names a payment"
    return paid.reference.removeprefix("pledge:")


def _in_unit(book: Book, pledge_id: str, on: date, act: Callable[..., bool]) -> int:
    with book.unit_of_work(actor=JOB) as uow:
        return int(act(uow, pledge_id, on=on))


def _title(uow: UnitOfWork, pledge: Pledge) -> str:
    return offer_record(uow.connection, uow.book_id, pledge.offer_id).draft.title


def _reference(pledge_id: str) -> str:
    return f"pledge:{pledge_id}"


def _mail(uow: UnitOfWork, template: str, pledge: Pledge, title: str, *, key: str, **facts: JSON) -> None:
    stated = {"title": title, "amount_cents": pledge.amount_cents, **facts}
    emit_mail(uow, template, key=key, to=pledge.lender, facts=stated, path=f"/pledges/{pledge.pledge_id}")
