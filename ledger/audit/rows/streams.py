"""The rows of the record in the order of the entries they belong to, each table read once, side by side."""

from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from ledger.audit.rows.failures import Failures
from ledger.storage import tables
from ledger.storage.scan import Row, scan

ENTRY = (
    "n", "block", "type", "effective_on", "booked_at", "lines", "bytes", "leaf", "details", "reverses",
)  # fmt: skip
STATED = ("header_commitment", "purpose", "fact_key", "body_hash", "evidence", "actor", "approvals")
"""Columns of an entry that only the full level looks at: the header's commitment, and what it alone binds."""
POSTING = (
    "n", "line", "account_id", "seq", "debit", "credit", "balance_after", "effective_on", "commitment", "restates",
)  # fmt: skip
BLOCK = (
    "block", "first_n", "last_n", "entries", "postings", "root", "prev_hash", "hash", "sealed_at", "requests",
)  # fmt: skip

_BESIDE: Mapping[str, tuple[sa.Table, tuple[str, ...], tuple[str, ...]]] = {
    "account": (
        tables.account,
        ("opened_n", "line", "account_id", "code", "owner", "asset", "personal", "commitment"),
        ("opened_n", "line"),
    ),
    "asset": (tables.asset, ("opened_n", "line", "asset", "scale", "commitment"), ("opened_n", "line")),
    "account_rule": (
        tables.account_rule,
        ("from_n", "account_id", "version", "minimum", "maximum", "closed", "commitment"),
        ("from_n", "account_id", "version"),
    ),
    "hold": (tables.hold, ("hold_n", "expires_at"), ("hold_n",)),
    "hold_line": (
        tables.hold_line,
        ("hold_n", "line", "account_id", "debit", "credit", "commitment"),
        ("hold_n", "line"),
    ),
    "hold_step": (tables.hold_step, ("n", "hold_n", "step", "kind"), ("n",)),
    "period": (tables.period, ("n", "until_on", "since_on"), ("n",)),
    "period_balance": (
        tables.period_balance,
        ("n", "account_id", "until_on", "posted"),
        ("n", "account_id", "until_on"),
    ),
    "finding": (tables.finding, ("n", "line", "body", "commitment"), ("n", "line")),
    "request": (
        tables.request,
        ("block", "position", "key", "actor", "body_hash", "outcome", "at"),
        ("block", "position"),
    ),
}


class Beside:
    """Rows of one table that begin with the number they belong to, in that order; each must be taken by its number."""

    def __init__(self, name: str, rows: Iterator[Row], failures: Failures) -> None:
        self._name = name
        self._rows = rows
        self._next: Row | None = next(rows, None)
        self._failures = failures
        self.taken = 0

    def take(self, n: int) -> list[Row]:
        """The rows of number `n`, in order; those of numbers that nobody asked for are wrong."""
        found: list[Row] = []
        row = self._next
        while row is not None and row[0] <= n:
            if row[0] == n:
                found.append(row)
            else:
                self._stray(row)
            row = next(self._rows, None)
        self._next = row
        self.taken += len(found)
        return found

    def one(self, n: int) -> Row | None:
        """The only row of number `n`; another count is wrong."""
        found = self.take(n)
        if len(found) != 1:
            self._failures.differs(self._name, "rows", n=n, rows=len(found), expected=1)
        return found[0] if found else None

    def finish(self) -> None:
        """Nothing may be left."""
        while self._next is not None:
            self._stray(self._next)
            self._next = next(self._rows, None)

    def _stray(self, row: Row) -> None:
        self._failures.differs(self._name, "rows", n=row[0])


class Streams:
    """Every table of the record that goes with the entries, opened once in one snapshot."""

    def __init__(self, connection: sa.Connection, book_id: str, failures: Failures, *, stated: bool) -> None:
        columns = ENTRY + STATED if stated else ENTRY
        self.entries = scan(connection, tables.entry, book_id, columns, order=("n",))
        self.postings = scan(connection, tables.posting, book_id, POSTING, order=("n", "line"))
        self.blocks = scan(connection, tables.block, book_id, BLOCK, order=("block",))
        beside = {
            name: Beside(name, scan(connection, table, book_id, names, order=order, where=_where(name)), failures)
            for name, (table, names, order) in _BESIDE.items()
        }
        self.all = list(beside.values())
        self.account = beside["account"]
        self.asset = beside["asset"]
        self.account_rule = beside["account_rule"]
        self.hold = beside["hold"]
        self.hold_line = beside["hold_line"]
        self.hold_step = beside["hold_step"]
        self.period = beside["period"]
        self.period_balance = beside["period_balance"]
        self.finding = beside["finding"]
        self.request = beside["request"]


def _where(name: str) -> str:
    """What was answered before blocks sealed answers belongs to none; it is attested instead."""
    return "block IS NOT NULL" if name == "request" else ""
