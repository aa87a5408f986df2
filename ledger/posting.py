"""Posting: lock the book's head, read what the requests name, decide, write, seal.

The caller owns the database transaction; posting is its last step. Statements are set-based, so their number does not
grow with the batch. The order is fixed: `head` is locked by a statement of its own before anything is read, so that
what is read is what the writer before has committed; the block is written last but for the head.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from ledger import crash
from ledger.clock import Clock
from ledger.decide import decide
from ledger.errors import InvariantError, Refusal
from ledger.facts import Item
from ledger.lines import (
    AccountRow,
    AssetRow,
    BlockRow,
    EntryRow,
    FindingRow,
    HoldLineRow,
    HoldRow,
    HoldStepRow,
    PeriodRow,
    PostingRow,
    RequestRow,
    RuleRow,
)
from ledger.money import Asset
from ledger.reading import business_date_of, head_of, lock_and_read, state_of, subject_keys_of
from ledger.state import AccountState, Decision, Head, ItemResult, Request, Result
from ledger.storage import bulk, tables
from ledger.storage.changes import Change, Inserts, Replacement, Updates, Wanted
from ledger.storage.keys import KeyRing

_BALANCE = (
    "account_id", "posted", "seq", "minimum", "maximum", "last_commitment", "held_debit", "held_credit", "closed",
    "version",
)  # fmt: skip


def post_entries(
    connection: sa.Connection,
    book_id: str,
    items: Sequence[Item],
    *,
    clock: Clock,
    keys: KeyRing,
    floors: bool = True,
    assets: Sequence[Asset] = (),
) -> list[ItemResult]:
    """Post all `items` or, by raising the first refusal, none of them; the caller then rolls back.

    `assets` are opened first where they are new. An item whose fact key stands with the same body is a duplicate and
    answers with the first one's number. With `floors` false, accounts are opened without the chart's limits.
    """
    request = Request(items)
    [result] = post_requests(connection, book_id, [request], clock=clock, keys=keys, floors=floors, assets=assets)
    if isinstance(result, Refusal):
        raise result
    assert isinstance(result, list)
    return result


def post_requests(
    connection: sa.Connection,
    book_id: str,
    requests: Sequence[Request],
    *,
    clock: Clock,
    keys: KeyRing,
    floors: bool = True,
    assets: Sequence[Asset] = (),
    late_refused: frozenset[str] = frozenset(),
) -> list[Result]:
    """Post each request whole or refuse it alone; one result per request, in order, and one block for all.

    `late_refused` are the purposes whose entries may not be dated in a closed period.
    """
    decision = decide_requests(
        connection,
        book_id,
        requests,
        clock=clock,
        keys=keys,
        floors=floors,
        assets=assets,
        late_refused=late_refused,
    )
    write_decision(connection, book_id, decision)
    return decision.results


def decide_requests(
    connection: sa.Connection,
    book_id: str,
    requests: Sequence[Request],
    *,
    clock: Clock,
    keys: KeyRing,
    floors: bool = True,
    assets: Sequence[Asset] = (),
    late_refused: frozenset[str] = frozenset(),
) -> Decision:
    """What `post_requests` would write and answer; the book's head stays locked until the transaction ends."""
    if keys.book_id != book_id:
        raise InvariantError("the keys of another book")
    found = lock_and_read(connection, book_id, requests)
    state = state_of(connection, book_id, found, requests, assets, late_refused)
    now = clock.now()
    return decide(
        state,
        requests,
        now=now,
        today=business_date_of(found) or clock.today(),
        keys=subject_keys_of(connection, found, requests, keys, clock),
        floors=floors,
        new_assets=assets,
    )


def lock_head(connection: sa.Connection, book_id: str) -> Head:
    """The book's head, locked until the database transaction ends; refuses `book-unknown`."""
    return head_of(bulk.lock_and_read(connection, book_id, Wanted((), (), ())), book_id)


def write_decision(connection: sa.Connection, book_id: str, decision: Decision, *, commit: bool = False) -> None:
    """Write what was decided: entries, accounts, postings, balances, then the seal, then the head.

    With `commit`, the caller does nothing more but to commit, and that may come along with what is written.
    """
    if decision.block is None:
        return
    changes: list[Change] = [
        Inserts(tables.entry, EntryRow._fields, decision.entries),
        Inserts(tables.asset, AssetRow._fields, decision.assets),
        Inserts(tables.account, AccountRow._fields, decision.accounts),
        Inserts(tables.account_rule, RuleRow._fields, decision.rules),
        Inserts(tables.posting, PostingRow._fields, decision.postings),
        Inserts(tables.hold, HoldRow._fields, decision.holds),
        Inserts(tables.hold_line, HoldLineRow._fields, decision.hold_lines),
        Inserts(tables.hold_step, HoldStepRow._fields, decision.hold_steps),
        Inserts(tables.period, PeriodRow._fields, decision.periods),
        Inserts(tables.finding, FindingRow._fields, decision.findings),
        Inserts(tables.request, RequestRow._fields, decision.requests),
        Inserts(tables.balance, _BALANCE, [_values(a) for a in decision.opened]),
        Updates(tables.balance, _BALANCE, [_values(a) for a in decision.changed]),
    ]
    seal: list[Change] = [
        Inserts(tables.block, BlockRow._fields, [decision.block]),
        Replacement(tables.head, Head._fields, decision.head),
    ]
    if decision.periods or crash.is_armed("posting.before-seal"):  # else all goes out in one network turn
        bulk.write(connection, book_id, changes)
        for period in decision.periods:
            _write_period_balances(connection, book_id, period)
        crash.reach("posting.before-seal")
        changes = []
    bulk.write(connection, book_id, changes + seal, commit=commit and not crash.is_armed("posting.after-seal"))
    crash.reach("posting.after-seal")


def _values(account: AccountState) -> tuple[Any, ...]:
    return tuple([getattr(account, name) for name in _BALANCE])


def _write_period_balances(connection: sa.Connection, book_id: str, period: PeriodRow) -> None:
    """The balance by date of effect, at the period's end, of each account that has moved since the one before."""
    p, kept = tables.posting.c, tables.period_balance.c
    moved = [p.book_id == book_id, p.n < period.n, p.effective_on <= period.until_on]
    if period.since_on is not None:
        before = connection.scalar(
            sa.select(tables.period.c.n).where(
                tables.period.c.book_id == book_id, tables.period.c.until_on == period.since_on - timedelta(days=1)
            )
        )
        late = sa.and_(p.restates.is_not(None), p.n > before)
        moved.append(sa.or_(p.effective_on >= period.since_on, late))
    total = sa.cast(sa.func.sum(p.debit - p.credit), sa.BigInteger)
    change = sa.select(p.account_id, total.label("total")).where(*moved).group_by(p.account_id).subquery()
    earlier = (
        sa.select(kept.posted)
        .where(kept.book_id == book_id, kept.account_id == change.c.account_id)
        .order_by(kept.until_on.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = connection.execute(sa.select(change.c.account_id, change.c.total + sa.func.coalesce(earlier, 0))).all()
    columns = ("account_id", "until_on", "n", "posted")
    values = [(account_id, period.until_on, period.n, posted) for account_id, posted in rows]
    bulk.insert_rows(connection, tables.period_balance, book_id, columns, values)
