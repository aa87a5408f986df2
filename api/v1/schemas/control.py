"""Log-in, registration, approvals, transfer orders, the business date and receipts in the JSON API."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from api.v1.schemas import Cents, Code, LanguageCode, Line, PositiveCents, RequestBody, Resource, Sha256

Email = Annotated[str, Field(max_length=254, examples=["amelie@example.brussels"])]


class NewLogInLink(RequestBody):
    """Mail a one-time link, if the address is known."""

    email: Email
    language: LanguageCode = "fr"


class NewSession(RequestBody):
    """Exchange the token of a mailed link for a session."""

    token: Annotated[str, Field(min_length=20, max_length=100)]


class OpenSession(Resource):
    """An open session; `token` is the bearer token and is shown once."""

    token: str
    party_id: str
    role: str
    name: str
    language: str
    expires_at: datetime


class NewCitizen(RequestBody):
    """A natural person who lends outside any trade."""

    given_name: Line
    family_name: Line
    email: Email
    commune: Line
    iban: Annotated[str, Field(max_length=42, examples=["BE71 0961 2345 6769"])]
    tax_residence: Literal["BE-BRU", "BE-VLG", "BE-WAL", "abroad"]
    acts_outside_trade: Annotated[bool, Field(description="a declaration: no other answer is accepted than true")]
    language: LanguageCode = "fr"


class Approval(Resource):
    """Something that waits for a second pair of eyes."""

    approval_id: str
    action: str
    body: Mapping[str, Any]
    reason: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    approver: str | None


class Asked(Resource):
    """An approval that has been asked for; a colleague gives it at `/v1/approvals/<approval_id>/approval`."""

    approval_id: str


class Settlement(RequestBody):
    """Money that the provider paid out, as the bank's statement shows it."""

    reference: Code
    amount_cents: PositiveCents
    evidence: Sha256
    on: date | None = None


class TransferOrder(Resource):
    """A transfer that staff executes in the bank's own application."""

    order_id: str
    reference: str
    payee: str
    amount_cents: Cents
    iban_last4: str | None
    kind: str
    state: str
    ordered_on: date
    booked_on: date | None


class Confirmation(RequestBody):
    """The bank's statement shows the transfer."""

    statement_reference: Code
    evidence: Sha256
    on: date | None = None


class BusinessDate(Resource):
    """The book's date; `target_on` while it is being moved."""

    today: date
    target_on: date | None = None
    is_moving: bool = False


class MoveDate(RequestBody):
    """Move the sandbox's date forward."""

    to_on: date


class Receipt(Resource):
    """A line of the caller's own; `final` once its receipt can be downloaded."""

    n: int
    line: int
    account: str
    asset: str
    debit: Cents
    credit: Cents
    effective_on: date
    purpose: str
    key: str
    final: bool
