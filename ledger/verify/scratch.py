"""What a replay has to remember of every entry, kept out of memory: in files without a name, gone when it ends.

Of a fact key all that counts is that it does not come twice: keys are dealt out by hash into files, each of which is
small enough to be looked through by itself at the end. Of an entry's legs there is a digest at the entry's place.
"""

import os
import tempfile
from types import TracebackType
from typing import BinaryIO, Self

DIGEST_SIZE = 32
_PARTS = 64
_BUFFER = 1 << 16


class _Spill:
    """Bytes in the order in which they came: the newest in memory, the rest in a file."""

    __slots__ = ("_file", "buffer", "written")

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.written = 0
        self._file: BinaryIO | None = None

    def add(self, record: bytes) -> None:
        self.buffer += record
        if len(self.buffer) >= _BUFFER:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 -- it lives as long as the replay
            self._file.write(self.buffer)
            self.written += len(self.buffer)
            self.buffer.clear()

    def read(self, start: int, size: int) -> bytes:
        """`size` bytes from `start`, all of them in the file or all in memory."""
        if start >= self.written or self._file is None:
            return bytes(self.buffer[start - self.written : start - self.written + size])
        return os.pread(self._file.fileno(), size, start)

    def all(self) -> bytes:
        return self.read(0, self.written) + self.buffer if self.written else bytes(self.buffer)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class Scratch:
    """Fact keys, and a digest of every entry's legs."""

    def __init__(self) -> None:
        self._keys = [_Spill() for _ in range(_PARTS)]
        self._digests = _Spill()
        self.keys = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for spill in (*self._keys, self._digests):
            spill.close()

    def add_key(self, n: int, key: bytes) -> None:
        """Keep the key of entry `n`, in canonical JSON: ASCII or not, it holds no newline."""
        self._keys[hash(key) % _PARTS].add(b"%d %b\n" % (n, key))
        self.keys += 1

    def first_repeated(self) -> tuple[int, bytes] | None:
        """The first entry whose key an earlier one has, with the key."""
        found = [repeated for spill in self._keys if (repeated := _first_repeated(spill.all())) is not None]
        return min(found, default=None)

    def add_legs(self, digest: bytes) -> None:
        """Keep the digest of the next entry."""
        self._digests.add(digest)

    def legs(self, n: int) -> bytes:
        """The digest of entry `n`."""
        return self._digests.read(n * DIGEST_SIZE, DIGEST_SIZE)


def _first_repeated(part: bytes) -> tuple[int, bytes] | None:
    seen: set[bytes] = set()
    for line in part.splitlines():
        number, _, key = line.partition(b" ")
        if key in seen:
            return int(number), key
        seen.add(key)
    return None
