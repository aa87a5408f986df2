"""What opens the log's commitments: one line for its holder's receipt, all of them for an auditor's bundle.

The bundle is JSON Lines, each line canonical JSON:

    {"book", "bundle": "bxl-openings/3", "origin", "root", "size"}
    {"lines": [{"line": {...}, "nonce": "..."}, ...], "n": 0}           one per entry, in order; genesis has no lines
    {"accounts": [...], "assets": [...], "closed": 0, "periods": [...], "trial_balance": [...]}   as the database has it

A line of a person who was erased is `{"commitment": "..."}`: `closed` counts them, and her accounts are left out.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.audit.lines import Openings, StatedEntry, StatedLine, stated_entries
from ledger.book import Book
from ledger.errors import Refusal
from ledger.integrator import read_checkpoint
from ledger.log.checkpoint import Checkpoint
from ledger.log.encoding import b64
from ledger.log.leaf import JSON, canonical_json, lines_path, parse_canonical
from ledger.log.merkle import Frontier, leaf_hash
from ledger.log.receipt import OpenedLine, Opening, ReceiptFiles, build_receipt
from ledger.log.tiles import LogFolder
from ledger.storage import tables
from ledger.storage.keys import DESTROYED
from ledger.storage.scan import scan

BUNDLE_FORMAT = "bxl-openings/3"


def receipt_for(book: Book, log_dir: Path, *, n: int, line: int) -> ReceiptFiles:
    """The receipt of posting line `line` (1...) of entry `n`.

    Refuses `receipt-not-yet-final` while the published checkpoint does not cover the entry, and `line-unknown`.
    """
    published = read_checkpoint(log_dir)
    if published is None or published[0].size <= n:
        raise Refusal("receipt-not-yet-final", n=n, size=published[0].size if published else 0)
    checkpoint, note = published
    with book.read() as connection:
        found = next(stated_entries(connection, book.book_id, first_n=n, end_n=n + 1), None)
        if found is None or not 0 < line < len(found.lines):
            raise Refusal("line-unknown", n=n, line=line)
        openings = Openings(connection, book.book_id, book.keys)
        header, opened = (
            OpenedLine(stated.index, openings.nonce(n, stated), stated.line)
            for stated in (found.lines[0], found.lines[line])
        )
    return build_receipt(
        LogFolder(log_dir),
        checkpoint=checkpoint,
        note=note,
        entry=found.row.bytes,
        commitments=[stated.commitment for stated in found.lines],
        header=header,
        line=opened,
    )


def opening_of(book: Book, *, n: int, line: int) -> Opening:
    """What opens one line of entry `n` for everybody, as entries are published whose content is public."""
    with book.read() as connection:
        found = next(stated_entries(connection, book.book_id, first_n=n, end_n=n + 1))
        openings = Openings(connection, book.book_id, book.keys)
        header, opened = (
            OpenedLine(stated.index, openings.nonce(n, stated), stated.line)
            for stated in (found.lines[0], found.lines[line])
        )
    public = parse_canonical(found.row.bytes)
    assert isinstance(public, dict)
    path = lines_path([stated.commitment for stated in found.lines], (0, line))
    return Opening(public, header, opened, tuple(path))


def lines_with(book: Book, *, key: str, account: AccountRef) -> list[tuple[int, int]]:
    """The (entry, line) pairs of the entry with fact key `key` that post to `account`: what to ask receipts for."""
    e, p, a = tables.entry.c, tables.posting.c, tables.account.c
    query = (
        sa.select(p.n, p.line)
        .join_from(tables.posting, tables.entry, sa.and_(e.book_id == p.book_id, e.n == p.n))
        .join(tables.account, sa.and_(a.book_id == p.book_id, a.account_id == p.account_id))
        .where(e.book_id == book.book_id, e.fact_key == key)
        .where(a.code == account.code, a.owner == account.owner, a.asset == account.asset)
        .order_by(p.n, p.line)
    )
    with book.read() as connection:
        return [(n, line) for n, line in connection.execute(query)]


def bundle_lines(book: Book, log_dir: Path, *, first: int = 0, last: int | None = None) -> Iterator[bytes]:
    """The auditor's bundle for the published checkpoint, one line at a time; refuses `log-not-published`.

    The whole bundle is read in one snapshot, so that its last record belongs to its entries. With `first` or `last` it
    opens no others than the entries from, and up to, these; refuses `openings-out-of-range`. One that does not begin
    with entry 0 has no last record: what it leads to is not known.
    """
    published = read_checkpoint(log_dir)
    if published is None:
        raise Refusal("log-not-published", folder=str(log_dir))
    size = published[0].size if last is None else last + 1
    if not 0 <= first < size <= published[0].size:
        raise Refusal("openings-out-of-range", first=first, last=size - 1, size=published[0].size)
    with book.read() as connection:
        checkpoint = _cut(connection, book.book_id, published[0], size)
        part: dict[str, JSON] = {"first": first} if first else {}
        yield _record(_bundle_header(book.book_id, checkpoint) | part)
        openings = Openings(connection, book.book_id, book.keys)
        closed = 0
        for entry in stated_entries(connection, book.book_id, first_n=first, end_n=size):
            yield _record(_entry_record(entry, openings))
            closed += sum(map(openings.is_closed, entry.lines))
        if not first:
            yield _record(_closing_record(connection, book.book_id, size, closed))


def _cut(connection: sa.Connection, book_id: str, checkpoint: Checkpoint, size: int) -> Checkpoint:
    """The head of the log's first `size` entries."""
    if size == checkpoint.size:
        return checkpoint
    frontier = Frontier()
    leaves = scan(connection, tables.entry, book_id, ("leaf",), order=("n",), where="n < ?", values=(size,))
    for (leaf,) in leaves:
        frontier.append(leaf)
    return Checkpoint(checkpoint.origin, size, frontier.root())


def _record(value: JSON) -> bytes:
    return canonical_json(value) + b"\n"


def _bundle_header(book_id: str, checkpoint: Checkpoint) -> dict[str, JSON]:
    return {
        "book": book_id,
        "bundle": BUNDLE_FORMAT,
        "origin": checkpoint.origin,
        "root": b64(checkpoint.root),
        "size": checkpoint.size,
    }


def _entry_record(entry: StatedEntry, openings: Openings) -> JSON:
    """An opening that does not fit what is stored is never handed out as if it did."""
    n = entry.row.n
    if leaf_hash(entry.row.bytes) != entry.row.leaf:
        raise Refusal("row-differs", table="entry", column="leaf", n=n)
    return {"lines": [_line_record(n, line, openings) for line in entry.lines], "n": n}


def _line_record(n: int, line: StatedLine, openings: Openings) -> JSON:
    if openings.is_closed(line):
        return {"commitment": b64(line.commitment)}
    return {"line": dict(line.line), "nonce": b64(openings.nonce(n, line))}


def _closing_record(connection: sa.Connection, book_id: str, size: int, closed: int) -> JSON:
    """Accounts with their limits and what is reserved, assets, closed periods, and the trial balance over the entries
    below `size`; and how many of their lines are closed.
    """
    s, until = tables.asset.c, tables.period.c
    assets = connection.execute(sa.select(s.asset, s.scale).where(s.book_id == book_id, s.opened_n < size))
    periods = sa.select(until.until_on).where(until.book_id == book_id, until.n < size).order_by(until.until_on)
    return {
        "accounts": _accounts(connection, book_id, size),
        "assets": [{"asset": asset, "scale": scale} for asset, scale in sorted(map(tuple, assets))],
        "closed": closed,
        "periods": [day.isoformat() for day in connection.scalars(periods)],
        "trial_balance": _trial_balance(connection, book_id, size),
    }


def _trial_balance(connection: sa.Connection, book_id: str, size: int) -> JSON:
    a, p = tables.account.c, tables.posting.c
    total = sa.cast(sa.func.sum(p.debit - p.credit), sa.BigInteger)
    sums = connection.execute(
        sa.select(a.code, a.owner, a.asset, total)
        .join_from(tables.posting, tables.account, sa.and_(a.book_id == p.book_id, a.account_id == p.account_id))
        .where(p.book_id == book_id, p.n < size, _can_be_opened(book_id))
        .group_by(a.code, a.owner, a.asset)
    )
    return _sorted([_side(*row) for row in sums])


def _accounts(connection: sa.Connection, book_id: str, size: int) -> JSON:
    """Every account with its newest limits below `size`, and what the holds that are open there reserve."""
    a, r, newer = tables.account.c, tables.account_rule.c, tables.account_rule.alias("newer")
    newest = (
        sa.select(sa.func.max(newer.c.version))
        .where(newer.c.book_id == r.book_id, newer.c.account_id == r.account_id, newer.c.from_n < size)
        .scalar_subquery()
    )
    rows = connection.execute(
        sa.select(tables.account, r.minimum, r.maximum, r.version, r.closed)
        .join_from(tables.account, tables.account_rule, sa.and_(r.book_id == a.book_id, r.account_id == a.account_id))
        .where(a.book_id == book_id, a.opened_n < size, r.version == newest, _can_be_opened(book_id))
    )
    held = _held(connection, book_id, size)
    return _sorted([_limits(row, *held.get(row.account_id, (0, 0))) for row in rows])


def _can_be_opened(book_id: str) -> sa.ColumnElement[bool]:
    """Of rows of `account`: those whose lines somebody has the key of."""
    a, k = tables.account.c, tables.subject_key.c
    key = sa.exists().where(k.book_id == book_id, k.owner == a.owner, k.wrapped != DESTROYED)
    return sa.or_(a.personal.is_(False), key)


def _held(connection: sa.Connection, book_id: str, size: int) -> dict[int, tuple[int, int]]:
    """What holds reserve by account, debit and credit: the lines of those open at `size`, less what settled them."""
    line, p, step = tables.hold_line.c, tables.posting.c, tables.hold_step.c
    ended = sa.select(step.hold_n).where(step.book_id == book_id, step.n < size, step.kind != "part").scalar_subquery()
    reserved = sa.select(line.account_id, line.debit, line.credit).where(
        line.book_id == book_id, line.hold_n < size, line.hold_n.not_in(ended)
    )
    settled = (
        sa.select(p.account_id, -p.debit, -p.credit)
        .join_from(tables.posting, tables.hold_step, sa.and_(step.book_id == p.book_id, step.n == p.n))
        .where(p.book_id == book_id, p.n < size, step.hold_n.not_in(ended))
    )
    held: dict[int, tuple[int, int]] = {}
    for account_id, debit, credit in connection.execute(sa.union_all(reserved, settled)):
        debits, credits_ = held.get(account_id, (0, 0))
        held[account_id] = (debits + debit, credits_ + credit)
    return held


def _sorted(rows: list[dict[str, JSON]]) -> JSON:
    return sorted(rows, key=lambda row: (str(row["account"]), str(row["asset"])))


def _limits(row: sa.Row[Any], held_debit: int, held_credit: int) -> dict[str, JSON]:
    limits = {"minimum": row.minimum, "maximum": row.maximum}
    stated: dict[str, JSON] = {"account": str(AccountRef(row.code, row.owner, row.asset)), "asset": row.asset}
    stated |= {name: limit for name, limit in limits.items() if limit is not None}
    if row.version > 1:
        stated["version"] = row.version
    if row.closed:
        stated["closed"] = True
    held = {"held_debit": held_debit, "held_credit": held_credit}
    return stated | {name: amount for name, amount in held.items() if amount}


def _side(code: str, owner: str, asset: str, posted: int) -> dict[str, JSON]:
    account = str(AccountRef(code, owner, asset))
    return {"account": account, "asset": asset, "credit": max(-posted, 0), "debit": max(posted, 0)}
