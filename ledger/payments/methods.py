"""By which ways a payment can be made: dated rows of `methods.toml`, chosen by kind, amount and day."""

import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files


class PaymentKind(StrEnum):
    """What is paid: a lender's pledge, a borrower's due, or a due that is debited under a mandate."""

    PLEDGE = "pledge"
    DUE = "due"
    DEBIT = "debit"


@dataclass(frozen=True, slots=True)
class Method:
    """A way to pay; `code` is the provider's. No `maximum_cents` means no limit of ours."""

    code: str
    kinds: frozenset[PaymentKind]
    minimum_cents: int
    source: str
    valid_from: date
    maximum_cents: int | None = None
    app_maximum_cents: int | None = None
    past_provider: bool = False


def offered(
    kind: PaymentKind, amount_cents: int, on: date, *, without: Collection[str] = (), by_transfer: bool = True
) -> list[Method]:
    """The ways in which an amount can be paid on a day, in the order in which they are shown.

    `without` are codes that the provider has not switched on. Not `by_transfer`: there is no client account.

    >>> [method.code for method in offered(PaymentKind.DEBIT, 100_000, date(2026, 12, 1))]
    ['directdebit']
    >>> offered(PaymentKind.DEBIT, 100_001, date(2026, 12, 1))
    []
    """
    return [
        method
        for method in methods_on(on)
        if kind in method.kinds
        and method.code not in without
        and (by_transfer or not method.past_provider)
        and method.minimum_cents <= amount_cents
        and (method.maximum_cents is None or amount_cents <= method.maximum_cents)
    ]


def at_provider(methods: Sequence[Method]) -> list[str]:
    """The codes among which the provider's page lets a payer choose."""
    return [method.code for method in methods if not method.past_provider]


def methods_on(on: date) -> list[Method]:
    """The row of each method that holds on a day, in the order of the file."""
    held: dict[str, Method] = {}
    for method in _rows():
        if method.valid_from <= on and (method.code not in held or method.valid_from > held[method.code].valid_from):
            held[method.code] = method
    return list(held.values())


@cache
def _rows() -> tuple[Method, ...]:
    rows = tomllib.loads((files("ledger.payments") / "methods.toml").read_text("utf-8"))["method"]
    return tuple(Method(**row | {"kinds": frozenset(map(PaymentKind, row["kinds"]))}) for row in rows)
