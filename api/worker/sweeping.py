"""What no webhook told: the newest pages of the provider every ten minutes, and fourteen months once a night.

A direct debit can be taken back for thirteen months, a card payment for four: the night's look goes further back than
any of them. Where the provider's books can be read, their movements are explained after its payments are.
"""

from datetime import date, timedelta

from api.worker.nightly import NIGHT_HOUR
from ledger.book import Book
from ledger.clock import BRUSSELS
from ledger.payments.movements import import_books
from ledger.payments.rail import PaymentRail, ProviderBooks
from ledger.payments.sweep import WINDOW, sweep

FAR = timedelta(days=427)
"""Fourteen months."""


def sweep_provider(
    book: Book, rail: PaymentRail, provider_books: ProviderBooks | None, *, window: timedelta = WINDOW
) -> int:
    """Mark payments that have news, and post what is new in the provider's books; gives how much was found.

    Raises `RailError` where the provider can't be listed.
    """
    found = sweep(book, rail, window=window)
    if provider_books is not None:
        found += import_books(book, provider_books, since=book.today() - window)
    return found


class NightlySweep:
    """A step of the worker: once a day, from three in the morning on, everything of the last fourteen months."""

    def __init__(self, book: Book, rail: PaymentRail, provider_books: ProviderBooks | None) -> None:
        self._book = book
        self._rail = rail
        self._provider_books = provider_books
        self._done_on: date | None = None

    def __call__(self) -> int:
        """How much was found; a night on which the provider can't be listed is tried again."""
        local = self._book.clock.now().astimezone(BRUSSELS)
        if local.hour < NIGHT_HOUR or self._done_on == local.date():
            return 0
        found = sweep_provider(self._book, self._rail, self._provider_books, window=FAR)
        self._done_on = local.date()
        return found
