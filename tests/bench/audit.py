"""The audits of a published book, and the cost of one receipt.

- *rows* derives every stored column again from the database: entry bytes, leaves, blocks, balances; in full, every
  commitment is also made again from its line
- *offline* has no database: it re-hashes the published files, opens every line from the bundle, derives every balance

Processor time is that of the program on one core (on SQLite the database is part of it).
"""

import hashlib
import os
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median

from ledger.accounts import AccountRef
from ledger.audit.openings import bundle_lines, receipt_for
from ledger.audit.rows import audit_rows
from ledger.balances import entry_count
from ledger.book import Book, create_book
from ledger.clock import SystemClock
from ledger.integrator import copy_checkpoint, integrate
from ledger.journal import JournalEntry, Posting
from ledger.log.keys import create_log, load_keys
from ledger.log.policy import Policy
from ledger.signer import Signer
from ledger.storage.engine import open_engine
from ledger.verify.receipt import verify_receipt
from ledger.verify.replay import replay
from tests.bench.databases import Databases
from tests.bench.scale import Scale
from tests.bench.sections import Findings, Section
from tests.conftest import make_keys

BATCH = 1_000
RECEIPTS = 50


def run(databases: Databases, scale: Scale, findings: Findings) -> None:
    """Build the book on SQLite, publish it, audit it, make and check receipts."""
    folder, log_dir = databases.folder, databases.folder / "log"
    book, policy = _filled_book(databases, scale, log_dir)
    clock = SystemClock()
    keys = load_keys(folder / "keys", policy, passphrase=None)
    _, publishing = _timed(
        lambda: (integrate(book, log_dir), Signer(log_dir, folder / "state.json", keys, clock).run_round())
    )
    copy_checkpoint(book, log_dir, now=clock.now())
    bundle = folder / "openings.jsonl"
    with bundle.open("wb") as out:
        _, bundling = _timed(lambda: out.writelines(bundle_lines(book, log_dir)))
    findings.table("what", "figure")
    findings.row(f"publish {scale.audited:,} entries: bundles, tiles, two signatures", f"{publishing:.1f} s")
    findings.row("write the openings of all of them", f"{bundling:.1f} s, {bundle.stat().st_size / 1e6:.0f} MB")
    offline = _timed(lambda: _must_verify(replay(log_dir, bundle, policy).exit_code))
    _tell_audit(findings, "offline, every commitment made again", scale.audited, *offline)
    _receipts(findings, book, log_dir, policy, scale)
    cpu, wall, entries = audited(book, log_dir)
    _tell_audit(findings, "rows, every commitment made again", entries, cpu, wall)
    cpu, wall, entries = audited(book, log_dir, commitments=False)
    findings.measured["audit"] = round(entries / cpu)
    _tell_audit(findings, "rows, hashes and sums", entries, cpu, wall)
    book.engine.dispose()
    databases.drop("sqlite", "audit")


def audited(book: Book, log_dir: Path | None, **options: bool) -> tuple[float, float, int]:
    """Audit the rows: seconds of this program's processor time, seconds on the clock, entries."""
    spent = _timed(lambda: _must_verify(audit_rows(book, log_dir, **options).exit_code))
    with book.read() as connection:
        return *spent, entry_count(connection, book.book_id)


def _processor_time() -> float:
    """Of this process and of those that it has started and that have ended."""
    return sum(os.times()[:4])


def _tell_audit(findings: Findings, what: str, entries: int, cpu: float, wall: float) -> None:
    rates = f"{entries / wall:,.0f} entries/s on the clock, {entries / cpu:,.0f} of a core"
    findings.row(f"audit, {what}", f"{wall:.1f} s, {rates}")


def _receipts(findings: Findings, book: Book, log_dir: Path, policy: Policy, scale: Scale) -> None:
    making, checking, size = [], [], 0
    for n in range(scale.audited // 2, scale.audited // 2 + RECEIPTS):
        started = time.perf_counter()
        files = receipt_for(book, log_dir, n=n, line=2)
        made = time.perf_counter()
        _must_verify(verify_receipt(files.proof, files.opening, policy).exit_code)
        making.append(made - started)
        checking.append(time.perf_counter() - made)
        size = max(size, len(files.proof) + len(files.opening))
    findings.measured["receipt.bytes"] = size
    findings.row(f"receipt: proof and opening together, largest of {RECEIPTS}", f"{size:,} bytes")
    findings.row("receipt: made", f"{median(making) * 1000:.1f} ms")
    findings.row("receipt: checked", f"{median(checking) * 1000:.1f} ms")


def _filled_book(databases: Databases, scale: Scale, log_dir: Path) -> tuple[Book, Policy]:
    engine = open_engine(databases.make("sqlite", "audit"))
    origin = "log.example/main"
    keys_dir = databases.folder / "keys"
    policy = create_log(keys_dir, log_dir, origin=origin, receipt_certificate_sha256=None, passphrase=None)
    policy_hash = hashlib.sha256((log_dir / "policy").read_bytes()).digest()
    described = {"name": "Benchmark", "origin": origin, "policy_hash": policy_hash}
    book = create_book(engine, "main", **described, clock=SystemClock(), keys=make_keys())
    for first in range(0, scale.audited, BATCH):
        with book.unit_of_work(actor="bench") as unit:
            for i in range(first, min(first + BATCH, scale.audited)):
                debit, credit = AccountRef("580100"), AccountRef("489100", f"c{i % 1_000}")
                postings = (Posting(debit, debit=i + 1), Posting(credit, credit=i + 1))
                unit.post(JournalEntry(f"pay/{i}", date(2026, 3, 2), "payment-received", postings, "bench"))
    return book, policy


def _timed(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds of processor time, and on the clock."""
    cpu, wall = _processor_time(), time.perf_counter()
    action()
    return _processor_time() - cpu, time.perf_counter() - wall


def _must_verify(exit_code: int) -> None:
    if exit_code != 0:
        raise AssertionError("what is measured must hold")


SECTION = Section("Audit and receipts", 3, __doc__ or "", run)
