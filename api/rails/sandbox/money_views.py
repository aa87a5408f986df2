"""Balances, their transactions and settlements as the provider's documents: cents moved, costs in four decimals."""

from collections import defaultdict
from typing import Any

from api.rails.sandbox.balance import BALANCE_ID
from api.rails.sandbox.checks import Object
from api.rails.sandbox.methods import METHODS
from api.rails.sandbox.provider import Provider
from api.rails.sandbox.views import HAL, amount

_REVENUES = {"refund": "Refunds", "returned-refund": "Returned refunds", "chargeback": "Chargebacks"}


class MoneyViews:
    """Documents for one base address."""

    def __init__(self, provider: Provider, base: str) -> None:
        self._provider = provider
        self._base = base

    def balance(self) -> Object:
        """The one balance of the organisation."""
        balance = self._provider.balance
        pending = balance.pending_cents()
        at = f"{self._base}/v2/balances/{BALANCE_ID}"
        return {
            "resource": "balance",
            "id": BALANCE_ID,
            "mode": "live",
            "currency": "EUR",
            "description": "Primary",
            "status": "active",
            "transferFrequency": "daily",
            "availableAmount": amount(balance.total_cents() - pending),
            "pendingAmount": amount(pending),
            "_links": {"self": {"href": at, "type": HAL}},
        }

    def movement(self, movement: Object) -> Object:
        """A movement of the balance."""
        document: Object = {
            "resource": "balance_transaction",
            "id": movement["id"],
            "type": movement["type"],
            "resultAmount": amount(movement["result_cents"]),
            "initialAmount": amount(movement["initial_cents"]),
            "createdAt": movement["createdAt"],
            "context": movement["context"],
        }
        if movement["deduction_cents"]:
            document["deductions"] = amount(movement["deduction_cents"])
        return document

    def settlement(self, settlement: Object) -> Object:
        """A settlement with what it is made of, month by month."""
        at = f"{self._base}/v2/settlements/{settlement['id']}"
        links = {name: {"href": f"{at}/{name}", "type": HAL} for name in ("payments", "refunds", "chargebacks")}
        return {
            "resource": "settlement",
            "id": settlement["id"],
            "reference": settlement["reference"],
            "createdAt": settlement["createdAt"],
            "settledAt": settlement["settledAt"],
            "status": settlement["status"],
            "amount": amount(settlement["amount_cents"]),
            "balanceId": BALANCE_ID,
            "periods": self._periods(settlement),
            "_links": {"self": {"href": at, "type": HAL}} | links,
        }

    def _periods(self, settlement: Object) -> Object:
        months: dict[tuple[str, str], list[Object]] = defaultdict(list)
        for movement in self._provider.settlements.movements_of(settlement):
            year, month = movement["createdAt"][:7].split("-")
            months[year, month].append(movement)
        periods: dict[str, dict[str, Any]] = defaultdict(dict)
        for (year, month), movements in sorted(months.items()):
            periods[year][month] = {
                "revenue": self._revenue(movements),
                "costs": self._costs(movements),
                "invoiceId": None,
            }
        return dict(periods)

    def _revenue(self, movements: list[Object]) -> list[Object]:
        groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        for movement in movements:
            kind = str(movement["type"])
            code = str(movement["fee"]) if kind == "payment" else kind
            label = METHODS[code].label if kind == "payment" else _REVENUES.get(kind, kind)
            groups[label, code].append(movement["initial_cents"] * 100)
        return [
            {
                "description": label,
                "method": code,
                "count": len(parts),
                "amountNet": exact(sum(parts)),
                "amountVat": None,
                "amountGross": exact(sum(parts)),
            }
            for (label, code), parts in groups.items()
        ]

    def _costs(self, movements: list[Object]) -> list[Object]:
        groups: dict[str, list[int]] = defaultdict(list)
        for movement in movements:
            if movement["fee"]:
                groups[movement["fee"]].append(movement["fee_parts"])
        lines = []
        for code, parts in groups.items():
            fixed, percent = self._provider.tariff.rate(code)
            rate = {"fixed": {"currency": "EUR", "value": f"{fixed:.4f}"}, "percentage": f"{percent:.4f}"}
            total = exact(sum(parts))
            label = METHODS[code].label if code in METHODS else _REVENUES.get(code, code)
            line = {"description": label, "method": code, "count": len(parts), "rate": rate}
            lines.append(line | {"amountNet": total, "amountVat": None, "amountGross": total})
        return lines


def exact(parts: int) -> dict[str, str]:
    """An amount in hundredths of a cent, with four decimals.

    >>> exact(-59653)["value"]
    '-5.9653'
    """
    whole, rest = divmod(abs(parts), 10_000)
    return {"currency": "EUR", "value": f"{'-' if parts < 0 else ''}{whole}.{rest:04d}"}
