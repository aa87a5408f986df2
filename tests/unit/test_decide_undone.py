"""A refused request leaves nothing behind for the ones after it in the same batch."""

from datetime import date, timedelta

import pytest

from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.facts import Hold, Item, Note, PeriodClose, Release, ReleaseKind, RuleChange
from ledger.state import Request
from tests.entries import BANK, ON, back, paid
from tests.model.stories import START
from tests.unit.memory_book import MemoryBook

BAD = Note("bad", "nothing", "seen")
bank = AccountRef(BANK)


def decided(*requests: list[Item], **changes) -> tuple[MemoryBook, list]:
    """The book and the results: a code, or the kinds of the accepted ones."""
    book = MemoryBook(START)
    at = {"now": START, "today": ON, **changes}
    book.post([Request([paid("k1", 100), paid("k2", 50), Hold(back("h1", 10))])], **at)
    decision = book.post([Request(items) for items in requests], **at)
    book.check()
    shown = [
        result.code if isinstance(result, Refusal) else [each.duplicate for each in result]
        for result in decision.results
    ]
    return book, shown


def test_the_key_of_a_refused_item_is_free() -> None:
    book, shown = decided([paid("t", 1), BAD], [paid("t", 2)], [paid("t", 2)], [paid("t", 1)])
    assert shown == ["entry-unknown", [False], [True], "fact-key-reused"]
    assert book.accounts[bank].posted == 152


def test_what_a_refused_request_reversed_can_be_reversed() -> None:
    _, shown = decided(
        [back("t1", 50, reverses="k2"), BAD], [back("t2", 50, reverses="k2")], [back("t3", 50, reverses="k2")]
    )
    assert shown == ["entry-unknown", [False], "entry-already-reversed"]


def test_what_the_same_batch_posted_can_be_reversed_once() -> None:
    _, shown = decided(
        [paid("t1", 7)],
        [back("t2", 7, reverses="t1"), BAD],
        [back("t3", 7, reverses="t1")],
        [back("t4", 7, reverses="t1")],
        [paid("t5", 7, reverses="t3")],
        [Hold(back("t6", 7))],
        [back("t7", 7, reverses="t6")],
    )
    assert shown == [
        [False], "entry-unknown", [False], "entry-already-reversed", "reversal-of-reversal", [False],
        "entry-reverses-unknown",
    ]  # fmt: skip


def test_the_hold_of_a_refused_request_is_unknown() -> None:
    _, shown = decided(
        [Hold(back("t1", 5)), BAD],
        [Release("t2", "t1", ReleaseKind.VOID)],
        [back("t3", 5, settles="t1")],
        [back("t", 140)],
    )
    assert shown == ["entry-unknown", "hold-unknown", "hold-unknown", [False]]


@pytest.mark.parametrize("hold", ["h1", "h-new"])
def test_what_a_refused_request_took_out_of_a_hold_is_still_in_it(hold: str) -> None:
    """A hold from before, and one of the same batch; a part is taken before, so that going back means to that part."""
    book, shown = decided(
        [Hold(back("h-new", 10))],
        [back("t1", 3, settles=hold)],
        [back("t2", 3, settles=hold), back("t3", 2, settles=hold, releases_rest=True), BAD],
        [Release("t4", hold, ReleaseKind.VOID), BAD],
        [back("t5", 8, settles=hold)],
        [back("t6", 6, settles=hold)],
        [Release("t7", hold, ReleaseKind.VOID)],
        [Release("t8", hold, ReleaseKind.VOID)],
    )
    assert shown == [
        [False], [False], "entry-unknown", "entry-unknown", "hold-exceeded", [False], [False], "hold-ended",
    ]  # fmt: skip
    assert [(s.step, s.kind) for s in book.rows["hold_step"]] == [(1, "part"), (2, "part"), (3, "void")]
    assert (book.accounts[bank].posted, book.accounts[bank].held_credit) == (141, 10)


def test_what_ends_a_hold_by_taking_all_frees_nothing_more() -> None:
    book, shown = decided([back("t1", 4, settles="h1")], [back("t2", 6, settles="h1")], [back("t3", 140)])
    assert shown == [[False], [False], [False]]
    assert [(s.step, s.kind) for s in book.rows["hold_step"]] == [(1, "part"), (2, "rest")]


def test_the_limits_of_a_refused_request_do_not_hold() -> None:
    narrow = RuleChange("t1", bank, 0, 150)
    book, shown = decided([narrow, BAD], [paid("t2", 1)], [RuleChange("t3", bank, None, 151)], [paid("t4", 1)])
    assert shown == ["entry-unknown", [False], [False], "ceiling-breached"]
    assert [row.version for row in book.rows["account_rule"] if row.account_id == 1] == [1, 2]


def test_an_account_that_a_refused_request_opened_or_closed_is_as_before() -> None:
    fee = AccountRef("704000")
    book, shown = decided(
        [Hold(back("t1", 1, citizen="c5")), RuleChange("t2", fee, None, None)],
        [RuleChange("t3", fee, None, None)],
        [paid("t4", 5, citizen="c6"), back("t5", 5, citizen="c6")],
        [RuleChange("t6", AccountRef("489100", "c6"), None, None, closed=True), BAD],
        [paid("t7", 1, citizen="c6"), paid("t8", 1, citizen="c7")],
        [RuleChange("t9", AccountRef("489100", "c7"), None, 0)],
    )
    assert shown == ["floor-breached", "account-unknown", [False, False], "entry-unknown", [False, False], [False]]
    assert [a.owner for a in book.rows["account"]] == ["", "c17", "c6", "c7"]


def test_the_period_of_a_refused_request_is_open() -> None:
    """Nor does it stand between the periods when the next one is closed."""
    middle, end = date(2026, 2, 14), date(2026, 2, 28)
    book, shown = decided(
        [PeriodClose("t1", middle), BAD],
        [Hold(back("t2", 1, on=middle))],
        [PeriodClose("t3", end)],
        [paid("t4", 1, on=middle)],
    )
    assert shown == ["entry-unknown", [False], [False], [False]]
    assert book.rows["posting"][-1].restates == end
    assert [(p.since_on, p.until_on) for p in book.rows["period"]] == [(None, end)]


def test_a_period_is_open_again_for_what_comes_after_its_refusal_only() -> None:
    end = date(2026, 2, 28)
    day_after = end + timedelta(days=1)
    book, shown = decided(
        [paid("t1", 1, on=end)], [PeriodClose("t2", end)], [paid("t3", 1, on=end)], [paid("t4", 1, on=day_after)],
        [PeriodClose("t5", day_after), paid("t6", 1, on=day_after), paid("t7", 1, on=end)],
    )  # fmt: skip
    assert shown == [[False], [False], [False], [False], [False, False, False]]
    late = {e.fact_key: (e.details or {}).get("restates") for e in book.rows["entry"] if e.type == "posting/1"}
    assert [late[f"t{i}"] for i in (1, 3, 4, 6, 7)] == [None, "2026-02-28", None, "2026-03-01", "2026-02-28"]
