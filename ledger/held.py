"""Reading holds: what each reserved, what became of it, and what it still reserves.

The amounts of a hold never change; its steps are entries that took a part, freed the rest, voided it, or let it expire.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.journal import Posting
from ledger.storage import bulk, tables


@dataclass(frozen=True, slots=True)
class HoldStep:
    """What became of a hold: `kind` is part, rest, void or expired; entry `n` with fact key `key` did it."""

    step: int
    kind: str
    n: int
    key: str
    booked_at: datetime


@dataclass(frozen=True, slots=True)
class HoldInFull:
    """A hold with what it reserved at first, and what is left of it by account and side."""

    n: int
    key: str
    actor: str
    effective_on: date
    booked_at: datetime
    purpose: str
    expires_at: datetime | None
    reserved: tuple[Posting, ...]
    remaining: tuple[Posting, ...]
    steps: tuple[HoldStep, ...]

    @property
    def state(self) -> str:
        """`open`, or why it ended: `posted`, `void`, `expired`."""
        last = self.steps[-1].kind if self.steps else "part"
        return {"part": "open", "rest": "posted"}.get(last, last)


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
) -> list[HoldInFull]:
    """Holds that have not ended, oldest first, from the one after entry `after_n`; of one `account`, if it is given."""
    query = open_named(book_id).where(tables.hold.c.hold_n > after_n).limit(limit)
    return _read(connection, book_id, query if account is None else query.where(_reserves(book_id, account)))


def open_keys(connection: sa.Connection, book_id: str, prefix: str) -> Sequence[str]:
    """Fact keys of open holds that begin with `prefix`, oldest first."""
    named = tables.entry.c.fact_key.startswith(prefix, autoescape=True)
    return [row.fact_key for row in connection.execute(open_named(book_id).where(named))]


def open_named(book_id: str) -> sa.Select[Any]:
    """Number and header of every hold that has not ended, oldest first."""
    h, s = tables.hold.c, tables.hold_step.c
    final = sa.select(s.n).where(s.book_id == h.book_id, s.hold_n == h.hold_n, s.kind != "part").exists()
    return _query().where(h.book_id == book_id, ~final)


def find_hold(connection: sa.Connection, book_id: str, key: str) -> HoldInFull:
    """The hold with this fact key; refuses `hold-unknown`."""
    found = _read(
        connection, book_id, _query().where(tables.entry.c.book_id == book_id, tables.entry.c.fact_key == key)
    )
    if not found:
        raise Refusal("hold-unknown", hold=key)
    return found[0]


def _query() -> sa.Select[Any]:
    e, h = tables.entry.c, tables.hold.c
    columns = (h.hold_n, e.fact_key, e.actor, e.effective_on, e.booked_at, e.purpose, h.expires_at)
    same = sa.and_(e.book_id == h.book_id, e.n == h.hold_n)
    return sa.select(*columns).join_from(tables.hold, tables.entry, same).order_by(h.hold_n)


def _read(connection: sa.Connection, book_id: str, query: sa.Select[Any]) -> list[HoldInFull]:
    rows = connection.execute(query).all()
    numbers = [row.hold_n for row in rows]
    reserved, steps = _reserved(connection, book_id, numbers), _steps(connection, book_id, numbers)
    taken = _postings(connection, book_id, [step.n for made in steps.values() for step in made])
    return [
        HoldInFull(
            n=row.hold_n,
            key=row.fact_key,
            actor=row.actor,
            effective_on=row.effective_on,
            booked_at=row.booked_at,
            purpose=row.purpose,
            expires_at=row.expires_at,
            reserved=tuple(reserved[row.hold_n]),
            remaining=_remaining(reserved[row.hold_n], steps[row.hold_n], taken),
            steps=tuple(steps[row.hold_n]),
        )
        for row in rows
    ]


def _remaining(
    reserved: Sequence[Posting], steps: Sequence[HoldStep], taken: dict[int, list[Posting]]
) -> tuple[Posting, ...]:
    """What is left by account and side, in the order in which it was reserved; nothing once the hold has ended."""
    if any(step.kind != "part" for step in steps):
        return ()
    left: Counter[tuple[AccountRef, bool]] = Counter()
    for posting in reserved:
        left[posting.account, posting.debit > 0] += posting.debit + posting.credit
    for posting in (posting for step in steps for posting in taken[step.n]):
        left[posting.account, posting.debit > 0] -= posting.debit + posting.credit
    return tuple(
        Posting(account, amount if is_debit else 0, 0 if is_debit else amount)
        for (account, is_debit), amount in left.items()
        if amount
    )


def _reserved(connection: sa.Connection, book_id: str, numbers: Sequence[int]) -> dict[int, list[Posting]]:
    return _lines(connection, book_id, tables.hold_line, tables.hold_line.c.hold_n, numbers)


def _postings(connection: sa.Connection, book_id: str, numbers: Sequence[int]) -> dict[int, list[Posting]]:
    return _lines(connection, book_id, tables.posting, tables.posting.c.n, numbers)


def _lines(
    connection: sa.Connection, book_id: str, table: sa.Table, number: sa.Column[int], numbers: Sequence[int]
) -> dict[int, list[Posting]]:
    """The lines of these entries, in their order."""
    a, t = tables.account.c, table.c
    query = (
        sa.select(number, a.code, a.owner, a.asset, t.debit, t.credit)
        .join_from(table, tables.account, sa.and_(a.book_id == t.book_id, a.account_id == t.account_id))
        .where(t.book_id == book_id, bulk.among(connection, number, numbers))
        .order_by(number, t.line)
    )
    lines: dict[int, list[Posting]] = defaultdict(list)
    for n, code, owner, asset, debit, credit in connection.execute(query) if numbers else ():
        lines[n].append(Posting(AccountRef(code, owner, asset), debit, credit))
    return lines


def _steps(connection: sa.Connection, book_id: str, numbers: Sequence[int]) -> dict[int, list[HoldStep]]:
    e, s = tables.entry.c, tables.hold_step.c
    query = (
        sa.select(s.hold_n, s.step, s.kind, s.n, e.fact_key, e.booked_at)
        .join_from(tables.hold_step, tables.entry, sa.and_(e.book_id == s.book_id, e.n == s.n))
        .where(s.book_id == book_id, bulk.among(connection, s.hold_n, numbers))
        .order_by(s.hold_n, s.step)
    )
    steps: dict[int, list[HoldStep]] = defaultdict(list)
    for hold_n, *step in connection.execute(query) if numbers else ():
        steps[hold_n].append(HoldStep(*step))
    return steps


def _reserves(book_id: str, account: AccountRef) -> sa.ColumnElement[bool]:
    a, line, h = tables.account.c, tables.hold_line.c, tables.hold.c
    return sa.exists().where(
        line.book_id == book_id, line.hold_n == h.hold_n, a.book_id == book_id, a.account_id == line.account_id,
        a.code == account.code, a.owner == account.owner, a.asset == account.asset,
    )  # fmt: skip
