"""Posting: lock the book's head, read what the requests name, decide, write, seal.

The caller owns the database transaction; posting is its last step. Statements are set-based, so their number does not
grow with the batch. The order is fixed: `head` is locked by a statement of its own before anything is read, so that
what is read is what the writer before has committed; the block is written last but for the head.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ledger import crash
from ledger.accounts import AccountRef
from ledger.clock import Clock
from ledger.decide import (
    AccountState,
    Decision,
    Head,
    KnownEntry,
    Legs,
    PostingResult,
    State,
    Target,
    decide,
    owners_named,
)
from ledger.errors import InvariantError, Refusal
from ledger.journal import JournalEntry
from ledger.lines import AccountRow, AssetRow, BlockRow, EntryRow, PostingRow
from ledger.money import Asset
from ledger.storage import bulk, tables
from ledger.storage.keys import KeyRing


def post_entries(
    connection: sa.Connection,
    book_id: str,
    entries: Sequence[JournalEntry],
    *,
    clock: Clock,
    keys: KeyRing,
    floors: bool = True,
    assets: Sequence[Asset] = (),
) -> list[PostingResult]:
    """Post all `entries` or, by raising the first refusal, none of them; the caller then rolls back.

    `assets` are opened first where they are new. An entry whose fact key stands with the same body is a duplicate and
    answers with the first one's number. With `floors` false, accounts are opened without the chart's limits.
    """
    [result] = post_requests(connection, book_id, [entries], clock=clock, keys=keys, floors=floors, assets=assets)
    if isinstance(result, Refusal):
        raise result
    return result


def post_requests(
    connection: sa.Connection,
    book_id: str,
    requests: Sequence[Sequence[JournalEntry]],
    *,
    clock: Clock,
    keys: KeyRing,
    floors: bool = True,
    assets: Sequence[Asset] = (),
) -> list[list[PostingResult] | Refusal]:
    """Post each request whole or refuse it alone; one result per request, in order, and one block for all."""
    if keys.book_id != book_id:
        raise InvariantError("the keys of another book")
    head = lock_head(connection, book_id)
    state = _read_state(connection, book_id, head, requests, assets)
    now = clock.now()
    subject_keys = keys.subject_keys(connection, owners_named(requests), now=now)
    decision = decide(state, requests, now=now, keys=subject_keys, floors=floors, new_assets=assets)
    write_decision(connection, book_id, decision)
    return decision.results


def lock_head(connection: sa.Connection, book_id: str) -> Head:
    """The book's head, locked until the database transaction ends; refuses `book-unknown`."""
    table = tables.head
    statement = sa.select(
        table.c.next_n, table.c.next_block, table.c.next_account, table.c.last_hash, table.c.last_booked_at
    ).where(table.c.book_id == book_id)
    row = connection.execute(statement.with_for_update()).one_or_none()
    if row is None:
        raise Refusal("book-unknown", book=book_id)
    return Head(*row)


def write_decision(connection: sa.Connection, book_id: str, decision: Decision) -> None:
    """Write what was decided: entries, accounts, postings, balances, then the seal, then the head."""
    if decision.block is None:
        return
    opened, changed = decision.opened, decision.changed
    _insert(connection, tables.entry, book_id, EntryRow._fields, decision.entries)
    _insert(connection, tables.asset, book_id, AssetRow._fields, decision.assets)
    _insert(connection, tables.account, book_id, AccountRow._fields, decision.accounts)
    rules = [(a.account_id, 1, a.minimum, a.maximum, decision.block.first_n) for a in opened]
    _insert(connection, tables.account_rule, book_id, ("account_id", "version", "minimum", "maximum", "from_n"), rules)
    _insert(connection, tables.posting, book_id, PostingRow._fields, decision.postings)
    balances = [(a.account_id, a.posted, a.seq, a.minimum, a.maximum, a.last_commitment) for a in opened]
    columns = ("account_id", "posted", "seq", "minimum", "maximum", "last_commitment")
    _insert(connection, tables.balance, book_id, columns, balances)
    moved = [(a.posted, a.seq, a.last_commitment, a.account_id) for a in changed]
    bulk.update_rows(connection, tables.balance, book_id, "account_id", ("posted", "seq", "last_commitment"), moved)
    crash.reach("posting.before-seal")
    _insert(connection, tables.block, book_id, BlockRow._fields, [decision.block])
    _move_head(connection, book_id, decision.head)
    crash.reach("posting.after-seal")


def _move_head(connection: sa.Connection, book_id: str, head: Head) -> None:
    values = {name: getattr(head, name) for name in Head.__dataclass_fields__}
    moved = connection.execute(sa.update(tables.head).where(tables.head.c.book_id == book_id).values(values))
    if moved.rowcount != 1:
        raise InvariantError("the head did not move")


def _insert(
    connection: sa.Connection, table: sa.Table, book_id: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    bulk.insert_rows(connection, table, book_id, columns, rows)


def _read_state(
    connection: sa.Connection,
    book_id: str,
    head: Head,
    requests: Sequence[Sequence[JournalEntry]],
    assets: Sequence[Asset],
) -> State:
    entries = [entry for request in requests for entry in request]
    refs = list(dict.fromkeys(posting.account for entry in entries for posting in entry.postings))
    accounts = _read_accounts(connection, book_id, refs)
    codes = {ref.asset for ref in refs if ref not in accounts} | {asset.code for asset in assets}
    reversed_keys = {entry.reverses for entry in entries if entry.reverses is not None}
    return State(
        book_id=book_id,
        head=head,
        accounts=accounts,
        assets=_read_assets(connection, book_id, codes),
        known=_read_known(connection, book_id, [entry.key for entry in entries]),
        targets=_read_targets(connection, book_id, reversed_keys),
    )


def _read_accounts(
    connection: sa.Connection, book_id: str, refs: Sequence[AccountRef]
) -> dict[AccountRef, AccountState]:
    found = {}
    for row in bulk.find_accounts(connection, book_id, refs) if refs else ():
        ref = AccountRef(row.code, row.owner, row.asset)
        limits = (row.minimum, row.maximum)
        found[ref] = AccountState(
            row.account_id, ref, bool(row.personal), row.posted, row.seq, *limits, row.last_commitment
        )
    return found


def _read_assets(connection: sa.Connection, book_id: str, codes: set[str]) -> dict[str, int]:
    if not codes:
        return {}
    table = tables.asset
    where = (table.c.book_id == book_id, bulk.among(connection, table.c.asset, sorted(codes)))
    return {row.asset: row.scale for row in connection.execute(sa.select(table.c.asset, table.c.scale).where(*where))}


def _read_known(connection: sa.Connection, book_id: str, fact_keys: Sequence[str]) -> dict[str, KnownEntry]:
    if not fact_keys:
        return {}
    table = tables.entry
    statement = sa.select(table.c.fact_key, table.c.n, table.c.body_hash).where(
        table.c.book_id == book_id, bulk.among(connection, table.c.fact_key, fact_keys)
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
        .where(original.c.book_id == book_id, bulk.among(connection, original.c.fact_key, sorted(fact_keys)))
    )
    rows = connection.execute(statement).all()
    legs = _read_legs(connection, book_id, [row.n for row in rows])
    return {
        row.fact_key: Target(row.n, legs[row.n], row.reverses is not None, row.reversed_by is not None) for row in rows
    }


def _read_legs(connection: sa.Connection, book_id: str, numbers: Sequence[int]) -> dict[int, Legs]:
    posting, account = tables.posting, tables.account
    statement = (
        sa.select(posting.c.n, posting.c.debit, posting.c.credit, account.c.code, account.c.owner, account.c.asset)
        .join(account, sa.and_(account.c.book_id == posting.c.book_id, account.c.account_id == posting.c.account_id))
        .where(posting.c.book_id == book_id, bulk.among(connection, posting.c.n, numbers))
    )
    legs: dict[int, Legs] = {n: Counter() for n in numbers}
    for row in connection.execute(statement):
        legs[row.n][AccountRef(row.code, row.owner, row.asset), row.debit, row.credit] += 1
    return legs
