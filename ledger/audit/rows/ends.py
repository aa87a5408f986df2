"""What the two tables that change must equal at the end, and what holds over all entries at once."""

import hashlib
import json

import sqlalchemy as sa

from ledger.audit.rows.failures import Failures
from ledger.audit.rows.walk import Walk
from ledger.storage import tables
from ledger.storage.base import json_text
from ledger.storage.scan import fetch, scan

_BALANCE = (
    "account_id", "posted", "seq", "minimum", "maximum", "last_commitment", "held_debit", "held_credit", "closed",
    "version",
)  # fmt: skip
_HEAD = ("next_n", "next_block", "next_account", "last_hash", "last_booked_at", "closed_on")
_REPEATED = (
    "SELECT {column} FROM entry WHERE book_id = ? AND {column} IS NOT NULL"
    " GROUP BY {column} HAVING count(*) > 1 LIMIT 5"
)
_APPROVAL = (
    "SELECT a.action, a.body, a.body_hash, a.requested_by, a.requested_at, a.expires_at, g.approver, g.given_at"
    " FROM approval_request a JOIN approval_given g ON g.book_id = a.book_id AND g.approval_id = a.approval_id"
    " WHERE a.book_id = ? AND a.approval_id = ?"
)


def check_head(connection: sa.Connection, book_id: str, walk: Walk, failures: Failures) -> None:
    """The head stands right after the last block."""
    rows = list(scan(connection, tables.head, book_id, _HEAD))
    expected = (
        walk.size, walk.blocks, len(walk.accounts.refs) + 1, walk.last_hash, walk.sealed_at, walk.periods.closed_on,
    )  # fmt: skip
    if len(rows) != 1:
        failures.differs("head", "rows", rows=len(rows), expected=1)
        return
    for column, stored, value in zip(_HEAD, rows[0], expected, strict=True):
        if stored != value:
            failures.differs("head", column, book=book_id)


def check_balances(connection: sa.Connection, book_id: str, walk: Walk, failures: Failures) -> None:
    """Each account's balance row is what its postings, limits and holds lead to."""
    accounts, expected_id = walk.accounts, 0
    for row in scan(connection, tables.balance, book_id, _BALANCE, order=("account_id",)):
        expected_id += 1
        if row[0] != expected_id or expected_id not in accounts.refs:
            failures.differs("balance", "account_id", account=str(row[0]))
            return
        derived = (
            expected_id, accounts.posted[expected_id], accounts.seqs[expected_id], *accounts.limits[expected_id],
            accounts.last[expected_id], accounts.held_debit[expected_id], accounts.held_credit[expected_id],
            int(accounts.closed[expected_id]), accounts.versions[expected_id],
        )  # fmt: skip
        if row != derived:
            column = next(name for name, a, b in zip(_BALANCE, row, derived, strict=True) if a != b)
            failures.differs("balance", column, account=str(accounts.refs[expected_id]))
    if expected_id != len(accounts.refs):
        failures.differs("balance", "rows", rows=expected_id, expected=len(accounts.refs))


def check_keys(connection: sa.Connection, book_id: str, failures: Failures) -> None:
    """A fact key is posted once, and an entry reversed once, whatever the database's own constraints say."""
    for column in ("fact_key", "reverses"):
        for (value,) in fetch(connection, _REPEATED.format(column=column), (book_id,)):
            failures.differs("entry", column, value=str(value))


def check_approvals(connection: sa.Connection, book_id: str, walk: Walk, failures: Failures) -> None:
    """Each approval that an entry rests on was asked for with this body, and given in time by somebody else."""
    approvals = walk.stated.approvals if walk.stated is not None else ()
    for approval_id in sorted(approvals):
        rows = fetch(connection, _APPROVAL, (book_id, approval_id))
        if len(rows) != 1:
            failures.differs("approval_given", "approver", approval=approval_id)
            continue
        action, body, body_hash, requested_by, requested_at, expires_at, approver, given_at = rows[0]
        if approver == requested_by or not requested_at <= given_at < expires_at:
            failures.differs("approval_given", "approver", approval=approval_id)
        elif hashlib.sha256(json_text([action, json.loads(body)]).encode()).digest() != body_hash:
            failures.differs("approval_request", "body_hash", approval=approval_id)
