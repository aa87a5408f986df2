"""Settlements: on a TARGET day what is available becomes one transfer to the client account, if it is more than zero.

movements available by 06:00 ──> pending ──10:00──> paidout ──> failed: it never arrived, and is back on the balance
less than nothing            ──> carried to the next one
"""

from datetime import date, timedelta
from typing import Any

from api.rails.sandbox.balance import SETTLING_HOUR, Balance
from api.rails.sandbox.checks import Object, not_found, unprocessable
from api.rails.sandbox.clock import at_hour
from api.rails.sandbox.world import World
from ledger.calendars import add_target_days, next_target_day

MERCHANT = "1234567"
PAYING_HOUR = 10
_FAILING = "settings", "settlement_fails"


class Settlements:
    """The transfers out of the balance."""

    def __init__(self, world: World, balance: Balance) -> None:
        self._world = world
        self._balance = balance

    def settlements(self) -> list[Object]:
        """Every settlement, newest first."""
        return self._world.store.newest("settlements")

    def settlement(self, name: str) -> Object:
        """One by its id or its bank reference, the one that collects (`open`), or the one paid next (`next`)."""
        if name == "open":
            return self._forecast("open", lambda m: m["settlementId"] is None)
        if name == "next":
            return self._next()
        for found in self._world.store.values("settlements", lambda s: name in {s["id"], s["reference"]}):
            settlement: Object = found
            return settlement
        raise not_found("settlement", name)

    def movements_of(self, settlement: Object) -> list[Object]:
        """What it is made of, newest first, without the transfer itself."""
        if "movement_ids" in settlement:
            chosen = set(settlement["movement_ids"])
            return self._world.store.newest("movements", lambda m: m["id"] in chosen)
        return self._world.store.newest(
            "movements",
            lambda m: m["settlementId"] == settlement["id"] and m["type"] != "outgoing-transfer",
        )

    def settle(self, on: date) -> None:
        """Make the settlement of a day."""
        world = self._world
        members = world.store.values("movements", lambda m: _is_settled_by(m, on))
        total = sum(m["result_cents"] for m in members)
        if total <= 0:
            if members:
                world.happened("settlement-carried", cents=total)
            return
        settlement: dict[str, Any] = world.new("stl") | {
            "reference": self._next_reference(on),
            "amount_cents": total,
            "status": "pending",
            "settledAt": None,
        }
        changes = [("movements", m["id"], m | {"settlementId": settlement["id"]}) for m in members]
        world.store.put(("settlements", settlement["id"], settlement), *changes)
        world.happened("settlement-made", id=settlement["id"], reference=settlement["reference"], cents=total)
        world.plan(at_hour(on, PAYING_HOUR), "pay-out", settlement["id"])

    def pay_out(self, settlement_id: str) -> None:
        """Send a pending settlement to the bank; where the sandbox was told so, it never arrives and comes back."""
        world = self._world
        settlement = self.settlement(settlement_id)
        if settlement["status"] != "pending":
            return
        comes_back_after = world.store.get(*_FAILING)
        settlement |= {"status": "paidout", "settledAt": world.stamp(), "arrives": comes_back_after is None}
        world.store.put(("settlements", settlement_id, settlement))
        self._transfer("outgoing-transfer", -settlement["amount_cents"], settlement_id)
        world.happened("settlement-paidout", id=settlement_id, cents=settlement["amount_cents"])
        if comes_back_after is None:
            return
        world.store.put((*_FAILING, None))
        if comes_back_after:
            back_on = add_target_days(world.today(), comes_back_after)
            world.plan(at_hour(back_on, SETTLING_HOUR), "bounce", settlement_id)
        else:
            self.fail(settlement_id)

    def fail(self, settlement_id: str) -> None:
        """The bank sends a settlement back: the money stands on the balance again, for the next one.

        One that the bank has booked on an earlier day does not come back any more.
        """
        world = self._world
        world.unplan("pay-out", settlement_id)
        self.pay_out(settlement_id)
        settlement = self.settlement(settlement_id)
        if settlement["status"] == "failed":
            return
        if settlement["arrives"] and settlement["settledAt"][:10] < world.today().isoformat():
            raise unprocessable("The bank has booked this settlement.")
        world.store.put(("settlements", settlement_id, settlement | {"status": "failed"}))
        self._balance.move(
            "returned-transfer",
            settlement["amount_cents"],
            {"settlementId": settlement_id, "transferId": world.new("trf")["id"]},
        )
        world.happened("settlement-failed", id=settlement_id, cents=settlement["amount_cents"])

    def fail_next(self, *, after_days: int) -> None:
        """Let the next settlement that is paid out never arrive, and come back so many TARGET days later."""
        self._world.store.put((*_FAILING, after_days))

    def payouts(self, on: date) -> list[Object]:
        """The settlements that the bank books on that day: paid out on it, and arriving."""
        day = on.isoformat()
        return self._world.store.values(
            "settlements", lambda s: s["status"] == "paidout" and s["arrives"] and s["settledAt"].startswith(day)
        )

    def _transfer(self, kind: str, cents: int, settlement_id: str) -> None:
        transfer = self._world.new("trf")["id"]
        context = {"settlementId": settlement_id, "transferId": transfer}
        self._balance.move(kind, cents, context, settlementId=settlement_id)

    def _next(self) -> Object:
        pending = self._world.store.values("settlements", lambda s: s["status"] == "pending")
        if pending:
            settlement: Object = pending[0]
            return settlement
        on = next_target_day(self._world.today())
        if self._world.now() >= at_hour(on, SETTLING_HOUR):
            on = next_target_day(on + timedelta(days=1))
        return self._forecast("next", lambda m: _is_settled_by(m, on))

    def _forecast(self, name: str, where: Any) -> Object:  # noqa: ANN401 -- a filter of movements
        members = self._world.store.values("movements", where)
        return {
            "id": name,
            "reference": None,
            "amount_cents": sum(m["result_cents"] for m in members),
            "status": "open",
            "createdAt": self._world.stamp(),
            "settledAt": None,
            "movement_ids": [m["id"] for m in members],
        }

    def _next_reference(self, on: date) -> str:
        stem = f"{MERCHANT}.{on:%y%m}."
        made = self._world.store.values("settlements", lambda s: s["reference"].startswith(stem))
        return f"{stem}{len(made) + 1:02d}"


def _is_settled_by(movement: Object, on: date) -> bool:
    return movement["settlementId"] is None and movement["availableOn"] <= on.isoformat()
