"""What the reason code of an order that failed asks for: dated data, with its source beside every row."""

import tomllib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any


class OrderKind(StrEnum):
    """Whose codes: a code can ask for one thing of a transfer and for another of a debit."""

    TRANSFER = "transfer"
    DEBIT = "debit"


class Action(StrEnum):
    """What follows from a failed order."""

    RETRY = "retry"
    ASK_ACCOUNT = "ask-account"
    BLOCK = "block"
    LOOK = "look"


@dataclass(frozen=True, slots=True)
class Reason:
    """One row: what a code means and asks for, from `valid_from` until the next row of the same code."""

    kind: OrderKind
    code: str
    action: Action
    meaning: str
    source: str
    confidence: str
    status: str
    valid_from: date


def action_for(kind: OrderKind, code: str, on: date) -> Action:
    """What a code asks for on a date; a code that no row knows then is for a person to look at.

    >>> action_for(OrderKind.DEBIT, "AM04", date(2026, 12, 1)).value
    'retry'
    >>> action_for(OrderKind.TRANSFER, "ZZ99", date(2026, 12, 1)).value
    'look'
    """
    rows = [row for row in reasons() if (row.kind, row.code) == (kind, code) and row.valid_from <= on]
    return max(rows, key=lambda row: row.valid_from).action if rows else Action.LOOK


@cache
def reasons() -> tuple[Reason, ...]:
    """Every row."""
    text = (files("ledger.payments") / "return_reasons.toml").read_text("utf-8")
    return tuple(_reason(row) for row in tomllib.loads(text)["reason"])


def _reason(row: dict[str, Any]) -> Reason:
    return Reason(**{**row, "kind": OrderKind(row["kind"]), "action": Action(row["action"])})
