"""Postings and journal entries: balanced per asset by construction, or refused.

An entry carries the date of effect, a purpose (a short stable word, such as `pledge-paid`), the fact key that makes it
exactly-once, the actor, and the hash of its evidence. It has no number and no instant yet: posting gives them.
"""

import hashlib
import json
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.money import MAX_MINOR

MAX_POSTINGS = 1_000
MAX_TEXT = 200
_ACTOR = re.compile(r"[a-z0-9][a-z0-9.:-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIRST_YEAR, _LAST_YEAR = 1900, 2200


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

    `key` is the fact key, unique among a book's posted entries. `evidence` is a SHA-256 in hex. `reverses` names the
    fact key of the entry that this one mirrors. `approvals` are the identifiers of the four-eyes approvals it rests on.
    """

    key: str
    effective_on: date
    purpose: str
    postings: tuple[Posting, ...]
    actor: str = "system"
    evidence: str | None = None
    reverses: str | None = None
    approvals: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not is_plain_text(self.key):
            raise Refusal("key-malformed", key=repr(self.key[:MAX_TEXT]))
        if not is_plain_text(self.purpose):
            raise Refusal("purpose-malformed", key=self.key, purpose=repr(self.purpose[:MAX_TEXT]))
        if not _ACTOR.fullmatch(self.actor):
            raise Refusal("actor-malformed", actor=self.actor[:64])
        if self.evidence is not None and not _SHA256.fullmatch(self.evidence):
            raise Refusal("evidence-malformed", key=self.key)
        if not _FIRST_YEAR <= self.effective_on.year < _LAST_YEAR:
            raise Refusal("date-out-of-range", key=self.key, effective_on=self.effective_on.isoformat())
        if len(self.postings) < 2:  # noqa: PLR2004 -- double entry needs two lines
            raise Refusal("entry-has-too-few-postings", key=self.key)
        if len(self.postings) > MAX_POSTINGS:
            raise Refusal("entry-has-too-many-postings", key=self.key, postings=len(self.postings), limit=MAX_POSTINGS)
        self._check_balanced()

    def _check_balanced(self) -> None:
        sums: dict[str, int] = defaultdict(int)
        for posting in self.postings:
            sums[posting.account.asset] += posting.signed
        for asset, difference in sums.items():
            if difference:
                raise Refusal("entry-unbalanced", key=self.key, asset=asset, difference=difference)

    def body_hash(self) -> str:
        """SHA-256 (hex) of all that the caller stated: the same key with another hash is another fact, and refused."""
        body = [
            self.key,
            self.effective_on.isoformat(),
            self.purpose,
            self.actor,
            self.evidence,
            self.reverses,
            list(self.approvals),
            [[str(p.account), p.account.asset, p.debit, p.credit] for p in self.postings],
        ]
        return hashlib.sha256(json.dumps(body, separators=(",", ":")).encode()).hexdigest()


def is_plain_text(text: str) -> bool:
    r"""Whether `text` is 1 to 200 characters that read the same everywhere: NFC, beginning with a letter or a digit (so
    that no spreadsheet takes it for a formula), without control, format (bidirectional) or unassigned characters.

    >>> is_plain_text("Interest, March"), is_plain_text("=SUM(A1)"), is_plain_text("a\u202eb")
    (True, False, False)
    """
    return (
        0 < len(text) <= MAX_TEXT
        and text[0].isalnum()
        and unicodedata.is_normalized("NFC", text)
        and all(character.isprintable() for character in text)
    )
