"""What a numbered entry commits to, and the rows that keep it: posting writes them, the audit checks them.

    genesis/1    entry 0; no lines; its public bytes hold the hash of the log's trust policy
    accounts/1   line 0 header; lines 1... open assets, then accounts
    posting/1    line 0 header; lines 1... postings
    block        RFC 6962 root of its entries' leaves; hash = SHA-256 of the canonical JSON of
                 `block, book, entries, first, last, postings, prev, root, sealed_at`

A header and an account without a person are committed under the book's own key, a personal account's lines under its
owner's.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from ledger.accounts import AccountRef
from ledger.log.encoding import b64
from ledger.log.leaf import JSON, canonical_json
from ledger.log.merkle import root

GENESIS, ACCOUNTS, POSTING = "genesis/1", "accounts/1", "posting/1"
ZERO_HASH = bytes(32)
BOOK_KEY = ""

Octets = bytes  # the type, where a field is called `bytes`


class EntryRow(NamedTuple):
    """A row of `entry`."""

    n: int
    block: int
    type: str
    effective_on: date | None
    booked_at: datetime
    purpose: str | None
    fact_key: str | None
    body_hash: bytes | None
    evidence: bytes | None
    reverses: int | None
    actor: str
    approvals: list[str] | None
    lines: int
    header_commitment: bytes | None
    bytes: Octets
    leaf: Octets


class PostingRow(NamedTuple):
    """A row of `posting`."""

    account_id: int
    seq: int
    n: int
    line: int
    debit: int
    credit: int
    balance_after: int
    effective_on: date
    commitment: bytes


class AccountRow(NamedTuple):
    """A row of `account`."""

    account_id: int
    code: str
    owner: str
    asset: str
    personal: bool
    opened_n: int
    line: int
    commitment: bytes


class AssetRow(NamedTuple):
    """A row of `asset`."""

    asset: str
    scale: int
    opened_n: int
    line: int | None
    commitment: bytes | None


class BlockRow(NamedTuple):
    """A row of `block`."""

    block: int
    first_n: int
    last_n: int
    entries: int
    postings: int
    root: bytes
    prev_hash: bytes
    hash: bytes
    sealed_at: datetime


def instant_text(instant: datetime) -> str:
    """The instant in UTC to the microsecond, as lines and block headers carry it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def header_line(
    *,
    actor: str,
    at: datetime,
    key: str | None = None,
    on: date | None = None,
    purpose: str | None = None,
    evidence: str | None = None,
    reverses: int | None = None,
    approvals: Sequence[str] = (),
) -> Mapping[str, JSON]:
    """Line 0: the facts of the entry as a whole; what is absent is left out."""
    line: dict[str, JSON | None] = {
        "actor": actor,
        "approvals": list(approvals) or None,
        "at": instant_text(at),
        "evidence": evidence,
        "key": key,
        "on": on.isoformat() if on else None,
        "purpose": purpose,
        "reverses": reverses,
    }
    return {name: value for name, value in line.items() if value is not None}


def posting_line(
    ref: AccountRef, debit: int, credit: int, *, seq: int | None, prev: bytes | None
) -> Mapping[str, JSON]:
    """Line 1...: one posting; `seq` and the account's commitment before it are given for personal accounts only."""
    line: dict[str, JSON] = {"account": str(ref), "asset": ref.asset}
    line |= {"debit": debit} if debit else {"credit": credit}
    if seq is not None:
        line["v"] = seq
        if prev is not None:
            line["prev"] = b64(prev)
    return line


def account_line(ref: AccountRef, minimum: int | None, maximum: int | None) -> Mapping[str, JSON]:
    """The line that opens an account, with its limits (signed) where it has any."""
    line: dict[str, JSON] = {"account": str(ref), "asset": ref.asset}
    if minimum is not None:
        line["minimum"] = minimum
    if maximum is not None:
        line["maximum"] = maximum
    return line


def asset_line(asset: str, scale: int) -> Mapping[str, JSON]:
    """The line that opens an asset."""
    return {"asset": asset, "scale": scale}


def genesis_bytes(instant: datetime, policy_hash: bytes) -> bytes:
    """The public bytes of entry 0, which binds the log to its trust policy."""
    minute = instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    return canonical_json({"n": 0, "policy": b64(policy_hash), "t": GENESIS, "ts": minute})


def seal_block(
    *,
    book_id: str,
    block: int,
    first_n: int,
    leaves: Sequence[bytes],
    postings: int,
    prev_hash: bytes,
    sealed_at: datetime,
) -> BlockRow:
    """The block over entries with these leaf hashes."""
    block_root = root(leaves)
    last_n = first_n + len(leaves) - 1
    header: dict[str, JSON] = {
        "block": block,
        "book": book_id,
        "entries": len(leaves),
        "first": first_n,
        "last": last_n,
        "postings": postings,
        "prev": b64(prev_hash),
        "root": b64(block_root),
        "sealed_at": instant_text(sealed_at),
    }
    digest = hashlib.sha256(canonical_json(header)).digest()
    return BlockRow(block, first_n, last_n, len(leaves), postings, block_root, prev_hash, digest, sealed_at)
