"""Mollie's JSON to frozen values. What is not as documented raises `ValueError` or `KeyError`; the rail turns it into
an unknown outcome, never into a guess.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ledger.payments.bodies import cents_of
from ledger.payments.rail import ProviderPayment, ProviderRefund, is_payment_id, is_refund_id


def read_payment(raw: Mapping[str, Any], *, whole: bool = False) -> ProviderPayment:
    """A payment; with `whole`, its embedded refunds must account for what it says was refunded."""
    if not is_payment_id(raw["id"]):
        raise ValueError("not the form of a payment's id")
    status = _text(raw["status"])
    paid_at = _instant(raw["paidAt"]) if raw.get("paidAt") else None
    if status == "paid" and paid_at is None:
        raise ValueError("paid without an instant")
    refunds = tuple(read_refund(refund) for refund in raw.get("_embedded", {}).get("refunds", ()))
    if whole and not refunds and _cents(raw.get("amountRefunded")):
        raise ValueError("refunded without refunds")
    return ProviderPayment(
        provider_id=raw["id"],
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
    )


def read_refund(raw: Mapping[str, Any]) -> ProviderRefund:
    """A refund."""
    if not is_refund_id(raw["id"]) or not is_payment_id(raw["paymentId"]):
        raise ValueError("not the form of a refund's or a payment's id")
    return ProviderRefund(
        provider_id=raw["id"],
        payment_provider_id=raw["paymentId"],
        status=_text(raw["status"]),
        amount_cents=cents_of(raw["amount"]["value"]),
        currency=_text(raw["amount"]["currency"]),
        created_at=_instant(raw["createdAt"]),
        metadata=_metadata(raw.get("metadata")),
    )


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
