"""Holds: what they reserve, how they end, and the timer that ends them; every no leaves the books as they were."""

import signal
import subprocess
from datetime import timedelta

import pytest

from ledger import balances
from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.crash import CRASH_POINTS
from ledger.errors import Refusal
from ledger.facts import Hold, PeriodClose, Release, ReleaseKind
from ledger.held import Available, available, find_hold, open_holds
from ledger.holds import due_holds, expire_due
from tests.commands import run_module
from tests.conftest import NOON
from tests.entries import BANK, ON, PLEDGES, back, entry, paid, post
from tests.oracle import digest_of
from tests.refusals_kit import refusal_of

BANK_REF, PLEDGES_REF = AccountRef(BANK), AccountRef.parse(PLEDGES)
HOUR = timedelta(hours=1)


def hold(key: str, cents: int, *, hours: int | None = None, **facts) -> Hold:
    """Money that is about to leave the bank."""
    return Hold(back(key, cents, **facts), NOON + hours * HOUR if hours else None)


def standing(book: Book, ref: AccountRef = BANK_REF) -> Available:
    with book.read() as connection:
        return available(connection, book.book_id, ref)


def kinds(book: Book, key: str) -> list[tuple[int, str]]:
    with book.read() as connection:
        return [(step.step, step.kind) for step in find_hold(connection, book.book_id, key).steps]


def open_keys(book: Book) -> list[str]:
    with book.read() as connection:
        return [each.key for each in open_holds(connection, book.book_id)]


def test_a_hold_counts_against_the_floor_at_once_and_posts_nothing(book: Book) -> None:
    post(book, paid("k1", 1_000))
    post(book, hold("h1", 700))
    assert (standing(book), standing(book, PLEDGES_REF)) == (Available(1_000, 0, 700), Available(-1_000, 700, 0))
    assert (standing(book).lowest, standing(book, PLEDGES_REF).highest) == (300, -300)
    assert refusal_of(book, back("k2", 301)).code == "floor-breached"
    post(book, back("k3", 300))
    assert standing(book) == Available(700, 0, 700)
    assert standing(book, AccountRef("550100", "nobody")) == Available(0, 0, 0)


def test_a_hold_is_posted_in_parts_and_the_last_part_ends_it(book: Book) -> None:
    post(book, paid("k1", 1_000), hold("h1", 700))
    post(book, back("p1", 200, settles="h1"))
    with book.read() as connection:
        [found] = open_holds(connection, book.book_id)
        assert find_hold(connection, book.book_id, "h1") == found
        of_bank = open_holds(connection, book.book_id, account=BANK_REF)
        of_other = open_holds(connection, book.book_id, account=AccountRef("704000"))
    assert {(str(r.account), r.debit, r.credit) for r in found.remaining} == {(BANK, 0, 500), (PLEDGES, 500, 0)}
    assert (of_bank, of_other) == ([found], [])
    post(book, back("p2", 500, settles="h1"))
    assert kinds(book, "h1") == [(1, "part"), (2, "rest")]
    assert (open_keys(book), standing(book)) == ([], Available(300, 0, 0))


def test_what_a_part_leaves_is_freed_where_that_is_asked_for(book: Book) -> None:
    post(book, paid("k1", 1_000), hold("h1", 700))
    post(book, back("p1", 200, settles="h1", releases_rest=True))
    assert (kinds(book, "h1"), standing(book)) == ([(1, "rest")], Available(800, 0, 0))


def test_a_voided_hold_frees_all_and_ends_once(book: Book) -> None:
    post(book, paid("k1", 1_000), hold("h1", 700))
    post(book, Release("v1", "h1", ReleaseKind.VOID, actor="s1"))
    assert (kinds(book, "h1"), standing(book)) == ([(1, "void")], Available(1_000, 0, 0))
    assert refusal_of(book, Release("v2", "h1", ReleaseKind.VOID)) == Refusal("hold-ended", key="v2", hold="h1")
    assert refusal_of(book, back("p1", 1, settles="h1")).code == "hold-ended"


def test_the_timer_ends_what_is_due_in_batches_and_nothing_twice(book: Book, clock: FixedClock) -> None:
    post(book, paid("k1", 1_000), *(hold(f"h{i}", 10, hours=1 + i % 2) for i in range(5)), hold("for-ever", 10))
    assert expire_due(book) == 0
    clock.instant = NOON + HOUR
    with book.read() as connection:
        assert [key for _, key in due_holds(connection, book.book_id, now=clock.now())] == ["h0", "h2", "h4"]
        assert due_holds(connection, book.book_id, now=clock.now(), since=NOON + 2 * HOUR) == []
    assert [expire_due(book, limit=2) for _ in range(3)] == [2, 1, 0]
    assert open_keys(book) == ["h1", "h3", "for-ever"]
    assert kinds(book, "h0") == [(1, "expired")]
    clock.instant = NOON + 3 * HOUR
    assert [expire_due(book, since=NOON + 2 * HOUR) for _ in range(2)] == [2, 0]
    assert standing(book) == Available(1_000, 0, 10)
    with book.read() as connection:
        [step] = find_hold(connection, book.book_id, "h1").steps
        ended = balances.entry_by_key(connection, book.book_id, step.key)
    assert ended is not None
    assert (ended.key, ended.actor, ended.type) == (f"hold:{ended.details['hold']}:expired", "timer", "release/1")


def test_a_timer_that_stopped_after_its_commit_goes_on_where_it_was(book: Book, clock: FixedClock) -> None:
    post(book, paid("k1", 1_000), hold("h1", 10, hours=1), hold("h2", 10, hours=1))
    clock.instant = NOON + HOUR
    assert expire_due(book, limit=1) == 1
    assert expire_due(book) == 1  # another process, which knows nothing of the first
    assert [kinds(book, key) for key in ("h1", "h2")] == [[(1, "expired")]] * 2


@pytest.mark.parametrize("point", [p for p in CRASH_POINTS if p.startswith("posting.")])
def test_a_timer_killed_at_any_point_of_its_commit_ends_each_hold_once(book: Book, point: str) -> None:
    post(book, paid("k1", 1_000), *(hold(f"h{i}", 10, hours=1) for i in range(3)))

    def expire(crash_at: str = "") -> subprocess.CompletedProcess[str]:
        url = book.engine.url.render_as_string(hide_password=False)
        return run_module("tests.integration.expirer", url, crash_at=crash_at)

    assert expire(point).returncode == -signal.SIGKILL
    assert len(open_keys(book)) == (1 if point == "posting.after-commit" else 3)
    assert [expire().stdout for _ in range(3)] == (
        ["1", "0", "0"] if point == "posting.after-commit" else ["2", "1", "0"]
    )
    assert [kinds(book, f"h{i}") for i in range(3)] == [[(1, "expired")]] * 3


def test_what_has_expired_is_settled_no_more_and_what_has_not_is_not_ended_as_expired(
    book: Book, clock: FixedClock
) -> None:
    post(book, paid("k1", 1_000), hold("h1", 10, hours=1))
    early = Release("e1", "h1", ReleaseKind.EXPIRED)
    assert refusal_of(book, early).code == "hold-not-expired"
    post(book, hold("h2", 10))
    assert refusal_of(book, Release("e2", "h2", ReleaseKind.EXPIRED)).code == "hold-not-expired"
    clock.instant = NOON + HOUR
    assert refusal_of(book, back("p1", 10, settles="h1")).code == "hold-expired"
    post(book, early)


@pytest.mark.parametrize("named", [Release("v1", "h9", ReleaseKind.VOID), back("p1", 1, settles="h9")])
def test_a_hold_that_nobody_made_is_unknown(book: Book, named) -> None:
    post(book, paid("h8", 10))
    assert refusal_of(book, named).code == "hold-unknown"
    with book.read() as connection, pytest.raises(Refusal, match="hold-unknown"):
        find_hold(connection, book.book_id, "h8")


def test_more_than_is_reserved_is_not_settled(book: Book) -> None:
    post(book, paid("k1", 1_000), hold("h1", 10))
    found = refusal_of(book, back("p1", 12, settles="h1"))
    assert (found.code, found.facts["missing"]) == ("hold-exceeded", 2)
    other = entry("p2", (BANK, 0, 5), ("704000", 5, 0), settles="h1")
    assert refusal_of(book, other).code == "hold-exceeded"


def test_a_hold_begins_before_it_expires_and_in_a_period_that_is_open(book: Book) -> None:
    post(book, paid("k1", 1_000))
    assert refusal_of(book, Hold(back("h1", 10), NOON)).code == "hold-expires-before-it-begins"
    post(book, PeriodClose("period:a", ON - timedelta(days=1)))
    dated = hold("h2", 10, on=ON - timedelta(days=1))
    assert refusal_of(book, dated).code == "hold-in-closed-period"


def test_a_hold_reserves_and_does_nothing_else(sqlite_book: Book) -> None:
    before = digest_of(sqlite_book)
    for facts in ({"settles": "h0"}, {"reverses": "k0"}):
        with pytest.raises(Refusal) as refused:
            Hold(back("h1", 10, **facts))
        assert refused.value == Refusal("hold-is-not-plain", key="h1")
    with pytest.raises(Refusal) as refused:
        Hold(back("h1", 10), NOON.replace(tzinfo=None))
    assert refused.value.code == "instant-without-zone"
    with pytest.raises(Refusal) as refused:
        back("p1", 10, settles="h1", reverses="k1")
    assert refused.value.code == "entry-settles-and-reverses"
    assert digest_of(sqlite_book) == before
