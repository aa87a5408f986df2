"""Mollie's JSON to frozen values. What is not as documented raises `ValueError` or `KeyError`; the rail turns it into
an unknown outcome, never into a guess.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ledger.payments.bodies import cents_of, signed_cents_of
from ledger.payments.rail import (
    ProviderChargeback,
    ProviderMandate,
    ProviderMethod,
    ProviderMovement,
    ProviderPayment,
    ProviderRefund,
    ProviderSettlement,
    is_id_of,
)


def read_payment(raw: Mapping[str, Any], *, whole: bool = False) -> ProviderPayment:
    """A payment; with `whole`, its embedded refunds and chargebacks must account for what it says went back."""
    status = _text(raw["status"])
    paid_at = _instant(raw["paidAt"]) if raw.get("paidAt") else None
    if status == "paid" and paid_at is None:
        raise ValueError("paid without an instant")
    embedded = raw.get("_embedded", {})
    refunds = tuple(read_refund(refund) for refund in embedded.get("refunds", ()))
    chargebacks = tuple(read_chargeback(chargeback) for chargeback in embedded.get("chargebacks", ()))
    if whole and not refunds and _cents(raw.get("amountRefunded")):
        raise ValueError("refunded without refunds")
    if whole and not chargebacks and _cents(raw.get("amountChargedBack")):
        raise ValueError("charged back without chargebacks")
    return ProviderPayment(
        provider_id=_id("payment", raw["id"]),
        status=status,
        amount_cents=cents_of(raw["amount"]["value"]),
        currency=_text(raw["amount"]["currency"]),
        mode=_text(raw["mode"]),
        created_at=_instant(raw["createdAt"]),
        paid_at=paid_at,
        checkout_url=(raw.get("_links", {}).get("checkout") or {}).get("href"),
        charged_back_cents=_cents(raw.get("amountChargedBack")),
        metadata=_metadata(raw.get("metadata")),
        refunds=refunds,
        method=_text(raw["method"]) if raw.get("method") else None,
        chargebacks=chargebacks,
    )


def read_refund(raw: Mapping[str, Any]) -> ProviderRefund:
    """A refund."""
    return ProviderRefund(
        provider_id=_id("refund", raw["id"]),
        payment_provider_id=_id("payment", raw["paymentId"]),
        status=_text(raw["status"]),
        amount_cents=cents_of(raw["amount"]["value"]),
        currency=_text(raw["amount"]["currency"]),
        created_at=_instant(raw["createdAt"]),
        metadata=_metadata(raw.get("metadata")),
    )


def read_chargeback(raw: Mapping[str, Any]) -> ProviderChargeback:
    """A chargeback; only a bank's has a reason code."""
    reason = raw.get("reason") or {}
    return ProviderChargeback(
        provider_id=_id("chargeback", raw["id"]),
        payment_provider_id=_id("payment", raw["paymentId"]),
        amount_cents=cents_of(raw["amount"]["value"]),
        currency=_text(raw["amount"]["currency"]),
        created_at=_instant(raw["createdAt"]),
        reversed_at=_instant(raw["reversedAt"]) if raw.get("reversedAt") else None,
        reason_code=_text(reason["code"]) if reason.get("code") else None,
    )


def read_customer_id(raw: Mapping[str, Any]) -> str:
    """The id of a customer, of whom nothing else is kept here."""
    return _id("customer", raw["id"])


def read_mandate(raw: Mapping[str, Any], customer_provider_id: str) -> ProviderMandate:
    """A mandate, asked for under its customer: it does not name them itself."""
    return ProviderMandate(
        provider_id=_id("mandate", raw["id"]),
        customer_provider_id=customer_provider_id,
        status=_text(raw["status"]),
        reference=_text(raw["mandateReference"]) if raw.get("mandateReference") else None,
    )


def read_method(raw: Mapping[str, Any]) -> ProviderMethod:
    """A way to pay; one without a largest amount has none."""
    maximum = raw.get("maximumAmount")
    return ProviderMethod(
        code=_text(raw["id"]),
        minimum_cents=cents_of(raw["minimumAmount"]["value"]),
        maximum_cents=cents_of(maximum["value"]) if maximum else None,
    )


def read_settlement(raw: Mapping[str, Any]) -> ProviderSettlement:
    """A settlement; the one that is still filling has no reference yet."""
    return ProviderSettlement(
        provider_id=_id("settlement", raw["id"]),
        reference=_text(raw.get("reference") or ""),
        status=_text(raw["status"]),
        amount_cents=_signed_euro(raw["amount"]),
        created_at=_instant(raw["createdAt"]),
        settled_at=_instant(raw["settledAt"]) if raw.get("settledAt") else None,
    )


def read_movement(raw: Mapping[str, Any]) -> ProviderMovement:
    """A balance transaction; what is deducted stands there with a minus sign, and the three amounts must agree."""
    initial, result = _signed_euro(raw["initialAmount"]), _signed_euro(raw["resultAmount"])
    deducted = -_signed_euro(raw["deductions"]) if raw.get("deductions") else 0
    if result != initial - deducted:
        raise ValueError("a movement whose amounts do not agree")
    about = _flat(raw.get("context") or {})
    return ProviderMovement(
        provider_id=_id("movement", raw["id"]),
        kind=_text(raw["type"]),
        initial_cents=initial,
        deduction_cents=deducted,
        result_cents=result,
        created_at=_instant(raw["createdAt"]),
        payment_provider_id=about.get("paymentId"),
        refund_provider_id=about.get("refundId"),
        chargeback_provider_id=about.get("chargebackId"),
        settlement_provider_id=about.get("settlementId"),
    )


def read_balance_cents(raw: Mapping[str, Any]) -> int:
    """What a balance holds, whether or not it may be paid out yet."""
    return _signed_euro(raw["availableAmount"]) + _signed_euro(raw["pendingAmount"])


def _flat(context: Mapping[str, Any]) -> dict[str, str]:
    """What a movement is about: texts by name, whether they stand at once or under the name of the kind."""
    inner = [value for value in context.values() if isinstance(value, Mapping)]
    merged = {name: value for part in (context, *inner) for name, value in part.items()}
    return {name: value for name, value in merged.items() if isinstance(value, str)}


def _signed_euro(amount: Mapping[str, Any]) -> int:
    if amount["currency"] != "EUR":
        raise ValueError("an amount in another currency")
    return signed_cents_of(amount["value"])


def _id(kind: str, value: object) -> str:
    text = _text(value)
    if not is_id_of(kind, text):
        raise ValueError(f"not the form of a {kind}'s id")
    return text


def _cents(amount: Mapping[str, Any] | None) -> int:
    return cents_of(amount["value"]) if amount else 0


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone")
    return instant


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _metadata(value: object) -> dict[str, str]:
    """The metadata as texts; what others put there in another form is not ours."""
    if not isinstance(value, Mapping):
        return {}
    return {name: text for name, text in value.items() if isinstance(name, str) and isinstance(text, str)}
