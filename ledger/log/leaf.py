"""The bytes of a log entry: canonical JSON, line commitments, and the public entry that binds them.

    line JSON ──┐
    nonce (32) ─┴ SHA-256 ─> commitment ──┐
                             commitment ──┴ RFC 6962 root ─> public entry bytes ─> leaf of the log

Canonical JSON is RFC 8785 restricted to ASCII keys, NFC strings, integers below 2^53 and no floats or nulls; in that
profile it equals compact `json.dumps` with sorted keys. Line 0 is the entry's header, lines 1... are its postings.
"""

import hashlib
import hmac
import json
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NoReturn

from ledger.errors import Refusal
from ledger.log.encoding import b64
from ledger.log.merkle import HASH_SIZE, leaf_hash, node_hash, root, split

JSON = str | int | bool | Sequence["JSON"] | Mapping[str, "JSON"]

NONCE_SIZE = 32
GENESIS, ACCOUNTS, POSTING = "genesis/1", "accounts/1", "posting/1"
HOLD, RELEASE, RULES, PERIOD = "hold/1", "release/1", "rules/1", "period/1"
NOTE, STATE, VERDICT = "note/1", "state/1", "verdict/1"
TOTALS, ANCHOR, ERASURE, KEY, POLICY = "totals/1", "anchor/1", "erasure/1", "key/1", "policy/1"
VOTE = "vote/1"
APPROVED_FINDINGS = frozenset({ERASURE, KEY, POLICY})
"""Findings that may name the approvals they rest on."""
FINDINGS = frozenset({STATE, VERDICT, TOTALS, ANCHOR, VOTE}) | APPROVED_FINDINGS
"""Types whose lines are findings: objects that say something of the record and move nothing."""
TYPES = frozenset({GENESIS, ACCOUNTS, POSTING, HOLD, RELEASE, RULES, PERIOD, NOTE}) | FINDINGS
_INTEGER_LIMIT = 2**53
_BLOCK_SIZE = hashlib.sha256().block_size
_INNER_PAD, _OUTER_PAD = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False)


def canonical_json(value: JSON) -> bytes:
    """The one encoding of `value`; refuses `value-not-canonical` for what the profile has no form for.

    >>> canonical_json({"b": [1, True], "a": "é"}).decode()
    '{"a":"é","b":[1,true]}'
    """
    _check(value)
    return _encoder.encode(value).encode()


def parse_canonical(encoded: bytes) -> JSON:
    """The value of canonical bytes; refuses `bytes-not-canonical` when encoding the value again gives other bytes."""
    try:
        value: JSON = json.loads(encoded, parse_float=_refuse_number, parse_constant=_refuse_number)
        again = canonical_json(value)
    except (ValueError, RecursionError, Refusal) as error:
        raise Refusal("bytes-not-canonical", reason=str(error)) from error
    if again != encoded:
        raise Refusal("bytes-not-canonical", reason="another encoding of the same value")
    return value


def nonce(subject_key: bytes, book_id: str, n: int, line: int) -> bytes:
    """The 32 bytes that hide line `line` of entry `n`: only the holder of the subject's key can derive them."""
    return hmac.digest(subject_key, nonce_message(book_id, n) + line.to_bytes(4, "big"), "sha256")


def nonce_message(book_id: str, n: int) -> bytes:
    """What the nonces of all lines of entry `n` are made from, before the line's number."""
    return book_id.encode() + b"\x00" + n.to_bytes(8, "big")


class Committer:
    """Commits lines under one key: HMAC (RFC 2104) with the key's two pads hashed once.

    >>> key = b"k" * 32
    >>> Committer(key).commit(nonce_message("main", 7), 0, b"{}") == commit_line(nonce(key, "main", 7, 0), {})
    True
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, subject_key: bytes) -> None:
        padded = subject_key.ljust(_BLOCK_SIZE, b"\x00")
        self._inner = hashlib.sha256(padded.translate(_INNER_PAD))
        self._outer = hashlib.sha256(padded.translate(_OUTER_PAD))

    def commit(self, message: bytes, line: int, stated: bytes) -> bytes:
        """SHA-256(nonce || canonical line), where `message` is `nonce_message` of the entry."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message + line.to_bytes(4, "big"))
        outer.update(inner.digest())
        return hashlib.sha256(outer.digest() + stated).digest()


def commit_line(line_nonce: bytes, line: Mapping[str, JSON]) -> bytes:
    """SHA-256(nonce || canonical line JSON); `cat nonce line | sha256sum` gives the same."""
    return hashlib.sha256(line_nonce + canonical_json(dict(line))).digest()


def lines_root(commitments: Iterable[bytes]) -> bytes:
    """The RFC 6962 root over an entry's line commitments, header first."""
    return root([leaf_hash(commitment) for commitment in commitments])


def entry_bytes(n: int, entry_type: str, instant: datetime, commitments: Sequence[bytes]) -> bytes:
    """The public bytes of entry `n`: count and root of its lines, its number, type, and instant cut to the minute.

    Written out, since every member has one form; `canonical_json` of the same members gives the same bytes.
    """
    if not commitments or len(b"".join(commitments)) != HASH_SIZE * len(commitments):
        raise Refusal("value-not-canonical", reason="an entry has at least one commitment of 32 bytes")
    lines = f'{{"n":{len(commitments)},"root":"{b64(lines_root(commitments))}"}}'
    return f'{{"l":{lines},"n":{n},"t":"{entry_type}","ts":"{minute(instant)}"}}'.encode()


@lru_cache(maxsize=64)
def minute(instant: datetime) -> str:
    """The instant in UTC, cut to the minute, as public entries show it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00Z")


def lines_path(commitments: Sequence[bytes], opened: Collection[int]) -> list[bytes]:
    """What a verifier needs beside the `opened` lines to compute `lines_root`: the roots of the largest subtrees of
    RFC 6962 that hold no opened line, from left to right.
    """
    path: list[bytes] = []

    def walk(start: int, end: int) -> None:
        if not any(start <= line < end for line in opened):
            path.append(lines_root(commitments[start:end]))
        elif end - start > 1:
            middle = start + split(end - start)
            walk(start, middle)
            walk(middle, end)

    walk(0, len(commitments))
    return path


def root_from_lines(count: int, opened: Mapping[int, bytes], path: Sequence[bytes]) -> bytes | None:
    """The root that `lines_path` and the commitments of the opened lines lead to, or None where the path can't fit."""
    if not opened or not all(0 <= line < count for line in opened):
        return None
    steps = list(reversed(path))

    def walk(start: int, end: int) -> bytes | None:
        if not any(start <= line < end for line in opened):
            return steps.pop() if steps else None
        if end - start == 1:
            return leaf_hash(opened[start])
        middle = start + split(end - start)
        left, right = walk(start, middle), walk(middle, end)
        return node_hash(left, right) if left is not None and right is not None else None

    result = walk(0, count)
    return result if not steps else None


def _check(value: object) -> None:
    match value:
        case str():
            if not value.isascii():
                _check_text(value)
        case bool():
            pass
        case int():
            if not -_INTEGER_LIMIT < value < _INTEGER_LIMIT:
                raise Refusal("value-not-canonical", reason="an integer of 2^53 or more")
        case dict():
            _check_keys(value)
            for member in value.values():
                _check(member)
        case list() | tuple():
            for member in value:
                _check(member)
        case _:
            raise Refusal("value-not-canonical", reason=f"a value of type {type(value).__name__}")


def _check_keys(value: dict[object, object]) -> None:
    try:
        fits = "".join(value).isascii()  # type: ignore[arg-type]  # joining is the check that all are text
    except TypeError:
        fits = False
    if not fits:
        raise Refusal("value-not-canonical", reason="a key that is not ASCII text")


def _check_text(value: str) -> None:
    if not unicodedata.is_normalized("NFC", value):
        raise Refusal("value-not-canonical", reason="text that is not in Unicode normal form C")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise Refusal("value-not-canonical", reason="text with a lone surrogate")


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"the number {text[:40]} is not an integer")
