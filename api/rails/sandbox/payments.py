"""Payments: what may be asked for, and what becomes of it.

    open ──> paid | failed | canceled | expired        the payer on the checkout page, or a control call
    pending ──3 TARGET days──> paid | failed           a direct debit under a mandate; a card is charged at once
    paid ──> failed                                    a direct debit that was shown paid too early

A paid payment stays `paid`, whatever is refunded or charged back later.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from api.rails.sandbox.balance import Balance
from api.rails.sandbox.checks import (
    Object,
    cents_of,
    choice_of,
    day_of,
    description_of,
    locale_of,
    metadata_of,
    not_found,
    page_of,
    unprocessable,
    webhook_of,
)
from api.rails.sandbox.clock import at_hour
from api.rails.sandbox.customers import Customers
from api.rails.sandbox.methods import CHECKOUT, METHODS, Tariff, fitting
from api.rails.sandbox.world import World
from ledger.calendars import add_target_days, next_target_day

OUTCOMES = ("paid", "failed", "canceled", "expired")
_DEBIT_DAYS = 3
_DEBIT_HOUR = 9
_LAST_DUE_DAYS = 101
_ADDED = {
    "method": None,
    "offered": None,
    "sequenceType": "oneoff",
    "customerId": None,
    "mandateId": None,
    "dueDate": None,
    "cancelUrl": None,
    "failureReason": None,
    "transferReference": None,
}
"""Fields that a payment of an older state lacks."""


class Payments:
    """The payments of one profile."""

    def __init__(self, world: World, tariff: Tariff, balance: Balance, customers: Customers) -> None:
        self._world = world
        self._tariff = tariff
        self._balance = balance
        self._customers = customers

    def payment(self, payment_id: str) -> Object:
        """One payment, or 404."""
        found: Object | None = self._world.store.get("payments", payment_id)
        if found is None:
            raise not_found("payment", payment_id)
        return _ADDED | found

    def payments(self, customer_id: str | None = None) -> list[Object]:
        """Every payment, or those of one customer, newest first."""
        where = None if customer_id is None else lambda p: p["customerId"] == customer_id
        return [_ADDED | found for found in self._world.store.newest("payments", where)]

    def create(self, asked: Object) -> Object:
        """A new payment: open, or pending where a mandate lets it be collected without the payer."""
        checked = self._checked(asked)
        payment: dict[str, Any] = self._world.new("tr") | checked
        if "banktransfer" in (payment["offered"] or ()):
            payment["transferReference"] = _creditor_reference(payment["serial"])
        self._keep(payment)
        self._world.happened("payment-created", id=payment["id"], cents=payment["amount_cents"], **_who(payment))
        if payment["status"] == "pending":
            collected_at = at_hour(date.fromisoformat(payment["dueDate"]), _DEBIT_HOUR)
            self._world.plan(max(collected_at, self._world.now()), "collect", payment["id"])
        elif self._world.store.get("settings", "expiring"):
            minutes = max(METHODS[code].expiry_minutes for code in payment["offered"] or CHECKOUT)
            self._world.plan(self._world.now() + timedelta(minutes=minutes), "expire", payment["id"])
        return self.payment(payment["id"])

    def change(self, payment_id: str, asked: Object) -> Object:
        """New words, addresses or metadata; nobody's webhook is called."""
        payment = self.payment(payment_id)
        checks: dict[str, Callable[[], object]] = {
            "description": lambda: description_of(asked),
            "redirectUrl": lambda: page_of(asked, "redirectUrl"),
            "cancelUrl": lambda: page_of(asked, "cancelUrl"),
            "webhookUrl": lambda: webhook_of(asked),
            "metadata": lambda: metadata_of(asked),
            "locale": lambda: locale_of(asked),
        }
        if unknown := sorted(asked.keys() - checks):
            raise unprocessable("This field can't be changed.", unknown[0])
        payment |= {name: check() for name, check in checks.items() if name in asked}
        self._keep(payment)
        self._world.happened("payment-changed", id=payment_id, fields=",".join(sorted(asked)))
        return payment

    def cancel(self, payment_id: str) -> Object:
        """Give up a payment that nobody has paid."""
        if not is_cancelable(self.payment(payment_id)):
            raise unprocessable("The payment can't be canceled.")
        return self.decide(payment_id, "canceled")

    def decide(
        self,
        payment_id: str,
        outcome: str,
        *,
        amount_cents: int | None = None,
        method: str | None = None,
        reason: str | None = None,
    ) -> Object:
        """Give a payment its outcome, of another amount than asked or by that method; decided once, nothing changes."""
        if outcome not in OUTCOMES:
            raise unprocessable("No such outcome.", "status")
        payment = self.payment(payment_id)
        if payment["status"] == "paid" and outcome == "failed" and payment["method"] == "directdebit":
            return self._unpay(payment, reason or "AM04")
        if payment["status"] not in {"open", "pending"}:
            return payment
        if amount_cents is not None:
            payment["amount_cents"] = amount_cents
        payment |= {"status": outcome, f"{outcome}At": self._world.stamp()}
        if outcome == "paid":
            self._pay(payment, method)
        if outcome == "failed" and payment["method"] == "directdebit":
            payment["failureReason"] = reason or "AM04"
        self._world.unplan("collect", payment_id)
        self._world.unplan("expire", payment_id)
        self._keep(payment)
        self._world.happened(f"payment-{outcome}", id=payment_id, cents=payment["amount_cents"], reason=reason)
        self._world.call(payment)
        self._world.announce(f"payment.{outcome}", payment)
        return payment

    def release_method(self, payment_id: str) -> None:
        """Let the payer choose among all methods; the payment stays open, and nobody's webhook is called."""
        self._keep(self.payment(payment_id) | {"method": None, "offered": None})
        self._world.happened("payment-method-given-up", id=payment_id)

    def transfer(self, payment_id: str, amount_cents: int) -> Object:
        """Money that arrives for a bank transfer: a wrong amount goes back to its sender and nothing else happens."""
        payment = self.payment(payment_id)
        if amount_cents != payment["amount_cents"] or payment["status"] != "open":
            self._world.happened("transfer-returned", id=payment_id, cents=amount_cents)
            return payment
        return self.decide(payment_id, "paid", method="banktransfer")

    def _checked(self, asked: Object) -> Object:
        sequence = choice_of(asked, "sequenceType", ("oneoff", "first", "recurring"), "oneoff")
        if sequence != "oneoff" and not asked.get("customerId"):
            raise unprocessable("The customer is missing.", "customerId")
        if asked.get("customerId"):
            self._customers.customer(str(asked["customerId"]))
        checked: dict[str, Any] = _ADDED | {
            "amount_cents": cents_of(asked),
            "webhookUrl": webhook_of(asked),
            "redirectUrl": None if sequence == "recurring" else page_of(asked, "redirectUrl"),
            "cancelUrl": page_of(asked, "cancelUrl") if asked.get("cancelUrl") else None,
            "description": description_of(asked),
            "locale": locale_of(asked),
            "metadata": metadata_of(asked),
            "status": "open",
            "sequenceType": sequence,
            "customerId": asked.get("customerId"),
        }
        _check_lines(asked, checked["amount_cents"])
        offered = self._offered(asked, sequence)
        due = self._due_date(asked)
        if sequence == "recurring":
            return checked | self._collected(asked, offered, due, checked["amount_cents"])
        if not fitting(self._tariff, offered, checked["amount_cents"]):
            raise unprocessable("The amount is higher than the maximum of the payment method.", "amount")
        only = offered[0] if offered and len(offered) == 1 else None
        return checked | {"offered": offered, "method": only, "dueDate": due and due.isoformat()}

    def _offered(self, asked: Object, sequence: str) -> list[str] | None:
        """The methods that were asked for; a first payment takes only those that give a mandate."""
        named = asked.get("method")
        if named is None:
            return [code for code in CHECKOUT if METHODS[code].mandate] if sequence == "first" else None
        offered = named if isinstance(named, list) else [named]
        known = METHODS if sequence == "recurring" else CHECKOUT
        if not offered or any(not isinstance(code, str) or code not in known for code in offered):
            raise unprocessable("The payment method is invalid.", "method")
        if sequence == "first" and not all(METHODS[code].mandate for code in offered):
            raise unprocessable("The payment method can't be used for a first payment.", "method")
        return offered

    def _due_date(self, asked: Object) -> date | None:
        """From tomorrow to a hundred days after it, moved to the next business day."""
        due = day_of(asked, "dueDate")
        if due is None:
            return None
        if not 1 <= (due - self._world.today()).days <= _LAST_DUE_DAYS:
            raise unprocessable("The due date is tomorrow at the earliest and 100 days later at the latest.", "dueDate")
        return next_target_day(due)

    def _collected(self, asked: Object, offered: list[str] | None, due: date | None, cents: int) -> Object:
        """What a recurring payment adds: its mandate, its method, the day of its collection."""
        mandate = self._customers.mandate_for(asked)
        if offered is not None and mandate["method"] not in offered:
            raise unprocessable("The mandate is not of this payment method.", "method")
        if cents > self._tariff.maximum_cents(mandate["method"]):
            raise unprocessable("The amount is higher than the maximum of the payment method.", "amount")
        today, is_debit = self._world.today(), mandate["method"] == "directdebit"
        collected_on = due or (add_target_days(today, _DEBIT_DAYS) if is_debit else today)
        return {
            "status": "pending",
            "method": mandate["method"],
            "mandateId": mandate["id"],
            "dueDate": collected_on.isoformat(),
        }

    def _pay(self, payment: Object, method: str | None) -> None:
        """The money comes in; a first payment gives its mandate."""
        fits = fitting(self._tariff, payment["offered"], payment["amount_cents"])
        payment["method"] = method or payment["method"] or next(iter(fits), "banktransfer")
        if payment["sequenceType"] == "first" and payment["mandateId"] is None:
            mandate = self._customers.mandate_of_first(payment)
            payment["mandateId"] = mandate and mandate["id"]
        self._balance.move(
            "payment",
            payment["amount_cents"],
            {"paymentId": payment["id"]},
            fee=payment["method"],
            available_on=add_target_days(self._world.today(), METHODS[payment["method"]].settlement_days),
        )

    def _unpay(self, payment: Object, reason: str) -> Object:
        """A debit that was shown as paid and then was not."""
        payment |= {"status": "failed", "failedAt": self._world.stamp(), "failureReason": reason}
        payment.pop("paidAt")
        self._keep(payment)
        self._balance.move(
            "failed-payment", -payment["amount_cents"], {"paymentId": payment["id"]}, fee="failed-payment"
        )
        self._world.happened("payment-failed", id=payment["id"], reason=reason)
        self._world.call(payment)
        self._world.announce("payment.failed", payment)
        return payment

    def _keep(self, payment: Object) -> None:
        self._world.store.put(("payments", payment["id"], payment))


def is_cancelable(payment: Object) -> bool:
    """Whether the merchant may still give it up: nobody has paid, and no debit is on its way."""
    return bool(payment["status"] == "open")


def _check_lines(asked: Object, cents: int) -> None:
    """Lines, if there are any, sum to the amount."""
    lines = asked.get("lines")
    if lines is None:
        return
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise unprocessable("The lines are no list of objects.", "lines")
    if sum(cents_of({"amount": line.get("totalAmount")}) for line in lines) != cents:
        raise unprocessable("The amount of the payment is not the sum of its lines.", "lines")


def _who(payment: Object) -> dict[str, str]:
    """The customer in the timeline, if there is one."""
    return {"customer": payment["customerId"]} if payment["customerId"] else {}


def _creditor_reference(serial: int) -> str:
    """A structured creditor reference (ISO 11649), shown unformatted."""
    body = f"{serial:012d}"
    return f"RF{98 - int(body + '271500') % 97:02d}{body}"
