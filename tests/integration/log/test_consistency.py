"""Checkpoints against each other: growth is shown, a fork is proven, and what can't be read is said to be missing."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.clock import FixedClock
from ledger.log.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from ledger.log.encoding import b64
from ledger.log.keys import load_keys
from ledger.log.merkle import consistency_proof
from ledger.log.tiles import LogFolder
from ledger.verify.__main__ import main
from ledger.verify.consistency import UNSIGNED, verify_two, verify_views
from ledger.verify.log import verify_log
from ledger.verify.places import view_at
from ledger.verify.report import REPORT_FORMAT, Report, Verdict
from tests.conftest import MakeEngine
from tests.proof import PublishedBook, published_book
from tests.sites import serve

SECOND_VERIFIER = Path(__file__).parents[2] / "conformance/second_verifier.py"


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
def address(grown: PublishedBook) -> Iterator[str]:
    with serve(grown.log_dir) as address:
        yield address


def signed(grown: PublishedBook, size: int, root: bytes) -> bytes:
    keys = load_keys(grown.folder / "keys", grown.policy, passphrase=None)
    return sign_checkpoint(Checkpoint(grown.policy.origin, size, root), keys, posix_time=1)


def size_of(checkpoint: Path) -> int:
    return int(checkpoint.read_text().splitlines()[1])


def code_of(report: Report) -> str | None:
    return report.failure.code if report.failure else None


def test_a_log_that_grew_is_verified_since_an_older_checkpoint(grown, tmp_path: Path, address: str) -> None:
    for place in (grown.log_dir, address):
        report = verify_log(place, grown.policy, since=view_at(tmp_path / "older"))
        assert report.verdict is Verdict.VERIFIED, report.to_text()
        facts = {check.name: check.facts for check in report.checks}
        assert facts["consistency"]["old_size"] == facts["since"]["size"] == size_of(tmp_path / "older")
        assert facts["since"]["root"] == facts["consistency"]["old_root"]
        assert facts["entries"]["entries"] == size_of(grown.log_dir / "checkpoint")


def test_two_checkpoints_are_compared_by_tiles_or_by_a_proof(grown, tmp_path: Path) -> None:
    older, newer, policy = tmp_path / "older", tmp_path / "newer", grown.policy
    for pair in ((older, grown.log_dir), (grown.log_dir, older)):
        assert verify_two(*pair, policy, proof=None, log=None).verdict is Verdict.VERIFIED
    shutil.copy(grown.log_dir / "checkpoint", newer)
    size, log, proof = size_of(newer), LogFolder(grown.log_dir), tmp_path / "proof"
    steps = consistency_proof(size_of(older), size, lambda start, end: log.subtree(start, end, size))
    lines = [f"{b64(step)}\n" for step in steps]
    proof.write_text("".join(lines))
    assert verify_two(older, newer, policy, proof=proof, log=None).verdict is Verdict.VERIFIED
    assert verify_two(older, newer, policy, proof=None, log=log).verdict is Verdict.VERIFIED
    assert verify_two(older, newer, policy, proof=None, log=None).verdict is Verdict.INCOMPLETE
    second = [sys.executable, SECOND_VERIFIER, "consistency", older, newer, proof, grown.log_dir / "policy"]
    assert subprocess.run(second, check=False, capture_output=True).returncode == 0
    for wrong in (lines[:-1], lines[::-1], [*lines, lines[0]], []):
        proof.write_text("".join(wrong))
        report = verify_two(older, newer, policy, proof=proof, log=None)
        assert (code_of(report), report.failure.file) == ("consistency-unproven", "proof")
    assert subprocess.run(second, check=False, capture_output=True).returncode != 0


def test_two_signed_notes_prove_a_fork(grown, tmp_path: Path, address: str) -> None:
    false, policy = tmp_path / "false", grown.policy
    for size in (256, 7, size_of(grown.log_dir / "checkpoint")):
        false.write_bytes(signed(grown, size, bytes(32)))
        report = verify_two(false, grown.log_dir, policy, proof=None, log=None)
        assert (code_of(report), report.verdict) == ("log-forked", Verdict.FORGED)
        assert "two signed notes prove misbehaviour" in report.figures["forged"]
        assert code_of(verify_log(grown.log_dir, policy, since=view_at(false))) == "log-forked"
        views = verify_views(grown.log_dir, [address, str(false)], policy)
        assert code_of(views) == "log-forked"
        assert str(false) in views.figures["forged"]


def test_without_keys_nobody_is_accused(grown, tmp_path: Path) -> None:
    false = tmp_path / "false"
    false.write_bytes(signed(grown, 7, bytes(32)))
    report = verify_two(false, grown.log_dir, None, proof=None, log=None)
    assert (code_of(report), "forged" in report.figures) == ("log-forked", False)
    assert verify_two(tmp_path / "older", grown.log_dir, None, proof=None, log=None).verdict is Verdict.INCOMPLETE


def test_a_checkpoint_that_no_known_key_signed_proves_nothing_against_anybody(grown, tmp_path: Path) -> None:
    """As after a rotation, where the policy at hand no longer names the keys of then."""
    text = (tmp_path / "older").read_text().partition("\n\n")[0]
    unsigned, false = tmp_path / "unsigned", tmp_path / "false"
    strangers = f"\n\n— {grown.policy.origin} AAAAAAAA\n"
    unsigned.write_text(text + strangers)
    false.write_text(f"{grown.policy.origin}\n7\n{b64(bytes(32))}" + strangers)
    report = verify_log(grown.log_dir, grown.policy, since=view_at(unsigned))
    assert (report.verdict, report.not_checked[-1]) == (Verdict.VERIFIED, UNSIGNED.format(view=unsigned))
    report = verify_views(grown.log_dir, [str(unsigned)], grown.policy)
    assert (report.verdict, report.missing) == (Verdict.INCOMPLETE, [UNSIGNED.format(view=unsigned)])
    for report in (
        verify_log(grown.log_dir, grown.policy, since=view_at(false)),
        verify_two(false, grown.log_dir, grown.policy, proof=None, log=None),
    ):
        assert (code_of(report), "forged" in report.figures) == ("log-forked", False)


def test_a_log_has_grown_from_what_it_was_under_a_name_that_was_given_up(grown, tmp_path: Path) -> None:
    before, text = tmp_path / "before", (tmp_path / "older").read_text().partition("\n\n")[0]
    before.write_text("elsewhere/main\n" + text.partition("\n")[2] + "\n\n— elsewhere/main AAAAAAAA\n")
    assert code_of(verify_log(grown.log_dir, grown.policy, since=view_at(before))) == "checkpoint-origin-differs"
    ended = replace(parse_checkpoint(text + "\n"), origin="elsewhere/main")
    report = verify_log(grown.log_dir, replace(grown.policy, ended=(ended,)), since=view_at(before))
    assert report.verdict is Verdict.VERIFIED, report.to_text()


def test_checkpoints_of_two_logs_are_not_compared(grown, make_engine: MakeEngine, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("elsewhere/main\n7\n" + b64(bytes(32)) + "\n\n— elsewhere/main AAAAAAAA\n")
    assert code_of(verify_two(other, grown.log_dir, None, proof=None, log=None)) == "checkpoint-origin-differs"
    assert code_of(verify_two(other, grown.log_dir, grown.policy, proof=None, log=None)) == "checkpoint-origin-differs"


def test_tiles_that_lead_elsewhere_accuse_nobody(grown, tmp_path: Path) -> None:
    tile = next((grown.log_dir / "tile/0/001.p").glob(f"{size_of(grown.log_dir / 'checkpoint') - 256}"))
    tile.write_bytes(bytes(len(tile.read_bytes())))
    report = verify_two(tmp_path / "older", grown.log_dir, grown.policy, proof=None, log=None)
    assert (code_of(report), "forged" in report.figures) == ("log-root-differs", False)


def test_a_copy_that_is_behind_is_incomplete_not_forged(grown, tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    newer.write_bytes(signed(grown, 1_000, bytes(32)))
    report = verify_log(grown.log_dir, grown.policy, since=view_at(newer))
    assert report.verdict is Verdict.INCOMPLETE
    assert report.missing == ["reach: log older than checkpoint (size 342, known 1000)"]  # log-older-than-checkpoint


def test_witnesses_without_tiles_are_held_against_the_largest_log_that_has_some(
    grown, tmp_path: Path, address: str
) -> None:
    witnesses = tmp_path / "witnesses"
    for name, checkpoint in (("one", tmp_path / "older"), ("two", grown.log_dir / "checkpoint")):
        (witnesses / name).mkdir(parents=True)
        shutil.copy(checkpoint, witnesses / name / "checkpoint")
    with serve(witnesses) as elsewhere:
        shown = [f"{elsewhere}/one/checkpoint", f"{elsewhere}/two", address, f"{address}/checkpoint"]
        report = verify_views(tmp_path / "older", shown, grown.policy)
        assert report.verdict is Verdict.VERIFIED, report.to_text()
        assert (report.figures["views"], sum(check.name == "view" for check in report.checks)) == (5, 5)
        (witnesses / "one/checkpoint").write_bytes(signed(grown, 200, bytes(32)))
        assert code_of(verify_views(grown.log_dir, shown, grown.policy)) == "log-forked"
        for name, root in (("one", 1), ("two", 2)):
            (witnesses / name / "checkpoint").write_bytes(signed(grown, 1_000, bytes([root]) * 32))
        ahead = verify_views(grown.log_dir, shown[:1], grown.policy)
        assert (ahead.verdict, code_of(ahead)) == (Verdict.INCOMPLETE, None)
        assert code_of(verify_views(grown.log_dir, shown, grown.policy)) == "log-forked"


def test_a_view_that_is_silent_is_listed(grown, address: str) -> None:
    nobody = "http://127.0.0.1:1"
    report = verify_views(grown.log_dir, [address, nobody], grown.policy)
    assert report.verdict is Verdict.INCOMPLETE
    assert report.missing[0].startswith("published: log unavailable")
    assert f"the view of {nobody}" in report.not_checked


def test_every_report_has_the_documented_members(grown, tmp_path: Path, address: str) -> None:
    older = str(tmp_path / "older")
    for report in (
        verify_log(address, grown.policy, since=view_at(older)),
        verify_two(older, address, grown.policy, proof=None, log=None),
        verify_views(grown.log_dir, [address], grown.policy),
        verify_views(grown.log_dir, [f"{address}/nowhere"], None),
    ):
        value = json.loads(report.to_json())
        members = ["format", "subject", "verdict", "exit_code", "checks", "missing", "not_checked", "figures"]
        assert list(value) == members
        assert (value["format"], value["not_checked"] != []) == (REPORT_FORMAT, True)
        for check in value["checks"]:
            assert set(check) - {"code"} == {"check", "file", "passed", "detail", "facts"}
            assert ("code" in check) is not check["passed"]
        page = (Path(__file__).parents[3] / "docs/verify.md").read_text()
        assert all(f"`{name}`" in page for name in [*members, REPORT_FORMAT, "code", "facts", "detail"])


def test_each_command_has_its_exit_codes(grown, tmp_path: Path, address: str, capsys) -> None:
    older, log, false = tmp_path / "older", grown.log_dir, tmp_path / "false"
    false.write_bytes(signed(grown, 7, bytes(32)))
    calls = {
        ("log", address, "--since", older): 0,
        ("log", log, "--since", false): 1,
        ("log", f"{address}/nowhere"): 2,
        ("log", log, "--since", tmp_path / "nothing"): 2,
        ("log",): 3,
        ("consistency", older, address): 0,
        ("consistency", false, log): 1,
        ("consistency", older, log, "--log", "http://127.0.0.1:1"): 2,
        ("consistency", older, log, "--proof", tmp_path / "nothing"): 2,
        ("consistency", older): 3,
        ("witness-diff", log, address): 0,
        ("witness-diff", log, address, false): 1,
        ("witness-diff", log, address, "http://127.0.0.1:1"): 2,
        ("witness-diff", log): 3,
    }
    for call, code in calls.items():
        policy = ("--policy", log / "policy") if len(call) > 1 else ()
        assert main([*map(str, (*call, *policy)), "--json"]) == code, call
        shown = capsys.readouterr().out
        assert not shown or json.loads(shown)["exit_code"] == code
