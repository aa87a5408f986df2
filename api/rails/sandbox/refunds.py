"""Refunds: along the original payment, never more than remains of it.

    queued ──balance suffices──> pending ──2 h──> processing ──next day──> refunded ──> failed
       └──> canceled               └──> canceled     └──> failed

Money leaves the balance with `pending`; a refund that fails or is canceled after that brings it back.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from api.rails.sandbox.balance import Balance
from api.rails.sandbox.checks import ApiError, Object, cents_of, metadata_of, not_found, unprocessable
from api.rails.sandbox.clock import at_hour
from api.rails.sandbox.methods import METHODS
from api.rails.sandbox.payments import Payments
from api.rails.sandbox.world import World

_UNTAKEN = frozenset({"queued", "failed", "canceled"})
_GONE = frozenset({"failed", "canceled"})
_CALLED = frozenset({"processing", "refunded", "failed"})
_CANCELABLE = frozenset({"queued", "pending"})
_HOURS_UNTIL_EXECUTED = 2
_DUPLICATE = timedelta(hours=1)
_SHORT, _STRICT = ("settings", "balance_short"), ("settings", "balance_strict")


class Refunds:
    """The refunds of all payments."""

    def __init__(self, world: World, balance: Balance, payments: Payments) -> None:
        self._world = world
        self._balance = balance
        self._payments = payments
        self._of: dict[str, list[str]] = defaultdict(list)
        for refund in world.store.values("refunds"):
            self._of[refund["paymentId"]].append(refund["id"])

    def refunds(self, payment_id: str | None = None) -> list[Object]:
        """Every refund, or those of one payment, newest first."""
        if payment_id is None:
            return self._world.store.newest("refunds")
        return [self.refund(refund_id) for refund_id in reversed(self._of.get(payment_id, []))]

    def refund(self, refund_id: str) -> Object:
        """One refund, or 404."""
        found: Object | None = self._world.store.get("refunds", refund_id)
        if found is None:
            raise not_found("refund", refund_id)
        return found

    def create(self, payment_id: str, asked: Object) -> Object:
        """A new refund, queued where the balance is short and pending elsewhere."""
        payment = self._payments.payment(payment_id)
        cents = cents_of(asked)
        self._check(payment, cents)
        refund: dict[str, Any] = self._world.new("re") | {
            "paymentId": payment_id,
            "amount_cents": cents,
            "description": str(asked.get("description", ""))[:255],
            "metadata": metadata_of(asked),
            "status": "queued",
        }
        self._of[payment_id].append(refund["id"])
        self._keep(refund)
        self._world.happened("refund-queued", id=refund["id"], payment=payment_id, cents=cents)
        return self.set_status(refund["id"], "pending") if self._suffices(cents) else refund

    def cancel(self, refund_id: str) -> None:
        """Stop a refund that has not been executed."""
        if self.refund(refund_id)["status"] not in _CANCELABLE:
            raise unprocessable("The refund can't be canceled any more.")
        self.set_status(refund_id, "canceled")

    def set_status(self, refund_id: str, status: str) -> Object:
        """Move a refund on, with what that means for the balance; the payment's webhook hears of three states.

        A state that nobody knows is taken as it is.
        """
        refund = self.refund(refund_id)
        before = refund["status"]
        if status == before:
            return refund
        refund["status"] = status
        self._keep(refund)
        self._world.happened(
            f"refund-{status}", id=refund_id, payment=refund["paymentId"], cents=refund["amount_cents"]
        )
        context = {"paymentId": refund["paymentId"], "refundId": refund_id}
        if before in _UNTAKEN and status not in _UNTAKEN:
            self._balance.move("refund", -refund["amount_cents"], context, fee="refund")
        if before not in _UNTAKEN and status in _UNTAKEN:
            self._balance.move("returned-refund", refund["amount_cents"], context)
        self._plan(refund)
        if status in _CALLED:
            self._world.call(self._payments.payment(refund["paymentId"]))
        self._world.announce(f"refund.{status}", refund)
        return refund

    def set_balance_short(self, *, short: bool) -> None:
        """Queue new refunds whatever the balance, or no longer."""
        self._world.store.put((*_SHORT, short))
        self.release_queued()

    def set_balance_strict(self, *, strict: bool) -> None:
        """Queue refunds that the balance does not cover, as the provider does, or let the balance go below zero."""
        self._world.store.put((*_STRICT, strict))
        self.release_queued()

    def release_queued(self) -> None:
        """Let go, oldest first, what the balance now covers."""
        for cents, refund_id in self._world.store.values("queued"):
            if self._suffices(cents):
                self.set_status(refund_id, "pending")

    def refunded_cents(self, payment_id: str) -> int:
        """What was refunded of a payment and did not come back."""
        return sum(r["amount_cents"] for r in self.refunds(payment_id) if r["status"] not in _GONE)

    def _check(self, payment: Object, cents: int) -> None:
        if payment["status"] != "paid":
            raise unprocessable("The payment is not paid and can't be refunded.")
        window = timedelta(days=METHODS[payment["method"] or "bancontact"].refund_days)
        if self._world.now() > datetime.fromisoformat(payment["paidAt"]) + window:
            raise unprocessable("The period in which this payment can be refunded is over.")
        if cents > payment["amount_cents"] - self.refunded_cents(payment["id"]):
            raise unprocessable("The amount is higher than the remaining amount.", "amount")
        if any(self._is_duplicate(refund, cents) for refund in self.refunds(payment["id"])):
            raise ApiError(409, "Conflict", "A refund of this amount was made within the last hour.")

    def _is_duplicate(self, refund: Object, cents: int) -> bool:
        is_recent = self._world.now() - datetime.fromisoformat(refund["createdAt"]) < _DUPLICATE
        return is_recent and refund["amount_cents"] == cents and refund["status"] not in _GONE

    def _suffices(self, cents: int) -> bool:
        if self._world.store.get(*_SHORT):
            return False
        return not self._world.store.get(*_STRICT) or self._balance.total_cents() >= cents

    def _plan(self, refund: Object) -> None:
        """What comes next by itself."""
        world = self._world
        world.unplan("execute", refund["id"])
        world.unplan("arrive", refund["id"])
        if refund["status"] == "pending":
            world.plan(world.now() + timedelta(hours=_HOURS_UNTIL_EXECUTED), "execute", refund["id"])
        if refund["status"] in {"pending", "processing"}:
            world.plan(at_hour(world.today() + timedelta(days=1), 1), "arrive", refund["id"])

    def _keep(self, refund: Object) -> None:
        waiting = [refund["amount_cents"], refund["id"]] if refund["status"] == "queued" else None
        self._world.store.put(("refunds", refund["id"], refund), ("queued", refund["id"], waiting))
