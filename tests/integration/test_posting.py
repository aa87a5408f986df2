"""Posting through a unit of work, on both databases."""

from datetime import date

from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.journal import JournalEntry, Posting

ON = date(2026, 3, 2)


def entry(key: str, *lines: tuple[str, int, int], **facts: object) -> JournalEntry:
    postings = tuple(Posting(AccountRef.parse(a), d, c) for a, d, c in lines)
    return JournalEntry(key, ON, "test", postings, **facts)


def test_entries_are_numbered_in_order_after_the_accounts_they_open(book: Book) -> None:
    with book.unit_of_work(actor="s1") as unit:
        unit.post(entry("k1", ("550100", 100, 0), ("489100:c17", 0, 100)))
        unit.post(entry("k2", ("550100", 50, 0), ("489100:c18", 0, 50)))
    assert [(r.key, r.n, r.duplicate) for r in unit.results] == [("k1", 2, False), ("k2", 3, False)]
