"""A book with rows in every record table of the ledger, in all their states.

    day 1 (2 March)   payments, a reversal, metadata, evidence, two assets in one entry, an approval, outbox rows
                      holds: one open, one posted in part, one posted whole, one whose rest was freed, one void
    day 3 (4 March)   one hold expired; February is closed; a late entry; answers kept, one of them a refusal
    day 33 (3 April)  March is closed, with an entry dated in it in the meantime; limits changed twice; an account
                      closed; a note; a verdict; one more late entry

`fill_full_book(book)` moves the book's clock, which must be a `FixedClock`.
"""

from datetime import UTC, date, datetime, timedelta

import pytest

from ledger import approvals
from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.facts import Finding, Hold, Item, Note, PeriodClose, Release, ReleaseKind, rule_change
from ledger.log.leaf import VERDICT
from ledger.money import Asset
from ledger.posting import post_requests
from ledger.state import Request, Result
from ledger.storage.engine import write_transaction
from tests.entries import BANK, ON, back, entry, paid

FIRST_DAY = datetime(2026, 3, 2, 11, tzinfo=UTC)
LOAN = Asset("LOAN-L1", 2)
EVIDENCE = "a" * 64


@pytest.fixture
def full_book(book: Book) -> Book:
    """The full book on either database."""
    fill_full_book(book)
    return book


@pytest.fixture
def full_sqlite_book(sqlite_book: Book) -> Book:
    """The full book on SQLite."""
    fill_full_book(sqlite_book)
    return sqlite_book


def fill_full_book(book: Book) -> None:
    """Make `book`, which is new, full."""
    clock = book.clock
    assert isinstance(clock, FixedClock)
    clock.instant = FIRST_DAY
    _pay(book)
    _hold(book)
    clock.instant = FIRST_DAY + timedelta(days=2)
    _close_february(book)
    clock.instant = FIRST_DAY + timedelta(days=32)
    _close_march(book)


def ask(book: Book, *requests: Request) -> list[Result]:
    """Post requests in one commit, each whole or refused alone."""
    with write_transaction(book.engine) as connection:
        return post_requests(connection, book.book_id, requests, clock=book.clock, keys=book.keys)


def enter(book: Book, *items: Item, actor: str = "s1") -> None:
    """Enter items in one unit of work."""
    with book.unit_of_work(actor=actor) as unit:
        for item in items:
            unit.post(item)


def _pay(book: Book) -> None:
    with book.unit_of_work(actor="s1") as unit:
        approval = approvals.request(unit, action="disburse", body={"amount": 5}, reason="agreed")
        approvals.request(unit, action="close", body={"until": "2026-02-28"}, reason="not answered")
        unit.emit("topic", "one", {"a": 1})
        unit.emit("topic", "two", {"b": "é"})
    with book.unit_of_work(actor="s2") as unit:
        approvals.approve(unit, approval)
    enter(
        book,
        paid("p1", 100_000, metadata={"channel": "card", "place": "Ixelles"}),
        paid("p2", 50_000, citizen="c18", evidence=EVIDENCE),
        paid("p3", 70_000, citizen="c19", on=date(2026, 2, 10)),
        back("p2:back", 50_000, citizen="c18", reverses="p2"),
    )
    enter(book, paid("p4", 40_000, citizen="c18"), entry("fee", ("580100", 300, 0), ("704000", 0, 300)))
    with book.unit_of_work(actor="s1") as unit:
        unit.open_asset(LOAN)
        issued = (("489100:c17", 5_000, 0), ("489500:e1", 0, 5_000))
        claims = (("020000:c17", 5_000, 0, LOAN.code), ("021000:e1", 0, 5_000, LOAN.code))
        unit.post(entry("issue", *issued, *claims, evidence=EVIDENCE, approvals=(approval,)))


def _hold(book: Book) -> None:
    expires = book.clock.now() + timedelta(days=1)
    enter(
        book,
        Hold(_out("h-open", 1_000)),
        Hold(_out("h-part", 2_000), expires + timedelta(days=90)),
        Hold(_out("h-whole", 3_000, metadata={"order": "t1"}), expires),
        Hold(_out("h-rest", 4_000), expires),
        Hold(_out("h-void", 5_000)),
        Hold(_out("h-expired", 6_000), expires),
    )
    enter(book, _out("s-part", 500, settles="h-part"), _out("s-whole", 3_000, settles="h-whole"))
    enter(book, _out("s-rest", 1_500, settles="h-rest", releases_rest=True))
    enter(book, Release("r-void", "h-void", ReleaseKind.VOID, actor="s1", evidence=EVIDENCE))


def _close_february(book: Book) -> None:
    enter(book, Release("r-expired", "h-expired", ReleaseKind.EXPIRED), actor="timer")
    enter(book, PeriodClose("close:2026-02", date(2026, 2, 28), actor="s1"))
    late = paid("late-1", 1_000, citizen="c20", on=date(2026, 2, 20), metadata={"why": "bank"})
    results = ask(
        book,
        Request([late], "req-1", "s1", b"1" * 32),
        Request([back("too-much", 99_999_999)], "req-2", "s1", b"2" * 32),
        Request([paid("p5", 200)], None, "s1"),
    )
    assert [type(result).__name__ for result in results] == ["list", "Refusal", "list"]
    with book.unit_of_work(actor="s1") as unit:
        unit.remember("req-3", body_hash=b"3" * 32, outcome={"a": None, "b": [1, "x"]})


def _close_march(book: Book) -> None:
    enter(book, paid("p6", 900, on=date(2026, 3, 15)), _out("s-part-2", 100, settles="h-part"))
    enter(book, PeriodClose("close:2026-03", date(2026, 3, 31), actor="s1", evidence=EVIDENCE))
    pledge, suspense = AccountRef("489100", "c18"), AccountRef("499100", "x1")
    enter(book, entry("in", (BANK, 10, 0), (str(suspense), 0, 10)), entry("out", (BANK, 0, 10), (str(suspense), 10, 0)))
    enter(
        book,
        rule_change("limit:c18", pledge, floor=10, ceiling=900_000, actor="s1", evidence=EVIDENCE),
        rule_change("limit:c18:2", pledge, floor=None, ceiling=800_000, actor="s1"),
        rule_change("shut", suspense, floor=0, ceiling=None, closed=True, actor="s1"),
        Note("note:p1", "p1", "Le payeur a confirmé l'origine", actor="s1", evidence=EVIDENCE),
        Finding("verdict:2026-04-03", VERDICT, [{"program": "one", "agrees": True}, {"program": "two", "n": 2}]),
        paid("late-2", 2_000, citizen="c19", on=date(2026, 2, 21)),
    )
    enter(book, paid("p7", 333))


def _out(key: str, cents: int, **facts: object) -> object:
    """Money of c17 leaves the bank."""
    return entry(key, (BANK, 0, cents), ("489100:c17", cents, 0), on=ON, **facts)
