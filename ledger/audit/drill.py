"""The tamper drill: a copy of the book, altered in every way that SQL can alter a row, audited after each.

The copy is a fresh SQLite file with the tables of the metadata and nothing that protects them: no triggers, no keys, no
checks, as somebody with the file in hand would have it. It is attested, so that everything in it is under a hash. Then
each alteration is made, audited and taken back:

    column   every column of every record table, of `balance` and of `head`: no value where there was one, a value
             where there was none, another plausible value
    pair     two columns of one row at once, all pairs; and a seeded sample of pairs across tables
    row      deleted, doubled, exchanged with another, and the last block with all that is in it cut off

What no row could try is said. A column that the audit does not see must be declared in `NOT_COVERED` with its reason.
"""
# ruff: noqa: S608 -- the names come from the metadata, never from a caller

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from typing_extensions import override

from ledger.attest import attest, key_columns
from ledger.audit.rows import audit_rows
from ledger.book import Book
from ledger.errors import Refusal
from ledger.storage.base import MUTABLE_RECORD_TABLES, RECORD_TABLES, Blob, Day, Instant, Json, metadata
from ledger.storage.engine import open_engine
from ledger.storage.scan import Row, scan

NOT_COVERED: Mapping[tuple[str, str], str] = {}
"""Columns of the record that the audit does not see, with the reason of each."""
OUTSIDE: Sequence[str] = ("checkpoint",)
"""Tables that are not copied: signed checkpoints stand in the published log, against which `bxl audit` holds them."""
COLUMN, PAIR, ACROSS, DELETED, DOUBLED, EXCHANGED, CUT_OFF = (
    "column", "pair", "pair across tables", "row deleted", "row doubled", "rows exchanged", "tail cut off",
)  # fmt: skip
_PAGE = 1_000
_INTEGER = (sa.BigInteger, sa.Boolean, Instant)


@dataclass(frozen=True, slots=True)
class Alteration:
    """One thing that is done to the copy: statements with their values."""

    kind: str
    table: str
    columns: tuple[str, ...]
    statements: Sequence[tuple[str, Sequence[Any]]]


@dataclass(slots=True)
class DrillReport:
    """What was tried and what of it the audit found."""

    seed: int
    tried: Counter[tuple[str, str]] = field(default_factory=Counter)  # by table and kind
    detected: Counter[tuple[str, str]] = field(default_factory=Counter)
    columns: dict[str, set[str]] = field(default_factory=dict)  # tried, by table
    missed: list[Alteration] = field(default_factory=list)
    not_tried: list[str] = field(default_factory=list)  # table.column

    @property
    def undeclared(self) -> list[Alteration]:
        """What was missed though every column in it counts as covered."""
        return [a for a in self.missed if not any(self._is_declared(a.table, name) for name in a.columns)]

    @staticmethod
    def _is_declared(table: str, name: str) -> bool:
        one, _, two = name.rpartition(".")  # of a pair across tables, each name has its table
        return (one or table, two) in NOT_COVERED

    @property
    def is_complete(self) -> bool:
        """Whether everything that was tried was found."""
        return not self.undeclared

    def share(self) -> str:
        """The share detected of all that was altered, to a hundredth of a percent, rounded down."""
        tried, found = sum(self.tried.values()), sum(self.detected.values())
        hundredths = found * 10_000 // tried if tried else 0
        return f"{hundredths // 100}.{hundredths % 100:02d} %"


@dataclass(frozen=True)
class _CopiedBook(Book):
    """The copy as the audit sees it while it is altered."""

    connection: sa.Connection | None = None

    @override
    def read(self) -> AbstractContextManager[sa.Connection]:
        assert self.connection is not None
        return nullcontext(self.connection)


def drill(
    book: Book, file: Path, *, pairs: int, seed: int, within: bool = True, note: Callable[[str], None] = lambda _: None
) -> DrillReport:
    """Run the drill on a copy of `book` in the new SQLite `file`; `pairs` is the number of pairs across tables.

    Without `within`, pairs of columns of one row are left out. `note` is told each table as it begins. Refuses what the
    audit finds wrong with the copy before anything is altered.
    """
    engine = copy_book(book, file)
    try:
        copy = Book(engine, book.book_id, book.clock, book.keys, book.late_refused)
        with copy.unit_of_work(actor="drill") as unit:
            attest(unit, key=f"drill:{seed}")
        with copy.unit_of_work(actor="drill") as unit:  # nothing is posted in it, and every alteration is taken back
            return _run(_CopiedBook(**vars(copy), connection=unit.connection), pairs, seed, note, within=within)
    finally:
        engine.dispose()


def copy_book(book: Book, file: Path) -> sa.Engine:
    """The book's rows in a new SQLite file, in tables without keys, checks and triggers."""
    engine = open_engine(f"sqlite:///{file}")
    copy = Book(engine, book.book_id, book.clock, book.keys)
    with book.read() as source, copy.unit_of_work(actor="drill") as unit:
        for table in metadata.sorted_tables:
            _make_table(unit.connection, table)
            if table.name not in OUTSIDE:
                _copy_rows(source, unit.connection, table, book.book_id)
    return engine


def targets() -> list[sa.Table]:
    """The tables that are altered, in order."""
    return [metadata.tables[name] for name in sorted(RECORD_TABLES | MUTABLE_RECORD_TABLES)]


def operational() -> list[str]:
    """The tables that are not, because their rows may change."""
    return sorted(metadata.tables.keys() - RECORD_TABLES - MUTABLE_RECORD_TABLES)


def _make_table(connection: sa.Connection, table: sa.Table) -> None:
    dialect = sqlite.dialect()
    columns = ", ".join(f'"{column.name}" {column.type.compile(dialect=dialect)}' for column in table.columns)
    connection.exec_driver_sql(f"CREATE TABLE {table.name} ({columns})")
    keys = [[column.name for column in index.columns] for index in table.indexes]
    for i, names in enumerate([[column.name for column in table.primary_key.columns], *keys]):
        named = ", ".join(f'"{name}"' for name in names)
        connection.exec_driver_sql(f"CREATE INDEX {table.name}_{i} ON {table.name} ({named})")


def _copy_rows(source: sa.Connection, copy: sa.Connection, table: sa.Table, book_id: str) -> None:
    names = [column.name for column in table.columns]
    order = [column.name for column in table.primary_key.columns]
    statement = f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(names))})"
    rows = scan(source, table, book_id, names, order=order)
    while page := list(itertools.islice(rows, _PAGE)):
        _driver(copy).executemany(statement, page)


def _run(book: _CopiedBook, pairs: int, seed: int, note: Callable[[str], None], *, within: bool) -> DrillReport:
    assert book.connection is not None
    report, chance = DrillReport(seed), random.Random(seed)  # noqa: S311 -- a sample that can be drawn again
    baseline = audit_rows(book).failure
    if baseline is not None:
        raise Refusal(baseline.code or "row-differs", **baseline.facts)
    tables = {table.name: _Rows(book.connection, table) for table in targets()}
    for rows in tables.values():
        note(rows.table.name)
        report.not_tried += [f"{rows.table.name}.{name}" for name in rows.names if not rows.rows]
        for alteration in rows.alterations(within=within):
            _try(book, alteration, report)
    note(ACROSS)
    for alteration in _across(list(tables.values()), pairs, chance):
        _try(book, alteration, report)
    _try(book, _tail(tables), report)
    return report


def _try(book: _CopiedBook, alteration: Alteration, report: DrillReport) -> None:
    assert book.connection is not None
    driver, named = _driver(book.connection), (alteration.table, alteration.kind)
    with _taken_back(driver):
        for statement, values in alteration.statements:
            driver.execute(statement, values)
        found = audit_rows(book, max_failures=1).failure is not None
    report.tried[named] += 1
    if found:
        report.detected[named] += 1
    else:
        report.missed.append(alteration)
    if alteration.kind == COLUMN:
        report.columns.setdefault(alteration.table, set()).update(alteration.columns)


@contextmanager
def _taken_back(driver: Any) -> Iterator[None]:  # noqa: ANN401 -- the driver's own
    driver.execute("SAVEPOINT drill")
    try:
        yield
    finally:
        driver.execute("ROLLBACK TO drill")
        driver.execute("RELEASE drill")


class _Rows:
    """The rows of one table of the copy, and what can be done to them."""

    def __init__(self, connection: sa.Connection, table: sa.Table) -> None:
        self.table = table
        self.names = [column.name for column in table.columns]
        selected = ", ".join(f'"{name}"' for name in self.names)
        statement = f"SELECT rowid, {selected} FROM {table.name} ORDER BY rowid"
        self.rows: list[Row] = _driver(connection).execute(statement).fetchall()

    def alterations(self, *, within: bool) -> Iterator[Alteration]:
        """Everything that is tried on this table by itself."""
        if not self.rows:
            return
        yield from itertools.chain.from_iterable(self._of_column(name) for name in self.names)
        if within:
            row = self.rows[len(self.rows) // 2]
            for one, two in itertools.combinations(self.names, 2):
                values = {name: self.other(row, name) for name in (one, two)}
                yield self._set(PAIR, row, values)
        for row in {self.rows[0], self.rows[-1]}:
            where = f"{self.table.name} WHERE rowid = ?"
            yield Alteration(DELETED, self.table.name, (), [(f"DELETE FROM {where}", row[:1])])
            yield Alteration(
                DOUBLED, self.table.name, (), [(f"INSERT INTO {self.table.name} SELECT * FROM {where}", row[:1])]
            )
        yield from self._exchanged()

    def others(self, row: Row, name: str) -> list[object]:
        """Other values, the most plausible first: what another row has, what is close by, what looks like nothing."""
        value, column = row[self._place(name)], self.table.c[name]
        if value is None:
            return _instead_of_nothing(column)
        if isinstance(column.type, sa.Boolean):
            return [1 - value]
        if isinstance(column.type, Day):
            return [(date.fromisoformat(value) + timedelta(days=1)).isoformat()]
        if isinstance(column.type, Json):
            return ['{"a":1}' if value != '{"a":1}' else '{"a":2}', f"{value} "]
        if isinstance(value, bytes):
            return [bytes([value[0] ^ 1]) + value[1:] if value else bytes(1)]
        if isinstance(value, int):
            return [value + 1]
        place = self._place(name)
        elsewhere = next((other[place] for other in self.rows if other[place] not in {value, None, ""}), None)
        return [f"{value}x"] if elsewhere is None else [elsewhere, f"{value}x"]

    def other(self, row: Row, name: str) -> object:
        """The most plausible other value."""
        return self.others(row, name)[0]

    def random(self, chance: random.Random) -> tuple[Row, str]:
        """A row and a column."""
        return chance.choice(self.rows), chance.choice(self.names)

    def update(self, row: Row, values: Mapping[str, object]) -> tuple[str, Sequence[Any]]:
        """The statement that gives a row other values."""
        assigned = ", ".join(f'"{name}" = ?' for name in values)
        return f"UPDATE {self.table.name} SET {assigned} WHERE rowid = ?", (*values.values(), row[0])

    def _of_column(self, name: str) -> Iterator[Alteration]:
        place = self._place(name)
        filled = [row for row in self.rows if row[place] is not None]
        empty = next((row for row in self.rows if row[place] is None), None)
        if filled:
            yield self._set(COLUMN, filled[0], {name: None})
        for row in {row[0]: row for row in (*filled[:1], *filled[-1:], *([empty] if empty else []))}.values():
            for value in self.others(row, name):
                yield self._set(COLUMN, row, {name: value})

    def _exchanged(self) -> Iterator[Alteration]:
        """Two rows give each other all that is not their key."""
        kept = {"book_id", *key_columns(self.table)}
        names = [name for name in self.names if name not in kept]
        one, two = self.rows[0], self.rows[-1]
        values = [{name: row[self._place(name)] for name in names} for row in (one, two)]
        if names and values[0] != values[1]:
            statements = [self.update(one, values[1]), self.update(two, values[0])]
            yield Alteration(EXCHANGED, self.table.name, tuple(names), statements)

    def _set(self, kind: str, row: Row, values: Mapping[str, object]) -> Alteration:
        return Alteration(kind, self.table.name, tuple(values), [self.update(row, values)])

    def _place(self, name: str) -> int:
        return self.names.index(name) + 1


def _across(tables: Sequence[_Rows], pairs: int, chance: random.Random) -> Iterator[Alteration]:
    filled = [rows for rows in tables if rows.rows]
    for _ in range(pairs):
        both = [(rows, *rows.random(chance)) for rows in chance.sample(filled, 2)]
        statements = [rows.update(row, {name: rows.other(row, name)}) for rows, row, name in both]
        names = tuple(f"{rows.table.name}.{name}" for rows, _, name in both)
        yield Alteration(ACROSS, " and ".join(rows.table.name for rows, _, _ in both), names, statements)


def _tail(tables: Mapping[str, _Rows]) -> Alteration:
    """The last block, its entries and their postings are gone."""
    blocks = tables["block"]
    last = dict(zip(blocks.names, blocks.rows[-1][1:], strict=True))
    statements = [
        ("DELETE FROM posting WHERE n >= ?", (last["first_n"],)),
        ("DELETE FROM finding WHERE n >= ?", (last["first_n"],)),
        ("DELETE FROM entry WHERE n >= ?", (last["first_n"],)),
        ("DELETE FROM block WHERE block = ?", (last["block"],)),
    ]
    return Alteration(CUT_OFF, "block", (), statements)


def _instead_of_nothing(column: sa.Column[Any]) -> list[object]:
    """Values where there was none."""
    if isinstance(column.type, Json):
        return ['{"a":1}', "[]", "{}"]
    if isinstance(column.type, Day):
        return ["2026-01-31"]
    if isinstance(column.type, Blob):
        return [bytes(32), b""]
    return [1, 0] if isinstance(column.type, _INTEGER) else ["x", ""]


def _driver(connection: sa.Connection) -> Any:  # noqa: ANN401 -- the driver's own
    return connection.connection.driver_connection
