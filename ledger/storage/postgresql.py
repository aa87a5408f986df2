"""The record's statements on PostgreSQL: one array per column, unnested; many statements in one network turn.

Arrays are written as PostgreSQL's own text form, which costs a third of what the driver's conversion of lists does.
A column that is empty in all rows is an empty array: `unnest` fills the shorter ones with NULL.

The head is locked by a statement of its own before anything is read: what a statement sees was fixed when it began,
so one that locked and read at once would see the balances from before its wait.
"""
# ruff: noqa: S608 -- names come from the metadata, never from a caller

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as dialect

from ledger.storage.changes import Changes, Inserts, Replacement, Updates, Wanted

_DIALECT = dialect.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves its dialects untyped
Rows = Sequence[tuple[Any, ...]]

_PINNED = ("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "enable_material")
# until the end of this transaction, what follows is planned once and reaches its rows by their keys: a plan made while
# a table was small, or had not been analysed yet, would read all of it when it has grown
_PIN = "SELECT " + ", ".join(
    ["set_config('plan_cache_mode', 'force_generic_plan', true)"]
    + [f"set_config('{setting}', 'off', true)" for setting in _PINNED]
)
_HEAD = (
    "SELECT h.next_n, h.next_block, h.next_account, h.last_hash, h.last_booked_at, h.closed_on,"
    " (SELECT d.current_on FROM business_date d WHERE d.book_id = h.book_id),"
    " (SELECT k.wrapped FROM subject_key k WHERE k.book_id = h.book_id AND k.owner = '')"
    " FROM head h WHERE h.book_id = %s FOR UPDATE"
)
# LATERAL with LIMIT pins the order: from each name wanted to its account by index, never through all accounts
_ACCOUNTS = (
    "SELECT a.account_id, w.code, w.owner, w.asset, a.personal, b.posted, b.seq, b.minimum, b.maximum,"
    " b.last_commitment, b.held_debit, b.held_credit, b.closed, b.version, k.wrapped"
    " FROM unnest(%s::text[], %s::text[], %s::text[]) w (code, owner, asset)"
    " CROSS JOIN LATERAL (SELECT * FROM account a WHERE a.book_id = %s AND a.code = w.code AND a.owner = w.owner"
    " AND a.asset = w.asset LIMIT 1) a"
    " CROSS JOIN LATERAL (SELECT * FROM balance b WHERE b.book_id = a.book_id AND b.account_id = a.account_id"
    " LIMIT 1) b"
    " LEFT JOIN LATERAL (SELECT k.wrapped FROM subject_key k WHERE k.book_id = a.book_id AND a.personal"
    " AND k.owner = w.owner LIMIT 1) k ON true"
)
_KNOWN = (
    "SELECT w.key, e.n, e.body_hash FROM unnest(%s::text[]) w (key)"
    " CROSS JOIN LATERAL (SELECT * FROM entry e WHERE e.book_id = %s AND e.fact_key = w.key LIMIT 1) e"
)
_REQUESTS = (
    "SELECT w.key, r.actor, r.body_hash, r.outcome FROM unnest(%s::text[]) w (key)"
    " CROSS JOIN LATERAL (SELECT * FROM request r WHERE r.book_id = %s AND r.key = w.key LIMIT 1) r"
)


def lock_and_read(driver: Any, book_id: str, wanted: Wanted) -> tuple[Rows, Rows, Rows, Rows]:  # noqa: ANN401 -- the driver's
    """The four answers of `ledger.storage.changes.Found`, in one network turn."""
    questions: list[tuple[str, tuple[Any, ...]] | None] = [(_HEAD, (book_id,)), None, None, None]
    if wanted.accounts:
        codes, owners, assets = (_texts(column) for column in zip(*wanted.accounts, strict=True))
        questions[1] = (_ACCOUNTS, (codes, owners, assets, book_id))
    if wanted.fact_keys:
        questions[2] = (_KNOWN, (_texts(wanted.fact_keys), book_id))
    if wanted.request_keys:
        questions[3] = (_REQUESTS, (_texts(wanted.request_keys), book_id))
    with driver.pipeline():
        driver.cursor().execute(_PIN)
        cursors = [None if asked is None else driver.cursor().execute(*asked, binary=True) for asked in questions]
    head, accounts, known, requests = ([] if cursor is None else cursor.fetchall() for cursor in cursors)
    return head, accounts, known, requests


def write(driver: Any, book_id: str, changes: Changes, *, commit: bool) -> None:  # noqa: ANN401 -- the driver's
    """All statements in one network turn; the server works on the first while the next ones are being written.

    A statement that fails takes those behind it along, the commit with them.
    """
    with driver.pipeline():
        for change in changes:
            cursor = driver.cursor()
            if isinstance(change, Replacement):
                replace(cursor, book_id, change)
            elif isinstance(change, Updates):
                update(cursor, book_id, change)
            else:
                insert(cursor, book_id, change, "")
        if commit:
            driver.commit()


def insert(cursor: "psycopg.Cursor[Any]", book_id: str, change: Inserts, conflict: str) -> None:
    """Insert the rows of one table."""
    statement = _insert_statement(change.table, tuple(change.columns), conflict)
    cursor.execute(statement, (book_id, *_arrays(change.table, change.columns, change.rows)))


def update(cursor: "psycopg.Cursor[Any]", book_id: str, change: Updates) -> None:
    """Update rows by their key."""
    statement = _update_statement(change.table, tuple(change.columns))
    cursor.execute(statement, (book_id, *_arrays(change.table, change.columns, change.rows), book_id))


def replace(cursor: "psycopg.Cursor[Any]", book_id: str, change: Replacement) -> None:
    """Update the one row of a table."""
    table, columns = change.table, change.columns
    values = [_bound(table, name, value) for name, value in zip(columns, change.values, strict=True)]
    sets = ", ".join(f"{column} = %s" for column in columns)
    cursor.execute(f"UPDATE {table.name} SET {sets} WHERE book_id = %s", (*values, book_id))


@cache
def _insert_statement(table: sa.Table, columns: tuple[str, ...], conflict: str) -> str:
    names = ", ".join(["book_id", *columns])
    arrays = ", ".join(f"%s::{_type(table, column)}[]" for column in columns)
    return f"INSERT INTO {table.name} ({names}) SELECT %s, u.* FROM unnest({arrays}) u{conflict}"


@cache
def _update_statement(table: sa.Table, columns: tuple[str, ...]) -> str:
    """Each row is found by its key, in a subquery that nothing can be pulled out of, and updated where it was found: a
    plain join would be planned by the size that the table had when the plan was made.
    """
    key = [column.name for column in table.primary_key.columns if column.name in columns]
    sets = ", ".join(f"{column} = w.{column}" for column in columns if column not in key)
    same = " AND ".join(f"k.{column} = u.{column}" for column in key)
    place = f"(SELECT k.ctid FROM {table.name} k WHERE k.book_id = %s AND {same}) AS place"
    arrays = ", ".join(f"%s::{_type(table, column)}[]" for column in columns)
    found = f"SELECT u.*, {place} FROM unnest({arrays}) u ({', '.join(columns)}) OFFSET 0"
    return f"UPDATE {table.name} t SET {sets} FROM ({found}) w WHERE t.ctid = w.place AND t.book_id = %s"


def _bound(table: sa.Table, column: str, value: Any) -> Any:  # noqa: ANN401 -- whatever the column holds
    column_type = table.c[column].type
    return column_type.process_bind_param(value, _DIALECT) if isinstance(column_type, sa.TypeDecorator) else value


def _arrays(table: sa.Table, columns: Sequence[str], rows: Rows) -> list[str]:
    return [_writer(table, name)(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)]


@cache
def _type(table: sa.Table, column: str) -> str:
    return table.c[column].type.compile(_DIALECT)


Writer = Callable[[Sequence[Any]], str]


@cache
def _writer(table: sa.Table, column: str) -> Writer:
    """The function that writes a column's values as an array."""
    column_type = table.c[column].type
    convert = column_type.process_bind_param if isinstance(column_type, sa.TypeDecorator) else None
    write_stored = _WRITERS[_type(table, column)]
    if convert is None:
        return write_stored

    def write_converted(values: Sequence[Any]) -> str:
        if all(value is None for value in values):
            return "{}"
        return write_stored([convert(value, _DIALECT) for value in values])

    return write_converted


def _plain(values: Sequence[Any]) -> str:
    """Numbers, and dates in ISO form: nothing in them needs a quote."""
    if all(value is None for value in values):
        return "{}"
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def _texts(values: Sequence[str | None]) -> str:
    if all(value is None for value in values):
        return "{}"
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _blobs(values: Sequence[bytes | None]) -> str:
    if all(value is None for value in values):
        return "{}"
    return "{" + ",".join(["NULL" if value is None else f'"\\\\x{value.hex()}"' for value in values]) + "}"


_WRITERS: dict[str, Writer] = {
    "BIGINT": _plain, "BOOLEAN": _plain, "BYTEA": _blobs, "DATE": _plain, "INTEGER": _plain, "TEXT": _texts,
}  # fmt: skip
