"""Public entries and their opened lines: what they may hold, held strictly."""

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import partial

from ledger.errors import Refusal
from ledger.log.encoding import from_b64
from ledger.log.leaf import (
    ACCOUNTS,
    ANCHOR,
    APPROVED_FINDINGS,
    ERASURE,
    FINDINGS,
    GENESIS,
    HOLD,
    JSON,
    KEY,
    NOTE,
    PERIOD,
    POLICY,
    POSTING,
    RELEASE,
    RULES,
    TOTALS,
    TYPES,
    canonical_json,
    parse_canonical,
)
from ledger.log.merkle import HASH_SIZE
from ledger.log.policies import is_key_line, is_policy_line
from ledger.verify.dates import MICROSECOND, is_date, is_instant
from ledger.verify.plain import plain_entry

HEADER, ACCOUNT, ASSET, LINE, RULE, FINDING = "header", "account", "asset", "line", "rule", "finding"

_ACTOR = re.compile(r"[a-z0-9][a-z0-9.:-]{0,63}")
_ACCOUNT = re.compile(r"[0-9]{2,10}(:[A-Za-z0-9][A-Za-z0-9._-]{0,63})?")
_ASSET = re.compile(r"[A-Z]([A-Z0-9-]{0,22}[A-Z0-9])?")
_GROUP = re.compile(r"[0-9]{2,10}-(credit|debit)")
_META_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_BASIS = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MINUTE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:00Z")
_MAX_MINOR = 2**53 - 1
_MAX_SCALE = 9
_MAX_TEXT = 200
_MAX_META = 20

_DATED = frozenset({"actor", "at", "key", "on", "purpose"})
_KEYED = frozenset({"actor", "at", "key"})
_HEADERS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    ACCOUNTS: (frozenset({"actor", "at"}), frozenset()),
    POSTING: (_DATED, frozenset({"approvals", "evidence", "hold", "meta", "rest", "restates", "reverses"})),
    HOLD: (_DATED, frozenset({"approvals", "evidence", "expires", "meta"})),
    RELEASE: (_KEYED | {"hold", "step"}, frozenset({"evidence"})),
    RULES: (_KEYED, frozenset({"approvals", "evidence"})),
    PERIOD: (_KEYED | {"until"}, frozenset({"approvals", "evidence", "since"})),
    NOTE: (_KEYED | {"about", "text"}, frozenset({"evidence"})),
    **dict.fromkeys(FINDINGS, (_KEYED, frozenset({"evidence"}))),
    **dict.fromkeys(APPROVED_FINDINGS, (_KEYED, frozenset({"approvals", "evidence"}))),
}
"""What line 0 of each type must say, and what it may say besides."""

Line = Mapping[str, JSON]


def parse_entry(encoded: bytes, n: int) -> Line:
    """The public entry at index `n`.

    Refuses `entry-not-canonical`, `entry-type-unknown`, `entry-number-differs`, `entry-malformed`.
    """
    plain = plain_entry(encoded, n)
    if plain is not None:
        return plain
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
    if not isinstance(kind, str) or kind not in TYPES:  # a list can't be hashed
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
    kind = _kind_of(str(entry["t"]), index, line)
    if kind is None:
        raise Refusal("line-malformed", n=n, line=index)
    return kind


def _kind_of(entry_type: str, index: int, line: Line) -> str | None:
    """What a line below the header is, or None where it is nothing that may stand there."""
    if entry_type == POSTING:
        return LINE if _is_posting(line) else None
    if entry_type == HOLD:
        return LINE if not line.keys() & {"v", "prev"} and _is_posting(line) else None
    if entry_type == RULES:
        return RULE if index == 1 and _is_rule(line) else None
    if entry_type == ERASURE:
        return FINDING if _is_erasure(index, line) else None
    if entry_type in {KEY, POLICY} and index != 1:
        return None
    if entry_type in FINDINGS:  # what it says is for whoever compares it with the record
        return FINDING if _FINDING_FORMS.get(entry_type, _is_object)(line) else None
    if entry_type == ACCOUNTS and "account" in line:
        return ACCOUNT if _is_account(line, set()) else None
    if entry_type == ACCOUNTS:
        return ASSET if _is_asset(line) else None
    return None


def _check_header(entry: Line, line: Line) -> None:
    """The header states the instant whose minute is public, and what else its type has to say."""
    n = entry["n"]
    assert isinstance(n, int)
    required, optional = _HEADERS[str(entry["t"])]
    known = required <= line.keys() <= required | optional
    if not known or not all(_MEMBERS[name](value) for name, value in line.items()):
        raise Refusal("line-malformed", n=n, line=0)
    if {"hold", "reverses"} <= line.keys() or ("rest" in line and "hold" not in line):
        raise Refusal("line-malformed", n=n, line=0)
    at = MICROSECOND.fullmatch(str(line["at"]))
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


def _is_asset(line: Line) -> bool:
    return line.keys() == {"asset", "scale"} and _is(_ASSET, line["asset"]) and _is_scale(line["scale"])


def _is_account(line: Line, besides: set[str]) -> bool:
    """An account with its limits, where it has any; the smaller one first."""
    if line.keys() - besides - {"minimum", "maximum"} != {"account", "asset"}:
        return False
    limits = [line[name] for name in ("minimum", "maximum") if name in line]
    if not all(_is_integer(limit) for limit in limits):
        return False
    ordered = len(limits) < 2 or limits[0] <= limits[1]  # type: ignore[operator]  # noqa: PLR2004 -- both are integers
    return ordered and _is(_ACCOUNT, line["account"]) and _is(_ASSET, line["asset"])


def _is_rule(line: Line) -> bool:
    """A new version of an account's limits; `closed` is there only where it is true."""
    first = 2  # version 1 stands where the account was opened
    return (
        "version" in line
        and _is_account(line, {"version", "closed"})
        and _is_count(line["version"], least=first)
        and line.get("closed", True) is True
    )


def _is_anchor(line: Line) -> bool:
    """A timestamp over the checkpoint of a size: whose root it holds, hash of the token, the authority's instant."""
    return (
        line.keys() == {"kind", "root", "sha256", "size", "time"}
        and line["kind"] == "rfc3161"
        and isinstance(line["root"], str)
        and _is_hash(line["root"])
        and _is(_SHA256, line["sha256"])
        and _is_count(line["size"])
        and is_instant(line["time"])
    )


def _is_erasure(index: int, line: Line) -> bool:
    """First on what ground and how many lines are named here, in which part of how many; then the lines of entries."""
    if index == 1:
        counts = line.keys() == {"basis", "count", "part", "parts"} and _is_count(line["count"], least=0)
        return counts and _is(_BASIS, line["basis"]) and _in_order(line["part"], line["parts"])
    return line.keys() == {"entry", "from", "to"} and _is_count(line["entry"]) and _in_order(line["from"], line["to"])


def _in_order(first: object, last: object) -> bool:
    """Two counts, the second no less than the first."""
    return isinstance(first, int) and _is_count(first) and _is_count(last, least=first)


def _is_totals(line: Line) -> bool:
    """A group's tree over a period: how many accounts and leaves, what they come to, its root; `at` closed it."""
    if line.keys() != {"accounts", "asset", "at", "group", "leaves", "period", "root", "sum"}:
        return False
    leaves = line["leaves"]
    whole = isinstance(leaves, int) and _is_count(leaves) and not leaves & (leaves - 1)
    counts = _is_count(line["accounts"]) and _is_count(line["at"]) and _is_count(line["sum"], least=0)
    named = _is(_ASSET, line["asset"]) and _is(_GROUP, line["group"]) and is_date(line["period"])
    return whole and counts and named and _is_hash(line["root"])


def _is_object(_line: Line) -> bool:
    """Whatever was parsed as a line is one."""
    return True


_FINDING_FORMS: Mapping[str, Callable[[Line], bool]] = {
    ANCHOR: _is_anchor,
    KEY: is_key_line,
    POLICY: is_policy_line,
    TOTALS: _is_totals,
}
"""Findings whose lines have a fixed form."""


def _is(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: object, *, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= _MAX_MINOR


def _is_scale(value: object) -> bool:
    return _is_count(value, least=0) and isinstance(value, int) and value <= _MAX_SCALE


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_TEXT


def _is_meta(value: object) -> bool:
    if not isinstance(value, dict) or not 0 < len(value) <= _MAX_META:
        return False
    return all(_is(_META_NAME, name) and _is_text(text) for name, text in value.items())


def _are_approvals(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _is_hash(value: object) -> bool:
    try:
        return value is None or (isinstance(value, str) and len(from_b64(value)) == HASH_SIZE)
    except Refusal:
        return False


def _hash_of(value: object, n: int, member: str) -> None:
    if value is None or not _is_hash(value):
        raise Refusal("entry-malformed", n=n, member=member)


_MEMBERS: Mapping[str, Callable[[object], bool]] = {
    "about": _is_count,
    "actor": partial(_is, _ACTOR),
    "approvals": _are_approvals,
    "at": is_instant,
    "evidence": partial(_is, _SHA256),
    "expires": is_instant,
    "hold": _is_count,
    "key": _is_text,
    "meta": _is_meta,
    "on": is_date,
    "purpose": _is_text,
    "rest": lambda value: value == "released",
    "restates": is_date,
    "reverses": _is_count,
    "since": is_date,
    "step": lambda value: value in ("void", "expired"),
    "text": _is_text,
    "until": is_date,
}
"""Every member that a header can have, and what it may be."""
