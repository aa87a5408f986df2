"""Files that appear whole or not at all: written beside their place, synced, then renamed into it."""

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import Refusal

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
PUBLIC_MODE, PRIVATE_MODE = 0o644, 0o600


def write_atomically(path: Path, content: bytes, *, mode: int = PUBLIC_MODE) -> None:
    """Put `content` at `path` durably; a reader, or a crash, sees the old file or the new one.

    Refuses `disk-full`, and then leaves nothing behind.
    """
    temporary = _written_beside(path, content, mode)
    temporary.replace(path)
    _sync_folder(path.parent)


def write_new(path: Path, content: bytes, *, mode: int = PUBLIC_MODE) -> None:
    """Put `content` at `path` durably unless a file stands there: of several writers the first one's stays."""
    temporary = _written_beside(path, content, mode)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        temporary.unlink()
    _sync_folder(path.parent)


def write_once(path: Path, content: bytes) -> None:
    """Put `content` at `path` unless exactly that is there already; for files that never change."""
    if not (path.exists() and path.read_bytes() == content):
        write_atomically(path, content)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, alone among processes and threads; the lock falls with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _written_beside(path: Path, content: bytes, mode: int) -> Path:
    """A file with this content beside `path`, synced, under a name that no reader takes for a file of the log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{secrets.token_hex(6)}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno in _NO_SPACE:
            raise Refusal("disk-full", file=str(path)) from error
        raise
    return temporary


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
