"""Closing a period under four eyes: what is dated in it from then on is late, and says which period it restates.

    request   the balances by date of effect on the period's last day, frozen by their hash
    approve   another person
    close     entry period/1 with fact key `period:<last day>`, if the balances are still those that were approved

Closing keeps the balances of all accounts that have moved, which bounds every later look at a day
(`ledger.dated`). Nothing is reopened: what is heard of late is entered with its true date.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from ledger import approvals
from ledger.balances import entry_by_key, entry_count, trial_balance
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.facts import PeriodClose
from ledger.posting import lock_head
from ledger.storage import tables
from ledger.storage.base import JSON, json_text

PERIOD_CLOSE = "period-close"
"""The action that a second person approves."""


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A closed period; the first has no beginning. `n` and `key` are its closing entry's."""

    since_on: date | None
    until_on: date
    n: int
    key: str
    closed_at: datetime
    actor: str
    approvals: tuple[str, ...]


def request_period_close(unit: UnitOfWork, *, until_on: date, reason: str) -> str:
    """Ask a second person to approve that all up to `until_on` is closed as it stands; gives the approval's id.

    Refuses `period-not-over` and `period-already-closed`.
    """
    _refuse_not_over(unit, until_on)
    _refuse_closed(unit, until_on)
    return approvals.request(unit, action=PERIOD_CLOSE, body=closing_body(unit, until_on), reason=reason)


def close_period(unit: UnitOfWork, *, until_on: date, approval_id: str) -> str:
    """Close all up to `until_on`; gives the fact key of the closing entry. The same call again is a duplicate.

    Refuses `period-not-over`, `period-already-closed`, `period-changed-since-approval`, and what `ledger.approvals`
    refuses.
    """
    key = f"period:{until_on.isoformat()}"
    if standing := _standing(unit, key, until_on, approval_id):
        unit.post(standing)
        return key
    approved = _approved_body(unit, approval_id, until_on)
    # Nobody may post between reading the balances and closing on them, so the head is locked before posting locks it.
    lock_head(unit.connection, unit.book_id)
    _refuse_not_over(unit, until_on)
    _refuse_closed(unit, until_on)
    found = closing_body(unit, until_on)
    if approved["trial_balance_sha256"] != found["trial_balance_sha256"]:
        was, now = int(str(approved["entries"])), int(str(found["entries"]))
        raise Refusal("period-changed-since-approval", approval=approval_id, approved_entries=was, entries=now)
    unit.post(PeriodClose(key, until_on, unit.actor, approvals=(approval_id,)))
    return key


def closing_body(unit: UnitOfWork, until_on: date) -> dict[str, JSON]:
    """What the second person approves: the last day, the balances on it by their hash, the entries known so far."""
    found = trial_balance(unit.connection, unit.book_id, on=until_on)
    rows: list[JSON] = [[str(line.account), line.account.asset, line.signed] for line in found if line.signed]
    return {
        "entries": entry_count(unit.connection, unit.book_id),
        "trial_balance_sha256": hashlib.sha256(json_text(rows).encode()).hexdigest(),
        "until_on": until_on.isoformat(),
    }


def closed_periods(connection: sa.Connection, book_id: str) -> Sequence[ClosedPeriod]:
    """The closed periods, oldest first."""
    return _periods(connection, _query(book_id).order_by(tables.period.c.until_on))


def closed_period(connection: sa.Connection, book_id: str, until_on: date) -> ClosedPeriod:
    """The period that ends on that day; refuses `period-not-closed`."""
    found = _periods(connection, _query(book_id).where(tables.period.c.until_on == until_on))
    if not found:
        raise Refusal("period-not-closed", until_on=until_on.isoformat())
    return found[0]


def _periods(connection: sa.Connection, query: sa.Select[Any]) -> list[ClosedPeriod]:
    return [
        ClosedPeriod(since_on, until_on, n, key, closed_at, actor, tuple(named or ()))
        for since_on, until_on, n, key, closed_at, actor, named in connection.execute(query)
    ]


def _query(book_id: str) -> sa.Select[Any]:
    t, e = tables.period.c, tables.entry.c
    return (
        sa.select(t.since_on, t.until_on, t.n, e.fact_key, e.booked_at, e.actor, e.approvals)
        .join_from(tables.period, tables.entry, sa.and_(e.book_id == t.book_id, e.n == t.n))
        .where(t.book_id == book_id)
    )


def _standing(unit: UnitOfWork, key: str, until_on: date, approval_id: str) -> PeriodClose | None:
    """The closing as it was entered with this approval, so that entering it once more is a duplicate."""
    entry = entry_by_key(unit.connection, unit.book_id, key)
    if entry is None or approval_id not in entry.approvals:
        return None
    return PeriodClose(key, until_on, entry.actor, entry.evidence, entry.approvals)


def _approved_body(unit: UnitOfWork, approval_id: str, until_on: date) -> Mapping[str, JSON]:
    """What a second person approved for this day. The approval's row is locked here, before the head, as everywhere."""
    approval = approvals.find(unit.connection, unit.book_id, approval_id)
    asked: Mapping[str, JSON] = {"until_on": until_on.isoformat()}
    if approval is not None and approval.body.get("until_on") == asked["until_on"]:
        asked = approval.body
    approvals.require(unit, approval_id, PERIOD_CLOSE, asked)
    return asked


def _refuse_not_over(unit: UnitOfWork, until_on: date) -> None:
    today = unit.today()
    if until_on >= today:
        raise Refusal("period-not-over", until_on=until_on.isoformat(), today_on=today.isoformat())


def _refuse_closed(unit: UnitOfWork, until_on: date) -> None:
    head = tables.head.c
    closed_on = unit.connection.scalar(sa.select(head.closed_on).where(head.book_id == unit.book_id))
    if closed_on is not None and until_on <= closed_on:
        raise Refusal("period-already-closed", until_on=until_on.isoformat(), closed_on=closed_on.isoformat())
