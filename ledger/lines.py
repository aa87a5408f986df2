"""What a numbered entry commits to, and the rows that keep it: posting writes them, the audit checks them.

    genesis/1    entry 0; no lines; its public bytes hold the hash of the log's trust policy
    accounts/1   line 0 header; lines 1... open assets, then accounts
    posting/1    line 0 header; lines 1... postings
    hold/1       line 0 header; lines 1... amounts reserved
    rules/1      line 0 header; line 1 the account's new limits
    release/1, period/1, note/1   line 0 header, which says it all
    state/1, verdict/1            line 0 header; lines 1... findings
    block        RFC 6962 root of its entries' leaves; hash = SHA-256 of the canonical JSON of
                 `block, book, entries, first, last, postings, prev, root, sealed_at` and, where the commit kept answers
                 to requests, `requests`: their number and the RFC 6962 root over their digests

A header and an account without a person are committed under the book's own key, a personal account's lines under its
owner's.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from json.encoder import encode_basestring
from typing import NamedTuple

from ledger.accounts import AccountRef
from ledger.log.encoding import b64
from ledger.log.leaf import ACCOUNTS as ACCOUNTS
from ledger.log.leaf import GENESIS as GENESIS
from ledger.log.leaf import HOLD as HOLD
from ledger.log.leaf import JSON, canonical_json, minute
from ledger.log.leaf import NOTE as NOTE
from ledger.log.leaf import PERIOD as PERIOD
from ledger.log.leaf import POSTING as POSTING
from ledger.log.leaf import RELEASE as RELEASE
from ledger.log.leaf import RULES as RULES
from ledger.log.leaf import STATE as STATE
from ledger.log.leaf import VERDICT as VERDICT
from ledger.log.merkle import leaf_hash, root

ZERO_HASH = bytes(32)
BOOK_KEY = ""

Octets = bytes  # the type, where a field is called `bytes`
Details = Mapping[str, JSON]
"""Members of a header that only some types of entry have, such as `hold`, `until` or `text`."""


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
    details: Details | None = None


class PostingRow(NamedTuple):
    """A row of `posting`; `restates` is the last day of the closed period that a late posting belongs to."""

    account_id: int
    seq: int
    n: int
    line: int
    debit: int
    credit: int
    balance_after: int
    effective_on: date
    commitment: bytes
    restates: date | None = None


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


class RuleRow(NamedTuple):
    """A row of `account_rule`; the first version has the line of its account's opening and no commitment of its own."""

    account_id: int
    version: int
    minimum: int | None
    maximum: int | None
    from_n: int
    closed: bool = False
    commitment: bytes | None = None


class AssetRow(NamedTuple):
    """A row of `asset`."""

    asset: str
    scale: int
    opened_n: int
    line: int | None
    commitment: bytes | None


class HoldRow(NamedTuple):
    """A row of `hold`, named by the number of its entry."""

    hold_n: int
    expires_at: datetime | None


class HoldLineRow(NamedTuple):
    """A row of `hold_line`."""

    hold_n: int
    line: int
    account_id: int
    debit: int
    credit: int
    commitment: bytes


class HoldStepRow(NamedTuple):
    """A row of `hold_step`; every kind but `part` is the last step of its hold."""

    hold_n: int
    step: int
    kind: str
    n: int


class PeriodRow(NamedTuple):
    """A row of `period`: closed from entry `n` on; the first one has no beginning."""

    until_on: date
    since_on: date | None
    n: int


class FindingRow(NamedTuple):
    """A row of `finding`: one line of a state or a verdict, as it is committed to."""

    n: int
    line: int
    body: Mapping[str, JSON]
    commitment: bytes


class RequestRow(NamedTuple):
    """A row of `request`: the answer kept under an idempotency key, sealed by a block."""

    key: str
    actor: str
    body_hash: bytes
    outcome: Mapping[str, object]
    at: datetime
    block: int
    position: int

    def digest(self) -> bytes:
        """SHA-256 of the canonical JSON of all it says but the place."""
        stated: dict[str, JSON] = {
            "actor": self.actor,
            "at": instant_text(self.at),
            "body": b64(self.body_hash),
            "key": self.key,
            "outcome": outcome_text(self.outcome),
        }
        return hashlib.sha256(canonical_json(stated)).digest()


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
    requests: int = 0


def outcome_text(outcome: Mapping[str, object]) -> str:
    """The text of a kept answer: compact, keys sorted. It may hold `null`, which the log's own profile does not."""
    return json.dumps(outcome, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def instant_text(instant: datetime) -> str:
    """The instant in UTC to the microsecond, as lines and block headers carry it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def header_line(  # noqa: PLR0913 -- the members of a header
    *,
    actor: str,
    at: datetime,
    key: str | None = None,
    on: date | None = None,
    purpose: str | None = None,
    evidence: str | None = None,
    reverses: int | None = None,
    approvals: Sequence[str] = (),
    details: Details | None = None,
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
        **(details or {}),
    }
    return {name: value for name, value in line.items() if value is not None}


def plain_header(actor: str, at: str, key: str, on: str, purpose: str) -> bytes:
    """The canonical bytes of the header of a posting without anything special, written out since most are so."""
    key, purpose = encode_basestring(key), encode_basestring(purpose)
    return f'{{"actor":"{actor}","at":"{at}","key":{key},"on":"{on}","purpose":{purpose}}}'.encode()


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


def posting_opening(ref: AccountRef) -> str:
    """How every posting line of an account begins, in canonical JSON."""
    return f'{{"account":"{ref}","asset":"{ref.asset}",'


def posting_bytes(opening: str, debit: int, credit: int, *, seq: int | None, prev: bytes | None) -> bytes:
    """The canonical bytes of `posting_line`, written out: its members are ASCII and their order is known."""
    amount = f'"debit":{debit}' if debit else f'"credit":{credit}'
    if seq is None:
        return f"{opening}{amount}}}".encode()
    chain = f',"prev":"{b64(prev)}"' if prev is not None else ""
    return f'{opening}{amount}{chain},"v":{seq}}}'.encode()


def hold_line(ref: AccountRef, debit: int, credit: int) -> Mapping[str, JSON]:
    """Line 1... of a hold: one amount reserved."""
    return posting_line(ref, debit, credit, seq=None, prev=None)


def account_line(ref: AccountRef, minimum: int | None, maximum: int | None) -> Mapping[str, JSON]:
    """The line that opens an account, with its limits (signed) where it has any."""
    line: dict[str, JSON] = {"account": str(ref), "asset": ref.asset}
    if minimum is not None:
        line["minimum"] = minimum
    if maximum is not None:
        line["maximum"] = maximum
    return line


def rule_line(
    ref: AccountRef, version: int, minimum: int | None, maximum: int | None, *, closed: bool
) -> Mapping[str, JSON]:
    """The line of a new version of an account's limits; `closed` is there only where it is."""
    closing: dict[str, JSON] = {"closed": True} if closed else {}
    return {**account_line(ref, minimum, maximum), "version": version, **closing}


def asset_line(asset: str, scale: int) -> Mapping[str, JSON]:
    """The line that opens an asset."""
    return {"asset": asset, "scale": scale}


def genesis_bytes(instant: datetime, policy_hash: bytes) -> bytes:
    """The public bytes of entry 0, which binds the log to its trust policy."""
    return canonical_json({"n": 0, "policy": b64(policy_hash), "t": GENESIS, "ts": minute(instant)})


def seal_block(
    *,
    book_id: str,
    block: int,
    first_n: int,
    leaves: Sequence[bytes],
    postings: int,
    prev_hash: bytes,
    sealed_at: datetime,
    requests: Sequence[bytes] = (),
) -> BlockRow:
    """The block over entries with these leaf hashes, and over answers to requests with these digests."""
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
    if requests:
        header["requests"] = {"n": len(requests), "root": b64(root(leaf_hash(digest) for digest in requests))}
    digest = hashlib.sha256(canonical_json(header)).digest()
    return BlockRow(
        block, first_n, last_n, len(leaves), postings, block_root, prev_hash, digest, sealed_at, len(requests)
    )
