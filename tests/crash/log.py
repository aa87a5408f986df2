"""Rounds of posting, integrating, signing and witnessing, each killed at a named point beside a second integrator.

Every round is a process of its own. It posts what the round before it left without an acknowledgement, then new
entries, writes the log's files, signs, and asks the witnesses; at its point it dies. Whoever was not acknowledged asks
again, so at the end each entry stands once, under the number that was told, and under one log that only ever grew.
"""

import os
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from ledger import crash
from ledger.audit.rows import audit_rows
from ledger.book import Book, open_book
from ledger.clock import SystemClock
from ledger.crash import CRASH_POINTS
from ledger.integrator import integrate, read_checkpoint
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import consistency_proof, verify_consistency
from ledger.log.tiles import LogFolder
from ledger.storage import tables
from ledger.storage.engine import open_engine
from ledger.verify.log import verify_log
from ledger.verify.replay import replay
from ledger.verify.report import Verdict
from ledger.witnessing import Reply, Witnessing
from tests.conftest import make_keys
from tests.proof import PublishedBook, new_signer, pledge, published_book
from tests.witnesses import NAMES, two_of_three, witness_at

POINTS = [point for point in CRASH_POINTS if point.startswith(("posting.", "integrator.", "signer.", "witness"))]
NEW_ENTRIES = 6
CITIZENS = 5
FINE = Verdict.VERIFIED.value


@dataclass
class Report:
    """What was done and found: `lost`, `doubled`, `renumbered` and `forked` must be 0, the last three `verified`."""

    database: str
    rounds: int = 0
    kills: int = 0
    killed_at: Counter[str] = field(default_factory=Counter)
    entries: int = 0
    acknowledged: int = 0
    seconds: float = 0
    lost: int = 0
    doubled: int = 0
    renumbered: int = 0
    forked: int = 0
    audit: str = ""
    log: str = ""
    replay: str = ""

    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled or broken."""
        wrong = self.lost or self.doubled or self.renumbered or self.forked
        return not wrong and (self.audit, self.log, self.replay) == (FINE,) * 3

    def facts(self) -> dict[str, object]:
        """The report as it is printed."""
        return {**asdict(self), "killed_at": dict(self.killed_at), "seconds": round(self.seconds, 1)}


@dataclass(frozen=True)
class Nearby:
    """Three witnesses in the writer's own process, which die with it."""

    published: PublishedBook

    def add_checkpoint(self, address: str, body: bytes) -> Reply:
        """The answer of the witness of this name."""
        logs = {self.published.policy.origin: self.published.policy.log_keys}
        answer = witness_at(witnesses_of(self.published.folder) / address, logs, SystemClock()).add_checkpoint(body)
        return Reply(answer.status, answer.body)


@dataclass
class Run:
    """A run under way; `told` is the number that each acknowledged entry was told."""

    published: PublishedBook
    url: str
    chance: random.Random
    report: Report
    told: dict[str, int] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    head: Checkpoint | None = None

    def round(self, number: int, point: str) -> None:
        """One process that posts and signs and dies at `point`, and one that integrates meanwhile."""
        self.waiting += [f"r{number}-{i}" for i in range(NEW_ENTRIES)]
        seed = self.chance.randrange(2**32)
        writer, said = start(lambda tell: self.work(point, random.Random(seed), tell))
        other, silence = start(lambda _tell: self.integrate())
        status = os.waitpid(writer, 0)[1]
        if os.waitpid(other, 0)[1] or silence():
            raise AssertionError("the second integrator failed")
        if os.WIFSIGNALED(status):
            self.report.kills += 1
            self.report.killed_at[point] += 1
        elif status:
            raise AssertionError(f"the writer of round {number} failed at {point}")
        self.report.rounds += 1
        self.hear(said())

    def hear(self, said: bytes) -> None:
        """Take what a writer has acknowledged; a torn last line is no acknowledgement."""
        for line in said.split(b"\n")[:-1]:
            key, n = line.decode().split()
            self.report.renumbered += self.told.setdefault(key, int(n)) != int(n)
        self.waiting = [key for key in self.waiting if key not in self.told]

    def work(self, point: str, chance: random.Random, tell: Callable[[bytes], None]) -> None:
        """In the writer: post, integrate, sign. One that dies while posting does so at any of its commits."""
        crash._armed = "" if point.startswith("posting.") else point
        book, keys = self._book(), list(self.waiting)
        while keys:
            group = [keys.pop(0) for _ in range(min(len(keys), chance.randint(1, 4)))]
            if not keys or chance.random() < 1 / 3:
                crash._armed = point
            with book.unit_of_work(actor="s1") as unit:
                for key in group:
                    unit.post(pledge(key, f"c{sum(key.encode()) % CITIZENS}", 100 + len(key)))
            told = zip(group, unit.results, strict=True)
            tell("".join(f"{key} {result.n}\n" for key, result in told).encode())
        integrate(book, self.published.log_dir)
        new_signer(self.published.folder, self.published.policy, SystemClock()).run_round()
        witnessing = Witnessing(
            self.published.log_dir,
            self.published.policy,
            Nearby(self.published),
            lock_file=self.published.folder / "publish.lock",
            addresses=lambda: {name: name for name in NAMES},
        )
        witnessing.run_round()

    def integrate(self) -> None:
        """In the other process."""
        crash._armed = ""
        integrate(self._book(), self.published.log_dir)

    def _book(self) -> Book:
        return open_book(open_engine(self.url), "main", clock=SystemClock(), keys=make_keys())


def start(work: Callable[[Callable[[bytes], None]], None]) -> tuple[int, Callable[[], bytes]]:
    """Run `work` in a copy of this process, which ends with it; its id, and what it told once it has ended."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        code = 1
        try:
            work(partial(_tell, writing))
            code = 0
        except Exception:  # noqa: BLE001 -- it is told, and the process ends
            traceback.print_exc()
        finally:
            os._exit(code)  # nothing of the parent's is ended here
    os.close(writing)

    def said() -> bytes:
        with os.fdopen(reading, "rb") as pipe:
            return pipe.read()

    return process, said


def _tell(descriptor: int, said: bytes) -> None:
    """A pipe takes as little as this at once."""
    assert os.write(descriptor, said) == len(said)


def crash_log(engine: sa.Engine, folder: Path, *, rounds: int, seed: int) -> Report:
    """Run until so many rounds were killed, at every point there is, let one go through, and look at everything."""
    published = published_book(engine, folder, SystemClock(), quorum=two_of_three(witnesses_of(folder)))
    url = engine.url.render_as_string(hide_password=False)
    report = Report(engine.dialect.name)
    run = Run(published, url, random.Random(seed), report)
    started = time.monotonic()
    while report.kills < rounds or len(report.killed_at) < len(POINTS):
        engine.dispose()  # a process that is copied must not hold connections
        run.round(report.rounds, POINTS[report.rounds % len(POINTS)])
        report.forked += not _grown(published, run)
    engine.dispose()
    run.round(report.rounds, "")
    report.forked += not _grown(published, run)
    report.seconds = time.monotonic() - started
    _count(run)
    return report


def witnesses_of(folder: Path) -> Path:
    """Where the witnesses of the run keep their keys and memories."""
    return folder / "witnesses"


def _grown(published: PublishedBook, run: Run) -> bool:
    """Whether the published checkpoint continues the one seen before."""
    found = read_checkpoint(published.log_dir)
    if found is None:
        return run.head is None
    before, run.head = run.head, found[0]
    if before is None or before == found[0]:
        return True
    sizes, log = (before.size, found[0].size), LogFolder(published.log_dir)
    if sizes[0] >= sizes[1]:
        return False
    proof = consistency_proof(*sizes, lambda start, end: log.subtree(start, end, sizes[1]))
    heads = {"old_root": before.root, "new_root": found[0].root}
    return verify_consistency(old_size=sizes[0], new_size=sizes[1], **heads, proof=proof)


def _count(run: Run) -> None:
    """Every acknowledgement against the rows, then the product's own audits."""
    report, published = run.report, run.published
    e = tables.entry.c
    with published.book.read() as connection:
        rows = connection.execute(sa.select(e.fact_key, e.n).where(e.book_id == "main", e.fact_key.is_not(None))).all()
    stands = {row.fact_key: row.n for row in rows}
    report.entries, report.acknowledged = len(rows), len(run.told)
    report.doubled = len(rows) - len(stands)
    expected = report.rounds * NEW_ENTRIES
    report.lost = sum(stands.get(key) != n for key, n in run.told.items()) + abs(expected - len(run.told))
    report.audit = audit_rows(published.book, published.log_dir).verdict.value
    report.log = verify_log(published.log_dir, published.policy).verdict.value
    report.replay = replay(published.log_dir, published.bundle(), published.policy).verdict.value
