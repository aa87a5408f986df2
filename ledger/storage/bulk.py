"""Set-based statements in the two dialects: many rows in one statement, whatever their number.

PostgreSQL takes one array per column and unnests them; SQLite takes a JSON list or runs one prepared statement over
all rows. Rows are tuples in the order of the named columns, after `book_id`, which is the same for all of them.

The statements are text made from the names of tables and columns in the metadata; every value is a parameter.
"""
# ruff: noqa: S608 -- names come from the metadata, never from a caller

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ledger.accounts import AccountRef
from ledger.storage.base import json_text

_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves its dialects untyped


def insert_rows(
    connection: sa.Connection,
    table: sa.Table,
    book_id: str,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    *,
    ignore_conflicts: bool = False,
) -> None:
    """Insert `rows` in one statement; with `ignore_conflicts`, rows whose key stands already are left out."""
    if not rows:
        return
    names = ", ".join(["book_id", *columns])
    conflict = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * (len(columns) + 1))
        _run_many(
            connection, f"INSERT INTO {table.name} ({names}) VALUES ({marks}){conflict}", table, book_id, columns, rows
        )
        return
    arrays = ", ".join(f"%s::{_array_type(table, column)}[]" for column in columns)
    statement = f"INSERT INTO {table.name} ({names}) SELECT %s, u.* FROM unnest({arrays}) u{conflict}"
    connection.exec_driver_sql(statement, (book_id, *_arrays(connection.dialect, table, columns, rows)))


def update_rows(
    connection: sa.Connection,
    table: sa.Table,
    book_id: str,
    key: str,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Set `columns` of the rows named by `key`; a row is the new values followed by its key."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        sets = ", ".join(f"{column} = ?" for column in columns)
        statement = f"UPDATE {table.name} SET {sets} WHERE book_id = ? AND {key} = ?"
        converted = _arrays(connection.dialect, table, [*columns, key], rows)
        connection.exec_driver_sql(statement, [(*row[:-1], book_id, row[-1]) for row in zip(*converted, strict=True)])
        return
    sets = ", ".join(f"{column} = u.{column}" for column in columns)
    names = [*columns, key]
    arrays = ", ".join(f"%s::{_array_type(table, column)}[]" for column in names)
    statement = (
        f"UPDATE {table.name} t SET {sets} FROM unnest({arrays}) u ({', '.join(names)})"
        f" WHERE t.book_id = %s AND t.{key} = u.{key}"
    )
    connection.exec_driver_sql(statement, (*_arrays(connection.dialect, table, names, rows), book_id))


def among(connection: sa.Connection, column: sa.Column[Any], values: Iterable[Any]) -> sa.ColumnElement[bool]:
    """`column IN values` with one parameter, however many values there are."""
    listed = list(values)
    if connection.dialect.name == "sqlite":
        member = sa.func.json_each(json_text(listed)).table_valued("value")
        return column.in_(sa.select(member.c.value))
    return column == sa.any_(sa.bindparam(None, listed, type_=postgresql.ARRAY(column.type), unique=True))


_FIND_ACCOUNTS = (
    "SELECT a.account_id, a.code, a.owner, a.asset, a.personal,"
    " b.posted, b.seq, b.minimum, b.maximum, b.last_commitment FROM {wanted}"
    " {join} account a ON a.book_id = {mark} AND a.code = {code} AND a.owner = {owner} AND a.asset = {asset}"
    " {join} balance b ON b.book_id = a.book_id AND b.account_id = a.account_id ORDER BY a.account_id"
)


def find_accounts(connection: sa.Connection, book_id: str, refs: Sequence[AccountRef]) -> Sequence[sa.Row[Any]]:
    """The accounts among `refs` that exist, with their balance rows, in the order of their identifiers."""
    if connection.dialect.name == "sqlite":
        parts = {name: f"json_extract(w.value, '$[{i}]')" for i, name in enumerate(("code", "owner", "asset"))}
        # CROSS JOIN pins the order: from each name wanted to its account by index, never through all accounts
        statement = _FIND_ACCOUNTS.format(wanted="json_each(?) w", join="CROSS JOIN", mark="?", **parts)
        wanted = json_text([[ref.code, ref.owner, ref.asset] for ref in refs])
        return connection.exec_driver_sql(statement, (wanted, book_id)).all()
    statement = _FIND_ACCOUNTS.format(
        wanted="unnest(%s::text[], %s::text[], %s::text[]) w (code, owner, asset)",
        join="JOIN",
        mark="%s",
        code="w.code",
        owner="w.owner",
        asset="w.asset",
    )
    columns = [[ref.code for ref in refs], [ref.owner for ref in refs], [ref.asset for ref in refs]]
    return connection.exec_driver_sql(statement, (*columns, book_id)).all()


def _run_many(
    connection: sa.Connection,
    statement: str,
    table: sa.Table,
    book_id: str,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    converted = _arrays(connection.dialect, table, columns, rows)
    connection.exec_driver_sql(statement, [(book_id, *row) for row in zip(*converted, strict=True)])


def _arrays(
    dialect: sa.Dialect, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> list[list[Any]]:
    """The rows turned into columns, each value in the form the driver stores."""
    arrays = []
    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
        convert = _converter(table, column)
        arrays.append([convert(value, dialect) for value in values] if convert else list(values))
    return arrays


@cache
def _converter(table: sa.Table, column: str) -> Callable[[Any, sa.Dialect], Any] | None:
    column_type = table.c[column].type
    return column_type.process_bind_param if isinstance(column_type, sa.TypeDecorator) else None


@cache
def _array_type(table: sa.Table, column: str) -> str:
    return table.c[column].type.compile(_POSTGRESQL)
