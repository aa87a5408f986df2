"""The log as static files (C2SP tlog-tiles): where each tile stands, how entries are bundled, and the right edge.

    tile/<L>/<N>[.p/<W>]         256 (or W) hashes of subtrees of 256^L leaves each
    tile/entries/<N>[.p/<W>]     the entries themselves, each with a 16-bit length before it

A tree grows at its right edge only. `Edge` holds the hashes of the unfinished tile of every level: it appends entries,
says which tiles are complete, and gives the root, whoever owns the files.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ledger.errors import Refusal, override
from ledger.log.merkle import HASH_SIZE, Frontier, node_hash, root, split

WIDTH = 256
ENTRIES = "entries"
CHECKPOINT, UNWITNESSED, POLICY, ANCHORS = "checkpoint", "checkpoint.unwitnessed", "policy", "anchors"
ACKNOWLEDGEMENT_KEY = "acknowledgement-key"
_MAX_ENTRY = 0xFFFF
_LEVELS = 8
_GROUP = 1000
_BITS = 8


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """The path of a tile below the log's folder; `level` is a number or `entries`.

    >>> tile_path(0, 1234067), tile_path("entries", 5, 17)
    ('tile/0/x001/x234/067', 'tile/entries/005.p/17')
    """
    name = f"{index % _GROUP:03d}"
    while index >= _GROUP:
        index //= _GROUP
        name = f"x{index % _GROUP:03d}/{name}"
    return f"tile/{level}/{name}" + ("" if width == WIDTH else f".p/{width}")


def anchor_paths(size: int) -> tuple[str, str]:
    """Where the anchored checkpoint of this size stands, and the timestamp over its bytes."""
    return f"{ANCHORS}/{size}.checkpoint", f"{ANCHORS}/{size}.tsr"


def state_path(period: str) -> str:
    """The path of the opened totals of the period that ends on that day, below the log's folder."""
    return f"state/{period}.json"


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """The bytes of an entry bundle; refuses `entry-too-long` at 64 KiB."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > _MAX_ENTRY:
            raise Refusal("entry-too-long", size=len(entry))
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def parse_bundle(encoded: bytes, width: int, *, file: str) -> list[bytes]:
    """The `width` entries of a bundle; refuses `bundle-malformed`."""
    entries, position = [], 0
    while position < len(encoded):
        start = position + 2
        position = start + int.from_bytes(encoded[position:start], "big")
        entries.append(encoded[start:position])
    if position != len(encoded) or len(entries) != width:
        raise Refusal("bundle-malformed", file=file)
    return entries


@dataclass(slots=True)
class Edge:
    """The unfinished tile of every level of a tree of `size` leaves."""

    size: int = 0
    levels: list[list[bytes]] = field(default_factory=lambda: [[] for _ in range(_LEVELS)])

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add one leaf hash; the tiles that this completes, as (level, index, bytes)."""
        self.size += 1
        completed: list[tuple[int, int, bytes]] = []
        carry = leaf
        for level, hashes in enumerate(self.levels):
            hashes.append(carry)
            if len(hashes) < WIDTH:
                break
            carry = root(hashes)
            completed.append((level, (self.size >> _BITS * (level + 1)) - 1, b"".join(hashes)))
            hashes.clear()
        return completed

    def partial_tiles(self) -> list[tuple[int, int, int, bytes]]:
        """The unfinished tiles as (level, index, width, bytes)."""
        return [
            (level, self.size >> _BITS * (level + 1), len(hashes), b"".join(hashes))
            for level, hashes in enumerate(self.levels)
            if hashes
        ]

    def root(self) -> bytes:
        """The root of the tree."""
        peaks: list[bytes] = []
        for hashes in reversed(self.levels):
            frontier = Frontier()
            for subtree in hashes:
                frontier.append(subtree)
            peaks += frontier.peaks
        return Frontier(self.size, peaks).root()

    def copy(self) -> "Edge":
        """An independent edge at the same size."""
        return Edge(self.size, [list(hashes) for hashes in self.levels])


class LogReader(Protocol):
    """Read access to a published log, wherever its files are, with the fallback from a partial tile to the full one."""

    def read(self, path: str) -> bytes:
        """The bytes of a file of the log; refuses `log-file-missing`."""
        ...

    def bundle(self, index: int, size: int) -> list[bytes]:
        """The entries of bundle `index` in the log of `size`."""
        width = width_at(0, index, size)
        path, encoded = self._read_either(tile_path(ENTRIES, index, width), tile_path(ENTRIES, index))
        return parse_bundle(encoded, width if path.endswith(f".p/{width}") else WIDTH, file=path)[:width]

    def entry(self, n: int, size: int) -> bytes:
        """The bytes of entry `n`."""
        return self.bundle(n // WIDTH, size)[n % WIDTH]

    def hashes(self, level: int, index: int, size: int) -> list[bytes]:
        """The hashes of a tile in the log of `size`."""
        width = width_at(level, index, size)
        path, encoded = self._read_either(tile_path(level, index, width), tile_path(level, index))
        if len(encoded) not in {width * HASH_SIZE, WIDTH * HASH_SIZE}:
            raise Refusal("tile-malformed", file=path)
        return [encoded[at : at + HASH_SIZE] for at in range(0, width * HASH_SIZE, HASH_SIZE)]

    def subtree(self, start: int, end: int, size: int) -> bytes:
        """The root over leaves `start` to `end` (a subtree that RFC 6962 names) in the log of `size`."""
        count = end - start
        if count & (count - 1):
            middle = start + split(count)
            return node_hash(self.subtree(start, middle, size), self.subtree(middle, end, size))
        level = (count.bit_length() - 1) // _BITS
        first, wanted = start >> _BITS * level, count >> _BITS * level
        return root(self.hashes(level, first // WIDTH, size)[first % WIDTH : first % WIDTH + wanted])

    def _read_either(self, path: str, full: str) -> tuple[str, bytes]:
        """The file at `path`, or the full one that has taken its place; which it was."""
        try:
            return path, self.read(path)
        except Refusal as refusal:
            if path == full or refusal.code != "log-file-missing":
                raise
        return full, self.read(full)


@dataclass(frozen=True, slots=True)
class LogFolder(LogReader):
    """A log in a folder of this machine."""

    folder: Path

    @override
    def read(self, path: str) -> bytes:
        """The bytes of a file of the log; refuses `log-file-missing`."""
        try:
            return (self.folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Refusal("log-file-missing", file=path) from error

    def position(self) -> int:
        """How many leaves the level 0 tiles hold: they are written last, so everything below exists."""
        full = _first_missing(lambda index: (self.folder / tile_path(0, index)).exists())
        partial = self.folder / f"{tile_path(0, full)}.p"
        names = [file.name for file in partial.iterdir()] if partial.is_dir() else []
        widths = [int(name) for name in names if name.isdecimal()]
        return full * WIDTH + max(widths, default=0)

    def edge(self, size: int) -> Edge:
        """The right edge of the log of `size`; a missing tile of a higher level is computed from the one below."""
        return Edge(size, [self._edge_of(level, size) for level in range(_LEVELS)])

    def _edge_of(self, level: int, size: int) -> list[bytes]:
        count = size >> _BITS * level
        return self._hashes_or_below(level, count // WIDTH, size) if count % WIDTH else []

    def _hashes_or_below(self, level: int, index: int, size: int) -> list[bytes]:
        try:
            return self.hashes(level, index, size)
        except Refusal:
            if level == 0:
                raise
        below = range(index * WIDTH, index * WIDTH + width_at(level, index, size))
        return [root(self._hashes_or_below(level - 1, tile, size)) for tile in below]


def width_at(level: int, index: int, size: int) -> int:
    """How many hashes tile `index` of `level` has in the log of `size`."""
    return min(WIDTH, (size >> _BITS * level) - index * WIDTH)


def _first_missing(exists: Callable[[int], bool]) -> int:
    """The first number for which `exists` is false, where all before it are true: found by doubling, then halving."""
    bound = 1
    while exists(bound - 1):
        bound *= 2
    low, high = bound // 2, bound - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if exists(middle) else (low, middle)
    return low
