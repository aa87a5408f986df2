"""A bundle of openings as a file of records: its header, one record per entry, a closing record.

All of a log up to a size, or with `first` the part from there on; it may be encrypted (`ledger.log.sealed`).
"""

import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeGuard, cast

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ledger.errors import Refusal
from ledger.log.encoding import b64, from_b64
from ledger.log.leaf import JSON, NONCE_SIZE, parse_canonical
from ledger.log.merkle import HASH_SIZE
from ledger.log.sealed import SealedReader, is_sealed
from ledger.verify.entry import Line
from ledger.verify.erased import Opened
from ledger.verify.log import LogWalk

BUNDLE_FORMAT = "bxl-openings/3"
OLDER_FORMATS = ("bxl-openings/1", "bxl-openings/2")
"""Bundles from before erasures; the first of them has no periods either."""
MAX_LINE = 1 << 28
"""Bytes of a record: the closing one tells of every account."""
FIRST_RECORD = 2
"""The line of entry 0."""


@dataclass(frozen=True, slots=True)
class Header:
    """Entries `first` to `size` - 1 are opened; the log's first `size` entries lead to `root`."""

    first: int
    size: int
    root: str
    is_part: bool


class Bundle:
    """The records of an openings file, in order; `file` names the line that is being looked at."""

    def __init__(self, source: BinaryIO, name: str) -> None:
        self._source = source
        self.name = name
        self.number = 0
        self.digest = hashlib.sha256()
        self.format = BUNDLE_FORMAT

    @property
    def file(self) -> str:
        """The file, and the line that was read last."""
        return f"{self.name} line {self.number}"

    def take(self, count: int) -> list[bytes]:
        """The next `count` lines as they stand; empty where there are no more."""
        lines = [self._source.readline(MAX_LINE) for _ in range(count)]
        self.digest.update(b"".join(lines))
        return lines

    def record(self, names: set[str]) -> Line:
        """The next record, which must have exactly these members."""
        [raw] = self.take(1)
        return self.parse(raw, self.number + 1, names)

    def parse(self, raw: bytes, number: int, names: set[str]) -> Line:
        """The record on line `number`, which must have exactly these members."""
        self.number = number
        if not raw.endswith(b"\n"):
            raise Refusal("openings-malformed" if len(raw) == MAX_LINE else "openings-end-early", line=number)
        try:
            value = parse_canonical(raw[:-1])
        except Refusal as refusal:
            raise Refusal("openings-malformed", line=number) from refusal
        if not isinstance(value, dict) or value.keys() != names:
            raise Refusal("openings-malformed", line=number)
        return value

    def header(self, walk: LogWalk) -> "Header":
        """The first record, held against the log: what is opened; refuses `openings-of-another-log` and its like."""
        [raw] = self.take(1)
        names = {"book", "bundle", "origin", "root", "size"}
        stated = self.parse(raw, 1, names | {"first"} if b'"first"' in raw else names)
        self.format = next((older for older in OLDER_FORMATS if stated["bundle"] == older), BUNDLE_FORMAT)
        return _checked(stated, walk, self.format)

    def end(self) -> None:
        """Nothing may follow; refuses `openings-malformed`."""
        if self._source.read(1):
            raise Refusal("openings-malformed", line=self.number + 1)


@contextmanager
def open_bundle(path: Path, key: X25519PrivateKey | None) -> Iterator[Bundle]:
    """The bundle in a file; a sealed one is opened with the auditor's key, refuses `openings-need-key` without."""
    with path.open("rb") as source:
        plain: BinaryIO = source
        if is_sealed(source):
            if key is None:
                raise Refusal("openings-need-key", file=path.name)
            plain = cast("BinaryIO", io.BufferedReader(SealedReader(source, key), 1 << 16))
        yield Bundle(plain, path.name)


def _checked(header: Line, walk: LogWalk, bundle_format: str) -> Header:
    for name, value in (("book", walk.policy.book), ("bundle", bundle_format), ("origin", walk.checkpoint.origin)):
        _expect(header, name, value)
    size, first, root = header["size"], header.get("first", 0), header["root"]
    if not (_is_count(size) and _is_count(first) and first < size and isinstance(root, str)):
        raise Refusal("openings-malformed", line=1)
    if size > walk.checkpoint.size:
        raise Refusal("openings-newer-than-log", size=size, log_size=walk.checkpoint.size)
    return Header(first, size, root, is_part="first" in header)


def _is_count(value: JSON) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def check_root(header: Header, walk: LogWalk) -> None:
    """The entries so far lead to the root that the bundle names; refuses `openings-of-another-log`."""
    _expect({"root": header.root}, "root", b64(walk.edge.root()))


def _expect(header: Line, name: str, value: JSON) -> None:
    if header[name] != value:
        raise Refusal("openings-of-another-log", member=name, stated=str(header[name])[:80], expected=str(value))


def opened_lines(record: Line, n: int, *, may_be_closed: bool) -> list[Opened]:
    """The lines of the record of entry `n`; refuses `openings-out-of-order`, `opening-does-not-fit`."""
    lines = record["lines"]
    if record["n"] != n or isinstance(record["n"], bool) or not isinstance(lines, list):  # false equals 0
        raise Refusal("openings-out-of-order", n=n)
    return [_opened_line(line, n, may_be_closed=may_be_closed) for line in lines]


def _opened_line(value: JSON, n: int, *, may_be_closed: bool) -> Opened:
    if isinstance(value, Mapping) and value.keys() == {"line", "nonce"}:
        line, encoded = value["line"], value["nonce"]
        if isinstance(line, Mapping) and isinstance(encoded, str) and len(nonce := from_b64(encoded)) == NONCE_SIZE:
            return nonce, line
    if may_be_closed and isinstance(value, Mapping) and value.keys() == {"commitment"}:
        closed = value["commitment"]
        if isinstance(closed, str) and len(committed := from_b64(closed)) == HASH_SIZE:
            return committed
    raise Refusal("opening-does-not-fit", n=n)
