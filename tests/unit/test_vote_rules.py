"""What decides a vote: every rule just inside and just outside its boundary, and what a tie does."""

from datetime import date
from fractions import Fraction

import pytest

from contracts.votes.rules import (
    ALL,
    SECOND,
    ClassFacts,
    MeetingRules,
    RuleKind,
    VoteRule,
    rule_from_json,
    rule_of_law,
    rule_of_terms,
)
from contracts.votes.tally import ClassTally, Outcome, decide
from ledger.errors import Refusal
from tests.votes_kit import LARGE, SME, facts

MEETING = rule_of_terms(MeetingRules())


def counted(
    yes: tuple[int, int] = (0, 0),
    no: tuple[int, int] = (0, 0),
    *,
    abstain: tuple[int, int] = (0, 0),
    evenly: int = 0,
    claims: int = 10_000,
    name: str = ALL,
) -> ClassTally:
    """A class of so many cents of claims; each choice as (heads, cents)."""
    tally = ClassTally(name=name, voters=1_000, claims_cents=claims)
    for choice, (heads, cents) in {"yes": yes, "no": no, "abstain": abstain}.items():
        tally.heads[choice], tally.cents[choice] = heads, cents
    tally.heads["evenly"] = evenly
    return tally


def outcome(rule: VoteRule, *classes: ClassTally, about: tuple[ClassFacts, ...] = ()) -> Outcome:
    return decide(rule, classes, about).outcome


# small and middling enterprises: heads and half of the amounts


def test_half_of_the_amounts_carries_and_half_less_one_cent_does_not() -> None:
    assert outcome(SME, counted((2, 500), (1, 500))) is Outcome.PASSED
    assert outcome(SME, counted((2, 499), (1, 500))) is Outcome.REJECTED
    assert outcome(SME, counted((2, 5_000_000), (1, 5_000_001), claims=10**9)) is Outcome.REJECTED
    assert outcome(SME, counted((2, 5_000_001), (1, 5_000_001), claims=10**9)) is Outcome.PASSED


def test_a_tie_of_heads_does_not_carry_whatever_the_amounts() -> None:
    assert outcome(SME, counted((2, 999), (2, 1))) is Outcome.REJECTED
    assert outcome(SME, counted((3, 999), (2, 1))) is Outcome.PASSED


def test_most_heads_do_not_carry_without_the_amounts() -> None:
    assert outcome(SME, counted((99, 99), (1, 100))) is Outcome.REJECTED


def test_who_abstains_or_sends_nothing_is_ignored() -> None:
    assert outcome(SME, counted((1, 1), abstain=(500, 9_999))) is Outcome.PASSED
    assert outcome(SME, counted((2, 500), (1, 500), abstain=(7, 400), claims=10**12)) is Outcome.PASSED


def test_a_head_that_is_split_evenly_is_among_the_voters_and_on_neither_side() -> None:
    assert outcome(SME, counted((1, 500), (0, 0), evenly=1)) is Outcome.REJECTED
    assert outcome(SME, counted((2, 500), (0, 0), evenly=1)) is Outcome.PASSED


def test_where_nobody_says_yes_or_no_nothing_is_carried() -> None:
    for rule in (SME, LARGE):
        assert outcome(rule, counted(abstain=(3, 300))) is Outcome.REJECTED
    assert outcome(rule_of_terms(MeetingRules(), meeting=SECOND), counted()) is Outcome.REJECTED


def test_a_reorganisation_that_is_carried_goes_to_the_court_and_one_that_is_not_does_not() -> None:
    assert decide(SME, [counted((1, 1))]).needs_homologation
    assert not decide(SME, [counted(no=(1, 1))]).needs_homologation


# large enterprises: classes


def test_each_class_approves_by_half_of_its_amounts() -> None:
    yes, tie = counted((1, 500), (9, 500), name="a"), counted((1, 1), name="b")
    assert outcome(LARGE, yes, tie) is Outcome.PASSED
    short = counted((9, 499), (1, 500), name="a")
    assert decide(LARGE, [short, tie]).approving == ("b",)


def test_one_of_two_classes_lets_the_court_impose_it() -> None:
    for_it, against = counted((1, 1), name="a"), counted(no=(1, 1), name="b")
    assert outcome(LARGE, for_it, against) is Outcome.CROSS_CLASS
    assert decide(LARGE, [for_it, against]).needs_homologation
    assert outcome(LARGE, counted(no=(1, 1), name="a"), against) is Outcome.REJECTED


def test_most_classes_let_the_court_impose_it_where_a_secured_one_is_among_them() -> None:
    classes = [counted((1, 1), name="a"), counted((1, 1), name="b"), counted(no=(1, 1), name="c")]
    assert outcome(LARGE, *classes, about=facts("a", "b", "c", secured=["b"])) is Outcome.CROSS_CLASS
    assert outcome(LARGE, *classes, about=facts("a", "b", "c", secured=["c"])) is Outcome.REJECTED
    half = [*classes, counted(no=(1, 1), name="d")]
    assert outcome(LARGE, *half, about=facts("a", "b", "c", "d", secured=["b"])) is Outcome.REJECTED


def test_a_class_that_would_be_paid_lets_the_court_impose_it() -> None:
    classes = [counted((1, 1), name="a"), counted(no=(1, 1), name="b"), counted(no=(1, 1), name="c")]
    assert outcome(LARGE, *classes, about=facts("a", "b", "c", in_the_money=["a"])) is Outcome.CROSS_CLASS
    assert outcome(LARGE, *classes, about=facts("a", "b", "c", in_the_money=["b"])) is Outcome.REJECTED


def test_one_class_alone_that_refuses_is_not_overruled() -> None:
    assert outcome(LARGE, counted(no=(1, 1), name="a"), about=facts("a", in_the_money=["a"])) is Outcome.REJECTED


# meetings: quorum, majority, classes, court


def test_half_of_all_claims_is_a_quorum_and_half_less_one_cent_is_none() -> None:
    assert outcome(MEETING, counted((1, 5_000))) is Outcome.PASSED
    found = decide(MEETING, [counted((1, 4_999))])
    assert (found.outcome, found.without_quorum) == (Outcome.NO_QUORUM, (ALL,))
    assert not found.needs_homologation
    assert outcome(MEETING, counted((1, 4_999), abstain=(1, 1))) is Outcome.PASSED, "abstentions are present"


def test_a_second_meeting_needs_the_quorum_that_the_terms_say() -> None:
    assert outcome(rule_of_terms(MeetingRules(), meeting=SECOND), counted((1, 1))) is Outcome.PASSED
    quarter = rule_of_terms(MeetingRules(quorum_second=Fraction(1, 4)), meeting=SECOND)
    assert outcome(quarter, counted((1, 2_499))) is Outcome.NO_QUORUM
    assert outcome(quarter, counted((1, 2_500))) is Outcome.PASSED


def test_three_quarters_of_what_is_voted_carry_and_one_cent_less_does_not() -> None:
    assert outcome(MEETING, counted((1, 6_000), (9, 2_000))) is Outcome.PASSED
    assert outcome(MEETING, counted((9, 5_999), (1, 2_000))) is Outcome.REJECTED
    assert outcome(MEETING, counted((1, 6_000), (9, 2_000), abstain=(1, 2_000))) is Outcome.PASSED


def test_below_a_third_of_all_claims_the_court_must_confirm() -> None:
    second = rule_of_terms(MeetingRules(), meeting=SECOND)
    assert decide(second, [counted((1, 3_333), claims=10_000)]).needs_homologation
    assert not decide(second, [counted((1, 3_334), claims=10_000)]).needs_homologation
    assert not decide(second, [counted((1, 3_000), claims=9_000)]).needs_homologation, "a third is not below a third"
    exempt = rule_of_terms(MeetingRules(exempt=True), meeting=SECOND)
    assert not decide(exempt, [counted((1, 1))]).needs_homologation


def test_where_classes_conflict_each_must_have_quorum_and_majority() -> None:
    rule = rule_of_terms(MeetingRules(class_conflict=True))
    full = counted((1, 9_000), name="a")
    assert outcome(rule, full, counted((1, 5_000), name="b")) is Outcome.PASSED
    assert outcome(rule, full, counted((1, 4_999), name="b")) is Outcome.NO_QUORUM
    assert outcome(rule, full, counted((2, 5_999), (1, 2_000), name="b")) is Outcome.REJECTED


@pytest.mark.parametrize(
    ("member", "changes"),
    [
        ("quorum_first", {"quorum_first": Fraction(3, 2)}),
        ("quorum_second", {"quorum_second": Fraction(-1, 2)}),
        ("homologation_below", {"homologation_below": Fraction(5, 4)}),
        ("majority", {"majority": Fraction(0)}),
        ("notice_days", {"notice_days": 14}),
    ],
)
def test_terms_that_can_be_no_rule_are_refused(member: str, changes: dict) -> None:
    with pytest.raises(Refusal) as refused:
        MeetingRules(**changes)
    assert refused.value == Refusal("meeting-rules-malformed", member=member)


# where rules come from


def test_no_rule_is_made_up_for_a_date_without_one() -> None:
    assert rule_of_law(RuleKind.SME, date(2023, 9, 1)).heads_above == Fraction(1, 2)
    for kind in (RuleKind.SME, RuleKind.LARGE):
        with pytest.raises(Refusal) as refused:
            rule_of_law(kind, date(2023, 8, 31))
        assert refused.value.code == "no-rule-for-date"
    with pytest.raises(Refusal):
        rule_of_law(RuleKind.CONTRACT, date(2026, 3, 2))


def test_a_stated_rule_of_law_is_the_laws_and_one_of_terms_is_what_was_agreed() -> None:
    for rule in (SME, LARGE, MEETING, rule_of_terms(MeetingRules(exempt=True), meeting=SECOND)):
        assert rule_from_json(rule.as_json()).as_json() == rule.as_json()
    with pytest.raises(Refusal) as refused:
        rule_from_json(SME.as_json() | {"amount_from": "1/3"})
    assert refused.value == Refusal("vote-rule-differs", kind="sme")
    assert rule_from_json(MEETING.as_json() | {"amount_from": "2/3"}).amount_from == Fraction(2, 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_from": "2/4"},
        {"amount_from": "0.5"},
        {"amount_from": 1},
        {"kind": "other"},
        {"notice_days": "15"},
        {"x": 1},
    ],
)
def test_a_stated_rule_has_one_form(changes: dict) -> None:
    with pytest.raises(Refusal) as refused:
        rule_from_json(MEETING.as_json() | changes)
    assert refused.value == Refusal("vote-file-malformed", member="rule")


def test_a_class_has_a_name_that_files_can_hold() -> None:
    with pytest.raises(Refusal) as refused:
        ClassFacts(name="Two words")
    assert refused.value == Refusal("vote-class-unknown", name="Two words")
