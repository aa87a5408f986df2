"""Balances on a day D as known at an entry K: which postings count, and how they are added without reading them all.

A posting counts if it takes effect on D or before and its entry's number is at most K. For one account:

    newest kept balance with until_on <= D and n <= K     all before entry n that take effect up to until_on
    + postings dated in (until_on, D], number <= K        day by day, so that later entries of a day are stepped over
    + late postings dated up to until_on, in (n, K]       what was booked into the period after it was closed

or, where D lies nearer to the account's last day than to what is kept, the balance as known at K, of whatever date,
less the postings dated after D. Entry numbers rise with an account's sequence numbers, and instants with entry
numbers, so that "the last one at or before" is found by halving. With periods closed by the month, what is read does
not grow with the age of the account.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.storage import tables
from ledger.storage.base import Day
from ledger.storage.engine import skips_in_indexes


class Kept(NamedTuple):
    """What a closed period keeps: the balance, of the entries before its closing entry `n`, on its last day."""

    until_on: date
    n: int
    posted: int


def account_id_of(connection: sa.Connection, book_id: str, account: AccountRef) -> int | None:
    """The account's number in its book, or None where it is not open."""
    a = tables.account.c
    named = (a.code == account.code, a.owner == account.owner, a.asset == account.asset)
    return connection.scalar(sa.select(a.account_id).where(a.book_id == book_id, *named))


def balance_as_known(
    connection: sa.Connection, book_id: str, account_id: int, *, on: date | None, known_at: int | None
) -> int:
    """Signed balance (debits minus credits); without `on` of whatever date, without `known_at` of all entries."""
    if on is None:
        return _total(connection, book_id, account_id, known_at)
    first_on, last_on = _days_of(connection, book_id, account_id)
    if first_on is None or last_on is None or on < first_on:
        return 0
    if on >= last_on:
        return _total(connection, book_id, account_id, known_at)
    kept = _kept(connection, book_id, account_id, on, known_at)
    since_on = kept.until_on if kept else first_on - timedelta(days=1)
    account = _Postings(book_id, account_id)
    between = account.sum if known_at is None or skips_in_indexes(connection) else account.day_by_day
    if last_on - on < on - since_on:
        later = _number(connection, between(on, last_on, known_at))
        return _total(connection, book_id, account_id, known_at) - later
    dated = _number(connection, between(since_on, on, known_at))
    if kept is None:
        return dated
    return kept.posted + dated + _number(connection, account.late(kept, known_at))


def last_seq(connection: sa.Connection, book_id: str, account_id: int, known_at: int) -> int:
    """The sequence number of the account's last posting as known at that entry; 0 where there is none."""
    return _number(connection, _last_seq(book_id, account_id, known_at))


def known_at_instant(connection: sa.Connection, book_id: str, instant: datetime) -> int:
    """The number of the last entry booked at or before `instant`; -1 where there was none yet."""
    e, head = tables.entry.c, tables.head.c
    ends = sa.select(sa.literal(-1, sa.BigInteger).label("low"), (head.next_n - 1).label("high"))
    found = _last_where(
        ends.where(head.book_id == book_id),
        lambda middle: sa.select(e.booked_at <= instant).where(e.book_id == book_id, e.n == middle),
    )
    n = connection.scalar(sa.select(found))
    return -1 if n is None else n


def check_known_at(connection: sa.Connection, book_id: str, known_at: int) -> None:
    """Refuses `known-at-not-reached` for a number that no entry has yet: what is known there could still change."""
    head = tables.head.c
    next_n = connection.scalar(sa.select(head.next_n).where(head.book_id == book_id)) or 0
    if not 0 <= known_at < next_n:
        raise Refusal("known-at-not-reached", known_at=known_at, last_entry=next_n - 1)


def sums_as_known(
    connection: sa.Connection,
    book_id: str,
    where: list[sa.ColumnElement[bool]],
    *,
    on: date | None,
    known_at: int | None,
) -> list[tuple[AccountRef, int]]:
    """The balance of every account that fits `where` and has a posting that counts: one read of what was posted since
    the newest closed period, for all of them.
    """
    a = tables.account.c
    period = _period(connection, book_id, on, known_at)
    account = _Postings(book_id, a.account_id)
    if period is None:
        parts = [account.sum(None, on, known_at)]
    else:
        since = account.sum(period.until_on, on, known_at)
        parts = [account.kept(period.until_on), since, account.late(period, known_at)]
    query = sa.select(a.code, a.owner, a.asset, *(part.label(f"part_{i}") for i, part in enumerate(parts)))
    rows = connection.execute(query.where(a.book_id == book_id, *where))
    return [
        (AccountRef.known(code, owner, asset), sum(amount or 0 for amount in amounts))
        for code, owner, asset, *amounts in rows
        if any(amount is not None for amount in amounts)
    ]


class _Postings:
    """Sums over the postings of one account, given by its number or by the column of an outer query.

    A sum over nothing is NULL, by which an account without postings is told from one that balances.
    """

    def __init__(self, book_id: str, account_id: int | sa.ColumnElement[int]) -> None:
        self._book_id = book_id
        self._account_id = account_id

    def sum(self, after_on: date | None, on: date | None, known_at: int | None) -> sa.ScalarSelect[int]:
        """Of those dated after `after_on` up to `on`."""
        p = tables.posting.c
        where = self._mine(known_at)
        if after_on is not None:
            where.append(p.effective_on > after_on)
        if on is not None:
            where.append(p.effective_on <= on)
        return sa.select(_signed_sum()).where(*where).scalar_subquery()

    def day_by_day(self, after_on: date, on: date, known_at: int | None) -> sa.ScalarSelect[int]:
        """The same, so that what was booked on each day after `known_at` is never read, by any database."""
        days = self._days(after_on, on)
        p = tables.posting.c
        of_day = sa.select(_signed_sum()).where(*self._mine(known_at), p.effective_on == days.c.day)
        amounts = sa.select(of_day.correlate(days).scalar_subquery().label("amount")).select_from(days).subquery()
        return sa.select(sa.cast(sa.func.sum(amounts.c.amount), sa.BigInteger)).scalar_subquery()

    def late(self, kept: Kept, known_at: int | None) -> sa.ScalarSelect[int]:
        """Of those booked after the period's closing entry and dated in it or before."""
        p = tables.posting.c
        where = [*self._mine(known_at), p.restates.is_not(None), p.n > kept.n, p.effective_on <= kept.until_on]
        return sa.select(_signed_sum()).where(*where).scalar_subquery()

    def kept(self, until_on: date) -> sa.ScalarSelect[int]:
        """The newest balance kept up to that day."""
        k = tables.period_balance.c
        mine = (k.book_id == self._book_id, k.account_id == self._account_id, k.until_on <= until_on)
        return sa.select(k.posted).where(*mine).order_by(k.until_on.desc()).limit(1).scalar_subquery()

    def _days(self, after_on: date, on: date) -> sa.CTE:
        """Every day in the range with a posting, each found from the one before by a step in the index."""
        p = tables.posting.c
        mine = (p.book_id == self._book_id, p.account_id == self._account_id, p.effective_on <= on)
        first = sa.func.min(p.effective_on, type_=Day())
        days = sa.select(first.label("day")).where(*mine, p.effective_on > after_on).cte("days", recursive=True)
        following = sa.select(first).where(*mine, p.effective_on > days.c.day).correlate(days).scalar_subquery()
        return days.union_all(sa.select(following).where(days.c.day.is_not(None)))

    def _mine(self, known_at: int | None) -> list[sa.ColumnElement[bool]]:
        p = tables.posting.c
        mine = [p.book_id == self._book_id, p.account_id == self._account_id]
        return mine if known_at is None else [*mine, p.n <= known_at]


def _total(connection: sa.Connection, book_id: str, account_id: int, known_at: int | None) -> int:
    """The balance of whatever date: as it stands, or after the last posting that was known."""
    b, p = tables.balance.c, tables.posting.c
    if known_at is None:
        return _number(connection, sa.select(b.posted).where(b.book_id == book_id, b.account_id == account_id))
    seq = _last_seq(book_id, account_id, known_at)
    return _number(
        connection,
        sa.select(p.balance_after).where(p.book_id == book_id, p.account_id == account_id, p.seq == seq),
    )


def _last_seq(book_id: str, account_id: int, known_at: int) -> sa.ScalarSelect[int]:
    b, p = tables.balance.c, tables.posting.c
    ends = sa.select(sa.literal(0, sa.BigInteger).label("low"), b.seq.label("high"))
    return _last_where(
        ends.where(b.book_id == book_id, b.account_id == account_id),
        lambda middle: sa.select(p.n <= known_at).where(
            p.book_id == book_id, p.account_id == account_id, p.seq == middle
        ),
    )


def _last_where(ends: sa.Select[Any], holds: Callable[[sa.ColumnElement[int]], sa.Select[Any]]) -> sa.ScalarSelect[int]:
    """The highest number in (low, high] for which `holds`, where it holds for all below it; `low` if for none."""
    halves = ends.cte("halves", recursive=True)
    low, high = halves.c.low, halves.c.high
    middle = (low + high + 1) // 2
    fits = holds(middle).correlate(halves).scalar_subquery()
    halves = halves.union_all(
        sa.select(sa.case((fits, middle), else_=low), sa.case((fits, high), else_=middle - 1)).where(low < high)
    )
    return sa.select(halves.c.low).where(halves.c.low == halves.c.high).scalar_subquery()


def _days_of(connection: sa.Connection, book_id: str, account_id: int) -> tuple[date | None, date | None]:
    """The first and the last day on which a posting of the account takes effect."""
    p = tables.posting.c
    first, last = (
        sa.select(end(p.effective_on, type_=Day())).where(p.book_id == book_id, p.account_id == account_id)
        for end in (sa.func.min, sa.func.max)
    )
    row = connection.execute(sa.select(first.scalar_subquery(), last.scalar_subquery())).one()
    return row[0], row[1]


def _kept(connection: sa.Connection, book_id: str, account_id: int, on: date, known_at: int | None) -> Kept | None:
    k = tables.period_balance.c
    where = [k.book_id == book_id, k.account_id == account_id, k.until_on <= on]
    if known_at is not None:
        where.append(k.n <= known_at)
    query = sa.select(k.until_on, k.n, k.posted).where(*where).order_by(k.until_on.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Kept(*row)


def _period(connection: sa.Connection, book_id: str, on: date | None, known_at: int | None) -> Kept | None:
    """The newest period that is over on that day and was closed when `known_at` was booked."""
    t = tables.period.c
    where = [t.book_id == book_id]
    if on is not None:
        where.append(t.until_on <= on)
    if known_at is not None:
        where.append(t.n <= known_at)
    row = connection.execute(
        sa.select(t.until_on, t.n).where(*where).order_by(t.until_on.desc()).limit(1)
    ).one_or_none()
    return None if row is None else Kept(row.until_on, row.n, 0)


def _number(connection: sa.Connection, query: sa.ScalarSelect[int] | sa.Select[Any]) -> int:
    statement = sa.select(query) if isinstance(query, sa.ScalarSelect) else query
    return connection.scalar(statement) or 0


def _signed_sum() -> sa.ColumnElement[int]:
    """A sum that stays an integer: PostgreSQL would answer with a numeric."""
    p = tables.posting.c
    return sa.cast(sa.func.sum(p.debit - p.credit), sa.BigInteger)
