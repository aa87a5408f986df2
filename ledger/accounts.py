"""The chart of accounts and how an account is named.

An account is one (code, owner, asset). Its text is `489100:c17`, code and owner; the same text with another asset is
another account. An owner is an opaque token (`c…` citizen, `e…` enterprise, `o…` offer, `l…` loan,
`n…` bond series) and never a name.
The chart, `chart.toml`, is in Belgian minimum-chart style (royal decree of 21 October 2018, annex 4); its rows are
found by the longest prefix of a code.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple, Self

from typing_extensions import override

from ledger.errors import Refusal

_CODE = re.compile(r"[0-9]{2,10}")
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Kind(StrEnum):
    """What an account stands for; `MEMO` accounts (class 0) come in pairs and stand outside the balance sheet."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"
    MEMO = "memo"


class Side(StrEnum):
    """The side on which an account's balance normally stands."""

    DEBIT = "debit"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One row of the chart: `names` by language; `floor` and `ceiling` are declared on the normal side, in minor units.

    `personal`: the owner is a person or an enterprise, so its lines are committed under that owner's own key.
    `exchange`: a trading account, through which one asset is given for another.
    """

    prefix: str
    names: Mapping[str, str]
    kind: Kind
    normal_side: Side
    personal: bool
    floor: int | None
    ceiling: int | None
    exchange: bool = False

    @property
    def minimum(self) -> int | None:
        """Smallest allowed signed balance (debit minus credit), if any."""
        return self.floor if self.normal_side is Side.DEBIT else _negated(self.ceiling)

    @property
    def maximum(self) -> int | None:
        """Largest allowed signed balance (debit minus credit), if any."""
        return self.ceiling if self.normal_side is Side.DEBIT else _negated(self.floor)


class _Identity(NamedTuple):
    code: str
    owner: str = ""
    asset: str = "EUR"


class AccountRef(_Identity):
    """The identity of an account: a tuple, since posting looks accounts up more often than it does anything else.

    >>> AccountRef.parse("489100:c17", "EUR")
    AccountRef(code='489100', owner='c17', asset='EUR')
    >>> str(AccountRef("550100"))
    '550100'
    """

    __slots__ = ()

    def __new__(cls, code: str, owner: str = "", asset: str = "EUR") -> Self:
        """Refuses `account-malformed`."""
        if not _CODE.fullmatch(code) or not (owner == "" or _OWNER.fullmatch(owner)):
            raise Refusal("account-malformed", account=_text(code, owner))
        return super().__new__(cls, code, owner, asset)

    @override
    def __str__(self) -> str:
        return _text(self.code, self.owner)

    @classmethod
    def known(cls, code: str, owner: str, asset: str) -> "AccountRef":
        """An account that stands already: what was checked when it was opened is not checked again."""
        return super().__new__(cls, code, owner, asset)

    @property
    def personal(self) -> bool:
        """Whether its lines are committed under its owner's own key; refuses `account-not-in-chart`."""
        return bool(self.owner) and chart_row(self.code).personal

    @classmethod
    def parse(cls, text: str, asset: str = "EUR") -> "AccountRef":
        """The account written `text`; refuses `account-malformed`."""
        code, separator, owner = text.partition(":")
        if separator and not owner:
            raise Refusal("account-malformed", account=text)
        return cls(code, owner, asset)


@lru_cache(maxsize=10_000)
def chart_row(code: str) -> ChartRow:
    """The chart's row for an account `code`, by longest prefix; refuses `account-not-in-chart`."""
    rows = chart()
    for length in range(len(code), 0, -1):
        if code[:length] in rows:
            return rows[code[:length]]
    raise Refusal("account-not-in-chart", account=code)


@cache
def chart() -> Mapping[str, ChartRow]:
    """The chart by prefix, in the order of the file."""
    table = tomllib.loads(files("ledger").joinpath("chart.toml").read_text("utf-8"))
    return {prefix: _row(prefix, row) for prefix, row in table.items()}


def _text(code: str, owner: str) -> str:
    return f"{code}:{owner}" if owner else code


def _row(prefix: str, row: Mapping[str, str | int | bool]) -> ChartRow:
    floor, ceiling = row.get("floor"), row.get("ceiling")
    return ChartRow(
        prefix=prefix,
        names={language: str(row[language]) for language in ("fr", "nl", "en")},
        kind=Kind(str(row["kind"])),
        normal_side=Side(str(row["side"])),
        personal=bool(row.get("personal", False)),
        floor=None if floor is None else int(floor),
        ceiling=None if ceiling is None else int(ceiling),
        exchange=bool(row.get("exchange", False)),
    )


def _negated(value: int | None) -> int | None:
    return None if value is None else -value
