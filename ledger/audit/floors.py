"""Days on which a balance by date of effect was below its account's floor.

A floor is held when an entry is booked, on the booked balance and what holds reserve, and never by date: a payment that
is heard of late is entered with its true date, and a day before it may then look overdrawn. This report names such
days, by the limits that are in force now.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from ledger.accounts import AccountRef, Side, chart_row
from ledger.facts import normal_limits
from ledger.storage import tables
from ledger.storage.base import Day

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class BelowFloor:
    """From `since_on` to `until_on` (None: still) the account was below `floor`; `lowest` is the worst balance.

    Both amounts are on the account's normal side, in minor units of its asset.
    """

    account: AccountRef
    since_on: date
    until_on: date | None
    lowest: int
    floor: int


def below_floor(connection: sa.Connection, book_id: str, *, known_at: int | None = None) -> list[BelowFloor]:
    """Every such stretch of days, by account and date; one pass over the postings of accounts that have a floor."""
    found: list[BelowFloor] = []
    for day in _days_below(connection, book_id, known_at):
        last = found[-1] if found else None
        if last is not None and (last.account, last.until_on) == (day.account, day.since_on - _ONE_DAY):
            lowest = min(last.lowest, day.lowest)
            found[-1] = BelowFloor(day.account, last.since_on, day.until_on, lowest, day.floor)
        else:
            found.append(day)
    return found


def _days_below(connection: sa.Connection, book_id: str, known_at: int | None) -> Iterator[BelowFloor]:
    """Each day with postings at whose end the balance is below the floor, up to the next one."""
    a, b, p = tables.account.c, tables.balance.c, tables.posting.c
    moved = sa.select(p.account_id, p.effective_on, sa.func.sum(p.debit - p.credit).label("moved"))
    if known_at is not None:
        moved = moved.where(p.n <= known_at)
    by_day = moved.where(p.book_id == book_id).group_by(p.account_id, p.effective_on).subquery()
    account, day = by_day.c.account_id, by_day.c.effective_on
    posted = sa.func.sum(by_day.c.moved).over(partition_by=account, order_by=day)
    next_on = sa.func.lead(day, type_=Day()).over(partition_by=account, order_by=day)
    running = sa.select(
        account,
        day.label("on"),
        sa.cast(posted, sa.BigInteger).label("posted"),
        next_on.label("next_on"),
    ).subquery()
    query = (
        sa.select(a.code, a.owner, a.asset, b.minimum, b.maximum, running.c.on, running.c.next_on, running.c.posted)
        .join_from(tables.account, tables.balance, sa.and_(a.book_id == b.book_id, a.account_id == b.account_id))
        .join(running, running.c.account_id == a.account_id)
        .where(a.book_id == book_id)
        .where(sa.or_(running.c.posted < b.minimum, running.c.posted > b.maximum))
        .order_by(a.code, a.owner, a.asset, running.c.on)
    )
    for code, owner, asset, minimum, maximum, on, next_on, posted in connection.execute(query):
        floor, _ = normal_limits(code, minimum, maximum)
        normal = posted if chart_row(code).normal_side is Side.DEBIT else -posted
        if floor is not None and normal < floor:
            until_on = None if next_on is None else next_on - _ONE_DAY
            yield BelowFloor(AccountRef.known(code, owner, asset), on, until_on, normal, floor)
