"""What tests of the log share: a book that publishes, and a log forged by hand that is right but for one thing."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.audit.openings import bundle_lines
from ledger.book import Book, create_book
from ledger.clock import FixedClock
from ledger.integrator import _append, integrate
from ledger.journal import JournalEntry, Posting
from ledger.log.checkpoint import Checkpoint
from ledger.log.encoding import b64
from ledger.log.keys import create_log, load_keys
from ledger.log.leaf import JSON, canonical_json, commit_line, entry_bytes, nonce
from ledger.log.policy import Policy
from ledger.log.quorum import NO_QUORUM, Quorum
from ledger.log.tiles import Edge, LogFolder
from ledger.signer import Signer
from tests.conftest import NOON, make_keys

ORIGIN = "ledger.bxl-invest.example/main"
CERTIFICATE = hashlib.sha256(b"certificate of the tests").hexdigest()
ON = date(2026, 3, 2)
INSTANT = "2026-03-02T11:00:00.000000Z"


@dataclass
class PublishedBook:
    """A book with its log, and the signer that signs it."""

    book: Book
    folder: Path
    policy: Policy
    signer: Signer
    posted: int = 0

    @property
    def log_dir(self) -> Path:
        return self.folder / "log"

    def post(self, count: int = 1, *, citizens: int = 1) -> None:
        """Post `count` pledges of one to nine euro by a handful of citizens."""
        with self.book.unit_of_work(actor="s1") as unit:
            for _ in range(count):
                self.posted += 1
                amount = 100 * (self.posted % 9 + 1)
                unit.post(pledge(f"pay:{self.posted}:paid", f"c{self.posted % citizens}", amount))

    def publish(self) -> Checkpoint:
        integrate(self.book, self.log_dir)
        checkpoint = self.signer.run_round()
        assert checkpoint is not None
        return checkpoint

    def bundle(self) -> Path:
        path = self.folder / "openings.jsonl"
        path.write_bytes(b"".join(bundle_lines(self.book, self.log_dir)))
        return path


def published_book(
    engine: sa.Engine, folder: Path, clock: FixedClock | None = None, *, quorum: Quorum = NO_QUORUM
) -> PublishedBook:
    clock = clock or FixedClock(NOON)
    policy = create_log(
        folder / "keys",
        folder / "log",
        origin=ORIGIN,
        receipt_certificate_sha256=CERTIFICATE,
        passphrase=None,
        quorum=quorum,
    )
    described = {"name": "Test book", "origin": ORIGIN, "policy_hash": policy.sha256}
    book = create_book(engine, "main", **described, clock=clock, keys=make_keys(), business_date=None)
    return PublishedBook(book, folder, policy, new_signer(folder, policy, clock))


def new_signer(folder: Path, policy: Policy, clock: FixedClock | None = None) -> Signer:
    keys = load_keys(folder / "keys", policy, passphrase=None)
    state = folder / "signer" / "state.json"
    return Signer(folder / "log", state, keys, clock or FixedClock(NOON), witnessed=policy.is_witnessed)


def pledge(key: str, citizen: str, amount: int, **facts: object) -> JournalEntry:
    postings = (Posting(AccountRef("550100"), debit=amount), Posting(AccountRef("489100", citizen), credit=amount))
    return JournalEntry(key, ON, "payment-received", postings, **facts)


@dataclass
class HandmadeLog:
    """A log whose hashes and signatures are right whatever its lines say, with the bundle that opens it."""

    folder: Path
    entries: list[bytes] = field(default_factory=list)
    records: list[JSON] = field(default_factory=list)
    policy: Policy = field(init=False)

    def __post_init__(self) -> None:
        self.policy = create_log(
            self.folder / "keys",
            self.folder / "log",
            origin=ORIGIN,
            receipt_certificate_sha256=None,
            passphrase=None,
        )
        genesis = {"n": 0, "policy": b64(self.policy.sha256), "t": "genesis/1", "ts": "2026-03-02T11:00:00Z"}
        self.add_raw(canonical_json(genesis), {"lines": [], "n": 0})

    def add_raw(self, public: bytes, record: JSON) -> None:
        self.entries.append(public)
        self.records.append(record)

    def add(
        self, kind: str, *lines: Mapping[str, JSON], at: str = "2026-03-02T11:00:00.000000Z", **header: JSON
    ) -> int:
        """Add an entry of type `kind` with these lines after its header; its number."""
        n = len(self.entries)
        named: dict[str, JSON] = {"actor": "s1", "at": at, **header}
        if kind in {"posting/1", "hold/1"}:
            named = {"on": "2026-03-02", "purpose": "test"} | named
        if kind != "accounts/1":
            named = {"key": f"k{n}"} | named
        opened = [(nonce(b"k" * 32, "main", n, i), line) for i, line in enumerate([named, *lines])]
        commitments = [commit_line(secret, line) for secret, line in opened]
        self.add_raw(
            entry_bytes(n, kind, datetime.fromisoformat(at).astimezone(UTC), commitments),
            {"lines": [{"line": dict(line), "nonce": b64(secret)} for secret, line in opened], "n": n},
        )
        return n

    def open_accounts(self, *accounts: str, **limits: int) -> None:
        self.add("accounts/1", *({"account": a, "asset": "EUR", **limits} for a in accounts))

    def post(self, *lines: tuple[str, int], **header: JSON) -> int:
        """Add a posting entry of (account, signed amount)."""
        return self.add("posting/1", *(posted(*line) for line in lines), **header)

    def hold(self, *lines: tuple[str, int], **header: JSON) -> int:
        """Add a hold of (account, signed amount)."""
        return self.add("hold/1", *(posted(*line) for line in lines), **header)

    def commitment(self, n: int, line: int) -> str:
        stated = self.records[n]["lines"][line]
        return b64(commit_line(nonce(b"k" * 32, "main", n, line), stated["line"]))

    def publish(self, **closing: JSON) -> tuple[Path, Path]:
        """Write files, signature and bundle; the log's folder and the bundle."""
        log_dir = self.folder / "log"
        _append(LogFolder(log_dir), Edge(), self.entries)
        checkpoint = new_signer(self.folder, self.policy).run_round()
        assert checkpoint is not None
        header = {
            "book": "main",
            "bundle": "bxl-openings/3",
            "origin": ORIGIN,
            "root": b64(checkpoint.root),
            "size": checkpoint.size,
        }
        stated = {"accounts": [], "assets": [{"asset": "EUR", "scale": 2}], "periods": [], "trial_balance": []}
        stated["closed"] = sum("commitment" in line for record in self.records for line in record["lines"])
        stated |= closing
        bundle = self.folder / "openings.jsonl"
        bundle.write_bytes(b"".join(canonical_json(r) + b"\n" for r in [header, *self.records, stated]))
        return log_dir, bundle


def posted(account: str, signed: int, **chain: JSON) -> Mapping[str, JSON]:
    side = {"debit": signed} if signed > 0 else {"credit": -signed}
    return {"account": account, "asset": "EUR", **side, **chain}


def every_byte_changed(original: bytes, *, step: int = 1) -> Iterator[tuple[int, bytes]]:
    """Copies of `original` with one byte changed: a low bit, the case bit, and the top bit, in turn."""
    for position in range(0, len(original), step):
        for flip in (0x01, 0x20, 0x80):
            changed = bytearray(original)
            changed[position] ^= flip
            yield position, bytes(changed)
