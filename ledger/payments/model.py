"""What a payment, a refund, a provider call, a case and a transfer order are: states and frozen values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.errors import Fact, Refusal
from ledger.storage.base import JSON

PROVIDER_BALANCE = AccountRef("580100")
"""The balance at the payment provider."""
CLIENT_BANK = AccountRef("550100")
"""The client account at the bank."""
SETTLEMENTS_DUE = AccountRef("580200")
"""Settlements that have left the provider's balance and are not booked at the bank yet."""
FEE_COVER = AccountRef("580300")
"""The platform's own money on its way to the client account, for fees that the provider kept."""
TRANSFERS_OUT = AccountRef("580400")
"""Transfer orders sent to the bank and not booked yet."""
UNKNOWN_MOVEMENTS = AccountRef("499200")
"""Movements at the provider that nobody ordered here."""
REFUNDS_DUE = "489400"
"""Code of the account of money that goes back to its payer."""
TO_RECOVER = "416200"
"""Code of the account of what a payer has received twice."""
BANK_REFUND = "refund:"
"""What the reference of a transfer begins with that sends a refund; its id follows."""
SMALL_DIFFERENCE_CENTS = 5
"""Up to here a difference between two statements of one amount is booked as such; above, a person looks."""

NOT_FOUND = "not found at the provider after the retry window"
"""Outcome of a call that may or may not have taken effect, and whose object nobody found."""


class Mode(StrEnum):
    """Whether the provider moves real money."""

    TEST = "test"
    LIVE = "live"


class PaymentState(StrEnum):
    """Where a payment stands; `REQUESTED` has no answer of the provider yet."""

    REQUESTED = "requested"
    OPEN = "open"
    PAID = "paid"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class RefundState(StrEnum):
    """Where a refund stands; money has left in `SENT` and `REFUNDED` only.

    One that goes `BY_BANK` is no business of the provider's any more; `ARRIVED` is its end.
    """

    REQUESTED = "requested"
    QUEUED = "queued"
    SENT = "sent"
    REFUNDED = "refunded"
    BY_BANK = "by-bank"
    ARRIVED = "arrived"
    FAILED = "failed"
    REJECTED = "rejected"


class ChargebackState(StrEnum):
    """Where a chargeback stands; the money is gone while it is `RECEIVED`."""

    RECEIVED = "received"
    REVERSED = "reversed"


class SettlementState(StrEnum):
    """Where a settlement of the provider stands: told of, off its balance, at our bank; or not coming."""

    ANNOUNCED = "announced"
    CARRIED = "carried"
    SENT = "sent"
    BOOKED = "booked"
    RETURNED = "returned"


class MovementState(StrEnum):
    """Where a movement of the provider's balance stands; `WAITING` for the fact that it is of."""

    WAITING = "waiting"
    POSTED = "posted"


class CallState(StrEnum):
    """Where a call to the provider stands; `SENT` and `UNKNOWN` may or may not have taken effect there."""

    PLANNED = "planned"
    SENT = "sent"
    UNKNOWN = "unknown"
    DONE = "done"
    REJECTED = "rejected"


class CallKind(StrEnum):
    """What a call asks of the provider."""

    CREATE_PAYMENT = "create-payment"
    CREATE_DEBIT = "create-debit"
    CREATE_REFUND = "create-refund"


class TransferState(StrEnum):
    """Where a transfer order stands; `BOOKED` means seen on the bank statement.

    The money of a `REJECTED` order never left, that of a `RETURNED` one has come back: both may be ordered again.
    """

    ORDERED = "ordered"
    BOOKED = "booked"
    REJECTED = "rejected"
    RETURNED = "returned"


class TransferKind(StrEnum):
    """What the money of a transfer is: a borrower's proceeds, a lender's money, or a refund that goes by bank."""

    DISBURSEMENT = "disbursement"
    PAYOUT = "payout"
    REFUND = "refund"


class RunState(StrEnum):
    """Where a run of transfers stands; its orders are posted part by part while it is `ORDERING`."""

    PLANNED = "planned"
    ORDERING = "ordering"
    ORDERED = "ordered"
    DISCARDED = "discarded"


class BatchState(StrEnum):
    """Where an order file stands; nothing leaves before `RELEASED`, and the bank has it from `SUBMITTED` on."""

    MADE = "made"
    DISCARDED = "discarded"
    RELEASED = "released"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class BatchKind(StrEnum):
    """What an order file holds: a pain.001 transfers, a pain.008 debits of one scheme."""

    TRANSFERS = "transfers"
    CORE_DEBITS = "core-debits"
    B2B_DEBITS = "b2b-debits"


class SuspenseState(StrEnum):
    """Where money in suspense stands; `DIVIDED` means that other items stand in its place."""

    OPEN = "open"
    ASSIGNED = "assigned"
    DIVIDED = "divided"
    RETURNED = "returned"


class MandateState(StrEnum):
    """Where a mandate for direct debits stands."""

    ACTIVE = "active"
    REVOKED = "revoked"
    LAPSED = "lapsed"
    BLOCKED = "blocked"


class DebitState(StrEnum):
    """Where a direct debit stands; `COLLECTED` means seen on the bank statement."""

    ORDERED = "ordered"
    COLLECTED = "collected"
    REJECTED = "rejected"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class PaidPayment:
    """A payment the provider reports paid, as handed to the hook that says which account it belongs to now."""

    book_id: str
    payment_id: str
    reference: str
    payer: str
    amount_cents: int
    paid_on: date
    credit: AccountRef


ResolveCredit = Callable[[sa.Connection, PaidPayment], AccountRef]
"""Which account a received payment is credited to; anything but its own credit account means `unexpected`."""


def paid_body(payment: PaidPayment, account: AccountRef) -> dict[str, JSON]:
    """The body of the topic `payment.paid` of a payment that was credited to `account`."""
    return {
        "payment_id": payment.payment_id,
        "reference": payment.reference,
        "payer": payment.payer,
        "amount_cents": payment.amount_cents,
        "paid_on": payment.paid_on.isoformat(),
        "account": str(account),
    }


ResolveCredits = Callable[[sa.Connection, Sequence[PaidPayment]], list[AccountRef]]
"""The same for many payments at once."""


def own_credits(_connection: sa.Connection, payments: Sequence[PaidPayment]) -> list[AccountRef]:
    """The hook that always answers with the accounts the payments were asked for."""
    return [payment.credit for payment in payments]


def own_credit(_connection: sa.Connection, payment: PaidPayment) -> AccountRef:
    """The hook that always answers with the account the payment was asked for."""
    return payment.credit


@dataclass(frozen=True, slots=True)
class Outflow:
    """Money of a payment that leaves the provider's balance or comes back to it.

    `excess_cents` of it nobody here holds any more: it is the payer's to give back. The rest is that of `account`.
    """

    amount_cents: int
    excess_cents: int
    payer: str
    account: AccountRef


@dataclass(frozen=True, slots=True)
class ChargedBack:
    """Money of a paid payment that the payer's bank takes back, or gives back again, as handed to the product.

    `credited` is the account that the payment was credited to, and `amount_cents` what of it stands here.
    """

    payment: PaidPayment
    amount_cents: int
    on: date
    credited: AccountRef


@dataclass(frozen=True, slots=True)
class ChargebackHooks:
    """What the rails ask of the product whose payment is charged back; each runs in the unit of work that posts.

    `hold` locks what the product's reference stands for, before the payment is locked. `taken` says whose money is
    gone, and `won_back` whose it is again; both do what follows from it, and may be asked the same twice.
    """

    hold: Callable[[UnitOfWork, str], None]
    taken: Callable[[UnitOfWork, ChargedBack], AccountRef]
    won_back: Callable[[UnitOfWork, ChargedBack], AccountRef]


OWN_CHARGEBACKS = ChargebackHooks(
    hold=lambda _uow, _reference: None,
    taken=lambda _uow, charged: charged.credited,
    won_back=lambda _uow, charged: charged.credited,
)
"""The hooks that answer with the account that the payment was credited to."""


@dataclass(frozen=True, slots=True)
class ChargebackView:
    """A chargeback as pages see it."""

    provider_id: str
    payment_id: str
    reference: str
    amount_cents: int
    debit: str
    excess_cents: int
    state: ChargebackState
    received_on: date
    reversed_on: date | None
    reason_code: str | None


@dataclass(frozen=True, slots=True)
class SettlementView:
    """A settlement as pages see it; `fee_cents` is what the platform covers with it."""

    reference: str
    amount_cents: int
    fee_cents: int
    state: SettlementState
    created_on: date
    out_on: date | None
    booked_on: date | None
    cover_booked_on: date | None

    @property
    def is_cover_due(self) -> bool:
        """Whether the platform still owes the client account the fees."""
        return self.fee_cents > 0 and self.cover_booked_on is None


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment as pages and products see it."""

    payment_id: str
    reference: str
    amount_cents: int
    state: PaymentState
    checkout_url: str | None
    paid_on: date | None
    provider_id: str | None
    structured_reference: str | None = None
    """What the payer of a bank transfer states; a payment at the provider has none."""


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund as pages and products see it; `sent_on` is the day the money left."""

    refund_id: str
    payment_id: str
    reference: str
    amount_cents: int
    state: RefundState
    sent_on: date | None
    provider_id: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """Something at the provider that a person must look at; its `code` has a sentence in the refusal catalogue."""

    subject: str
    code: str
    payment_id: str | None
    facts: Mapping[str, Fact]
    opened_at: datetime

    @property
    def refusal(self) -> Refusal:
        """The case in the form that the catalogue turns into a sentence."""
        return Refusal(self.code, **self.facts)


@dataclass(frozen=True, slots=True)
class TransferDraft:
    """One transfer to be ordered: the product's `reference`, the `payee`'s token, and `debit`, whose money it is.

    `text` is what the payee reads on the statement of the account.
    """

    reference: str
    payee: str
    amount_cents: int
    debit: AccountRef
    kind: TransferKind = TransferKind.DISBURSEMENT
    iban_last4: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class TransferOrder:
    """A transfer, which goes to the bank in a file (`batch_id`) or is executed by staff in the bank's own application.

    Its `order_id` is its end-to-end id. `reason` is the bank's code of a transfer that was rejected or returned.
    """

    order_id: str
    reference: str
    payee: str
    amount_cents: int
    iban_last4: str | None
    kind: TransferKind
    state: TransferState
    ordered_on: date
    booked_on: date | None
    statement_reference: str | None
    text: str = ""
    batch_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """An order file: made once, with its totals and the SHA-256 of its bytes; `batch_id` is its message id too."""

    batch_id: str
    kind: BatchKind
    sha256: str
    count: int
    total_cents: int
    execute_on: date
    state: BatchState
    made_by: str
    made_at: datetime
    released_at: datetime | None
    submitted_at: datetime | None
