"""What can be entered in a book besides journal entries: holds and their ends, limits, period closes, notes, findings.

Each is one numbered entry with a fact key of its own, goes through the same posting step as a journal entry, and is
committed to the public log line by line:

    Hold          hold/1      reserves amounts; they count against floors and ceilings at once
    Release       release/1   ends a hold: void, or expired by the timer
    RuleChange    rules/1     a new version of an account's limits; the old one explains old refusals
    PeriodClose   period/1    after it, an entry dated in the period is late, and says so
    Note          note/1      what is said about an entry afterwards, in place of an edit
    Finding       types of FINDINGS    what is said of the record as a whole, or of its log
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from ledger.accounts import AccountRef, ChartRow, Side, chart_row
from ledger.errors import Refusal
from ledger.journal import (
    MAX_TEXT,
    JournalEntry,
    body_digest,
    check_actor,
    check_date,
    check_evidence,
    check_key,
    is_plain_text,
)
from ledger.log.leaf import APPROVED_FINDINGS, FINDINGS, JSON, TOTALS, canonical_json

MAX_LIMIT = 2**53 - 1
MAX_FINDING_LINES = 1_000
MAX_TOTALS_LINES = 50_000
"""One for each asset and group of accounts, and every loan is an asset."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Amounts reserved as `entry` states them, until they are posted, voided, or the instant `expires_at` has come."""

    entry: JournalEntry
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.entry.settles is not None or self.entry.reverses is not None:
            raise Refusal("hold-is-not-plain", key=self.key)
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise Refusal("instant-without-zone", key=self.key)

    @property
    def key(self) -> str:
        """The fact key."""
        return self.entry.key

    @property
    def actor(self) -> str:
        """Who reserves."""
        return self.entry.actor

    def body_hash(self) -> bytes:
        """SHA-256 of all that was stated."""
        expires = self.expires_at.astimezone(UTC).isoformat() if self.expires_at else None
        return body_digest(["hold", self.entry.body_hash().hex(), expires])


class ReleaseKind(StrEnum):
    """Why a hold ends without being posted."""

    VOID = "void"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Release:
    """The hold with fact key `hold` ends; what it still reserves is free again."""

    key: str
    hold: str
    kind: ReleaseKind
    actor: str = "system"
    evidence: str | None = None

    def __post_init__(self) -> None:
        _check(self.key, self.actor, self.evidence)

    def body_hash(self) -> bytes:
        """SHA-256 of all that was stated."""
        return body_digest(["release", self.key, self.hold, self.kind, self.actor, self.evidence])


@dataclass(frozen=True, slots=True)
class RuleChange:
    """New limits of one account: `minimum` and `maximum` of the signed balance, and whether it is closed."""

    key: str
    account: AccountRef
    minimum: int | None
    maximum: int | None
    closed: bool = False
    actor: str = "system"
    evidence: str | None = None
    approvals: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self.key, self.actor, self.evidence)
        low = -MAX_LIMIT if self.minimum is None else self.minimum
        high = MAX_LIMIT if self.maximum is None else self.maximum
        if not -MAX_LIMIT <= low <= high <= MAX_LIMIT:
            raise Refusal("limits-malformed", key=self.key, account=str(self.account))

    def body_hash(self) -> bytes:
        """SHA-256 of all that was stated."""
        limits = [self.minimum, self.maximum, self.closed]
        stated = [self.key, *self.account, limits, self.actor, self.evidence, self.approvals]
        return body_digest(["rule", *stated])


def rule_change(
    key: str,
    account: AccountRef,
    *,
    floor: int | None,
    ceiling: int | None,
    closed: bool = False,
    actor: str = "system",
    evidence: str | None = None,
    approvals: tuple[str, ...] = (),
) -> RuleChange:
    """The change with `floor` and `ceiling` declared on the account's normal side, in minor units."""
    row = chart_row(account.code)
    limits = ChartRow(row.prefix, row.names, row.kind, row.normal_side, row.personal, floor, ceiling)
    return RuleChange(key, account, limits.minimum, limits.maximum, closed, actor, evidence, approvals)


def normal_limits(code: str, minimum: int | None, maximum: int | None) -> tuple[int | None, int | None]:
    """Floor and ceiling on the normal side of an account of this `code`, from the limits of its signed balance."""
    if chart_row(code).normal_side is Side.DEBIT:
        return minimum, maximum
    return None if maximum is None else -maximum, None if minimum is None else -minimum


@dataclass(frozen=True, slots=True)
class PeriodClose:
    """Everything dated up to and including `until_on` is closed, from the day after the period closed before."""

    key: str
    until_on: date
    actor: str = "system"
    evidence: str | None = None
    approvals: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self.key, self.actor, self.evidence)
        check_date(self.key, self.until_on)

    def body_hash(self) -> bytes:
        """SHA-256 of all that was stated."""
        return body_digest(
            ["period", self.key, self.until_on.isoformat(), self.actor, self.evidence, self.approvals],
        )


@dataclass(frozen=True, slots=True)
class Note:
    """A remark on the entry with fact key `about`, and the hash of a document that belongs to it."""

    key: str
    about: str
    text: str
    actor: str = "system"
    evidence: str | None = None

    def __post_init__(self) -> None:
        _check(self.key, self.actor, self.evidence)
        if not is_plain_text(self.text):
            raise Refusal("remark-malformed", key=self.key, text=repr(self.text[:MAX_TEXT]))

    def body_hash(self) -> bytes:
        """SHA-256 of all that was stated."""
        return body_digest(["note", self.key, self.about, self.text, self.actor, self.evidence])


@dataclass(frozen=True, slots=True)
class Finding:
    """What is said of the record as a whole or of its log: an attested state, a verdict, totals, a key, an erasure."""

    key: str
    type: str
    lines: Sequence[Mapping[str, JSON]]
    actor: str = "system"
    evidence: str | None = None
    approvals: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self.key, self.actor, self.evidence)
        most = MAX_TOTALS_LINES if self.type == TOTALS else MAX_FINDING_LINES
        if self.type not in FINDINGS or not 1 <= len(self.lines) <= most:
            raise Refusal("finding-malformed", key=self.key, type=self.type)
        if self.approvals and self.type not in APPROVED_FINDINGS:
            raise Refusal("finding-malformed", key=self.key, type=self.type)
        for line in self.lines:
            canonical_json(dict(line))

    def body_hash(self) -> bytes:
        """SHA-256 of all that was stated."""
        stated = [canonical_json(dict(line)).decode() for line in self.lines]
        said = ["finding", self.key, self.type, stated, self.actor, self.evidence]
        return body_digest([*said, self.approvals] if self.approvals else said)


Item = JournalEntry | Hold | Release | RuleChange | PeriodClose | Note | Finding
"""Whatever takes a number in a book."""


def _check(key: str, actor: str, evidence: str | None) -> None:
    check_key(key)
    check_actor(actor)
    check_evidence(key, evidence)
