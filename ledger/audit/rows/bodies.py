"""What was asked for, built again from what the rows say: its hash is how a repeated fact key is recognised."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from ledger.accounts import AccountRef
from ledger.audit.rows.accounts import Accounts
from ledger.errors import Refusal
from ledger.facts import Finding, Hold, Item, Note, PeriodClose, Release, ReleaseKind, RuleChange
from ledger.journal import JournalEntry, Posting
from ledger.log.leaf import APPROVED_FINDINGS, FINDINGS, HOLD, NOTE, PERIOD, POSTING, RELEASE, RULES
from ledger.storage.base import from_microseconds
from ledger.storage.scan import Row

MEMBERS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    POSTING: (frozenset(), frozenset({"restates", "hold", "rest", "meta"})),
    HOLD: (frozenset(), frozenset({"expires", "meta"})),
    RELEASE: (frozenset({"hold", "step"}), frozenset()),
    PERIOD: (frozenset({"until"}), frozenset({"since"})),
    NOTE: (frozenset({"about", "text"}), frozenset()),
}
"""By type of entry: what its details must say, and what they may say besides."""


class Told(NamedTuple):
    """An entry as the columns of its row tell it; its reversal, hold and subject are named by fact key."""

    n: int
    type: str
    on: str | None
    purpose: str
    key: str
    actor: str
    evidence: str | None
    approvals: tuple[str, ...]
    details: Mapping[str, Any]
    reverses: str | None
    names: str | None  # the hold that it settles or ends, the entry that it is about
    expires_at: int | None


def item_of(told: Told, lines: Sequence[Row], accounts: Accounts) -> Item:
    """The item that led to this entry; refuses what construction of an item refuses.

    `lines` are rows of `posting`, `hold_line`, `account_rule` or (line, body) of findings, as the type has them.
    """
    common: dict[str, Any] = {"key": told.key, "actor": told.actor, "evidence": told.evidence}
    match told.type:
        case "posting/1":
            legs = [(leg[2], leg[4], leg[5]) for leg in lines]
            return _journal(told, _postings(legs, accounts), common)
        case "hold/1":
            postings = _postings([(line[2], line[3], line[4]) for line in lines], accounts)
            expires_at = None if told.expires_at is None else from_microseconds(told.expires_at)
            return Hold(_journal(told, postings, common), expires_at)
        case "release/1":
            return Release(**common, hold=told.names or "", kind=ReleaseKind(told.details["step"]))
        case "rules/1":
            _, account, _, minimum, maximum, closed, _ = lines[0]
            limits = (accounts.refs[account], minimum, maximum)
            return RuleChange(told.key, *limits, bool(closed), told.actor, told.evidence, told.approvals)
        case "period/1":
            return PeriodClose(**common, until_on=day(told.details["until"]), approvals=told.approvals)
        case "note/1":
            return Note(**common, about=told.names or "", text=told.details["text"])
        case _ if told.type in FINDINGS:
            return Finding(**common, type=told.type, lines=[line[1] for line in lines], approvals=told.approvals)
        case _:
            raise Refusal("row-differs", table="entry", column="type", n=told.n)


@lru_cache(maxsize=1_000)
def day(text: str) -> date:
    """The date of ISO text."""
    return date.fromisoformat(text)


def takes_approvals(entry_type: str) -> bool:
    """Whether entries of this type may name the approvals that they rest on."""
    return entry_type in {POSTING, HOLD, RULES, PERIOD} | APPROVED_FINDINGS


def _journal(told: Told, postings: tuple[Posting, ...], common: Mapping[str, Any]) -> JournalEntry:
    is_posting = told.type == POSTING
    return JournalEntry(
        effective_on=day(told.on or ""),
        purpose=told.purpose,
        postings=postings,
        reverses=told.reverses,
        approvals=told.approvals,
        settles=told.names if is_posting else None,
        releases_rest="rest" in told.details,
        metadata=told.details.get("meta", {}),
        **common,
    )


def _postings(legs: Sequence[tuple[int, int, int]], accounts: Accounts) -> tuple[Posting, ...]:
    refs: Mapping[int, AccountRef] = accounts.refs
    return tuple([Posting(refs[account], debit, credit) for account, debit, credit in legs])
