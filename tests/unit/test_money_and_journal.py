"""What can never be an amount, an account, an asset or an entry is refused where it is made."""

import hashlib
import json
from datetime import date
from typing import Any

import pytest

from ledger.accounts import AccountRef, Kind, Side, chart, chart_row
from ledger.errors import InvariantError, Refusal
from ledger.journal import MAX_POSTINGS, JournalEntry, Posting
from ledger.money import MAX_MINOR, Asset, allocate
from ledger.statemachine import Machine, Transition
from tests.entries import BANK, ON, PLEDGES, entry, lines

GOOD = lines((BANK, 100, 0), (PLEDGES, 0, 100))


@pytest.mark.parametrize(
    ("code", "debit", "credit"),
    [
        ("amount-negative", -1, 0),
        ("amount-negative", 0, -1),
        ("amount-not-an-integer", 1.0, 0),
        ("amount-not-an-integer", True, 0),
        ("amount-not-an-integer", "1", 0),
        ("amount-not-an-integer", 0, None),
        ("amount-too-large", MAX_MINOR + 1, 0),
        ("posting-has-both-sides", 1, 1),
        ("posting-is-empty", 0, 0),
    ],
)
def test_a_line_has_one_whole_positive_amount(code: str, debit: Any, credit: Any) -> None:
    with pytest.raises(Refusal) as refused:
        Posting(AccountRef(BANK), debit, credit)
    assert refused.value.code == code
    assert refused.value.facts["account"] == BANK


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("key-malformed", {"key": ""}),
        ("key-malformed", {"key": "k" * 201}),
        ("key-malformed", {"key": "a\u202eb"}),
        ("key-malformed", {"key": "=1+1"}),
        ("key-malformed", {"key": "e\u0301"}),
        ("purpose-malformed", {"purpose": "a\nb"}),
        ("purpose-malformed", {"purpose": ""}),
        ("actor-malformed", {"actor": "Somebody Else"}),
        ("evidence-malformed", {"evidence": "AB" * 32}),
        ("evidence-malformed", {"evidence": "ab" * 31}),
        ("date-out-of-range", {"effective_on": date(1899, 12, 31)}),
        ("date-out-of-range", {"effective_on": date(2200, 1, 1)}),
        ("entry-has-too-few-postings", {"postings": GOOD[:1]}),
        ("entry-has-too-few-postings", {"postings": ()}),
        ("entry-has-too-many-postings", {"postings": GOOD * (MAX_POSTINGS // 2 + 1)}),
        ("entry-unbalanced", {"postings": lines((BANK, 100, 0), (PLEDGES, 0, 99))}),
        ("entry-unbalanced", {"postings": lines((BANK, 100, 0), (PLEDGES, 0, 100, "LOAN-A"))}),
    ],
)
def test_an_entry_that_can_never_be_posted_is_not_made(code: str, changes: dict[str, Any]) -> None:
    good = {"key": "k1", "effective_on": ON, "purpose": "test", "postings": GOOD}
    assert JournalEntry(**good).body_hash()
    with pytest.raises(Refusal) as refused:
        JournalEntry(**(good | changes))
    assert refused.value.code == code


def test_an_entry_may_have_a_thousand_lines() -> None:
    assert len(JournalEntry("k", ON, "test", GOOD * (MAX_POSTINGS // 2)).postings) == MAX_POSTINGS


@pytest.mark.parametrize(
    "text", ["", "489100:", "489100:c 17", "48a100", ":c17", "489100:c17:x", "489100:" + "c" * 65, "٤٨٩"]
)
def test_what_is_not_an_account_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="account-malformed"):
        AccountRef.parse(text)


def test_an_account_outside_the_chart_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        chart_row("990000")
    assert refused.value == Refusal("account-not-in-chart", account="990000")


@pytest.mark.parametrize("code", ["", "eur", "1A", "A" * 25, "E€"])
def test_what_is_not_an_asset_code_is_refused(code: str) -> None:
    with pytest.raises(Refusal, match="asset-code-malformed"):
        Asset(code, 2)


@pytest.mark.parametrize("scale", [-1, 10])
def test_an_asset_has_at_most_nine_decimals(scale: int) -> None:
    with pytest.raises(Refusal, match="asset-scale-out-of-range"):
        Asset("EUR", scale)


def test_the_body_hash_covers_everything_the_caller_states() -> None:
    hashes = {
        entry("k1", (BANK, 100, 0), (PLEDGES, 0, 100), **changes).body_hash()
        for changes in (
            {}, {"on": date(2026, 3, 3)}, {"purpose": "other"}, {"actor": "s1"}, {"evidence": "ab" * 32},
            {"reverses": "k0"}, {"approvals": ("a1",)},
        )
    }  # fmt: skip
    hashes.add(entry("k2", (BANK, 100, 0), (PLEDGES, 0, 100)).body_hash())
    hashes.add(entry("k1", (PLEDGES, 0, 100), (BANK, 100, 0)).body_hash())
    hashes.add(entry("k1", (BANK, 99, 0), (PLEDGES, 0, 99)).body_hash())
    assert len(hashes) == 10


def test_nothing_is_split_over_nothing() -> None:
    with pytest.raises(InvariantError, match="nothing to split"):
        allocate(1, [0, 0])
    with pytest.raises(InvariantError, match="negative"):
        allocate(1, [2, -1])


def test_floors_are_declared_on_the_normal_side_and_memo_accounts_come_in_pairs() -> None:
    assert (chart_row("550100").minimum, chart_row("550100").maximum) == (0, None)
    assert (chart_row("489100").minimum, chart_row("489100").maximum) == (None, 0)
    memo = {prefix: row.normal_side for prefix, row in chart().items() if row.kind is Kind.MEMO}
    for prefix in ("010000", "020000", "030100", "030200"):
        assert (memo[prefix], memo[prefix[:2] + "1" + prefix[3:]]) == (Side.DEBIT, Side.CREDIT)


def test_a_machine_refuses_what_its_table_does_not_say() -> None:
    from enum import StrEnum

    class Light(StrEnum):
        RED = "red"
        GREEN = "green"

    machine = Machine("light", Light, Light.RED, [Transition(Light.RED, "go", Light.GREEN)])
    assert machine.after(Light.RED, "go") is Light.GREEN
    assert machine.final == {Light.GREEN}
    assert "red --> green: go" in machine.diagram()
    with pytest.raises(Refusal) as refused:
        machine.after(Light.GREEN, "go")
    assert refused.value == Refusal("move-not-allowed", machine="light", state="green", event="go")
    with pytest.raises(InvariantError, match="two transitions"):
        Machine("light", Light, Light.RED, [Transition(Light.RED, "go", Light.GREEN)] * 2)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {
            "evidence": "a" * 64,
            "reverses": "k\u00e9 \u201cone\u201d",
            "approvals": ("a1", "a2"),
            "purpose": 'Say "yes"',
        },
        {"settles": "h1", "releases_rest": True, "metadata": {"b": "2", "a": "1"}},
    ],
)
def test_the_body_hash_is_that_of_the_compact_json_of_what_was_stated(facts: dict) -> None:
    stated = entry("k\u00e9/\\1", (BANK, 100, 0), (PLEDGES, 0, 100), **facts)
    postings = [[str(p.account), p.account.asset, p.debit, p.credit] for p in stated.postings]
    named = [stated.key, stated.effective_on.isoformat(), stated.purpose, stated.actor, stated.evidence]
    body = [*named, stated.reverses, list(stated.approvals), postings]
    if "settles" in facts:
        body.append([stated.settles, stated.releases_rest, sorted(stated.metadata.items())])
    assert stated.body_hash() == hashlib.sha256(json.dumps(body, separators=(",", ":")).encode()).digest()


def test_the_wish_to_free_a_rest_says_nothing_where_no_hold_is_settled() -> None:
    """The record keeps it for settlements only, so the hash could not be derived again."""
    noted = {"metadata": {"a": "1"}}
    plain, wished = (entry("k", (BANK, 1, 0), (PLEDGES, 0, 1), releases_rest=wish, **noted) for wish in (False, True))
    assert plain.body_hash() == wished.body_hash()
