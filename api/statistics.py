"""The published statistics of an installation, made once for as long as the books stay the same, and their files.

Reckoning ten thousand loans of five years takes about two seconds where they are repaid by the year, and up to ten
where by the month. A book of more than `FEW_LOANS` is therefore reckoned again every ten minutes at most; meanwhile,
and while another reader waits for the next edition, one gets the edition before, which says of which day it is.
"""

import threading
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from contracts.statistics.figures import Statistics
from contracts.statistics.files import loan_book_csv, statistics_json
from contracts.statistics.queries import publish, version_of
from contracts.statistics.restructurings import reckon_scorecard
from contracts.statistics.scorecard import Scorecard
from contracts.statistics.scorecard_files import scorecard_csv, scorecard_json
from ledger.book import Book

FEW_LOANS = 1_000
KEPT_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Edition:
    """The statistics of one business date, and their files; `version` is what of the record they follow from."""

    version: tuple[date, int, int]
    made_at: datetime
    statistics: Statistics
    json: bytes
    loan_book: bytes
    scorecard: Scorecard
    scorecard_json: bytes
    restructurings: bytes


class Editions:
    """The newest edition; one reader at a time makes the next, while the others read the one before."""

    def __init__(self) -> None:
        self._newest: Edition | None = None
        self._making = threading.Lock()

    def current(self, book: Book) -> Edition:
        """The edition of the business date, as fresh as the module says."""
        with book.read() as connection:
            version = (book.today_in(connection), *version_of(connection, book.book_id))
        now = book.clock.now()
        kept = self._newest
        if kept is not None and _is_fresh(kept, version, now):
            return kept
        if not self._making.acquire(blocking=kept is None or kept.version[0] != version[0]):
            assert kept is not None, "the first reader waits"
            return kept
        try:
            kept = self._newest
            if kept is None or not _is_fresh(kept, version, now):
                self._newest = kept = edition(book, version, now)
            return kept
        finally:
            self._making.release()


def edition(book: Book, version: tuple[date, int, int], now: datetime) -> Edition:
    """The statistics of the version's day, reckoned now."""
    with book.read() as connection:
        published = publish(connection, book, version[0])
        card, plans = reckon_scorecard(connection, book, version[0])
    figures = published.statistics
    return Edition(
        version=version,
        made_at=now,
        statistics=figures,
        json=statistics_json(figures),
        loan_book=loan_book_csv(published.rows),
        scorecard=card,
        scorecard_json=scorecard_json(card),
        restructurings=scorecard_csv(plans),
    )


def _is_fresh(kept: Edition, version: tuple[date, int, int], now: datetime) -> bool:
    if kept.version == version:
        return True
    is_large = kept.statistics.totals.loans > FEW_LOANS
    return is_large and kept.version[0] == version[0] and now - kept.made_at < KEPT_FOR
