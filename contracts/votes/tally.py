"""Counting: what each class comes to, and what the rule makes of it. Whole numbers and exact fractions, ties explicit.

A *head* is a voter, whatever her claims. One who splits her weight is one head on the side of its larger part, yes or
no; with equal parts she is among the voters and on neither side. One who only abstains is a head that abstains: counted
for a quorum, and for nothing else. Who sends no ballot is not counted at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import assert_never

from contracts.votes.rules import ClassFacts, RuleKind, VoteRule
from ledger.log.leaf import JSON

TWO_CLASSES = 2


class Choice(StrEnum):
    """What a part of a ballot says."""

    YES = "yes"
    NO = "no"
    ABSTAIN = "abstain"


class Head(StrEnum):
    """What a whole ballot comes to, for the count of heads; the last three are of ballots whose weight is split."""

    YES = "yes"
    NO = "no"
    ABSTAIN = "abstain"
    MOSTLY_YES = "mostly-yes"
    MOSTLY_NO = "mostly-no"
    EVENLY = "evenly"


class Outcome(StrEnum):
    """What a vote comes to. `CROSS_CLASS`: not carried in every class, but a court may impose it."""

    PASSED = "passed"
    REJECTED = "rejected"
    NO_QUORUM = "no-quorum"
    CROSS_CLASS = "cross-class"


@dataclass(slots=True, kw_only=True)
class ClassTally:
    """One class: all frozen claims (`voters`, `claims_cents`), and the heads and cents of the ballots by choice."""

    name: str
    voters: int
    claims_cents: int
    heads: dict[str, int] = field(default_factory=lambda: dict.fromkeys((each.value for each in Head), 0))
    cents: dict[str, int] = field(default_factory=lambda: dict.fromkeys((each.value for each in Choice), 0))

    @property
    def yes_heads(self) -> int:
        """Heads on the side of yes."""
        return self.heads[Head.YES] + self.heads[Head.MOSTLY_YES]

    @property
    def said_heads(self) -> int:
        """Heads that said yes, no, or both; abstentions are none of them."""
        return sum(self.heads.values()) - self.heads[Head.ABSTAIN]

    @property
    def yes_cents(self) -> int:
        """Amounts that said yes."""
        return self.cents[Choice.YES]

    @property
    def said_cents(self) -> int:
        """Amounts that said yes or no."""
        return self.cents[Choice.YES] + self.cents[Choice.NO]

    @property
    def present_cents(self) -> int:
        """Amounts that were voted, abstentions included."""
        return sum(self.cents.values())

    def as_json(self) -> dict[str, JSON]:
        """The same for the published vote."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome, the classes that approve and those without quorum, and whether a court must confirm it."""

    outcome: Outcome
    approving: tuple[str, ...]
    without_quorum: tuple[str, ...] = ()
    needs_homologation: bool = False

    def as_json(self) -> dict[str, JSON]:
        """The same for the published vote."""
        return {
            "approving": list(self.approving),
            "needs_homologation": self.needs_homologation,
            "outcome": self.outcome.value,
            "without_quorum": list(self.without_quorum),
        }


def head_of(parts: Mapping[Choice, int]) -> Head:
    """What a ballot's parts, in cents by choice, come to as one head.

    >>> head_of({Choice.YES: 5}), head_of({Choice.YES: 5, Choice.NO: 5}), head_of({Choice.NO: 1, Choice.ABSTAIN: 9})
    (<Head.YES: 'yes'>, <Head.EVENLY: 'evenly'>, <Head.MOSTLY_NO: 'mostly-no'>)
    """
    used = [choice for choice, cents in parts.items() if cents]
    if len(used) == 1:
        return Head(used[0].value)
    yes, no = parts.get(Choice.YES, 0), parts.get(Choice.NO, 0)
    if yes == no:
        return Head.EVENLY
    return Head.MOSTLY_YES if yes > no else Head.MOSTLY_NO


def decide(rule: VoteRule, classes: Sequence[ClassTally], facts: Iterable[ClassFacts] = ()) -> Result:
    """What the rule makes of the classes; `facts` of classes matter to large enterprises only.

    A class in which nobody says yes or no does not approve.
    """
    approving = tuple(each.name for each in classes if approves(rule, each))
    lacking = tuple(each.name for each in classes if not has_quorum(rule, each))
    all_approve = len(approving) == len(classes)
    match rule.kind:
        case RuleKind.SME | RuleKind.CONTRACT:
            outcome = Outcome.PASSED if all_approve else Outcome.REJECTED
        case RuleKind.LARGE:
            outcome = Outcome.PASSED if all_approve else _across(classes, set(approving), facts)
        case _:
            assert_never(rule.kind)
    if lacking:
        return Result(outcome=Outcome.NO_QUORUM, approving=approving, without_quorum=lacking)
    is_open = outcome in {Outcome.PASSED, Outcome.CROSS_CLASS}
    return Result(outcome=outcome, approving=approving, needs_homologation=is_open and _court_confirms(rule, classes))


def approves(rule: VoteRule, tally: ClassTally) -> bool:
    """Whether a class approves. A tie of heads does not carry; an amount that just reaches its part does."""
    if not tally.said_cents:
        return False
    if rule.heads_above is not None and not tally.yes_heads > rule.heads_above * tally.said_heads:
        return False
    return tally.yes_cents >= rule.amount_from * tally.said_cents


def has_quorum(rule: VoteRule, tally: ClassTally) -> bool:
    """Whether enough of the class has voted; a part that is just reached is enough."""
    return rule.quorum_from is None or tally.present_cents >= rule.quorum_from * tally.claims_cents


def _across(classes: Sequence[ClassTally], approving: set[str], facts: Iterable[ClassFacts]) -> Outcome:
    """Whether a court may impose it on the classes that refuse (XX.83/18): one of two classes approves; or most of the
    classes, one of them secured or first in rank; or one that would be paid as a going concern.
    """
    known = [each for each in facts if each.name in approving]
    one_of_two = len(classes) == TWO_CLASSES and len(approving) == 1
    most = Fraction(len(approving), len(classes)) > Fraction(1, 2) and any(each.secured for each in known)
    paid = any(each.in_the_money for each in known)
    return Outcome.CROSS_CLASS if one_of_two or most or paid else Outcome.REJECTED


def _court_confirms(rule: VoteRule, classes: Sequence[ClassTally]) -> bool:
    if rule.homologation_always or rule.homologation_below is None:
        return rule.homologation_always
    claims = sum(each.claims_cents for each in classes)
    return sum(each.yes_cents for each in classes) < rule.homologation_below * claims
