"""What a storm is made of: a seeded chance, calls that fail, webhooks that are lost, payers who change their minds."""

import random
from collections.abc import Sequence
from datetime import timedelta

from api.rails.sandbox.control import SandboxControl

CALL_FAULTS = (
    "reset-before", "reset-after", "500-before", "500-after", "502-html", "503", "429", "422-without-detail",
)  # fmt: skip
OUTCOMES = ("paid", "paid", "paid", "paid", "failed", "canceled", "expired")
REFUND_STATES = ("processing", "refunded", "failed", "canceled")
PAUSES = (1, 5, 90, 900, 4_000)
UNKNOWN_KIND = "rolling-reserve-hold"


class Weather:
    """The chance of one storm; the same seed makes the same weather."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 -- reproducible misfortune, no secret

    def happens(self, percent: int) -> bool:
        """Whether something happens that happens so often."""
        return self._chance.randrange(100) < percent

    def one_of(self, things: Sequence[str]) -> str:
        """One of them."""
        return self._chance.choice(things)

    def cents(self, most: int) -> int:
        """An amount, from one cent to `most`."""
        return self._chance.randint(1, most)

    def number(self) -> int:
        """A number for whoever needs a seed of its own."""
        return self._chance.randrange(1 << 30)

    def pause(self) -> timedelta:
        """How long nothing happens."""
        return timedelta(seconds=self._chance.choice(PAUSES))

    def blow(self, control: SandboxControl) -> None:
        """Let some of the next calls fail, and some webhooks be lost, doubled or held back."""
        control.clear_faults()
        for method in ("POST", "GET"):
            if self.happens(20):
                control.add_fault(self.one_of(CALL_FAULTS), method=method, path="/v2/", seconds=0)
        control.drop_webhooks(dropped=self.happens(15))
        control.repeat_webhooks(1 + self.happens(20) + self.happens(10))
        control.set_balance_short(short=self.happens(10))

    def calm(self, control: SandboxControl) -> None:
        """Everything works again."""
        control.clear_faults()
        control.drop_webhooks(dropped=False)
        control.repeat_webhooks(1)
        control.set_balance_short(short=False)
