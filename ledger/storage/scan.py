"""Raw rows for whoever reads whole tables: the driver's own values, the same on both databases, in flat memory.

A day is ISO text, an instant microseconds, a flag 0 or 1, JSON its text; nothing is made of a row but the tuple that
the driver gives. Text is ordered by its bytes, whatever the database's collation. On PostgreSQL rows come through a
cursor on the server, page by page.
"""
# ruff: noqa: S608 -- the names come from the metadata, never from a caller

import itertools
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from ledger.storage.base import Day

PAGE = 2_000
Row = tuple[Any, ...]
_names = itertools.count()


def scan(
    connection: sa.Connection,
    table: sa.Table,
    book_id: str,
    columns: Sequence[str],
    *,
    order: Sequence[str] = (),
    where: str = "",
    values: Sequence[object] = (),
) -> Iterator[Row]:
    """The named columns of the book's rows of `table`, one tuple a row.

    `where` is SQL over the table's columns that goes after the book's filter, with `?` for each of `values`.
    """
    dialect = connection.dialect.name
    statement = _statement(dialect, table, tuple(columns), tuple(order), where)
    driver: Any = connection.connection.driver_connection
    if dialect == "sqlite":
        rows: Iterator[Row] = driver.execute(statement, (book_id, *values))
        return rows
    return _paged(driver, statement, (book_id, *values))


def fetch(connection: sa.Connection, statement: str, values: Sequence[object]) -> list[Row]:
    """The few rows of a statement of one's own, with `?` for each of `values`."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        statement = statement.replace("?", "%s")
    rows: list[Row] = driver.execute(statement, tuple(values)).fetchall()
    return rows


def driver_error(connection: sa.Connection) -> type[Exception]:
    """What the driver raises for values and statements that it can't handle."""
    error: type[Exception] = connection.dialect.loaded_dbapi.Error
    return error


@cache
def _statement(dialect: str, table: sa.Table, columns: tuple[str, ...], order: tuple[str, ...], where: str) -> str:
    selected = ", ".join(_shown(dialect, table.c[name]) for name in columns)
    ordered = ", ".join(_ordered(dialect, table.c[name]) for name in order)
    text = f"SELECT {selected} FROM {table.name} WHERE book_id = ?"
    text += f" AND {where}" if where else ""
    text += f" ORDER BY {ordered}" if ordered else ""
    return text.replace("?", "%s") if dialect == "postgresql" else text


def _shown(dialect: str, column: sa.Column[Any]) -> str:
    if dialect == "postgresql" and isinstance(column.type, Day):
        return f"to_char({column.name}, 'YYYY-MM-DD')"
    if dialect == "postgresql" and isinstance(column.type, sa.Boolean):
        return f"{column.name}::int"
    return f'"{column.name}"'


def _ordered(dialect: str, column: sa.Column[Any]) -> str:
    name = f'"{column.name}"'
    is_text = isinstance(column.type, sa.Text) and not isinstance(column.type, Day)
    return f'{name} COLLATE "C"' if dialect == "postgresql" and is_text else name


def _paged(driver: Any, statement: str, values: Sequence[object]) -> Iterator[Row]:  # noqa: ANN401 -- psycopg's own
    with driver.cursor(name=f"bxl_scan_{next(_names)}") as cursor:
        cursor.execute(statement, values, binary=True)
        while page := cursor.fetchmany(PAGE):
            yield from page
