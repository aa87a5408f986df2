"""Chargebacks: the payer's bank takes a payment back, whole or in part, and may lose or win that later."""

from collections import defaultdict
from typing import Any

from api.rails.sandbox.balance import Balance
from api.rails.sandbox.checks import Object, not_found, unprocessable
from api.rails.sandbox.payments import Payments
from api.rails.sandbox.world import World

REASONS = {
    "AC04": "Account closed",
    "AM04": "Insufficient funds",
    "MD01": "No valid mandate",
    "MD06": "Refund request by the debtor",
    "MS02": "Refused by the debtor",
    "MS03": "Reason not specified",
}


class Chargebacks:
    """What payers' banks took back."""

    def __init__(self, world: World, balance: Balance, payments: Payments) -> None:
        self._world = world
        self._balance = balance
        self._payments = payments
        self._of: dict[str, list[str]] = defaultdict(list)
        for chargeback in world.store.values("chargebacks"):
            self._of[chargeback["paymentId"]].append(chargeback["id"])

    def chargebacks(self, payment_id: str | None = None) -> list[Object]:
        """Every chargeback, or those of one payment, newest first."""
        if payment_id is None:
            return self._world.store.newest("chargebacks")
        return [self.chargeback(chargeback_id) for chargeback_id in reversed(self._of.get(payment_id, []))]

    def chargeback(self, chargeback_id: str) -> Object:
        """One chargeback, or 404."""
        found: Object | None = self._world.store.get("chargebacks", chargeback_id)
        if found is None:
            raise not_found("chargeback", chargeback_id)
        return found

    def charge_back(self, payment_id: str, amount_cents: int | None = None, reason: str | None = None) -> Object:
        """Take back what was not taken back yet, or a part of it; only a direct debit has a bank's reason code."""
        payment = self._payments.payment(payment_id)
        remaining = payment["amount_cents"] - self.charged_back_cents(payment_id)
        cents = remaining if amount_cents is None else amount_cents
        if payment["status"] != "paid" or not 0 < cents <= remaining:
            raise unprocessable("Nothing of this payment, or not so much, can be charged back.", "amount")
        is_debit = payment["method"] == "directdebit"
        chargeback: dict[str, Any] = self._world.new("chb") | {
            "paymentId": payment_id,
            "amount_cents": cents,
            "reason": (reason or "MD06") if is_debit else None,
            "reversedAt": None,
        }
        context = {"paymentId": payment_id, "chargebackId": chargeback["id"]}
        self._of[payment_id].append(chargeback["id"])
        self._world.store.put(("chargebacks", chargeback["id"], chargeback))
        self._world.happened(
            "chargeback", id=chargeback["id"], payment=payment_id, cents=cents, reason=chargeback["reason"]
        )
        self._balance.move("chargeback", -cents, context, fee="chargeback")
        self._world.call(payment)
        self._world.announce("chargeback.received", chargeback)
        return chargeback

    def reverse(self, chargeback_id: str) -> Object:
        """The chargeback is won: the money comes back. The classic webhook says nothing of it."""
        chargeback = self.chargeback(chargeback_id)
        if chargeback["reversedAt"] is not None:
            return chargeback
        chargeback["reversedAt"] = self._world.stamp()
        self._world.store.put(("chargebacks", chargeback_id, chargeback))
        self._world.happened("chargeback-reversed", id=chargeback_id, payment=chargeback["paymentId"])
        context = {"paymentId": chargeback["paymentId"], "chargebackId": chargeback_id}
        self._balance.move("chargeback-reversal", chargeback["amount_cents"], context)
        self._world.announce("chargeback.reversed", chargeback)
        return chargeback

    def charged_back_cents(self, payment_id: str) -> int:
        """What of a payment is taken back and not won."""
        return sum(c["amount_cents"] for c in self.chargebacks(payment_id) if c["reversedAt"] is None)
