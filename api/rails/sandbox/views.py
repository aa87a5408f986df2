"""The sandbox's objects as the provider's HAL documents, every link beginning with the configured address."""

from typing import Any

from api.rails.sandbox.chargebacks import REASONS
from api.rails.sandbox.checks import Object
from api.rails.sandbox.methods import METHODS, TRANSFER_IBAN
from api.rails.sandbox.payments import is_cancelable
from api.rails.sandbox.provider import Provider
from ledger.payments.bodies import euro_text

HAL, TEXT = "application/hal+json", "text/html"
_SANDBOX_BIC = "SANDBEBB"
_ENDINGS = ("paidAt", "failedAt", "canceledAt", "expiredAt")


class Views:
    """Documents for one base address."""

    def __init__(self, provider: Provider, base: str) -> None:
        self._provider = provider
        self._base = base

    def payment(self, payment: Object, *, embed: frozenset[str] = frozenset()) -> Object:
        """A payment, with its refunds and chargebacks embedded if asked for."""
        document: Object = {
            "resource": "payment",
            "id": payment["id"],
            "mode": "test",
            "createdAt": payment["createdAt"],
            "amount": amount(payment["amount_cents"]),
            "description": payment["description"],
            "method": payment["method"],
            "metadata": payment["metadata"],
            "status": payment["status"],
            "isCancelable": is_cancelable(payment),
            "locale": payment["locale"],
            "profileId": "pfl_sandbox",
            "sequenceType": payment["sequenceType"],
            "redirectUrl": payment["redirectUrl"],
            "cancelUrl": payment["cancelUrl"],
            "webhookUrl": payment["webhookUrl"],
            "_links": self._payment_links(payment),
        }
        document |= {name: payment[name] for name in _ENDINGS if name in payment}
        document |= {name: payment[name] for name in ("customerId", "mandateId", "dueDate") if payment[name]}
        if details := _details(payment):
            document["details"] = details
        if payment["status"] == "paid":
            refunded = self._provider.refunds.refunded_cents(payment["id"])
            document["amountRefunded"] = amount(refunded)
            document["amountRemaining"] = amount(max(payment["amount_cents"] - refunded, 0))
            if charged_back := self._provider.chargebacks.charged_back_cents(payment["id"]):
                document["amountChargedBack"] = amount(charged_back)
        if embedded := self._embedded(payment["id"], embed):
            document["_embedded"] = embedded
        return document

    def refund(self, refund: Object) -> Object:
        """A refund."""
        at = f"/v2/payments/{refund['paymentId']}"
        return {
            "resource": "refund",
            "id": refund["id"],
            "mode": "test",
            "amount": amount(refund["amount_cents"]),
            "status": refund["status"],
            "createdAt": refund["createdAt"],
            "description": refund["description"],
            "metadata": refund["metadata"],
            "paymentId": refund["paymentId"],
            "_links": {"self": self._link(f"{at}/refunds/{refund['id']}"), "payment": self._link(at)},
        }

    def chargeback(self, chargeback: Object) -> Object:
        """A chargeback; `reason` only where a bank gave one."""
        at, code = f"/v2/payments/{chargeback['paymentId']}", chargeback["reason"]
        document: Object = {
            "resource": "chargeback",
            "id": chargeback["id"],
            "amount": amount(chargeback["amount_cents"]),
            "createdAt": chargeback["createdAt"],
            "reversedAt": chargeback["reversedAt"],
            "paymentId": chargeback["paymentId"],
            "_links": {"self": self._link(f"{at}/chargebacks/{chargeback['id']}"), "payment": self._link(at)},
        }
        if code is not None:
            document["reason"] = {"code": code, "description": REASONS.get(code, code)}
        return document

    def customer(self, customer: Object) -> Object:
        """A customer."""
        at = f"/v2/customers/{customer['id']}"
        fields = {name: customer[name] for name in ("id", "name", "email", "locale", "metadata", "createdAt")}
        links = {name: self._link(f"{at}/{name}") for name in ("mandates", "payments")}
        return {"resource": "customer", "mode": "test"} | fields | {"_links": {"self": self._link(at)} | links}

    def mandate(self, mandate: Object) -> Object:
        """A mandate."""
        at = f"/v2/customers/{mandate['customerId']}"
        return {
            "resource": "mandate",
            "id": mandate["id"],
            "mode": "test",
            "status": mandate["status"],
            "method": mandate["method"],
            "details": {
                "consumerName": mandate["consumerName"],
                "consumerAccount": mandate["consumerAccount"],
                "consumerBic": _SANDBOX_BIC,
            },
            "mandateReference": mandate["reference"],
            "signatureDate": mandate["signatureDate"],
            "customerId": mandate["customerId"],
            "createdAt": mandate["createdAt"],
            "_links": {"self": self._link(f"{at}/mandates/{mandate['id']}"), "customer": self._link(at)},
        }

    def method(self, code: str) -> Object:
        """A way to pay."""
        return {
            "resource": "method",
            "id": code,
            "description": METHODS[code].label,
            "minimumAmount": amount(2 if code == "bancontact" else 1),
            "maximumAmount": amount(self._provider.tariff.maximum_cents(code)),
            "status": "activated",
            "_links": {"self": self._link(f"/v2/methods/{code}")},
        }

    def collection(self, path: str, name: str, items: list[Object]) -> Object:
        """A list that has no pages."""
        return {"_embedded": {name: items}, "count": len(items), "_links": {"self": self._link(path)}}

    def page(self, path: str, name: str, shown: list[Object], cursors: dict[str, str | None], query: str) -> Object:
        """One page of a list; `cursors` are the first ids of the previous and the next page."""
        links: dict[str, Any] = {"self": self._link(f"{path}?{query}")}
        for direction, cursor in cursors.items():
            links[direction] = cursor and self._link(f"{path}?from={cursor}&{query}")
        return {"_embedded": {name: shown}, "count": len(shown), "_links": links}

    def _payment_links(self, payment: Object) -> Object:
        at = f"/v2/payments/{payment['id']}"
        links = {"self": self._link(at), "dashboard": self._link(f"/change-state/{payment['id']}", TEXT)}
        if payment["status"] == "open":
            links["checkout"] = self._link(f"/checkout/{payment['id']}", TEXT)
        if payment["status"] in {"paid", "pending"}:
            links["changePaymentState"] = self._link(f"/change-state/{payment['id']}", TEXT)
        if payment["customerId"]:
            links["customer"] = self._link(f"/v2/customers/{payment['customerId']}")
        if payment["mandateId"]:
            links["mandate"] = self._link(f"/v2/customers/{payment['customerId']}/mandates/{payment['mandateId']}")
        if payment["status"] == "paid":
            links |= {name: self._link(f"{at}/{name}") for name in ("refunds", "chargebacks")}
        return links

    def _embedded(self, payment_id: str, embed: frozenset[str]) -> Object:
        embedded: Object = {}
        if "refunds" in embed:
            embedded["refunds"] = [self.refund(r) for r in self._provider.refunds.refunds(payment_id)]
        if "chargebacks" in embed:
            embedded["chargebacks"] = [self.chargeback(c) for c in self._provider.chargebacks.chargebacks(payment_id)]
        if "captures" in embed:
            embedded["captures"] = []
        return embedded

    def _link(self, path: str, kind: str = HAL) -> dict[str, str]:
        return {"href": f"{self._base}{path}", "type": kind}


def amount(cents: int) -> dict[str, str]:
    """An amount of either sign, with the two decimals of a sum that moved."""
    return {"currency": "EUR", "value": ("-" if cents < 0 else "") + euro_text(abs(cents))}


def _details(payment: Object) -> Object:
    """What the method says of a payment: the account to pay to, or what happened to a debit."""
    if payment["method"] == "banktransfer":
        return {
            "bankName": "Sandbox Bank",
            "bankAccount": TRANSFER_IBAN,
            "bankBic": _SANDBOX_BIC,
            "transferReference": payment["transferReference"],
        }
    if payment["method"] != "directdebit":
        return {}
    details: Object = {"transferReference": payment["transferReference"], "dueDate": payment["dueDate"]}
    if payment["failureReason"]:
        details["bankReasonCode"] = payment["failureReason"]
        details["bankReason"] = REASONS.get(payment["failureReason"], payment["failureReason"])
    return details
