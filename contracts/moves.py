"""Moves: the append-only rows in which every life cycle of every product is kept.

One row is one transition: object, sequence, from, to, event, actor, evidence, fact key. The unique (object, sequence)
makes it audit trail and concurrency guard in one. An object without a move is in its machine's first state. Where a
move causes journal entries it names the fact key of one of them; `facts` holds what the event itself states.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar, cast

import sqlalchemy as sa

from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.statemachine import Machine
from ledger.storage import bulk
from ledger.storage.base import JSON, Count, Day, Instant, Json, Text, record_table

S = TypeVar("S", bound=StrEnum)
_SHA256 = re.compile(r"[0-9a-f]{64}")

move = record_table(
    "move",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("object_id", Text, primary_key=True),
    sa.Column("sequence", Count, primary_key=True, autoincrement=False),
    sa.Column("machine", Text, nullable=False),
    sa.Column("from_state", Text, nullable=False),
    sa.Column("to_state", Text, nullable=False),
    sa.Column("event", Text, nullable=False),
    sa.Column("effective_on", Day, nullable=False),
    sa.Column("actor", Text, nullable=False),
    sa.Column("evidence", Text),
    sa.Column("fact_key", Text),
    sa.Column("facts", Json, nullable=False),
    sa.Column("moved_at", Instant, nullable=False),
    sa.Index("move_machine", "book_id", "machine", "object_id", "sequence"),
    sa.CheckConstraint("sequence >= 1", name="move_sequence"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One transition as it was recorded."""

    object_id: str
    sequence: int
    from_state: str
    to_state: str
    event: str
    effective_on: date
    actor: str
    evidence: str | None
    fact_key: str | None
    facts: Mapping[str, JSON]


_TOLD = tuple(move.c[name] for name in Move.__slots__)


def record_move(
    uow: UnitOfWork,
    machine: Machine[S],
    object_id: str,
    event: str,
    *,
    on: date,
    evidence: str | None = None,
    fact_key: str | None = None,
    facts: Mapping[str, JSON] | None = None,
) -> S:
    """Move the object by `event` and give the state it is in now.

    `evidence` is a SHA-256 in hex. The caller holds the lock on the object's own row, so that nobody else moves it
    meanwhile. Refuses `move-not-allowed` and `evidence-malformed`.
    """
    if evidence is not None:
        check_evidence(evidence, key=f"{machine.name}:{object_id}:{event}")
    last = last_move(uow.connection, uow.book_id, object_id)
    source = machine.initial if last is None else machine.states(last.to_state)
    target = machine.after(source, event)
    uow.connection.execute(
        move.insert().values(
            book_id=uow.book_id,
            object_id=object_id,
            sequence=1 if last is None else last.sequence + 1,
            machine=machine.name,
            from_state=source.value,
            to_state=target.value,
            event=event,
            effective_on=on,
            actor=uow.actor,
            evidence=evidence,
            fact_key=fact_key,
            facts=dict(facts or {}),
            moved_at=uow.now(),
        )
    )
    return target


def check_evidence(evidence: str, *, key: str) -> None:
    """Refuses `evidence-malformed` for what is no SHA-256 in hex; `key` says what it is to prove."""
    if not _SHA256.fullmatch(evidence):
        raise Refusal("evidence-malformed", key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMove:
    """One of many moves that are recorded together; `fact_key` as in `record_move`."""

    object_id: str
    event: str
    on: date
    fact_key: str | None = None
    facts: Mapping[str, JSON] = field(default_factory=dict)


def record_moves(uow: UnitOfWork, machine: Machine[S], wanted: Sequence[NewMove]) -> None:
    """Record a move for each of many objects like `record_move`, in two statements; no object twice."""
    histories = moves_of(uow.connection, uow.book_id, [each.object_id for each in wanted])
    columns = (
        "object_id", "sequence", "machine", "from_state", "to_state", "event", "effective_on", "actor", "fact_key",
        "facts", "moved_at",
    )  # fmt: skip
    now = uow.now()
    rows: list[tuple[object, ...]] = []
    for each in wanted:
        history = histories[each.object_id]
        source = machine.states(history[-1].to_state) if history else machine.initial
        target = machine.after(source, each.event).value
        states = (each.object_id, len(history) + 1, machine.name, source.value, target)
        rows.append((*states, each.event, each.on, uow.actor, each.fact_key, dict(each.facts), now))
    bulk.insert_rows(uow.connection, move, uow.book_id, columns, rows)


def last_move(connection: sa.Connection, book_id: str, object_id: str) -> Move | None:
    """The object's newest move, if it has one."""
    query = _moves(book_id).where(move.c.object_id == object_id).order_by(move.c.sequence.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else _move(row)


def state(connection: sa.Connection, book_id: str, machine: Machine[S], object_id: str) -> S:
    """The state the object is in."""
    last = last_move(connection, book_id, object_id)
    return machine.initial if last is None else machine.states(last.to_state)


def moves_of(connection: sa.Connection, book_id: str, object_ids: Iterable[str]) -> dict[str, list[Move]]:
    """Every move of each of the objects, oldest first; objects without moves have an empty list."""
    found: dict[str, list[Move]] = {object_id: [] for object_id in object_ids}
    chosen = bulk.among(connection, move.c.object_id, found)
    query = _moves(book_id).where(chosen).order_by(move.c.object_id, move.c.sequence)
    for row in connection.execute(query):
        found[row.object_id].append(_move(row))
    return found


def moves_of_machine(connection: sa.Connection, book_id: str, machine: Machine[S], *, until_on: date) -> Iterator[Move]:
    """Every move of every object of one machine with a date of effect up to that day, by object, oldest first."""
    query = _moves(book_id).where(move.c.machine == machine.name, move.c.effective_on <= until_on)
    for row in connection.execute(query.order_by(move.c.object_id, move.c.sequence)):
        yield _move(row)


def count_of_machine(connection: sa.Connection, book_id: str, machine: Machine[S]) -> int:
    """How many moves the objects of one machine have made."""
    counted = sa.select(sa.func.count()).where(move.c.book_id == book_id, move.c.machine == machine.name)
    return connection.execute(counted).scalar_one()


def states(connection: sa.Connection, book_id: str, machine: Machine[S], object_ids: Iterable[str]) -> dict[str, S]:
    """The state of each of the objects."""
    histories = moves_of(connection, book_id, object_ids)
    return {
        object_id: machine.states(moves[-1].to_state) if moves else machine.initial
        for object_id, moves in histories.items()
    }


def in_state(book_id: str, machine: Machine[S], object_id: sa.ColumnElement[str], *wanted: S) -> sa.ColumnElement[bool]:
    """The SQL condition that the object named by a column is in one of the `wanted` states."""
    return _in_states(book_id, machine.initial, object_id, wanted)


@lru_cache(maxsize=256)
def _in_states(
    book_id: str, initial: StrEnum, object_id: sa.ColumnElement[str], wanted: tuple[StrEnum, ...]
) -> sa.ColumnElement[bool]:
    """The condition, built once: every job of a day asks by a few of them, and building one costs more than a read."""
    newest = move.alias("newest_move")
    mine = (newest.c.book_id == book_id, newest.c.object_id == object_id)
    position = sa.select(sa.func.max(newest.c.sequence)).where(*mine).correlate_except(newest).scalar_subquery()
    found = (
        sa.select(sa.literal(1))
        .where(
            move.c.book_id == book_id,
            move.c.object_id == object_id,
            move.c.sequence == position,
            move.c.to_state.in_([state.value for state in wanted]),
        )
        .correlate_except(move)
        .exists()
    )
    return sa.or_(found, position.is_(None)) if initial in wanted else found


def _moves(book_id: str) -> sa.Select[tuple[object, ...]]:
    return cast("sa.Select[tuple[object, ...]]", sa.select(*_TOLD).where(move.c.book_id == book_id))


def _move(row: sa.Row[tuple[Any, ...]]) -> Move:
    return Move(**row._mapping)  # noqa: SLF001 -- SQLAlchemy's public name for a row as a mapping
