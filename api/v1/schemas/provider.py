"""The provider's side in the JSON API: closes of days, chargebacks, settlements, and cases."""

from datetime import date, datetime

from api.v1.schemas import Cents, PositiveCents, RequestBody, Resource, Sha256


class NamedDifference(Resource):
    """A part of a difference, by what it is of."""

    code: str
    subject: str
    cents: Cents


class ComparedAccount(Resource):
    """One account against one source; a source that states nothing differs in nothing."""

    account: str
    source: str
    ledger_cents: Cents
    stated_cents: Cents | None
    difference_cents: Cents
    named: list[NamedDifference]


class Close(Resource):
    """The close of a day; the first of a day has number 1."""

    on: date
    number: int
    agrees: bool
    closed_by: str
    accounts: list[ComparedAccount]
    invariants: list[str]


class ToClose(RequestBody):
    """The day to close; today without one."""

    on: date | None = None


class Chargeback(Resource):
    """A chargeback: whose money was taken, and what of it is claimed from the payer."""

    provider_id: str
    payment_id: str
    reference: str
    amount_cents: Cents
    debit: str
    excess_cents: Cents
    state: str
    received_on: date
    reversed_on: date | None
    reason_code: str | None


class ProviderSettlement(Resource):
    """A payout of the provider's balance, and the fees that are covered with it."""

    reference: str
    amount_cents: Cents
    fee_cents: Cents
    state: str
    created_on: date
    out_on: date | None
    booked_on: date | None
    cover_booked_on: date | None


class Cover(RequestBody):
    """The platform's own money on the client account, with the SHA-256 of the statement that shows it."""

    amount_cents: PositiveCents
    evidence: Sha256
    on: date | None = None


class PaymentCase(Resource):
    """A case: what it is about, and its code in the catalogue of refusals."""

    subject: str
    code: str
    payment_id: str | None
    facts: dict[str, object]
    opened_at: datetime
