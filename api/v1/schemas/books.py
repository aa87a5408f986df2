"""The record in the JSON API: what may be stated, and how it is shown.

Of what a caller states, only the shape is read here. Amounts, keys, purposes and dates go on as they are, so that what
is wrong with them is said in the ledger's own words.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from api.v1.schemas import RequestBody, Resource
from ledger.money import MAX_MINOR


def _printable(text: str) -> str:
    """Text without control, format (bidirectional) or unassigned characters: databases and readers take it alike."""
    if not text.isprintable():
        raise ValueError("holds a character that can't be shown")
    return text


def _iso_day(value: object) -> object:
    """A date is text of the form 2026-03-02; a number would be taken for seconds, a longer text for an instant."""
    if not isinstance(value, str) or len(value) != len("2026-03-02"):
        raise ValueError("is not a date such as 2026-03-02")
    return value


def _instant(value: object) -> object:
    if not isinstance(value, str) or "T" not in value:
        raise ValueError("is not an instant such as 2026-03-02T12:00:00Z")
    return value


def is_in_range(instant: datetime) -> bool:
    """Whether it lies in the years whose dates are accepted: what is far outside can't be turned into UTC."""
    return 1900 <= instant.year < 2200  # noqa: PLR2004 -- as in ledger.journal


def _in_range(instant: datetime) -> datetime:
    if not is_in_range(instant):
        raise ValueError("is outside the years 1900 to 2199")
    return instant


Minor = Annotated[int, Field(description="in the asset's smallest unit: cents, where it is EUR")]
Stated = Annotated[
    Any,
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_MINOR, "description": "in the smallest unit"}),
]
Limit = Annotated[int, Field(strict=True, description="on the account's normal side, in the smallest unit")]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Day = Annotated[date, BeforeValidator(_iso_day)]
Instant = Annotated[datetime, BeforeValidator(_instant), AfterValidator(_in_range)]
FactKey = Annotated[str, Field(description="names what happened; the same fact is posted once, for ever")]


class StatedPosting(RequestBody):
    """One line: a debit or a credit of an account, written `489100:c17`."""

    account: Name
    asset: Name = "EUR"
    debit: Stated = 0
    credit: Stated = 0


class StatedFact(RequestBody):
    """What every fact has: its key, and the SHA-256 of its evidence in hex."""

    key: FactKey
    evidence: str | None = None


class StatedMove(StatedFact):
    """What is dated and rests on approvals that a colleague has given."""

    effective_on: Day
    purpose: str
    approvals: Annotated[list[Name], Field(max_length=20)] = Field(default_factory=list)
    metadata: dict[str, str] = Field(default_factory=dict)


class StatedEntry(StatedMove):
    """A journal entry; `settles` names the hold whose amounts it posts, `reverses` the entry that it mirrors."""

    postings: list[StatedPosting]
    reverses: Name | None = None
    settles: Name | None = None
    releases_rest: bool = False


class NewEntries(RequestBody):
    """Up to 10,000 journal entries; `linked` makes them one: all are posted or none."""

    entries: Annotated[list[StatedEntry], Field(min_length=1)]
    linked: Annotated[bool, Field(strict=True)] = False


class NewHold(StatedMove):
    """Amounts to reserve, until they are posted, voided, or `expires_at` has come."""

    postings: list[StatedPosting]
    expires_at: Instant | None = None


class HoldPosting(StatedMove):
    """What to post of a hold: these lines, or all that is left of it; `releases_rest` frees what stays."""

    postings: list[StatedPosting] | None = None
    releases_rest: bool = False


class Voiding(StatedFact):
    """A hold is no longer needed."""


class NewReversal(StatedMove):
    """The mirror of an entry; its lines are made of that entry's."""

    purpose: str = "reversal"


class NewNote(StatedFact):
    """What is to be said about an entry afterwards, in place of an edit."""

    text: str


class NewLimits(RequestBody):
    """Floor and ceiling of an account on its normal side; closed, nothing can be posted to it."""

    asset: Name = "EUR"
    floor: Limit | None = None
    ceiling: Limit | None = None
    closed: Annotated[bool, Field(strict=True)] = False


class LimitsAsked(NewLimits):
    """The limits that a colleague is asked to approve."""

    reason: Annotated[Name, Field(max_length=200)]


class LimitsApproved(NewLimits):
    """The limits exactly as a colleague has approved them."""

    approval_id: Name


class BalanceAfter(Resource):
    """The signed balance, debits minus credits, that an entry left on an account."""

    account: str
    asset: str
    balance: Minor


class AccountStanding(BalanceAfter):
    """How an account stands now; what open holds reserve counts against its limits."""

    held_debit: Minor
    held_credit: Minor


class EntryResult(Resource):
    """What became of one entry: its number and the balances it left, or why it was refused.

    `not-posted` is what became of the others where entries are linked and one was refused.
    """

    key: str
    result: Literal["posted", "duplicate", "refused", "not-posted"]
    n: int | None = None
    balances: Sequence[BalanceAfter] | None = None
    status: Annotated[int | None, Field(description="the HTTP status that this refusal would have by itself")] = None
    code: str | None = None
    title: str | None = None
    facts: Mapping[str, Any] | None = None


class EntryResults(Resource):
    """One result an entry, in order; `accounts` are those that were moved, as they stand when this is read."""

    results: Sequence[EntryResult]
    accounts: Sequence[AccountStanding]


class Entered(Resource):
    """A fact that stands: the number of its entry, and whether it stood before."""

    key: str
    n: int
    result: Literal["posted", "duplicate"]


class Line(Resource):
    """A debit or a credit of an account; the other is 0."""

    account: str
    asset: str
    debit: Minor
    credit: Minor


class HoldStep(Resource):
    """What became of a hold: a part was posted, the rest was freed, it was voided or expired, by entry `n`."""

    step: int
    kind: Literal["part", "rest", "void", "expired"]
    n: int


class Hold(Resource):
    """A hold: what it reserved at first, and what is left of it by account and side."""

    n: int
    key: str
    state: Literal["open", "posted", "void", "expired"]
    actor: str
    effective_on: date
    booked_at: datetime
    purpose: str
    expires_at: datetime | None
    reserved: list[Line]
    remaining: list[Line]
    steps: list[HoldStep]


class AccountBalance(Resource):
    """The balance of one account: by date of effect up to `on`, as known at entry `known_at`.

    What holds reserve and the limits are those of now, and left out where a date or an entry is asked for.
    """

    account: str
    asset: str
    on: date | None
    known_at: int | None
    debit: Minor
    credit: Minor
    balance: Annotated[int, Field(description="signed: debits minus credits")]
    held_debit: int | None = None
    held_credit: int | None = None
    floor: int | None = None
    ceiling: int | None = None
    closed: bool | None = None


class StatementLine(Resource):
    """One posting of an account, in booking order; `balance` is signed, debits minus credits."""

    seq: int
    entry: int
    effective_on: date
    booked_at: datetime
    purpose: str
    debit: Minor
    credit: Minor
    balance: int
    key: str


class EntryLine(Line):
    """One line of a journal entry."""

    line: int


class Entry(Resource):
    """An entry as it stands; `details` are the members that only some types have, such as `hold`, `meta`, `text`."""

    n: int
    type: str
    effective_on: date | None
    booked_at: datetime
    purpose: str | None
    key: str | None
    evidence: str | None
    actor: str
    approvals: list[str]
    reverses: int | None
    details: Mapping[str, Any]
    lines: list[EntryLine]
