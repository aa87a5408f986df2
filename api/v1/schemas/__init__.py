"""The shapes of the JSON API: what a request may hold (nothing unknown) and what an answer holds."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Cents = Annotated[int, Field(description="integer cents", examples=[50_000])]
PositiveCents = Annotated[int, Field(strict=True, gt=0, lt=2**53, description="integer cents", examples=[50_000])]
Rate = Annotated[Decimal, Field(description="a fraction: 0.035 is 3.5 %", examples=["0.035"])]
Code = Annotated[str, Field(min_length=1, max_length=64)]
Line = Annotated[str, Field(min_length=1, max_length=200)]
Passage = Annotated[str, Field(min_length=1, max_length=4_000)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the evidence, in hex")]
LanguageCode = Literal["fr", "nl", "en"]


class RequestBody(BaseModel):
    """A request: an unknown field is refused, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Resource(BaseModel):
    """An answer, read from a read model of the same field names."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Problem(BaseModel):
    """A refusal (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:bxl-invest:problem:offer-closed",
                "title": "This offer closed on 30 April 2026.",
                "status": 409,
                "code": "offer-closed",
                "facts": {"closes_on": "2026-04-30"},
                "instance": "/v1/pledges",
            }
        }
    )
    type: str
    title: str
    status: int
    code: str
    facts: dict[str, Any]
    instance: str


class Translated(RequestBody):
    """A text in the three languages."""

    fr: Passage
    nl: Passage
    en: Passage


class InstalmentOfSchedule(Resource):
    """One row of a repayment schedule."""

    n: int
    due_on: date
    interest_cents: Cents
    principal_cents: Cents
    total_cents: Cents
    outstanding_cents: Cents


class Payment(Resource):
    """A payment; `checkout_url` appears once the provider has answered."""

    payment_id: str
    reference: str
    amount_cents: Cents
    state: str
    checkout_url: str | None
    paid_on: date | None


class Refund(Resource):
    """Money on its way back to its payer."""

    refund_id: str
    payment_id: str
    reference: str
    amount_cents: Cents
    state: str
    sent_on: date | None


class Document(Resource):
    """A stored paper; its bytes are at `/v1/documents/<document_id>.pdf`."""

    document_id: str
    kind: str
    language: str
    reference: str
    sha256: str
    stored_at: datetime
