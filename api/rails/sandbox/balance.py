"""The provider's balance: every movement of it with its fee, and what of it is available.

A deduction is rounded to cents at once; its fee is kept in hundredths of a cent, and on the first of the next month the
difference of all of them comes back as one movement.
"""

from datetime import date, timedelta
from typing import Any

from api.rails.sandbox.checks import Object
from api.rails.sandbox.clock import at_hour
from api.rails.sandbox.methods import Tariff, cents_of_parts
from api.rails.sandbox.world import World
from ledger.calendars import next_target_day

BALANCE_ID = "bal_sandboxbalance"
SETTLING_HOUR = 6
_TOTAL = "settings", "balance_cents"


class Balance:
    """Movements, newest last; each is written once, only its settlement is filled in."""

    def __init__(self, world: World, tariff: Tariff) -> None:
        self._world = world
        self._tariff = tariff

    def move(
        self,
        kind: str,
        cents: int,
        context: dict[str, str],
        *,
        fee: str | None = None,
        available_on: date | None = None,
        **facts: object,
    ) -> Object:
        """Move `cents` (signed) on the balance, less the fee of that name on the amount."""
        parts = self._tariff.fee_parts(fee, abs(cents)) if fee else 0
        world, deduction = self._world, -cents_of_parts(parts)
        movement: dict[str, Any] = world.new("baltr") | {
            "type": kind,
            "initial_cents": cents,
            "deduction_cents": deduction,
            "result_cents": cents + deduction,
            "fee": fee,
            "fee_parts": parts,
            "availableOn": (available_on or world.today()).isoformat(),
            "settlementId": None,
            "context": context,
        }
        movement |= facts
        total = self.total_cents() + movement["result_cents"]
        world.store.put(("movements", movement["id"], movement), (*_TOTAL, total))
        world.happened(f"movement-{kind}", id=movement["id"], cents=cents, deduction=deduction or None, **context)
        self._plan_for(movement)
        return movement

    def movements(self) -> list[Object]:
        """Every movement, newest first."""
        return self._world.store.newest("movements")

    def total_cents(self) -> int:
        """What stands on the balance, available or not: the sum of every movement."""
        return int(self._world.store.get(*_TOTAL) or 0)

    def pending_cents(self) -> int:
        """What of it is not available yet."""
        today = self._world.today().isoformat()
        return sum(m["result_cents"] for m in self._world.store.values("movements", lambda m: m["availableOn"] > today))

    def compensate(self, month: str) -> None:
        """Give back, or take, what rounding each deduction of a month (`2026-03`) made of the exact sum of its fees."""
        charged = self._world.store.values("movements", lambda m: m["fee"] and m["createdAt"].startswith(month))
        parts = sum(-m["deduction_cents"] * 100 - m["fee_parts"] for m in charged)
        if cents := cents_of_parts(parts):
            invoice = self._world.new("inv")["id"]
            self.move("invoice-rounding-compensation", cents, {"invoiceId": invoice})

    def _plan_for(self, movement: Object) -> None:
        """A settlement for money that comes in, a compensation for a fee."""
        world = self._world
        if movement["result_cents"] > 0:
            on = next_target_day(date.fromisoformat(movement["availableOn"]))
            if at_hour(on, SETTLING_HOUR) <= world.now():
                on = next_target_day(on + timedelta(days=1))
            world.plan(at_hour(on, SETTLING_HOUR), "settle", on.isoformat())
        if movement["fee"]:
            today = world.today()
            following = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
            world.plan(at_hour(following, SETTLING_HOUR), "compensate", today.isoformat()[:7])
