"""Pledges in the JSON API."""

from datetime import date

from api.v1.schemas import Cents, Code, LanguageCode, Payment, PositiveCents, Refund, RequestBody, Resource


class Pledge(Resource):
    """A pledge as its lender sees it."""

    pledge_id: str
    offer_id: str
    offer_title: str
    amount_cents: Cents
    state: str
    pledged_on: date
    reflection_ends_on: date
    payable_until: date
    paid_on: date | None
    can_withdraw: bool
    can_pay: bool
    payment: Payment | None
    refund: Refund | None


class NewPledge(RequestBody):
    """A pledge. `risk_acknowledged` says that the lender knows the money may be lost."""

    offer_id: Code
    amount_cents: PositiveCents
    risk_acknowledged: bool = False
    language: LanguageCode | None = None
