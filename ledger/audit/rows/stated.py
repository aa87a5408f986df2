"""The full level: what every line says, opened with its owner's key, and what was asked for, by its hash."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from ledger.audit.rows.accounts import Accounts
from ledger.audit.rows.bodies import Told, day, item_of, takes_approvals
from ledger.audit.rows.failures import Failures
from ledger.book import Book
from ledger.errors import Refusal
from ledger.journal import JournalEntry
from ledger.judge import check_exchange
from ledger.lines import BOOK_KEY, header_line, instant_text, plain_header, posting_bytes
from ledger.log.leaf import ERASURE, HOLD, POSTING, STATE, canonical_json
from ledger.storage.base import from_microseconds, json_text
from ledger.storage.scan import Row, fetch
from ledger.verify.erased import Closed

_KEY = "SELECT wrapped FROM subject_key WHERE book_id = ? AND owner = ?"
_FACT_KEY = "SELECT fact_key FROM entry WHERE book_id = ? AND n = ?"

Line = tuple[str, Mapping[str, Any], bytes, Any]
"""Line 1... of an entry without postings: whose key hides it, what it says, its commitment, and its row."""
_at_text = lru_cache(maxsize=16)(lambda instant: instant_text(from_microseconds(instant)))


class Stated:
    """Opens commitments and builds items again; `approvals` collects those that entries rest on."""

    def __init__(self, connection: sa.Connection, book: Book, accounts: Accounts, failures: Failures) -> None:
        self._connection = connection
        self._book = book
        self._accounts = accounts
        self._failures = failures
        self._prefix = book.book_id.encode() + b"\x00"
        self._found: dict[str, bytes | None] = {}
        self.closed = Closed()
        self._erased: dict[str, tuple[int, int]] = {}  # the first closed line of each owner without a key
        self.approvals: set[str] = set()
        self.lines = 0

    def check_posting(
        self, row: Row, details: Mapping[str, Any] | None, legs: Sequence[Row], previous: Sequence[bytes | None]
    ) -> None:
        """Header and postings of a posting entry, and its body."""
        n, accounts = row[0], self._accounts
        message = self._prefix + n.to_bytes(8, "big")
        self._check_header(row, details, message)
        for leg, prev in zip(legs, previous, strict=True):
            _, line, account, seq, debit, credit, _, _, commitment, _ = leg
            owner = accounts.owners[account]
            count = seq if owner else None
            said = posting_bytes(accounts.openings[account], debit, credit, seq=count, prev=prev)
            if self._differs(owner, message, line, said, commitment):
                self._failures.differs("posting", "commitment", n=n, line=line)
        self.lines += len(legs) + 1
        self._check_body(row, details, legs, None)

    def check_lines(
        self, row: Row, details: Mapping[str, Any] | None, lines: Sequence[Line], *, table: str, expires_at: int | None
    ) -> None:
        """Header and lines of any other entry, and its body where it has one."""
        message = self._prefix + row[0].to_bytes(8, "big")
        self._check_header(row, details, message)
        for index, (owner, said, commitment, _) in enumerate(lines, start=1):
            if self._differs(owner, message, index, canonical_json(dict(said)), commitment):
                self._failures.differs(table, "commitment", n=row[0], line=index)
        self.lines += len(lines) + 1
        if row[2] == STATE:
            self.closed.attested_n = row[0]
        elif row[2] == ERASURE:
            with self._failures.unless_wrong("erasures", "finding"):
                self.closed.name(row[0], [line[1] for line in lines])
        if row[2] == "accounts/1":  # opened by posting itself, on nobody's behalf
            _, fact_key, body_hash, *_ = row[11:]
            if fact_key is not None or body_hash is not None or row[16] is not None:
                self._failures.differs("entry", "body_hash", n=row[0])
            return
        self._check_body(row, details, [line[3] for line in lines], expires_at)

    def finish(self) -> None:
        """Nobody's key may be missing but that of a person who was erased, whose lines the log names."""
        for owner, first in self._erased.items():
            if first in self.closed.lines:
                self._failures.failed("commitments", "subject_key", Refusal("subject-key-destroyed", owner=owner))

    def _check_header(self, row: Row, details: Mapping[str, Any] | None, message: bytes) -> None:
        n, _, _, on, at, _, _, _, _, reverses, commitment, purpose, key, _, evidence, actor, approvals = row
        if details is None and approvals is None and evidence is None and reverses is None and on and purpose and key:
            said = plain_header(actor, _at_text(at), key, on, purpose)
        else:
            said = canonical_json(
                dict(
                    header_line(
                        actor=actor,
                        at=from_microseconds(at),
                        key=key,
                        on=None if on is None else day(on),
                        purpose=purpose,
                        evidence=None if evidence is None else evidence.hex(),
                        reverses=reverses,
                        approvals=self._approvals(n, approvals),
                        details=details,
                    )
                )
            )
        if self._differs(BOOK_KEY, message, 0, said, commitment):
            self._failures.differs("entry", "header_commitment", n=n)

    def _approvals(self, n: int, text: str | None) -> tuple[str, ...]:
        if text is None:
            return ()
        listed = json.loads(text)
        if not listed or json_text(listed) != text:
            self._failures.differs("entry", "approvals", n=n)
        self.approvals.update(listed)
        return tuple(listed)

    def _check_body(
        self, row: Row, details: Mapping[str, Any] | None, lines: Sequence[Any], expires_at: int | None
    ) -> None:
        n, _, kind, on, _, _, _, _, _, reverses, _, purpose, key, body_hash, evidence, actor, approvals = row
        details = details or {}
        is_dated = kind in {POSTING, HOLD}
        if (
            is_dated != (on is not None)
            or is_dated != (purpose is not None)
            or (approvals and not takes_approvals(kind))
        ):
            self._failures.differs("entry", "columns", n=n)
        named = details.get("hold", details.get("about"))
        try:
            told = Told(
                n, kind, on, purpose, key, actor,
                None if evidence is None else evidence.hex(), self._approvals(n, approvals), details,
                None if reverses is None else self._key_of(reverses, before=n),
                None if named is None else self._key_of(named, before=n),
                expires_at,
            )  # fmt: skip
            item = item_of(told, lines, self._accounts)
            if self._accounts.trading and isinstance(item, JournalEntry):
                check_exchange(item.postings)
            fits = item.body_hash() == body_hash
        except Refusal as refusal:
            self._failures.failed("journal entries", "entry", refusal)
            return
        if not fits:
            self._failures.differs("entry", "body_hash", n=n)

    def _differs(self, owner: str, message: bytes, line: int, said: bytes, commitment: bytes) -> bool:
        """Whether the rows lead to another commitment; where the key was destroyed, the line is noted as closed."""
        if owner not in self._found:
            with self._failures.unless_wrong("commitments", "subject_key"):
                self._found[owner] = self._key(owner)
        key = self._found.get(owner)
        if key is None:
            closed = (int.from_bytes(message[-8:], "big"), line)
            self.closed.lines.add(closed)
            self._erased.setdefault(owner, closed)
            return False
        made = hmac.digest(key, message + line.to_bytes(4, "big"), "sha256")
        return hashlib.sha256(made + said).digest() != commitment

    def _key(self, owner: str) -> bytes | None:
        """The key of the owner, if there is one; that of the book must be there."""
        rows = fetch(self._connection, _KEY, (self._book.book_id, owner))
        if not rows or not rows[0][0]:
            return None
        return self._book.keys.unwrap(owner, bytes(rows[0][0]))

    def _key_of(self, n: object, *, before: int) -> str:
        """The fact key of an earlier entry."""
        rows = fetch(self._connection, _FACT_KEY, (self._book.book_id, n))
        if not isinstance(n, int) or n >= before or not rows or rows[0][0] is None:
            raise Refusal("row-differs", table="entry", column="details", n=before)
        return str(rows[0][0])
