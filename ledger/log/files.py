"""Files that appear whole or not at all: written beside their place, synced, then renamed into it."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PUBLIC_MODE, PRIVATE_MODE = 0o644, 0o600


def write_atomically(path: Path, content: bytes, *, mode: int = PUBLIC_MODE) -> None:
    """Put `content` at `path` durably; a reader, or a crash, sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{secrets.token_hex(6)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
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


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
