"""What is published of a vote, and how its result follows from that: formats of files and of the log's lines, no rows.

    {"announcement": {"opening", "proof"}, receipt of the entry that announced the vote: the log holds its spec
     "closing": {"opening", "proof"},      receipt of the entry that closed it: the log holds the roots of the lists
     "format": "bxl-vote/1",
     "records": {"ballots": [...],         "n commitment": entry and commitment of each ballot that counts, by n
                 "coins": [...],           "tag class choice cents", by tag
                 "heads": [...]},          "tag class head band", by tag
     "result": {...}, "spec": {...}, "tally": [...]}

The lines of `vote/1` entries have a `step`: `opening` names the spec by its hash, `ballot` a commitment, `withdrawal`
the vote alone, and `closing` the count and the RFC 6962 root of each list, how many ballots were cast in all, and the
hash of tally and result. Counts and amounts of the tally follow from heads and coins alone (`tallies`), the result from
the tally and the rule (`contracts.votes.tally`).
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from contracts.votes.rules import ClassFacts, VoteRule, rule_from_json
from contracts.votes.tally import Choice, ClassTally, Head, Result
from ledger.errors import Refusal
from ledger.log.encoding import b64
from ledger.log.leaf import JSON, canonical_json
from ledger.log.merkle import leaf_hash, root

PUBLIC_FORMAT, AUDITOR_FORMAT = "bxl-vote/1", "bxl-vote-auditor/1"
OPENING, BALLOT, CLOSING, WITHDRAWAL = "opening", "ballot", "closing", "withdrawal"
BALLOTS, HEADS, COINS = "ballots", "heads", "coins"
LISTS = (BALLOTS, HEADS, COINS)
_TAG = "[A-Za-z0-9_-]{22}"
_FORMS = {
    BALLOTS: re.compile(r"[1-9][0-9]{0,15} [A-Za-z0-9+/]{43}="),
    HEADS: re.compile(rf"{_TAG} [a-z0-9-]{{1,24}} ({'|'.join(Head)}) [0-9]"),
    COINS: re.compile(rf"{_TAG} [a-z0-9-]{{1,24}} ({'|'.join(Choice)}) [125]0{{0,15}}"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenClass:
    """What the frozen claims of a class come to."""

    name: str
    voters: int
    cents: int

    def as_json(self) -> dict[str, JSON]:
        """The same for the published vote."""
        return {"cents": self.cents, "name": self.name, "voters": self.voters}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a vote is about and by what rule, fixed when it is announced.

    `terms_sha256` is the hash of the paper that is voted on. `electorate_root` is the RFC 6962 root over the
    commitments to the frozen claims. `bands` are lower ends in cents, `coin_cap_cents` is the largest coin.
    """

    vote_id: str
    subject: str
    terms_sha256: str
    rule: VoteRule
    facts: tuple[ClassFacts, ...]
    announced_on: date
    record_on: date
    opens_at: datetime
    closes_at: datetime
    bands: tuple[int, ...]
    coin_cap_cents: int
    classes: tuple[FrozenClass, ...]
    electorate_root: str

    def as_json(self) -> dict[str, JSON]:
        """The one object that stands for it."""
        return {
            "announced_on": self.announced_on.isoformat(),
            "bands": list(self.bands),
            "classes": [each.as_json() for each in self.classes],
            "closes_at": _instant(self.closes_at),
            "coin_cap_cents": self.coin_cap_cents,
            "electorate_root": self.electorate_root,
            "facts": [each.as_json() for each in self.facts],
            "opens_at": _instant(self.opens_at),
            "record_on": self.record_on.isoformat(),
            "rule": self.rule.as_json(),
            "subject": self.subject,
            "terms_sha256": self.terms_sha256,
            "vote": self.vote_id,
        }

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical object, in hex."""
        return hash_of(self.as_json())


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The three lists, each in order."""

    ballots: Sequence[str]
    heads: Sequence[str]
    coins: Sequence[str]

    def by_name(self) -> Mapping[str, Sequence[str]]:
        """The same by name."""
        return {BALLOTS: self.ballots, HEADS: self.heads, COINS: self.coins}


def ballot_record(n: int, commitment: bytes) -> str:
    """A ballot as it is listed: the number of its entry, and its commitment."""
    return f"{n} {b64(commitment)}"


def spec_from_json(stated: Any) -> Spec:  # noqa: ANN401 -- whatever a file holds
    """The spec in a file; refuses `vote-file-malformed`, and what `rule_from_json` refuses."""
    try:
        spec = Spec(
            vote_id=stated["vote"],
            subject=stated["subject"],
            terms_sha256=stated["terms_sha256"],
            rule=rule_from_json(stated["rule"]),
            facts=tuple(ClassFacts(**each) for each in stated["facts"]),
            announced_on=date.fromisoformat(stated["announced_on"]),
            record_on=date.fromisoformat(stated["record_on"]),
            opens_at=datetime.fromisoformat(stated["opens_at"]),
            closes_at=datetime.fromisoformat(stated["closes_at"]),
            bands=tuple(stated["bands"]),
            coin_cap_cents=stated["coin_cap_cents"],
            classes=tuple(FrozenClass(**each) for each in stated["classes"]),
            electorate_root=stated["electorate_root"],
        )
        same = canonical_json(spec.as_json()) == canonical_json(stated)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Refusal("vote-file-malformed", member="spec") from error
    if not same or not spec.classes or list(spec.bands) != sorted({0, *spec.bands}):
        raise Refusal("vote-file-malformed", member="spec")
    return spec


def tallies(spec: Spec, heads: Iterable[str], coins: Iterable[str]) -> list[ClassTally]:
    """What the records come to, class by class; refuses `vote-class-unknown` for a class that the spec lacks."""
    found = {
        each.name: ClassTally(name=each.name, voters=each.voters, claims_cents=each.cents) for each in spec.classes
    }
    try:
        for record in heads:
            _, name, head, _ = record.split(" ")
            found[name].heads[head] += 1
        for record in coins:
            _, name, choice, cents = record.split(" ")
            found[name].cents[choice] += int(cents)
    except KeyError as error:
        raise Refusal("vote-class-unknown", name=str(error.args[0])[:40]) from error
    return list(found.values())


def closing_line(
    spec: Spec, records: Records, *, cast: int, tally: Sequence[ClassTally], result: Result
) -> dict[str, JSON]:
    """What the log holds of the end: line 1 of the closing entry."""
    line: dict[str, JSON] = {"cast": cast, "result": result_hash(tally, result), "spec": spec.sha256}
    line |= {name: {"n": len(listed), "root": b64(list_root(listed))} for name, listed in records.by_name().items()}
    return line | {"step": CLOSING, "vote": spec.vote_id}


def result_hash(tally: Sequence[ClassTally], result: Result) -> str:
    """SHA-256 of tally and result, in hex."""
    return hash_of({"result": result.as_json(), "tally": [each.as_json() for each in tally]})


def list_root(records: Iterable[str]) -> bytes:
    """The RFC 6962 root over records as UTF-8."""
    return root([leaf_hash(record.encode()) for record in records])


def check_list(name: str, records: Any) -> None:  # noqa: ANN401 -- whatever a file holds
    """Check a list of records: each has its form, and they ascend by their first word, which none has twice.

    Refuses `vote-file-malformed`, `vote-record-malformed`, `vote-record-doubled` and `vote-records-out-of-order`; a
    commitment that stands twice among the ballots is doubled too.
    """
    if not isinstance(records, list):
        raise Refusal("vote-file-malformed", member=name)
    fits = _FORMS[name].fullmatch
    for position, record in enumerate(records):
        if not isinstance(record, str) or fits(record) is None:
            raise Refusal("vote-record-malformed", list=name, position=position)
    firsts: list[Any] = [record.partition(" ")[0] for record in records]
    if name == BALLOTS:
        _refuse_doubled(name, [record.partition(" ")[2] for record in records])
        firsts = [int(first) for first in firsts]
    _refuse_doubled(name, firsts)
    for position in range(1, len(firsts)):
        if firsts[position - 1] > firsts[position]:
            raise Refusal("vote-records-out-of-order", list=name, position=position)


def hash_of(value: JSON) -> str:
    """SHA-256 of a value as canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def _refuse_doubled(name: str, values: Sequence[object]) -> None:
    if len(set(values)) == len(values):
        return
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise Refusal("vote-record-doubled", list=name, record=str(value))
        seen.add(value)


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
