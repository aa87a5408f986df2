"""What the decision refuses, word for word: the code, and every fact that explains it; and nothing is kept of it."""
# ruff: noqa: E501 -- tables of cases read best one row a case

from datetime import date, timedelta

import pytest

from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.facts import Finding, Hold, Note, PeriodClose, Release, ReleaseKind, RuleChange
from ledger.money import Asset
from ledger.state import ItemResult, Replayed, Request
from tests.entries import BANK, ON, PLEDGES, back, entry, paid
from tests.model.stories import START, add_trading_account
from tests.unit.memory_book import MemoryBook

LOAN = Asset("LOAN-A", 2)
JANUARY, FEBRUARY = date(2026, 1, 31), date(2026, 2, 28)
HOUR = timedelta(hours=1)
LATE_REFUSED = frozenset({"dated-by-us"})
bank, pledges = AccountRef(BANK), AccountRef.parse(PLEDGES)


def at(**changes):
    return {"now": START, "today": ON, **changes}


@pytest.fixture
def book() -> MemoryBook:
    """Money of c17 at the bank, holds of hers, one closed period, one account that is closed."""
    add_trading_account()
    book = MemoryBook(START, late_refused=LATE_REFUSED)
    items = [
        paid("k1", 100), paid("k2", 10, citizen="c18"), back("k3", 10, citizen="c18", reverses="k2"),
        Hold(back("h1", 30), START + HOUR), Hold(back("h2", 5)), Release("v2", "h2", ReleaseKind.VOID),
        RuleChange("closed", AccountRef("489100", "c18"), None, None, closed=True), PeriodClose("p1", JANUARY),
        entry("k4", ("020000:c17", 7, 0, "LOAN-A"), ("021000:e5", 0, 7, "LOAN-A")),
    ]  # fmt: skip
    decision = book.post([Request([item]) for item in items], assets=[LOAN], **at())
    assert all(isinstance(result, list) for result in decision.results)
    book.check()
    return book


def refusal_of(book: MemoryBook, *items, **changes) -> Refusal:
    """Why the items are refused; before them and after them, other requests go through as if they had not been there."""
    before, other = book.head, Request([paid("other", 1, citizen="c44")])
    new = [paid("new", 1, citizen="c77"), paid("own", 2)]
    decision = book.post([other, Request([*new, *items]), Request([Note("after", "other", "seen")])], **at(**changes))
    first, refused, last = decision.results
    assert (first[0].n, last[0].n) == (before.next_n + 1, before.next_n + 2)
    assert isinstance(refused, Refusal)
    assert [e.fact_key for e in decision.entries] == [None, "other", "after"]
    assert [a.ref.owner for a in decision.opened] == ["c44"]
    assert [a.ref for a in decision.changed] == [bank]
    book.check()
    return refused


C17 = {"account": PLEDGES, "asset": "EUR"}
AT_BANK = {"account": BANK, "asset": "EUR"}
CASES = [
    ("fact-key-reused", {}, paid("k1", 101)),
    ("fact-key-reused", {}, Hold(paid("k1", 100))),
    ("entry-reverses-unknown", {"reverses": "k99"}, back("t", 1, reverses="k99")),
    ("entry-reverses-unknown", {"reverses": "h1"}, back("t", 30, reverses="h1")),
    ("reversal-of-reversal", {"reverses": "k3"}, paid("t", 10, citizen="c18", reverses="k3")),
    ("entry-already-reversed", {"reverses": "k2"}, back("t", 10, citizen="c18", reverses="k2")),
    ("entry-is-not-mirror", {"reverses": "k1"}, back("t", 99, reverses="k1")),
    ("unknown-asset", {"asset": "LOAN-B", "account": "020000:c17"}, entry("t", ("020000:c17", 1, 0, "LOAN-B"), ("021000:e5", 0, 1, "LOAN-B"))),
    ("account-closed", {"account": "489100:c18", "asset": "EUR"}, paid("t", 1, citizen="c18")),
    ("account-closed", {"account": "489100:c18", "asset": "EUR"}, Hold(paid("t", 1, citizen="c18"))),
    ("floor-breached", {**AT_BANK, "rule": "550100/EUR v1", "missing_cents": 1}, back("t", 75)),
    ("floor-breached", {**C17, "rule": "489100:c17/EUR v1", "missing_cents": 1}, entry("t", (PLEDGES, 73, 0), ("489400:c17", 0, 73))),
    ("floor-breached", {"account": "020000:c17", "asset": "LOAN-A", "rule": "020000:c17/LOAN-A v1", "missing": 1}, entry("t", ("020000:c17", 0, 8, "LOAN-A"), ("021000:e5", 8, 0, "LOAN-A"))),
    ("floor-breached", {**AT_BANK, "rule": "550100/EUR v1", "missing_cents": 1}, Hold(back("t", 75))),
    ("hold-unknown", {"hold": "h9"}, back("t", 1, settles="h9")),
    ("hold-unknown", {"hold": "k1"}, Release("t", "k1", ReleaseKind.VOID)),
    ("hold-ended", {"hold": "h2"}, back("t", 1, settles="h2")),
    ("hold-ended", {"hold": "h2"}, Release("t", "h2", ReleaseKind.VOID)),
    ("hold-exceeded", {"hold": "h1", "missing": 1, **AT_BANK}, back("t", 31, settles="h1")),
    ("hold-exceeded", {"hold": "h1", "missing": 1, **AT_BANK}, paid("t", 1, settles="h1")),
    ("hold-not-expired", {"hold": "h1", "expires_at": (START + HOUR).isoformat()}, Release("t", "h1", ReleaseKind.EXPIRED)),
    ("hold-not-expired", {"hold": "t0", "expires_at": ""}, Hold(back("t0", 1)), Release("t", "t0", ReleaseKind.EXPIRED)),
    ("hold-expires-before-it-begins", {"expires_at": START.isoformat()}, Hold(back("t", 1), START)),
    ("hold-in-closed-period", {"closed_on": "2026-01-31"}, Hold(back("t", 1, on=JANUARY))),
    ("period-closed-for-purpose", {"purpose": "dated-by-us", "effective_on": "2026-01-30", "closed_on": "2026-01-31"}, paid("t", 1, on=JANUARY - timedelta(1), purpose="dated-by-us")),
    ("period-closed-for-purpose", {"purpose": "dated-by-us", "effective_on": "2026-02-28", "closed_on": "2026-02-28"}, PeriodClose("p2", FEBRUARY), paid("t", 1, on=FEBRUARY, purpose="dated-by-us")),
    ("period-already-closed", {"until_on": "2026-01-31", "closed_on": "2026-01-31"}, PeriodClose("t", JANUARY)),
    ("period-not-over", {"until_on": "2026-03-02", "today_on": "2026-03-02"}, PeriodClose("t", ON)),
    ("entry-unknown", {"about": "k99"}, Note("t", "k99", "seen")),
    ("account-unknown", {"account": "580100", "asset": "EUR"}, RuleChange("t", AccountRef("580100"), None, None)),
    ("account-not-empty", C17, RuleChange("t", pledges, None, None, closed=True)),
    ("account-not-empty", {"account": "580100", "asset": "EUR"}, Hold(entry("t0", ("580100", 1, 0), ("704000", 0, 1))), RuleChange("t", AccountRef("580100"), None, None, closed=True)),
    ("account-not-empty", {"account": "580100", "asset": "EUR"}, Hold(entry("t0", ("580100", 0, 1), ("642000", 1, 0))), RuleChange("t", AccountRef("580100"), None, None, closed=True)),
    ("limits-exclude-balance", AT_BANK, RuleChange("t", bank, 75, None)),
    ("limits-exclude-balance", AT_BANK, RuleChange("t", bank, None, 103)),
    ("ceiling-breached", {**AT_BANK, "rule": "550100/EUR v2", "missing_cents": 1}, RuleChange("t0", bank, None, 104), paid("t", 1)),
    ("ceiling-breached", {**AT_BANK, "rule": "550100/EUR v3", "missing_cents": 1}, RuleChange("t0", bank, None, 500), RuleChange("t1", bank, None, 104), Hold(paid("t", 1))),
    ("ceiling-breached", {**C17, "rule": "489100:c17/EUR v2", "missing_cents": 1}, RuleChange("t0", pledges, -102, None), paid("t", 1)),
    ("exchange-pair-incomplete", {"account": "588000", "assets": ["EUR"]}, entry("t", (BANK, 1, 0), ("588000", 0, 1))),
    ("exchange-pair-incomplete", {"account": "588000", "assets": ["EUR", "LOAN-A"]}, entry("t", ("580100", 1, 0), ("588000", 0, 1), ("020000:c17", 1, 0, "LOAN-A"), ("588000", 0, 1, "LOAN-A"))),
    ("exchange-pair-incomplete", {"account": "588000", "assets": ["EUR", "LOAN-A"]}, entry("t", ("580100", 0, 1), ("588000", 1, 0), ("580100", 0, 1, "LOAN-A"), ("588000", 1, 0, "LOAN-A"))),
    ("exchange-pair-incomplete", {"account": "588000", "assets": ["EUR", "LOAN-A"]}, entry("t", ("580100", 1, 0), ("588000", 0, 1), ("020000:c17", 1, 0, "LOAN-A"), ("588000", 0, 1, "LOAN-A"), ("588000", 1, 0, "LOAN-A"), ("021000:e5", 0, 1, "LOAN-A"))),
]  # fmt: skip
"""The code, its facts beside the key of the last item, and the items that come to it."""


@pytest.mark.parametrize(("code", "facts", "items"), [(code, facts, items) for code, facts, *items in CASES])
def test_a_refusal_states_its_facts_and_leaves_no_trace(book: MemoryBook, code: str, facts, items) -> None:
    assert refusal_of(book, *items) == Refusal(code, key=items[-1].key, **facts)


def test_a_hold_expires_at_its_instant(book: MemoryBook) -> None:
    expires = (START + HOUR).isoformat()
    late = {"now": START + HOUR}
    assert refusal_of(book, back("t", 1, settles="h1"), **late) == Refusal(
        "hold-expired", key="t", hold="h1", expires_at=expires
    )
    decision = book.post([Request([Release("t", "h1", ReleaseKind.EXPIRED)])], **at(now=START + HOUR))
    assert [(s.step, s.kind) for s in decision.hold_steps] == [(1, "expired")]
    book.check()


def test_what_is_exactly_at_its_limit_goes_through(book: MemoryBook) -> None:
    """The bank has 100, of which 30 are held; every one of these would be refused by one cent more."""
    decision = book.post(
        [
            Request([back("t1", 70)]),
            Request([RuleChange("t2", bank, 0, 30)]),
            Request([PeriodClose("t3", ON - timedelta(1))]),
            Request([back("t4", 30, settles="h1")]),
            Request([RuleChange("t5", pledges, 0, 0), RuleChange("t6", pledges, None, None, closed=True)]),
        ],
        **at(),
    )
    assert [isinstance(result, list) for result in decision.results] == [True] * 5
    assert [(s.step, s.kind) for s in decision.hold_steps] == [(1, "rest")]
    assert [(a.posted, a.held_debit, a.held_credit) for a in decision.changed] == [(0, 0, 0)] * 2
    book.check()


def test_an_asset_keeps_its_scale(book: MemoryBook) -> None:
    for assets in ([Asset("LOAN-A", 3)], [Asset("LOAN-C", 1), Asset("LOAN-C", 3)]):
        with pytest.raises(Refusal) as refused:
            book.post([Request([paid("t", 1)])], assets=assets, **at())
        scale = 2 if len(assets) == 1 else 1
        code = assets[0].code
        assert refused.value == Refusal("asset-scale-differs", asset=code, scale=scale, stated=3)
    decision = book.post([], assets=[LOAN, Asset("LOAN-C", 1), Asset("LOAN-D", 0), Asset("LOAN-C", 1)], **at())
    assert [(a.asset, a.scale, a.line) for a in decision.assets] == [("LOAN-C", 1, 1), ("LOAN-D", 0, 2)]
    book.check()


def test_an_answer_is_kept_and_given_again(book: MemoryBook) -> None:
    body, other = bytes(32), bytes([1] * 32)
    done, no = Request([paid("t1", 1)], "r1", "s1", body), Request([back("t2", 500)], "r2", "s1", body)
    own = Request([paid("t3", 1)], "r3", "s1", body, {"shown": None})
    reused = [Request([paid("t4", 1)], "r1", "s2", body), Request([paid("t5", 1)], "r1", "s1", other)]
    head = book.head
    decision = book.post([done, no, own, done, *reused, no], **at())
    n = head.next_n
    facts = {"account": BANK, "asset": "EUR", "rule": "550100/EUR v1", "missing_cents": 429, "key": "t2"}
    first, refused = (
        {"done": [{"key": "t1", "n": n, "duplicate": False}]},
        {"refused": "floor-breached", "facts": facts},
    )
    again = Refusal("idempotency-key-reused", key="r1")
    assert decision.results == [
        [ItemResult("t1", n, duplicate=False)], Refusal("floor-breached", **facts), [ItemResult("t3", n + 1, duplicate=False)],
        Replayed(first), again, again, Replayed(refused),
    ]  # fmt: skip
    assert [(r.key, r.outcome, r.block, r.position) for r in decision.requests] == [
        ("r1", first, head.next_block, 0), ("r2", refused, head.next_block, 1), ("r3", {"shown": None}, head.next_block, 2),
    ]  # fmt: skip
    later = book.post([no, done, own, *reused], **at())
    assert later.results == [Replayed(refused), Replayed(first), Replayed({"shown": None}), again, again]
    assert (later.block, later.head) == (None, decision.head)
    book.check()


def test_a_block_may_hold_answers_only_and_a_duplicate_is_one(book: MemoryBook) -> None:
    before = book.head
    decision = book.post([Request([paid("k1", 100)], "r1"), Request([back("t", 500)], "r2")], **at())
    assert decision.results[0] == [ItemResult("k1", 2, duplicate=True)]
    assert (decision.entries, decision.opened, decision.changed) == ([], [], [])
    assert decision.block is not None
    assert (decision.block.entries, decision.block.requests, decision.head.next_n) == (0, 2, before.next_n)
    assert [(r.actor, r.body_hash) for r in decision.requests] == [("system", b"")] * 2
    book.check()


def test_every_header_says_what_was_stated(book: MemoryBook) -> None:
    """Beside what the oracle derives: members that only some entries have, and who did it."""
    stated = {"actor": "s7", "evidence": "ab" * 32}
    four_eyes = {"approvals": ("a1", "a2")}
    n = book.head.next_n
    items = [
        paid("t1", 1, **stated, **four_eyes, metadata={"invoice": "F1"}, on=JANUARY),
        Hold(back("t2", 1, **stated, metadata={"b": "2"}), START + HOUR),
        back("t3", 1, settles="t2", releases_rest=True, **stated),
        Release("t4", "h1", ReleaseKind.VOID, **stated),
        RuleChange("t5", bank, None, None, **stated, **four_eyes),
        PeriodClose("t6", FEBRUARY, **stated, **four_eyes),
        Note("t7", "t6", "closed in time", **stated),
        Finding("t8", "verdict/1", [{"agrees": True}], **stated),
    ]
    decision = book.post([Request(items)], **at())
    types = ["posting/1", "hold/1", "posting/1", "release/1", "rules/1", "period/1", "note/1", "verdict/1"]
    assert [e.type for e in decision.entries] == types
    assert {(e.actor, e.evidence) for e in decision.entries} == {("s7", bytes.fromhex("ab" * 32))}
    both = ["a1", "a2"]
    assert [e.approvals for e in decision.entries] == [both, None, None, None, both, both, None, None]
    h1 = n - 6
    assert [e.details for e in decision.entries] == [
        {"restates": "2026-01-31", "meta": {"invoice": "F1"}}, {"expires": "2026-03-02T12:00:00.000000Z", "meta": {"b": "2"}},
        {"hold": n + 1, "rest": "released"}, {"hold": h1, "step": "void"}, None,
        {"until": "2026-02-28", "since": "2026-02-01"}, {"about": n + 5, "text": "closed in time"}, None,
    ]  # fmt: skip
    assert [e.body_hash for e in decision.entries] == [item.body_hash() for item in items]
    assert [(p.until_on, p.since_on) for p in decision.periods] == [(FEBRUARY, date(2026, 2, 1))]
    assert [(h.hold_n, h.expires_at) for h in decision.holds] == [(n + 1, START + HOUR)]
    book.check()


@pytest.mark.parametrize(
    ("stated", "details"),
    [
        ({"approvals": ("a1",)}, None),
        ({"evidence": "ab" * 32}, None),
        ({"metadata": {"invoice": "F1"}}, {"meta": {"invoice": "F1"}}),
        ({"on": JANUARY}, {"restates": "2026-01-31"}),
    ],
)
def test_a_header_says_the_one_thing_that_is_not_plain(book: MemoryBook, stated, details) -> None:
    [entered] = book.post([Request([paid("t", 1, **stated)])], **at()).entries
    assert entered.details == details
    assert (entered.approvals, entered.evidence is None) == (
        ["a1"] if "approvals" in stated else None,
        "evidence" not in stated,
    )
    book.check()


def test_without_floors_new_accounts_have_no_limits_and_old_ones_keep_theirs(book: MemoryBook) -> None:
    decision = book.post(
        [Request([entry("t1", ("489100:c90", 5, 0), ("580100", 0, 5))]), Request([back("t2", 71)])],
        floors=False,
        **at(),
    )
    assert isinstance(decision.results[0], list)
    assert decision.results[1].code == "floor-breached"
    assert {(a.minimum, a.maximum) for a in decision.opened} == {(None, None)}
    book.check()
