"""kill -9 at every named point of integrator and signer: nothing lost, nothing doubled, no two histories signed."""

import signal
from pathlib import Path

import pytest

from ledger import integrator
from ledger.audit.rows import audit_rows
from ledger.clock import FixedClock
from ledger.crash import CRASH_POINTS
from ledger.errors import Refusal
from ledger.integrator import integrate, read_checkpoint
from ledger.log.merkle import consistency_proof, verify_consistency
from ledger.log.tiles import LogFolder
from ledger.signer import Signer
from ledger.verify.log import verify_log
from ledger.verify.replay import replay
from ledger.verify.report import Verdict
from tests.commands import run_program
from tests.conftest import MakeEngine
from tests.proof import PublishedBook, new_signer, published_book

POINTS = [point for point in CRASH_POINTS if point.startswith(("integrator.", "signer."))]
PROGRAM = """
import sys
from pathlib import Path
from ledger.book import open_book
from ledger.clock import FixedClock
from ledger.integrator import integrate
from ledger.log.policy import parse_policy
from ledger.storage.engine import open_engine
from tests.conftest import NOON, make_keys
from tests.proof import new_signer

database, folder = sys.argv[1], Path(sys.argv[2])
book = open_book(open_engine(database), "main", clock=FixedClock(NOON), keys=make_keys())
integrate(book, folder / "log")
new_signer(folder, parse_policy((folder / "log" / "policy").read_bytes())).run_round()
"""


def run(published: PublishedBook, *, crash_at: str) -> int:
    """Integrate and sign in a process of its own that kills itself at `crash_at`."""
    return run_program(PROGRAM, published.book.engine.url, published.folder, crash_at=crash_at).returncode


@pytest.fixture
def published(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    published = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    published.post(250)
    return published


def test_there_are_points_to_die_at() -> None:
    assert len(POINTS) == 5


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_and_started_again_the_log_is_whole(published: PublishedBook, point: str) -> None:
    first = published.publish()
    published.post(300)  # across the border of a bundle
    assert run(published, crash_at=point) == -signal.SIGKILL
    published.post(5)
    assert run(published, crash_at="") == 0
    checkpoint, _ = read_checkpoint(published.log_dir)
    assert checkpoint.size == first.size + 305
    proof = consistency_proof(
        first.size,
        checkpoint.size,
        lambda start, end: LogFolder(published.log_dir).subtree(start, end, checkpoint.size),
    )
    heads = {"old_size": first.size, "old_root": first.root, "new_size": checkpoint.size, "new_root": checkpoint.root}
    assert verify_consistency(**heads, proof=proof)
    assert verify_log(published.log_dir, published.policy).verdict is Verdict.VERIFIED
    assert audit_rows(published.book, published.log_dir).verdict is Verdict.VERIFIED
    assert replay(published.log_dir, published.bundle(), published.policy).verdict is Verdict.VERIFIED


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_its_very_first_round_it_begins_again(published: PublishedBook, point: str) -> None:
    assert run(published, crash_at=point) == -signal.SIGKILL
    assert run(published, crash_at="") == 0
    assert verify_log(published.log_dir, published.policy).verdict is Verdict.VERIFIED
    assert read_checkpoint(published.log_dir)[0].size == 252


def test_an_integrator_that_died_between_any_two_files_is_taken_up(published: PublishedBook, monkeypatch) -> None:
    """Finer than the named points: stop before each single file, then integrate and sign."""
    published.publish()
    published.post(600)
    whole = integrator.write_once
    stopped = 0

    def refusal_of(signer: Signer) -> str | None:
        try:
            signer.run_round()
        except Refusal as refusal:
            return refusal.code
        return None

    for limit in range(40):
        written = 0

        def write_some(path: Path, content: bytes, limit: int = limit) -> None:
            nonlocal written
            if written == limit:
                raise KeyboardInterrupt
            if not (path.exists() and path.read_bytes() == content):
                written += 1
            whole(path, content)

        monkeypatch.setattr(integrator, "write_once", write_some)
        try:
            integrate(published.book, published.log_dir)
        except KeyboardInterrupt:
            stopped += 1
        published.signer = new_signer(published.folder, published.policy)
        if (code := refusal_of(published.signer)) is not None:  # files are missing in between
            assert code == "log-file-missing"
        monkeypatch.setattr(integrator, "write_once", whole)
        assert verify_log(published.log_dir, published.policy).verdict is Verdict.VERIFIED
        published.post(1)
    assert stopped > 3
    published.publish()
    assert verify_log(published.log_dir, published.policy).verdict is Verdict.VERIFIED
    assert audit_rows(published.book, published.log_dir).verdict is Verdict.VERIFIED
