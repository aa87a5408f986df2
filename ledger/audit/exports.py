"""The book in the languages of other ledgers, so that programs nobody here wrote can check it: beancount, hledger, CSV.

Every posting entry is written once, in booking order, with its number and fact key. The plain-text formats end with one
balance assertion per account, so `bean-check` and `hledger check` recompute every balance; CSV holds one posting a row,
in minor units.

An account becomes `Root:code:owner`, where the root is the chart's kind. Class 0 (memo) accounts come under Equity, the
only root of the five that says neither possession nor debt.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TextIO

import sqlalchemy as sa

from ledger.accounts import AccountRef, Kind, chart_row
from ledger.balances import PostedLine, asset_scales, entries, first_posting_dates, trial_balance

FORMATS = ("beancount", "hledger", "csv")
_ROOTS = {
    Kind.ASSET: "Assets",
    Kind.LIABILITY: "Liabilities",
    Kind.INCOME: "Income",
    Kind.EXPENSE: "Expenses",
    Kind.MEMO: "Equity",
}
_HLEDGER_TYPES = {"Assets": "A", "Liabilities": "L", "Income": "R", "Expenses": "X", "Equity": "E"}
_FULL_WIDTH = str.maketrans(";,|", "\uff1b\uff0c\uff5c")
_PAGE = 500
CSV_COLUMNS = ("entry", "line", "effective_on", "key", "purpose", "account", "asset", "scale", "debit", "credit")


def write_export(connection: sa.Connection, book_id: str, export_format: str, out: TextIO) -> int:
    """Write the whole book in one of `FORMATS`, read in pages; returns the number of entries written."""
    writers = {"beancount": _write_beancount, "hledger": _write_hledger, "csv": _write_csv}
    return writers[export_format](connection, book_id, out)


def beancount_account(account: AccountRef) -> str:
    """The account's name in beancount: its parts begin with a capital or a digit and hold letters, digits and hyphens.

    >>> beancount_account(AccountRef("489100", "c17"))
    'Liabilities:489100:O-c17'
    """
    return _root(account) + f":{account.code}" + (f":O-{_escaped(account.owner)}" if account.owner else "")


def hledger_account(account: AccountRef) -> str:
    """The account's name in hledger.

    >>> hledger_account(AccountRef("489100", "c17"))
    'Liabilities:489100:c17'
    """
    return _root(account) + f":{account.code}" + (f":{account.owner}" if account.owner else "")


def _write_beancount(connection: sa.Connection, book_id: str, out: TextIO) -> int:
    scales = asset_scales(connection, book_id)
    out.write(f'option "title" "{book_id}"\n')
    out.writelines(f'1900-01-01 commodity {code}\n  precision: "{scale}"\n' for code, scale in sorted(scales.items()))
    opened = first_posting_dates(connection, book_id)
    assets: dict[str, list[AccountRef]] = {}
    for account in sorted(opened):
        assets.setdefault(beancount_account(account), []).append(account)
    for name, accounts in assets.items():
        first_on = min(opened[account] for account in accounts)
        commodities = ",".join(account.asset for account in accounts)
        out.write(f'{first_on} open {name} {commodities}\n  account: "{accounts[0]}"\n')
    count = 0
    last_on = date(1900, 1, 1)
    for entry in _all_entries(connection, book_id):
        count += 1
        last_on = max(last_on, entry.effective_on)
        out.write(
            f"\n{entry.effective_on} * {_quoted(entry.purpose)}\n  entry: {entry.n}\n  key: {_quoted(entry.key)}\n"
        )
        for line in entry.lines:
            amount = _decimal(line.debit - line.credit, scales[line.account.asset])
            out.write(f"  {beancount_account(line.account)}  {amount} {line.account.asset}\n")
    if count:
        out.write("\n")
    asserted_on = last_on + timedelta(days=1)
    for row in trial_balance(connection, book_id):
        amount = _decimal(row.debit - row.credit, scales[row.account.asset])
        out.write(f"{asserted_on} balance {beancount_account(row.account)}  {amount} ~ 0 {row.account.asset}\n")
    return count


def _write_hledger(connection: sa.Connection, book_id: str, out: TextIO) -> int:
    scales = asset_scales(connection, book_id)
    out.writelines(f"commodity {_hledger_amount(0, code, scale)}\n" for code, scale in sorted(scales.items()))
    names = dict.fromkeys(hledger_account(account) for account in sorted(first_posting_dates(connection, book_id)))
    out.writelines(f"account {name}  ; type: {_HLEDGER_TYPES[name.partition(':')[0]]}\n" for name in names)
    count = 0
    last_on = date(1900, 1, 1)
    for entry in _all_entries(connection, book_id):
        count += 1
        last_on = max(last_on, entry.effective_on)
        out.write(f"\n{entry.effective_on} * ({entry.n}) {_hledger_text(entry.purpose)}\n")
        out.write(f"    ; key: {_hledger_text(entry.key)}\n")
        for line in entry.lines:
            amount = _hledger_amount(line.debit - line.credit, line.account.asset, scales[line.account.asset])
            out.write(f"    {hledger_account(line.account)}  {amount}\n")
    rows = trial_balance(connection, book_id)
    if rows:
        out.write(f"\n{last_on} * balances as the ledger states them\n")
    for row in rows:
        scale = scales[row.account.asset]
        zero = _hledger_amount(0, row.account.asset, scale)
        balance = _hledger_amount(row.debit - row.credit, row.account.asset, scale)
        out.write(f"    {hledger_account(row.account)}  {zero} = {balance}\n")
    return count


def _write_csv(connection: sa.Connection, book_id: str, out: TextIO) -> int:
    scales = asset_scales(connection, book_id)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    count = 0
    for entry in _all_entries(connection, book_id):
        count += 1
        for line in entry.lines:
            account = line.account
            named = (entry.n, line.line, entry.effective_on.isoformat(), entry.key, entry.purpose)
            writer.writerow((*named, str(account), account.asset, scales[account.asset], line.debit, line.credit))
    return count


@dataclass(frozen=True, slots=True)
class _Entry:
    """A posting entry, whose date, key and purpose are certain."""

    n: int
    effective_on: date
    key: str
    purpose: str
    lines: Sequence[PostedLine]


def _all_entries(connection: sa.Connection, book_id: str) -> Iterator[_Entry]:
    """Every posting entry in booking order, read page by page."""
    first_n = 0
    while page := entries(connection, book_id, first_n=first_n, limit=_PAGE):
        for entry in page:
            if entry.effective_on is not None and entry.key is not None and entry.purpose is not None:
                yield _Entry(entry.n, entry.effective_on, entry.key, entry.purpose, entry.lines)
        first_n = page[-1].n + 1


def _root(account: AccountRef) -> str:
    return _ROOTS[chart_row(account.code).kind]


def _escaped(owner: str) -> str:
    """Letters and digits stay; anything else becomes a hyphen and two hexadecimal digits, so no two owners meet."""
    return "".join(c if c.isalnum() else f"-{ord(c):02X}" for c in owner)


def _decimal(minor: int, scale: int) -> str:
    return f"{Decimal(minor).scaleb(-scale):f}"


def _hledger_amount(minor: int, asset: str, scale: int) -> str:
    """An amount whose decimal mark is never in doubt; a code with digits or hyphens needs its quotes."""
    number = _decimal(minor, scale)
    return f'{number}{"" if "." in number else "."} "{asset}"'


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _hledger_text(text: str) -> str:
    """A description or tag: a semicolon would begin a comment, a comma end a tag, a bar split payee and note."""
    return text.translate(_FULL_WIDTH)
