"""Offers in the JSON API."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from api.v1.schemas import (
    Cents,
    Code,
    InstalmentOfSchedule,
    Line,
    PositiveCents,
    Rate,
    RequestBody,
    Resource,
    Translated,
)


class Offer(Resource):
    """An offer in a list. `committed_cents` is pledged and unpaid; `reflection_cents` may still go back."""

    offer_id: str
    borrower_name: str
    title: str
    commune: str
    sector: str
    rate_annual: Rate
    net_rate_annual: Rate
    term_years: int
    repayment: str
    every: str
    minimum_cents: Cents
    maximum_cents: Cents
    committed_cents: Cents
    received_cents: Cents
    reflection_cents: Cents
    opens_on: date
    closes_on: date
    days_left: int
    state: str
    rank: str
    priority_until: date | None
    pledge_maximum_cents: Cents | None
    oversubscription: str


class RuleUsed(Resource):
    """A dated rule that the offer rests on."""

    id: str
    value: str
    unit: str
    source: str
    confidence: str
    status: str
    valid_from: date
    valid_to: date | None


class OfferInFull(Resource):
    """An offer with its texts, the schedule of 1,000 EUR, and its rules.

    `begins_again_until` is the first day on which lenders are told of no failure of the borrower any more; before it
    the offer is for those alone who agreed to fund second chances. None where there is no failure to tell.
    """

    offer: Offer
    pitch: Mapping[str, str]
    use_of_funds: Mapping[str, str]
    risks: Mapping[str, str]
    schedule_of_1000_eur: list[InstalmentOfSchedule]
    rules: list[RuleUsed]
    pledge_minimum_cents: Cents
    early_repayment: bool
    remaining_cents: Cents
    begins_again_until: date | None


class NewOffer(RequestBody):
    """A draft: nothing is public until two people have approved exactly this text."""

    borrower: Code
    title: Line
    commune: Line
    sector: Line
    pitch: Translated
    use_of_funds: Translated
    risks: Translated
    rate_annual: Annotated[Rate, Field(gt=0, lt=1, max_digits=7, decimal_places=6)]
    term_years: int = Field(ge=1, le=30)
    every: Literal["month", "quarter", "half-year", "year"]
    repayment: Literal["annuity", "linear", "bullet"]
    day_count: Literal["30E/360", "ACT/ACT ICMA"] = "30E/360"
    minimum_cents: PositiveCents
    maximum_cents: PositiveCents
    pledge_minimum_cents: PositiveCents
    opens_on: date
    closes_on: date
    priority_until: date | None = None
    pledge_maximum_cents: PositiveCents | None = None
    oversubscription: Literal["first-come"] = "first-come"
    early_repayment: bool = False


class Publication(RequestBody):
    """Publish the draft that the approval names; or, without one, ask for the approval."""

    approval_id: Code | None = None
    reason: Line = "publication"
