"""Logs with their openings and a receipt, from the days on which formats were fixed: they verify for ever, by two
verifiers, which also agree on random books, on forgeries, and on the blocks of a log export.
"""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature

from ledger.acknowledgements import acknowledge
from ledger.audit.log_export import write_log
from ledger.clock import FixedClock
from ledger.log.encoding import b64
from ledger.log.leaf import ANCHOR, ERASURE, KEY, TOTALS, TYPES, VOTE
from ledger.log.leaf import POLICY as POLICY_CHANGE
from ledger.log.policy import Policy, parse_policy
from ledger.log.tiles import LogFolder
from ledger.storage import tables
from ledger.verify.log import verify_log
from ledger.verify.receipt import verify_receipt
from ledger.verify.replay import replay
from ledger.verify.report import Verdict
from tests.conftest import MakeEngine, make_book
from tests.every_item import fill, fill_at_random
from tests.forgeries import FORGERIES
from tests.proof import HandmadeLog, published_book

IMPORT = re.compile("(import|from) ")

VECTORS = Path(__file__).parents[1] / "vectors" / "log"
SAMPLE, OLDER = VECTORS / "sample", VECTORS / "sample-1"
SECOND = Path(__file__).with_name("second_verifier.py")
RECEIPT = ("receipt.tlog-proof", "opening.json")
LATER = {TOTALS, ANCHOR, ERASURE, KEY, POLICY_CHANGE, VOTE}
"""Types that came after the sample was fixed."""
POLICY = parse_policy((SAMPLE / "log" / "policy").read_bytes())
_spec = importlib.util.spec_from_file_location("second_verifier", SECOND)
second_verifier = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(second_verifier)


def policy_of(sample: Path) -> Policy:
    return parse_policy((sample / "log" / "policy").read_bytes())


@pytest.mark.parametrize("sample", [SAMPLE, OLDER], ids=lambda sample: sample.name)
def test_each_sample_log_replays(sample: Path) -> None:
    report = replay(sample / "log", sample / "openings.jsonl", policy_of(sample))
    assert report.verdict is Verdict.VERIFIED, report.to_text()
    assert verify_log(sample / "log", policy_of(sample)).verdict is Verdict.VERIFIED


@pytest.mark.parametrize("sample", [SAMPLE, OLDER], ids=lambda sample: sample.name)
def test_each_sample_receipt_verifies(sample: Path) -> None:
    proof, opening = ((sample / name).read_bytes() for name in RECEIPT)
    assert verify_receipt(proof, opening, policy_of(sample)).verdict is Verdict.VERIFIED


def test_the_sample_has_every_type_of_entry() -> None:
    entries = LogFolder(SAMPLE / "log").bundle(0, 31)
    assert {json.loads(entry)["t"] for entry in entries} == TYPES - LATER


def run_second(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SECOND), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=SECOND.parent)


def second(proof: Path, opening: Path) -> subprocess.CompletedProcess[str]:
    return run_second("receipt", proof, opening, SAMPLE / "log" / "policy")


def second_replays(log_dir: Path, bundle: Path) -> bool:
    """Whether the second verifier finds nothing wrong."""
    try:
        second_verifier.replay(log_dir, bundle.read_bytes(), (log_dir / "policy").read_bytes())
    except (AssertionError, LookupError, TypeError, ValueError):
        return False
    return True


def test_a_second_verifier_written_from_the_format_page_agrees() -> None:
    result = second(*(SAMPLE / name for name in RECEIPT))
    assert (result.returncode, result.stderr) == (0, "")
    assert "'account': '489100:c17'" in result.stdout
    for sample in (SAMPLE, OLDER):
        result = run_second("replay", sample / "log", sample / "openings.jsonl", sample / "log" / "policy")
        assert (result.returncode, result.stderr) == (0, "")
        assert "'debit'" in result.stdout


def test_the_second_verifier_imports_nothing_of_this_project() -> None:
    imported = {line.split()[1].partition(".")[0] for line in SECOND.read_text().splitlines() if IMPORT.match(line)}
    assert imported <= sys.stdlib_module_names | {"cryptography"}


@pytest.mark.parametrize("seed", range(10, 18))
def test_both_verifiers_agree_on_random_books(
    make_engine: MakeEngine, tmp_path: Path, clock: FixedClock, seed: int
) -> None:
    published = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    fill_at_random(published.book, clock, seed=seed)
    published.publish()
    bundle = published.bundle()
    assert replay(published.log_dir, bundle, published.policy).verdict is Verdict.VERIFIED
    assert second_replays(published.log_dir, bundle)


@pytest.mark.parametrize("name", FORGERIES)
def test_both_verifiers_refuse_what_is_hashed_and_signed_and_still_wrong(tmp_path: Path, name: str) -> None:
    """The statement at the end is what the forger would make of it, so that nothing else is wrong."""
    log = HandmadeLog(tmp_path)
    log.open_accounts("550100", "489100:c1")
    FORGERIES[name][2](log)
    log_dir, bundle = log.publish()
    assert replay(log_dir, bundle, log.policy).verdict is Verdict.FORGED
    second_verifier.Book.closing, closing = lambda _book: closing_of(bundle), second_verifier.Book.closing
    try:
        assert not second_replays(log_dir, bundle)
    finally:
        second_verifier.Book.closing = closing


def closing_of(bundle: Path) -> object:
    return json.loads(bundle.read_bytes().splitlines()[-1])


def test_both_verifiers_accept_what_is_handmade_and_right(tmp_path: Path) -> None:
    log = HandmadeLog(tmp_path)
    log.open_accounts("550100", "489100:c1")
    hold = log.hold(("550100", 100), ("489100:c1", -100), expires="2026-03-02T11:00:01.000000Z")
    log.add("release/1", hold=hold, step="expired", at="2026-03-02T11:00:01.000000Z")
    log_dir, bundle = log.publish(accounts=[{"account": a, "asset": "EUR"} for a in ("489100:c1", "550100")])
    assert replay(log_dir, bundle, log.policy).verdict is Verdict.VERIFIED
    assert second_replays(log_dir, bundle)


def test_the_second_verifier_finds_the_same_blocks_in_a_log_export(
    make_engine: MakeEngine, tmp_path: Path, clock: FixedClock
) -> None:
    book = make_book(make_engine("sqlite"), clock)
    fill(book, clock)
    file = tmp_path / "export.log"
    with file.open("wb") as out:
        write_log(book, out, bytes(32))
    with book.read() as connection:
        last = connection.scalar(sa.select(tables.head.c.last_hash).where(tables.head.c.book_id == "main"))
    assert run_second("blocks", file).stdout == f"{b64(last)}\n"
    file.write_bytes(file.read_bytes().replace(b'"body":"AAAA', b'"body":"BAAA'))
    assert run_second("blocks", file).returncode != 0


@pytest.mark.parametrize(
    ("file", "old", "new"), [(1, b"6000", b"9000"), (0, b"\n31\n", b"\n32\n"), (0, b"index 9", b"index 8")]
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
    assert (SAMPLE / "log" / "checkpoint").read_text().split("\n")[2] in page
    assert json.dumps(json.loads(opening)["line"]["line"], sort_keys=True, separators=(",", ":")) in page
    assert json.dumps(json.loads(opening)["entry"], sort_keys=True, separators=(",", ":")) in page
    for line in json.loads(opening)["header"], json.loads(opening)["line"]:
        assert line["nonce"] in page


def test_the_second_verifier_checks_acknowledgements(
    make_engine: MakeEngine, tmp_path: Path, clock: FixedClock
) -> None:
    published = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    published.post(1)
    published.publish()
    promise = acknowledge(published.book, published.log_dir, published.folder / "keys", 2, passphrase=None)
    policy = (published.log_dir / "policy").read_bytes()
    n, promised, deadline = second_verifier.acknowledged(promise, policy)
    assert (n, deadline) == (2, "2026-03-03T11:00:00.000000Z")
    assert promised == LogFolder(published.log_dir).subtree(2, 3, 3)
    for changed in (promise.replace(b"\n2\n", b"\n1\n"), promise[:-1], promise + b"\n"):
        with pytest.raises((AssertionError, ValueError, InvalidSignature)):
            second_verifier.acknowledged(changed, policy)
