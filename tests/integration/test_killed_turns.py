"""Killed at every named point while something other than a plain entry is posted: it is whole or it is absent.

Each turn is made by a process of its own that kills itself on the way, then by another that knows nothing of the first.
"""

import os
import signal
from collections.abc import Callable
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from ledger import crash
from ledger.accounts import AccountRef
from ledger.book import Book, open_book
from ledger.clock import FixedClock
from ledger.crash import CRASH_POINTS
from ledger.errors import Refusal
from ledger.facts import Finding, Hold, Item, Note, PeriodClose, Release, ReleaseKind, rule_change
from ledger.money import Asset
from ledger.state import Request
from ledger.storage import tables
from ledger.storage.engine import open_engine
from ledger.writer import GroupWriter
from tests.conftest import NOON, make_keys
from tests.entries import BANK, back, paid, post
from tests.oracle import check_everything, digest_of

POINTS = [point for point in CRASH_POINTS if point.startswith("posting.")]
LATER = NOON + timedelta(hours=2)
ITEMS: dict[str, Item] = {
    "hold": Hold(back("t", 5), LATER + timedelta(days=1)),
    "part of a hold": back("t", 4, settles="h1"),
    "last of a hold": back("t", 4, settles="h1", releases_rest=True),
    "void": Release("t", "h1", ReleaseKind.VOID),
    "expiry": Release("t", "h2", ReleaseKind.EXPIRED),
    "limits": rule_change("t", AccountRef(BANK), floor=-50, ceiling=None),
    "period": PeriodClose("t", date(2026, 2, 28)),
    "late entry": paid("t", 5, on=date(2026, 1, 31)),
    "note": Note("t", "k1", "seen"),
    "finding": Finding("t", "verdict/1", [{"rows": 3}]),
    "metadata": paid("t", 5, metadata={"invoice": "F1"}),
    "new owner": paid("t", 5, citizen="c99"),
}


def answer_kept(book: Book) -> None:
    ask(book, Request([paid("t", 5)], "r1", "s1", bytes(32)))


def refusal_kept(book: Book) -> None:
    ask(book, Request([back("t", 1_000)], "r1", "s1", bytes(32)))


def answer_of_a_unit(book: Book) -> None:
    with book.unit_of_work(actor="s1") as unit:
        unit.open_asset(Asset("LOAN-A", 2))
        unit.post(paid("t", 5))
        unit.emit("posted", "t", {})
        if not standing(book, tables.request):
            unit.remember("r1", body_hash=bytes(32), outcome={"entry": "t"})


TURNS: dict[str, Callable[[Book], object]] = {
    **{name: lambda book, item=item: post(book, item) for name, item in ITEMS.items()},
    "answer kept": answer_kept,
    "refusal kept": refusal_kept,
    "answer of a unit of work": answer_of_a_unit,
}


def ask(book: Book, request: Request) -> None:
    writer = GroupWriter(book)
    writer.post(request)
    writer.close()


def in_a_process(book: Book, turn: Callable[[Book], object], *, crash_at: str = "") -> int:
    """Make the turn in a process of its own, with connections of its own; returns how it ended."""
    url = book.engine.url.render_as_string(hide_password=False)
    child = os.fork()
    if child == 0:
        try:
            crash._armed = crash_at
            turn(open_book(open_engine(url), "main", clock=FixedClock(LATER), keys=make_keys()))
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def standing(book: Book, table: sa.Table) -> int:
    with book.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table).where(table.c.book_id == "main"))


@pytest.fixture
def used_book(book: Book) -> Book:
    post(book, paid("k1", 100), PeriodClose("p0", date(2026, 1, 31)))
    post(book, Hold(back("h1", 10)), Hold(back("h2", 20), NOON + timedelta(hours=1)))
    return book


@pytest.mark.parametrize("name", TURNS)
def test_killed_at_any_point_a_turn_is_whole_or_absent(used_book: Book, name: str) -> None:
    book, turn = used_book, TURNS[name]
    before, entries, answers = digest_of(book), standing(book, tables.entry), standing(book, tables.request)
    for point in POINTS:
        assert in_a_process(book, turn, crash_at=point) == -signal.SIGKILL
        check_everything(book)
        assert (digest_of(book) == before) == (point != "posting.after-commit")
    after = digest_of(book)
    assert in_a_process(book, turn) == 0  # who asked knows nothing and asks again
    assert digest_of(book) == after
    opened = {"new owner": 1, "answer of a unit of work": 1, "refusal kept": -1}.get(name, 0)
    assert standing(book, tables.entry) == entries + 1 + opened
    assert standing(book, tables.request) == answers + ("kept" in name or "unit" in name)


def test_the_points_of_posting_end_with_the_commit() -> None:
    assert POINTS == ["posting.before-seal", "posting.after-seal", "posting.after-commit"]


def test_what_a_hold_reserves_is_still_reserved_after_a_kill(used_book: Book) -> None:
    assert in_a_process(used_book, TURNS["part of a hold"], crash_at="posting.after-seal") == -signal.SIGKILL
    with pytest.raises(Refusal) as refused:
        post(used_book, back("k2", 71))
    assert refused.value.facts["missing_cents"] == 1
    post(used_book, back("k2", 70))
    assert in_a_process(used_book, TURNS["part of a hold"]) == 0
    with used_book.read() as connection:
        held = connection.execute(sa.select(tables.balance.c.held_debit, tables.balance.c.held_credit)).all()
    assert sorted(held) == [(0, 26), (26, 0)]
