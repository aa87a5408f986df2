"""Every byte of every kind of published file with a bit changed: refused each time, and the report names the file.

The bit that is changed moves on from byte to byte; a file of which more bits of each byte are changed has rounds.
"""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from contracts.documents import authority
from contracts.documents.receipt import render_receipt
from contracts.documents.signature import sign_receipt
from contracts.documents.verify import verify_receipt_pdf
from ledger.errors import Refusal
from ledger.log.policy import parse_policy
from ledger.verify.log import verify_log
from ledger.verify.receipt import verify_receipt
from ledger.verify.replay import replay
from ledger.verify.report import Report, Verdict
from tests import papers

SAMPLE = Path(__file__).parents[1] / "vectors" / "log" / "sample"
PROOF, OPENING, OPENINGS = "receipt.tlog-proof", "opening.json", "openings.jsonl"
CHECKPOINT, POLICY_FILE, ENTRIES, TILE = "checkpoint", "policy", "tile/entries/000.p/31", "tile/0/000.p/31"
POLICY = parse_policy((SAMPLE / "log" / POLICY_FILE).read_bytes())
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BITS = 8
ROUNDS = {PROOF: 2, OPENING: 8, OPENINGS: 1, CHECKPOINT: 1, POLICY_FILE: 1, ENTRIES: 1, TILE: 2}
PDF_STEP = 16
PARTS = 4
"""A bundle takes long, each change being replayed: its bytes are shared among as many tests."""
DEMANDED = 20_000
MORE_OR_LESS_IS_WANTED = {
    "openings header: openings newer than log (size 71, log_size 31)",
    "openings header: openings newer than log (size 39, log_size 31)",
    "stated balances: openings end early (line 33)",
}
"""Three changes of a bundle of openings that could as well be a log too short, or a bundle cut short."""

Judge = Callable[[bytes], Report]


def one_bit_changed(original: bytes, rounds: int) -> Iterator[tuple[int, bytes]]:
    """Each byte's place with a copy in which one bit of it is another, `rounds` times with different bits."""
    changed = bytearray(original)
    for turn in range(rounds):
        for place, byte in enumerate(original):
            changed[place] ^= 1 << (place + place // BITS + turn * BITS // rounds) % BITS
            yield place, bytes(changed)
            changed[place] = byte


def assert_each_is_refused(name: str, original: bytes, judge: Judge, *, part: int = 0, parts: int = 1) -> None:
    """A change that is not refused, or whose report does not name the file, fails with its place."""
    tried = 0
    for place, changed in islice(one_bit_changed(original, ROUNDS[name]), part, None, parts):
        report = judge(changed)
        tried += 1
        if report.verdict is Verdict.INCOMPLETE and report.missing[0] in MORE_OR_LESS_IS_WANTED:
            continue
        assert report.verdict is Verdict.FORGED, f"{name}: byte {place} can be changed"
        assert report.failure is not None
        named = f"{report.failure.file}: {report.failure.detail}"
        assert name in named, f"{name}: byte {place} is said to be wrong in {named}"
    assert tried == len(range(part, len(original) * ROUNDS[name], parts))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A copy of the sample's log, to change files in."""
    return shutil.copytree(SAMPLE / "log", tmp_path / "log")


def test_the_rounds_come_to_what_is_demanded() -> None:
    folders = (SAMPLE, SAMPLE / "log")
    sizes = {name: (folder / name).stat().st_size for name in ROUNDS for folder in folders if (folder / name).exists()}
    assert sum(sizes[name] * rounds for name, rounds in ROUNDS.items()) >= DEMANDED


def test_no_bit_of_a_proof_can_be_changed() -> None:
    opening = (SAMPLE / OPENING).read_bytes()
    assert_each_is_refused(PROOF, (SAMPLE / PROOF).read_bytes(), lambda proof: verify_receipt(proof, opening, POLICY))


def test_no_bit_of_an_opening_can_be_changed() -> None:
    proof = (SAMPLE / PROOF).read_bytes()
    original = (SAMPLE / OPENING).read_bytes()
    assert_each_is_refused(OPENING, original, lambda opening: verify_receipt(proof, opening, POLICY))


@pytest.mark.parametrize("name", [CHECKPOINT, ENTRIES, TILE])
def test_no_bit_of_a_file_of_the_log_can_be_changed(log: Path, name: str) -> None:
    def judge(changed: bytes) -> Report:
        (log / name).write_bytes(changed)
        return verify_log(log, POLICY)

    assert_each_is_refused(name, (SAMPLE / "log" / name).read_bytes(), judge)


@pytest.mark.parametrize("part", range(PARTS))
def test_no_bit_of_the_openings_can_be_changed(log: Path, tmp_path: Path, part: int) -> None:
    openings = tmp_path / OPENINGS

    def judge(changed: bytes) -> Report:
        openings.write_bytes(changed)
        return replay(log, openings, POLICY)

    assert_each_is_refused(OPENINGS, (SAMPLE / OPENINGS).read_bytes(), judge, part=part, parts=PARTS)


def test_no_bit_of_the_policy_can_be_changed(log: Path) -> None:
    """A change that still reads as a policy is found by the hash of the policy in the genesis entry."""

    def judge(changed: bytes) -> Report:
        (log / POLICY_FILE).write_bytes(changed)
        report = verify_log(log, None)
        codes.add(report.failure.code if report.failure else "")
        return report

    codes: set[str] = set()
    assert_each_is_refused(POLICY_FILE, (log / POLICY_FILE).read_bytes(), judge)
    assert codes == {"policy-malformed", "verifier-key-malformed", "policy-differs-from-genesis"}


def test_no_bit_of_a_receipt_in_pdf_can_be_changed(tmp_path: Path) -> None:
    """The refusal says between which bytes the change lies, unless it is in the seal itself.

    `tests/unit/documents/test_seal.py` goes through every byte; this one is a receipt that verifies to the end.
    """
    identity = authority.make_receipt_identity(tmp_path, now=NOW)
    proof, opening = (SAMPLE / PROOF).read_bytes(), (SAMPLE / OPENING).read_bytes()
    drawn = render_receipt(papers.receipt(), "nl", proof=proof, opening=opening)
    sealed = sign_receipt(drawn, identity=identity, at=NOW)
    for place, changed in islice(one_bit_changed(sealed, 1), 0, None, PDF_STEP):
        with pytest.raises(Refusal) as refused:
            verify_receipt_pdf(changed, receipt_certificate_sha256=identity.certificate_sha256)
        told = refused.value.facts
        if "first_byte" in told:
            assert told["first_byte"] <= place <= told["last_byte"]
        else:
            assert refused.value.code in {"receipt-seal-missing", "receipt-certificate-unknown"}
