"""The relay: what a commit left in the outbox happens now, each row once.

A row is taken under a lease; then its handler and its completion are one unit of work, so that a process killed
anywhere in between leaves either both or neither. A handler that refuses can't succeed by trying again at once: the
row is tried again later, and given up, visibly, after ten times.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from ledger import crash, outbox
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.outbox import OutboxRow

Handler = Callable[[UnitOfWork, OutboxRow], None]

ATTEMPTS = 10
BATCH = 50
LEASE = timedelta(seconds=20)
"""A worker that died leaves its rows to others after so long; no handler takes a tenth of it."""

_FIRST_PAUSE = timedelta(seconds=2)
logger = structlog.get_logger("bxl.relay")


class _SettledElsewhere(Exception):  # noqa: N818 -- rolls an effect back that another worker has had already
    """Another process completed the row first."""


@dataclass(frozen=True, slots=True)
class Together:
    """Rows of a `topic` that one unit of work may handle: each is about another object, as `object_of` names it.

    None where a row goes alone. Where `handle` fails, each row is delivered alone, so that one can't hold up others.
    """

    topic: str
    object_of: Callable[[OutboxRow], str | None]
    handle: Callable[[UnitOfWork, Sequence[OutboxRow]], None]


def relay(
    book: Book,
    handlers: Mapping[str, Handler],
    *,
    topics: Collection[str] | None = None,
    together: Together | None = None,
) -> int:
    """Deliver what is due, of these `topics` only if given; gives the number of rows delivered.

    A topic without a handler has no effect to have.
    """
    with book.unit_of_work(actor="relay") as uow:
        rows = outbox.take_due(uow.connection, uow.book_id, now=uow.now(), limit=BATCH, lease=LEASE, topics=topics)
    group = [] if together is None else _group(rows, together)
    if together is not None and len(group) > 1 and _deliver_together(book, together, group):
        rows = [row for row in rows if row not in group]
        return len(group) + sum(_deliver(book, handlers, row) for row in rows)
    return sum(_deliver(book, handlers, row) for row in rows)


def _group(rows: Sequence[OutboxRow], together: Together) -> list[OutboxRow]:
    """The first row of each object."""
    found: dict[str, OutboxRow] = {}
    for row in rows:
        about = together.object_of(row) if row.topic == together.topic else None
        if about is not None:
            found.setdefault(about, row)
    return list(found.values())


def _deliver_together(book: Book, together: Together, rows: Sequence[OutboxRow]) -> bool:
    try:
        with book.unit_of_work(actor="relay") as uow:
            crash.reach("relay.before-effect")
            together.handle(uow, rows)
            _complete_many(uow, together.topic, rows)
            crash.reach("relay.after-effect")
    except _SettledElsewhere:
        return False
    except Exception as error:  # noqa: BLE001 -- whichever of them it was, alone it is told by name
        logger.warning("not-delivered-together", topic=together.topic, rows=len(rows), error=str(error))
        return False
    return True


def _deliver(book: Book, handlers: Mapping[str, Handler], row: OutboxRow) -> int:
    try:
        with book.unit_of_work(actor="relay") as uow:
            crash.reach("relay.before-effect")
            if handler := handlers.get(row.topic):
                handler(uow, row)
            _complete(uow, row)
            crash.reach("relay.after-effect")
    except _SettledElsewhere:
        return 0
    except Refusal as refusal:
        _try_later(book, row, str(refusal))
        return 0
    except Exception as error:
        _try_later(book, row, f"{type(error).__name__}: {error}")
        logger.exception("handler-failed", topic=row.topic, key=row.key)
        return 0
    return 1


def _complete(uow: UnitOfWork, row: OutboxRow) -> None:
    if not outbox.complete(uow.connection, uow.book_id, row.topic, row.key, now=uow.now()):
        raise _SettledElsewhere


def _complete_many(uow: UnitOfWork, topic: str, rows: Sequence[OutboxRow]) -> None:
    keys = [row.key for row in rows]
    if not outbox.complete_many(uow.connection, uow.book_id, topic, keys, now=uow.now()):
        raise _SettledElsewhere


def _try_later(book: Book, row: OutboxRow, error: str) -> None:
    with book.unit_of_work(actor="relay") as uow:
        if row.attempts >= ATTEMPTS:
            outbox.give_up(uow.connection, uow.book_id, row.topic, row.key, error=error)
        else:
            until = uow.now() + _FIRST_PAUSE * 2**row.attempts
            outbox.postpone(uow.connection, uow.book_id, row.topic, row.key, until=until, error=error)
    logger.warning("not-delivered", topic=row.topic, key=row.key, attempts=row.attempts, error=error)
