"""Checkpoints against each other: growth is shown, a fork is proven, and what can't be read is said to be missing."""

import functools
import http.server
import shutil
import threading
from pathlib import Path

import pytest

from ledger.clock import FixedClock
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.encoding import b64
from ledger.log.keys import load_keys
from ledger.log.merkle import consistency_proof
from ledger.log.tiles import LogFolder
from ledger.verify.__main__ import main
from ledger.verify.consistency import verify_two, verify_views
from ledger.verify.log import verify_log
from ledger.verify.places import view_at
from ledger.verify.replay import replay
from ledger.verify.report import Verdict
from tests.conftest import MakeEngine
from tests.proof import PublishedBook, published_book


@pytest.fixture
def grown(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    """A log that was published at two sizes; the older checkpoint is beside its folder."""
    published = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    published.post(300, citizens=3)
    published.publish()
    shutil.copy(published.log_dir / "checkpoint", tmp_path / "older")
    published.post(40)
    published.publish()
    return published


@pytest.fixture
def address(grown: PublishedBook):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(grown.log_dir))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def signed(grown: PublishedBook, size: int, root: bytes) -> bytes:
    keys = load_keys(grown.folder / "keys", grown.policy, passphrase=None)
    return sign_checkpoint(Checkpoint(grown.policy.origin, size, root), keys, posix_time=1)


def test_a_log_that_grew_is_verified_since_an_older_checkpoint(grown, tmp_path: Path, address: str) -> None:
    for place in (grown.log_dir, address):
        report = verify_log(place, grown.policy, since=view_at(tmp_path / "older"))
        assert report.verdict is Verdict.VERIFIED, report.to_text()
        assert {"consistency", "since"} <= {check.name for check in report.checks}


def test_two_checkpoints_are_compared_by_tiles_or_by_a_proof(grown, tmp_path: Path) -> None:
    older = tmp_path / "older"
    for pair in ((older, grown.log_dir), (grown.log_dir, older)):
        assert verify_two(*pair, grown.policy, proof=None, log=None).verdict is Verdict.VERIFIED
    size, log = view_size(grown), LogFolder(grown.log_dir)
    steps = consistency_proof(view_size(grown, older), size, lambda start, end: log.subtree(start, end, size))
    proof = "".join(f"{b64(step)}\n" for step in steps).encode()
    shutil.copy(grown.log_dir / "checkpoint", tmp_path / "newer")
    alone = (older, tmp_path / "newer", grown.policy)
    assert verify_two(*alone, proof=proof, log=None).verdict is Verdict.VERIFIED
    assert verify_two(*alone, proof=None, log=None).verdict is Verdict.INCOMPLETE
    assert verify_two(*alone, proof=proof[:-45], log=None).failure.code == "consistency-unproven"


def view_size(grown: PublishedBook, file: Path | None = None) -> int:
    return int((file or grown.log_dir / "checkpoint").read_text().splitlines()[1])


def test_two_signed_notes_prove_a_fork(grown, tmp_path: Path, address: str) -> None:
    false, policy = tmp_path / "false", grown.policy
    for size in (256, 7, view_size(grown)):
        false.write_bytes(signed(grown, size, bytes(32)))
        report = verify_two(false, grown.log_dir, policy, proof=None, log=None)
        assert (report.failure.code, report.verdict) == ("log-forked", Verdict.FORGED)
        assert "prove misbehaviour" in report.figures["forged"]
        assert verify_log(grown.log_dir, policy, since=view_at(false)).failure.code == "log-forked"
        assert verify_views(grown.log_dir, [address, str(false)], policy).failure.code == "log-forked"


def test_a_copy_that_is_behind_is_incomplete_not_forged(grown, tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    newer.write_bytes(signed(grown, 1_000, bytes(32)))
    report = verify_log(grown.log_dir, grown.policy, since=view_at(newer))
    assert report.verdict is Verdict.INCOMPLETE
    assert report.missing[0].startswith("reach: log older than checkpoint")  # log-older-than-checkpoint


def test_views_are_compared_and_one_that_is_silent_is_listed(grown, tmp_path: Path, address: str) -> None:
    policy = grown.policy
    everybody = [address, f"{address}/checkpoint", str(tmp_path / "older")]
    assert verify_views(grown.log_dir, everybody, policy).verdict is Verdict.VERIFIED
    report = verify_views(grown.log_dir, [address, "http://127.0.0.1:1"], policy)
    assert report.verdict is Verdict.INCOMPLETE
    assert "log unavailable" in report.missing[0]  # log-unavailable


def test_the_commands_have_their_exit_codes(grown, tmp_path: Path, address: str, capsys) -> None:
    policy, older = ["--policy", str(grown.log_dir / "policy")], str(tmp_path / "older")
    assert main(["log", address, "--since", older, "--json", *policy]) == 0
    assert main(["consistency", older, address, *policy]) == 0
    assert main(["witness-diff", str(grown.log_dir), address, *policy]) == 0
    assert main(["witness-diff", str(grown.log_dir), *policy]) == 3
    assert main(["log", f"{address}/nowhere", *policy]) == 2
    capsys.readouterr()


def test_two_processes_find_what_one_finds(grown) -> None:
    bundle = grown.bundle()
    assert (
        replay(grown.log_dir, bundle, grown.policy, jobs=2).to_json()
        == replay(grown.log_dir, bundle, grown.policy).to_json()
    )
    bundle.write_bytes(bundle.read_bytes().replace(b'"key":"pay:290:paid"', b'"key":"pay:299:paid"'))
    assert (
        replay(grown.log_dir, bundle, grown.policy, jobs=2).failure
        == replay(grown.log_dir, bundle, grown.policy).failure
    )
