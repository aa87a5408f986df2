"""What a replay remembers of an account, of a line on it, and of a hold."""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

AccountName = tuple[str, str]
Side = tuple[AccountName, bool]
"""An account and a side of it; true is the debit side."""


@dataclass(slots=True)
class Account:
    """What the entries so far have made of one account, the `number`th that was opened."""

    name: AccountName
    number: int
    minimum: int | None
    maximum: int | None
    posted: int = 0
    postings: int = 0
    chained: bool = False
    last: bytes = b""
    held_debit: int = 0
    held_credit: int = 0
    version: int = 1
    closed: bool = False

    def free(self, *, debit_side: bool, amount: int) -> None:
        """Reserve `amount` less on one side."""
        if debit_side:
            self.held_debit -= amount
        else:
            self.held_credit -= amount


class Leg(NamedTuple):
    """One line of a posting on an account that is open: debit or minus credit, its chain, its commitment."""

    account: Account
    signed: int
    v: int | None
    prev: str | None
    committed: bytes


@dataclass(slots=True)
class Hold:
    """What a hold still reserves, and the instant at which it expires, if any.

    Of one with closed lines nobody knows when nothing is left: it stays until an entry says that it ends.
    """

    remaining: Counter[Side]
    expires: str
    partly_closed: bool = False
