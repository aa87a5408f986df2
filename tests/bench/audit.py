"""The audits of a book of 100,000 entries, each on one core, and the cost of one receipt.

`rows` derives every stored column again from the database: entry bytes, every commitment, leaves, blocks, balances.
`offline` has no database: it re-hashes the published files, opens every line from the bundle, derives every balance.
"""

import hashlib
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median

from api.migrations import load_metadata
from ledger.accounts import AccountRef
from ledger.audit.openings import bundle_lines, receipt_for
from ledger.audit.rows import audit_rows
from ledger.book import Book, create_book
from ledger.clock import SystemClock
from ledger.integrator import copy_checkpoint, integrate
from ledger.journal import JournalEntry, Posting
from ledger.log.keys import create_log, load_keys
from ledger.log.policy import Policy
from ledger.signer import Signer
from ledger.storage.engine import open_engine
from ledger.storage.schema import create_schema
from ledger.verify.receipt import verify_receipt
from ledger.verify.replay import replay
from tests.conftest import make_keys

ENTRIES = 100_000
BATCH = 1_000
RECEIPTS = 50


def report(folder: Path) -> list[str]:
    """Build the book, audit it twice, make and check receipts; returns the lines of the report."""
    log_dir = folder / "log"
    book, policy = _filled_book(folder, log_dir)
    clock = SystemClock()
    keys = load_keys(folder / "keys", policy, passphrase=None)
    publishing = _timed(
        lambda: (integrate(book, log_dir), Signer(log_dir, folder / "state.json", keys, clock).run_round())
    )
    copy_checkpoint(book, log_dir, now=clock.now())
    bundle = folder / "openings.jsonl"
    with bundle.open("wb") as out:
        bundling = _timed(lambda: out.writelines(bundle_lines(book, log_dir)))
    rows = _timed(lambda: _must_verify(audit_rows(book, log_dir).exit_code))
    offline = _timed(lambda: _must_verify(replay(log_dir, bundle, policy).exit_code))
    making, checking, size = [], [], 0
    for n in range(ENTRIES // 2, ENTRIES // 2 + RECEIPTS):
        started = time.perf_counter()
        files = receipt_for(book, log_dir, n=n, line=2)
        made = time.perf_counter()
        _must_verify(verify_receipt(files.proof, files.opening, policy).exit_code)
        making.append(made - started)
        checking.append(time.perf_counter() - made)
        size = max(size, len(files.proof) + len(files.opening))
    return [
        "",
        "## Audit and receipts",
        "",
        (__doc__ or "").strip(),
        "",
        "| what | figure |",
        "|---|---|",
        f"| publish {ENTRIES:,} entries: bundles, tiles, two signatures | {publishing:.1f} s |",
        f"| write the openings of all of them | {bundling:.1f} s, {bundle.stat().st_size / 1e6:.0f} MB |",
        f"| audit, rows, every commitment recomputed | {rows:.1f} s, {ENTRIES / rows:,.0f} entries/s |",
        f"| audit, offline, every commitment recomputed | {offline:.1f} s, {ENTRIES / offline:,.0f} entries/s |",
        f"| receipt: proof and opening together, largest of {RECEIPTS} | {size:,} bytes |",
        f"| receipt: made | {median(making) * 1000:.1f} ms |",
        f"| receipt: checked | {median(checking) * 1000:.1f} ms |",
    ]


def _filled_book(folder: Path, log_dir: Path) -> tuple[Book, Policy]:
    engine = open_engine(f"sqlite:///{folder / 'audit.sqlite3'}")
    load_metadata()
    create_schema(engine)
    origin = "log.example/main"
    policy = create_log(folder / "keys", log_dir, origin=origin, receipt_certificate_sha256=None, passphrase=None)

    policy_hash = hashlib.sha256((log_dir / "policy").read_bytes()).digest()
    described = {"name": "Benchmark", "origin": origin, "policy_hash": policy_hash}
    book = create_book(engine, "main", **described, clock=SystemClock(), keys=make_keys())
    for first in range(0, ENTRIES, BATCH):
        with book.unit_of_work(actor="bench") as unit:
            for i in range(first, first + BATCH):
                debit, credit = AccountRef("580100"), AccountRef("489100", f"c{i % 1_000}")
                postings = (Posting(debit, debit=i + 1), Posting(credit, credit=i + 1))
                unit.post(JournalEntry(f"pay/{i}", date(2026, 3, 2), "payment-received", postings, "bench"))
    return book, policy


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _must_verify(exit_code: int) -> None:
    if exit_code != 0:
        raise AssertionError("what is measured must hold")
