"""Reading the record: balances (as booked, or by date of effect), the trial balance, statements, posted entries.

A balance by date of effect adds the postings with a date up to that day; it includes what was booked later, unless it
is asked for as known at an entry (`ledger.dated`). Every function takes a connection and a book; a statement pages by
the account's sequence number.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.dated import account_id_of, balance_as_known, last_seq, sums_as_known
from ledger.dated import known_at_instant as known_at_instant
from ledger.errors import InvariantError, Refusal
from ledger.log.leaf import HOLD
from ledger.money import EUR
from ledger.storage import bulk, tables
from ledger.storage.base import Day


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """The balance of one account, on one side: the other side is 0."""

    account: AccountRef
    debit: int
    credit: int

    @property
    def signed(self) -> int:
        """Debit minus credit."""
        return self.debit - self.credit


@dataclass(frozen=True, slots=True)
class Standing:
    """An account as it stands: signed balance, what open holds reserve on each side, limits of the signed balance."""

    account: AccountRef
    posted: int
    held_debit: int
    held_credit: int
    minimum: int | None
    maximum: int | None
    closed: bool


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One posting of an account, in booking order; `balance` is signed and follows it."""

    seq: int
    entry: int
    effective_on: date
    booked_at: datetime
    purpose: str
    debit: int
    credit: int
    balance: int
    key: str


@dataclass(frozen=True, slots=True)
class Turnover:
    """What was debited and credited in one asset with one date of effect."""

    asset: str
    effective_on: date
    debit: int
    credit: int


@dataclass(frozen=True, slots=True)
class PostedLine:
    """One line of an entry: a posting, or an amount that a hold reserves."""

    line: int
    account: AccountRef
    debit: int
    credit: int


@dataclass(frozen=True, slots=True)
class OwnedLine:
    """One posting to an account of a person or an enterprise: what a receipt can be asked for."""

    n: int
    line: int
    account: AccountRef
    debit: int
    credit: int
    effective_on: date
    booked_at: datetime
    purpose: str
    key: str


@dataclass(frozen=True, slots=True)
class PostedEntry:
    """An entry as it stands; `purpose`, `key` and `effective_on` are None for entries without postings.

    `details` are the members of its header that only some types have, such as `hold`, `meta` or `text`.
    """

    n: int
    type: str
    effective_on: date | None
    booked_at: datetime
    purpose: str | None
    key: str | None
    evidence: str | None
    actor: str
    approvals: tuple[str, ...]
    reverses: int | None
    lines: tuple[PostedLine, ...]
    details: Mapping[str, Any] = field(default_factory=dict)


def balance(
    connection: sa.Connection,
    book_id: str,
    account: AccountRef,
    *,
    on: date | None = None,
    known_at: int | None = None,
) -> int:
    """Signed balance (debits minus credits) of one account by date of effect on the day `on`, as known at the entry
    with number `known_at`; 0 where it is not open. Without `on`, dates do not matter; without `known_at`, all counts.
    """
    if on is None and known_at is None:  # as it stands: one statement
        a = tables.account.c
        named = (a.code == account.code, a.owner == account.owner, a.asset == account.asset)
        query = sa.select(tables.balance.c.posted).select_from(_account_balance())
        return connection.scalar(query.where(a.book_id == book_id, *named)) or 0
    account_id = account_id_of(connection, book_id, account)
    if account_id is None:
        return 0
    return balance_as_known(connection, book_id, account_id, on=on, known_at=known_at)


def balances(
    connection: sa.Connection,
    book_id: str,
    *,
    code_prefix: str | None = None,
    owner: str | None = None,
    asset: str | None = None,
    on: date | None = None,
    known_at: int | None = None,
) -> list[AccountBalance]:
    """Every account with postings that fits, sorted by account text and asset; `on` and `known_at` as in `balance`."""
    a = tables.account.c
    where: list[sa.ColumnElement[bool]] = []
    if code_prefix is not None:
        where.append(a.code.startswith(code_prefix, autoescape=True))
    if owner is not None:
        where.append(a.owner == owner)
    if asset is not None:
        where.append(a.asset == asset)
    if on is None and known_at is None:
        where += [a.book_id == book_id, tables.balance.c.seq > 0]
        statement = sa.select(a.code, a.owner, a.asset, tables.balance.c.posted).select_from(_account_balance())
        rows = connection.execute(statement.where(*where))
        sums = [(AccountRef.known(code, owned_by, of), posted) for code, owned_by, of, posted in rows]
    else:
        sums = sums_as_known(connection, book_id, where, on=on, known_at=known_at)
    found = [_on_one_side(ref, posted) for ref, posted in sums]
    return sorted(found, key=lambda b: (str(b.account), b.account.asset))


def owners_after(
    connection: sa.Connection, book_id: str, code: str, *, after: str, limit: int
) -> list[tuple[str, int]]:
    """The next owners in alphabetical order whose account of one code in euro is not zero, with its signed balance."""
    a, b = tables.account.c, tables.balance.c
    query = sa.select(a.owner, b.posted).select_from(_account_balance())
    query = query.where(a.book_id == book_id, a.code == code, a.asset == EUR.code, a.owner > after, b.posted != 0)
    return [(owner, posted) for owner, posted in connection.execute(query.order_by(a.owner).limit(limit))]


def trial_balance(
    connection: sa.Connection, book_id: str, *, on: date | None = None, known_at: int | None = None
) -> list[AccountBalance]:
    """Every account with postings; debits and credits of each asset are equal, or the record is broken."""
    found = balances(connection, book_id, on=on, known_at=known_at)
    sums: dict[str, int] = defaultdict(int)
    for account in found:
        sums[account.account.asset] += account.signed
    if any(sums.values()):
        raise InvariantError(f"the trial balance does not balance: {dict(sums)}")
    return found


def turnover(connection: sa.Connection, book_id: str, code: str) -> list[Turnover]:
    """Everything posted under one code of the chart, whoever's, added up by asset and date of effect; sorted."""
    a, p = tables.account.c, tables.posting.c
    debit, credit = (sa.cast(sa.func.sum(side), sa.BigInteger) for side in (p.debit, p.credit))
    query = sa.select(a.asset, p.effective_on, debit, credit).select_from(_account_posting())
    query = query.where(a.book_id == book_id, a.code == code).group_by(a.asset, p.effective_on)
    return [Turnover(*row) for row in connection.execute(query.order_by(a.asset, p.effective_on))]


def statement(
    connection: sa.Connection,
    book_id: str,
    account: AccountRef,
    *,
    after_seq: int = 0,
    before_seq: int | None = None,
    limit: int | None = None,
    known_at: int | None = None,
) -> list[StatementLine]:
    """The account's postings in booking order from the one after `after_seq`, as known at the entry with number
    `known_at`; with `before_seq`, the newest first, from the one before it down. Refuses `account-unknown`.
    """
    p, e = tables.posting.c, tables.entry.c
    account_id = account_id_of(connection, book_id, account)
    if account_id is None:
        raise Refusal("account-unknown", account=str(account), asset=account.asset)
    query = (
        sa.select(p.seq, p.n, p.effective_on, e.booked_at, e.purpose, p.debit, p.credit, p.balance_after, e.fact_key)
        .join_from(tables.posting, tables.entry, sa.and_(e.book_id == p.book_id, e.n == p.n))
        .where(p.book_id == book_id, p.account_id == account_id, p.seq > after_seq)
    )
    if known_at is not None:
        query = query.where(p.seq <= last_seq(connection, book_id, account_id, known_at))
    query = query.order_by(p.seq) if before_seq is None else query.where(p.seq < before_seq).order_by(p.seq.desc())
    return [StatementLine(*row) for row in connection.execute(query if limit is None else query.limit(limit))]


def of_owners(
    connection: sa.Connection, book_id: str, code: str, owners: Iterable[str], *, asset: str = EUR.code
) -> dict[str, int]:
    """Debit minus credit, as it stands now, on the accounts with this code of those `owners` that have one."""
    a = tables.account.c
    query = sa.select(a.owner, tables.balance.c.posted).select_from(_account_balance())
    chosen = (a.book_id == book_id, a.code == code, a.asset == asset, bulk.among(connection, a.owner, sorted(owners)))
    return {row.owner: row.posted for row in connection.execute(query.where(*chosen))}


def standings(
    connection: sa.Connection, book_id: str, account: AccountRef | None = None, numbers: Collection[int] = ()
) -> list[Standing]:
    """How accounts stand now: the one named, or all that the entries with these numbers moved; sorted."""
    a, b, p = tables.account.c, tables.balance.c, tables.posting.c
    columns = (a.code, a.owner, a.asset, b.posted, b.held_debit, b.held_credit, b.minimum, b.maximum, b.closed)
    query = sa.select(*columns).select_from(_account_balance()).where(a.book_id == book_id)
    if account is not None:
        query = query.where(a.code == account.code, a.owner == account.owner, a.asset == account.asset)
    else:
        moved = sa.select(p.account_id).where(p.book_id == book_id, bulk.among(connection, p.n, numbers))
        query = query.where(a.account_id.in_(moved))
    found = [Standing(AccountRef(*row[:3]), *row[3:]) for row in connection.execute(query)]
    return sorted(found, key=lambda s: (str(s.account), s.account.asset))


def balances_after(
    connection: sa.Connection, book_id: str, numbers: Collection[int]
) -> dict[int, dict[AccountRef, int]]:
    """For each of these entries, the signed balance that it left on each account it moved."""
    a, p = tables.account.c, tables.posting.c
    query = (
        sa.select(p.n, a.code, a.owner, a.asset, p.balance_after)
        .select_from(_account_posting())
        .where(p.book_id == book_id, bulk.among(connection, p.n, numbers))
        .order_by(p.n, p.line)
    )
    after: dict[int, dict[AccountRef, int]] = defaultdict(dict)
    for n, code, owner, asset, balance_after in connection.execute(query) if numbers else ():
        after[n][AccountRef(code, owner, asset)] = balance_after
    return after


def lines_of_owner(
    connection: sa.Connection,
    book_id: str,
    owner: str,
    *,
    before_n: int | None = None,
    limit: int | None = 100,
    asset: str | None = None,
) -> list[OwnedLine]:
    """Every posting to an account of `owner`, newest entry first; the next page begins before the last `n`.

    With `asset`, only those in it.
    """
    a, p, e = tables.account.c, tables.posting.c, tables.entry.c
    query = (
        sa.select(p.n, p.line, a.code, a.owner, a.asset, p.debit, p.credit)
        .add_columns(e.effective_on, e.booked_at, e.purpose, e.fact_key)
        .select_from(_account_posting())
        .join(tables.entry, sa.and_(e.book_id == p.book_id, e.n == p.n))
        .where(a.book_id == book_id, a.owner == owner)
        .order_by(p.n.desc(), p.line)
        .limit(limit)
    )
    if asset is not None:
        query = query.where(a.asset == asset)
    rows = connection.execute(query if before_n is None else query.where(p.n < before_n))
    return [
        OwnedLine(n, line, AccountRef(code, owned_by, asset), *rest) for n, line, code, owned_by, asset, *rest in rows
    ]


def entry_by_key(connection: sa.Connection, book_id: str, key: str) -> PostedEntry | None:
    """The posted entry with this fact key, if there is one."""
    found = entries_by_key(connection, book_id, [key])
    return found.get(key)


def entries_by_key(connection: sa.Connection, book_id: str, keys: Collection[str]) -> dict[str, PostedEntry]:
    """The posted entries among these fact keys."""
    where = (tables.entry.c.book_id == book_id, bulk.among(connection, tables.entry.c.fact_key, keys))
    found = _entries(connection, book_id, sa.select(tables.entry).where(*where))
    return {entry.key: entry for entry in found if entry.key is not None}


def entries(
    connection: sa.Connection, book_id: str, *, first_n: int = 0, limit: int = 100, newest_first: bool = False
) -> list[PostedEntry]:
    """Up to `limit` entries: from `first_n` on upwards, or the newest ones (not below `first_n`) downwards."""
    e = tables.entry.c
    query = sa.select(tables.entry).where(e.book_id == book_id, e.n >= first_n).limit(limit)
    return _entries(connection, book_id, query.order_by(e.n.desc() if newest_first else e.n))


def entry_numbered(connection: sa.Connection, book_id: str, n: int) -> PostedEntry:
    """The entry with this number; refuses `entry-number-unknown`."""
    found = entries(connection, book_id, first_n=n, limit=1)
    if not found or found[0].n != n:
        raise Refusal("entry-number-unknown", n=n)
    return found[0]


def entry_count(connection: sa.Connection, book_id: str) -> int:
    """The number of entries, genesis included: the next one's number."""
    return connection.scalar(sa.select(tables.head.c.next_n).where(tables.head.c.book_id == book_id)) or 0


def asset_scales(connection: sa.Connection, book_id: str) -> dict[str, int]:
    """The scale of every open asset, by its code, sorted."""
    query = sa.select(tables.asset.c.asset, tables.asset.c.scale).where(tables.asset.c.book_id == book_id)
    return {row.asset: row.scale for row in connection.execute(query.order_by(tables.asset.c.asset))}


def first_posting_dates(connection: sa.Connection, book_id: str) -> dict[AccountRef, date]:
    """The earliest date of effect of every account with postings."""
    a, p = tables.account.c, tables.posting.c
    named = (a.code, a.owner, a.asset)
    first_on = sa.func.min(p.effective_on, type_=Day())
    query = sa.select(*named, first_on).select_from(_account_posting()).where(a.book_id == book_id).group_by(*named)
    return {AccountRef(*ref): on for *ref, on in connection.execute(query)}


def _entries(connection: sa.Connection, book_id: str, query: sa.Select[Any]) -> list[PostedEntry]:
    rows = connection.execute(query).all()
    lines = _lines(connection, book_id, [row.n for row in rows])
    lines |= _reserved_lines(connection, book_id, [row.n for row in rows if row.type == HOLD])
    return [
        PostedEntry(
            n=row.n,
            type=row.type,
            effective_on=row.effective_on,
            booked_at=row.booked_at,
            purpose=row.purpose,
            key=row.fact_key,
            evidence=row.evidence.hex() if row.evidence else None,
            actor=row.actor,
            approvals=tuple(row.approvals or ()),
            reverses=row.reverses,
            lines=tuple(lines[row.n]),
            details=row.details or {},
        )
        for row in rows
    ]


def _lines(connection: sa.Connection, book_id: str, numbers: Sequence[int]) -> dict[int, list[PostedLine]]:
    a, p = tables.account.c, tables.posting.c
    query = (
        sa.select(p.n, p.line, a.code, a.owner, a.asset, p.debit, p.credit)
        .select_from(_account_posting())
        .where(p.book_id == book_id, bulk.among(connection, p.n, numbers))
        .order_by(p.n, p.line)
    )
    lines: dict[int, list[PostedLine]] = defaultdict(list)
    for n, line, code, owner, asset, debit, credit in connection.execute(query) if numbers else ():
        lines[n].append(PostedLine(line, AccountRef(code, owner, asset), debit, credit))
    return lines


def _reserved_lines(connection: sa.Connection, book_id: str, numbers: Sequence[int]) -> dict[int, list[PostedLine]]:
    a, held = tables.account.c, tables.hold_line.c
    query = (
        sa.select(held.hold_n, held.line, a.code, a.owner, a.asset, held.debit, held.credit)
        .join_from(
            tables.hold_line, tables.account, sa.and_(a.book_id == held.book_id, a.account_id == held.account_id)
        )
        .where(held.book_id == book_id, bulk.among(connection, held.hold_n, numbers))
        .order_by(held.hold_n, held.line)
    )
    lines: dict[int, list[PostedLine]] = defaultdict(list)
    for n, line, code, owner, asset, debit, credit in connection.execute(query) if numbers else ():
        lines[n].append(PostedLine(line, AccountRef.known(code, owner, asset), debit, credit))
    return lines


def _account_balance() -> sa.Join:
    a, b = tables.account.c, tables.balance.c
    return sa.join(tables.account, tables.balance, sa.and_(a.book_id == b.book_id, a.account_id == b.account_id))


def _account_posting() -> sa.Join:
    a, p = tables.account.c, tables.posting.c
    return sa.join(tables.account, tables.posting, sa.and_(a.book_id == p.book_id, a.account_id == p.account_id))


def _on_one_side(account: AccountRef, posted: int) -> AccountBalance:
    return AccountBalance(account, max(posted, 0), max(-posted, 0))


def total(found: Iterable[AccountBalance]) -> int:
    """The signed sum over accounts of one asset; mixed assets are a defect."""
    listed = list(found)
    if len({b.account.asset for b in listed}) > 1:
        raise InvariantError("amounts of different assets are not added")
    return sum(b.signed for b in listed)
