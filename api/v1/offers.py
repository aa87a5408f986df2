"""`/v1/offers`: what the public can lend to; drafting and publishing by the operator, under four eyes."""

from fastapi import APIRouter, Response

from api.deps import BookDep, Operator
from api.v1.answers import answer_once
from api.v1.schemas import InstalmentOfSchedule
from api.v1.schemas.offers import NewOffer, Offer, OfferInFull, Publication, RuleUsed
from api.writes import IdempotencyKey
from contracts.offers import queries, service
from contracts.offers.model import OfferDraft, Oversubscription
from contracts.restarts import told_until
from contracts.schemes.rules import Rule
from contracts.terms.daycount import DayCount
from contracts.terms.schedule import Every, RepaymentKind
from ledger.book import UnitOfWork
from ledger.storage.base import JSON

router = APIRouter(prefix="/offers", tags=["offers"])


@router.get("")
def list_offers(book: BookDep) -> list[Offer]:
    """The offers that accept pledges today; the one that closes first stands first."""
    with book.read() as connection:
        cards = queries.open_offers(connection, book, book.today_in(connection))
    return [Offer.model_validate(card) for card in cards]


@router.get("/{offer_id}")
def get_offer(book: BookDep, offer_id: str) -> OfferInFull:
    """One published offer with its texts, rules and an example schedule."""
    with book.read() as connection:
        today = book.today_in(connection)
        page = queries.published_page(connection, book, offer_id, today)
        begins_again_until = told_until(connection, book.book_id, page.card.borrower, today)
    return OfferInFull(
        offer=Offer.model_validate(page.card),
        pitch=page.pitch,
        use_of_funds=page.use_of_funds,
        risks=page.risks,
        schedule_of_1000_eur=[InstalmentOfSchedule.model_validate(row) for row in page.schedule.instalments],
        rules=[_rule(rule) for rule in page.rules],
        pledge_minimum_cents=page.pledge_minimum_cents,
        early_repayment=page.early_repayment,
        remaining_cents=page.remaining_cents,
        begins_again_until=begins_again_until,
    )


@router.post("", status_code=201)
def draft_offer(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, body: NewOffer
) -> dict[str, str]:
    """Draft an offer; it is refused where a dated rule of its scheme does not allow its terms."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"offer_id": service.draft_offer(uow, _draft(body), on=uow.today())}

    made = answer_once(book, operator, response, key=key, path="/v1/offers", body=body, do=do)
    return {"offer_id": str(made["offer_id"])}


@router.post("/{offer_id}/publication")
def publish_offer(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, offer_id: str, body: Publication
) -> dict[str, str]:
    """Without an approval: ask for one and give its id. With an approval that a colleague gave: publish."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        if body.approval_id is None:
            asked = service.request_publication(uow, offer_id, reason=body.reason)
            return {"approval_id": asked, "state": "approval-requested"}
        service.publish_offer(uow, offer_id, on=uow.today(), approval_id=body.approval_id)
        return {"approval_id": body.approval_id, "state": "open"}

    path = f"/v1/offers/{offer_id}/publication"
    done = answer_once(book, operator, response, key=key, path=path, body=body, do=do)
    return {name: str(value) for name, value in done.items()}


def _draft(body: NewOffer) -> OfferDraft:
    return OfferDraft(
        borrower=body.borrower,
        title=body.title,
        commune=body.commune,
        sector=body.sector,
        pitch=body.pitch.model_dump(),
        use_of_funds=body.use_of_funds.model_dump(),
        risks=body.risks.model_dump(),
        rate_annual=body.rate_annual,
        term_years=body.term_years,
        every=Every(body.every),
        kind=RepaymentKind(body.repayment),
        day_count=DayCount(body.day_count),
        minimum_cents=body.minimum_cents,
        maximum_cents=body.maximum_cents,
        pledge_minimum_cents=body.pledge_minimum_cents,
        opens_on=body.opens_on,
        closes_on=body.closes_on,
        priority_until=body.priority_until,
        pledge_maximum_cents=body.pledge_maximum_cents,
        oversubscription=Oversubscription(body.oversubscription),
        early_repayment=body.early_repayment,
    )


def _rule(rule: Rule) -> RuleUsed:
    return RuleUsed(
        id=rule.id,
        value=str(rule.value),
        unit=rule.unit,
        source=rule.source,
        confidence=rule.confidence.value,
        status=rule.status.value,
        valid_from=rule.valid_from,
        valid_to=rule.valid_to,
    )
