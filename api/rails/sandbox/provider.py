"""The sandbox's rules: what may be created, what follows from what, and the instants it states.

Everything is stated at noon (Brussels) of the date it was last told; without one, at the machine's instant.
"""

import re
import secrets
import string
from datetime import date, datetime
from datetime import time as time_of_day
from typing import Any
from urllib.parse import urlsplit

from api.rails.sandbox.callbacks import Callbacks
from api.rails.sandbox.store import Change, Store
from ledger.clock import BRUSSELS, Clock

Object = dict[str, Any]

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
OUTCOMES = ("paid", "failed", "canceled", "expired")
_VALUE = re.compile(r"([0-9]{1,9})\.([0-9]{2})")
_LOCALES = frozenset({"fr_BE", "nl_BE", "en_GB", "en_US", "fr_FR", "nl_NL", "de_DE"})
_MOST_CENTS = 100_000_000
_MOST_METADATA = 1024
_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 10


class ApiError(Exception):
    """An answer in the provider's form of an error."""

    def __init__(self, status: int, title: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.field = field


class Provider:
    """Payments and refunds of one profile, and who pays them."""

    def __init__(self, store: Store, callbacks: Callbacks, clock: Clock) -> None:
        self._store = store
        self._callbacks = callbacks
        self._clock = clock

    def now(self) -> datetime:
        """The instant that new objects carry."""
        told = self._store.get("settings", "date")
        if told is None:
            return self._clock.now().astimezone(BRUSSELS).replace(microsecond=0)
        return datetime.combine(date.fromisoformat(told), time_of_day(12), BRUSSELS)

    def set_date(self, on: date) -> None:
        """Move the date: standing payers pay what is open, and refunds on their way arrive."""
        with self._store.lock:
            self._store.put(("settings", "date", on.isoformat()))
            for payment in self._store.values("payments"):
                self._pay_if_standing(payment)
            for refund in self._store.values("refunds"):
                if refund["status"] in {"pending", "processing"}:
                    self.set_refund(refund["id"], "refunded")

    def set_standing_payer(self, payer: str, *, pays: bool) -> None:
        """Let whoever stands as `payer` in the metadata pay at once, or no longer."""
        with self._store.lock:
            self._store.put(("payers", payer, pays))
            for payment in self._store.values("payments"):
                self._pay_if_standing(payment)

    def payment(self, payment_id: str) -> Object:
        """One payment, or 404."""
        found: Object | None = self._store.get("payments", payment_id)
        if found is None:
            raise ApiError(404, "Not Found", f"No payment exists with token {payment_id}.")
        return found

    def payments(self) -> list[Object]:
        """Every payment, newest first."""
        return sorted(self._store.values("payments"), key=_serial, reverse=True)

    def create_payment(self, asked: Object, *, with_key: Change | None = None) -> Object:
        """A new open payment; a standing payer pays it at once, which the answer does not show yet."""
        payment = self._checked_payment(asked)
        with self._store.lock:
            payment |= {"id": _new_id("tr"), "serial": self._next_serial(), "createdAt": self.now().isoformat()}
            self._store.put(("payments", payment["id"], payment), *_bound(with_key, "payments", payment["id"]))
            self._pay_if_standing(payment)
        return payment

    def decide(self, payment_id: str, outcome: str, *, amount_cents: int | None = None) -> Object:
        """The payer's doing: an open payment gets its outcome; `amount_cents` makes it another amount than asked."""
        if outcome not in OUTCOMES:
            raise ApiError(422, "Unprocessable Entity", "No such outcome.", "status")
        with self._store.lock:
            payment = self.payment(payment_id)
            if payment["status"] != "open":
                return payment
            payment |= {"status": outcome, f"{outcome}At": self.now().isoformat()}
            if amount_cents is not None:
                payment["amount_cents"] = amount_cents
            self._store.put(("payments", payment_id, payment))
        self._callbacks.send(payment_id, payment["webhookUrl"])
        return payment

    def charge_back(self, payment_id: str) -> Object:
        """The payer's bank takes the whole payment back."""
        with self._store.lock:
            payment = self.payment(payment_id) | {"charged_back_cents": self.payment(payment_id)["amount_cents"]}
            self._store.put(("payments", payment_id, payment))
        self._callbacks.send(payment_id, payment["webhookUrl"])
        return payment

    def refunds(self, payment_id: str | None = None) -> list[Object]:
        """Every refund, or those of one payment, newest first."""
        chosen = [r for r in self._store.values("refunds") if payment_id in {None, r["paymentId"]}]
        return sorted(chosen, key=_serial, reverse=True)

    def refund(self, refund_id: str) -> Object:
        """One refund, or 404."""
        found: Object | None = self._store.get("refunds", refund_id)
        if found is None:
            raise ApiError(404, "Not Found", f"No refund exists with token {refund_id}.")
        return found

    def create_refund(self, payment_id: str, asked: Object, *, with_key: Change | None = None) -> Object:
        """A new refund, pending; queued if the sandbox was told that the balance is short."""
        with self._store.lock:
            payment = self.payment(payment_id)
            cents = _cents_of(asked)
            if payment["status"] != "paid":
                raise ApiError(422, "Unprocessable Entity", "The payment is not paid and can't be refunded.")
            if cents > payment["amount_cents"] - self.refunded_cents(payment_id):
                raise ApiError(422, "Unprocessable Entity", "The amount is higher than the remaining amount.", "amount")
            if any(self._is_duplicate(r, cents) for r in self.refunds(payment_id)):
                raise ApiError(409, "Conflict", "A refund of this amount was made within the last hour.")
            short = bool(self._store.get("settings", "balance_short"))
            refund: Object = {
                "id": _new_id("re"),
                "paymentId": payment_id,
                "amount_cents": cents,
                "description": str(asked.get("description", ""))[:255],
                "metadata": _metadata(asked),
                "status": "queued" if short else "pending",
                "serial": self._next_serial(),
                "createdAt": self.now().isoformat(),
                "made": int(self._clock.now().timestamp()),
            }
            self._store.put(("refunds", refund["id"], refund), *_bound(with_key, "refunds", refund["id"]))
        return refund

    def set_refund(self, refund_id: str, status: str) -> Object:
        """The bank's doing: the refund moves on, and the webhook of its payment is called."""
        with self._store.lock:
            refund = self.refund(refund_id) | {"status": status}
            self._store.put(("refunds", refund_id, refund))
            payment = self.payment(refund["paymentId"])
        self._callbacks.send(payment["id"], payment["webhookUrl"])
        return refund

    def set_balance_short(self, *, short: bool) -> None:
        """Queue new refunds, or let the queued ones go."""
        with self._store.lock:
            self._store.put(("settings", "balance_short", short))
            for refund in self._store.values("refunds"):
                if not short and refund["status"] == "queued":
                    self.set_refund(refund["id"], "pending")

    def refunded_cents(self, payment_id: str) -> int:
        """What was refunded of a payment and did not come back."""
        gone = {"failed", "canceled"}
        return sum(r["amount_cents"] for r in self.refunds(payment_id) if r["status"] not in gone)

    def _checked_payment(self, asked: Object) -> Object:
        webhook = asked.get("webhookUrl")
        if webhook is not None and urlsplit(str(webhook)).hostname not in LOCAL_HOSTS:
            raise ApiError(
                422, "Unprocessable Entity", "The sandbox calls addresses of this machine only.", "webhookUrl"
            )
        if urlsplit(str(asked.get("redirectUrl"))).scheme not in {"http", "https"}:
            raise ApiError(422, "Unprocessable Entity", "The redirect URL is invalid.", "redirectUrl")
        if not isinstance(asked.get("description"), str) or not asked["description"]:
            raise ApiError(422, "Unprocessable Entity", "The description is missing.", "description")
        if asked.get("locale", "en_GB") not in _LOCALES:
            raise ApiError(422, "Unprocessable Entity", "The locale is invalid.", "locale")
        return {
            "amount_cents": _cents_of(asked),
            "description": asked["description"][:255],
            "redirectUrl": asked["redirectUrl"],
            "webhookUrl": webhook,
            "locale": asked.get("locale", "en_GB"),
            "metadata": _metadata(asked),
            "status": "open",
            "charged_back_cents": 0,
        }

    def _pay_if_standing(self, payment: Object) -> None:
        payer = (payment["metadata"] or {}).get("payer")
        if payment["status"] == "open" and payer is not None and self._store.get("payers", payer):
            self.decide(payment["id"], "paid")

    def _is_duplicate(self, refund: Object, cents: int) -> bool:
        recent = self._clock.now().timestamp() - refund["made"] < 3600  # noqa: PLR2004 -- the provider's hour
        return recent and refund["amount_cents"] == cents and refund["status"] not in {"failed", "canceled"}

    def _next_serial(self) -> int:
        serial = int(self._store.get("settings", "serial") or 0) + 1
        self._store.put(("settings", "serial", serial))
        return serial


def _serial(item: Object) -> int:
    return int(item["serial"])


def _bound(with_key: Change | None, collection: str, object_id: str) -> list[Change]:
    """The idempotency key's row, pointing at the object: written in the same line as the object."""
    if with_key is None:
        return []
    name, key, value = with_key
    return [(name, key, value | {"collection": collection, "object": object_id})]


def _cents_of(asked: Object) -> int:
    amount = asked.get("amount")
    if not isinstance(amount, dict) or amount.get("currency") != "EUR":
        raise ApiError(422, "Unprocessable Entity", "The amount is missing or its currency is not EUR.", "amount")
    match = _VALUE.fullmatch(str(amount.get("value")))
    if match is None or not isinstance(amount["value"], str):
        raise ApiError(422, "Unprocessable Entity", "The amount needs exactly two decimals.", "amount")
    cents = int(match[1]) * 100 + int(match[2])
    if not 0 < cents <= _MOST_CENTS:
        raise ApiError(422, "Unprocessable Entity", "The amount is too low or too high.", "amount")
    return cents


def _metadata(asked: Object) -> Object:
    metadata = asked.get("metadata") or {}
    if not isinstance(metadata, dict) or len(str(metadata)) > _MOST_METADATA:
        raise ApiError(422, "Unprocessable Entity", "The metadata is not an object or too long.", "metadata")
    return metadata


def _new_id(prefix: str) -> str:
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
