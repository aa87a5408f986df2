"""Entries with their lines, as the rows state them: what commitments are recomputed from and openings are made of."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.lines import BOOK_KEY, account_line, asset_line, header_line, hold_line, posting_line, rule_line
from ledger.log.leaf import JSON, commit_line, nonce
from ledger.storage import tables
from ledger.storage.keys import KeyRing

CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class StatedLine:
    """One line: whose key hides it, what it says, the commitment that is stored for it, and the row it comes from."""

    index: int
    owner: str
    line: Mapping[str, JSON]
    commitment: bytes
    row: sa.Row[Any]


@dataclass(frozen=True, slots=True)
class StatedEntry:
    """A row of `entry` with its lines in order; the genesis entry has none."""

    row: sa.Row[Any]
    lines: Sequence[StatedLine]


class Openings:
    """Nonces and commitments of one book's lines, with the keys fetched once."""

    def __init__(self, connection: sa.Connection, book_id: str, keys: KeyRing) -> None:
        self._connection = connection
        self._book_id = book_id
        self._keys = keys
        self._found: dict[str, bytes | None] = {}

    def nonce(self, n: int, line: StatedLine) -> bytes:
        """The nonce of a line; refuses `subject-key-destroyed` where its owner was erased."""
        key = self._key(line.owner)
        if key is None:
            raise Refusal("subject-key-destroyed", owner=line.owner)
        return nonce(key, self._book_id, n, line.index)

    def is_closed(self, line: StatedLine) -> bool:
        """Whether nobody can open the line any more."""
        return self._key(line.owner) is None

    def commitment(self, n: int, line: StatedLine) -> bytes:
        """The commitment that the rows lead to."""
        return commit_line(self.nonce(n, line), line.line)

    def _key(self, owner: str) -> bytes | None:
        if owner not in self._found:
            self._found[owner] = self._keys.existing_key(self._connection, owner)
        return self._found[owner]


def stated_entries(
    connection: sa.Connection, book_id: str, *, first_n: int = 0, end_n: int | None = None
) -> Iterator[StatedEntry]:
    """The entries from `first_n` up to, not including, `end_n`, read in chunks: memory does not grow with the book."""
    e = tables.entry.c
    while end_n is None or first_n < end_n:
        until = first_n + CHUNK if end_n is None else min(first_n + CHUNK, end_n)
        where = (e.book_id == book_id, e.n >= first_n, e.n < until)
        rows = connection.execute(sa.select(tables.entry).where(*where).order_by(e.n)).all()
        if not rows:
            return
        lines = _lines(connection, book_id, rows[0].n, rows[-1].n)
        for row in rows:
            header = [_header(row)] if row.header_commitment is not None else []
            yield StatedEntry(row, [*header, *sorted(lines[row.n], key=lambda line: line.index)])
        first_n = rows[-1].n + 1


def _header(row: sa.Row[Any]) -> StatedLine:
    line = header_line(
        actor=row.actor,
        at=row.booked_at,
        key=row.fact_key,
        on=row.effective_on,
        purpose=row.purpose,
        evidence=row.evidence.hex() if row.evidence is not None else None,
        reverses=row.reverses,
        approvals=row.approvals or (),
        details=row.details,
    )
    return StatedLine(0, BOOK_KEY, line, row.header_commitment, row)


def _lines(connection: sa.Connection, book_id: str, first_n: int, last_n: int) -> dict[int, list[StatedLine]]:
    lines: dict[int, list[StatedLine]] = defaultdict(list)
    for row in connection.execute(_postings(book_id, first_n, last_n)):
        chain = {"seq": row.seq, "prev": row.prev} if row.personal else {"seq": None, "prev": None}
        line = posting_line(AccountRef(row.code, row.owner, row.asset), row.debit, row.credit, **chain)
        lines[row.n].append(StatedLine(row.line, row.owner if row.personal else BOOK_KEY, line, row.commitment, row))
    for row in connection.execute(_opened_assets(book_id, first_n, last_n)):
        lines[row.n].append(StatedLine(row.line, BOOK_KEY, asset_line(row.asset, row.scale), row.commitment, row))
    for row in connection.execute(_opened_accounts(book_id, first_n, last_n)):
        line = account_line(AccountRef(row.code, row.owner, row.asset), row.minimum, row.maximum)
        lines[row.n].append(StatedLine(row.line, row.owner if row.personal else BOOK_KEY, line, row.commitment, row))
    for row in connection.execute(_holds(book_id, first_n, last_n)):
        line = hold_line(AccountRef(row.code, row.owner, row.asset), row.debit, row.credit)
        lines[row.n].append(StatedLine(row.line, row.owner if row.personal else BOOK_KEY, line, row.commitment, row))
    for row in connection.execute(_rules(book_id, first_n, last_n)):
        limits = (row.version, row.minimum, row.maximum)
        line = rule_line(AccountRef(row.code, row.owner, row.asset), *limits, closed=bool(row.closed))
        lines[row.n].append(StatedLine(1, row.owner if row.personal else BOOK_KEY, line, row.commitment, row))
    for row in connection.execute(_findings(book_id, first_n, last_n)):
        lines[row.n].append(StatedLine(row.line, BOOK_KEY, row.body, row.commitment, row))
    return lines


def _postings(book_id: str, first_n: int, last_n: int) -> sa.Select[Any]:
    p, a, before = tables.posting.c, tables.account.c, tables.posting.alias("before")
    return (
        sa.select(tables.posting, a.code, a.owner, a.asset, a.personal, before.c.commitment.label("prev"))
        .join_from(tables.posting, tables.account, sa.and_(a.book_id == p.book_id, a.account_id == p.account_id))
        .outerjoin(
            before,
            sa.and_(before.c.book_id == p.book_id, before.c.account_id == p.account_id, before.c.seq == p.seq - 1),
        )
        .where(p.book_id == book_id, p.n >= first_n, p.n <= last_n)
    )


def _holds(book_id: str, first_n: int, last_n: int) -> sa.Select[Any]:
    h, a = tables.hold_line.c, tables.account.c
    return (
        sa.select(tables.hold_line, h.hold_n.label("n"), a.code, a.owner, a.asset, a.personal)
        .join_from(tables.hold_line, tables.account, sa.and_(a.book_id == h.book_id, a.account_id == h.account_id))
        .where(h.book_id == book_id, h.hold_n >= first_n, h.hold_n <= last_n)
    )


def _rules(book_id: str, first_n: int, last_n: int) -> sa.Select[Any]:
    r, a = tables.account_rule.c, tables.account.c
    return (
        sa.select(tables.account_rule, r.from_n.label("n"), a.code, a.owner, a.asset, a.personal)
        .join_from(tables.account_rule, tables.account, sa.and_(a.book_id == r.book_id, a.account_id == r.account_id))
        .where(r.book_id == book_id, r.version > 1, r.from_n >= first_n, r.from_n <= last_n)
    )


def _findings(book_id: str, first_n: int, last_n: int) -> sa.Select[Any]:
    f = tables.finding.c
    return sa.select(tables.finding).where(f.book_id == book_id, f.n >= first_n, f.n <= last_n)


def _opened_assets(book_id: str, first_n: int, last_n: int) -> sa.Select[Any]:
    a = tables.asset.c
    columns = (a.asset, a.scale, a.opened_n.label("n"), a.line, a.commitment)
    opened = (a.opened_n >= first_n, a.opened_n <= last_n, a.line.is_not(None))
    return sa.select(*columns).where(a.book_id == book_id, *opened)


def _opened_accounts(book_id: str, first_n: int, last_n: int) -> sa.Select[Any]:
    a, r = tables.account.c, tables.account_rule.c
    columns = (a.account_id, a.code, a.owner, a.asset, a.personal, a.opened_n.label("n"), a.line, a.commitment)
    first_rule = sa.and_(r.book_id == a.book_id, r.account_id == a.account_id, r.version == 1)
    return (
        sa.select(*columns, r.minimum, r.maximum)
        .outerjoin_from(tables.account, tables.account_rule, first_rule)
        .where(a.book_id == book_id, a.opened_n >= first_n, a.opened_n <= last_n)
    )
