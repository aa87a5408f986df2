"""A log, its openings and a receipt from the day the format was fixed: they verify for ever, by two verifiers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.log.policy import parse_policy
from ledger.verify.log import verify_log
from ledger.verify.receipt import verify_receipt
from ledger.verify.replay import replay
from ledger.verify.report import Verdict

SAMPLE = Path(__file__).parents[1] / "vectors" / "log" / "sample"
SECOND = Path(__file__).with_name("second_verifier.py")
RECEIPT = ("receipt.tlog-proof", "opening.json")
POLICY = parse_policy((SAMPLE / "log" / "policy").read_bytes())


def test_the_sample_log_replays() -> None:
    report = replay(SAMPLE / "log", SAMPLE / "openings.jsonl", POLICY)
    assert report.verdict is Verdict.VERIFIED, report.to_text()
    assert verify_log(SAMPLE / "log", POLICY).verdict is Verdict.VERIFIED


def test_the_sample_receipt_verifies() -> None:
    proof, opening = ((SAMPLE / name).read_bytes() for name in RECEIPT)
    assert verify_receipt(proof, opening, POLICY).verdict is Verdict.VERIFIED


def second(proof: Path, opening: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SECOND), str(proof), str(opening), str(SAMPLE / "log" / "policy")]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=SECOND.parent)


def test_a_second_verifier_written_from_the_format_page_agrees() -> None:
    result = second(*(SAMPLE / name for name in RECEIPT))
    assert (result.returncode, result.stderr) == (0, "")
    assert "'account': '489100:c17'" in result.stdout


@pytest.mark.parametrize(
    ("file", "old", "new"), [(1, b"50000", b"90000"), (0, b"\n6\n", b"\n7\n"), (0, b"index 5", b"index 4")]
)
def test_both_verifiers_refuse_the_same_forgeries(tmp_path: Path, file: int, old: bytes, new: bytes) -> None:
    copies = []
    for number, name in enumerate(RECEIPT):
        content = (SAMPLE / name).read_bytes()
        copies.append(tmp_path / name)
        copies[-1].write_bytes(content.replace(old, new, 1) if number == file else content)
    assert second(*copies).returncode != 0
    assert verify_receipt(*(copy.read_bytes() for copy in copies), POLICY).verdict is Verdict.FORGED


def test_the_format_page_shows_this_very_sample() -> None:
    page = (Path(__file__).parents[2] / "docs" / "log.md").read_text()
    opening = (SAMPLE / "opening.json").read_bytes()
    assert json.dumps(json.loads(opening)["entry"], sort_keys=True, separators=(",", ":")) in page
    for line in json.loads(opening)["header"], json.loads(opening)["line"]:
        assert line["nonce"] in page
