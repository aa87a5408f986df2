"""The file of the wrapping key, and its replacement: the new key lies beside it until the database holds to it.

wrapping.key         the key under which the subject keys are wrapped
wrapping.key.next    while it is being replaced: the new one; of the two, that holds which opens the book's own key
wrapping.key.lock    held by whoever replaces it
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ledger.errors import Refusal
from ledger.log.files import PRIVATE_MODE, write_atomically

KEY_SIZE = 32


@dataclass(frozen=True, slots=True)
class WrappingFile:
    """The file at `path`, and the new key that may be beside it."""

    path: Path

    @property
    def next(self) -> Path:
        """Where a new key waits for the commit of what it wraps."""
        return self.path.with_name(f"{self.path.name}.next")

    def keys(self) -> list[bytes]:
        """The keys that there are; refuses `wrapping-key-missing`.

        The new one is read first: where it is not there any more, it has taken the place of the old one.
        """
        newer = []
        with suppress(Refusal):
            newer.append(read_wrapping_key(self.next))
        return [read_wrapping_key(self.path), *newer]

    def made_at(self) -> datetime:
        """When the key that holds, or is about to, was made; refuses `wrapping-key-missing`."""
        newest = self.next if self.next.exists() else self.path
        try:
            return datetime.fromtimestamp(newest.stat().st_mtime, UTC)
        except OSError as error:
            raise Refusal("wrapping-key-missing", path=str(self.path)) from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else replaces the key meanwhile."""
        descriptor = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, PRIVATE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def settle(self, holds: bytes) -> None:
        """End a replacement that was cut short: the new key takes its place if it `holds`, and else is dropped."""
        if not self.next.exists():
            return
        if read_wrapping_key(self.next) == holds:
            self.promote()
        else:
            self.next.unlink()

    def make_next(self) -> bytes:
        """A new key beside the one that holds."""
        key = secrets.token_bytes(KEY_SIZE)
        write_atomically(self.next, key, mode=PRIVATE_MODE)
        return key

    def promote(self) -> None:
        """The new key takes the place of the old one, which is gone."""
        write_atomically(self.path, self.next.read_bytes(), mode=PRIVATE_MODE)
        self.next.unlink()


def make_wrapping_key(path: Path) -> bytes:
    """Write a new wrapping key to `path`, readable by its owner only; refuses `wrapping-key-exists`."""
    key = secrets.token_bytes(KEY_SIZE)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    except FileExistsError as error:
        raise Refusal("wrapping-key-exists", path=str(path)) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key


def read_wrapping_key(path: Path) -> bytes:
    """The wrapping key kept at `path`; refuses `wrapping-key-missing`."""
    try:
        key = path.read_bytes()
    except OSError as error:
        raise Refusal("wrapping-key-missing", path=str(path)) from error
    if len(key) != KEY_SIZE:
        raise Refusal("wrapping-key-missing", path=str(path))
    return key
