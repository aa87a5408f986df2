"""The town of the product stories, on both databases and on SQLite alone."""

import warnings

import pytest

from ledger.book import Book
from ledger.clock import FixedClock
from tests.payments_kit import FakeRail
from tests.products_kit import Town, make_town


@pytest.fixture
def town(book: Book, clock: FixedClock) -> Town:
    return make_town(book, clock, quiet_rail())


@pytest.fixture
def sqlite_town(sqlite_book: Book, clock: FixedClock) -> Town:
    """For stories whose outcome the database can't influence."""
    return make_town(sqlite_book, clock, quiet_rail())


def quiet_rail() -> FakeRail:
    """The fake shouts that it is one; here that is known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return FakeRail()
