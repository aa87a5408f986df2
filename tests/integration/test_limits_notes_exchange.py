"""Versions of limits, remarks, findings, metadata and exchanges: what is entered, and every no without a trace."""

import pytest

from ledger import balances
from ledger.accounts import AccountRef, chart, chart_row
from ledger.book import Book
from ledger.errors import Refusal
from ledger.facts import Finding, Hold, Note, RuleChange, rule_change
from ledger.log.leaf import APPROVED_FINDINGS, FINDINGS, STATE, TOTALS, VERDICT
from ledger.money import Asset
from tests.entries import BANK, PLEDGES, back, entry, paid, post
from tests.oracle import digest_of
from tests.refusals_kit import refusal_of

BANK_REF, PLEDGES_REF = AccountRef(BANK), AccountRef.parse(PLEDGES)
TRADING = "588000"


def refusal_made(make) -> Refusal:
    with pytest.raises(Refusal) as refused:
        make()
    return refused.value


def details_of(book: Book, key: str) -> dict:
    with book.read() as connection:
        found = balances.entry_by_key(connection, book.book_id, key)
    assert found is not None
    return dict(found.details)


# limits


def test_new_limits_hold_from_the_next_entry_on_and_the_old_ones_explain_old_refusals(book: Book) -> None:
    post(book, paid("k1", 1_000))
    assert refusal_of(book, back("k2", 1_001)).facts["rule"] == f"{BANK}/EUR v1"
    post(book, rule_change("r1", BANK_REF, floor=500, ceiling=2_000))
    found = refusal_of(book, back("k2", 501))
    assert (found.code, found.facts["rule"], found.facts["missing_cents"]) == ("floor-breached", f"{BANK}/EUR v2", 1)
    assert refusal_of(book, paid("k3", 1_001)).code == "ceiling-breached"
    post(book, rule_change("r2", BANK_REF, floor=None, ceiling=None))
    post(book, rule_change("r3", PLEDGES_REF, floor=None, ceiling=None))
    post(book, back("k2", 1_001))


def test_limits_are_declared_on_the_normal_side(sqlite_book: Book) -> None:
    floor = {"floor": 5, "ceiling": 9}
    assert rule_change("r", PLEDGES_REF, **floor) == RuleChange("r", PLEDGES_REF, -9, -5)
    assert rule_change("r", BANK_REF, **floor) == RuleChange("r", BANK_REF, 5, 9)


def test_limits_leave_room_for_the_balance_and_what_is_held(book: Book) -> None:
    post(book, paid("k1", 1_000), Hold(back("h1", 400)))
    found = refusal_of(book, rule_change("r1", BANK_REF, floor=601, ceiling=None))
    assert found == Refusal("limits-exclude-balance", key="r1", account=BANK, asset="EUR")
    post(book, rule_change("r1", BANK_REF, floor=600, ceiling=None))


@pytest.mark.parametrize("limits", [(5, 4), (-(2**53), 0), (0, 2**53)])
def test_limits_that_contradict_each_other_or_are_out_of_range_are_malformed(sqlite_book: Book, limits) -> None:
    before = digest_of(sqlite_book)
    assert refusal_made(lambda: RuleChange("r1", BANK_REF, *limits)).code == "limits-malformed"
    assert digest_of(sqlite_book) == before


def test_the_limits_of_an_account_that_is_not_open_are_not_changed(book: Book) -> None:
    assert refusal_of(book, rule_change("r1", BANK_REF, floor=0, ceiling=None)).code == "account-unknown"


def test_an_empty_account_is_closed_takes_nothing_and_opens_again(book: Book) -> None:
    closing = rule_change("r1", PLEDGES_REF, floor=0, ceiling=None, closed=True)
    post(book, paid("k1", 100))
    assert refusal_of(book, closing).code == "account-not-empty"
    post(book, Hold(back("h1", 100)), back("k2", 100, settles="h1"))
    post(book, closing)
    assert refusal_of(book, paid("k3", 1)) == Refusal("account-closed", key="k3", account=PLEDGES, asset="EUR")
    assert refusal_of(book, Hold(paid("h2", 1))).code == "account-closed"
    post(book, rule_change("r2", PLEDGES_REF, floor=0, ceiling=None), paid("k3", 1))


def test_an_account_of_which_something_is_held_is_not_empty(book: Book) -> None:
    post(book, Hold(paid("h1", 100)))
    closing = rule_change("r1", PLEDGES_REF, floor=0, ceiling=None, closed=True)
    assert refusal_of(book, closing).code == "account-not-empty"


# notes and findings


def test_a_note_stands_beside_its_entry_and_repeats_as_a_duplicate(book: Book) -> None:
    post(book, paid("k1", 1))
    note = Note("n1", "k1", "The bank's paper was found", evidence="ab" * 32)
    [first, again] = post(book, note), post(book, note)
    assert (first[0].duplicate, again[0].duplicate) == (False, True)
    assert details_of(book, "n1") == {"about": first[0].n - 1, "text": "The bank's paper was found"}


def test_a_note_is_about_an_entry_that_stands(book: Book) -> None:
    assert refusal_of(book, Note("n1", "k1", "Nothing here")) == Refusal("entry-unknown", key="n1", about="k1")
    post(book, paid("k1", 1), Note("n1", "k1", "In one go"))


@pytest.mark.parametrize("text", ["", "x" * 201, "line\nbreak", "\u202eturned", "=SUM(A1)", "nul\x00"])
def test_a_remark_is_a_readable_text(sqlite_book: Book, text: str) -> None:
    before = digest_of(sqlite_book)
    assert refusal_made(lambda: Note("n1", "k1", text)).code == "remark-malformed"
    assert digest_of(sqlite_book) == before


def test_a_finding_has_a_known_type_and_some_lines(book: Book) -> None:
    post(book, Finding("f1", VERDICT, [{"accounts": 3}]), Finding("f2", VERDICT, [{"referee": "x"}]))
    before = digest_of(book)
    for kind, lines in (("note/1", [{"a": 1}]), (STATE, []), (VERDICT, [{"a": 1}] * 1_001)):
        found = refusal_made(lambda kind=kind, lines=lines: Finding("f3", kind, lines))
        assert found == Refusal("finding-malformed", key="f3", type=kind)
    assert digest_of(book) == before


def test_findings_of_every_type_are_entered_and_some_rest_on_approvals(book: Book) -> None:
    lines = [{"says": "this"}]
    post(book, *(Finding(f"f:{kind}", kind, lines) for kind in sorted(FINDINGS - {STATE, TOTALS})))
    for kind in sorted(FINDINGS - APPROVED_FINDINGS):
        found = refusal_made(lambda kind=kind: Finding("f4", kind, lines, approvals=("a1",)))
        assert found == Refusal("finding-malformed", key="f4", type=kind)
    for kind in sorted(APPROVED_FINDINGS):
        bare = Finding("f5", kind, lines)
        assert Finding("f5", kind, lines, approvals=("a1",)).body_hash() != bare.body_hash()


# metadata


def test_metadata_is_committed_with_its_entry(book: Book) -> None:
    post(book, paid("k1", 1, metadata={"channel": "counter 3", "batch_id": "7"}))
    assert details_of(book, "k1") == {"meta": {"channel": "counter 3", "batch_id": "7"}}
    other = paid("k1", 1, metadata={"channel": "counter 4", "batch_id": "7"})
    assert refusal_of(book, other).code == "fact-key-reused"


@pytest.mark.parametrize("metadata", [{"Channel": "x"}, {"a" * 41: "x"}, {"channel": ""}, {"channel": "\u202ex"}])
def test_metadata_has_plain_names_and_texts(sqlite_book: Book, metadata: dict) -> None:
    before = digest_of(sqlite_book)
    assert refusal_made(lambda: paid("k1", 1, metadata=metadata)).code == "metadata-malformed"
    assert digest_of(sqlite_book) == before


def test_metadata_has_twenty_names_at_most(book: Book) -> None:
    twenty = {f"n{i}": "x" for i in range(20)}
    post(book, paid("k1", 1, metadata=twenty))
    found = refusal_made(lambda: paid("k2", 1, metadata=twenty | {"more": "x"}))
    assert found == Refusal("metadata-too-large", key="k2", names=21, limit=20)


# exchanges


def test_the_chart_has_one_trading_account_and_one_bridge(sqlite_book: Book) -> None:
    assert [prefix for prefix, row in chart().items() if row.exchange] == [TRADING]
    assert len(set(chart_row(TRADING).names.values())) == 3
    assert chart_row("580900").prefix == "580900"


def exchange(key: str, *legs, **facts):
    return entry(key, *legs, purpose="exchange", **facts)


def with_dollars(book: Book) -> None:
    with book.unit_of_work(actor="s1", floors=False) as unit:
        for code in ("USD", "GBP"):
            unit.open_asset(Asset(code, 2))
        unit.post(paid("k0", 10_000))


def test_one_asset_is_given_for_another_through_the_trading_account(book: Book) -> None:
    with_dollars(book)
    give = ((BANK, 0, 1_000), (TRADING, 1_000, 0))
    take = ((TRADING, 0, 1_087, "USD"), ("550100", 1_087, 0, "USD"))
    post(book, exchange("x1", *give, *take))
    with book.read() as connection:
        held = {
            asset: balances.balance(connection, book.book_id, AccountRef(TRADING, "", asset))
            for asset in ("EUR", "USD")
        }
    assert held == {"EUR": 1_000, "USD": -1_087}


@pytest.mark.parametrize(
    ("legs", "assets"),
    [
        (((BANK, 0, 9), (TRADING, 9, 0)), ["EUR"]),
        (((BANK, 0, 9), (TRADING, 9, 0), ("550100", 0, 9, "USD"), (TRADING, 9, 0, "USD")), ["EUR", "USD"]),
        (
            ((BANK, 0, 9), (TRADING, 9, 0), ("550100", 5, 0, "USD"), (TRADING, 0, 5, "USD"),
             ("550100", 4, 0, "GBP"), (TRADING, 0, 4, "GBP")),
            ["EUR", "GBP", "USD"],
        ),
        (((BANK, 0, 9), (TRADING, 9, 0), ("550100", 9, 0, "USD"), (f"{TRADING}:d1", 0, 9, "USD")), ["EUR"]),
    ],
    ids=["alone", "same direction", "three assets", "two desks"],
)  # fmt: skip
def test_an_exchange_is_two_assets_in_opposite_directions(book: Book, legs, assets) -> None:
    with_dollars(book)
    with book.unit_of_work(actor="s1", floors=False) as unit:
        unit.post(entry("open", ("550100", 100, 0, "USD"), ("100000", 0, 100, "USD")))
    found = refusal_of(book, exchange("x1", *legs))
    assert (found.code, found.facts["assets"]) == ("exchange-pair-incomplete", assets)
