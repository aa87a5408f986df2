"""The provider's API v2: which request becomes which call, and which document is answered."""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from threading import Lock
from typing import Any

from api.rails.sandbox.balance import BALANCE_ID
from api.rails.sandbox.checks import ApiError, Object, not_found
from api.rails.sandbox.http import NOTHING_HERE, Answer, Asked, json_answer
from api.rails.sandbox.methods import CHECKOUT, METHODS
from api.rails.sandbox.money_views import MoneyViews
from api.rails.sandbox.provider import Provider
from api.rails.sandbox.views import Views

_KEY_KEPT = timedelta(hours=1)
_MOST_LISTED = 250
_ID = r"([a-z]{2,5}_[A-Za-z0-9]+)"
_SETTLEMENT = r"(open|next|stl_[A-Za-z0-9]+|[0-9]{4,}\.[0-9]{4}\.[0-9]{2})"
_MERCHANTS = ("/v2/settlements", "/v2/balances")
Render = Callable[[Object], Object]


class Api:
    """The API at the address `base`, over `provider`; every request holds the lock of the store."""

    def __init__(self, provider: Provider, base: str) -> None:
        self._provider = provider
        self._views = Views(provider, base)
        self._money = MoneyViews(provider, base)
        self._running: set[str] = set()
        self._running_lock = Lock()

    def hold_key(self, asked: Asked) -> Callable[[], None]:
        """Note that a request with its idempotency key is running, and get what ends that; a second one is refused."""
        key = _key_of(asked)
        if key is None:
            return lambda: None
        with self._running_lock:
            if key in self._running:
                raise ApiError(409, "Conflict", "A request with this idempotency key is running.")
            self._running.add(key)
        return lambda: self._running.discard(key)

    def answer(self, asked: Asked) -> Answer:
        """Answer a request: checked for its credential, and once for each idempotency key of the last hour."""
        _check_credential(asked)
        key = _key_of(asked)
        with self._provider.world.store.together():
            return self._routed(asked) if key is None else self._once(asked, key)

    def _once(self, asked: Asked, key: str) -> Answer:
        world, store = self._provider.world, self._provider.world.store
        fingerprint = hashlib.sha256(asked.path.encode() + b"\0" + asked.body).hexdigest()
        known = store.get("keys", key)
        if known is None or "body" not in known:  # a state from before answers were kept
            answer = self._routed(asked)
            kept = {"fingerprint": fingerprint, "status": answer.status, "body": answer.body.decode()}
            store.put(("keys", key, kept))
            world.plan(world.now() + _KEY_KEPT, "forget", key)
            return answer
        if known["fingerprint"] != fingerprint:
            raise ApiError(400, "Bad Request", "The idempotency key was used for another request.")
        return Answer(known["status"], known["body"].encode(), headers={"Idempotent-Replayed": "true"})

    def _routed(self, asked: Asked) -> Answer:
        for method, pattern, handler in self._routes():
            match = re.fullmatch(pattern, asked.path)
            if match is not None and method == asked.method:
                return handler(asked, *match.groups())
        raise NOTHING_HERE

    def _routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        customer = f"/v2/customers/{_ID}"
        payment = f"/v2/payments/{_ID}"
        settlement = f"/v2/settlements/{_SETTLEMENT}"
        return [
            ("POST", "/v2/payments", self._create_payment),
            ("GET", "/v2/payments", self._list_payments),
            ("GET", payment, self._get_payment),
            ("PATCH", payment, self._change_payment),
            ("DELETE", payment, self._cancel_payment),
            ("POST", f"{payment}/refunds", self._create_refund),
            ("GET", f"{payment}/refunds", self._list_refunds),
            ("GET", f"{payment}/refunds/{_ID}", self._get_refund),
            ("DELETE", f"{payment}/refunds/{_ID}", self._cancel_refund),
            ("GET", "/v2/refunds", self._list_refunds),
            ("GET", f"{payment}/chargebacks", self._list_chargebacks),
            ("GET", f"{payment}/chargebacks/{_ID}", self._get_chargeback),
            ("GET", "/v2/chargebacks", self._list_chargebacks),
            ("POST", "/v2/customers", self._create_customer),
            ("GET", "/v2/customers", self._list_customers),
            ("GET", customer, self._get_customer),
            ("POST", f"{customer}/payments", self._create_customer_payment),
            ("GET", f"{customer}/payments", self._list_customer_payments),
            ("POST", f"{customer}/mandates", self._create_mandate),
            ("GET", f"{customer}/mandates", self._list_mandates),
            ("GET", f"{customer}/mandates/{_ID}", self._get_mandate),
            ("DELETE", f"{customer}/mandates/{_ID}", self._revoke_mandate),
            ("GET", "/v2/methods", self._list_methods),
            ("GET", "/v2/methods/([a-z]+)", self._get_method),
            ("GET", "/v2/settlements", self._list_settlements),
            ("GET", settlement, self._get_settlement),
            ("GET", f"{settlement}/(payments|refunds|chargebacks|captures)", self._list_settled),
            ("GET", "/v2/balances", self._list_balances),
            ("GET", f"/v2/balances/(primary|{BALANCE_ID})", self._get_balance),
            ("GET", f"/v2/balances/(?:primary|{BALANCE_ID})/transactions", self._list_movements),
        ]

    # Payments

    def _create_payment(self, asked: Asked) -> Answer:
        return json_answer(201, self._views.payment(self._provider.create_payment(asked.document())))

    def _list_payments(self, asked: Asked) -> Answer:
        return self._page(asked, "payments", self._provider.payments.payments(), self._payment_view(asked))

    def _get_payment(self, asked: Asked, payment_id: str) -> Answer:
        return json_answer(200, self._payment_view(asked)(self._provider.payments.payment(payment_id)))

    def _change_payment(self, asked: Asked, payment_id: str) -> Answer:
        return json_answer(200, self._views.payment(self._provider.payments.change(payment_id, asked.document())))

    def _cancel_payment(self, _asked: Asked, payment_id: str) -> Answer:
        return json_answer(200, self._views.payment(self._provider.payments.cancel(payment_id)))

    def _payment_view(self, asked: Asked) -> Render:
        embed = frozenset(asked.query.get("embed", "").split(","))
        return lambda payment: self._views.payment(payment, embed=embed)

    # Refunds and chargebacks

    def _create_refund(self, asked: Asked, payment_id: str) -> Answer:
        return json_answer(201, self._views.refund(self._provider.refunds.create(payment_id, asked.document())))

    def _list_refunds(self, asked: Asked, payment_id: str | None = None) -> Answer:
        if payment_id is not None:
            self._provider.payments.payment(payment_id)
        return self._page(asked, "refunds", self._provider.refunds.refunds(payment_id), self._views.refund)

    def _get_refund(self, _asked: Asked, payment_id: str, refund_id: str) -> Answer:
        return json_answer(200, self._views.refund(self._refund_of(payment_id, refund_id)))

    def _cancel_refund(self, _asked: Asked, payment_id: str, refund_id: str) -> Answer:
        self._provider.refunds.cancel(self._refund_of(payment_id, refund_id)["id"])
        return Answer(204)

    def _refund_of(self, payment_id: str, refund_id: str) -> Object:
        refund = self._provider.refunds.refund(refund_id)
        if refund["paymentId"] != payment_id:
            raise not_found("refund", refund_id)
        return refund

    def _list_chargebacks(self, asked: Asked, payment_id: str | None = None) -> Answer:
        found = self._provider.chargebacks.chargebacks(payment_id)
        return self._page(asked, "chargebacks", found, self._views.chargeback)

    def _get_chargeback(self, _asked: Asked, payment_id: str, chargeback_id: str) -> Answer:
        chargeback = self._provider.chargebacks.chargeback(chargeback_id)
        if chargeback["paymentId"] != payment_id:
            raise not_found("chargeback", chargeback_id)
        return json_answer(200, self._views.chargeback(chargeback))

    # Customers and mandates

    def _create_customer(self, asked: Asked) -> Answer:
        return json_answer(201, self._views.customer(self._provider.customers.create(asked.document())))

    def _list_customers(self, asked: Asked) -> Answer:
        return self._page(asked, "customers", self._provider.customers.customers(), self._views.customer)

    def _get_customer(self, _asked: Asked, customer_id: str) -> Answer:
        return json_answer(200, self._views.customer(self._provider.customers.customer(customer_id)))

    def _create_customer_payment(self, asked: Asked, customer_id: str) -> Answer:
        document = asked.document() | {"customerId": customer_id}
        return json_answer(201, self._views.payment(self._provider.create_payment(document)))

    def _list_customer_payments(self, asked: Asked, customer_id: str) -> Answer:
        self._provider.customers.customer(customer_id)
        found = self._provider.payments.payments(customer_id)
        return self._page(asked, "payments", found, self._payment_view(asked))

    def _create_mandate(self, asked: Asked, customer_id: str) -> Answer:
        mandate = self._provider.customers.create_mandate(customer_id, asked.document())
        return json_answer(201, self._views.mandate(mandate))

    def _list_mandates(self, asked: Asked, customer_id: str) -> Answer:
        return self._page(asked, "mandates", self._provider.customers.mandates(customer_id), self._views.mandate)

    def _get_mandate(self, _asked: Asked, customer_id: str, mandate_id: str) -> Answer:
        return json_answer(200, self._views.mandate(self._provider.customers.mandate(customer_id, mandate_id)))

    def _revoke_mandate(self, _asked: Asked, customer_id: str, mandate_id: str) -> Answer:
        self._provider.customers.revoke(customer_id, mandate_id)
        return Answer(204)

    # Methods

    def _list_methods(self, asked: Asked) -> Answer:
        sequence = asked.query.get("sequenceType", "oneoff")
        codes = {
            "first": [code for code in CHECKOUT if METHODS[code].mandate],
            "recurring": ["creditcard", "directdebit"],
        }.get(sequence, [*CHECKOUT])
        cents = _asked_cents(asked.query.get("amount[value]"))
        fitting = [code for code in codes if cents <= self._provider.tariff.maximum_cents(code)]
        views = [self._views.method(code) for code in fitting]
        return json_answer(200, self._views.collection(asked.path, "methods", views))

    def _get_method(self, _asked: Asked, code: str) -> Answer:
        if code not in METHODS:
            raise not_found("method", code)
        return json_answer(200, self._views.method(code))

    # Settlements and balances

    def _list_settlements(self, asked: Asked) -> Answer:
        found = self._provider.settlements.settlements()
        return self._page(asked, "settlements", found, self._money.settlement)

    def _get_settlement(self, _asked: Asked, name: str) -> Answer:
        return json_answer(200, self._money.settlement(self._provider.settlements.settlement(name)))

    def _list_settled(self, asked: Asked, name: str, what: str) -> Answer:
        provider = self._provider
        movements = provider.settlements.movements_of(provider.settlements.settlement(name))
        kinds: Mapping[str, tuple[str, str, Callable[[str], Object], Render]] = {
            "payments": ("payment", "paymentId", provider.payments.payment, self._payment_view(asked)),
            "refunds": ("refund", "refundId", provider.refunds.refund, self._views.refund),
            "chargebacks": (
                "chargeback",
                "chargebackId",
                provider.chargebacks.chargeback,
                self._views.chargeback,
            ),
        }
        if what not in kinds:  # captures, which no method here has
            return self._page(asked, what, [], lambda item: item)
        kind, name_of_id, get, render = kinds[what]
        found = [get(m["context"][name_of_id]) for m in movements if m["type"] == kind]
        return self._page(asked, what, found, render)

    def _list_balances(self, asked: Asked) -> Answer:
        return json_answer(200, self._views.collection(asked.path, "balances", [self._money.balance()]))

    def _get_balance(self, _asked: Asked, _name: str) -> Answer:
        return json_answer(200, self._money.balance())

    def _list_movements(self, asked: Asked) -> Answer:
        return self._page(asked, "balance_transactions", self._provider.balance.movements(), self._money.movement)

    def _page(self, asked: Asked, name: str, items: list[Object], render: Render) -> Answer:
        """One page of newest-first `items`, from the item that is named on; only what is shown is rendered."""
        query = asked.query
        limit, sort = query.get("limit", "50"), query.get("sort", "desc")
        if not limit.isdecimal() or not 1 <= int(limit) <= _MOST_LISTED:
            raise ApiError(400, "Bad Request", "The limit is 1 to 250.", "limit")
        if sort not in {"asc", "desc"}:
            raise ApiError(400, "Bad Request", "The sort is asc or desc.", "sort")
        if sort == "asc":
            items.reverse()
        start = next((i for i, item in enumerate(items) if item["id"] == query.get("from", item["id"])), None)
        if start is None and items:
            raise ApiError(400, "Bad Request", "The cursor is invalid.", "from")
        begin, end = start or 0, (start or 0) + int(limit)
        cursors: dict[str, Any] = {
            "previous": items[max(begin - int(limit), 0)]["id"] if begin else None,
            "next": items[end]["id"] if end < len(items) else None,
        }
        shown = [render(item) for item in items[begin:end]]
        kept = "&".join(f"{key}={query[key]}" for key in ("sort", "embed") if key in query)
        return json_answer(
            200, self._views.page(asked.path, name, shown, cursors, f"limit={limit}" + (kept and f"&{kept}"))
        )


def _key_of(asked: Asked) -> str | None:
    """The idempotency key, which counts for POST only."""
    return asked.headers.get("idempotency-key") if asked.method == "POST" else None


def _check_credential(asked: Asked) -> None:
    """Test keys and organisation tokens only; what belongs to the organisation needs its token."""
    credential = asked.headers.get("authorization", "").removeprefix("Bearer ")
    if not credential.startswith(("test_", "access_")) or not asked.headers["authorization"].startswith("Bearer "):
        raise ApiError(401, "Unauthorized Request", "The sandbox accepts test keys and access tokens only.")
    if asked.path.startswith(_MERCHANTS) and not credential.startswith("access_"):
        raise ApiError(403, "Forbidden", "Settlements and balances need an organization access token.")


def _asked_cents(value: str | None) -> int:
    """The cents of an amount in a query, or none."""
    match = re.fullmatch(r"([0-9]{1,9})\.([0-9]{2})", value or "0.00")
    if match is None:
        raise ApiError(400, "Bad Request", "The amount needs exactly two decimals.", "amount")
    return int(match[1]) * 100 + int(match[2])
