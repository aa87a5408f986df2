"""The control calls of a running sandbox: its date, who pays, what goes wrong. Loopback only."""

import json
import urllib.request
from datetime import date
from typing import Any

_SECONDS = 30.0


class SandboxControl:
    """Tells the sandbox at `url` what to do; raises `urllib.error.URLError` where it does not answer."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def set_date(self, on: date) -> None:
        """Move the date; standing payers pay what is open, and refunds on their way arrive."""
        self._post("date", {"date": on.isoformat()})

    def date(self) -> "date | None":
        """The date it was last told."""
        told = self._get("date")["date"]
        return None if told is None else date.fromisoformat(told)

    def add_standing_payer(self, payer: str) -> None:
        """Let the party with this token in the metadata pay at once, whatever is open and whatever comes."""
        self._post("payers", {"payer": payer, "pays": True})

    def remove_standing_payer(self, payer: str) -> None:
        """That party pays no longer by itself."""
        self._post("payers", {"payer": payer, "pays": False})

    def pay(self, provider_id: str, *, amount_cents: int | None = None) -> None:
        """Pay one payment, of another amount than asked if given."""
        self.decide(provider_id, "paid", amount_cents=amount_cents)

    def decide(self, provider_id: str, outcome: str, *, amount_cents: int | None = None) -> None:
        """Give an open payment its outcome: paid, failed, canceled or expired."""
        self._post("decide", {"id": provider_id, "outcome": outcome, "amount_cents": amount_cents})

    def charge_back(self, provider_id: str) -> None:
        """Let the payer's bank take a payment back."""
        self._post("charge-back", {"id": provider_id})

    def set_refund(self, refund_id: str, status: str) -> None:
        """Move a refund on: processing, refunded, failed, canceled."""
        self._post("refund", {"id": refund_id, "status": status})

    def set_balance_short(self, *, short: bool) -> None:
        """Queue new refunds, or let the queued ones go."""
        self._post("balance", {"short": short})

    def knock(self, provider_id: str) -> None:
        """Call the webhook of a payment once more."""
        self._post("knock", {"id": provider_id})

    def drop_webhooks(self, *, dropped: bool = True) -> None:
        """Call no webhook, or call them again from now on."""
        self._post("webhooks", {"dropped": dropped})

    def hold_webhooks(self) -> None:
        """Keep webhook calls back."""
        self._post("webhooks", {"held": True})

    def release_webhooks(self, *, seed: int = 0) -> None:
        """Make the calls that were kept back, in an order shuffled by `seed`."""
        self._post("webhooks", {"held": False, "seed": seed})

    def repeat_webhooks(self, copies: int) -> None:
        """Make every webhook call this many times."""
        self._post("webhooks", {"copies": copies})

    def add_fault(
        self, kind: str, *, method: str = "POST", path: str = "/v2/", count: int = 1, seconds: float = 15.0
    ) -> None:
        """Let the next `count` requests end in the fault `kind` (see `api.rails.sandbox.faults`)."""
        self._post("faults", {"kind": kind, "method": method, "path": path, "count": count, "seconds": seconds})

    def clear_faults(self) -> None:
        """Let everything work again."""
        self._post("faults", {"clear": True})

    def payments(self) -> list[dict[str, Any]]:
        """Every payment there, newest first, in the sandbox's own form."""
        found: list[dict[str, Any]] = self._get("payments")["payments"]
        return found

    def refunds(self) -> list[dict[str, Any]]:
        """Every refund there, newest first, in the sandbox's own form."""
        found: list[dict[str, Any]] = self._get("refunds")["refunds"]
        return found

    def requests(self) -> list[dict[str, Any]]:
        """What the payment API was asked since the start: method, target, body, key."""
        found: list[dict[str, Any]] = self._get("requests")["requests"]
        return found

    def is_idle(self) -> bool:
        """Whether no webhook call is due or under way."""
        return bool(self._get("idle")["idle"])

    def _get(self, name: str) -> dict[str, Any]:
        return self._ask(name, None)

    def _post(self, name: str, told: dict[str, Any]) -> dict[str, Any]:
        return self._ask(name, json.dumps(told).encode())

    def _ask(self, name: str, body: bytes | None) -> dict[str, Any]:
        headers = {"X-Sandbox-Control": "1", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}/control/{name}", body, headers)  # noqa: S310 -- loopback, from settings
        with self._opener.open(request, timeout=_SECONDS) as answer:
            value: dict[str, Any] = json.load(answer)
        return value
