"""Pledges in the JSON API."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field

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


class Ties(RequestBody):
    """What the lender states on ties to this borrower; `shareholding` is a fraction, with that of the spouse."""

    is_employee: bool = False
    is_spouse_or_cohabitant: bool = False
    is_director: bool = False
    acts_in_trade: bool = False
    shareholding: Annotated[Decimal, Field(ge=0, le=1, max_digits=7, decimal_places=6, examples=["0"])] = Decimal(0)


class WarningConsent(RequestBody):
    """What the lender confirms of an amount above her threshold: that she was warned, and that she consents."""

    warned: bool = False
    consents: bool = False


class NewPledge(RequestBody):
    """A pledge. `risk_acknowledged` says that the lender knows the money may be lost.

    `ties` are needed unless they were stated before for this borrower, `consent` above the lender's threshold.
    """

    offer_id: Code
    amount_cents: PositiveCents
    risk_acknowledged: bool = False
    ties: Ties | None = None
    consent: WarningConsent = WarningConsent()
    language: LanguageCode | None = None
