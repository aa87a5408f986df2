"""What every table is made of: one `MetaData`, the column types, and the two classes of table.

A *record* table is insert-only: triggers refuse UPDATE, DELETE and TRUNCATE, and it falls under the audit. An
*operational* table (delivery state, session, lease) may change. The key of every table begins with `book_id`, the
tenant and shard key, and no foreign key crosses books.

    type      Python             SQLite (STRICT)   PostgreSQL
    Cents     int                INTEGER           BIGINT
    Instant   aware datetime     INTEGER           BIGINT      microseconds since 1970-01-01T00:00Z
    Day       date               TEXT              DATE        ISO 8601
    Text      str                TEXT              TEXT
    Blob      bytes              BLOB              BYTEA
    Json      JSON value         TEXT              TEXT        compact, keys sorted
    Flag      bool               INTEGER           BOOLEAN
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from typing_extensions import override

from ledger.errors import InvariantError

JSON = str | int | bool | None | Sequence["JSON"] | Mapping[str, "JSON"]

metadata = sa.MetaData()
RECORD_TABLES: set[str] = set()
"""Names of the insert-only tables."""
MUTABLE_RECORD_TABLES = frozenset({"balance", "head"})
"""The two tables of the record that posting updates; no row of them is ever deleted."""

Text = sa.Text
Blob = sa.LargeBinary
Cents = sa.BigInteger
Count = sa.BigInteger
Flag = sa.Boolean

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class Instant(sa.TypeDecorator[datetime]):
    """An aware instant, kept as whole microseconds so that both databases order and return it alike."""

    impl = sa.BigInteger
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else to_microseconds(value)

    @override
    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else from_microseconds(value)


class Day(sa.TypeDecorator[date]):
    """A calendar date: DATE where there is one, ISO text (which sorts alike) in SQLite."""

    impl = sa.Date
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else sa.Date())

    @override
    def process_bind_param(self, value: date | None, dialect: sa.Dialect) -> date | str | None:
        return value.isoformat() if value is not None and dialect.name == "sqlite" else value

    @override
    def process_result_value(self, value: date | str | None, dialect: sa.Dialect) -> date | None:
        return date.fromisoformat(value) if isinstance(value, str) else value


class Json(sa.TypeDecorator[JSON]):
    """A JSON value as text: compact, keys sorted, the same bytes on both databases. SQL NULL is Python's None."""

    impl = sa.Text
    cache_ok = True

    @override
    def process_bind_param(self, value: JSON, dialect: sa.Dialect) -> str | None:
        return None if value is None else json_text(value)

    @override
    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> JSON:
        return None if value is None else _loaded(value)


def record_table(name: str, *columns: sa.schema.SchemaItem, locked: bool = False) -> sa.Table:
    """An insert-only table. Rows that are `locked` by a use case need the right to do so (`ledger.storage.grants`)."""
    RECORD_TABLES.add(name)
    return _table(name, *columns, info={"locked": locked})


def operational_table(
    name: str,
    *columns: sa.schema.SchemaItem,
    swept: bool = False,
    postgresql_with: Mapping[str, int] | None = None,
) -> sa.Table:
    """A table whose rows may change, and go where it is `swept`; `postgresql_with` are its storage parameters there."""
    return _table(name, *columns, info={"swept": swept}, postgresql_with=postgresql_with)


def to_microseconds(instant: datetime) -> int:
    """Whole microseconds since the epoch; a naive instant is a defect."""
    if instant.tzinfo is None:
        raise InvariantError("an instant without a time zone")
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """The instant in UTC."""
    return _EPOCH + value * _MICROSECOND


def json_text(value: JSON) -> str:
    """The one text of a JSON value."""
    return _encoder.encode(value)


def _loaded(text: str) -> JSON:
    value: JSON = json.loads(text)
    return value


def _table(
    name: str,
    *columns: sa.schema.SchemaItem,
    info: dict[str, bool],
    postgresql_with: Mapping[str, int] | None = None,
) -> sa.Table:
    storage = postgresql_with or {}
    table = sa.Table(name, metadata, *columns, sqlite_strict=True, info=info, postgresql_with=storage)
    if next(iter(table.primary_key.columns)).name != "book_id":
        raise InvariantError(f"the key of table {name} does not begin with book_id")
    return table


# SQLite's STRICT tables know INTEGER, TEXT and BLOB only; these keep the usual SQLAlchemy types usable in them.


@compiles(sa.BigInteger, "sqlite")
@compiles(sa.SmallInteger, "sqlite")
@compiles(sa.Boolean, "sqlite")
def _integer(_element: sa.types.TypeEngine[Any], _compiler: object, **_options: object) -> str:
    return "INTEGER"


@compiles(sa.String, "sqlite")
def _text(_element: sa.types.TypeEngine[Any], _compiler: object, **_options: object) -> str:
    return "TEXT"
