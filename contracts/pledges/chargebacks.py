"""A pledge whose payment its lender's bank takes back, and gives back again.

| state | whose money is taken | the pledge |
|---|---|---|
| paid, firm | its own: 489100, 489200 | charged_back: it counts no longer |
| firm, and its loan agreed; converted | nobody's here: the lender owes it (416200) | stays; its lender is frozen |
| withdrawn, returned, refunded, refund_failed | what was to be refunded: 489400 | stays |

What the lender owes is read from 416200: while it stands, she is paid nothing out (`contracts.payouts`).
Money that comes back goes where it was taken from; where its offer has ended meanwhile it goes back to the lender.
"""

from contracts import moves
from contracts.events import emit_mail
from contracts.offers import service as offers
from contracts.offers.model import STANDING
from contracts.offers.queries import gauge, offer_record
from contracts.pledges import postings
from contracts.pledges import queries as q
from contracts.pledges.lifecycle import CAMPAIGN_FAILED, CHARGED_BACK, MACHINE, WON_BACK_FIRM, WON_BACK_IN_REFLECTION
from contracts.pledges.model import Pledge, PledgeState
from contracts.pledges.service import confirm_payment, lock_pledge, refund_pledge
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.payments.chargebacks import standing_cents
from ledger.payments.model import TO_RECOVER, ChargedBack, paid_body
from ledger.storage.base import JSON

_BACK = {PledgeState.PAID: WON_BACK_IN_REFLECTION, PledgeState.FIRM: WON_BACK_FIRM}


def hold(uow: UnitOfWork, reference: str) -> None:
    """Lock the pledge's offer."""
    lock_pledge(uow, _pledge_id(reference))


def take_back(uow: UnitOfWork, charged: ChargedBack) -> AccountRef:
    """Whose money a chargeback takes; the pledge it was promised to counts no longer."""
    confirm_payment(uow, paid_body(charged.payment, charged.credited))
    pledge, state = lock_pledge(uow, _pledge_id(charged.payment.reference))
    paid = q.paid_move(uow.connection, uow.book_id, pledge.pledge_id)
    if paid is None or paid.facts["payment_id"] != charged.payment.payment_id:
        return postings.to_refund(pledge.lender)
    if state is PledgeState.CONVERTED or (state is PledgeState.FIRM and not _is_open(uow, pledge)):
        return AccountRef(TO_RECOVER, pledge.lender)
    if state is PledgeState.CHARGED_BACK:
        return _stood_on(uow, pledge)
    if state not in _BACK:
        return postings.to_refund(pledge.lender)
    moves.record_move(uow, MACHINE, pledge.pledge_id, CHARGED_BACK, on=charged.on, facts={"from": state.value})
    _count(uow, pledge, state, sign=-1)
    title = offer_record(uow.connection, uow.book_id, pledge.offer_id).draft.title
    facts: dict[str, JSON] = {"title": title, "amount_cents": charged.amount_cents}
    path = f"/pledges/{pledge.pledge_id}"
    emit_mail(uow, "payment-charged-back", key=charged.payment.payment_id, to=pledge.lender, facts=facts, path=path)
    return _stood_on(uow, pledge)


def give_back(uow: UnitOfWork, charged: ChargedBack) -> AccountRef:
    """Whose money it is that was won back: the pledge's own while its offer can still take it, else its lender's."""
    pledge, state = lock_pledge(uow, _pledge_id(charged.payment.reference))
    paid = q.paid_move(uow.connection, uow.book_id, pledge.pledge_id)
    if state is not PledgeState.CHARGED_BACK or paid is None or paid.facts["payment_id"] != charged.payment.payment_id:
        return postings.to_refund(pledge.lender)
    account, source = _stood_on(uow, pledge), _source(uow, pledge)
    if standing_cents(uow.connection, uow.book_id, charged.payment.payment_id):
        return account
    if _has_room(uow, pledge):
        moves.record_move(uow, MACHINE, pledge.pledge_id, _BACK[source], on=charged.on)
        _count(uow, pledge, source, sign=1)
        return account
    moves.record_move(uow, MACHINE, pledge.pledge_id, CAMPAIGN_FAILED, on=charged.on)
    refund_pledge(uow, pledge, charged.payment.payment_id)
    return postings.to_refund(pledge.lender)


def _count(uow: UnitOfWork, pledge: Pledge, source: PledgeState, *, sign: int) -> None:
    in_reflection = pledge.amount_cents if source is PledgeState.PAID else 0
    received = sign * pledge.amount_cents
    offers.count(uow, pledge.offer_id, pledge.pledge_id, received=received, in_reflection=sign * in_reflection)


def _source(uow: UnitOfWork, pledge: Pledge) -> PledgeState:
    """Where the pledge stood when it was charged back."""
    last = moves.last_move(uow.connection, uow.book_id, pledge.pledge_id)
    assert last is not None, "a pledge that is charged back has moved"
    return PledgeState(str(last.facts["from"]))


def _stood_on(uow: UnitOfWork, pledge: Pledge) -> AccountRef:
    is_firm = _source(uow, pledge) is PledgeState.FIRM
    return postings.committed(pledge.lender) if is_firm else postings.in_reflection(pledge.lender)


def _is_open(uow: UnitOfWork, pledge: Pledge) -> bool:
    return offer_record(uow.connection, uow.book_id, pledge.offer_id).state in STANDING


def _has_room(uow: UnitOfWork, pledge: Pledge) -> bool:
    record = offer_record(uow.connection, uow.book_id, pledge.offer_id)
    taken = gauge(uow.connection, uow.book_id, pledge.offer_id).taken
    return record.state in STANDING and taken + pledge.amount_cents <= record.draft.maximum_cents


def _pledge_id(reference: str) -> str:
    return reference.removeprefix("pledge:")
