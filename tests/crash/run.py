"""The parent of a crash run: starts writers, reads what they acknowledge, kills them, starts them again, counts."""

import contextlib
import itertools
import os
import random
import selectors
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import sqlalchemy as sa

from ledger.audit.rows import audit_rows
from ledger.book import Book
from ledger.storage import tables
from tests.crash.work import amount_of, is_refused, key_of

ROOT = Path(__file__).parents[2]
LATEST = 0.9  # of all entries, when the last kill is due
WORKER_SECONDS = 0.05  # how long after its turn has come a kill may wait


@dataclass
class Report:
    """What was done, and what was found afterwards; everything from `unbalanced` on must be 0, and the audit pass."""

    database: str
    writers: int
    kills: int = 0
    entries: int = 0
    refused: int = 0
    acknowledgements: int = 0
    repeated: int = 0  # acknowledged more than once: asked again after a kill, or by another writer
    seconds: float = 0
    blocks: int = 0
    unbalanced: int = 0
    drift: int = 0
    gaps: int = 0
    lost_acknowledgements: int = 0
    duplicates: int = 0
    missing: int = 0
    audit: str = ""

    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled or broken."""
        found = (self.unbalanced, self.drift, self.gaps, self.lost_acknowledgements, self.duplicates, self.missing)
        return not any(found) and self.audit == "passed"

    def facts(self) -> dict[str, object]:
        """The report as it is printed."""
        return {**asdict(self), "seconds": round(self.seconds, 1)}


@dataclass
class Writer:
    """One writer process and what it has acknowledged, over all its lives."""

    number: int
    process: subprocess.Popen[bytes] | None = None
    rest: bytes = b""
    next_number: int = 0
    told: set[int] = field(default_factory=set)


@dataclass
class Run:
    """A crash run under way."""

    book: Book
    url: str
    writers: list[Writer]
    each: int
    chance: random.Random
    report: Report
    acknowledged: dict[str, set[str]] = field(default_factory=dict)

    def start(self, writer: Writer) -> None:
        """Start or restart from the first entry that was not acknowledged."""
        numbers = [writer.number, len(self.writers), writer.next_number, self.each, self.chance.randrange(2**32)]
        command = [sys.executable, "-m", "tests.crash.worker", self.url, *map(str, numbers)]
        writer.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        writer.rest = b""
        assert writer.process.stdout is not None
        os.set_blocking(writer.process.stdout.fileno(), False)

    def hear(self, writer: Writer) -> bool:
        """Take what the writer has printed; false once it has ended. A torn last line is no acknowledgement."""
        assert writer.process is not None
        assert writer.process.stdout is not None
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(writer.process.stdout.fileno(), 65_536):
                *lines, writer.rest = (writer.rest + chunk).split(b"\n")
                for line in lines:
                    self._acknowledge(writer, *line.decode().split())
            return False
        return True

    def _acknowledge(self, writer: Writer, key: str, answer: str) -> None:
        self.report.acknowledgements += 1
        self.acknowledged.setdefault(key, set()).add(answer)
        number = int(key.partition("-")[2])
        if key == key_of(writer.number, number):
            writer.told.add(number)
            while writer.next_number in writer.told:
                writer.next_number += 1

    def kill(self, writer: Writer) -> None:
        """SIGKILL, and hear what it had said before."""
        assert writer.process is not None
        assert writer.process.stdout is not None
        writer.process.kill()
        writer.process.wait()
        while self.hear(writer):
            pass
        writer.process.stdout.close()
        self.report.kills += 1


def crash_run(book: Book, *, writers: int, kills: int, entries: int, seed: int) -> Report:
    """Post `entries` by so many writers, kill one of them so many times, and count."""
    database = book.engine.dialect.name
    url = book.engine.url.render_as_string(hide_password=False)
    at_work = [Writer(number) for number in range(writers)]
    chance, report = random.Random(seed), Report(database, writers)
    run = Run(book, url, at_work, -(-entries // writers), chance, report)
    due = sorted(chance.sample(range(int(run.each * writers * LATEST)), kills))
    started = time.monotonic()
    for writer in at_work:
        run.start(writer)
    _watch(run, due)
    report.seconds = time.monotonic() - started
    count(run)
    return report


def _watch(run: Run, due: list[int]) -> None:
    alive, kill_at = {writer.number: writer for writer in run.writers}, None
    while alive:
        for writer in _ready(alive, kill_at):
            if not run.hear(writer):
                _ended(run, alive, writer)
        done = sum(len(writer.told) for writer in run.writers)
        if kill_at is None and due and done >= due[0]:
            kill_at = time.monotonic() + run.chance.uniform(0, WORKER_SECONDS)
        if kill_at is not None and time.monotonic() >= kill_at and alive:
            del due[0]
            writer, kill_at = run.chance.choice(list(alive.values())), None
            run.kill(writer)
            run.start(writer)


def _ready(alive: dict[int, Writer], kill_at: float | None) -> Iterator[Writer]:
    with selectors.DefaultSelector() as selector:
        for writer in alive.values():
            assert writer.process is not None
            assert writer.process.stdout is not None
            selector.register(writer.process.stdout, selectors.EVENT_READ, writer)
        patience = None if kill_at is None else max(0.0, kill_at - time.monotonic())
        ready = [key.data for key, _ in selector.select(patience)]
    yield from ready


def _ended(run: Run, alive: dict[int, Writer], writer: Writer) -> None:
    """A writer that ends by itself must have done its work."""
    assert writer.process is not None
    assert writer.process.stdout is not None
    code = writer.process.wait()
    writer.process.stdout.close()
    if code or writer.next_number < run.each:
        raise AssertionError(f"writer {writer.number} ended with {code} at entry {writer.next_number}")
    del alive[writer.number]


def count(run: Run) -> None:
    """Everything that must be 0, from the rows alone; then the product's own audit."""
    report, book_id = run.report, run.book.book_id
    e, p, b, k = tables.entry.c, tables.posting.c, tables.balance.c, tables.block.c
    with run.book.read() as connection:
        entries = connection.execute(sa.select(e.n, e.fact_key).where(e.book_id == book_id).order_by(e.n)).all()
        postings = connection.execute(
            sa.select(p.n, p.account_id, p.seq, p.debit, p.credit).where(p.book_id == book_id)
        ).all()
        balances = connection.execute(sa.select(b.account_id, b.posted, b.seq).where(b.book_id == book_id)).all()
        blocks = connection.execute(
            sa.select(k.block, k.first_n, k.last_n).where(k.book_id == book_id).order_by(k.block)
        ).all()
        kept = tables.request.c
        answers = {
            row.key: row.outcome
            for row in connection.execute(sa.select(kept.key, kept.outcome).where(kept.book_id == book_id))
        }
    per_entry, per_account, lines = Counter(), Counter(), Counter()
    for row in postings:
        per_entry[row.n] += row.debit - row.credit
        per_account[row.account_id] += row.debit - row.credit
        lines[row.account_id] += 1
    report.unbalanced = sum(1 for difference in per_entry.values() if difference)
    report.drift = sum(
        1 for row in balances if (row.posted, row.seq) != (per_account[row.account_id], lines[row.account_id])
    )
    report.blocks, report.gaps = len(blocks), _gaps([row.n for row in entries], blocks)
    _compare(run, {row.fact_key: row.n for row in entries if row.fact_key}, answers)
    facts = Counter(row.fact_key for row in entries if row.fact_key)
    report.entries, report.refused = len(facts), sum("refused" in outcome for outcome in answers.values())
    report.duplicates += sum(times - 1 for times in facts.values())
    expected = sum(amount_of(i) for i in range(run.each) if not is_refused(i)) * len(run.writers)
    report.drift += sum(row.debit for row in postings) != expected
    audited = audit_rows(run.book)
    report.audit = "passed" if audited.failure is None else audited.to_text()


def _gaps(numbers: list[int], blocks) -> int:
    missing = len(set(range(len(numbers))) - set(numbers))
    torn = sum(1 for one, other in itertools.pairwise(blocks) if other.first_n != one.last_n + 1)
    return missing + torn + sum(1 for i, row in enumerate(blocks) if row.block != i)


def _compare(run: Run, numbers: dict[str, int], answers) -> None:
    """Each acknowledgement against what stands, and all that was to be posted."""
    report = run.report
    for key, told in run.acknowledged.items():
        number = int(key.partition("-")[2])
        stands = answers.get(f"r-{key}", {}).get("refused") if is_refused(number) else str(numbers.get(key))
        report.lost_acknowledgements += stands not in told
        report.duplicates += len(told) - 1  # one key, two answers
    report.repeated = report.acknowledgements - len(run.acknowledged)
    for writer in run.writers:
        for number in range(run.each):
            key = key_of(writer.number, number)
            report.missing += f"r-{key}" not in answers if is_refused(number) else key not in numbers
