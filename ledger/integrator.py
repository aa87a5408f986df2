"""The integrator: committed entries, in order, into bundles and tiles on disk.

It keeps no state of its own. Where it stands is what the level 0 tiles hold, since they are written last: bundles
first, then the tiles above, then level 0. Every file is whole or absent and has the same bytes whoever writes it, so
two integrators at once, or one that is killed anywhere, do no harm.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from ledger import crash
from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint
from ledger.log.files import write_once
from ledger.log.merkle import leaf_hash
from ledger.log.policies import installed_policy, open_trusted
from ledger.log.tiles import CHECKPOINT, ENTRIES, WIDTH, Edge, LogFolder, encode_bundle, tile_path
from ledger.signing import install_policy
from ledger.storage.engine import read_transaction, write_transaction
from ledger.storage.tables import checkpoint as checkpoint_table
from ledger.storage.tables import entry, head

BATCH = 64 * WIDTH


class LoggedBook(Protocol):
    """What the integrator needs of a book."""

    @property
    def engine(self) -> sa.Engine:
        """The database."""
        ...

    @property
    def book_id(self) -> str:
        """Which book in it."""
        ...


def integrate(book: LoggedBook, log_dir: Path) -> int:
    """Bring the log's files up to the book's last committed entry; the number of entries in them afterwards.

    Refuses `log-ahead-of-database` and `log-differs-from-database` when the files hold entries that the database
    does not: a restored or foreign database never continues a log.
    """
    log = LogFolder(log_dir)
    size = log.position()
    edge = log.edge(size)
    _write_unfinished(log_dir, edge)  # what an integrator that was killed may have left out
    _check_last_entries(book, log, size)
    while batch := _read_entries(book, edge.size, BATCH):
        _append(log, edge, batch)
    return edge.size


def copy_checkpoint(book: LoggedBook, log_dir: Path, *, now: datetime) -> Checkpoint | None:
    """Keep the published checkpoint as a row, once its signatures hold, and put the policy under which it stands in
    place; None where nothing is published yet.
    """
    published = read_checkpoint(log_dir)
    if published is None:
        return None
    checkpoint, note = published
    install_policy(log_dir, note)
    row = {"book_id": book.book_id, "size": checkpoint.size, "root": checkpoint.root, "note": note.decode(), "at": now}
    kept = sa.select(checkpoint_table.c.note).where(
        checkpoint_table.c.book_id == book.book_id, checkpoint_table.c.size == checkpoint.size
    )
    with write_transaction(book.engine) as connection:
        if connection.scalar(kept) is None:
            connection.execute(sa.insert(checkpoint_table).values(row))
    return checkpoint


def read_checkpoint(log_dir: Path) -> tuple[Checkpoint, bytes] | None:
    """The published checkpoint with its note, None if none is; its signatures, and those of the quorum, are checked
    against the policy beside it, or one before that.
    """
    policy = installed_policy(log_dir)
    try:
        note = (log_dir / CHECKPOINT).read_bytes()
    except FileNotFoundError:
        return None
    return (open_trusted(note, policy)[0], note) if policy else None


def _append(log: LogFolder, edge: Edge, batch: Sequence[bytes]) -> None:
    """Write the files of `batch` and move `edge` past it."""
    start = edge.size
    unfinished = log.bundle(start // WIDTH, start) if start % WIDTH else []
    _write_bundles(log.folder, start // WIDTH, [*unfinished, *batch])
    crash.reach("integrator.after-bundles")
    completed = [tile for public in batch for tile in edge.append(leaf_hash(public))]
    _write_full(log.folder, [tile for tile in completed if tile[0] > 0])
    _write_unfinished(log.folder, edge)
    _write_full(log.folder, [tile for tile in completed if tile[0] == 0])
    _write_unfinished(log.folder, edge, level=0)
    crash.reach("integrator.after-tiles")


def _write_bundles(folder: Path, first: int, entries: Sequence[bytes]) -> None:
    for at in range(0, len(entries), WIDTH):
        part = entries[at : at + WIDTH]
        write_once(folder / tile_path(ENTRIES, first + at // WIDTH, len(part)), encode_bundle(part))


def _write_full(folder: Path, tiles: Sequence[tuple[int, int, bytes]]) -> None:
    for level, index, content in tiles:
        write_once(folder / tile_path(level, index), content)


def _write_unfinished(folder: Path, edge: Edge, *, level: int | None = None) -> None:
    """Write the unfinished tile of level 0, or of all levels above it."""
    for tile_level, index, width, content in edge.partial_tiles():
        if (tile_level == 0) == (level == 0):
            write_once(folder / tile_path(tile_level, index, width), content)


def _check_last_entries(book: LoggedBook, log: LogFolder, size: int) -> None:
    """Hold the last bundle against the database before anything is appended to it."""
    with read_transaction(book.engine) as connection:
        next_n = connection.scalar(sa.select(head.c.next_n).where(head.c.book_id == book.book_id))
    if next_n is None:
        raise Refusal("book-unknown", book=book.book_id)
    if next_n < size:
        raise Refusal("log-ahead-of-database", log_size=size, database_size=next_n)
    if size == 0:
        return
    index = (size - 1) // WIDTH
    published = log.bundle(index, size)
    stored = _read_entries(book, index * WIDTH, len(published))
    for n, (ours, theirs) in enumerate(zip(published, stored, strict=True), start=index * WIDTH):
        if ours != theirs:
            raise Refusal("log-differs-from-database", n=n)


def _read_entries(book: LoggedBook, first: int, limit: int) -> list[bytes]:
    statement = (
        sa.select(entry.c.bytes)
        .where(entry.c.book_id == book.book_id, entry.c.n >= first)
        .order_by(entry.c.n)
        .limit(limit)
    )
    with read_transaction(book.engine) as connection:
        return list(connection.scalars(statement))
