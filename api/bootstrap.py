"""From settings to a working installation: the book, the payment rail, the mail, and what answers to what.

This is the only place that knows which function handles which outbox topic.
"""

from dataclasses import dataclass

from api.settings import Settings
from ledger.book import Book


@dataclass(frozen=True, slots=True)
class Wiring:
    """Everything a process needs, put together once."""

    settings: Settings
    book: Book


def open_book(settings: Settings) -> Book:
    """The book of an installation that stands; raises `BookMissing` where `create_book` has not run."""
    raise NotImplementedError


def create_book(settings: Settings) -> Book:
    """Create or open: folder, schema, keys and policy, genesis. Doing it twice does it once."""
    raise NotImplementedError


def wire(settings: Settings) -> Wiring:
    """Open the book and connect the edges."""
    return Wiring(settings, open_book(settings))
