"""The sandbox's objects as the provider's HAL documents, every link beginning with the configured address."""

from typing import Any

from api.rails.sandbox.provider import Object, Provider
from ledger.payments.bodies import euro_text

METHODS = (
    ("bancontact", "Bancontact", "1500.00"),
    ("kbc", "KBC/CBC", "50000.00"),
    ("belfius", "Belfius", "50000.00"),
    ("ideal", "iDEAL", "50000.00"),
    ("banktransfer", "Bank transfer", "1000000.00"),
)


class Views:
    """Documents for one base address."""

    def __init__(self, provider: Provider, base: str) -> None:
        self._provider = provider
        self._base = base

    def payment(self, payment: Object, *, embed: frozenset[str] = frozenset()) -> Object:
        """A payment, with its refunds embedded if asked for."""
        links = {"self": self._link(f"/v2/payments/{payment['id']}")}
        if payment["status"] == "open":
            links["checkout"] = self._link(f"/checkout/{payment['id']}", "text/html")
        document: Object = {
            "resource": "payment",
            "id": payment["id"],
            "mode": "test",
            "createdAt": payment["createdAt"],
            "amount": _amount(payment["amount_cents"]),
            "description": payment["description"],
            "method": None if payment["status"] == "open" else "bancontact",
            "metadata": payment["metadata"],
            "status": payment["status"],
            "isCancelable": payment["status"] == "open",
            "locale": payment["locale"],
            "profileId": "pfl_sandbox",
            "sequenceType": "oneoff",
            "redirectUrl": payment["redirectUrl"],
            "webhookUrl": payment["webhookUrl"],
            "_links": links,
        }
        document |= {
            name: payment[name] for name in ("paidAt", "failedAt", "canceledAt", "expiredAt") if name in payment
        }
        if payment["status"] == "paid":
            refunded = self._provider.refunded_cents(payment["id"])
            document["amountRefunded"] = _amount(refunded)
            document["amountRemaining"] = _amount(max(payment["amount_cents"] - refunded, 0))
        if payment["charged_back_cents"]:
            document["amountChargedBack"] = _amount(payment["charged_back_cents"])
        if "refunds" in embed:
            document["_embedded"] = {"refunds": [self.refund(r) for r in self._provider.refunds(payment["id"])]}
        return document

    def refund(self, refund: Object) -> Object:
        """A refund."""
        at = f"/v2/payments/{refund['paymentId']}"
        return {
            "resource": "refund",
            "id": refund["id"],
            "mode": "test",
            "amount": _amount(refund["amount_cents"]),
            "status": refund["status"],
            "createdAt": refund["createdAt"],
            "description": refund["description"],
            "metadata": refund["metadata"],
            "paymentId": refund["paymentId"],
            "_links": {"self": self._link(f"{at}/refunds/{refund['id']}"), "payment": self._link(at)},
        }

    def page(self, path: str, name: str, items: list[Object], *, first: str | None, limit: int) -> Object:
        """One page of a newest-first list of documents, from the item `first` on."""
        start = next((i for i, item in enumerate(items) if item["id"] == first), 0)
        shown, following = items[start : start + limit], items[start + limit : start + limit + 1]
        links: dict[str, Any] = {"self": self._link(f"{path}?limit={limit}"), "previous": None, "next": None}
        if following:
            links["next"] = self._link(f"{path}?from={following[0]['id']}&limit={limit}")
        return {"_embedded": {name: shown}, "count": len(shown), "_links": links}

    def methods(self) -> Object:
        """The Belgian methods that the checkout page shows."""
        shown = [
            {
                "resource": "method",
                "id": name,
                "description": label,
                "minimumAmount": _amount(1),
                "maximumAmount": {"currency": "EUR", "value": maximum},
                "_links": {"self": self._link(f"/v2/methods/{name}")},
            }
            for name, label, maximum in METHODS
        ]
        return {"_embedded": {"methods": shown}, "count": len(shown), "_links": {"self": self._link("/v2/methods")}}

    def _link(self, path: str, kind: str = "application/hal+json") -> dict[str, str]:
        return {"href": f"{self._base}{path}", "type": kind}


def _amount(cents: int) -> dict[str, str]:
    return {"currency": "EUR", "value": euro_text(cents)}
