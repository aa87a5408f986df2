"""What Mollie says of its own balance, asked for with an organisation's access token: API keys are refused there."""

import time
from collections.abc import Callable
from datetime import date

from mollie.api.client import Client
from mollie.api.objects.balance import Balance
from mollie.api.resources import BalanceTransactions

from api.rails.mollie.client import ENDPOINT, PAGE, MollieClient, until
from api.rails.mollie.reading import read_balance_cents, read_movement, read_settlement
from ledger.payments.rail import ProviderMovement, ProviderSettlement

_PRIMARY = "primary"


class MollieBooks:
    """The primary balance of one organisation, its movements, and the settlements that empty it."""

    def __init__(
        self,
        access_token: str,
        endpoint: str = ENDPOINT,
        *,
        timeout: tuple[int, int] = (2, 10),
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mollie = MollieClient(access_token, endpoint, timeout=timeout, seconds=seconds)

    def newest_settlements(self, *, since: date) -> list[ProviderSettlement]:
        """Every settlement created on or after `since`, newest first."""
        every = self._mollie.every
        return self._mollie.ask(
            lambda to: list(until(since, map(read_settlement, every(to.settlements.list(limit=PAGE), "settlements"))))
        )

    def newest_movements(self, *, since: date) -> list[ProviderMovement]:
        """Every movement of the balance on or after `since`, newest first."""
        every = self._mollie.every
        return self._mollie.ask(
            lambda to: list(
                until(since, map(read_movement, every(_movements(to).list(limit=PAGE), "balance_transactions")))
            )
        )

    def balance_cents(self) -> int:
        """What stands at the provider: available and pending together."""
        return self._mollie.ask(lambda to: read_balance_cents(to.balances.get(_PRIMARY)))


def _movements(to: Client) -> BalanceTransactions:
    """The movements of the primary balance without fetching it first."""
    return BalanceTransactions(to, Balance({"id": _PRIMARY}, to))  # type: ignore[no-untyped-call]  # the library's gap
