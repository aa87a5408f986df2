"""What holds of every vote: no order matters, a split weight counts like a whole one, abstentions change nothing."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.votes.ballot import (
    BANDS_CENTS,
    Ballot,
    ballot_in,
    ballot_salt,
    body_of,
    cap_for,
    coin_records,
    coins,
    head_record,
    sorts_up_to,
    voter_secret,
)
from contracts.votes.published import FrozenClass, Spec, tallies
from contracts.votes.rules import ALL, MeetingRules, VoteRule, rule_of_terms
from contracts.votes.tally import Choice, Result, decide
from ledger.money import MAX_MINOR
from tests.conftest import NOON
from tests.votes_kit import ABSTAIN, CLOSES_AT, LARGE, NO, OPENS_AT, SME, TERMS, YES

CENTS = st.integers(1, 10**9)
CHOICES = st.sampled_from(list(Choice))
BALLOTS = st.lists(st.lists(st.tuples(CHOICES, CENTS), min_size=1, max_size=4), min_size=0, max_size=8)
RULES = st.sampled_from([SME, LARGE, rule_of_terms(MeetingRules())])
CAP = 1_000_000


def spec_of(rule: VoteRule, voters: int, cents: int) -> Spec:
    return Spec(
        vote_id="v1",
        subject="loan:l1",
        terms_sha256=TERMS,
        rule=rule,
        facts=(),
        announced_on=NOON.date(),
        record_on=NOON.date(),
        opens_at=OPENS_AT,
        closes_at=CLOSES_AT,
        bands=BANDS_CENTS,
        coin_cap_cents=CAP,
        classes=(FrozenClass(name=ALL, voters=voters, cents=cents),),
        electorate_root="",
    )


def result_of(rule: VoteRule, ballots: list[list[tuple[Choice, int]]], *, voters: int, cents: int) -> Result:
    heads, made = [], []
    for number, parts in enumerate(ballots):
        salt = ballot_salt(voter_secret(bytes([number]) * 32, "v1"), ALL, 1)
        heads.append(head_record(salt, ALL, Ballot.of(parts), BANDS_CENTS))
        made += coin_records(salt, ALL, Ballot.of(parts), CAP)
    return decide(rule, tallies(spec_of(rule, voters, cents), heads, made))


def total(ballots: list[list[tuple[Choice, int]]]) -> int:
    return sum(cents for parts in ballots for _, cents in parts)


@settings(deadline=None)
@given(RULES, BALLOTS, st.randoms(use_true_random=False))
def test_no_order_of_ballots_or_parts_changes_the_result(
    rule: VoteRule, ballots: list[list[tuple[Choice, int]]], chance: random.Random
) -> None:
    electorate = {"voters": len(ballots) + 1, "cents": total(ballots) + 1}
    shuffled = [chance.sample(parts, len(parts)) for parts in ballots]
    chance.shuffle(shuffled)
    assert result_of(rule, shuffled, **electorate) == result_of(rule, ballots, **electorate)


@settings(deadline=None)
@given(RULES, BALLOTS, CHOICES, st.lists(CENTS, min_size=2, max_size=5))
def test_a_weight_split_into_parts_of_one_choice_counts_like_the_whole(
    rule: VoteRule, ballots: list[list[tuple[Choice, int]]], choice: Choice, parts: list[int]
) -> None:
    electorate = {"voters": len(ballots) + 1, "cents": total(ballots) + sum(parts)}
    split = result_of(rule, [*ballots, [(choice, cents) for cents in parts]], **electorate)
    assert split == result_of(rule, [*ballots, [(choice, sum(parts))]], **electorate)


@settings(deadline=None)
@given(BALLOTS, st.lists(CENTS, min_size=1, max_size=5))
def test_abstentions_change_nothing_where_only_yes_and_no_count(
    ballots: list[list[tuple[Choice, int]]], abstained: list[int]
) -> None:
    electorate = {"voters": 100, "cents": total(ballots) + sum(abstained)}
    more = [*ballots, *([(ABSTAIN, cents)] for cents in abstained)]
    for rule in (SME, LARGE):
        assert result_of(rule, more, **electorate) == result_of(rule, ballots, **electorate)


@settings(deadline=None)
@given(RULES, BALLOTS, CENTS)
def test_one_more_yes_never_takes_an_approval_away_and_one_more_no_never_gives_it(
    rule: VoteRule, ballots: list[list[tuple[Choice, int]]], cents: int
) -> None:
    electorate = {"voters": 100, "cents": total(ballots) + cents}
    before = set(result_of(rule, ballots, **electorate).approving)
    assert before <= set(result_of(rule, [*ballots, [(YES, cents)]], **electorate).approving)
    assert before >= set(result_of(rule, [*ballots, [(NO, cents)]], **electorate).approving)


@settings(deadline=None)
@given(st.integers(1, MAX_MINOR))
def test_coins_make_up_every_amount_and_are_of_few_sorts(cents: int) -> None:
    cap = cap_for(cents)
    made = coins(cents, cap)
    assert sum(made) == cents
    assert set(made) <= set(sorts_up_to(cap))
    assert len(made) <= 1_100


@settings(deadline=None)
@given(st.lists(st.tuples(CHOICES, CENTS), min_size=1, max_size=5))
def test_a_ballot_comes_out_of_its_body_as_it_went_in(parts: list[tuple[Choice, int]]) -> None:
    ballot = Ballot.of(parts)
    assert ballot_in(body_of(ballot, vote_id="v1", voter="x", class_name=ALL, number=1)) == ballot
