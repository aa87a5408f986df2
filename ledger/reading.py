"""Reading what requests name into the state that the decision rests on, with the book's head locked first."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.clock import Clock
from ledger.decide import accounts_named, owners_named
from ledger.errors import Refusal
from ledger.facts import Item, Note, Release
from ledger.journal import JournalEntry
from ledger.money import EUR, Asset
from ledger.state import AccountState, Head, HoldState, KnownEntry, KnownRequest, Legs, Request, State, Target
from ledger.storage import bulk, tables
from ledger.storage.base import from_microseconds
from ledger.storage.changes import Found, Wanted
from ledger.storage.keys import BOOK_OWNER, KeyRing


def lock_and_read(connection: sa.Connection, book_id: str, requests: Sequence[Request]) -> Found:
    """Everything that is named directly; the accounts of holds are read when the holds are known."""
    fact_keys = [item.key for request in requests for item in request.items]
    request_keys = [request.key for request in requests if request.key is not None]
    return bulk.lock_and_read(connection, book_id, Wanted(list(accounts_named(requests)), fact_keys, request_keys))


def head_of(found: Found, book_id: str) -> Head:
    """The head that was locked; refuses `book-unknown`."""
    if not found.head:
        raise Refusal("book-unknown", book=book_id)
    next_n, next_block, next_account, last_hash, last_booked_at, closed_on = found.head[0][:6]
    return Head(next_n, next_block, next_account, last_hash, from_microseconds(last_booked_at), _day(closed_on))


def business_date_of(found: Found) -> date | None:
    """The business date that stands with the head, where the book has one of its own."""
    return _day(found.head[0][6])


def state_of(
    connection: sa.Connection,
    book_id: str,
    found: Found,
    requests: Sequence[Request],
    assets: Sequence[Asset],
    late_refused: frozenset[str] = frozenset(),
) -> State:
    """The state from what was read, and from what only some items need: holds, targets of reversals, periods."""
    head = head_of(found, book_id)
    items = [item for request in requests for item in request.items]
    accounts = dict(map(_account, found.accounts))
    known = {key: KnownEntry(n, body_hash) for key, n, body_hash in found.known}
    reversed_keys, hold_keys, about_keys = _named_entries(items)
    if about_keys - known.keys():
        known |= _read_known(connection, book_id, about_keys - known.keys())
    holds: dict[str, HoldState] = {}
    if hold_keys:
        holds = read_holds(connection, book_id, hold_keys)
        _read_hold_accounts(connection, book_id, holds, accounts)
    new_codes = {ref.asset for ref in accounts_named(requests) if ref not in accounts}
    closed = head.closed_on
    in_closed = closed is not None and any(_effective_on(item, closed) <= closed for item in items)
    return State(
        book_id=book_id,
        head=head,
        accounts=accounts,
        assets=_read_assets(connection, book_id, new_codes | {asset.code for asset in assets}),
        known=known,
        targets=_read_targets(connection, book_id, reversed_keys),
        holds=holds,
        periods=_read_periods(connection, book_id) if in_closed else [],
        requests={
            key: KnownRequest(actor, body_hash, json.loads(outcome))
            for key, actor, body_hash, outcome in found.requests
        },
        late_refused=late_refused,
    )


def _named_entries(items: Sequence[Item]) -> tuple[set[str], set[str], set[str]]:
    """Fact keys of the entries that items reverse, of the holds they settle or end, of the entries they remark on."""
    reverses, holds, about = set(), set(), set()
    for item in items:
        if isinstance(item, JournalEntry):
            if item.reverses is not None:
                reverses.add(item.reverses)
            if item.settles is not None:
                holds.add(item.settles)
        elif isinstance(item, Release):
            holds.add(item.hold)
        elif isinstance(item, Note):
            about.add(item.about)
    return reverses, holds, about


def _effective_on(item: Item, otherwise: date) -> date:
    entry = getattr(item, "entry", item)
    return getattr(entry, "effective_on", otherwise + timedelta(days=1))


def _day(value: date | str | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _account(row: Sequence[Any]) -> tuple[AccountRef, AccountState]:
    account_id, code, owner, asset, personal, *rest, _wrapped = row
    ref = AccountRef.known(code, owner, asset)
    posted, seq, minimum, maximum, last, held_debit, held_credit, closed, version = rest
    amounts = (posted, seq, minimum, maximum, last, held_debit, held_credit)
    return ref, AccountState(account_id, ref, bool(personal), *amounts, bool(closed), version)


def subject_keys_of(
    connection: sa.Connection, found: Found, requests: Sequence[Request], keys: KeyRing, clock: Clock
) -> Mapping[str, bytes]:
    """The keys that came with head and accounts; who has none yet gets one.

    Refuses `subject-key-destroyed` where an item names an account of a person who was erased.
    """
    wrapped = {row[2]: row[-1] for row in found.accounts if row[4]} | {BOOK_OWNER: found.head[0][7]}
    subject_keys = {owner: keys.unwrap(owner, key) for owner, key in wrapped.items() if key}
    missing = owners_named(requests) - subject_keys.keys()
    if missing:
        subject_keys |= keys.subject_keys(connection, missing, now=clock.now())
    return subject_keys


def _read_assets(connection: sa.Connection, book_id: str, codes: set[str]) -> dict[str, int]:
    if codes <= {EUR.code}:
        return {EUR.code: EUR.scale}
    table = tables.asset
    where = (table.c.book_id == book_id, bulk.among(connection, table.c.asset, sorted(codes)))
    return {row.asset: row.scale for row in connection.execute(sa.select(table.c.asset, table.c.scale).where(*where))}


def _read_known(connection: sa.Connection, book_id: str, fact_keys: set[str]) -> dict[str, KnownEntry]:
    table = tables.entry
    statement = sa.select(table.c.fact_key, table.c.n, table.c.body_hash).where(
        table.c.book_id == book_id, bulk.among(connection, table.c.fact_key, sorted(fact_keys))
    )
    return {key: KnownEntry(n, body_hash) for key, n, body_hash in connection.execute(statement)}


def _read_targets(connection: sa.Connection, book_id: str, fact_keys: set[str]) -> dict[str, Target]:
    """The entries that reversals name, with their lines."""
    if not fact_keys:
        return {}
    original, reversal = tables.entry, tables.entry.alias("reversal")
    statement = (
        sa.select(original.c.fact_key, original.c.n, original.c.reverses, reversal.c.n.label("reversed_by"))
        .outerjoin(reversal, sa.and_(reversal.c.book_id == original.c.book_id, reversal.c.reverses == original.c.n))
        .where(
            original.c.book_id == book_id,
            original.c.purpose.is_not(None),
            original.c.effective_on.is_not(None),
            bulk.among(connection, original.c.fact_key, sorted(fact_keys)),
        )
    )
    rows = connection.execute(statement).all()
    legs = _read_legs(connection, book_id, [row.n for row in rows])
    return {
        row.fact_key: Target(row.n, legs[row.n], row.reverses is not None, row.reversed_by is not None)
        for row in rows
        if legs[row.n]
    }


def _read_legs(connection: sa.Connection, book_id: str, numbers: Sequence[int]) -> dict[int, Legs]:
    posting, account = tables.posting, tables.account
    # outer and ordered: else SQLite begins with the accounts, or reads all of an index that has these columns in it
    statement = (
        sa.select(posting.c.n, posting.c.debit, posting.c.credit, account.c.code, account.c.owner, account.c.asset)
        .outerjoin(
            account, sa.and_(account.c.book_id == posting.c.book_id, account.c.account_id == posting.c.account_id)
        )
        .where(posting.c.book_id == book_id, bulk.among(connection, posting.c.n, numbers))
        .order_by(posting.c.n, posting.c.line)
    )
    legs: dict[int, Legs] = {n: Counter() for n in numbers}
    for row in connection.execute(statement):
        legs[row.n][AccountRef(row.code, row.owner, row.asset), row.debit, row.credit] += 1
    return legs


def read_holds(connection: sa.Connection, book_id: str, fact_keys: set[str]) -> dict[str, HoldState]:
    """The holds with these fact keys: what they reserved, less what the postings that settle them have taken."""
    e, h, s = tables.entry.c, tables.hold.c, tables.hold_step.c
    query = (
        sa.select(e.fact_key, h.hold_n, h.expires_at)
        .join_from(tables.entry, tables.hold, sa.and_(h.book_id == e.book_id, h.hold_n == e.n))
        .where(e.book_id == book_id, bulk.among(connection, e.fact_key, sorted(fact_keys)))
    )
    found = connection.execute(query).all()
    numbers = [row.hold_n for row in found]
    steps = connection.execute(
        sa.select(s.hold_n, s.step, s.kind, s.n).where(s.book_id == book_id, bulk.among(connection, s.hold_n, numbers))
    ).all()
    reserved = _read_reserved(connection, book_id, numbers)
    taken = _read_legs(connection, book_id, [step.n for step in steps])
    for step in steps:
        for (ref, debit, credit), count in taken[step.n].items():
            reserved[step.hold_n][ref, debit > 0] -= (debit + credit) * count
    ended = {step.hold_n for step in steps if step.kind != "part"}
    made = Counter(step.hold_n for step in steps)
    return {
        row.fact_key: HoldState(
            row.hold_n, reserved[row.hold_n], made[row.hold_n], row.hold_n not in ended, row.expires_at
        )
        for row in found
    }


def _read_reserved(
    connection: sa.Connection, book_id: str, numbers: Sequence[int]
) -> dict[int, Counter[tuple[AccountRef, bool]]]:
    line, a = tables.hold_line.c, tables.account.c
    query = (
        sa.select(line.hold_n, line.debit, line.credit, a.code, a.owner, a.asset)
        .outerjoin_from(
            tables.hold_line, tables.account, sa.and_(a.book_id == line.book_id, a.account_id == line.account_id)
        )
        .where(line.book_id == book_id, bulk.among(connection, line.hold_n, numbers))
        .order_by(line.hold_n, line.line)
    )
    reserved: dict[int, Counter[tuple[AccountRef, bool]]] = {n: Counter() for n in numbers}
    for row in connection.execute(query):
        reserved[row.hold_n][AccountRef(row.code, row.owner, row.asset), row.debit > 0] += row.debit + row.credit
    return reserved


def _read_hold_accounts(
    connection: sa.Connection, book_id: str, holds: Mapping[str, HoldState], accounts: dict[AccountRef, AccountState]
) -> None:
    """What a hold still reserves is freed on accounts that no request names."""
    more = list({ref: None for hold in holds.values() for ref, _ in hold.remaining if ref not in accounts})
    if more:
        accounts |= dict(map(_account, bulk.lock_and_read(connection, book_id, Wanted(more, (), ())).accounts))


def _read_periods(connection: sa.Connection, book_id: str) -> list[date]:
    table = tables.period
    return list(
        connection.scalars(sa.select(table.c.until_on).where(table.c.book_id == book_id).order_by(table.c.until_on))
    )
