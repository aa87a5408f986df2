"""Use cases of an offer: draft, revise, publish under four eyes, count its money, and end it.

Whoever changes an offer or one of its pledges holds the lock on the offer's row (`lock_offer`): the maximum is checked
and the gauge is counted under it, one change at a time.
"""

import hashlib
from datetime import date

import sqlalchemy as sa

from contracts import moves
from contracts.events import OFFER_SHEET_AMENDED, OFFER_SUSPENDED
from contracts.offers import queries as q
from contracts.offers import tables as t
from contracts.offers.lifecycle import (
    CANCELLED,
    FAILED,
    FUNDED,
    MACHINE,
    PUBLISHED,
    PUBLISHED_AGAIN,
    REVISED,
    SUSPENDED,
)
from contracts.offers.model import (
    STANDING,
    Gauge,
    OfferDraft,
    OfferState,
    body_of,
    check_accepts,
    check_draft,
    outcome,
)
from contracts.offers.owner import check_owner
from contracts.parties.queries import party
from contracts.parties.service import lock_party
from contracts.restarts import check_may_borrow
from contracts.schemes import conditions
from contracts.schemes.ecspr import reflection_ends_on, suspension_ends_on
from contracts.schemes.rules import Rule, rule
from ledger import approvals, balances
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.storage.base import JSON, json_text

PUBLISH = "publish-offer"
CANCEL = "cancel-offer"
"""Actions that take two people; their bodies are `queries.publication_body` and `cancellation_body`."""

_OUTCOMES = {OfferState.FUNDED: FUNDED, OfferState.FAILED: FAILED}


def draft_offer(uow: UnitOfWork, draft: OfferDraft, *, on: date) -> str:
    """Keep a first draft; gives the offer's id.

    Refuses what the draft itself can't hold (`offer-…`), a borrower who is no enterprise, one whose earlier loan stands
    in its way (`earlier-loan-unresolved`), and what the scheme refuses.
    """
    rules = _check(uow, draft, on)
    offer_id = uow.new_id("o")
    uow.connection.execute(
        t.offer.insert().values(book_id=uow.book_id, offer_id=offer_id, borrower=draft.borrower, drafted_on=on)
    )
    _write_version(uow, offer_id, 1, draft, rules)
    return offer_id


def revise_offer(uow: UnitOfWork, offer_id: str, draft: OfferDraft, *, on: date) -> int:
    """Keep a new version of a draft; gives its number. A published offer is never revised (`move-not-allowed`).

    Refuses `offer-borrower-changed`, and `offer-is-of-a-series`: the terms of a series are drafted once.
    """
    record = lock_offer(uow, offer_id)
    if draft.borrower != record.draft.borrower:
        raise Refusal("offer-borrower-changed", offer_id=offer_id)
    if record.draft.units is not None:
        raise Refusal("offer-is-of-a-series", offer_id=offer_id)
    rules = _check(uow, draft, on)
    moves.record_move(uow, MACHINE, offer_id, REVISED, on=on, facts={"version": record.version + 1})
    _write_version(uow, offer_id, record.version + 1, draft, rules)
    return record.version + 1


def request_publication(uow: UnitOfWork, offer_id: str, *, reason: str) -> str:
    """Ask a second person to approve the offer as it stands; gives the approval's id.

    Refuses `move-not-allowed` for an offer that is neither a draft nor suspended, `earlier-loan-unresolved`, and
    `kiis-…` while its key investment information sheet is not complete, issued, and drawn from the offer as it stands.
    """
    record = lock_offer(uow, offer_id)
    MACHINE.after(record.state, _publication(record.state))
    check_may_borrow(uow.connection, uow.book_id, record.draft.borrower)
    body = q.publication_body(uow.connection, uow.book_id, offer_id)
    return approvals.request(uow, action=PUBLISH, body=body, reason=reason)


def publish_offer(uow: UnitOfWork, offer_id: str, *, on: date, approval_id: str, series_id: str | None = None) -> None:
    """Open the offer to the public, as it was approved, with the sheet that was approved with it.

    That of a bond series is opened with its series only. A suspended offer is published again: with its amended sheet,
    also after its last day, so that lenders have their days to withdraw. Refuses what `ledger.approvals` refuses,
    `offer-is-of-a-series`, `kiis-…` and `earlier-loan-unresolved` as the request does, `owner-…` as `check_owner` does,
    `offer-dates-inconsistent` once its last day is over, and whatever the scheme refuses on this date; the borrower's
    cap counts the maximum of every open offer of a loan.
    """
    record = lock_offer(uow, offer_id)
    if record.state is OfferState.SUSPENDED:
        _publish_again(uow, record, on=on, approval_id=approval_id)
        return
    if series_id != (None if record.draft.units is None else record.draft.units.series_id):
        raise Refusal("offer-is-of-a-series", offer_id=offer_id)
    MACHINE.after(record.state, PUBLISHED)
    body = q.publication_body(uow.connection, uow.book_id, offer_id)
    approvals.require(uow, approval_id, PUBLISH, body)
    if on > record.draft.closes_on:
        raise Refusal("offer-dates-inconsistent", opens_on=on.isoformat(), closes_on=record.draft.closes_on.isoformat())
    _check(uow, record.draft, on)
    _check_borrower_cap(uow, record, on)
    facts: dict[str, JSON] = {
        "approval_id": approval_id,
        "version": record.version,
        "kiis_version": body["kiis_version"],
        **({} if record.is_of_public_body else check_owner(uow, record, on)),
    }
    moves.record_move(uow, MACHINE, offer_id, PUBLISHED, on=on, facts=facts)


def suspend_offer(uow: UnitOfWork, offer_id: str, *, version: int, on: date) -> None:
    """A new `version` of the sheet of an open offer: no pledge is taken until it is published; lenders are told.

    Refuses `move-not-allowed` for an offer that is not open.
    """
    moves.record_move(uow, MACHINE, offer_id, SUSPENDED, on=on)
    uow.emit(OFFER_SUSPENDED, f"{offer_id}:{version}", {"offer_id": offer_id, "version": version, "first": 0})


def lock_offer(uow: UnitOfWork, offer_id: str) -> q.OfferRecord:
    """Hold the offer until the unit of work ends, and give it as it stands; refuses `offer-not-known`."""
    c = t.offer.c
    held = sa.select(c.offer_id).where(c.book_id == uow.book_id, c.offer_id == offer_id).with_for_update()
    if uow.connection.execute(held).first() is None:
        raise Refusal("offer-not-known", offer_id=offer_id[:40])
    return q.offer_record(uow.connection, uow.book_id, offer_id)


def accept_pledge(uow: UnitOfWork, offer_id: str, *, amount_cents: int, on: date) -> tuple[q.OfferRecord, Gauge]:
    """Lock the offer and give it with its gauge, if it takes a pledge of this amount on this date.

    Refuses `offer-…`, and `earlier-loan-unresolved` while another loan of the borrower is in difficulty.
    """
    record = lock_offer(uow, offer_id)
    money = q.gauge(uow.connection, uow.book_id, offer_id)
    check_accepts(
        record.draft, money, state=record.state, published_on=record.published_on, amount_cents=amount_cents, on=on
    )
    check_may_borrow(uow.connection, uow.book_id, record.draft.borrower)
    return record, money


def count(
    uow: UnitOfWork, offer_id: str, pledge_id: str, *, committed: int = 0, received: int = 0, in_reflection: int = 0
) -> None:
    """Add a pledge's changes to the gauge; the caller holds the offer."""
    c = t.offer_count.c
    last = sa.select(sa.func.coalesce(sa.func.max(c.sequence), 0)).where(
        c.book_id == uow.book_id, c.offer_id == offer_id
    )
    uow.connection.execute(
        t.offer_count.insert().values(
            book_id=uow.book_id,
            offer_id=offer_id,
            sequence=uow.connection.execute(last).scalar_one() + 1,
            pledge_id=pledge_id,
            committed_change=committed,
            received_change=received,
            in_reflection_change=in_reflection,
        )
    )


def end_offer(uow: UnitOfWork, offer_id: str, *, on: date) -> q.OfferRecord:
    """Decide the offer's outcome by the money that is firm, and give it in its new state.

    Refuses `offer-still-open`, `offer-has-open-pledges`, `offer-withdrawal-open` while its sheet's amendment lets firm
    pledges be withdrawn, `move-not-allowed` when it has ended before or is suspended, and `earlier-loan-unresolved`
    where it is funded while another loan of the borrower is in difficulty: two people then cancel it, or it waits.
    """
    record = lock_offer(uow, offer_id)
    MACHINE.after(record.state, FAILED)
    if record.withdraw_until is not None and on <= record.withdraw_until:
        raise Refusal("offer-withdrawal-open", until_on=record.withdraw_until.isoformat())
    money = q.gauge(uow.connection, uow.book_id, offer_id)
    end = outcome(record.draft, money, on=on)
    if end is OfferState.FUNDED:
        check_may_borrow(uow.connection, uow.book_id, record.draft.borrower)
    moves.record_move(uow, MACHINE, offer_id, _OUTCOMES[end], on=on, facts={"firm_cents": money.firm})
    return q.offer_record(uow.connection, uow.book_id, offer_id)


def cancellation_body(offer_id: str) -> dict[str, str]:
    """What two people approve when an offer is cancelled."""
    return {"offer_id": offer_id}


def request_cancellation(uow: UnitOfWork, offer_id: str, *, reason: str) -> str:
    """Ask a second person to approve that the offer is cancelled; gives the approval's id."""
    return approvals.request(uow, action=CANCEL, body=cancellation_body(offer_id), reason=reason)


def mark_cancelled(uow: UnitOfWork, offer_id: str, *, on: date, approval_id: str) -> None:
    """Record that the offer is cancelled; its pledges are given back by `contracts.pledges`, which calls this."""
    lock_offer(uow, offer_id)
    approvals.require(uow, approval_id, CANCEL, cancellation_body(offer_id))
    moves.record_move(uow, MACHINE, offer_id, CANCELLED, on=on, facts={"approval_id": approval_id})


def cancel_uncorrected(uow: UnitOfWork, offer_id: str, *, on: date) -> bool:
    """Cancel an offer that stayed suspended too long (article 23(12)); False where it is not so, or no longer."""
    record = lock_offer(uow, offer_id)
    if record.state is not OfferState.SUSPENDED or record.suspended_on is None:
        return False
    last_day = suspension_ends_on(record.suspended_on)
    if on <= last_day:
        return False
    moves.record_move(uow, MACHINE, offer_id, CANCELLED, on=on, facts={"suspended_until_on": last_day.isoformat()})
    return True


def _publish_again(uow: UnitOfWork, record: q.OfferRecord, *, on: date, approval_id: str) -> None:
    """Open a suspended offer with the sheet that two people approved; lenders are told what changed.

    Whoever had pledged may withdraw as after a pledge: until the fourth calendar day after.
    """
    offer_id, body = record.offer_id, q.publication_body(uow.connection, uow.book_id, record.offer_id)
    approvals.require(uow, approval_id, PUBLISH, body)
    check_may_borrow(uow.connection, uow.book_id, record.draft.borrower)
    version = body["kiis_version"]
    facts: dict[str, JSON] = {
        "approval_id": approval_id,
        "version": record.version,
        "kiis_version": version,
        "withdraw_until_on": reflection_ends_on(on).isoformat(),
    }
    moves.record_move(uow, MACHINE, offer_id, PUBLISHED_AGAIN, on=on, facts=facts)
    uow.emit(OFFER_SHEET_AMENDED, f"{offer_id}:{version}", {"offer_id": offer_id, "version": version, "first": 0})


def _publication(state: OfferState) -> str:
    """By which event an offer in that state is published."""
    return PUBLISHED_AGAIN if state is OfferState.SUSPENDED else PUBLISHED


def _check(uow: UnitOfWork, draft: OfferDraft, on: date) -> tuple[Rule, ...]:
    """Everything that can be known of an offer before anybody pledges; the rules it rests on."""
    check_draft(draft)
    if draft.units is None and draft.scheme != conditions.PROXI_B:
        raise Refusal("scheme-unknown", scheme=draft.scheme, known=[conditions.PROXI_B])
    if not draft.borrower.startswith("e"):
        raise Refusal("borrower-not-an-enterprise", borrower=draft.borrower)
    party(uow.connection, uow, draft.borrower)
    check_may_borrow(uow.connection, uow.book_id, draft.borrower)
    used: dict[str, Rule] = {}
    for day in (max(on, draft.opens_on), draft.closes_on):
        rows = (*_conditions(draft, day), rule("ECSPR", "reflection_calendar_days", day))
        used.update({row.id: row for row in rows})
    return tuple(used.values())


def _conditions(draft: OfferDraft, day: date) -> tuple[Rule, ...]:
    """What the scheme asks of a loan on that day; a bond series is of no scheme."""
    if draft.units is not None:
        return ()
    form = conditions.repayment_form(draft.kind, draft.every)
    found = conditions.check_conditions(
        draft.scheme, concluded_on=day, rate_annual=draft.rate_annual, term_years=draft.term_years, repayment=form
    )
    return tuple(found)


def _check_borrower_cap(uow: UnitOfWork, record: q.OfferRecord, on: date) -> None:
    """The borrower's other open offers of loans count with their maximum: all of it may be lent."""
    borrower, most = record.draft.borrower, record.draft.maximum_cents
    if record.draft.units is not None:
        return
    lock_party(uow, borrower)
    open_now = [x for state in STANDING for x in q.offers(uow.connection, uow, on, state=state, borrower=borrower)]
    open_elsewhere = sum(card.maximum_cents for card in open_now if card.series_id is None)
    outstanding = borrower_outstanding_cents(uow, borrower)
    conditions.check_borrower_cap(
        record.draft.scheme, on=on, amount_cents=most, outstanding_cents=outstanding + open_elsewhere
    )


def borrower_outstanding_cents(uow: UnitOfWork, borrower: str) -> int:
    """Principal that the enterprise owes by the ledger, over all its loans in this book."""
    found = balances.balances(uow.connection, uow.book_id, code_prefix="021000", owner=borrower)
    return sum(each.credit - each.debit for each in found)


def _write_version(uow: UnitOfWork, offer_id: str, version: int, draft: OfferDraft, rules: tuple[Rule, ...]) -> None:
    body = body_of(draft)
    uow.connection.execute(
        t.offer_version.insert().values(
            book_id=uow.book_id,
            offer_id=offer_id,
            version=version,
            body=body,
            body_hash=hashlib.sha256(json_text(body).encode()).hexdigest(),
            rules=[row.id for row in rules],
        )
    )
