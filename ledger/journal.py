"""Postings and journal entries: balanced per asset by construction, or refused.

An entry carries the date of effect, a purpose (a short stable word, such as `pledge-paid`), the fact key that makes it
exactly-once, the actor, and the hash of its evidence. It has no number and no instant yet: posting gives them.
What else can be entered in the record, from holds to period closes, is in `ledger.facts`.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from json.encoder import encode_basestring_ascii as _quoted

from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.money import MAX_MINOR, is_asset_code

MAX_POSTINGS = 1_000
MAX_TEXT = 200
_ACTOR = re.compile(r"[a-z0-9][a-z0-9.:-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
MAX_METADATA = 20
_METADATA_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of an entry: one of `debit` and `credit` is 0, the other 1 to 2^53 - 1 minor units of the asset."""

    account: AccountRef
    debit: int = 0
    credit: int = 0

    def __post_init__(self) -> None:
        for side, amount in (("debit", self.debit), ("credit", self.credit)):
            if isinstance(amount, bool) or not isinstance(amount, int):
                raise Refusal("amount-not-an-integer", account=str(self.account), side=side)
            if amount < 0:
                raise Refusal("amount-negative", account=str(self.account), side=side)
            if amount > MAX_MINOR:
                raise Refusal("amount-too-large", account=str(self.account), side=side)
        if self.debit and self.credit:
            raise Refusal("posting-has-both-sides", account=str(self.account))
        if not self.debit and not self.credit:
            raise Refusal("posting-is-empty", account=str(self.account))

    @property
    def signed(self) -> int:
        """Debit minus credit."""
        return self.debit - self.credit


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A balanced entry that is yet to be posted; construction refuses what can never be posted.

    `key` is the fact key, unique among a book's entries. `evidence` is a SHA-256 in hex. `reverses` names the fact key
    of the entry that this one mirrors. `approvals` are the identifiers of the four-eyes approvals it rests on.
    `settles` names the fact key of the hold whose reserved amounts it posts; with `releases_rest`, what stays reserved
    after it is freed. `metadata` is up to 20 texts by name (`[a-z][a-z0-9_]*`), committed to like everything else.
    """

    key: str
    effective_on: date
    purpose: str
    postings: tuple[Posting, ...]
    actor: str = "system"
    evidence: str | None = None
    reverses: str | None = None
    approvals: tuple[str, ...] = ()
    settles: str | None = None
    releases_rest: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        check_key(self.key)
        if not is_plain_text(self.purpose):
            raise Refusal("purpose-malformed", key=self.key, purpose=repr(self.purpose[:MAX_TEXT]))
        check_actor(self.actor)
        check_evidence(self.key, self.evidence)
        check_date(self.key, self.effective_on)
        if len(self.postings) < 2:  # noqa: PLR2004 -- double entry needs two lines
            raise Refusal("entry-has-too-few-postings", key=self.key)
        if len(self.postings) > MAX_POSTINGS:
            raise Refusal("entry-has-too-many-postings", key=self.key, postings=len(self.postings), limit=MAX_POSTINGS)
        for named in (self.reverses, self.settles):
            if named is not None:
                check_key(named)
        if self.settles is not None and self.reverses is not None:
            raise Refusal("entry-settles-and-reverses", key=self.key)
        if self.metadata:
            _check_metadata(self.key, self.metadata)
        self._check_balanced()

    @property
    def ends_hold(self) -> bool:
        """Whether it frees what stays reserved after it: only what settles a hold can."""
        return self.settles is not None and self.releases_rest

    def _check_balanced(self) -> None:
        sums: dict[str, int] = {}
        for posting in self.postings:
            asset = posting.account.asset
            sums[asset] = sums.get(asset, 0) + posting.debit - posting.credit
        for asset, difference in sums.items():
            if not is_asset_code(asset):
                raise Refusal("asset-code-malformed", asset=repr(asset[:40]))
            if difference:
                raise Refusal("entry-unbalanced", key=self.key, asset=asset, difference=difference)

    def body_hash(self) -> bytes:
        """SHA-256 of all that the caller stated: the same key with another hash is another fact, and refused.

        The compact JSON of key, date, purpose, actor, evidence, reverses, approvals and postings, written out.
        """
        lines = ",".join([_stated(posting) for posting in self.postings])
        facts = [_optional(fact) for fact in (self.evidence, self.reverses)]
        stated = (
            f"[{_quoted(self.key)},{_quoted(self.effective_on.isoformat())},{_quoted(self.purpose)},{_quoted(self.actor)},"
            f"{facts[0]},{facts[1]},{_encode(self.approvals) if self.approvals else '[]'},[{lines}]"
        )
        if self.settles is not None or self.metadata:  # absent where there is nothing to say: older hashes stay valid
            stated += "," + _encode([self.settles, self.ends_hold, sorted(self.metadata.items())])
        return hashlib.sha256(f"{stated}]".encode()).digest()


def _stated(posting: Posting) -> str:
    code, owner, asset = posting.account
    return f'["{code}{":" if owner else ""}{owner}",{_quoted(asset)},{posting.debit},{posting.credit}]'


def _optional(text: str | None) -> str:
    return "null" if text is None else _quoted(text)


def body_digest(body: object) -> bytes:
    """SHA-256 of a body as compact JSON."""
    return hashlib.sha256(_encode(body).encode()).digest()


def check_key(key: str) -> None:
    """Refuses `key-malformed`."""
    if not is_plain_text(key):
        raise Refusal("key-malformed", key=repr(key[:MAX_TEXT]))


def check_actor(actor: str) -> None:
    """Refuses `actor-malformed`."""
    if not _ACTOR.fullmatch(actor):
        raise Refusal("actor-malformed", actor=actor[:64])


def check_evidence(key: str, evidence: str | None) -> None:
    """Refuses `evidence-malformed` for what is no SHA-256 in hex."""
    if evidence is not None and not _SHA256.fullmatch(evidence):
        raise Refusal("evidence-malformed", key=key)


def check_date(key: str, on: date) -> None:
    """Refuses `date-out-of-range` outside the years 1900 to 2199."""
    if not _FIRST_YEAR <= on.year < _LAST_YEAR:
        raise Refusal("date-out-of-range", key=key, effective_on=on.isoformat())


def _check_metadata(key: str, metadata: Mapping[str, str]) -> None:
    for name, text in metadata.items():
        if not _METADATA_NAME.fullmatch(name) or not is_plain_text(text):
            raise Refusal("metadata-malformed", key=key, name=repr(name[:40]))
    if len(metadata) > MAX_METADATA:
        raise Refusal("metadata-too-large", key=key, names=len(metadata), limit=MAX_METADATA)


def is_plain_text(text: str) -> bool:
    r"""Whether `text` is 1 to 200 characters that read the same everywhere: NFC, beginning with a letter or a digit (so
    that no spreadsheet takes it for a formula), without control, format (bidirectional) or unassigned characters.

    >>> is_plain_text("Interest, March"), is_plain_text("=SUM(A1)"), is_plain_text("a\u202eb")
    (True, False, False)
    """
    if not 0 < len(text) <= MAX_TEXT or not text[0].isalnum():
        return False
    if text.isascii():  # normal form C by itself
        return text.isprintable()
    return text.isprintable() and unicodedata.is_normalized("NFC", text)
