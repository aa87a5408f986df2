"""The audit of the rows: every stored column of the record is derived again and compared, then held against the log.

    commitments ─ entry bytes ─ leaves ─ blocks ─ head          hashes, bottom up
    sums per entry, limits in entry order, seq, balance_after, balance rows
    root over the leaves at every signed checkpoint             what outsiders have seen

It trusts no trigger and no constraint of the database. Failures are collected, up to a limit, so that one report shows
how far a damage reaches.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ledger.accounts import AccountRef, chart_row
from ledger.audit.lines import CHUNK, Openings, StatedEntry, stated_entries
from ledger.book import Book
from ledger.errors import Fact, InvariantError, Refusal
from ledger.integrator import read_checkpoint
from ledger.journal import JournalEntry, Posting
from ledger.lines import ACCOUNTS, GENESIS, POSTING, ZERO_HASH, RequestRow, genesis_bytes, seal_block
from ledger.log.checkpoint import open_checkpoint
from ledger.log.encoding import b64
from ledger.log.leaf import entry_bytes
from ledger.log.merkle import Frontier, leaf_hash
from ledger.log.policy import Policy, parse_policy
from ledger.log.tiles import POLICY
from ledger.storage import tables
from ledger.storage.base import json_text
from ledger.verify.receipt import NO_TRUTH, NO_WITNESSES
from ledger.verify.report import Report, Stop

MAX_FAILURES = 20
_UNREADABLE = (
    ArithmeticError,
    AttributeError,
    InvariantError,
    LookupError,
    TypeError,
    ValueError,
    sa.exc.SQLAlchemyError,
)
"""What a value of a kind that posting never writes leads to: that it can't be read is then the finding."""
NO_LOG = "signed checkpoints: no published log was found, so nothing outside the database was compared"
UNSIGNED = "any signed checkpoint: none is published, so nothing outside the database was compared"


@dataclass(slots=True)
class _Account:
    """An account as its rows so far make it."""

    ref: AccountRef
    opened_n: int
    minimum: int | None
    maximum: int | None
    posted: int = 0
    seq: int = 0
    last: bytes | None = None


def audit_rows(book: Book, log_dir: Path | None = None) -> Report:
    """Audit the rows of `book`, and compare them with the checkpoints kept in rows and published in `log_dir`."""
    report = Report(f"rows of book {book.book_id}")
    with book.read() as connection:
        _refuse_unknown(connection, book.book_id)
        try:
            _RowAudit(connection, book, report, log_dir).run()
        except Stop:
            report.not_checked.append("what comes after the failures above")
        except Refusal as refusal:
            report.failed("rows", "database", refusal)
        except _UNREADABLE as error:
            report.failed("rows", "database", Refusal("row-unreadable", error=f"{type(error).__name__}: {error}"[:200]))
    report.not_checked += [NO_WITNESSES, NO_TRUTH]
    return report


def _refuse_unknown(connection: sa.Connection, book_id: str) -> None:
    """A book of which there is no row at all is a wrong name, not a damaged book."""
    if all(
        connection.scalar(sa.select(table.c.book_id).where(table.c.book_id == book_id).limit(1)) is None
        for table in (tables.book, tables.head, tables.entry)
    ):
        raise Refusal("book-unknown", book=book_id)


class _RowAudit:
    """One pass over the entries of a book in one snapshot."""

    def __init__(self, connection: sa.Connection, book: Book, report: Report, log_dir: Path | None) -> None:
        self._connection = connection
        self._book_id = book.book_id
        self._report = report
        self._log_dir = log_dir
        self._openings = Openings(connection, book.book_id, book.keys)
        self._accounts: dict[int, _Account] = {}
        self._frontier = Frontier()
        self._roots: dict[int, bytes] = {}
        self._checkpoint_sizes: set[int] = set()
        self._lines = self._postings = self._assets = self._blocks = 0
        self._last: Any = None
        self._approvals: set[str] = set()

    def run(self) -> None:
        """All checks; ends early with `Stop` after `MAX_FAILURES`."""
        checkpoints = self._read_checkpoints()
        self._checkpoint_sizes = set(checkpoints)
        blocks = self._sealed()
        block, prev_hash, leaves, postings = next(blocks, None), ZERO_HASH, [], 0
        for entry in stated_entries(self._connection, self._book_id):
            self._check_entry(entry)
            leaves.append(entry.row.leaf)
            postings += len(entry.lines) - 1 if entry.row.type == POSTING else 0
            if block is None or entry.row.block != block.block:
                self._differs("entry", "block", n=entry.row.n)
            if block is not None and entry.row.n == block.last_n:
                self._check_block(block, prev_hash, leaves, postings)
                prev_hash, leaves, postings = block.hash, [], 0
                block = next(blocks, None)
        if block is not None or leaves:
            self._differs("block", "last_n", block=self._blocks)
        self._check_head(prev_hash)
        self._check_balances()
        self._check_counts()
        self._check_keys()
        self._check_approvals()
        self._note()
        self._check_checkpoints(checkpoints)

    # entries

    def _check_entry(self, entry: StatedEntry) -> None:
        row, n = entry.row, self._frontier.size
        if row.n != n:
            self._differs("entry", "n", n=row.n)
        if self._last is not None and row.booked_at < self._last.booked_at:
            self._differs("entry", "booked_at", n=row.n)
        if row.type == GENESIS:
            expected = self._genesis(row)
        else:
            self._check_lines(entry)
            expected = entry_bytes(row.n, row.type, row.booked_at, [line.commitment for line in entry.lines] or [b""])
        if (row.type == GENESIS) != (n == 0) or row.type not in {GENESIS, ACCOUNTS, POSTING}:
            self._differs("entry", "type", n=row.n)
        if row.bytes != expected:
            self._differs("entry", "bytes", n=row.n)
        if row.leaf != leaf_hash(row.bytes):
            self._differs("entry", "leaf", n=row.n)
        if row.type == POSTING:
            self._check_posting_entry(entry)
        elif row.type == ACCOUNTS:
            self._open(entry)
        self._last = row
        self._frontier.append(row.leaf)
        if self._frontier.size in self._checkpoint_sizes:
            self._roots[self._frontier.size] = self._frontier.root()

    def _genesis(self, row: sa.Row[Any]) -> bytes:
        """The bytes of entry 0, which has nothing else to say, and began when the book's row says."""
        book = self._connection.execute(sa.select(tables.book).where(tables.book.c.book_id == self._book_id)).one()
        absent = ("effective_on", "purpose", "fact_key", "body_hash", "evidence", "reverses", "approvals")
        silent = all(getattr(row, column) is None for column in (*absent, "header_commitment"))
        if not silent or row.lines != 0 or row.actor != "system":
            self._differs("entry", "columns", n=row.n)
        if book.created_at != row.booked_at:
            self._differs("book", "created_at", book=self._book_id)
        return genesis_bytes(row.booked_at, book.policy_hash)

    def _check_lines(self, entry: StatedEntry) -> None:
        row = entry.row
        if [line.index for line in entry.lines] != list(range(row.lines)):
            self._differs("entry", "lines", n=row.n)
        self._lines += len(entry.lines)
        for line in entry.lines:
            table = "entry" if line.index == 0 else "posting" if row.type == POSTING else "account or asset"
            with self._unless_wrong("commitments", table):
                if self._openings.commitment(row.n, line) != line.commitment:
                    self._differs(table, "commitment", n=row.n, line=line.index)

    def _open(self, entry: StatedEntry) -> None:
        for line in entry.lines[1:]:
            if "account" not in line.line:
                self._assets += 1
                continue
            row = line.row
            ref = AccountRef(row.code, row.owner, row.asset)
            if bool(row.personal) != (bool(ref.owner) and chart_row(ref.code).personal):
                self._differs("account", "personal", account=str(ref))
            if row.account_id != len(self._accounts) + 1:
                self._differs("account", "account_id", account=str(ref))
            self._accounts[row.account_id] = _Account(ref, row.n, row.minimum, row.maximum)

    def _check_posting_entry(self, entry: StatedEntry) -> None:
        row, sums, touched = entry.row, Counter[str](), set[int]()
        for line in entry.lines[1:]:
            self._check_posting(row, line.row, sums, touched)
        if any(sums.values()):
            self._differs("posting", "debit and credit", n=row.n)
        for account_id in sorted(touched):
            account = self._accounts[account_id]
            below = account.minimum is not None and account.posted < account.minimum
            if below or (account.maximum is not None and account.posted > account.maximum):
                self._differs("posting", "limits", n=row.n, account=str(account.ref))
        self._check_body(entry)

    def _check_posting(self, entry: sa.Row[Any], row: sa.Row[Any], sums: Counter[str], touched: set[int]) -> None:
        account = self._accounts.get(row.account_id)
        if account is None:
            self._differs("posting", "account_id", n=row.n, line=row.line)
            return
        account.seq += 1
        account.posted += row.debit - row.credit
        account.last = row.commitment
        self._postings += 1
        sums[account.ref.asset] += row.debit - row.credit
        touched.add(row.account_id)
        if (row.seq, row.balance_after) != (account.seq, account.posted):
            self._differs("posting", "seq or balance_after", n=row.n, line=row.line)
        if row.effective_on != entry.effective_on:
            self._differs("posting", "effective_on", n=row.n, line=row.line)

    def _check_body(self, entry: StatedEntry) -> None:
        """The body hash, by which a repeated fact key is recognised, and all that construction of an entry refuses."""
        row = entry.row
        try:
            reverses = None if row.reverses is None else self._key_of(row.reverses, before=row.n)
            self._approvals.update(row.approvals or ())
            journal_entry = JournalEntry(
                key=row.fact_key,
                effective_on=row.effective_on,
                purpose=row.purpose,
                postings=tuple(_posting(line.row) for line in entry.lines[1:]),
                actor=row.actor,
                evidence=row.evidence.hex() if row.evidence is not None else None,
                reverses=reverses,
                approvals=tuple(row.approvals or ()),
                **self._more(row),
            )
        except Refusal as refusal:
            self._failed("journal entries", "entry", refusal)
            return
        if row.body_hash is None or journal_entry.body_hash() != row.body_hash:
            self._differs("entry", "body_hash", n=row.n)

    def _more(self, row: sa.Row[Any]) -> dict[str, Any]:
        """What the header's details say of the entry that was asked for."""
        details = row.details or {}
        table = tables.entry
        where = (table.c.book_id == self._book_id, table.c.n == details.get("hold"))
        settles = None if "hold" not in details else self._connection.scalar(sa.select(table.c.fact_key).where(*where))
        return {"settles": settles, "releases_rest": "rest" in details, "metadata": details.get("meta", {})}

    def _key_of(self, n: int, *, before: int) -> str:
        table = tables.entry
        where = (table.c.book_id == self._book_id, table.c.n == n, table.c.reverses.is_(None))
        key = self._connection.scalar(sa.select(table.c.fact_key).where(*where))
        if key is None or n >= before:
            raise Refusal("reversal-does-not-fit", n=before, reverses=n)
        return str(key)

    # blocks and head

    def _sealed(self) -> Iterator[sa.Row[Any]]:
        table, following = tables.block, 0
        while True:
            where = (table.c.book_id == self._book_id, table.c.block >= following)
            rows = self._connection.execute(sa.select(table).where(*where).order_by(table.c.block).limit(CHUNK)).all()
            yield from rows
            if len(rows) < CHUNK:
                return
            following = rows[-1].block + 1

    def _check_block(self, block: sa.Row[Any], prev_hash: bytes, leaves: list[bytes], postings: int) -> None:
        expected = seal_block(
            book_id=self._book_id,
            block=self._blocks,
            first_n=self._frontier.size - len(leaves),
            leaves=leaves,
            postings=postings,
            prev_hash=prev_hash,
            sealed_at=block.sealed_at,
            requests=self._request_digests(block.block),
        )
        for column, value in expected._asdict().items():
            if getattr(block, column) != value:
                self._differs("block", column, block=block.block)
        self._blocks += 1

    def _request_digests(self, block: int) -> list[bytes]:
        table = tables.request
        names = RequestRow._fields
        query = sa.select(*(table.c[name] for name in names)).where(
            table.c.book_id == self._book_id, table.c.block == block
        )
        return [RequestRow(*row).digest() for row in self._connection.execute(query.order_by(table.c.position))]

    def _check_head(self, last_hash: bytes) -> None:
        table = tables.head
        head = self._connection.execute(sa.select(table).where(table.c.book_id == self._book_id)).one()
        expected = {
            "next_n": self._frontier.size,
            "next_block": self._blocks,
            "next_account": len(self._accounts) + 1,
            "last_hash": last_hash,
            "last_booked_at": self._last.booked_at if self._last is not None else None,
        }
        for column, value in expected.items():
            if getattr(head, column) != value:
                self._differs("head", column, book=self._book_id)

    # what the two tables that change must equal, and what must not be there besides

    def _check_balances(self) -> None:
        table = tables.balance
        rows = self._connection.execute(
            sa.select(table).where(table.c.book_id == self._book_id).order_by(table.c.account_id)
        )
        seen = 0
        for row in rows:
            account = self._accounts.get(row.account_id)
            if account is None:
                self._differs("balance", "account_id", account=str(row.account_id))
                continue
            seen += 1
            expected = (account.posted, account.seq, account.minimum, account.maximum, account.last)
            if (row.posted, row.seq, row.minimum, row.maximum, row.last_commitment) != expected:
                self._differs("balance", "posted, seq, limits or last_commitment", account=str(account.ref))
        if seen != len(self._accounts):
            self._differs("balance", "rows", rows=seen, expected=len(self._accounts))

    def _check_counts(self) -> None:
        """Rows that no entry leads to are as wrong as rows that differ."""
        accounts = len(self._accounts)
        expected = {
            tables.posting: self._postings,
            tables.account: accounts,
            tables.account_rule: accounts,
            tables.asset: self._assets + 1,
            tables.block: self._blocks,
        }
        for table, count in expected.items():
            query = sa.select(sa.func.count()).select_from(table).where(table.c.book_id == self._book_id)
            rows = self._connection.scalar(query)
            if rows != count:
                self._differs(table.name, "rows", rows=rows, expected=count)
        rule = tables.account_rule
        for row in self._connection.execute(sa.select(rule).where(rule.c.book_id == self._book_id)):
            account = self._accounts.get(row.account_id)
            if account is None or row.version != 1 or row.from_n != account.opened_n:
                self._differs("account_rule", "from_n", account=str(account.ref if account else row.account_id))
        asset = tables.asset
        first = sa.select(asset.c.asset, asset.c.scale, asset.c.opened_n, asset.c.commitment)
        first = first.where(asset.c.book_id == self._book_id, asset.c.line.is_(None))
        if [tuple(row) for row in self._connection.execute(first)] != [("EUR", 2, 0, None)]:
            self._differs("asset", "scale", asset="EUR")

    def _check_keys(self) -> None:
        """A fact key is posted once, and an entry reversed once, whatever the database's own constraints say."""
        table = tables.entry
        for column in (table.c.fact_key, table.c.reverses):
            query = sa.select(column).where(table.c.book_id == self._book_id, column.is_not(None))
            for value in self._connection.scalars(query.group_by(column).having(sa.func.count() > 1)):
                self._differs("entry", column.name, value=str(value))

    def _check_approvals(self) -> None:
        """Each approval that an entry rests on was asked for with this body, and given by somebody else."""
        asked, given = tables.approval_request, tables.approval_given
        for approval_id in sorted(self._approvals):
            same = sa.and_(given.c.book_id == asked.c.book_id, given.c.approval_id == asked.c.approval_id)
            where = (asked.c.book_id == self._book_id, asked.c.approval_id == approval_id)
            query = sa.select(asked, given.c.approver).join_from(asked, given, same).where(*where)
            row = self._connection.execute(query).one_or_none()
            if row is None or row.approver == row.requested_by:
                self._differs("approval_given", "approver", approval=approval_id)
            elif hashlib.sha256(json_text([row.action, row.body]).encode()).digest() != row.body_hash:
                self._differs("approval_request", "body_hash", approval=approval_id)

    # the log

    def _read_checkpoints(self) -> dict[int, bytes]:
        """The roots that were signed, by size: kept as rows, and published; their signatures are checked."""
        table = tables.checkpoint
        kept = self._connection.execute(sa.select(table).where(table.c.book_id == self._book_id)).all()
        policy = self._policy()
        if policy is None:
            self._report.missing += [NO_LOG] if kept or self._log_dir is not None else []
            return {}
        roots: dict[int, bytes] = {}
        for row in kept:
            with self._unless_wrong("checkpoint rows", f"checkpoint size {row.size}"):
                checkpoint, _ = open_checkpoint(row.note.encode(), policy.log_keys)
                if (checkpoint.size, checkpoint.root) != (row.size, row.root):
                    raise Refusal("row-differs", table="checkpoint", column="root", size=row.size)
                roots[row.size] = row.root
        assert self._log_dir is not None
        with self._unless_wrong("published checkpoint", "checkpoint"):
            published = read_checkpoint(self._log_dir)
            if published is not None:
                root = published[0].root
                if roots.setdefault(published[0].size, root) != root:
                    raise Refusal("log-root-differs", size=published[0].size)
        return roots

    def _policy(self) -> Policy | None:
        if self._log_dir is None or not (self._log_dir / POLICY).exists():
            return None
        policy: Policy | None = None
        with self._unless_wrong("policy", POLICY):
            policy = parse_policy((self._log_dir / POLICY).read_bytes())
            stored = sa.select(tables.book.c.policy_hash, tables.book.c.origin)
            row = self._connection.execute(stored.where(tables.book.c.book_id == self._book_id)).one()
            if row.policy_hash != policy.sha256:
                raise Refusal("policy-differs-from-genesis", policy=policy.sha256.hex())
            if row.origin != policy.origin:
                raise Refusal("row-differs", table="book", column="origin", book=self._book_id)
        return policy

    def _check_checkpoints(self, checkpoints: dict[int, bytes]) -> None:
        for size, root in sorted(checkpoints.items()):
            with self._unless_wrong("signed roots", f"checkpoint size {size}"):
                if self._roots.get(size) != root:
                    raise Refusal("log-root-differs", size=size)
        if checkpoints:
            last = max(checkpoints)
            detail = f"{len(checkpoints)} signed checkpoints fit the rows; the last has {last} entries"
            self._report.passed("signed checkpoints", "checkpoint", f"{detail} and root {b64(checkpoints[last])}")
            later = self._frontier.size - last
            if later:
                self._report.not_checked.append(f"{later} entries after the last signed checkpoint against a signature")
        elif NO_LOG not in self._report.missing:
            self._report.not_checked.append(UNSIGNED)

    # reporting

    def _note(self) -> None:
        if any(not check.passed for check in self._report.checks):
            return
        entries, accounts = self._frontier.size, len(self._accounts)
        note = self._report.passed
        note("commitments", "entry, posting, account, asset", f"{self._lines} lines recomputed with their owners' keys")
        note("entries", "entry", f"{entries}, numbered without gaps; bytes, leaves and body hashes recomputed")
        note("blocks", "block, head", f"{self._blocks} roots and hashes recomputed, each naming the one before")
        note("postings", "posting", f"{self._postings}; each entry balances per asset, within every limit")
        note("approvals", "approval_request, approval_given", f"{len(self._approvals)}, each given by a second person")
        note("balances", "balance", f"{accounts} accounts: seq, balance_after and balance derived again")
        self._report.figures |= {"entries": entries, "postings": self._postings, "accounts": accounts}

    def _differs(self, table: str, column: str, **where: Fact) -> None:
        self._failed("rows", table, Refusal("row-differs", table=table, column=column, **where))

    def _failed(self, name: str, file: str, refusal: Refusal) -> None:
        self._report.failed(name, file, refusal)
        if sum(not check.passed for check in self._report.checks) >= MAX_FAILURES:
            raise Stop

    @contextmanager
    def _unless_wrong(self, name: str, file: str) -> Iterator[None]:
        """A check that is only mentioned when it fails."""
        try:
            yield
        except Refusal as refusal:
            self._failed(name, file, refusal)


def _posting(row: sa.Row[Any]) -> Posting:
    return Posting(AccountRef(row.code, row.owner, row.asset), debit=row.debit, credit=row.credit)
