"""The control calls of a running sandbox: its time, who pays, what goes wrong. Loopback only."""

import json
import urllib.request
from datetime import date, datetime, timedelta
from typing import Any

NO_TOKEN = "none"  # noqa: S105 -- what is shown where no secret is asked for
_SECONDS = 30.0
_Day = date  # the name of a method below hides the type


class SandboxControl:
    """Tells the sandbox at `url` what to do; raises `urllib.error.URLError` where it does not answer.

    `token` is what a sandbox that was given one asks for.
    """

    def __init__(self, url: str, token: str = NO_TOKEN) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def set_date(self, on: date) -> None:
        """Let time pass until noon of that day and stay in it: what is due happens, standing payers pay."""
        self._post("date", {"date": on.isoformat()})

    def date(self) -> "date | None":
        """The date it shows, if it was told a time."""
        told = self._get("date")["date"]
        return None if told is None else date.fromisoformat(told)

    def set_clock(self, instant: datetime) -> None:
        """Let time pass until that instant, and run on from there."""
        self._post("clock", {"instant": instant.isoformat()})

    def advance(self, pause: timedelta) -> None:
        """Let that much time pass, in whole seconds."""
        self._post("advance", {"seconds": int(pause.total_seconds())})

    def now(self) -> datetime:
        """The instant it shows."""
        return datetime.fromisoformat(self._get("clock")["instant"])

    def expire_payments(self, *, expiring: bool = True) -> None:
        """Let open payments made from now on expire after their methods' times, or wait for ever."""
        self._post("expiring", {"on": expiring})

    def add_standing_payer(self, payer: str) -> None:
        """Let the party with this token in the metadata pay at once, whatever is open and whatever comes."""
        self._post("payers", {"payer": payer, "pays": True})

    def remove_standing_payer(self, payer: str) -> None:
        """That party pays no longer by itself."""
        self._post("payers", {"payer": payer, "pays": False})

    def pay(self, provider_id: str, *, amount_cents: int | None = None, method: str | None = None) -> None:
        """Pay one payment, of another amount than asked or by that method if given."""
        self.decide(provider_id, "paid", amount_cents=amount_cents, method=method)

    def decide(
        self,
        provider_id: str,
        outcome: str,
        *,
        amount_cents: int | None = None,
        method: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Give an open or pending payment its outcome: paid, failed, canceled or expired.

        `reason` is a bank's code for a debit that fails; one that was paid by direct debit can still fail.
        """
        told = {"amount_cents": amount_cents, "method": method, "reason": reason}
        self._post("decide", {"id": provider_id, "outcome": outcome} | told)

    def transfer(self, provider_id: str, *, amount_cents: int) -> None:
        """Let money arrive for a bank transfer; a wrong amount goes back and the payment stays open."""
        self._post("transfer", {"id": provider_id, "amount_cents": amount_cents})

    def charge_back(
        self,
        provider_id: str,
        *,
        amount_cents: int | None = None,
        reason: str | None = None,
        at: datetime | None = None,
    ) -> str | None:
        """Let the payer's bank take a payment back, now or later, whole or in part; gives the id of one made now."""
        told = {"id": provider_id, "amount_cents": amount_cents, "reason": reason, "at": at and at.isoformat()}
        made: str | None = self._post("charge-back", told).get("id")
        return made

    def reverse_chargeback(self, chargeback_id: str, *, at: datetime | None = None) -> None:
        """Let a chargeback be won, now or later; no webhook is called."""
        self._post("reverse", {"id": chargeback_id, "at": at and at.isoformat()})

    def set_mandate(self, mandate_id: str, status: str) -> None:
        """Make a mandate pending, valid or invalid."""
        self._post("mandate", {"id": mandate_id, "status": status})

    def set_refund(self, refund_id: str, status: str) -> None:
        """Move a refund on: processing, refunded, failed, canceled."""
        self._post("refund", {"id": refund_id, "status": status})

    def set_balance_short(self, *, short: bool) -> None:
        """Queue new refunds whatever the balance, or let the queued ones go."""
        self._post("balance", {"short": short})

    def set_balance_strict(self, *, strict: bool) -> None:
        """Queue refunds that the balance does not cover, as the provider does, or let the balance go below zero."""
        self._post("balance", {"strict": strict})

    def add_movement(self, kind: str, cents: int) -> str:
        """Move the balance by a movement of any type, known or not; gives its id."""
        made: str = self._post("movement", {"type": kind, "cents": cents})["id"]
        return made

    def set_fee(self, kind: str, *, fixed: str, percent: str = "0") -> None:
        """Change the fee of a method, of `refund`, `chargeback` or `failed-payment`: euros and per cent, as text."""
        self._post("fee", {"kind": kind, "fixed": fixed, "percent": percent})

    def set_limit(self, method: str, cents: int) -> None:
        """Change the most that one payment by a method may be."""
        self._post("limit", {"method": method, "cents": cents})

    def fail_settlement(self, settlement_id: str | None = None, *, after_days: int = 0) -> None:
        """Let the bank send a settlement back: that one at once, or the next one so many TARGET days after it left."""
        self._post("fail-settlement", {"id": settlement_id, "after_days": after_days})

    def knock(self, provider_id: str) -> None:
        """Call the webhook of a payment once more."""
        self._post("knock", {"id": provider_id})

    def subscribe(self, url: str | None, secret: str = "") -> None:
        """Announce every event about payments, refunds and chargebacks to `url`, signed with `secret`; or to nobody."""
        self._post("events", {"url": url, "secret": secret})

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

    def disturb_webhooks(
        self, *, seed: int = 0, drop_percent: int = 0, repeat_percent: int = 0, delay_seconds: int = 0
    ) -> None:
        """Let chance drop, repeat and delay webhook calls, the same way for the same `seed`; no figures, no more."""
        percents = {"drop_percent": drop_percent, "repeat_percent": repeat_percent}
        self._post("webhooks", {"disorder": {"seed": seed, "delay_seconds": delay_seconds} | percents})

    def add_fault(
        self, kind: str, *, method: str = "POST", path: str = "/v2/", count: int = 1, seconds: float = 15.0, **more: int
    ) -> None:
        """Let the next `count` requests end in the fault `kind` (see `api.rails.sandbox.faults`).

        `more` may hold `percent` and `seed`, by which chance decides for each request, and `pause_seconds` for a 429.
        """
        self._post("faults", {"kind": kind, "method": method, "path": path, "count": count, "seconds": seconds} | more)

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

    def chargebacks(self) -> list[dict[str, Any]]:
        """Every chargeback there, newest first, in the sandbox's own form."""
        found: list[dict[str, Any]] = self._get("chargebacks")["chargebacks"]
        return found

    def settlements(self) -> list[dict[str, Any]]:
        """Every settlement there, newest first, in the sandbox's own form."""
        found: list[dict[str, Any]] = self._get("settlements")["settlements"]
        return found

    def payouts(self, on: _Day) -> list[dict[str, Any]]:
        """The settlements that the bank books on that day, with `reference` and `amount_cents`."""
        found: list[dict[str, Any]] = self._get(f"payouts?on={on.isoformat()}")["payouts"]
        return found

    def movements(self) -> list[dict[str, Any]]:
        """Every movement of the balance, newest first, in the sandbox's own form."""
        found: list[dict[str, Any]] = self._get("movements")["movements"]
        return found

    def balance_cents(self) -> int:
        """What stands on the provider's balance, available or not."""
        return int(self._get("balance")["cents"])

    def timeline(self) -> list[dict[str, Any]]:
        """What happened since the start, oldest first: `at`, `event` and its facts."""
        found: list[dict[str, Any]] = self._get("timeline")["events"]
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
        headers = {"X-Sandbox-Control": self._token, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}/control/{name}", body, headers)  # noqa: S310 -- loopback, from settings
        with self._opener.open(request, timeout=_SECONDS) as answer:
            value: dict[str, Any] = json.load(answer)
        return value
