"""Public entries and their opened lines: what they may hold, held strictly."""

import hashlib
import re
from collections.abc import Mapping
from datetime import date, datetime

from ledger.errors import Refusal
from ledger.log.encoding import from_b64
from ledger.log.leaf import ACCOUNTS, GENESIS, JSON, POSTING, canonical_json, parse_canonical
from ledger.log.merkle import HASH_SIZE

HEADER, ACCOUNT, ASSET, LINE = "header", "account", "asset", "line"

_ACCOUNT = re.compile(r"[0-9]{6}(:[a-z][a-z0-9]{0,31})?")
_ASSET = re.compile(r"[A-Z][A-Z0-9-]{0,23}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MINUTE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:00Z")
_MICROSECOND = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}):[0-9]{2}\.[0-9]{6}Z")
_MAX_MINOR = 2**53 - 1

Line = Mapping[str, JSON]


def parse_entry(encoded: bytes, n: int) -> Line:
    """The public entry at index `n`.

    Refuses `entry-not-canonical`, `entry-type-unknown`, `entry-number-differs`, `entry-malformed`.
    """
    try:
        entry = parse_canonical(encoded)
    except Refusal as refusal:
        raise Refusal("entry-not-canonical", n=n) from refusal
    if not isinstance(entry, dict):
        raise Refusal("entry-malformed", n=n, member="")
    check_entry(entry, n)
    return entry


def check_entry(entry: Line, n: int) -> None:
    """Check the members of a public entry; refuses like `parse_entry`."""
    kind = entry.get("t")
    if kind not in (GENESIS, ACCOUNTS, POSTING):  # a list can be compared where it can't be hashed
        raise Refusal("entry-type-unknown", n=n, type=str(kind)[:40])
    if entry.get("n") != n or isinstance(entry["n"], bool):  # true equals 1
        raise Refusal("entry-number-differs", n=n, stated=str(entry.get("n"))[:40])
    if (kind == GENESIS) != (n == 0):
        raise Refusal("entry-type-misplaced", n=n, type=str(kind))
    members = {"n", "policy", "t", "ts"} if kind == GENESIS else {"l", "n", "t", "ts"}
    if entry.keys() != members or not _is(_MINUTE, entry["ts"]):
        raise Refusal("entry-malformed", n=n, member="ts")
    if kind == GENESIS:
        _hash_of(entry["policy"], n, "policy")
        return
    lines = entry["l"]
    if not isinstance(lines, dict) or lines.keys() != {"n", "root"} or not _is_count(lines["n"]):
        raise Refusal("entry-malformed", n=n, member="l")
    _hash_of(lines["root"], n, "l.root")


def lines_of(entry: Line) -> tuple[int, bytes]:
    """How many lines a checked entry has, and the root over their commitments."""
    lines = entry["l"]
    assert isinstance(lines, dict)
    count, encoded = lines["n"], lines["root"]
    assert isinstance(count, int)
    assert isinstance(encoded, str)
    return count, from_b64(encoded)


def commitment(nonce: bytes, line: Line) -> bytes:
    """SHA-256(nonce || canonical line JSON)."""
    return hashlib.sha256(nonce + canonical_json(dict(line))).digest()


def check_line(entry: Line, index: int, line: Line) -> str:
    """Check the members of line `index` of an entry; says what it is. Refuses `line-malformed`."""
    n = entry["n"]
    assert isinstance(n, int)
    if index == 0:
        _check_header(entry, line)
        return HEADER
    if entry["t"] == POSTING:
        if not _is_posting(line):
            raise Refusal("line-malformed", n=n, line=index)
        return LINE
    if "account" not in line:
        if line.keys() != {"asset", "scale"} or not _is(_ASSET, line["asset"]) or not _is_count(line["scale"], least=0):
            raise Refusal("line-malformed", n=n, line=index)
        return ASSET
    limits = [line[name] for name in ("minimum", "maximum") if name in line]
    known = line.keys() <= {"account", "asset", "minimum", "maximum"} and "asset" in line
    if not known or not _is(_ACCOUNT, line["account"]) or not all(_is_integer(limit) for limit in limits):
        raise Refusal("line-malformed", n=n, line=index)
    return ACCOUNT


def _check_header(entry: Line, line: Line) -> None:
    """The header states the instant whose minute is public; of a posting also date, purpose and fact key."""
    n = entry["n"]
    assert isinstance(n, int)
    required = {"actor", "at"} | ({"key", "on", "purpose"} if entry["t"] == POSTING else set())
    optional = {"approvals", "evidence", "restates", "reverses"} if entry["t"] == POSTING else set()
    texts = ("actor", "at", "key", "on", "purpose", "evidence", "restates")
    if not required <= line.keys() <= required | optional:
        raise Refusal("line-malformed", n=n, line=0)
    at = _MICROSECOND.fullmatch(str(line["at"]))
    good = (
        all(isinstance(line.get(name, ""), str) for name in texts),
        _is_date(line.get("on", "2000-01-01")),
        _is(_SHA256, line.get("evidence", "0" * 64)),
        _is_count(line.get("reverses", 1)),
        isinstance(line.get("approvals", []), list),
        at is not None and _is_instant(str(line["at"])),
    )
    if not all(good):
        raise Refusal("line-malformed", n=n, line=0)
    if at is None or f"{at[1]}:00Z" != entry["ts"]:
        raise Refusal("entry-minute-differs", n=n, at=str(line["at"]), ts=str(entry["ts"]))


def _is_posting(line: Line) -> bool:
    sides = line.keys() & {"debit", "credit"}
    chain = line.keys() & {"v", "prev"}
    if line.keys() - sides - chain != {"account", "asset"} or len(sides) != 1:
        return False
    v, prev = line.get("v"), line.get("prev")
    chained = (v is None and prev is None) or (_is_count(v) and ((prev is None) == (v == 1)) and _is_hash(prev))
    amount = line[next(iter(sides))]
    return chained and _is_count(amount) and _is(_ACCOUNT, line["account"]) and _is(_ASSET, line["asset"])


def _is(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: object, *, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= _MAX_MINOR


def _is_hash(value: object) -> bool:
    try:
        return value is None or (isinstance(value, str) and len(from_b64(value)) == HASH_SIZE)
    except Refusal:
        return False


def _hash_of(value: object, n: int, member: str) -> None:
    if value is None or not _is_hash(value):
        raise Refusal("entry-malformed", n=n, member=member)


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_instant(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
