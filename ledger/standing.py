"""How far the log is behind the record, and how old its newest proofs are: for `bxl log status`, metrics and the desk.

Postings never wait for the log; so somebody must see it when the log stands still.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from ledger.anchors import newest_anchor
from ledger.balances import entry_count
from ledger.book import Book
from ledger.errors import Refusal
from ledger.integrator import read_checkpoint
from ledger.log.checkpoint import open_checkpoint, signed_at
from ledger.log.encoding import b64
from ledger.log.note import VerifierKey, parse_note
from ledger.log.policies import installed_policy, policy_of_note
from ledger.log.tiles import UNWITNESSED, LogFolder
from ledger.storage.tables import entry

PENDING_ALARM = timedelta(minutes=10)
ANCHOR_ALARM = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class LogStanding:
    """Sizes are numbers of entries; ages are whole seconds, 0 where nothing waits, absent where there is nothing yet.

    `witnessed` is the published checkpoint's size: where the policy asks for witnesses, what a quorum has cosigned.
    `pending` entries are booked and not yet under it, the oldest since `pending_seconds`.
    An anchor's age counts from the authority's instant; without any, from the book's first entry.
    """

    booked: int
    written: int
    signed: int
    witnessed: int
    root: str
    pending: int
    pending_seconds: int
    checkpoint_seconds: int | None
    anchored: int
    anchor_seconds: int

    @property
    def is_late(self) -> bool:
        """Whether an entry has waited for its signature for more than ten minutes."""
        return self.pending_seconds > PENDING_ALARM // timedelta(seconds=1)

    @property
    def anchor_is_late(self) -> bool:
        """Whether nothing was anchored for 48 hours; an alarm only where there is an authority."""
        return self.anchor_seconds > ANCHOR_ALARM // timedelta(seconds=1)


def log_standing(book: Book, log_dir: Path, *, now: datetime) -> LogStanding:
    """The figures at the instant `now`; refuses a checkpoint without the signatures that the policy asks for."""
    published = read_checkpoint(log_dir)
    size = published[0].size if published else 0
    with book.read() as connection:
        booked = entry_count(connection, book.book_id)
        first_pending = _booked_at(connection, book.book_id, size)
        first = _booked_at(connection, book.book_id, 0)
        anchor = newest_anchor(connection, book.book_id)
    signed = None if published is None else _signed_at(log_dir, published[1])
    anchored_at = first if anchor is None else anchor.stamped_at
    return LogStanding(
        booked=booked,
        written=LogFolder(log_dir).position(),
        signed=max(size, _waiting_size(log_dir)),
        witnessed=size,
        root=b64(published[0].root) if published else "",
        pending=max(booked - size, 0),
        pending_seconds=_age(first_pending, now),
        checkpoint_seconds=None if signed is None else _age(signed, now),
        anchored=0 if anchor is None else anchor.size,
        anchor_seconds=_age(anchored_at, now),
    )


def _booked_at(connection: sa.Connection, book_id: str, n: int) -> datetime | None:
    """The instant of entry `n`, if it stands."""
    instant: datetime | None = connection.scalar(
        sa.select(entry.c.booked_at).where(entry.c.book_id == book_id, entry.c.n == n)
    )
    return instant


def _waiting_size(log_dir: Path) -> int:
    """The size of the checkpoint that is signed and waits for its witnesses; 0 where none does."""
    file = log_dir / UNWITNESSED
    if not file.exists():
        return 0
    note = file.read_bytes()
    return open_checkpoint(note, _keys_of(log_dir, note))[0].size


def _signed_at(log_dir: Path, note: bytes) -> datetime | None:
    return signed_at(parse_note(note), _keys_of(log_dir, note))


def _keys_of(log_dir: Path, note: bytes) -> Sequence[VerifierKey]:
    """The log's keys under the policy, of all that lie beside the log, that the note stands under."""
    policy = installed_policy(log_dir)
    if policy is None:
        raise Refusal("log-not-published", folder=str(log_dir))
    return policy_of_note(note, policy).log_keys


def _age(since: datetime | None, now: datetime) -> int:
    """Whole seconds; none where a machine's clock went backwards."""
    return 0 if since is None else max((now - since) // timedelta(seconds=1), 0)
