"""Sizes of the record and of what waits behind it, for health checks and the operator's page."""

from dataclasses import dataclass

import sqlalchemy as sa

from ledger.storage.tables import checkpoint, head, outbox_delivery


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """How many entries stand, how many are under a signed checkpoint, and what the outbox holds."""

    entries: int
    checkpoint_size: int
    outbox_waiting: int
    outbox_given_up: int


def record_counts(connection: sa.Connection, book_id: str) -> RecordCounts:
    """The figures, in the connection's snapshot."""
    deliveries = sa.select(sa.func.count()).where(outbox_delivery.c.book_id == book_id)
    newest = sa.select(sa.func.max(checkpoint.c.size)).where(checkpoint.c.book_id == book_id)
    return RecordCounts(
        entries=connection.scalar(sa.select(head.c.next_n).where(head.c.book_id == book_id)) or 0,
        checkpoint_size=connection.scalar(newest) or 0,
        outbox_waiting=connection.scalar(deliveries.where(outbox_delivery.c.state == "waiting")) or 0,
        outbox_given_up=connection.scalar(deliveries.where(outbox_delivery.c.state == "given-up")) or 0,
    )
