"""The record's statements on SQLite: one prepared statement over all rows, lists as JSON.

BEGIN IMMEDIATE, with which every write begins, is the lock on the head.
"""
# ruff: noqa: S608 -- names come from the metadata, never from a caller

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite as dialect

from ledger.storage.base import json_text
from ledger.storage.changes import Changes, Inserts, Replacement, Updates, Wanted

_DIALECT = dialect.dialect()
Rows = Sequence[tuple[Any, ...]]

_HEAD = (
    "SELECT h.next_n, h.next_block, h.next_account, h.last_hash, h.last_booked_at, h.closed_on,"
    " (SELECT d.current_on FROM business_date d WHERE d.book_id = h.book_id), k.wrapped FROM head h"
    " LEFT JOIN subject_key k ON k.book_id = h.book_id AND k.owner = '' WHERE h.book_id = ?"
)
# CROSS JOIN pins the order: from each name wanted to its account by index, never through all accounts
_ACCOUNTS = (
    "SELECT a.account_id, a.code, a.owner, a.asset, a.personal, b.posted, b.seq, b.minimum, b.maximum,"
    " b.last_commitment, b.held_debit, b.held_credit, b.closed, b.version, k.wrapped FROM json_each(?1) w"
    " CROSS JOIN account a ON a.book_id = ?2 AND a.code = json_extract(w.value, '$[0]')"
    " AND a.owner = json_extract(w.value, '$[1]') AND a.asset = json_extract(w.value, '$[2]')"
    " CROSS JOIN balance b ON b.book_id = a.book_id AND b.account_id = a.account_id"
    " LEFT JOIN subject_key k ON k.book_id = a.book_id AND a.personal AND k.owner = a.owner"
)
_KNOWN = (
    "SELECT e.fact_key, e.n, e.body_hash FROM json_each(?1) w"
    " CROSS JOIN entry e ON e.book_id = ?2 AND e.fact_key = w.value"
)
_REQUESTS = (
    "SELECT r.key, r.actor, r.body_hash, r.outcome FROM json_each(?1) w"
    " CROSS JOIN request r ON r.book_id = ?2 AND r.key = w.value"
)


def lock_and_read(driver: sqlite3.Connection, book_id: str, wanted: Wanted) -> tuple[Rows, Rows, Rows, Rows]:
    """The four answers of `ledger.storage.changes.Found`."""

    def read(statement: str, values: Sequence[object]) -> Rows:
        return driver.execute(statement, (json_text(list(values)), book_id)).fetchall() if values else []  # type: ignore[arg-type]  # lists of texts

    head = driver.execute(_HEAD, (book_id,)).fetchall()
    accounts = read(_ACCOUNTS, wanted.accounts)
    return head, accounts, read(_KNOWN, wanted.fact_keys), read(_REQUESTS, wanted.request_keys)


def write(
    driver: sqlite3.Connection,
    book_id: str,
    changes: Changes,
    *,
    commit: bool,  # noqa: ARG001 -- as on PostgreSQL
) -> None:
    """Each statement over its rows. A commit is no network turn here: it is left to whoever began."""
    cursor = driver.cursor()
    for change in changes:
        if isinstance(change, Replacement):
            replace(cursor, book_id, change)
        elif isinstance(change, Updates):
            update(cursor, book_id, change)
        else:
            insert(cursor, book_id, change, "")


def insert(cursor: sqlite3.Cursor, book_id: str, change: Inserts, conflict: str) -> None:
    """Insert the rows of one table."""
    statement = _insert_statement(change.table, tuple(change.columns), conflict)
    cursor.executemany(statement, _bound(book_id, change.table, change.columns, change.rows))


def update(cursor: sqlite3.Cursor, book_id: str, change: Updates) -> None:
    """Update rows by their key."""
    key = [column.name for column in change.table.primary_key.columns if column.name in change.columns]
    rest = [column for column in change.columns if column not in key]
    sets, where = ", ".join(f"{column} = ?" for column in rest), " AND ".join(f"{column} = ?" for column in key)
    place = [list(change.columns).index(column) for column in (*rest, *key)]
    rows = [(*(row[i] for i in place), book_id) for row in _converted(change.table, change.columns, change.rows)]
    cursor.executemany(f"UPDATE {change.table.name} SET {sets} WHERE {where} AND book_id = ?", rows)


def replace(cursor: sqlite3.Cursor, book_id: str, change: Replacement) -> None:
    """Update the one row of a table."""
    [row] = _converted(change.table, change.columns, [tuple(change.values)])
    sets = ", ".join(f"{column} = ?" for column in change.columns)
    cursor.execute(f"UPDATE {change.table.name} SET {sets} WHERE book_id = ?", (*row, book_id))


@cache
def _insert_statement(table: sa.Table, columns: tuple[str, ...], conflict: str) -> str:
    marks = ", ".join("?" * (len(columns) + 1))
    return f"INSERT INTO {table.name} (book_id, {', '.join(columns)}) VALUES ({marks}){conflict}"


def _bound(book_id: str, table: sa.Table, columns: Sequence[str], rows: Rows) -> Iterable[tuple[Any, ...]]:
    return [(book_id, *row) for row in _converted(table, columns, rows)]


def _converted(table: sa.Table, columns: Sequence[str], rows: Rows) -> Iterable[Sequence[Any]]:
    """The rows with each value in the form the driver stores; columns that are stored as they are cost nothing."""
    convert = {i: c for i, name in enumerate(columns) if (c := _converter(table, name)) is not None}
    if not convert:
        return rows
    transposed: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for i, function in convert.items():
        values = transposed[i]
        if any(value is not None for value in values):
            transposed[i] = [function(value, _DIALECT) for value in values]
    return zip(*transposed, strict=True)


@cache
def _converter(table: sa.Table, column: str) -> Callable[[Any, sa.Dialect], Any] | None:
    column_type = table.c[column].type
    return column_type.process_bind_param if isinstance(column_type, sa.TypeDecorator) else None
