"""The payment rail over Mollie: what is asked for in which way; how calls are made stands in `client`."""

import json
import time
from collections.abc import Callable
from datetime import date
from typing import Any

from mollie.api.client import Client
from mollie.api.error import UnprocessableEntityError
from mollie.api.objects.customer import Customer
from mollie.api.objects.payment import Payment
from mollie.api.resources import CustomerMandates, PaymentRefunds

from api.rails.mollie.client import ENDPOINT, PAGE, MollieClient, expect_id, until
from api.rails.mollie.reading import (
    read_chargeback,
    read_customer_id,
    read_mandate,
    read_method,
    read_payment,
    read_refund,
)
from ledger.payments.bodies import euro_text
from ledger.payments.model import Mode
from ledger.payments.rail import (
    ProviderChargeback,
    ProviderMandate,
    ProviderMethod,
    ProviderPayment,
    ProviderRefund,
)


class MollieRail:
    """Mollie reached with one API key."""

    def __init__(
        self,
        api_key: str,
        endpoint: str = ENDPOINT,
        *,
        timeout: tuple[int, int] = (2, 10),
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mollie = MollieClient(api_key, endpoint, timeout=timeout, seconds=seconds)

    @property
    def mode(self) -> Mode:
        """Whether real money moves: the key says so."""
        return self._mollie.mode

    def create_payment(self, body: bytes, idempotency_key: str) -> ProviderPayment:
        """Create a payment from the frozen body; the library encodes it to the same bytes again."""
        asked = json.loads(body)
        return self._mollie.ask(lambda to: read_payment(to.payments.create(asked, idempotency_key=idempotency_key)))

    def create_refund(self, payment_provider_id: str, body: bytes, idempotency_key: str) -> ProviderRefund:
        """Create a refund of a payment from the frozen body."""
        expect_id("payment", payment_provider_id)
        asked = json.loads(body)
        return self._mollie.ask(
            lambda to: read_refund(_refunds(payment_provider_id, to).create(asked, idempotency_key=idempotency_key))
        )

    def cancel_refund(self, payment_provider_id: str, refund_provider_id: str) -> None:
        """Stop a refund; one that is canceled already stays so, whatever the provider answers to the second call."""
        expect_id("payment", payment_provider_id)
        expect_id("refund", refund_provider_id)
        self._mollie.ask(lambda to: _cancel(_refunds(payment_provider_id, to), refund_provider_id))

    def create_customer(self, body: bytes, idempotency_key: str) -> str:
        """Create a customer; gives its id."""
        asked = json.loads(body)
        return self._mollie.ask(
            lambda to: read_customer_id(to.customers.create(asked, idempotency_key=idempotency_key))
        )

    def create_mandate(self, customer_provider_id: str, body: bytes, idempotency_key: str) -> ProviderMandate:
        """Create a mandate of a customer from the frozen body."""
        expect_id("customer", customer_provider_id)
        asked = json.loads(body)

        def create(to: Client) -> ProviderMandate:
            made = _mandates(customer_provider_id, to).create(asked, idempotency_key=idempotency_key)
            return read_mandate(made, customer_provider_id)

        return self._mollie.ask(create)

    def revoke_mandate(self, customer_provider_id: str, mandate_provider_id: str) -> None:
        """Withdraw a mandate."""
        expect_id("customer", customer_provider_id)
        expect_id("mandate", mandate_provider_id)
        key = f"revoke-{mandate_provider_id}"
        self._mollie.ask(lambda to: _mandates(customer_provider_id, to).delete(mandate_provider_id, key))

    def mandates(self, customer_provider_id: str) -> list[ProviderMandate]:
        """Every mandate of a customer, newest first."""
        expect_id("customer", customer_provider_id)
        return self._mollie.ask(
            lambda to: [
                read_mandate(raw, customer_provider_id)
                for raw in self._mollie.every(_mandates(customer_provider_id, to).list(limit=PAGE), "mandates")
            ]
        )

    def payment(self, provider_id: str) -> ProviderPayment:
        """The whole truth of one payment, refunds and chargebacks embedded."""
        expect_id("payment", provider_id)
        embed = "refunds,chargebacks"
        return self._mollie.ask(lambda to: read_payment(to.payments.get(provider_id, embed=embed), whole=True))

    def newest_payments(self, *, since: date) -> list[ProviderPayment]:
        """Every payment created on or after `since`, newest first."""
        return self._newest(since, "payments", read_payment)

    def newest_refunds(self, *, since: date) -> list[ProviderRefund]:
        """Every refund created on or after `since`, newest first."""
        return self._newest(since, "refunds", read_refund)

    def newest_chargebacks(self, *, since: date) -> list[ProviderChargeback]:
        """Every chargeback created on or after `since`, newest first."""
        return self._newest(since, "chargebacks", read_chargeback)

    def methods(self, amount_cents: int) -> list[ProviderMethod]:
        """The ways in which this amount can be paid now."""
        amount = {"value": euro_text(amount_cents), "currency": "EUR"}
        return self._mollie.ask(
            lambda to: [read_method(raw) for raw in list(to.methods.list(amount=amount)["_embedded"]["methods"])]
        )

    def _newest(self, since: date, name: str, read: Callable[..., Any]) -> list[Any]:
        """The list of everything with that name, which is also the name of the library's resource."""
        every, ask = self._mollie.every, self._mollie.ask
        return ask(lambda to: list(until(since, map(read, every(getattr(to, name).list(limit=PAGE), name)))))


def _refunds(payment_provider_id: str, to: Client) -> PaymentRefunds:
    """The refunds of a payment without fetching it first: the library needs no more of it than its id."""
    return PaymentRefunds(to, Payment({"id": payment_provider_id}, to))  # type: ignore[no-untyped-call]  # its own gap


def _mandates(customer_provider_id: str, to: Client) -> CustomerMandates:
    return CustomerMandates(to, Customer({"id": customer_provider_id}, to))  # type: ignore[no-untyped-call]  # its own gap


def _cancel(refunds: PaymentRefunds, refund_provider_id: str) -> None:
    try:
        refunds.delete(refund_provider_id, f"cancel-{refund_provider_id}")
    except UnprocessableEntityError:
        if read_refund(refunds.get(refund_provider_id)).status != "canceled":
            raise
