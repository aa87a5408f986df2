"""The book for beancount: every account opened on its first date, one balance assertion per account at the end."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import TextIO

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.audit.exports.naming import beancount_account, beancount_commodity, decimal_text
from ledger.audit.exports.reading import PostingEntry, posting_entries
from ledger.balances import AccountBalance, asset_scales, first_posting_dates, trial_balance

_BEGINNING = date(1900, 1, 1)


def write_beancount(connection: sa.Connection, book_id: str, out: TextIO) -> int:
    """Write the book; `bean-check` recomputes every balance. Returns the number of entries."""
    scales = asset_scales(connection, book_id)
    out.write(f'option "title" {_quoted(book_id)}\n')
    commodities = ((beancount_commodity(asset), scale) for asset, scale in scales.items())
    out.writelines(f'{_BEGINNING} commodity {name}\n  precision: "{scale}"\n' for name, scale in commodities)
    _write_openings(connection, book_id, out)
    count, last_on = 0, _BEGINNING
    for entry in posting_entries(connection, book_id):
        count += 1
        last_on = max(last_on, entry.effective_on)
        _write_entry(entry, scales, out)
    if count:
        out.write("\n")
    asserted_on = last_on + timedelta(days=1)  # an assertion holds at the beginning of its day
    for account, signed in _asserted(trial_balance(connection, book_id)):
        balance = _amount(signed, account.asset, scales, tolerance=" ~ 0")
        out.write(f"{asserted_on} balance {beancount_account(account)}  {balance}\n")
    return count


def _asserted(rows: Sequence[AccountBalance]) -> Iterator[tuple[AccountRef, int]]:
    """Beancount's assertion on an account includes those below it: a code without owner counts all of its owners."""
    of_code: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        of_code[row.account.code, row.account.asset] += row.signed
    for row in rows:
        account = row.account
        yield account, row.signed if account.owner else of_code[account.code, account.asset]


def _write_openings(connection: sa.Connection, book_id: str, out: TextIO) -> None:
    """One account of beancount stands for every asset of a code and an owner."""
    opened = first_posting_dates(connection, book_id)
    accounts_of: dict[str, list[AccountRef]] = {}
    for account in sorted(opened):
        accounts_of.setdefault(beancount_account(account), []).append(account)
    for name, accounts in accounts_of.items():
        first_on = min(opened[account] for account in accounts)
        commodities = ",".join(beancount_commodity(account.asset) for account in accounts)
        out.write(f'{first_on} open {name} {commodities}\n  account: "{accounts[0]}"\n')


def _write_entry(entry: PostingEntry, scales: dict[str, int], out: TextIO) -> None:
    out.write(f"\n{entry.effective_on} * {_quoted(entry.purpose)}\n  entry: {entry.n}\n  key: {_quoted(entry.key)}\n")
    for line in entry.lines:
        amount = _amount(line.debit - line.credit, line.account.asset, scales)
        out.write(f"  {beancount_account(line.account)}  {amount}\n")


def _amount(minor: int, asset: str, scales: dict[str, int], tolerance: str = "") -> str:
    return f"{decimal_text(minor, scales[asset])}{tolerance} {beancount_commodity(asset)}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
