"""What most entries and their openings look like, recognised by their bytes instead of parsed and encoded again.

A posting without anything special has one spelling. Where the bytes are exactly that spelling, all is known that
parsing, checking and encoding again would show, at a fifth of the time. Anything else, right or wrong, is nobody's
concern here: it is `None`, and goes the long way through `ledger.verify.entry`, which says what is wrong.
"""

import binascii
import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

from ledger.log.leaf import GENESIS, JSON, POSTING, TYPES
from ledger.log.merkle import leaf_hash, root
from ledger.verify.dates import is_date, is_instant

_COUNT = rb"([1-9][0-9]{0,14})"  # below 2^53 whatever the digits
_HASH = rb'"([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)"'  # 32 bytes have one base64 spelling: the last two bits are 0
_TEXT = rb'"[ !#-\[\]-~]{1,200}"'  # ASCII that JSON leaves as it is
_DATE = rb"[0-9]{4}-[0-9]{2}-[0-9]{2}"

_ENTRY = re.compile(
    rb'\{"l":\{"n":' + _COUNT + rb',"root":' + _HASH + rb'\},"n":' + _COUNT + rb',"t":"([a-z]+/1)",'
    rb'"ts":"(' + _DATE + rb'T[0-9]{2}:[0-9]{2}):00Z"\}'
)
_HEADER = re.compile(
    rb'\{"lines":\[\{"line":(\{"actor":"[a-z0-9][a-z0-9.:-]{0,63}",'
    rb'"at":"((' + _DATE + rb'T(?:[01][0-9]|2[0-3]):[0-9]{2}):[0-5][0-9]\.[0-9]{6}Z)",'
    rb'(?:"evidence":"[0-9a-f]{64}",)?"key":(' + _TEXT + rb'),"on":"(' + _DATE + rb')","purpose":' + _TEXT + rb"\}),"
    rb'"nonce":' + _HASH + rb"\}"
)
_LINE = re.compile(
    rb',\{"line":(\{("account":"[^"\\]*","asset":"[^"\\]*"),"(debit|credit)":' + _COUNT + rb"(?:(?:"
    rb',"prev":' + _HASH + rb')?,"v":' + _COUNT + rb')?\}),"nonce":' + _HASH + rb"\}"
)
_TYPES = {kind.encode(): kind for kind in TYPES - {GENESIS}}
_POSTING = POSTING.encode()

PlainLine = tuple[bytes, int, int | None, str | None, bytes]
"""`"account":…,"asset":…` as it stands, signed amount, `v`, `prev`, commitment."""
PlainPosting = tuple[str, str, bytes, list[PlainLine]]
"""`at`, `on`, `key` as JSON, lines."""


def plain_entry(public: bytes, n: int) -> dict[str, JSON] | None:
    """The public entry in these bytes, if it is number `n`, of a known type, with lines."""
    found = _ENTRY.fullmatch(public)
    if found is None:
        return None
    count, lines_root, number, kind, minute = found.groups()
    if int(number) != n or kind not in _TYPES:
        return None
    lines: dict[str, JSON] = {"n": int(count), "root": lines_root.decode()}
    return {"l": lines, "n": n, "t": _TYPES[kind], "ts": f"{minute.decode()}:00Z"}


def plain_posting(public: bytes, record: bytes, n: int) -> PlainPosting | None:
    """Posting `n` with its opened lines, which hash to what the entry commits to; whether the accounts are open is
    not known here, nor whether their names are names.
    """
    entry, header = _ENTRY.fullmatch(public), _HEADER.match(record)
    if entry is None or header is None:
        return None
    count, lines_root, number, kind, public_minute = entry.groups()
    line, at, minute, key, on, nonce = header.groups()
    if int(number) != n or kind != _POSTING or minute != public_minute:
        return None
    leaves = [leaf_hash(_commitment(nonce, line))]
    lines, end = _plain_lines(record, header.end(), leaves)
    if lines is None or record[end:] != b'],"n":%b}\n' % number or int(count) != len(leaves):
        return None
    if binascii.b2a_base64(root(leaves), newline=False) != lines_root or not (_is_minute(minute) and _is_day(on)):
        return None
    return at.decode(), on.decode(), key, lines


def _plain_lines(record: bytes, start: int, leaves: list[bytes]) -> tuple[list[PlainLine] | None, int]:
    """The posting lines from `start`, and where they end; None where a chain has one of its two members only."""
    lines: list[PlainLine] = []
    while found := _LINE.match(record, start):
        line, account, side, amount, prev, v, nonce = found.groups()
        if v is not None and (prev is None) != (v == b"1"):
            return None, start
        committed = _commitment(nonce, line)
        leaves.append(leaf_hash(committed))
        signed = int(amount) if side == b"debit" else -int(amount)
        chain = (None if v is None else int(v), None if prev is None else prev.decode())
        lines.append((account, signed, *chain, committed))
        start = found.end()
    return lines, start


def prepare(first: int, publics: Sequence[bytes], records: Sequence[bytes]) -> list[tuple[bytes, PlainPosting | None]]:
    """For entries from `first` on, each with its record (there may be fewer): leaf hash, and the posting if plain.

    It depends on nothing else, so that another process may do it.
    """
    prepared = [
        (leaf_hash(public), plain_posting(public, record, n))
        for n, (public, record) in enumerate(zip(publics, records, strict=False), start=first)
    ]
    return prepared + [(leaf_hash(public), None) for public in publics[len(prepared) :]]


def _commitment(nonce: bytes, line: bytes) -> bytes:
    return hashlib.sha256(binascii.a2b_base64(nonce) + line).digest()


@lru_cache(maxsize=4096)
def _is_minute(minute: bytes) -> bool:
    return is_instant(f"{minute.decode()}:00.000000Z")


@lru_cache(maxsize=4096)
def _is_day(on: bytes) -> bool:
    return is_date(on.decode())
