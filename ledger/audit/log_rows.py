"""The rows of a log export that no entry tells of: those that states attest, and the attested digests themselves.

    {"row": {"of": "party", "told": "{…}"}}

`told` is text: the row's columns but the book as compact JSON in ASCII, in the forms of `ledger.attest`, since rows may
hold what canonical JSON has no form for.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import Any

import sqlalchemy as sa

from ledger.attest import PARTS, key_columns, relations
from ledger.audit.log_fields import Fields
from ledger.errors import Refusal
from ledger.log.encoding import b64, from_b64
from ledger.log.leaf import JSON
from ledger.storage import bulk, tables
from ledger.storage.base import Day, Instant, Json, from_microseconds, metadata
from ledger.storage.scan import scan

_BATCH = 50  # a paper can be large
_told = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def row_records(connection: sa.Connection, book_id: str) -> Iterator[Mapping[str, JSON]]:
    """Every row, what is referred to before what refers to it; the book's own row is told by the first line."""
    for table in _carried().values():
        columns = _columns(table)
        instants = [name for name in columns if isinstance(table.c[name].type, Instant)]
        order = [*instants, *(name for name in key_columns(table) if name not in instants)]
        for row in scan(connection, table, book_id, columns, order=order, where=PARTS.get(table.name, "")):
            told = {name: _plain(value) for name, value in zip(columns, row, strict=True) if value is not None}
            yield {"of": table.name, "told": _told(told)}


def insert_rows(connection: sa.Connection, book_id: str, records: Iterable[Fields]) -> int:
    """Insert the rows of `records`; gives how many they are. Refuses with line and field what is no such row."""
    if connection.dialect.name == "sqlite":  # a row may refer to one of its own table that comes later
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    count, known = 0, _carried()
    rows = (_read(record, known) for record in records)
    while batch := list(islice(rows, _BATCH)):
        count += len(batch)
        for table in dict.fromkeys(table for table, _ in batch):
            values = [row for other, row in batch if other is table]
            bulk.insert_rows(connection, table, book_id, _columns(table), values)
    return count


def _carried() -> Mapping[str, sa.Table]:
    names = set(relations()) - {tables.book.name}
    ordered = [table for table in metadata.sorted_tables if table.name in names]
    return {table.name: table for table in (*ordered, tables.attestation)}


def _columns(table: sa.Table) -> list[str]:
    return [column.name for column in table.columns if column.name != "book_id"]


def _plain(value: object) -> object:
    return b64(value) if isinstance(value, bytes) else value


def _read(record: Fields, known: Mapping[str, sa.Table]) -> tuple[sa.Table, tuple[Any, ...]]:
    name, told = record.text("of"), record.text("told")
    if name not in known:
        record.refuse("log-table-unknown", "of", table=name[:80])
    table = known[name]
    try:
        values = json.loads(told)
        same = isinstance(values, dict) and _told(values) == told and values.keys() <= set(_columns(table))
        row = tuple(_value(table.c[column], values.get(column)) for column in _columns(table)) if same else ()
    except (ValueError, TypeError, RecursionError, Refusal):  # no JSON, no such value, no base64
        row = ()
    if not row:
        record.refuse("field-has-wrong-type", "told", expected=f"row of {name}")
    record.end()
    return table, row


def _value(column: sa.Column[Any], value: Any) -> Any:  # noqa: ANN401 -- whatever the column holds
    """The value as posting would give it; raises `TypeError` or `ValueError` for what the column never holds."""
    if value is None:
        return None
    kind = column.type
    if isinstance(kind, sa.LargeBinary):
        return from_b64(_text(value))
    if isinstance(kind, Json):
        return json.loads(_text(value))
    if isinstance(kind, Day):
        return date.fromisoformat(_text(value))
    if isinstance(kind, sa.Text):
        return _text(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return from_microseconds(value) if isinstance(kind, Instant) else value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
