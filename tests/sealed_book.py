"""A book with rows in every record table of the ledger: holds in each state, limits, a closed period, findings."""

from datetime import date, timedelta

from ledger import approvals
from ledger.accounts import AccountRef
from ledger.attest import attest
from ledger.book import Book
from ledger.facts import Finding, Hold, Note, PeriodClose, Release, ReleaseKind, rule_change
from ledger.log.leaf import VERDICT
from tests.entries import back, entry, paid, post

JANUARY = date(2026, 1, 31)


def fill(book: Book) -> None:
    """Enter a bit of everything; the clock ends two hours later than it began."""
    post(book, paid("k1", 100, on=date(2026, 1, 15)), paid("k2", 50, citizen="c18"))
    post(book, back("k3", 50, citizen="c18", reverses="k2"))
    post(book, PeriodClose("closed-1", JANUARY))
    post(book, paid("late", 7, on=date(2026, 1, 20)), Note("n1", "late", "The bank's paper came late."))
    fill_holds(book)
    post(book, rule_change("r1", AccountRef.parse("550100"), floor=-500, ceiling=10_000))
    fill_findings(book)
    with book.unit_of_work(actor="s1") as unit:
        unit.emit("topic", "key", {"a": 1})
        approval_id = approvals.request(unit, action="act", body={"a": 1}, reason="because")
        unit.remember("r1", body_hash=bytes(32), outcome={"a": 1})
    with book.unit_of_work(actor="s2") as unit:
        approvals.approve(unit, approval_id)
        unit.post(entry("k9", ("550100", 3, 0), ("489100:c17", 0, 3)))
        unit.remember("r2", body_hash=bytes(32), outcome={"refused": "no"})


def fill_holds(book: Book) -> None:
    """One hold open, one settled in part, one with its rest set free, one void, one expired."""
    expires_at = book.clock.now() + timedelta(hours=1)
    post(book, *(Hold(back(f"h{i}", 10), expires_at if i == 5 else None) for i in range(1, 6)))
    post(book, back("p2", 4, settles="h2"), back("p3", 4, settles="h3", releases_rest=True))
    post(book, Release("v4", "h4", ReleaseKind.VOID))
    book.clock.instant += timedelta(hours=2)  # type: ignore[attr-defined]  # a fixed clock
    post(book, Release("v5", "h5", ReleaseKind.EXPIRED))


def fill_findings(book: Book) -> None:
    """A state over the rows that no entry tells of, and a verdict."""
    with book.unit_of_work(actor="s1") as unit:
        attest(unit, key="state")
        unit.post(Finding("verdict", VERDICT, [{"program": "hledger", "agrees": True}, {"program": "ledger"}]))
