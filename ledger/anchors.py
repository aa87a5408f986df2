"""Anchors: what is published is shown to an outsider who says when that was, and the log tells of it in an entry.

    checkpoint ── stamped ──> anchors/<size>.checkpoint, anchors/<size>.tsr ── hash ──> anchor/1 entry

Files come first and are never changed, so whoever is killed in between is taken up: the files that stand are entered.
A checkpoint without a token is an anchor that nobody finished. One anchor a day, by the fact key of the day.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import sqlalchemy as sa

from ledger.book import Book
from ledger.errors import Refusal
from ledger.facts import Finding
from ledger.findings import newest_finding
from ledger.integrator import read_checkpoint
from ledger.log.checkpoint import Checkpoint
from ledger.log.encoding import b64
from ledger.log.files import write_new
from ledger.log.leaf import ANCHOR
from ledger.log.policies import installed_policy, open_trusted
from ledger.log.tiles import anchor_paths

Stamp = Callable[[bytes], bytes]
TokenCheck = Callable[[bytes, bytes], datetime]
KEY = "anchor:"
ACTOR = "system:anchor"


@dataclass(frozen=True, slots=True)
class Anchor:
    """An anchor that is entered: the size of its checkpoint, the authority's instant, the number of its entry."""

    size: int
    stamped_at: datetime
    n: int


def daily_key(on: date) -> str:
    """The fact key of a day's anchor."""
    return f"{KEY}{on.isoformat()}"


def anchor_checkpoint(book: Book, log_dir: Path, *, stamp: Stamp, check: TokenCheck, key: str) -> Anchor | None:
    """Anchor the published checkpoint under fact key `key`; None where that key or that size is anchored already.

    `stamp` asks the authority for a token, outside any database transaction. Refuses `log-not-published`,
    `anchor-differs-from-checkpoint` and what `stamp` and `check` refuse; then nothing is entered.
    """
    published = read_checkpoint(log_dir)
    if published is None:
        raise Refusal("log-not-published", folder=str(log_dir))
    checkpoint, note = published
    with book.read() as connection:
        newest = newest_anchor(connection, book.book_id)
    if newest is not None and (newest.size == checkpoint.size or newest.key == key):
        return None
    kept = _kept(log_dir, checkpoint.size) or _stamped(log_dir, checkpoint.size, note, stamp)
    if kept is None:
        return None
    note, token = kept
    _check_kept(log_dir, note, checkpoint)
    stamped_at = check(token, note)
    with book.unit_of_work(actor=ACTOR) as unit:
        unit.post(Finding(key, ANCHOR, [_line(checkpoint, token, stamped_at)], ACTOR))
    return Anchor(checkpoint.size, stamped_at, unit.results[0].n)


@dataclass(frozen=True, slots=True)
class NewestAnchor:
    """The newest anchor as the record tells it."""

    key: str
    size: int
    stamped_at: datetime


def newest_anchor(connection: sa.Connection, book_id: str) -> NewestAnchor | None:
    """The newest anchor that is entered, if there is one."""
    found = newest_finding(connection, book_id, ANCHOR)
    if found is None:
        return None
    line = found.lines[-1]
    return NewestAnchor(found.key, int(str(line["size"])), datetime.fromisoformat(str(line["time"])))


def _kept(log_dir: Path, size: int) -> tuple[bytes, bytes] | None:
    """Note and token of an anchor of this size that somebody finished on disk."""
    note_file, token_file = (log_dir / path for path in anchor_paths(size))
    return (note_file.read_bytes(), token_file.read_bytes()) if token_file.exists() else None


def _stamped(log_dir: Path, size: int, note: bytes, stamp: Stamp) -> tuple[bytes, bytes] | None:
    """Have `note` stamped and keep both; None where another process keeps other signatures of the same checkpoint."""
    note_file, token_file = (log_dir / path for path in anchor_paths(size))
    note = note_file.read_bytes() if note_file.exists() else note  # of one who was killed before the token
    token = stamp(note)
    write_new(note_file, note)
    if note_file.read_bytes() != note:
        return None
    write_new(token_file, token)
    return _kept(log_dir, size)


def _check_kept(log_dir: Path, note: bytes, checkpoint: Checkpoint) -> None:
    """A note that stood there already is that of this checkpoint, or of none of ours."""
    policy = installed_policy(log_dir)
    if policy is None or open_trusted(note, policy)[0] != checkpoint:
        raise Refusal("anchor-differs-from-checkpoint", file=anchor_paths(checkpoint.size)[0], size=checkpoint.size)


def _line(checkpoint: Checkpoint, token: bytes, stamped_at: datetime) -> dict[str, str | int]:
    return {
        "kind": "rfc3161",
        "root": b64(checkpoint.root),
        "sha256": hashlib.sha256(token).hexdigest(),
        "size": checkpoint.size,
        "time": stamped_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
