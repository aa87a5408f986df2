"""The book as rows, one posting a row, and as a CSV file. Amounts are in minor units; `scale` gives decimals."""

import csv
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple, TextIO

import sqlalchemy as sa

from ledger.audit.exports.reading import posting_entries
from ledger.balances import asset_scales


class PostingRow(NamedTuple):
    """One posting with what its entry says; the fields are the columns of the CSV and Parquet files, in order."""

    entry: int
    line: int
    effective_on: date
    key: str
    purpose: str
    account: str
    asset: str
    scale: int
    debit: int
    credit: int


def posting_rows(connection: sa.Connection, book_id: str) -> Iterator[PostingRow]:
    """Every posting in booking order."""
    scales = asset_scales(connection, book_id)
    for entry in posting_entries(connection, book_id):
        stated = (entry.effective_on, entry.key, entry.purpose)
        for line in entry.lines:
            asset = line.account.asset
            yield PostingRow(
                entry.n, line.line, *stated, str(line.account), asset, scales[asset], line.debit, line.credit
            )


def write_csv(connection: sa.Connection, book_id: str, out: TextIO) -> int:
    """Write the rows under a line with their names; returns the number of entries."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(PostingRow._fields)
    count, last_n = 0, -1
    for row in posting_rows(connection, book_id):
        writer.writerow(row)
        count += row.entry != last_n
        last_n = row.entry
    return count
