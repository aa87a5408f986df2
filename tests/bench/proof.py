"""The proof: what the log costs those who post, how soon an entry is in it, and what checking all of it takes.

- *log on*: integrator, signer and three witnesses, two of whom are the quorum, run as processes of their own, as in
  production, while 32 callers post
- *to index*: from the answer to the caller until the entry is under a tile; *to checkpoint*: until a checkpoint that
  the quorum has cosigned covers it, so that there is a receipt
- *offline audit*: a process of its own re-hashes the log, opens every line from the bundle, derives every balance; the
  memory is the most that it held
"""

import hashlib
import multiprocessing
import random
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import TYPE_CHECKING

from api.bench.posting import _callers, new_book, open_accounts, payment
from api.witnesses.client import HttpWitnesses
from api.witnesses.server import WitnessServer
from api.worker.loop import Step, run_loop
from api.worker.steps import INTEGRATE_SECONDS
from ledger.audit.openings import bundle_lines, receipt_for
from ledger.book import Book, create_book
from ledger.clock import SystemClock
from ledger.integrator import integrate
from ledger.log.keys import create_log, load_keys
from ledger.log.merkle import leaf_hash
from ledger.log.policy import Policy, parse_policy
from ledger.log.sumtree import Holding, SumTree
from ledger.log.tiles import CHECKPOINT, Edge, LogFolder
from ledger.signer import Signer, sign_until
from ledger.state import Request
from ledger.storage.engine import open_engine
from ledger.verify.log import verify_log
from ledger.verify.replay import replay
from ledger.witness import Witness
from ledger.witnessing import Witnessing, witness_until
from ledger.witnesskey import load_witness_key
from ledger.writer import GroupWriter
from tests.bench.bars import number
from tests.bench.databases import Databases
from tests.bench.loader import loading
from tests.bench.scale import Scale
from tests.bench.sections import Findings, Section
from tests.conftest import make_keys
from tests.witnesses import NAMES, two_of_three

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

PER_SECOND, TOGETHER, BATCH = 500, 5, 1_000
POLL_SECONDS, LONGEST_WAIT_SECONDS = 0.005, 60
DESCRIBED = {"origin": "log.example/main", "receipt_certificate_sha256": None, "passphrase": None}
_CONTEXT = multiprocessing.get_context("spawn")


def run(databases: Databases, scale: Scale, findings: Findings) -> None:
    """The tree, posting with the log on and off, waiting, auditing small and large."""
    findings.table("what", "figure")
    findings.measured["tree"] = _tree_rate(scale.proved)
    findings.row("tree", f"{number(findings.measured['tree'])} leaves/s")
    findings.row(f"sum tree of {scale.accounts:,} accounts", f"{_sum_tree_seconds(scale.accounts):.1f} s")
    _posting(databases, scale, findings)
    peaks = [_audits(databases, count, findings) for count in (scale.proved // 10, scale.proved)]
    findings.measured["proof.memory"] = round(peaks[1] - peaks[0])


def _tree_rate(count: int) -> int:
    leaves, edge = [leaf_hash(b"%d" % i) for i in range(min(count, 1 << 18))], Edge()
    started = time.perf_counter()
    for leaf in leaves:
        edge.append(leaf)
    edge.root()
    return round(len(leaves) / (time.perf_counter() - started))


def _sum_tree_seconds(accounts: int) -> float:
    head = leaf_hash(b"a posting")
    holdings = [Holding(f"489100:c{i}", "EUR", "489100-credit", "2026-03-31", i, 1, head) for i in range(accounts)]
    started = time.perf_counter()
    SumTree(bytes(32), holdings)
    return time.perf_counter() - started


def _posting(databases: Databases, scale: Scale, findings: Findings) -> None:
    url, folder = databases.make("postgresql", "proof"), databases.folder / "proof-posting"
    book = new_book(open_engine(url))
    open_accounts(book)
    policy = create_log(folder / "keys", folder / "log", **DESCRIBED, quorum=two_of_three(folder / "witnesses"))
    off = [_callers(book, seconds=scale.seconds, seed=seed) for seed in range(scale.rounds)]
    with ExitStack() as running:
        addresses = {name: _start_witness(running, folder / "witnesses" / name, policy) for name in NAMES}
        stop = _CONTEXT.Event()
        for target, arguments in ((_integrate, (url, book.book_id)), (_sign, (addresses,))):
            maker = _CONTEXT.Process(target=target, args=(folder, stop, *arguments), daemon=True)
            maker.start()
            running.callback(maker.join)
        running.callback(stop.set)
        _wait_for(lambda: _published(folder / "log") > 0)  # all are up
        on = [_callers(book, seconds=scale.seconds, seed=100 + seed) for seed in range(scale.rounds)]
        rate, indexed, signed = _waits(book, folder / "log", seconds=5 * scale.seconds)
    size = _published(folder / "log")
    receipt = receipt_for(book, folder / "log", n=size - 1, line=2)
    findings.measured |= {
        "proof.rate": round(median(on) / median(off), 3),
        "proof.index": indexed,
        "proof.receipt": signed,
        "receipt.witnessed": len(receipt.proof) + len(receipt.opening),
    }
    findings.row("32 callers, log off and on", f"{number(median(off))} and {number(median(on))} entries/s")
    findings.row(f"commit to index at {rate} entries/s, 99 of 100", f"{indexed:.2f} s")
    findings.row("commit to witnessed checkpoint, 95 of 100", f"{signed:.2f} s")
    findings.row(f"receipt in the log of {size:,}", f"{len(receipt.proof) + len(receipt.opening):,} bytes")
    book.engine.dispose()
    databases.drop("postgresql", "proof")


def _start_witness(running: ExitStack, state: Path, policy: Policy) -> str:
    """A witness in a process of its own; its address."""
    told, telling = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_witness, args=(state, policy, telling), daemon=True)
    process.start()
    running.callback(process.join)
    running.callback(process.terminate)
    return told.recv()


def _witness(state: Path, policy: Policy, telling: "Connection[str, str]") -> None:
    witness = Witness(state, load_witness_key(state, passphrase=None), {policy.origin: policy.log_keys}, SystemClock())
    with WitnessServer("127.0.0.1", 0, witness) as server:
        telling.send(f"http://127.0.0.1:{server.server_address[1]}")
        server.serve_forever()


def _integrate(folder: Path, stop: threading.Event, url: str, book_id: str) -> None:
    book = SimpleNamespace(engine=open_engine(url), book_id=book_id)
    run = partial(integrate, book, folder / "log")
    run_loop([Step("integrate", run, every=INTEGRATE_SECONDS, pace=INTEGRATE_SECONDS)], stop)


def _sign(folder: Path, stop: threading.Event, addresses: Mapping[str, str]) -> None:
    """The signer, and beside it what asks the witnesses, as in `bxl signer`."""
    policy = parse_policy((folder / "log/policy").read_bytes())
    keys = load_keys(folder / "keys", policy, passphrase=None)
    lock = folder / "publish.lock"
    asking = Witnessing(folder / "log", policy, HttpWitnesses(), lock_file=lock, addresses=lambda: addresses)
    timed = {"interval_seconds": 1, "say": lambda _: None}
    threading.Thread(target=witness_until, args=(stop, asking, SystemClock()), kwargs=timed, daemon=True).start()
    sign_until(stop, Signer(folder / "log", folder / "state.json", keys, SystemClock(), witnessed=True), **timed)


def _waits(book: Book, log_dir: Path, *, seconds: int) -> tuple[int, float, float]:
    """Entries posted a second; seconds until 99 of 100 are indexed, and until 95 of 100 are under a checkpoint."""
    answered: list[tuple[int, float]] = []
    sizes: dict[str, list[tuple[int, float]]] = {"index": [], "checkpoint": []}
    ended = threading.Event()
    log = LogFolder(log_dir)
    watch = threading.Thread(target=_watch, args=(log, sizes, ended))
    watch.start()
    writer, started = GroupWriter(book), time.perf_counter()
    for first in range(0, PER_SECOND * seconds, TOGETHER):
        time.sleep(max(0.0, started + first / PER_SECOND - time.perf_counter()))
        facts = [payment(f"wait/{i}", i % 1_000, 100) for i in range(first, first + TOGETHER)]
        results = writer.post(Request(facts, actor="bench"))
        answered += [(result.n, time.perf_counter()) for result in results]
    rate = round(len(answered) / (time.perf_counter() - started))
    _wait_for(lambda: bool(sizes["checkpoint"]) and sizes["checkpoint"][-1][0] > answered[-1][0])
    ended.set()
    watch.join()
    writer.close()
    return rate, _late(answered, sizes["index"], 0.99), _late(answered, sizes["checkpoint"], 0.95)


def _wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError("integrator and signer do not get on")
        time.sleep(POLL_SECONDS)


def _watch(log: LogFolder, sizes: dict[str, list[tuple[int, float]]], ended: threading.Event) -> None:
    while not ended.wait(POLL_SECONDS):
        for name, size in (("index", log.position()), ("checkpoint", _published(log.folder))):
            if not sizes[name] or sizes[name][-1][0] < size:
                sizes[name].append((size, time.perf_counter()))


def _published(log_dir: Path) -> int:
    """The size in the published checkpoint; 0 before there is one."""
    file = log_dir / CHECKPOINT
    return int(file.read_text(encoding="utf-8").split("\n")[1]) if file.exists() else 0


def _late(answered: list[tuple[int, float]], sizes: list[tuple[int, float]], share: float) -> float:
    reached = [size for size, _ in sizes]
    waited = sorted(sizes[bisect_right(reached, n)][1] - at for n, at in answered)
    return round(max(0.0, waited[int(len(waited) * share) - 1]), 3)


def _audits(databases: Databases, count: int, findings: Findings) -> float:
    """Audit a book of `count` entries in processes of their own; megabytes that the audit held at most."""
    folder = databases.folder / f"proof-{count}"
    _fill(databases, folder, count)
    log_seconds, _ = _apart(_verify_log, folder)
    one, peak = _apart(_replay_one, folder)
    two, _ = _apart(_replay_two, folder)
    findings.measured |= {"proof.log": log_seconds, "proof.replay": one, "proof.jobs": round(one / two, 2)}
    findings.row(f"{count:,} entries: hashes and tree alone", f"{log_seconds:.1f} s")
    findings.row(f"{count:,} entries: offline audit, one process", f"{one:.1f} s, {peak:.0f} MB")
    findings.row(f"{count:,} entries: offline audit, --jobs 2", f"{two:.1f} s")
    return peak


def _fill(databases: Databases, folder: Path, count: int) -> None:
    engine, name = open_engine(databases.make("sqlite", f"proof{count}")), f"proof{count}"
    policy = create_log(folder / "keys", folder / "log", **DESCRIBED)
    policy_hash = hashlib.sha256((folder / "log/policy").read_bytes()).digest()
    made = {"name": "Benchmark", "origin": policy.origin, "policy_hash": policy_hash}
    book = create_book(engine, "main", **made, clock=SystemClock(), keys=make_keys())
    open_accounts(book)
    chance = random.Random(3)
    with loading(book, today=date(2026, 3, 2)) as loader:
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            loader.enter([payment(f"pay/{i}", chance.randrange(1_000), i + 1) for i in numbers])
    integrate(book, folder / "log")
    keys = load_keys(folder / "keys", policy, passphrase=None)
    Signer(folder / "log", folder / "state.json", keys, SystemClock()).run_round()
    with (folder / "openings.jsonl").open("wb") as out:
        out.writelines(bundle_lines(book, folder / "log"))
    engine.dispose()
    databases.drop("sqlite", name)


def _apart(audit: Callable[[Path], int], folder: Path) -> tuple[float, float]:
    """Seconds that it took in a process of its own, and the megabytes that this held at most."""
    with ProcessPoolExecutor(1, mp_context=_CONTEXT) as pool:  # its process may have processes of its own
        pool.submit(_nothing).result()
        return pool.submit(_timed, audit, folder).result()


def _nothing() -> None:
    """The process has started."""


def _timed(audit: Callable[[Path], int], folder: Path) -> tuple[float, float]:
    started = time.perf_counter()
    if audit(folder) != 0:
        raise AssertionError("what is measured must hold")
    return round(time.perf_counter() - started, 2), most_memory()


def most_memory() -> float:
    """Megabytes that this program held at most; getrusage would count those of the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(kilobytes) / 1024


def _verify_log(folder: Path) -> int:
    return verify_log(folder / "log", parse_policy((folder / "log/policy").read_bytes())).exit_code


def _replay_one(folder: Path, jobs: int = 1) -> int:
    policy = parse_policy((folder / "log/policy").read_bytes())
    return replay(folder / "log", folder / "openings.jsonl", policy, jobs=jobs).exit_code


def _replay_two(folder: Path) -> int:
    return _replay_one(folder, 2)


SECTION = Section("The proof", 12, __doc__ or "", run)
