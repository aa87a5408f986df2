"""Orders to the bank in the JSON API: files, payees that are held back, refunds by bank, debits and mandates."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from api.v1.schemas import Cents, Code, RequestBody, Resource, Sha256


class NewOrderFile(RequestBody):
    """What the file is to hold: transfers, or the debits of one scheme."""

    kind: Literal["transfers", "CORE", "B2B"] = "transfers"


class OrderFile(Resource):
    """An order file; its id is its message id, and `sha256` is of its bytes."""

    batch_id: str
    kind: str
    sha256: Sha256
    count: int
    total_cents: Cents
    execute_on: date
    state: str
    made_by: str
    made_at: datetime
    released_at: datetime | None
    submitted_at: datetime | None


class ParkedReason(Resource):
    """How many holders a run does not pay for one reason, and what they are owed in all."""

    reason: str
    holders: int
    amount_cents: Cents


class ParkedHolder(Resource):
    """Somebody who is owed money and is not paid by a run."""

    payee: str
    amount_cents: Cents
    reason: str


class PayoutRun(Resource):
    """A run of payouts: what two people approved (`lines`, `total_cents`, `lines_sha256`), and what became of it.

    `ordered` of the lines are ordered so far, `left_cents` is still to be; `waiting` orders are in no file yet.
    """

    run_id: str
    state: str
    planned_on: date
    asked_by: str
    approval_id: str | None
    approved_by: str | None
    approved_at: datetime | None
    lines: int
    total_cents: Cents
    lines_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 over every line, in hex")]
    smallest_cents: Cents
    ordered: int
    ordered_cents: Cents
    left_cents: Cents
    waiting: int
    waiting_cents: Cents
    parked: list[ParkedReason]
    files: list[OrderFile]


class HeldPayee(Resource):
    """An account that money may not go to, what was said of it, and whom the bank knows it under if it said so."""

    payee: str
    account: str
    result: str
    name_tested: str
    name_held: str | None
    reason: str | None
    checked_at: datetime


class BankRefund(Resource):
    """A refund that goes by bank and waits for its transfer."""

    refund_id: str
    payee: str
    amount_cents: Cents
    reference: str


class Debit(Resource):
    """A direct debit; its id is its end-to-end id."""

    debit_id: str
    reference: str
    mandate_id: str
    debtor: str
    amount_cents: Cents
    announced_on: date
    collect_on: date
    state: str
    batch_id: str | None
    booked_on: date | None
    reason: str | None


class Mandate(Resource):
    """A mandate for direct debits; its id is the unique mandate reference."""

    mandate_id: str
    debtor: str
    scheme: str
    iban_last4: str
    signed_on: date
    last_used_on: date | None
    lapses_on: date
    state: str
    document_id: str | None
    reason: str | None


class NewMandate(RequestBody):
    """A mandate for the enterprise's own verified account."""

    scheme: Literal["CORE", "B2B"]
    language: Literal["fr", "nl", "en"] = "fr"


class GivenMandate(Resource):
    """The unique reference of a mandate that was signed."""

    mandate_id: Code
