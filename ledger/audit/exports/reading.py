"""What every export reads: the posting entries in booking order, page by page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from ledger.balances import PostedLine, entries

_PAGE = 500


@dataclass(frozen=True, slots=True)
class PostingEntry:
    """An entry with postings, whose date, key and purpose are therefore certain."""

    n: int
    effective_on: date
    booked_at: datetime
    key: str
    purpose: str
    lines: Sequence[PostedLine]


def posting_entries(connection: sa.Connection, book_id: str) -> Iterator[PostingEntry]:
    """Every entry with postings in booking order; memory holds one page of them."""
    first_n = 0
    while page := entries(connection, book_id, first_n=first_n, limit=_PAGE):
        for entry in page:
            if entry.lines and entry.effective_on is not None and entry.key is not None and entry.purpose is not None:
                yield PostingEntry(entry.n, entry.effective_on, entry.booked_at, entry.key, entry.purpose, entry.lines)
        first_n = page[-1].n + 1
