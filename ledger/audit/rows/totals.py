"""The totals of closed periods, made again from the rows: each is of the last period closed before it, line by line."""

from itertools import zip_longest

import sqlalchemy as sa

from ledger.audit.rows.failures import Failures
from ledger.audit.totals import derived_totals
from ledger.book import Book
from ledger.findings import finding_lines
from ledger.log.leaf import TOTALS
from ledger.log.sumtree import totals_key
from ledger.periods import closed_periods
from ledger.storage.scan import fetch

_TOTALS = "SELECT n, fact_key FROM entry WHERE book_id = ? AND type = ? ORDER BY n"


def check_totals(connection: sa.Connection, book: Book, failures: Failures) -> int:
    """Compare every totals/1 entry with the balances at the close that it is about; gives how many there are."""
    periods = closed_periods(connection, book.book_id)
    found = fetch(connection, _TOTALS, (book.book_id, TOTALS))
    for n, key in found:
        last = next((period for period in reversed(periods) if period.n < n), None)
        if last is None or key != totals_key(last.until_on.isoformat()):
            failures.differs("entry", "fact_key", n=n)
            continue
        derived, stated = derived_totals(connection, book, last), finding_lines(connection, book.book_id, n)
        for line, (ours, theirs) in enumerate(zip_longest(derived, stated), start=1):
            if ours != theirs:
                failures.differs("finding", "body", n=n, line=line)
    return len(found)
