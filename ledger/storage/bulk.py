"""Set-based statements behind one interface, in two dialects: many rows in one statement, whatever their number.

`ledger.storage.postgresql` and `ledger.storage.sqlite` hold the differences. Statements run on the driver's own
connection, inside the database transaction that SQLAlchemy has begun: the layer between costs more than a small
statement does. Rows are tuples in the order of the named columns, after `book_id`, which is the same for all of them.

The statements are text made from the names of tables and columns in the metadata; every value is a parameter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from ledger.storage import postgresql, sqlite
from ledger.storage.base import json_text
from ledger.storage.changes import Changes, Found, Inserts, Replacement, Wanted


def lock_and_read(connection: sa.Connection, book_id: str, wanted: Wanted) -> Found:
    """Lock the book's head, then read what the batch names: on PostgreSQL in one network turn."""
    with _driver_errors(connection):
        return Found(*_dialect(connection).lock_and_read(_driver(connection), book_id, wanted))


def write(connection: sa.Connection, book_id: str, changes: Changes, *, commit: bool = False) -> None:
    """Run the statements in order: on PostgreSQL in one network turn, into which `commit` takes the commit as well."""
    with _driver_errors(connection):
        filled = [c for c in changes if isinstance(c, Replacement) or c.rows]
        _dialect(connection).write(_driver(connection), book_id, filled, commit=commit)


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
    if rows:
        conflict = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
        with _driver_errors(connection):
            change = Inserts(table, columns, rows)
            _dialect(connection).insert(_driver(connection).cursor(), book_id, change, conflict)


def among(connection: sa.Connection, column: sa.Column[Any], values: Iterable[Any]) -> sa.ColumnElement[bool]:
    """`column IN values` with one parameter, however many values there are."""
    if connection.dialect.name == "sqlite":  # text: a table-valued function takes longer to build than to read
        given: sa.BindParameter[str] = sa.bindparam("listed", json_text(list(values)), unique=True)
        return column.in_(sa.text("SELECT value FROM json_each(:listed)").bindparams(given))
    return column == sa.any_(sa.bindparam(None, list(values), type_=pg.ARRAY(column.type), unique=True))


def listed(connection: sa.Connection, column: sa.Column[Any], values: Iterable[Any]) -> sa.TableValuedAlias:
    """Values of a column as rows (`value`) to select from, with one parameter, however many there are."""
    if connection.dialect.name == "sqlite":
        return sa.func.json_each(json_text(list(values))).table_valued("value")
    given = sa.bindparam(None, list(values), type_=pg.ARRAY(column.type), unique=True)
    return sa.func.unnest(given).table_valued(sa.column("value", column.type)).render_derived()


_DIALECTS: Mapping[str, ModuleType] = {"postgresql": postgresql, "sqlite": sqlite}


def _dialect(connection: sa.Connection) -> ModuleType:
    return _DIALECTS[connection.dialect.name]


def _driver(connection: sa.Connection) -> Any:  # noqa: ANN401 -- one of two drivers' connections
    return connection.connection.driver_connection


@contextmanager
def _driver_errors(connection: sa.Connection) -> Iterator[None]:
    """What the driver raises comes out as SQLAlchemy's own errors, like everywhere else."""
    driver = connection.dialect.loaded_dbapi
    try:
        yield
    except driver.Error as error:
        raise sa.exc.DBAPIError.instance(None, None, error, driver.Error, dialect=connection.dialect) from error
