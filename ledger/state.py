"""What the decision rests on and what it gives: frozen values, made by reading and written by posting.

State     the book's head, and of all that the requests name, what exists
Request   items that stand or fall together, with the key under which the answer is kept, if any
Decision  rows to write, the head after them, one result per request
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.facts import Item
from ledger.journal import JournalEntry
from ledger.lines import (
    BOOK_KEY,
    AccountRow,
    AssetRow,
    BlockRow,
    EntryRow,
    FindingRow,
    HoldLineRow,
    HoldRow,
    HoldStepRow,
    PeriodRow,
    PostingRow,
    RequestRow,
    RuleRow,
)
from ledger.money import EUR

Legs = Counter[tuple[AccountRef, int, int]]
"""The lines of an entry as (account, debit, credit), counted: what a reversal must mirror."""

Amounts = Mapping[tuple[AccountRef, bool], int]
"""Reserved amounts by account and side; true is the debit side."""


class Head(NamedTuple):
    """Where a book stands: the next numbers to give, the last block's hash and instant, the last day that is closed."""

    next_n: int
    next_block: int
    next_account: int
    last_hash: bytes
    last_booked_at: datetime
    closed_on: date | None = None


@dataclass(slots=True)
class AccountState:
    """An open account: signed balance (debits minus credits), number of postings, limits, amounts reserved."""

    account_id: int
    ref: AccountRef
    personal: bool
    posted: int = 0
    seq: int = 0
    minimum: int | None = None
    maximum: int | None = None
    last_commitment: bytes | None = None
    held_debit: int = 0
    held_credit: int = 0
    closed: bool = False
    version: int = 1

    def copy(self) -> "AccountState":
        """An account of its own with the same values."""
        return AccountState(
            self.account_id, self.ref, self.personal, self.posted, self.seq, self.minimum, self.maximum,
            self.last_commitment, self.held_debit, self.held_credit, self.closed, self.version,
        )  # fmt: skip

    @property
    def key_owner(self) -> str:
        """Whose key hides this account's lines."""
        return self.ref.owner if self.personal else BOOK_KEY


class KnownEntry(NamedTuple):
    """An entry that stands already."""

    n: int
    body_hash: bytes


class KnownRequest(NamedTuple):
    """A request that was answered already."""

    actor: str
    body_hash: bytes
    outcome: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Target:
    """A posted entry that a reversal names."""

    n: int
    legs: Legs
    is_reversal: bool
    is_reversed: bool


@dataclass(frozen=True, slots=True)
class HoldState:
    """A hold that a posting or a release names: what it still reserves, and how many steps it has had."""

    n: int
    remaining: Amounts
    steps: int
    is_open: bool
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class State:
    """All that the decision rests on: what the requests name, as far as it exists.

    `periods` are the closed ones by their last day, given where an item is dated in one; `late_refused` are the
    purposes whose entries may not be late.
    """

    book_id: str
    head: Head
    accounts: Mapping[AccountRef, AccountState] = field(default_factory=dict)
    assets: Mapping[str, int] = field(default_factory=lambda: {EUR.code: EUR.scale})
    known: Mapping[str, KnownEntry] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)
    holds: Mapping[str, HoldState] = field(default_factory=dict)
    periods: Sequence[date] = ()
    requests: Mapping[str, KnownRequest] = field(default_factory=dict)
    late_refused: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Given:
    """What a record that is brought in from elsewhere states, and nothing here can derive.

    `commitments`, by entry and line, stand for lines whose owner has no key any more; `limits` (minimum, maximum) are
    those that accounts were opened with, whatever the chart says now.
    """

    commitments: Mapping[tuple[int, int], bytes] = field(default_factory=dict)
    limits: Mapping[AccountRef, tuple[int | None, int | None]] = field(default_factory=dict)


NOTHING_GIVEN = Given()


class ItemResult(NamedTuple):
    """The number of the entry with this fact key, and whether it stood before."""

    key: str
    n: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Request:
    """Items that stand or fall together. With `key`, the answer is kept and a repetition gets it again.

    `body_hash` tells a repetition from another request under the same key; `answer` is kept instead of the results
    where the caller has one of its own.
    """

    items: Sequence[Item]
    key: str | None = None
    actor: str = "system"
    body_hash: bytes = b""
    answer: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """The answer that an earlier request with the same key got."""

    outcome: Mapping[str, object]


Result = list[ItemResult] | Refusal | Replayed


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write, and what to answer. `block` is None when there is nothing to write."""

    results: list[Result]
    head: Head
    block: BlockRow | None = None
    entries: list[EntryRow] = field(default_factory=list)
    postings: list[PostingRow] = field(default_factory=list)
    assets: list[AssetRow] = field(default_factory=list)
    accounts: list[AccountRow] = field(default_factory=list)
    rules: list[RuleRow] = field(default_factory=list)
    holds: list[HoldRow] = field(default_factory=list)
    hold_lines: list[HoldLineRow] = field(default_factory=list)
    hold_steps: list[HoldStepRow] = field(default_factory=list)
    periods: list[PeriodRow] = field(default_factory=list)
    findings: list[FindingRow] = field(default_factory=list)
    requests: list[RequestRow] = field(default_factory=list)
    opened: list[AccountState] = field(default_factory=list)
    changed: list[AccountState] = field(default_factory=list)


def legs_of(entry: JournalEntry) -> Legs:
    """The entry's lines, counted."""
    return Counter((p.account, p.debit, p.credit) for p in entry.postings)


def mirrored(legs: Legs) -> Legs:
    """The same lines with debit and credit exchanged."""
    return Counter({(account, credit, debit): count for (account, debit, credit), count in legs.items()})
