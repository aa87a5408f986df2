"""A no leaves no trace: what an item is refused with, and that the books are as they were."""

from collections.abc import Callable

import pytest

from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.facts import Item
from tests.oracle import digest_of


def refusal_of(book: Book, item: Item) -> Refusal:
    """What posting `item` is refused with; nothing changed."""
    return refused(book, lambda unit: unit.post(item))


def refused(book: Book, act: Callable[[UnitOfWork], object], actor: str = "s1") -> Refusal:
    """What `act` is refused with; nothing changed."""
    before = digest_of(book)
    with pytest.raises(Refusal) as caught, book.unit_of_work(actor=actor) as unit:
        act(unit)
    assert digest_of(book) == before
    return caught.value
