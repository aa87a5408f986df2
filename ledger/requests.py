"""Idempotency of requests: the answer to a request is kept under its key, refusals included, and given again.

The outcome is whatever the edge needs to repeat its answer to the letter. It is written by the posting step, in the
unit of work of the request's effect, or, for a refusal (whose unit of work was rolled back), in a unit of its own; the
block that seals the unit seals the answer too.
"""

from collections.abc import Mapping

import sqlalchemy as sa

from ledger.errors import InvariantError, Refusal
from ledger.storage.base import JSON
from ledger.storage.tables import request


def recall(
    connection: sa.Connection, book_id: str, key: str, *, actor: str, body_hash: bytes
) -> Mapping[str, JSON] | None:
    """The stored outcome, or None for a new key.

    Refuses `idempotency-key-reused` when another body or another actor used the key.
    """
    where = (request.c.book_id == book_id, request.c.key == key)
    row = connection.execute(
        sa.select(request.c.actor, request.c.body_hash, request.c.outcome).where(*where)
    ).one_or_none()
    if row is None:
        return None
    if (row.actor, row.body_hash) != (actor, body_hash):
        raise Refusal("idempotency-key-reused", key=key)
    if not isinstance(row.outcome, Mapping):
        raise InvariantError("an outcome is an object")
    return row.outcome


class AnsweredMeanwhile(Exception):  # noqa: N818 -- not an error: the answer is there
    """Another request with this key came first; this one's work is rolled back, and the other's answer given."""
