"""Holds as they stand: what is reserved, what has come of it, and the timer that ends those whose instant has come.

A hold is entered as `ledger.facts.Hold` and ends by a posting that settles it or by a `Release`. Nothing of it is
edited: what is left is what it reserved, less what the postings of its steps have taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.errors import Refusal
from ledger.facts import Release, ReleaseKind
from ledger.posting import lock_head
from ledger.reading import read_holds
from ledger.storage import tables

TIMER = "timer"
"""The actor that ends what has expired."""
BATCH = 200


@dataclass(frozen=True, slots=True)
class Reserved:
    """What a hold still reserves on one side of an account; one of `debit` and `credit` is 0."""

    account: AccountRef
    debit: int
    credit: int


@dataclass(frozen=True, slots=True)
class HoldStep:
    """What became of a hold: entry `n` with fact key `key` posted a part or the rest, or voided or expired it."""

    step: int
    kind: str
    n: int
    key: str
    booked_at: datetime


@dataclass(frozen=True, slots=True)
class OpenHold:
    """A hold that has not ended: `remaining` is what it still reserves."""

    n: int
    key: str
    effective_on: date | None
    purpose: str | None
    actor: str
    expires_at: datetime | None
    remaining: tuple[Reserved, ...]


@dataclass(frozen=True, slots=True)
class Available:
    """An account's signed balance, and what open holds reserve on each side of it."""

    posted: int
    held_debit: int
    held_credit: int

    @property
    def lowest(self) -> int:
        """The signed balance if all that is reserved on the credit side were posted: what floors look at."""
        return self.posted - self.held_credit

    @property
    def highest(self) -> int:
        """The signed balance if all that is reserved on the debit side were posted."""
        return self.posted + self.held_debit


def available(connection: sa.Connection, book_id: str, account: AccountRef) -> Available:
    """The account as it stands; all zero where it is not open."""
    a, b = tables.account.c, tables.balance.c
    query = (
        sa.select(b.posted, b.held_debit, b.held_credit)
        .join_from(tables.account, tables.balance, sa.and_(a.book_id == b.book_id, a.account_id == b.account_id))
        .where(a.book_id == book_id, a.code == account.code, a.owner == account.owner, a.asset == account.asset)
    )
    row = connection.execute(query).one_or_none()
    return Available(0, 0, 0) if row is None else Available(*row)


def open_holds(
    connection: sa.Connection, book_id: str, *, after_n: int = 0, limit: int = 100, account: AccountRef | None = None
) -> list[OpenHold]:
    """Holds that have not ended, oldest first, from the one after entry `after_n`; of one `account`, if it is given."""
    query = _open(book_id).where(tables.hold.c.hold_n > after_n).order_by(tables.hold.c.hold_n).limit(limit)
    if account is not None:
        query = query.where(_reserves(book_id, account))
    rows = connection.execute(query).all()
    states = read_holds(connection, book_id, {row.fact_key for row in rows})
    return [
        OpenHold(
            row.hold_n, row.fact_key, row.effective_on, row.purpose, row.actor, row.expires_at,
            tuple(
                Reserved(ref, amount if is_debit else 0, 0 if is_debit else amount)
                for (ref, is_debit), amount in states[row.fact_key].remaining.items()
                if amount
            ),
        )
        for row in rows
    ]  # fmt: skip


def due_holds(
    connection: sa.Connection, book_id: str, *, now: datetime, since: datetime | None = None, limit: int = BATCH
) -> list[tuple[int, str]]:
    """Number and fact key of open holds whose instant has come, the earliest first; with `since`, none before it."""
    expires_at = tables.hold.c.expires_at
    query = _open(book_id).where(expires_at <= now).order_by(expires_at, tables.hold.c.hold_n).limit(limit)
    if since is not None:
        query = query.where(expires_at >= since)
    return [(row.hold_n, row.fact_key) for row in connection.execute(query)]


def steps_of(connection: sa.Connection, book_id: str, key: str) -> list[HoldStep]:
    """What became of the hold with this fact key, in order; refuses `hold-unknown`."""
    e, h, s = tables.entry.c, tables.hold.c, tables.hold_step.c
    named = sa.select(h.hold_n).join_from(tables.hold, tables.entry, sa.and_(e.book_id == h.book_id, e.n == h.hold_n))
    hold_n = connection.scalar(named.where(h.book_id == book_id, e.fact_key == key))
    if hold_n is None:
        raise Refusal("hold-unknown", hold=key)
    query = (
        sa.select(s.step, s.kind, s.n, e.fact_key, e.booked_at)
        .join_from(tables.hold_step, tables.entry, sa.and_(e.book_id == s.book_id, e.n == s.n))
        .where(s.book_id == book_id, s.hold_n == hold_n)
        .order_by(s.step)
    )
    return [HoldStep(*row) for row in connection.execute(query)]


def expire_due(book: Book, *, since: datetime | None = None, limit: int = BATCH) -> int:
    """End up to `limit` holds whose instant has come; gives how many. Doing it twice ends nothing twice.

    They are read again under the lock of the book's head, so that none ends in between and the batch stands whole.
    """
    with book.read() as connection:
        if not due_holds(connection, book.book_id, now=book.clock.now(), since=since, limit=1):
            return 0
    with book.unit_of_work(actor=TIMER) as unit:
        lock_head(unit.connection, unit.book_id)
        due = due_holds(unit.connection, unit.book_id, now=unit.now(), since=since, limit=limit)
        for n, key in due:
            unit.post(Release(f"hold:{n}:expired", key, ReleaseKind.EXPIRED, actor=TIMER))
    return len(due)


def _open(book_id: str) -> sa.Select[Any]:
    e, h, s = tables.entry.c, tables.hold.c, tables.hold_step.c
    ended = sa.exists().where(s.book_id == h.book_id, s.hold_n == h.hold_n, s.kind != "part")
    return (
        sa.select(h.hold_n, e.fact_key, e.effective_on, e.purpose, e.actor, h.expires_at)
        .join_from(tables.hold, tables.entry, sa.and_(e.book_id == h.book_id, e.n == h.hold_n))
        .where(h.book_id == book_id, ~ended)
    )


def _reserves(book_id: str, account: AccountRef) -> sa.ColumnElement[bool]:
    a, line, h = tables.account.c, tables.hold_line.c, tables.hold.c
    return sa.exists().where(
        line.book_id == book_id, line.hold_n == h.hold_n, a.book_id == book_id, a.account_id == line.account_id,
        a.code == account.code, a.owner == account.owner, a.asset == account.asset,
    )  # fmt: skip


def open_hold(connection: sa.Connection, book_id: str, key: str) -> OpenHold | None:
    """The hold with this fact key, if it has not ended."""
    row = connection.execute(_open(book_id).where(tables.entry.c.fact_key == key)).one_or_none()
    if row is None:
        return None
    [found] = open_holds(connection, book_id, after_n=row.hold_n - 1, limit=1)
    return found


def open_keys(connection: sa.Connection, book_id: str, prefix: str) -> Sequence[str]:
    """Fact keys of open holds that begin with `prefix`, oldest first."""
    named = tables.entry.c.fact_key.startswith(prefix, autoescape=True)
    return [row.fact_key for row in connection.execute(_open(book_id).where(named).order_by(tables.hold.c.hold_n))]
