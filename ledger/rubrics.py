"""The forms of the Belgian annual accounts: which rubric an account belongs to, and what a form's lines come to.

A form (`rubrics.toml`) is a list of rubrics in the order in which they are printed. A leaf takes accounts by the
longest prefix of their code; a total adds and deducts other rubrics. All is pure: codes and signed balances in, amounts
out.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ledger.accounts import Side
from ledger.errors import InvariantError

LANGUAGES = ("fr", "nl", "en")


@dataclass(frozen=True, slots=True)
class Rubric:
    """One line of a form: a leaf has a `side`, on which its amount is positive; a total has `plus` and `minus`.

    `part` is the half of the form it stands in, `level` its depth (0 for the totals that must agree).
    """

    code: str
    part: str
    names: Mapping[str, str]
    level: int
    side: Side | None
    accounts: tuple[str, ...]
    turned: tuple[str, ...]
    plus: tuple[str, ...]
    minus: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One printed line: `names` by language, `amount_cents` positive on the rubric's own side."""

    code: str
    names: Mapping[str, str]
    amount_cents: int
    level: int


@dataclass(frozen=True)
class Form:
    """The rubrics of one statement, by code in printed order, and the account prefixes that lead to its leaves."""

    rubrics: Mapping[str, Rubric]
    accounts: Mapping[str, str]
    turned: Mapping[str, str]

    def rubric_of(self, account_code: str, signed: int) -> str:
        """The leaf for an account with this signed balance (debits minus credits); no account of the form is a defect.

        >>> balance_sheet_form().rubric_of("400000", 5), balance_sheet_form().rubric_of("400000", -5)
        ('40', '47/48')
        """
        prefixes = (account_code[:length] for length in range(len(account_code), 0, -1))
        prefix = next((prefix for prefix in prefixes if prefix in self.accounts), "")
        if not prefix:
            raise InvariantError(f"no rubric takes account {account_code}")
        code = self.accounts[prefix]
        is_on_its_side = signed * _sign(self.rubrics[code].side) >= 0
        return code if is_on_its_side else self.turned.get(prefix, code)

    def amounts(self, balances: Iterable[tuple[str, int]], *, given: Mapping[str, int] | None = None) -> dict[str, int]:
        """The amount of every rubric, in order, from (account code, signed balance), one pair per account.

        `given` holds amounts of leaves that take no account of their own.
        """
        leaves: dict[str, int] = defaultdict(int, given or {})
        for account_code, signed in balances:
            code = self.rubric_of(account_code, signed)
            leaves[code] += signed * _sign(self.rubrics[code].side)
        return {code: self._amount(rubric, leaves) for code, rubric in self.rubrics.items()}

    def rows(self, amounts: Mapping[str, int], part: str) -> tuple[Row, ...]:
        """The lines of one part of the form."""
        return tuple(Row(r.code, r.names, amounts[r.code], r.level) for r in self.rubrics.values() if r.part == part)

    def _amount(self, rubric: Rubric, leaves: Mapping[str, int]) -> int:
        if rubric.side is not None:
            return leaves.get(rubric.code, 0)
        added = sum(self._amount(self.rubrics[code], leaves) for code in rubric.plus)
        return added - sum(self._amount(self.rubrics[code], leaves) for code in rubric.minus)


@cache
def balance_sheet_form() -> Form:
    """The abbreviated balance sheet: parts `assets` and `liabilities`."""
    return _form("balance-sheet")


@cache
def income_statement_form() -> Form:
    """The abbreviated income statement: parts `result` and `appropriation`."""
    return _form("income-statement")


def _form(name: str) -> Form:
    table = tomllib.loads(files("ledger").joinpath("rubrics.toml").read_text("utf-8"))[name]
    rubrics = [_rubric(part, row) for part, rows in table.items() for row in rows]
    return Form(
        rubrics={rubric.code: rubric for rubric in rubrics},
        accounts={prefix: rubric.code for rubric in rubrics for prefix in rubric.accounts},
        turned={prefix: rubric.code for rubric in rubrics for prefix in rubric.turned},
    )


def _rubric(part: str, row: Mapping[str, Any]) -> Rubric:
    return Rubric(
        code=row["code"],
        part=part,
        names={language: row[language] for language in LANGUAGES},
        level=row["level"],
        side=Side(row["side"]) if "side" in row else None,
        accounts=tuple(row.get("accounts", ())),
        turned=tuple(row.get("turned", ())),
        plus=tuple(row.get("plus", ())),
        minus=tuple(row.get("minus", ())),
    )


def _sign(side: Side | None) -> int:
    return 1 if side is Side.DEBIT else -1
