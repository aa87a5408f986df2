"""Short ways to write journal entries in tests."""

from datetime import date
from typing import Any

from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.journal import JournalEntry, Posting
from ledger.state import ItemResult

ON = date(2026, 3, 2)
BANK, PLEDGES = "550100", "489100:c17"


def lines(*legs: tuple[str, int, int] | tuple[str, int, int, str]) -> tuple[Posting, ...]:
    """Postings from (account, debit, credit) or (account, debit, credit, asset)."""
    return tuple(Posting(AccountRef.parse(a, *asset), debit, credit) for a, debit, credit, *asset in legs)


def entry(key: str, *legs: Any, on: date = ON, purpose: str = "test", **facts: Any) -> JournalEntry:
    """An entry with these legs."""
    return JournalEntry(key, on, purpose, lines(*legs), **facts)


def paid(key: str, cents: int, *, citizen: str = "c17", **facts: Any) -> JournalEntry:
    """Money of a citizen arrives at the bank."""
    return entry(key, (BANK, cents, 0), (f"489100:{citizen}", 0, cents), **facts)


def back(key: str, cents: int, *, citizen: str = "c17", **facts: Any) -> JournalEntry:
    """Money of a citizen leaves the bank: the mirror of `paid`."""
    return entry(key, (BANK, 0, cents), (f"489100:{citizen}", cents, 0), **facts)


def post(book: Book, *entries: JournalEntry, actor: str = "s1") -> list[ItemResult]:
    """Post in one unit of work."""
    with book.unit_of_work(actor=actor) as unit:
        for item in entries:
            unit.post(item)
    return unit.results
