"""The port to a payment provider: what an adapter can do, what it answers with, and the four ways it can fail.

Every adapter passes `tests/conformance/test_payment_rail.py`. An adapter is called outside any database transaction.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from ledger.payments.model import Mode

_PAYMENT_ID = re.compile(r"tr_[A-Za-z0-9]{6,40}")
_REFUND_ID = re.compile(r"re_[A-Za-z0-9]{6,40}")


def is_payment_id(text: str) -> bool:
    """Whether `text` has the form of a provider's payment id; nothing else may become part of an address.

    >>> is_payment_id("tr_7UhSN1zuXS"), is_payment_id("tr_x/../../customers")
    (True, False)
    """
    return _PAYMENT_ID.fullmatch(text) is not None


def is_refund_id(text: str) -> bool:
    """Whether `text` has the form of a provider's refund id."""
    return _REFUND_ID.fullmatch(text) is not None


class RailError(Exception):
    """A call to the provider that did not give an answer to work with."""


class OutcomeUnknownError(RailError):
    """The call may or may not have taken effect: a timeout, a reset, a 5xx, a body that cannot be read."""


class RailBusyError(RailError):
    """The call has certainly not taken effect and may be made again later."""


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
class ProviderPayment:
    """A payment as the provider states it; `refunds` are filled only where the whole truth was asked for."""

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


class PaymentRail(Protocol):
    """One provider, reached with one credential."""

    @property
    def mode(self) -> Mode:
        """Whether real money moves."""
        ...

    def create_payment(self, body: bytes, idempotency_key: str) -> ProviderPayment:
        """Create a payment from the frozen `body`; the same key with the same body gives the same payment."""
        ...

    def create_refund(self, payment_provider_id: str, body: bytes, idempotency_key: str) -> ProviderRefund:
        """Create a refund of a payment from the frozen `body`, under the same rule."""
        ...

    def payment(self, provider_id: str) -> ProviderPayment:
        """The whole truth of one payment, refunds included; raises `NotAtProviderError`."""
        ...

    def newest_payments(self, *, since: date) -> list[ProviderPayment]:
        """Every payment created on or after `since`, newest first, without refunds."""
        ...

    def newest_refunds(self, *, since: date) -> list[ProviderRefund]:
        """Every refund created on or after `since`, newest first."""
        ...
