"""What a holder keeps: a C2SP tlog-proof that an entry is in the log, and the opening of her line of that entry.

    receipt.tlog-proof   index, inclusion path, checkpoint with its signatures
    opening.json         the entry's public bytes, its header line and one posting line with their nonces, and the path
                         from those two commitments to the root that the public bytes hold

Both are parsed strictly: whatever would be written differently is refused, so that no byte can change unnoticed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.errors import InvariantError, Refusal
from ledger.log.checkpoint import Checkpoint
from ledger.log.encoding import b64, from_b64
from ledger.log.leaf import JSON, NONCE_SIZE, canonical_json, lines_path, parse_canonical
from ledger.log.merkle import HASH_SIZE, inclusion_proof
from ledger.log.tiles import LogFolder

_MAGIC = "c2sp.org/tlog-proof@v1"
_INDEX = "index "
_INDEX_LIMIT = 2**53


@dataclass(frozen=True, slots=True)
class ReceiptFiles:
    """The two files of a receipt."""

    proof: bytes
    opening: bytes


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A parsed tlog-proof; `checkpoint` is the signed note as it stands."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """The bytes of the file. The optional `extra` line, which nothing authenticates, is never written."""
        lines = [_MAGIC, f"{_INDEX}{self.index}", *(b64(step) for step in self.path), "", ""]
        return "\n".join(lines).encode() + self.checkpoint


@dataclass(frozen=True, slots=True)
class OpenedLine:
    """One line of an entry with the nonce that hides it."""

    index: int
    nonce: bytes
    line: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens one line of entry `entry["n"]`, and its header, which is line 0."""

    entry: Mapping[str, JSON]
    header: OpenedLine
    line: OpenedLine
    path: tuple[bytes, ...]

    def encode(self) -> bytes:
        """The bytes of the file: one object in canonical JSON."""
        return canonical_json(
            {
                "entry": dict(self.entry),
                "header": {"line": dict(self.header.line), "nonce": b64(self.header.nonce)},
                "line": {"index": self.line.index, "line": dict(self.line.line), "nonce": b64(self.line.nonce)},
                "path": [b64(step) for step in self.path],
            }
        )


def build_receipt(
    log: LogFolder,
    *,
    checkpoint: Checkpoint,
    note: bytes,
    entry: bytes,
    commitments: Sequence[bytes],
    header: OpenedLine,
    line: OpenedLine,
) -> ReceiptFiles:
    """The receipt of `line` of the entry with these public bytes, under a published `checkpoint` that covers it."""
    public = parse_canonical(entry)
    if not isinstance(public, dict) or not isinstance(public["n"], int):
        raise InvariantError("an entry without a number")
    n, size = public["n"], checkpoint.size
    path = inclusion_proof(n, size, lambda start, end: log.subtree(start, end, size))
    inner = lines_path(commitments, (header.index, line.index))
    opening = Opening(public, header, line, tuple(inner))
    return ReceiptFiles(TlogProof(n, tuple(path), note).encode(), opening.encode())


def parse_proof(encoded: bytes) -> TlogProof:
    """The proof in `encoded`; refuses `proof-malformed` with the reason. The checkpoint in it is still unopened."""
    head, separator, checkpoint = encoded.partition(b"\n\n")
    try:
        magic, index_line, *steps = head.decode("ascii").split("\n")
    except ValueError as error:
        raise Refusal("proof-malformed", reason="the first lines") from error
    if not separator or magic != _MAGIC:
        raise Refusal("proof-malformed", reason=f"the first line is not {_MAGIC}, or the blank line is missing")
    digits = index_line.removeprefix(_INDEX)
    if not index_line.startswith(_INDEX) or not digits.isdecimal() or len(digits) > len(str(_INDEX_LIMIT)):
        raise Refusal("proof-malformed", reason="the index line")
    try:
        path = tuple(from_b64(step) for step in steps)
    except Refusal as refusal:
        raise Refusal("proof-malformed", reason="a hash of the inclusion path") from refusal
    proof = TlogProof(int(digits), path, checkpoint)
    if any(len(step) != HASH_SIZE for step in path) or proof.encode() != encoded:
        raise Refusal("proof-malformed", reason="another encoding of the same proof")
    return proof


def parse_opening(encoded: bytes) -> Opening:
    """The opening in `encoded`; refuses `opening-malformed` with the reason. Nothing in it is verified yet."""
    try:
        value = parse_canonical(encoded)
        members = _object(value, {"entry", "header", "line", "path"})
        header = _object(members["header"], {"line", "nonce"})
        line = _object(members["line"], {"index", "line", "nonce"})
        opening = Opening(
            _object(members["entry"]),
            OpenedLine(0, _bytes(header["nonce"], NONCE_SIZE), _object(header["line"])),
            OpenedLine(_number(line["index"]), _bytes(line["nonce"], NONCE_SIZE), _object(line["line"])),
            tuple(_bytes(step, HASH_SIZE) for step in _list(members["path"])),
        )
    except Refusal as refusal:
        raise Refusal("opening-malformed", reason=str(refusal.facts.get("reason", refusal.code))) from refusal
    if opening.encode() != encoded:
        raise Refusal("opening-malformed", reason="another encoding of the same opening")
    return opening


def _object(value: JSON, names: set[str] | None = None) -> Mapping[str, JSON]:
    if not isinstance(value, dict) or (names is not None and value.keys() != names):
        raise _malformed(f"an object with the members {sorted(names)} is missing" if names else "an object is missing")
    return value


def _list(value: JSON) -> Sequence[JSON]:
    if not isinstance(value, list):
        raise _malformed("a list is missing")
    return value


def _text(value: JSON) -> str:
    if not isinstance(value, str):
        raise _malformed("a text is missing")
    return value


def _number(value: JSON) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _malformed("a number is missing")
    return value


def _bytes(value: JSON, size: int) -> bytes:
    raw = from_b64(_text(value))
    if len(raw) != size:
        raise _malformed(f"{size} bytes are missing")
    return raw


def _malformed(reason: str) -> Refusal:
    return Refusal("opening-malformed", reason=reason)
