"""The book as a French tax audit file (fichier des écritures comptables, LPF art. A. 47 A-1).

Eighteen columns separated by tabs, UTF-8, dates as 20260131, amounts with a decimal comma. How the record fits them:

    JournalCode      one journal, JG
    EcritureNum      1, 2, 3 ... without a gap, in booking order: the k-th entry with postings keeps its number for ever
    CompteNum        the code; CompteLib is its French name in the chart
    CompAuxNum       the owner, an opaque token; CompAuxLib repeats it, since the record knows no names
    PieceRef         the fact key; PieceDate and EcritureDate are the date of effect
    ValidDate        the Brussels date of booking
    Debit, Credit    euro
    Montantdevise    any other asset, signed (debit positive) with its decimals, beside a debit and a credit of 0,00;
                     Idevise is its code. Such lines (claims and units, off the balance sheet) are kept, so that no
                     number of the sequence is missing

Letters (EcritureLet, DateLet) stay empty: nothing is matched by hand.
"""

from collections.abc import Iterator
from datetime import date
from typing import TextIO

import sqlalchemy as sa

from ledger.accounts import chart_row
from ledger.audit.exports.naming import decimal_text
from ledger.audit.exports.reading import PostingEntry, posting_entries
from ledger.balances import PostedLine, asset_scales
from ledger.clock import brussels_date
from ledger.money import EUR

COLUMNS = (
    "JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib", "CompAuxNum", "CompAuxLib",
    "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit", "EcritureLet", "DateLet", "ValidDate", "Montantdevise",
    "Idevise",
)  # fmt: skip
_JOURNAL = ("JG", "Journal général")


def write_fec(connection: sa.Connection, book_id: str, out: TextIO) -> int:
    """Write the book under a line of column names; returns the number of entries."""
    scales = asset_scales(connection, book_id)
    _write_row(out, COLUMNS)
    count = 0
    for entry in posting_entries(connection, book_id):
        count += 1
        for row in _rows(entry, count, scales):
            _write_row(out, row)
    return count


def _rows(entry: PostingEntry, number: int, scales: dict[str, int]) -> Iterator[tuple[str, ...]]:
    on, valid_on = _day(entry.effective_on), _day(brussels_date(entry.booked_at))
    for line in entry.lines:
        account = line.account
        named = (account.code, chart_row(account.code).names["fr"], account.owner, account.owner)
        debit, credit, amount, asset = _amounts(line, scales[account.asset])
        piece = (entry.key, on, entry.purpose)
        yield (*_JOURNAL, str(number), on, *named, *piece, debit, credit, "", "", valid_on, amount, asset)


def _amounts(line: PostedLine, scale: int) -> tuple[str, str, str, str]:
    """Debit, Credit, Montantdevise, Idevise."""
    asset = line.account.asset
    if asset == EUR.code:
        return _comma(line.debit, scale), _comma(line.credit, scale), "", ""
    return _comma(0, EUR.scale), _comma(0, EUR.scale), _comma(line.debit - line.credit, scale), asset


def _comma(minor: int, scale: int) -> str:
    return decimal_text(minor, scale).replace(".", ",")


def _day(day: date) -> str:
    return day.isoformat().replace("-", "")


def _write_row(out: TextIO, row: tuple[str, ...]) -> None:
    """No field holds a tab or a line's end: the record keeps such characters out of its texts."""
    out.write("\t".join(row) + "\r\n")
