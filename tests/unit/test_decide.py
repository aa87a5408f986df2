"""The pure function alone: what depends on state that the chart of today does not give."""

from datetime import timedelta

import pytest

from ledger.accounts import AccountRef
from ledger.decide import decide
from ledger.errors import InvariantError, Refusal
from ledger.facts import Hold
from ledger.lines import ZERO_HASH
from ledger.state import AccountState, Given, Head, Request, State
from tests.conftest import NOON
from tests.entries import BANK, PLEDGES, back, paid

KEYS = {"": bytes(32), "c17": bytes(range(32))}


def state(*accounts: AccountState) -> State:
    head = Head(next_n=10, next_block=3, next_account=5, last_hash=ZERO_HASH, last_booked_at=NOON)
    return State("main", head, accounts={a.ref: a for a in accounts})


def account(code: str, posted: int, **limits: int) -> AccountState:
    ref = AccountRef.parse(code)
    return AccountState(1 if code == BANK else 2, ref, personal=bool(ref.owner), posted=posted, seq=1, **limits)


def refusal_of(given: State, *entries) -> Refusal:
    decision = decide(given, [Request(entries)], now=NOON, today=NOON.date(), keys=KEYS)
    [result] = decision.results
    assert isinstance(result, Refusal)
    assert (decision.block, decision.entries, decision.head) == (None, [], given.head)
    return result


def test_a_ceiling_holds_on_the_normal_side_of_either_kind() -> None:
    full_bank = state(account(BANK, 90, maximum=100), account(PLEDGES, -90))
    assert refusal_of(full_bank, paid("k", 11)).code == "ceiling-breached"
    full_pledges = state(account(BANK, 90), account(PLEDGES, -90, minimum=-100))
    refused = refusal_of(full_pledges, paid("k", 11))
    assert (refused.code, refused.facts["account"], refused.facts["missing_cents"]) == ("ceiling-breached", PLEDGES, 1)


def test_a_floor_counts_what_the_batch_has_moved_before() -> None:
    given = state(account(BANK, 50, minimum=0), account(PLEDGES, -50, maximum=0))
    decision = decide(
        given,
        [Request([e]) for e in (back("k1", 30), back("k2", 30), paid("k3", 10), back("k4", 30))],
        now=NOON,
        today=NOON.date(),
        keys=KEYS,
    )
    assert [isinstance(r, Refusal) for r in decision.results] == [False, True, False, False]
    assert [e.fact_key for e in decision.entries] == ["k1", "k3", "k4"]
    assert [p.balance_after for p in decision.postings if p.account_id == 1] == [20, 30, 0]


def test_an_entry_is_held_against_floors_as_a_whole_not_line_by_line() -> None:
    given = state(account(BANK, 0, minimum=0), account(PLEDGES, 0, maximum=0))
    both_ways = back("k", 5)
    entry = type(both_ways)("k", both_ways.effective_on, "test", both_ways.postings + paid("x", 5).postings)
    assert decide(given, [Request([entry])], now=NOON, today=NOON.date(), keys=KEYS).block is not None


def test_the_state_that_is_passed_in_is_left_as_it_was() -> None:
    given = state(account(BANK, 50), account(PLEDGES, -50))
    decide(given, [Request([paid("k", 5)])], now=NOON, today=NOON.date(), keys=KEYS)
    assert [a.posted for a in given.accounts.values()] == [50, -50]


def test_the_booking_instant_is_at_least_the_last_one() -> None:
    decision = decide(state(), [Request([paid("k", 5)])], now=NOON - timedelta(days=1), today=NOON.date(), keys=KEYS)
    assert {e.booked_at for e in decision.entries} == {NOON}


def test_a_missing_subject_key_is_a_defect_not_a_silence() -> None:
    with pytest.raises(InvariantError, match="no subject key"):
        decide(state(), [Request([paid("k", 5)])], now=NOON, today=NOON.date(), keys={"": bytes(32)})


def test_where_a_key_is_destroyed_the_commitments_given_are_taken_and_only_there() -> None:
    given = {(11, 0): b"h" * 32, (11, 1): b"b" * 32, (11, 2): b"c" * 32, (10, 2): b"o" * 32}
    decided = {"now": NOON, "today": NOON.date(), "keys": {"": bytes(32)}}
    decision = decide(state(), [Request([paid("k", 5)])], given=Given(given), **decided)
    made = decide(state(), [Request([paid("k", 5)])], now=NOON, today=NOON.date(), keys=KEYS)
    assert [p.commitment for p in decision.postings] == [made.postings[0].commitment, b"c" * 32]
    assert [a.commitment for a in decision.accounts] == [made.accounts[0].commitment, b"o" * 32]
    assert decision.entries[-1].header_commitment == made.entries[-1].header_commitment
    del given[11, 2]
    with pytest.raises(InvariantError, match="no commitment for line 2 of entry 11"):
        decide(state(), [Request([paid("k", 5)])], given=Given(given), **decided)


def test_limits_that_are_given_stand_before_those_of_the_chart() -> None:
    limits = {AccountRef.parse(BANK): (None, 3), AccountRef.parse(PLEDGES): (None, None)}
    decided = {"now": NOON, "today": NOON.date(), "keys": KEYS, "given": Given(limits=limits)}
    decision = decide(state(), [Request([paid("k", 5)]), Request([paid("k2", 3)])], **decided)
    assert [getattr(result, "code", None) for result in decision.results] == ["ceiling-breached", None]
    assert [(rule.minimum, rule.maximum) for rule in decision.rules] == [(None, 3), (None, None)]


def test_personal_lines_are_chained_and_others_are_not() -> None:
    from ledger.lines import posting_line

    first = posting_line(AccountRef.parse(PLEDGES), 0, 5, seq=1, prev=None)
    second = posting_line(AccountRef.parse(PLEDGES), 0, 5, seq=2, prev=bytes(32))
    plain = posting_line(AccountRef(BANK), 5, 0, seq=None, prev=None)
    assert (set(first), set(second) - set(first), set(plain)) == (
        {"account", "asset", "credit", "v"},
        {"prev"},
        {"account", "asset", "debit"},
    )


@pytest.mark.parametrize("held", [False, True])
def test_a_balance_with_what_is_held_stays_within_64_bits(held: bool) -> None:  # noqa: FBT001 -- a parameter of the case
    most = 2**63 - 1
    pair = [account(BANK, most - 5), account(PLEDGES, 5 - most)]
    fits, over = (Hold(paid(key, cents)) if held else paid(key, cents) for key, cents in (("t", 5), ("k", 6)))
    assert decide(state(*pair), [Request([fits])], now=NOON, today=NOON.date(), keys=KEYS).block is not None
    assert refusal_of(state(*pair), over) == Refusal("balance-too-large", key="k", account=BANK)
    low = state(account(BANK, 5 - most), account(PLEDGES, 0))
    assert refusal_of(low, back("k", 6)) == Refusal("balance-too-large", key="k", account=BANK)
    fits = decide(low, [Request([back("k", 5)])], now=NOON, today=NOON.date(), keys=KEYS)
    assert fits.block is not None


def test_new_accounts_have_the_limits_of_the_chart_where_nothing_else_is_said() -> None:
    assert refusal_of(state(account(BANK, 50)), back("k", 1)).facts["rule"] == "489100:c17/EUR v1"
