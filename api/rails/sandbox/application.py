"""What the sandbox answers to a request, without the sockets: the payment API, the control calls, the checkout page."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from api.rails.sandbox.callbacks import Callbacks
from api.rails.sandbox.checkout import decided_page, language_of, open_page
from api.rails.sandbox.faults import FaultRule, Faults
from api.rails.sandbox.provider import LOCAL_HOSTS, OUTCOMES, ApiError, Object, Provider
from api.rails.sandbox.store import Change, Store
from api.rails.sandbox.views import Views
from ledger.clock import Clock

CONTROL_HEADER = "x-sandbox-control"
HAL, JSON_TYPE, HTML = "application/hal+json", "application/json", "text/html; charset=utf-8"
_KEY_SECONDS = 3600
_MOST_REMEMBERED = 10_000
_ID = r"([a-z]{2}_[A-Za-z0-9]+)"
_NOTHING_HERE = ApiError(404, "Not Found", "There is nothing at this address.")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The address without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> Mapping[str, str]:
        """The query, the last of each name."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer."""

    status: int
    body: bytes = b""
    kind: str = HAL
    headers: Mapping[str, str] = field(default_factory=dict)


class Silence(Exception):  # noqa: N818 -- no fault of ours: the answer that never comes
    """No answer: after `seconds` the connection is closed."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Application:
    """The sandbox behind its address `base`."""

    def __init__(
        self, store: Store, callbacks: Callbacks, clock: Clock, *, base: str, wait: Callable[[float], Any]
    ) -> None:
        self.provider = Provider(store, callbacks, clock)
        self._store = store
        self._callbacks = callbacks
        self._clock = clock
        self._faults = Faults()
        self._views = Views(self.provider, base)
        self._wait = wait
        self._remembered: list[Object] = []
        self._running: set[str] = set()
        self._running_lock = Lock()

    def answer(self, asked: Asked) -> Answer:
        """Answer one request; raises `Silence` where a fault says so."""
        try:
            if asked.path.startswith("/v2/"):
                return self._api_with_faults(asked)
            if asked.path.startswith("/control/"):
                return self._control(asked)
            if asked.path.startswith("/checkout/"):
                return self._checkout(asked)
            if asked.path == "/health":
                return _json(200, {"status": "ok"}, JSON_TYPE)
        except ApiError as error:
            return _problem(error)
        return _problem(_NOTHING_HERE)

    def _api_with_faults(self, asked: Asked) -> Answer:
        self._remember(asked)
        rule = self._faults.take(asked.method, asked.path)
        if rule is None:
            return self._api(asked)
        done = self._api(asked) if rule.is_after else None
        return self._misbehave(rule, done)

    def _misbehave(self, rule: FaultRule, done: Answer | None) -> Answer:
        if rule.kind.startswith("timeout"):
            raise Silence(rule.seconds)
        if rule.kind.startswith("reset"):
            raise Silence(0)
        if rule.kind == "late":
            assert done is not None, "a late answer is an answer"
            self._wait(rule.seconds)
            return done
        if rule.kind == "502-html":
            return Answer(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html")
        if rule.kind == "422-without-detail":
            return _json(422, {"status": 422, "title": "Unprocessable Entity"})
        status = int(rule.kind[:3])
        headers = {"Retry-After": "1"} if status == 429 else {}  # noqa: PLR2004 -- too many requests
        return _json(
            status, {"status": status, "title": "Fault", "detail": "As the sandbox was told."}, headers=headers
        )

    def _api(self, asked: Asked) -> Answer:
        credential = asked.headers.get("authorization", "")
        if not credential.startswith("Bearer test_"):
            raise ApiError(401, "Unauthorized Request", "The sandbox accepts test keys only.")
        if asked.method == "POST" and "idempotency-key" in asked.headers:
            return self._api_once(asked, asked.headers["idempotency-key"])
        return self._routed(asked, None)

    def _api_once(self, asked: Asked, key: str) -> Answer:
        """The same key again gives the same object for an hour; with another body it is refused."""
        fingerprint = hashlib.sha256(asked.path.encode() + b"\0" + asked.body).hexdigest()
        with self._running_lock:
            if key in self._running:
                raise ApiError(409, "Conflict", "A request with this idempotency key is running.")
            self._running.add(key)
        try:
            now = int(self._clock.now().timestamp())
            known = self._store.get("keys", key)
            if known is None or now - known["at"] >= _KEY_SECONDS:
                return self._routed(asked, ("keys", key, {"fingerprint": fingerprint, "at": now}))
            if known["fingerprint"] != fingerprint:
                raise ApiError(400, "Bad Request", "The idempotency key was used for another request.")
            return self._replayed(known)
        finally:
            with self._running_lock:
                self._running.discard(key)

    def _replayed(self, known: Object) -> Answer:
        found = self._store.get(known["collection"], known["object"])
        document = (
            self._views.payment(found | {"status": "open"})
            if known["collection"] == "payments"
            else self._views.refund(found)
        )
        return _json(201, document, headers={"Idempotent-Replayed": "true"})

    def _routed(self, asked: Asked, key: Change | None) -> Answer:
        for method, pattern, handler in self._routes():
            match = re.fullmatch(pattern, asked.path)
            if match is not None and method == asked.method:
                return handler(asked, key, *match.groups())
        raise _NOTHING_HERE

    def _routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        return [
            ("POST", "/v2/payments", self._create_payment),
            ("GET", "/v2/payments", self._list_payments),
            ("GET", f"/v2/payments/{_ID}", self._get_payment),
            ("DELETE", f"/v2/payments/{_ID}", self._cancel_payment),
            ("POST", f"/v2/payments/{_ID}/refunds", self._create_refund),
            ("GET", f"/v2/payments/{_ID}/refunds", self._list_refunds),
            ("GET", f"/v2/payments/{_ID}/refunds/{_ID}", self._get_refund),
            ("DELETE", f"/v2/payments/{_ID}/refunds/{_ID}", self._cancel_refund),
            ("GET", "/v2/refunds", self._list_refunds),
            ("GET", "/v2/methods", self._list_methods),
        ]

    def _create_payment(self, asked: Asked, key: Change | None) -> Answer:
        return _json(201, self._views.payment(self.provider.create_payment(_object(asked.body), with_key=key)))

    def _list_payments(self, asked: Asked, _key: Change | None) -> Answer:
        documents = [self._views.payment(p) for p in self.provider.payments()]
        return self._page(asked, "payments", documents)

    def _get_payment(self, asked: Asked, _key: Change | None, payment_id: str) -> Answer:
        embed = frozenset(asked.query.get("embed", "").split(","))
        return _json(200, self._views.payment(self.provider.payment(payment_id), embed=embed))

    def _cancel_payment(self, _asked: Asked, _key: Change | None, payment_id: str) -> Answer:
        if self.provider.payment(payment_id)["status"] != "open":
            raise ApiError(422, "Unprocessable Entity", "The payment can't be canceled.")
        return _json(200, self._views.payment(self.provider.decide(payment_id, "canceled")))

    def _create_refund(self, asked: Asked, key: Change | None, payment_id: str) -> Answer:
        refund = self.provider.create_refund(payment_id, _object(asked.body), with_key=key)
        return _json(201, self._views.refund(refund))

    def _list_refunds(self, asked: Asked, _key: Change | None, payment_id: str | None = None) -> Answer:
        return self._page(asked, "refunds", [self._views.refund(r) for r in self.provider.refunds(payment_id)])

    def _get_refund(self, _asked: Asked, _key: Change | None, payment_id: str, refund_id: str) -> Answer:
        return _json(200, self._views.refund(self._refund_of(payment_id, refund_id)))

    def _cancel_refund(self, _asked: Asked, _key: Change | None, payment_id: str, refund_id: str) -> Answer:
        if self._refund_of(payment_id, refund_id)["status"] not in {"queued", "pending"}:
            raise ApiError(422, "Unprocessable Entity", "The refund can't be canceled any more.")
        self.provider.set_refund(refund_id, "canceled")
        return Answer(204)

    def _refund_of(self, payment_id: str, refund_id: str) -> Object:
        refund = self.provider.refund(refund_id)
        if refund["paymentId"] != payment_id:
            raise ApiError(404, "Not Found", f"No refund exists with token {refund_id}.")
        return refund

    def _list_methods(self, _asked: Asked, _key: Change | None) -> Answer:
        return _json(200, self._views.methods())

    def _page(self, asked: Asked, name: str, documents: list[Object]) -> Answer:
        limit = asked.query.get("limit", "50")
        if not limit.isdecimal() or not 1 <= int(limit) <= 250:  # noqa: PLR2004 -- the provider's largest page
            raise ApiError(400, "Bad Request", "The limit is 1 to 250.", "limit")
        page = self._views.page(asked.path, name, documents, first=asked.query.get("from"), limit=int(limit))
        return _json(200, page)

    def _checkout(self, asked: Asked) -> Answer:
        match = re.fullmatch(f"/checkout/{_ID}", asked.path)
        if match is None:
            raise _NOTHING_HERE
        payment = self.provider.payment(match[1])
        language = language_of(asked.query.get("lang"), payment["locale"])
        if asked.method == "POST":
            outcome = (parse_qs(asked.body.decode("ascii", "replace")).get("outcome") or [""])[0]
            if outcome not in OUTCOMES:
                raise ApiError(422, "Unprocessable Entity", "No such outcome.", "outcome")
            self.provider.decide(payment["id"], outcome)
            return Answer(303, headers={"Location": payment["redirectUrl"]}, kind=HTML)
        page = open_page if payment["status"] == "open" else decided_page
        policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
        return Answer(200, page(payment, language).encode(), HTML, headers)

    def _control(self, asked: Asked) -> Answer:
        """Control calls: only from this machine, and never from a page in a browser, which can't set the header."""
        host = urlsplit(f"//{asked.headers.get('host', '')}").hostname
        if host not in LOCAL_HOSTS or CONTROL_HEADER not in asked.headers:
            raise ApiError(403, "Forbidden", "Control calls need the control header and come from this machine.")
        name = asked.path.removeprefix("/control/")
        if asked.method == "GET":
            return _json(200, self._control_reading(name), JSON_TYPE)
        told = _object(asked.body)
        try:
            self._control_doing(name, told)
        except (KeyError, TypeError, ValueError) as error:
            raise ApiError(422, "Unprocessable Entity", f"The control call is malformed: {error!r}.") from error
        return _json(200, {}, JSON_TYPE)

    def _control_reading(self, name: str) -> Object:
        readings: dict[str, Callable[[], Object]] = {
            "payments": lambda: {"payments": self.provider.payments()},
            "refunds": lambda: {"refunds": self.provider.refunds()},
            "requests": lambda: {"requests": list(self._remembered)},
            "idle": lambda: {"idle": self._callbacks.is_idle()},
            "date": lambda: {"date": self._store.get("settings", "date")},
        }
        if name not in readings:
            raise ApiError(404, "Not Found", "No such control call.")
        return readings[name]()

    def _control_doing(self, name: str, told: Object) -> None:
        provider = self.provider
        doings: dict[str, Callable[[], object]] = {
            "date": lambda: provider.set_date(date.fromisoformat(told["date"])),
            "payers": lambda: provider.set_standing_payer(str(told["payer"]), pays=bool(told["pays"])),
            "decide": lambda: provider.decide(told["id"], told["outcome"], amount_cents=told.get("amount_cents")),
            "charge-back": lambda: provider.charge_back(told["id"]),
            "refund": lambda: provider.set_refund(told["id"], str(told["status"])),
            "balance": lambda: provider.set_balance_short(short=bool(told["short"])),
            "webhooks": lambda: self._set_webhooks(told),
            "knock": lambda: self._callbacks.send(told["id"], provider.payment(told["id"])["webhookUrl"]),
            "faults": lambda: self._set_faults(told),
        }
        if name not in doings:
            raise ApiError(404, "Not Found", "No such control call.")
        doings[name]()

    def _set_webhooks(self, told: Object) -> None:
        self._callbacks.dropped = bool(told.get("dropped", self._callbacks.dropped))
        self._callbacks.copies = int(told.get("copies", self._callbacks.copies))
        if told.get("held"):
            self._callbacks.held = True
        elif told.get("held") is False:
            self._callbacks.release(seed=int(told.get("seed", 0)))

    def _set_faults(self, told: Object) -> None:
        if told.get("clear"):
            self._faults.clear()
        else:
            self._faults.add(FaultRule(**told))

    def _remember(self, asked: Asked) -> None:
        """Keep what the API was asked, for whoever wants to prove what was sent; never the credential."""
        del self._remembered[:-_MOST_REMEMBERED]
        body, key = asked.body.decode("utf-8", "replace"), asked.headers.get("idempotency-key")
        self._remembered.append({"method": asked.method, "target": asked.target, "body": body, "key": key})


def _object(body: bytes) -> Object:
    try:
        value = json.loads(body or b"{}")
    except ValueError as error:
        raise ApiError(400, "Bad Request", "The body is not JSON.") from error
    if not isinstance(value, dict):
        raise ApiError(400, "Bad Request", "The body is not a JSON object.")
    return value


def _problem(error: ApiError) -> Answer:
    document: Object = {"status": error.status, "title": error.title, "detail": error.detail}
    if error.field is not None:
        document["field"] = error.field
    return _json(error.status, document)


def _json(status: int, document: Object, kind: str = HAL, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(document).encode(), kind, headers or {})
