"""The ways to pay that the sandbox plays, and what it charges: its own tables, to be changed by control calls.

The figures are plausible, not a price list: whoever keeps books takes a fee from the movement that carries it.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from api.rails.sandbox.store import Store

TRANSFER_IBAN = "BE68539007547034"
"""The provider's own account, to which a payer transfers: the textbook's number, which no bank gives out."""
_PARTS_PER_CENT = 100


@dataclass(frozen=True, slots=True)
class Method:
    """A way to pay: its cap, the TARGET days until its money is available, the days in which it can be refunded."""

    code: str
    label: str
    maximum_cents: int
    settlement_days: int
    refund_days: int
    expiry_minutes: int
    mandate: str | None = None


METHODS = {
    method.code: method
    for method in (
        Method("bancontact", "Bancontact", 150_000, 2, 180, 60, "directdebit"),
        Method("kbc", "KBC/CBC", 5_000_000, 2, 365, 60, "directdebit"),
        Method("belfius", "Belfius", 5_000_000, 2, 365, 60, "directdebit"),
        Method("ideal", "iDEAL", 5_000_000, 2, 365, 15, "directdebit"),
        Method("wero", "Wero", 5_000_000, 2, 365, 15),
        Method("creditcard", "Card", 1_000_000, 4, 365, 30, "creditcard"),
        Method("banktransfer", "Bank transfer", 100_000_000, 2, 365, 14 * 24 * 60),
        Method("directdebit", "SEPA direct debit", 100_000, 9, 365, 14 * 24 * 60),
    )
}
CHECKOUT = ("bancontact", "kbc", "belfius", "ideal", "wero", "creditcard", "banktransfer")
"""What a payer can choose; a direct debit needs a mandate and no choice."""

_FEES = {
    "bancontact": ("0.3900", "0"),
    "kbc": ("0.2500", "0.9000"),
    "belfius": ("0.2500", "0.9000"),
    "ideal": ("0.3200", "0"),
    "wero": ("0.3500", "0"),
    "creditcard": ("0.2500", "1.8000"),
    "banktransfer": ("0.2500", "0"),
    "directdebit": ("0.3500", "0"),
    "refund": ("0.2500", "0"),
    "chargeback": ("7.5000", "0"),
    "failed-payment": ("0.9500", "0"),
}


class Tariff:
    """Caps and fees as they now are."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def maximum_cents(self, code: str) -> int:
        """The most that one payment by this method may be."""
        told = self._store.get("limits", code)
        return METHODS[code].maximum_cents if told is None else int(told)

    def set_maximum(self, code: str, cents: int) -> None:
        """Change a method's cap."""
        self._store.put(("limits", METHODS[code].code, cents))

    def rate(self, kind: str) -> tuple[Decimal, Decimal]:
        """The fixed part in euros and the variable part in per cent."""
        fixed, percent = self._store.get("fees", kind) or _FEES[kind]
        return Decimal(fixed), Decimal(percent)

    def set_rate(self, kind: str, fixed: str, percent: str) -> None:
        """Change the fee of a method, of refunds, chargebacks or failed debits; decimals as text."""
        if kind not in _FEES:
            raise ValueError(f"no such fee: {kind}")
        self._store.put(("fees", kind, [str(Decimal(fixed)), str(Decimal(percent))]))

    def fee_parts(self, kind: str, cents: int) -> int:
        """The fee on an amount, in hundredths of a cent: cost lines carry four decimals."""
        fixed, percent = self.rate(kind)
        exact = fixed * 10_000 + Decimal(cents) * percent
        return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def cents_of_parts(parts: int) -> int:
    """Hundredths of a cent rounded half away from zero, as a deduction is at once.

    >>> cents_of_parts(3950), cents_of_parts(3949), cents_of_parts(-3950)
    (40, 39, -40)
    """
    return int((Decimal(parts) / _PARTS_PER_CENT).quantize(Decimal(1), ROUND_HALF_UP))


def fitting(tariff: Tariff, offered: list[str] | None, cents: int) -> list[str]:
    """The methods of an open payment that take its amount: those that were asked for, else all of the checkout page."""
    return [code for code in (offered or CHECKOUT) if cents <= tariff.maximum_cents(code)]
