"""One pass over blocks and entries: hashes from the lines up to the head, and the books that they add up to.

lines ─ entry bytes ─ leaf ─ root of the block ─ hash of the block, which names the one before ─ head
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import islice

import sqlalchemy as sa

from ledger.audit.rows.accounts import Accounts
from ledger.audit.rows.entries import TABLES, Entries
from ledger.audit.rows.failures import Failures, broken
from ledger.audit.rows.periods import Periods
from ledger.audit.rows.postings import Postings
from ledger.audit.rows.stated import Stated
from ledger.audit.rows.streams import Streams
from ledger.book import Book
from ledger.lines import BlockRow, genesis_bytes, instant_text, seal_block
from ledger.log.encoding import b64
from ledger.log.leaf import GENESIS, POSTING, TYPES, canonical_json, lines_root, minute
from ledger.log.merkle import Frontier
from ledger.storage.base import from_microseconds
from ledger.storage.scan import Row, fetch

_sha256 = hashlib.sha256
_MINUTE = 60_000_000
_TARGET = "SELECT type, reverses FROM entry WHERE book_id = ? AND n = ?"
_LEGS = "SELECT account_id, debit, credit FROM posting WHERE book_id = ? AND n = ?"
_PERIOD = "SELECT max(n) FROM period WHERE book_id = ?"
_BOOK = "SELECT policy_hash, created_at FROM book WHERE book_id = ?"
_SILENT = (3, 8, 9, 10, 11, 12, 13, 14, 16)
"""Columns of entry 0 that say nothing; who it was that made the book is known."""


class Walk:
    """The pass; with `stated`, every line is opened with its owner's key, and every body hashed again.

    `sizes` are those of signed checkpoints, whose roots are then in `roots`.
    """

    def __init__(
        self, connection: sa.Connection, book: Book, failures: Failures, *, stated: bool, sizes: AbstractSet[int]
    ) -> None:
        self._connection, self._book_id, self._failures = connection, book.book_id, failures
        self._streams = Streams(connection, book.book_id, failures, stated=stated)
        self.accounts = Accounts(failures)
        self.postings = Postings(self._streams.postings, self.accounts, failures)
        last_close = fetch(connection, _PERIOD, (book.book_id,))[0][0]
        last_n, today = -1 if last_close is None else last_close, book.today_in(connection).isoformat()
        self.periods = Periods(self._streams.period_balance, failures, last_n=last_n, today=today)
        self.entries = Entries(self._streams, self.accounts, self.periods, failures)
        self.stated = Stated(connection, book, self.accounts, failures) if stated else None
        self.size = self.blocks = self.requests = 0
        self.last_hash, self.sealed_at = bytes(32), 0
        self._minute, self._minute_text = -1, ""
        self._has_more = stated or last_n >= 0
        self._sizes = sizes
        self._frontier = Frontier()
        self.roots: dict[int, bytes] = {}

    def run(self) -> None:
        """Every block with its entries, in order, until nothing is left."""
        self.entries.open_first()
        for block in self._streams.blocks:
            self._check_block(block)
        if next(self._streams.entries, None) is not None:
            self._failures.differs("block", "last_n", block=self.blocks)
        self.postings.finish()
        self.entries.finish()

    def _check_block(self, block: Row) -> None:
        number, _, last_n, _, _, _, _, _, sealed_at, _ = block
        first_n, before, leaves = self.size, self.postings.count, list[bytes]()
        if sealed_at < self.sealed_at:
            self._failures.differs("block", "sealed_at", block=number)
        self.sealed_at = sealed_at
        for row in islice(self._streams.entries, max(last_n - first_n + 1, 0)):
            leaves.append(self._check_entry(row, number, sealed_at))
        if len(leaves) != last_n - first_n + 1:
            broken("block", "last_n", block=number)
        expected = seal_block(
            book_id=self._book_id,
            block=self.blocks,
            first_n=first_n,
            leaves=leaves,
            postings=self.postings.count - before,
            prev_hash=self.last_hash,
            sealed_at=from_microseconds(sealed_at),
            requests=self._answers(number),
        )
        if (*expected[:-2], sealed_at, expected.requests) != block or not (leaves or expected.requests):
            stored = (*block[:-2], expected.sealed_at, block[-1])
            pairs = zip(BlockRow._fields, expected, stored, strict=True)
            column = next((name for name, value, other in pairs if value != other), "entries")
            self._failures.differs("block", column, block=number)
        self.last_hash = expected.hash
        self.blocks += 1

    def _answers(self, block: int) -> list[bytes]:
        """Digests of the answers that the block seals, by `ledger.lines.RequestRow`, from the texts as they are."""
        digests = []
        for place, (_, position, key, actor, body_hash, outcome, at) in enumerate(self._streams.request.take(block)):
            if position != place:
                self._failures.differs("request", "position", key=key)
            stated = {"actor": actor, "at": instant_text(from_microseconds(at)), "body": b64(body_hash), "key": key}
            digests.append(_sha256(canonical_json({**stated, "outcome": outcome})).digest())
        self.requests += len(digests)
        return digests

    def _check_entry(self, row: Row, block: int, sealed_at: int) -> bytes:
        n, stored_block, kind, on, at, lines, public, leaf, text, reverses, *_ = row
        if n != self.size or stored_block != block or at != sealed_at:
            column = "n" if n != self.size else "block" if stored_block != block else "booked_at"
            self._failures.differs("entry", column, n=n)
        self.size += 1
        late = self.periods.late(on) if self.periods.closed else None
        legs = self.postings.take(n, on, late)
        if kind != POSTING:
            count = self._check_other(row, legs)
        else:
            count = len(legs) + 1
            if text is not None or late is not None or reverses is not None or self._has_more:
                self._check_more(row, legs, late)
            elif self.postings.beyond:
                self.postings.check_bounds(n, legs)
        if count != lines:
            self._failures.differs("entry", "lines", n=n)
        if leaf != _sha256(b"\x00" + public).digest():
            self._failures.differs("entry", "leaf", n=n)
        if self._sizes:
            self._frontier.append(leaf)
            if self.size in self._sizes:
                self.roots[self.size] = self._frontier.root()
        result: bytes = leaf
        return result

    def _check_more(self, row: Row, legs: Sequence[Row], late: str | None) -> None:
        """What most posting entries do not have, or the fast level does not look at."""
        n, reverses, previous = row[0], row[9], self.postings.previous
        details = None
        if row[8] is not None or late is not None:
            details = self.entries.details(row)
            self.entries.settle(row, details or {}, legs, late)
        if self.postings.beyond:
            self.postings.check_bounds(n, legs)
        if reverses is not None:
            self._check_reversal(n, reverses, legs)
        if n < self.periods.last_n:
            self.periods.add(legs, late)
        if self.stated is not None:
            self._check_public(row, [leg[8] for leg in legs])
            self.stated.check_posting(row, details, legs, previous)

    def _check_other(self, row: Row, legs: Sequence[Row]) -> int:
        """An entry without postings; gives the number of its lines."""
        n, kind = row[0], row[2]
        if legs or row[9] is not None or kind not in TYPES or (kind == GENESIS) != (n == 0):
            self._failures.differs("entry", "type", n=n)
        if kind == GENESIS:
            self._check_genesis(row)
            return 0
        details = self.entries.details(row)
        lines = self.entries.lines(row, details)
        if self.stated is not None:
            expires_at = self.entries.holds.expires_at(n)
            table = TABLES.get(kind, "entry")
            self._check_public(row, [line[2] for line in lines])
            self.stated.check_lines(row, details, lines, table=table, expires_at=expires_at)
        return len(lines) + 1

    def _check_genesis(self, row: Row) -> None:
        """The bytes of entry 0, which has nothing else to say, and began when the book's row says."""
        found = fetch(self._connection, _BOOK, (self._book_id,))
        if len(found) != 1:
            broken("book", "rows", book=self._book_id)
        policy_hash, created_at = found[0]
        whole = self.stated is not None
        silent = all(row[i] is None for i in _SILENT if i < len(row))
        if not silent or (whole and row[15] != "system"):
            self._failures.differs("entry", "columns", n=row[0])
        if created_at != row[4]:
            self._failures.differs("book", "created_at", book=self._book_id)
        if row[6] != genesis_bytes(from_microseconds(row[4]), policy_hash):
            self._failures.differs("entry", "bytes", n=row[0])

    def _check_reversal(self, n: int, reverses: int, legs: Sequence[Row]) -> None:
        """A reversal mirrors an earlier entry that is none itself; that it is the only one is checked of all keys."""
        target = fetch(self._connection, _TARGET, (self._book_id, reverses))
        mirror = Counter((leg[2], leg[5], leg[4]) for leg in legs)
        found = Counter(fetch(self._connection, _LEGS, (self._book_id, reverses)))
        if target != [(POSTING, None)] or reverses >= n or found != mirror:
            self._failures.differs("entry", "reverses", n=n)

    def _check_public(self, row: Row, commitments: Sequence[bytes]) -> None:
        """The public bytes are those that the lines lead to, as `ledger.log.leaf.entry_bytes` writes them."""
        n, kind, at, public, header = row[0], row[2], row[4], row[6], row[10]
        if at // _MINUTE != self._minute:
            self._minute, self._minute_text = at // _MINUTE, minute(from_microseconds(at))
        if len(commitments) == 2:  # noqa: PLR2004 -- most entries: two postings
            one, two = commitments
            left = _sha256(b"\x01" + _sha256(b"\x00" + header).digest() + _sha256(b"\x00" + one).digest()).digest()
            root = _sha256(b"\x01" + left + _sha256(b"\x00" + two).digest()).digest()
        else:
            root = lines_root([header, *commitments])
        lines = f'{{"n":{len(commitments) + 1},"root":"{b64(root)}"}}'
        if public != f'{{"l":{lines},"n":{n},"t":"{kind}","ts":"{self._minute_text}"}}'.encode():
            self._failures.differs("entry", "bytes", n=n)
