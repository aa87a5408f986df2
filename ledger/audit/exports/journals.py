"""The book for hledger and for ledger (ledger-cli 3), whose journals have one shape and differ in small print.

Commodities and accounts are declared, so that strict checks pass. The file ends with an entry of empty postings, one an
account, whose balance assertions make `hledger check --strict` and `ledger --strict --pedantic` recompute everything.
Both programs check an assertion after all that stands before it with the same or an earlier date.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol, TextIO

import sqlalchemy as sa

from ledger.audit.exports.naming import decimal_text, hledger_account
from ledger.audit.exports.reading import posting_entries
from ledger.balances import asset_scales, first_posting_dates, trial_balance

_BEGINNING = date(1900, 1, 1)
_TYPES = {"Assets": "A", "Liabilities": "L", "Income": "R", "Expenses": "X", "Equity": "E"}


class _Dialect(Protocol):
    """What the two programs write differently."""

    def declarations(self, scales: Mapping[str, int], accounts: Iterable[str]) -> Iterator[str]:
        """The lines before the first entry."""
        ...

    def amount(self, minor: int, asset: str, scale: int) -> str:
        """An amount and its commodity; a code with digits or hyphens needs its quotes."""
        ...

    def text(self, text: str) -> str:
        """A description or the value of a tag, with no character that the program gives a meaning."""
        ...


def write_hledger(connection: sa.Connection, book_id: str, out: TextIO) -> int:
    """Write the book for hledger; returns the number of entries."""
    return _Journal(connection, book_id, _Hledger(), out).write()


def write_ledger(connection: sa.Connection, book_id: str, out: TextIO) -> int:
    """Write the book for ledger; returns the number of entries."""
    return _Journal(connection, book_id, _Ledger(), out).write()


class _Hledger:
    """A semicolon would begin a comment, a comma end a tag, a bar split payee and note."""

    _FULL_WIDTH = str.maketrans(";,|", "\uff1b\uff0c\uff5c")

    def declarations(self, scales: Mapping[str, int], accounts: Iterable[str]) -> Iterator[str]:
        yield from (f"commodity {self.amount(0, asset, scale)}\n" for asset, scale in scales.items())
        yield from (f"account {name}  ; type: {_TYPES[name.partition(':')[0]]}\n" for name in accounts)

    def amount(self, minor: int, asset: str, scale: int) -> str:
        """The decimal mark is there even without decimals, so that it is never in doubt."""
        return f'{decimal_text(minor, scale)}{"" if scale else "."} "{asset}"'

    def text(self, text: str) -> str:
        return text.translate(self._FULL_WIDTH)


class _Ledger:
    """A semicolon would begin a note, and a bracket in a note a second date."""

    _FULL_WIDTH = str.maketrans(";|[]", "\uff1b\uff5c\uff3b\uff3d")

    def declarations(self, scales: Mapping[str, int], accounts: Iterable[str]) -> Iterator[str]:
        for asset, scale in scales.items():
            yield f'commodity "{asset}"\n    format {self.amount(10 ** (scale + 3), asset, scale)}\n'
        yield from (f"account {name}\n" for name in accounts)
        yield "tag key\n"

    def amount(self, minor: int, asset: str, scale: int) -> str:
        return f'{decimal_text(minor, scale)} "{asset}"'

    def text(self, text: str) -> str:
        return text.translate(self._FULL_WIDTH)


@dataclass(frozen=True)
class _Journal:
    """One journal on its way to a file."""

    connection: sa.Connection
    book_id: str
    dialect: _Dialect
    out: TextIO

    def write(self) -> int:
        scales = asset_scales(self.connection, self.book_id)
        opened = first_posting_dates(self.connection, self.book_id)
        names = dict.fromkeys(hledger_account(account) for account in sorted(opened))
        self.out.writelines(self.dialect.declarations(scales, names))
        count, last_on = self._write_entries(scales)
        self._write_assertions(scales, last_on)
        return count

    def _write_entries(self, scales: Mapping[str, int]) -> tuple[int, date]:
        text, amount = self.dialect.text, self.dialect.amount
        count, last_on = 0, _BEGINNING
        for entry in posting_entries(self.connection, self.book_id):
            count += 1
            last_on = max(last_on, entry.effective_on)
            self.out.write(
                f"\n{entry.effective_on} * ({entry.n}) {text(entry.purpose)}\n    ; key: {text(entry.key)}\n"
            )
            for line in entry.lines:
                asset = line.account.asset
                signed = amount(line.debit - line.credit, asset, scales[asset])
                self.out.write(f"    {hledger_account(line.account)}  {signed}\n")
        return count, last_on

    def _write_assertions(self, scales: Mapping[str, int], last_on: date) -> None:
        rows = trial_balance(self.connection, self.book_id)
        if rows:
            self.out.write(f"\n{last_on} * balances as the record states them\n")
        for row in rows:
            asset = row.account.asset
            zero, balance = (self.dialect.amount(minor, asset, scales[asset]) for minor in (0, row.signed))
            self.out.write(f"    {hledger_account(row.account)}  {zero} = {balance}\n")
