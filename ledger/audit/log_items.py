"""Numbered entries as a log export states them, and back: what was asked for, before posting made an entry of it.

What posting derives (numbers, chains, lateness, versions) is not stated here: it is derived again, and must come out
the same. Entries that an item refers to are named by their fact keys.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.audit.lines import StatedEntry
from ledger.audit.log_fields import Fields
from ledger.facts import Finding, Hold, Item, Note, PeriodClose, Release, ReleaseKind, RuleChange
from ledger.journal import JournalEntry, Posting
from ledger.log.leaf import ACCOUNTS, FINDINGS, HOLD, JSON, NOTE, PERIOD, POSTING, RELEASE, RULES

KeyOf = Callable[[int], str]
"""The fact key of an entry, by its number."""


def stated_item(entry: StatedEntry, key_of: KeyOf) -> Mapping[str, JSON]:
    """The item of an entry with lines; of accounts/1, the assets and accounts that it opens."""
    row, lines = entry.row, [line.line for line in entry.lines[1:]]
    if row.type == ACCOUNTS:
        accounts = [dict(line) for line in lines if "account" in line]
        return {"accounts": accounts, "assets": [dict(line) for line in lines if "account" not in line]}
    details = dict(row.details or {})
    stated: dict[str, JSON | None] = {
        "key": row.fact_key,
        "actor": row.actor,
        "evidence": row.evidence.hex() if row.evidence is not None else None,
        "approvals": row.approvals,
        "on": row.effective_on.isoformat() if row.effective_on is not None else None,
        "purpose": row.purpose,
        "reverses": None if row.reverses is None else key_of(row.reverses),
        "hold": None if "hold" not in details else key_of(int(details["hold"])),
        "about": None if "about" not in details else key_of(int(details["about"])),
        **{name: details.get(name) for name in ("rest", "meta", "expires", "step", "until", "text")},
        **_below(row.type, entry),
    }
    return {name: value for name, value in stated.items() if value is not None}


def _below(entry_type: str, entry: StatedEntry) -> Mapping[str, JSON]:
    """What the lines below the header say, where the item states it."""
    lines = entry.lines[1:]
    if entry_type in {POSTING, HOLD}:
        return {"postings": [_posting(line.row) for line in lines]}
    if entry_type in FINDINGS:
        return {"lines": [dict(line.line) for line in lines]}
    if entry_type == RULES:
        return {name: value for name, value in lines[0].line.items() if name != "version"}
    return {}


def _posting(row: sa.Row[Any]) -> Mapping[str, JSON]:
    side: dict[str, JSON] = {"debit": row.debit} if row.debit else {"credit": row.credit}
    return {"account": str(AccountRef.known(row.code, row.owner, row.asset)), "asset": row.asset, **side}


def read_item(entry_type: str, stated: Fields) -> Item:
    """The item that `stated` was made of; refuses what its construction refuses, and unknown types and members."""
    readers: Mapping[str, Callable[[Fields], Item]] = {
        POSTING: _read_entry,
        HOLD: _read_hold,
        RELEASE: _read_release,
        RULES: _read_rule,
        PERIOD: _read_period,
        NOTE: _read_note,
        **{kind: partial(_read_finding, kind) for kind in FINDINGS},
    }
    if entry_type not in readers:
        stated.refuse("entry-type-unknown", "", n=0, type=entry_type[:40])
    with stated.located():
        item = readers[entry_type](stated)
    stated.end()
    return item


def _read_entry(stated: Fields) -> JournalEntry:
    return JournalEntry(
        key=stated.text("key"),
        effective_on=stated.day("on"),
        purpose=stated.text("purpose"),
        postings=tuple(_read_posting(each) for each in stated.each("postings")),
        actor=stated.text("actor"),
        evidence=stated.text_or_none("evidence"),
        reverses=stated.text_or_none("reverses"),
        approvals=_approvals(stated),
        settles=stated.text_or_none("hold"),
        releases_rest=stated.one_of("rest", "released"),
        metadata=stated.texts("meta"),
    )


def _read_posting(stated: Fields) -> Posting:
    debit, credit = stated.integer_or_none("debit"), stated.integer_or_none("credit")
    posting = Posting(read_account(stated), debit=debit or 0, credit=credit or 0)
    stated.end()
    return posting


def read_account(stated: Fields) -> AccountRef:
    """The account named by the members `account` and `asset`."""
    return AccountRef.parse(stated.text("account"), stated.text("asset"))


def _read_hold(stated: Fields) -> Hold:
    return Hold(_read_entry(stated), stated.instant_or_none("expires"))


def _read_release(stated: Fields) -> Release:
    step = stated.text("step")
    if step not in set(ReleaseKind):
        stated.refuse("field-has-wrong-type", "step", expected=" or ".join(ReleaseKind))
    kind = ReleaseKind(step)
    return Release(stated.text("key"), stated.text("hold"), kind, stated.text("actor"), stated.text_or_none("evidence"))


def _read_rule(stated: Fields) -> RuleChange:
    return RuleChange(
        stated.text("key"),
        read_account(stated),
        stated.integer_or_none("minimum"),
        stated.integer_or_none("maximum"),
        closed=stated.flag("closed"),
        actor=stated.text("actor"),
        evidence=stated.text_or_none("evidence"),
        approvals=_approvals(stated),
    )


def _read_period(stated: Fields) -> PeriodClose:
    key, until_on, actor = stated.text("key"), stated.day("until"), stated.text("actor")
    return PeriodClose(key, until_on, actor, stated.text_or_none("evidence"), _approvals(stated))


def _read_note(stated: Fields) -> Note:
    key, about, text = stated.text("key"), stated.text("about"), stated.text("text")
    return Note(key, about, text, stated.text("actor"), stated.text_or_none("evidence"))


def _read_finding(entry_type: str, stated: Fields) -> Finding:
    key, lines = stated.text("key"), stated.objects("lines")
    said = (stated.text("actor"), stated.text_or_none("evidence"), _approvals(stated))
    return Finding(key, entry_type, lines, *said)


def _approvals(stated: Fields) -> tuple[str, ...]:
    return tuple(stated.list_of_texts("approvals"))
