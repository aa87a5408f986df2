"""By which rule a vote is decided: dated rows with their source for what the law fixes, terms for what is agreed.

    sme        restructuring of a small or middling enterprise: most heads and half of the amounts of those who vote
    large      restructuring of a large enterprise: half of the amounts in each class; else the court may impose it
    contract   meeting of bondholders: quorum and majority as the terms of the issue say

Shares are exact fractions. Every comparison says which side a tie falls on: `above` is not reached by a tie, `from` is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Any

from contracts.schemes.rules import Confidence
from ledger.errors import Refusal
from ledger.log.leaf import JSON

ALL = "all"
"""The one class of a vote that is not taken class by class."""
LEAST_NOTICE_DAYS = 15
FIRST, SECOND = 1, 2
_FRACTION = re.compile(r"(0|[1-9][0-9]{0,5})/([1-9][0-9]{0,5})")
_CLASS = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")


class RuleKind(StrEnum):
    """What a vote is about, as far as its rule differs."""

    SME = "sme"
    LARGE = "large"
    CONTRACT = "contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteRule:
    """One rule.

    heads_above          `yes` must be more than this part of the heads that said yes or no; None: heads don't count
    amount_from          `yes` must be at least this part of the amounts that said yes or no
    quorum_from          at least this part of all claims must have voted, abstentions included; None: no quorum
    homologation_below   a court must confirm where `yes` is less than this part of all claims
    homologation_always  a court must confirm in any case
    by_class             quorum and majority hold in each class by itself
    proxy_working_days   a proxy is given so many working days before the end at the latest
    """

    kind: RuleKind
    source: str
    confidence: Confidence
    valid_from: date
    amount_from: Fraction
    valid_to: date | None = None
    notice_days: int = LEAST_NOTICE_DAYS
    proxy_working_days: int = 0
    heads_above: Fraction | None = None
    quorum_from: Fraction | None = None
    homologation_below: Fraction | None = None
    homologation_always: bool = False
    by_class: bool = False

    def as_json(self) -> dict[str, JSON]:
        """What a published vote states of its rule; fractions as `3/4`, what does not apply is absent."""
        stated: dict[str, JSON] = {
            "amount_from": shown(self.amount_from),
            "by_class": self.by_class,
            "homologation_always": self.homologation_always,
            "kind": self.kind.value,
            "notice_days": self.notice_days,
            "proxy_working_days": self.proxy_working_days,
            "source": self.source,
            "valid_from": self.valid_from.isoformat(),
        }
        parts = {name: getattr(self, name) for name in ("heads_above", "quorum_from", "homologation_below")}
        return stated | {name: shown(part) for name, part in parts.items() if part is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingRules:
    """What the terms of an issue say of its meeting; the defaults are the company code's, which terms may vary.

    `quorum_second` is 0 where a second meeting needs none; `exempt` marks conservatory decisions and the choice of a
    representative, which no court confirms. Refuses `meeting-rules-malformed` for a part outside 0 to 1, a majority of
    0, and a notice below 15 days.
    """

    notice_days: int = LEAST_NOTICE_DAYS
    quorum_first: Fraction = Fraction(1, 2)
    quorum_second: Fraction = Fraction(0)
    majority: Fraction = Fraction(3, 4)
    homologation_below: Fraction = Fraction(1, 3)
    class_conflict: bool = False
    exempt: bool = False

    def __post_init__(self) -> None:
        for name in ("quorum_first", "quorum_second", "majority", "homologation_below"):
            if not 0 <= getattr(self, name) <= 1:
                raise Refusal("meeting-rules-malformed", member=name)
        if not self.majority:
            raise Refusal("meeting-rules-malformed", member="majority")
        if self.notice_days < LEAST_NOTICE_DAYS:
            raise Refusal("meeting-rules-malformed", member="notice_days")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFacts:
    """What the rule of large enterprises asks of a class: whether it ranks first or is secured, and whether it would be
    paid something if the enterprise were sold as a going concern.
    """

    name: str
    secured: bool = False
    in_the_money: bool = False

    def __post_init__(self) -> None:
        if not _CLASS.fullmatch(self.name):
            raise Refusal("vote-class-unknown", name=self.name[:40])

    def as_json(self) -> dict[str, JSON]:
        """The same for the published vote."""
        return {"in_the_money": self.in_the_money, "name": self.name, "secured": self.secured}


ROWS: Sequence[VoteRule] = (
    VoteRule(
        kind=RuleKind.SME,
        source="Code of economic law, arts XX.77, XX.78 and XX.78/2 (law of 7 June 2023)",
        confidence=Confidence.HIGH,
        valid_from=date(2023, 9, 1),
        heads_above=Fraction(1, 2),
        amount_from=Fraction(1, 2),
        proxy_working_days=2,
        homologation_always=True,
    ),
    VoteRule(
        kind=RuleKind.LARGE,
        source="Code of economic law, arts XX.83/9 to XX.83/18 (law of 7 June 2023)",
        confidence=Confidence.MEDIUM,
        valid_from=date(2023, 9, 1),
        amount_from=Fraction(1, 2),
        by_class=True,
        homologation_always=True,
    ),
)
"""What the law fixes. The articles give no row before September 2023, and none is made up."""
_MEETING_SOURCE = "terms of the issue; defaults: code of companies and associations, arts 5:107 ff and 7:161 to 7:176"
_MEETING_FROM = date(2019, 5, 1)


def rule_of_law(kind: RuleKind, on: date) -> VoteRule:
    """The row of `sme` or `large` on a date; refuses `no-rule-for-date`.

    >>> rule_of_law(RuleKind.SME, date(2026, 3, 2)).heads_above
    Fraction(1, 2)
    """
    for row in ROWS:
        if row.kind is kind and row.valid_from <= on and (row.valid_to is None or on < row.valid_to):
            return row
    raise Refusal("no-rule-for-date", scheme="votes", param=kind.value, wanted_on=on.isoformat())


def rule_of_terms(terms: MeetingRules, *, meeting: int = FIRST) -> VoteRule:
    """The rule of a first or second meeting under the terms of an issue.

    >>> rule_of_terms(MeetingRules(), meeting=SECOND).quorum_from is None
    True
    """
    quorum = terms.quorum_first if meeting == FIRST else terms.quorum_second
    return VoteRule(
        kind=RuleKind.CONTRACT,
        source=_MEETING_SOURCE,
        confidence=Confidence.MEDIUM,
        valid_from=_MEETING_FROM,
        amount_from=terms.majority,
        notice_days=terms.notice_days,
        quorum_from=quorum or None,
        homologation_below=None if terms.exempt else terms.homologation_below or None,
        by_class=terms.class_conflict,
    )


def rule_from_json(stated: Mapping[str, Any]) -> VoteRule:
    """The rule that a published vote states; refuses `vote-file-malformed` where it can't be one, and
    `vote-rule-differs` where it is not what the law says on its date.
    """
    try:
        parts: dict[str, Any] = {name: _fraction(stated[name]) for name in _PARTS if name in stated}
        rule = VoteRule(
            kind=RuleKind(stated["kind"]),
            source=str(stated["source"]),
            confidence=Confidence.MEDIUM,
            valid_from=date.fromisoformat(stated["valid_from"]),
            notice_days=int(stated["notice_days"]),
            proxy_working_days=int(stated["proxy_working_days"]),
            homologation_always=bool(stated["homologation_always"]),
            by_class=bool(stated["by_class"]),
            **parts,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal("vote-file-malformed", member="rule") from error
    if rule.as_json() != dict(stated):
        raise Refusal("vote-file-malformed", member="rule")
    if rule.kind is not RuleKind.CONTRACT and rule_of_law(rule.kind, rule.valid_from).as_json() != dict(stated):
        raise Refusal("vote-rule-differs", kind=rule.kind.value)
    return rule


def shown(part: Fraction) -> str:
    """A fraction as files state it.

    >>> shown(Fraction(2, 4)), shown(Fraction(0))
    ('1/2', '0/1')
    """
    return f"{part.numerator}/{part.denominator}"


_PARTS = ("amount_from", "heads_above", "quorum_from", "homologation_below")


def _fraction(text: str) -> Fraction:
    found = _FRACTION.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return Fraction(int(found[1]), int(found[2]))
