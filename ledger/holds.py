"""The timer of holds: those whose instant has come end by an entry of their own, posted in the same step as any."""

from datetime import datetime

import sqlalchemy as sa

from ledger.book import Book
from ledger.facts import Release, ReleaseKind
from ledger.held import open_named
from ledger.posting import lock_head
from ledger.storage import tables

TIMER = "timer"
"""The actor that ends what has expired."""
BATCH = 200


def due_holds(
    connection: sa.Connection, book_id: str, *, now: datetime, since: datetime | None = None, limit: int = BATCH
) -> list[tuple[int, str]]:
    """Number and fact key of open holds whose instant has come, the earliest first; with `since`, none before it."""
    expires_at = tables.hold.c.expires_at
    query = open_named(book_id).where(expires_at <= now).order_by(expires_at, tables.hold.c.hold_n).limit(limit)
    if since is not None:
        query = query.where(expires_at >= since)
    return [(row.hold_n, row.fact_key) for row in connection.execute(query)]


def expire_due(book: Book, *, since: datetime | None = None, limit: int = BATCH) -> int:
    """End up to `limit` holds whose instant has come; gives how many. Doing it twice ends nothing twice.

    They are read again under the lock of the book's head, so that none ends in between and the batch stands whole.
    """
    with book.read() as connection:
        if not due_holds(connection, book.book_id, now=book.clock.now(), since=since, limit=1):
            return 0
    with book.unit_of_work(actor=TIMER) as unit:
        lock_head(unit.connection, unit.book_id)
        due = due_holds(unit.connection, unit.book_id, now=unit.now(), since=since, limit=limit)
        for n, key in due:
            unit.post(Release(f"hold:{n}:expired", key, ReleaseKind.EXPIRED, actor=TIMER))
    return len(due)
