"""The sandbox's provider: its parts, put together, and what happens in it when time passes."""

from collections.abc import Callable
from datetime import date, datetime

from api.rails.sandbox.balance import Balance
from api.rails.sandbox.chargebacks import Chargebacks
from api.rails.sandbox.checks import ApiError, Object
from api.rails.sandbox.clock import noon_of
from api.rails.sandbox.customers import Customers
from api.rails.sandbox.methods import Tariff
from api.rails.sandbox.payments import Payments
from api.rails.sandbox.refunds import Refunds
from api.rails.sandbox.settlements import Settlements
from api.rails.sandbox.world import World


class Provider:
    """Everything that one organisation has at the provider. Whoever calls it holds the lock of the store."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tariff = Tariff(world.store)
        self.balance = Balance(world, self.tariff)
        self.customers = Customers(world)
        self.payments = Payments(world, self.tariff, self.balance, self.customers)
        self.refunds = Refunds(world, self.balance, self.payments)
        self.chargebacks = Chargebacks(world, self.balance, self.payments)
        self.settlements = Settlements(world, self.balance)

    def payouts(self, on: date) -> list[Object]:
        """What the bank books on that day as coming from the provider: settlements with `reference`, `amount_cents`."""
        with self.world.store.lock:
            return self.settlements.payouts(on)

    def create_payment(self, asked: Object) -> Object:
        """A new payment as it is answered; a standing payer pays it at once, which the answer does not show yet."""
        payment = self.payments.create(asked)
        self._pay_if_standing(payment)
        return payment

    def set_date(self, on: date) -> None:
        """Let the days pass until noon of that one, and stay in it."""
        self._pass_until(noon_of(on))
        self.world.clock.tell_date(on)
        self._settle_down()

    def set_clock(self, instant: datetime) -> None:
        """Let time pass until that instant, and run on from there."""
        self._pass_until(instant)
        self.world.clock.tell(instant)
        self._settle_down()

    def tick(self) -> None:
        """Do what has become due by itself."""
        self._pass_until(self.world.now())
        self.refunds.release_queued()

    def set_standing_payer(self, payer: str, *, pays: bool) -> None:
        """Let whoever stands as `payer` in the metadata pay at once, or no longer."""
        self.world.store.put(("payers", payer, pays))
        self._pay_standing()

    def plan(self, what: str, of: str, at: datetime, **facts: object) -> None:
        """Let a payer's bank act later: `charge-back` a payment, `reverse` a chargeback."""
        self.world.plan(at, what, of, **facts)

    def _settle_down(self) -> None:
        self.refunds.release_queued()
        self._pay_standing()

    def _pass_until(self, instant: datetime) -> None:
        """What is planned happens at its own instant, in order, and may plan more."""
        happen = self._planned()
        while (plan := self.world.next_plan(instant)) is not None:
            with self.world.clock.standing_at(datetime.fromisoformat(plan["at"])):
                try:
                    happen[plan["what"]](plan["of"], plan)
                except ApiError as error:  # what was planned became impossible meanwhile
                    self.world.happened("plan-dropped", what=plan["what"], of=plan["of"], detail=str(error))

    def _planned(self) -> dict[str, Callable[[str, Object], object]]:
        """What each plan does to its object."""
        return {
            "settle": lambda of, _: self.settlements.settle(date.fromisoformat(of)),
            "pay-out": lambda of, _: self.settlements.pay_out(of),
            "bounce": lambda of, _: self.settlements.fail(of),
            "compensate": lambda of, _: self.balance.compensate(of),
            "execute": lambda of, _: self.refunds.set_status(of, "processing"),
            "arrive": lambda of, _: self.refunds.set_status(of, "refunded"),
            "collect": lambda of, _: self.payments.decide(of, "paid"),
            "expire": lambda of, _: self.payments.decide(of, "expired"),
            "charge-back": lambda of, plan: self.chargebacks.charge_back(of, plan["amount_cents"], plan["reason"]),
            "reverse": lambda of, _: self.chargebacks.reverse(of),
            "forget": lambda of, _: self.world.store.put(("keys", of, None)),
        }

    def _pay_standing(self) -> None:
        for payment in self.world.store.values("payments", lambda p: p["status"] == "open"):
            self._pay_if_standing(payment)

    def _pay_if_standing(self, payment: Object) -> None:
        payer = (payment["metadata"] or {}).get("payer")
        if payment["status"] == "open" and payer is not None and self.world.store.get("payers", payer):
            self.payments.decide(payment["id"], "paid")
