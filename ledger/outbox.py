"""The outbox: what must happen after a commit is a row of that commit, delivered later, at least once.

A row's body is frozen; its delivery state stands in another row. A relay takes what is due under a lease, and completes
each in the same database transaction as its effect, so that the effect happens exactly once:

    waiting ──complete──> delivered
       │ └──postpone──> waiting (later)
       └────give_up───> given-up (visible to the operator)
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ledger.errors import InvariantError
from ledger.storage import bulk
from ledger.storage.base import JSON
from ledger.storage.tables import outbox, outbox_delivery


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A row to deliver; `attempts` counts the times it was taken, this one included."""

    topic: str
    key: str
    body: Mapping[str, JSON]
    at: datetime
    attempts: int


def emit(
    connection: sa.Connection,
    book_id: str,
    topic: str,
    key: str,
    body: Mapping[str, JSON],
    *,
    at: datetime,
    position: int,
) -> bool:
    """Write a row, unique by (book, topic, key); returns False, and changes nothing, where it stands already."""
    named = {"book_id": book_id, "topic": topic, "key": key}
    statement = _insert(connection, outbox).values(**named, body=body, at=at, position=position)
    if connection.scalar(statement.on_conflict_do_nothing().returning(outbox.c.key)) is None:
        return False
    delivery = sa.insert(outbox_delivery).values(**named, state="waiting", attempts=0, next_at=at)
    connection.execute(delivery)
    return True


def emit_many(
    connection: sa.Connection,
    book_id: str,
    topic: str,
    rows: Sequence[tuple[str, Mapping[str, JSON]]],
    *,
    at: datetime,
    position: int,
) -> None:
    """Write many rows (key, body) of one topic like one, in two statements; `position` is that of the first."""
    named = [(topic, key) for key, _ in rows]
    bodies = [(*name, body, at, position + i) for i, (name, (_, body)) in enumerate(zip(named, rows, strict=True))]
    columns = ("topic", "key", "body", "at", "position")
    bulk.insert_rows(connection, outbox, book_id, columns, bodies, ignore_conflicts=True)
    waiting = [(*name, "waiting", 0, at) for name in named]
    columns = ("topic", "key", "state", "attempts", "next_at")
    bulk.insert_rows(connection, outbox_delivery, book_id, columns, waiting, ignore_conflicts=True)


def take_due(
    connection: sa.Connection,
    book_id: str,
    *,
    now: datetime,
    limit: int,
    lease: timedelta = timedelta(seconds=60),
    topics: Collection[str] | None = None,
) -> list[OutboxRow]:
    """Up to `limit` rows that are due, oldest first, leased: nobody else gets them until the lease is over."""
    delivery = outbox_delivery
    joined = sa.and_(*(outbox.c[name] == delivery.c[name] for name in ("book_id", "topic", "key")))
    statement = (
        sa.select(outbox.c.topic, outbox.c.key, outbox.c.body, outbox.c.at, delivery.c.attempts)
        .join(delivery, joined)
        .where(delivery.c.book_id == book_id, delivery.c.state == "waiting", delivery.c.next_at <= now)
        .order_by(outbox.c.at, outbox.c.position)
        .limit(limit)
        .with_for_update(of=delivery, skip_locked=True)
    )
    if topics is not None:
        statement = statement.where(delivery.c.topic.in_(sorted(topics)))
    rows = connection.execute(statement).all()
    for row in rows:
        lease_end = {"next_at": now + lease, "attempts": row.attempts + 1}
        connection.execute(_update(book_id, row.topic, row.key).values(lease_end))
    return [OutboxRow(row.topic, row.key, _body(row.body), row.at, row.attempts + 1) for row in rows]


def complete(connection: sa.Connection, book_id: str, topic: str, key: str, *, now: datetime) -> bool:
    """Mark as delivered, in the transaction of the effect; False if it was settled before: then do nothing."""
    values = {"state": "delivered", "delivered_at": now, "last_error": None}
    return connection.execute(_update(book_id, topic, key).values(values)).rowcount == 1


def complete_many(connection: sa.Connection, book_id: str, topic: str, keys: Collection[str], *, now: datetime) -> bool:
    """`complete` for many rows of a topic; False, and the caller undoes it, if any of them was settled before."""
    rows = outbox_delivery.c
    chosen = (rows.book_id == book_id, rows.topic == topic, bulk.among(connection, rows.key, keys))
    values = {"state": "delivered", "delivered_at": now, "last_error": None}
    done = sa.update(outbox_delivery).where(*chosen, rows.state == "waiting").values(values)
    return connection.execute(done).rowcount == len(keys)


def postpone(connection: sa.Connection, book_id: str, topic: str, key: str, *, until: datetime, error: str) -> bool:
    """Try again at `until`."""
    return connection.execute(_update(book_id, topic, key).values(next_at=until, last_error=error)).rowcount == 1


def give_up(connection: sa.Connection, book_id: str, topic: str, key: str, *, error: str) -> bool:
    """Stop trying; the row stays visible with its error."""
    return connection.execute(_update(book_id, topic, key).values(state="given-up", last_error=error)).rowcount == 1


def retry(connection: sa.Connection, book_id: str, topic: str, key: str, *, now: datetime) -> bool:
    """Put a given-up row back in the queue."""
    where = sa.and_(*_named(book_id, topic, key), outbox_delivery.c.state == "given-up")
    values = {"state": "waiting", "next_at": now, "attempts": 0}
    return connection.execute(sa.update(outbox_delivery).where(where).values(values)).rowcount == 1


def next_due_at(connection: sa.Connection, book_id: str) -> datetime | None:
    """The earliest instant at which a waiting row is due."""
    statement = sa.select(sa.func.min(outbox_delivery.c.next_at)).where(
        outbox_delivery.c.book_id == book_id, outbox_delivery.c.state == "waiting"
    )
    earliest: datetime | None = connection.scalar(statement)
    return earliest


def given_up(connection: sa.Connection, book_id: str) -> list[tuple[str, str, str]]:
    """(topic, key, last error) of every row that was given up."""
    delivery = outbox_delivery.c
    statement = (
        sa.select(delivery.topic, delivery.key, sa.func.coalesce(delivery.last_error, ""))
        .where(delivery.book_id == book_id, delivery.state == "given-up")
        .order_by(delivery.topic, delivery.key)
    )
    return [(topic, key, error) for topic, key, error in connection.execute(statement)]


def _update(book_id: str, topic: str, key: str) -> sa.Update:
    return sa.update(outbox_delivery).where(*_named(book_id, topic, key), outbox_delivery.c.state == "waiting")


def _named(book_id: str, topic: str, key: str) -> tuple[sa.ColumnElement[bool], ...]:
    delivery = outbox_delivery.c
    return delivery.book_id == book_id, delivery.topic == topic, delivery.key == key


def _insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def _body(body: JSON) -> Mapping[str, JSON]:
    if not isinstance(body, Mapping):
        raise InvariantError("an outbox body is an object")
    return body
