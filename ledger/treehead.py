"""The head of the book's tree, from the entries as they stand: what a signed checkpoint of this size will show."""

from dataclasses import dataclass

import sqlalchemy as sa

from ledger.log.merkle import Frontier
from ledger.storage.tables import entry

_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class TreeHead:
    """The RFC 6962 root over the first `size` entries."""

    size: int
    root: bytes


def tree_head(connection: sa.Connection, book_id: str) -> TreeHead:
    """The head over all entries, genesis included; memory does not grow with the book."""
    frontier = Frontier()
    leaves = sa.select(entry.c.leaf).where(entry.c.book_id == book_id).order_by(entry.c.n)
    for leaf in connection.scalars(leaves.execution_options(yield_per=_BATCH)):
        frontier.append(leaf)
    return TreeHead(frontier.size, frontier.root())
