"""The port to a payment provider: what an adapter can do, what it answers with, and the four ways it can fail.

Every adapter passes `tests/conformance/test_payment_rail.py`. An adapter is called outside any database transaction.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from ledger.payments.model import Mode

_ID_FORMS = {
    name: re.compile(rf"{prefix}_[A-Za-z0-9]{{6,40}}")
    for name, prefix in {
        "payment": "tr",
        "refund": "re",
        "chargeback": "chb",
        "customer": "cst",
        "mandate": "mdt",
        "settlement": "stl",
        "movement": "baltr",
    }.items()
}


def is_payment_id(text: str) -> bool:
    """Whether `text` has the form of a provider's payment id; nothing else may become part of an address.

    >>> is_payment_id("tr_7UhSN1zuXS"), is_payment_id("tr_x/../../customers")
    (True, False)
    """
    return is_id_of("payment", text)


def is_id_of(kind: str, text: str) -> bool:
    """Whether `text` has the form of a provider's id of a payment, refund, chargeback, customer, mandate, settlement
    or movement.

    >>> is_id_of("mandate", "mdt_h3gAaD5zP9"), is_id_of("mandate", "tr_7UhSN1zuXS")
    (True, False)
    """
    return _ID_FORMS[kind].fullmatch(text) is not None


class RailError(Exception):
    """A call to the provider that did not give an answer to work with."""


class OutcomeUnknownError(RailError):
    """The call may or may not have taken effect: a timeout, a reset, a 5xx, a body that cannot be read."""


class RailBusyError(RailError):
    """The call has certainly not taken effect and may be made again later, after `retry_after` where the provider says.

    An adapter that was told to wait makes no call before; it raises this error at once.
    """

    def __init__(self, reason: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class CallRefusedError(RailError):
    """The provider refused the call for good; the text says why."""


class NotAtProviderError(RailError):
    """The provider does not know the object (yet)."""


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """A refund as the provider states it."""

    provider_id: str
    payment_provider_id: str
    status: str
    amount_cents: int
    currency: str
    created_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProviderChargeback:
    """A chargeback as the provider states it; `reversed_at` is when it was won back, `reason_code` a bank's (MD06)."""

    provider_id: str
    payment_provider_id: str
    amount_cents: int
    currency: str
    created_at: datetime
    reversed_at: datetime | None = None
    reason_code: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderMovement:
    """A movement of the provider's balance (Mollie: balance transaction).

    `result_cents` is signed: `initial_cents` less `deduction_cents`. `kind` is the provider's own word, and may be one
    that nobody here knows.
    """

    provider_id: str
    kind: str
    initial_cents: int
    deduction_cents: int
    result_cents: int
    created_at: datetime
    payment_provider_id: str | None = None
    refund_provider_id: str | None = None
    chargeback_provider_id: str | None = None
    settlement_provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderSettlement:
    """A payout of the provider's balance to the client account; `reference` stands on the bank statement."""

    provider_id: str
    reference: str
    status: str
    amount_cents: int
    created_at: datetime
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProviderMandate:
    """A mandate for direct debits kept at the provider."""

    provider_id: str
    customer_provider_id: str
    status: str
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderMethod:
    """A way to pay that the provider has switched on, with its limits; no `maximum_cents` means no limit."""

    code: str
    minimum_cents: int
    maximum_cents: int | None = None


@dataclass(frozen=True, slots=True)
class ProviderPayment:
    """A payment as the provider states it; refunds and chargebacks are there only where the whole truth was asked."""

    provider_id: str
    status: str
    amount_cents: int
    currency: str
    mode: str
    created_at: datetime
    paid_at: datetime | None = None
    checkout_url: str | None = None
    charged_back_cents: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    refunds: tuple[ProviderRefund, ...] = ()
    method: str | None = None
    chargebacks: tuple[ProviderChargeback, ...] = ()


class PayeeMatch(StrEnum):
    """What the payee's bank says of a name and an account (EPC, verification of payee)."""

    MATCH = "match"
    CLOSE_MATCH = "close-match"
    NO_MATCH = "no-match"
    NOT_POSSIBLE = "not-possible"


@dataclass(frozen=True, slots=True)
class PayeeAnswer:
    """A verification of payee; the bank tells the holder's name, `name_held`, with a close match only."""

    iban: str
    name: str
    match: PayeeMatch
    name_held: str | None = None


class PayeeCheck(Protocol):
    """Asks whether an account is held under a name, before money goes there."""

    def check_payee(self, *, iban: str, name: str) -> PayeeAnswer:
        """The bank's word; a bank that can't be reached is `PayeeMatch.NOT_POSSIBLE`, never an error."""
        ...


class BankRail(Protocol):
    """One bank, where we hold an account: order files go in, answers and statements come out.

    It can fail in the same four ways, and writes once under a key, as a `PaymentRail` does.
    """

    @property
    def mode(self) -> Mode:
        """Whether real money moves."""
        ...

    def submit(self, file: bytes, message_id: str) -> None:
        """Hand in an order file; the same file under the same message id is taken once, another one is refused."""
        ...

    def answers(self, *, since: date) -> list[bytes]:
        """Every pain.002 answer since that day, oldest first."""
        ...

    def statements(self, *, since: date) -> list[bytes]:
        """Every camt.053 statement that was closed on or after that day, oldest first."""
        ...


class PaymentRail(Protocol):
    """One provider, reached with one credential.

    What creates something takes a frozen `body` (see `ledger.payments.bodies`) and an idempotency key of ours: the same
    key with the same body gives the same object, with another body it is refused.
    """

    @property
    def mode(self) -> Mode:
        """Whether real money moves."""
        ...

    def create_payment(self, body: bytes, idempotency_key: str) -> ProviderPayment:
        """Create a payment: one that its payer is led to, or a recurring one under a mandate, which has no checkout."""
        ...

    def create_refund(self, payment_provider_id: str, body: bytes, idempotency_key: str) -> ProviderRefund:
        """Create a refund of a payment."""
        ...

    def cancel_refund(self, payment_provider_id: str, refund_provider_id: str) -> None:
        """Stop a refund that is queued or pending; refused once it is under way. Canceling it again is no failure."""
        ...

    def create_customer(self, body: bytes, idempotency_key: str) -> str:
        """Create the one that mandates belong to; gives the customer's id."""
        ...

    def create_mandate(self, customer_provider_id: str, body: bytes, idempotency_key: str) -> ProviderMandate:
        """Create a mandate for direct debits from a signed one."""
        ...

    def revoke_mandate(self, customer_provider_id: str, mandate_provider_id: str) -> None:
        """Withdraw a mandate: nothing is debited under it from now on."""
        ...

    def mandates(self, customer_provider_id: str) -> list[ProviderMandate]:
        """Every mandate of a customer, newest first."""
        ...

    def payment(self, provider_id: str) -> ProviderPayment:
        """The whole truth of one payment, refunds and chargebacks included; raises `NotAtProviderError`."""
        ...

    def newest_payments(self, *, since: date) -> list[ProviderPayment]:
        """Every payment created on or after `since`, newest first, without refunds and chargebacks."""
        ...

    def newest_refunds(self, *, since: date) -> list[ProviderRefund]:
        """Every refund created on or after `since`, newest first."""
        ...

    def newest_chargebacks(self, *, since: date) -> list[ProviderChargeback]:
        """Every chargeback created on or after `since`, newest first."""
        ...

    def methods(self, amount_cents: int) -> list[ProviderMethod]:
        """The ways in which this amount can be paid now."""
        ...


class ProviderBooks(Protocol):
    """What the provider says of its own balance; Mollie asks for another credential here, an organisation's token."""

    def newest_settlements(self, *, since: date) -> list[ProviderSettlement]:
        """Every settlement created on or after `since`, newest first."""
        ...

    def newest_movements(self, *, since: date) -> list[ProviderMovement]:
        """Every movement of the balance on or after `since`, newest first."""
        ...

    def balance_cents(self) -> int:
        """What stands at the provider: available and pending together."""
        ...
