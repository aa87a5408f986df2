"""The verifier by itself: Python and `cryptography`, no other package, no database, no network."""

import importlib.metadata
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.accounts import AccountRef
from ledger.audit.openings import lines_with, receipt_for
from ledger.clock import FixedClock
from tests.conftest import MakeEngine
from tests.proof import PublishedBook, published_book

ROOT = Path(__file__).parents[3]
NEEDED = ("cryptography", "cffi", "pycparser", "_cffi_backend")
LAUNCHER = """
import sys
sys.path[:0] = {paths!r}

def refuse(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        raise RuntimeError("the verifier used the network: " + event)

sys.addaudithook(refuse)
sys.argv[0] = "ledger.verify"
from ledger.verify.__main__ import main
code = main(sys.argv[1:])
foreign = {{name.partition(".")[0] for name in sys.modules}} - set(sys.stdlib_module_names)
allowed = {{"ledger", "cryptography", "cffi", "pycparser", "_cffi_backend", "_openssl", "__main__"}}
assert foreign <= allowed, foreign - allowed
ours = {{name for name in sys.modules if name.startswith("ledger.")}}
strangers = {{n for n in ours if not n.startswith(("ledger.verify", "ledger.log")) and n != "ledger.errors"}}
assert not strangers, strangers
sys.exit(code)
"""


@pytest.fixture
def published(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    published = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    published.post(30, citizens=3)
    published.publish()
    return published


@pytest.fixture
def alone(tmp_path: Path):
    """Run `python -m ledger.verify` with the verifier's files and `cryptography` copied to an empty place."""
    place = tmp_path / "alone"
    shutil.copytree(ROOT / "ledger" / "log", place / "ledger" / "log")
    shutil.copytree(ROOT / "ledger" / "verify", place / "ledger" / "verify")
    for file in ("__init__.py", "errors.py"):
        shutil.copy(ROOT / "ledger" / file, place / "ledger" / file)
    packages = tmp_path / "packages"
    packages.mkdir()
    site = Path(importlib.metadata.distribution("cryptography").locate_file(""))
    for found in site.iterdir():
        if found.name.split(".")[0] in NEEDED:
            (packages / found.name).symlink_to(found)
    launcher = place / "launch.py"
    launcher.write_text(LAUNCHER.format(paths=[str(place), str(packages)]))

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", str(launcher), *map(str, arguments)]
        return subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, timeout=60)

    return run


def write_receipt(published: PublishedBook, folder: Path) -> Path:
    [(n, line)] = lines_with(published.book, key="pay:4:paid", account=AccountRef("489100", "c1"))
    files = receipt_for(published.book, published.log_dir, n=n, line=line)
    folder.mkdir()
    (folder / "receipt.tlog-proof").write_bytes(files.proof)
    (folder / "opening.json").write_bytes(files.opening)
    return folder / "receipt.tlog-proof"


def test_a_receipt_a_log_and_a_replay_verify_with_nothing_but_cryptography(published, alone, tmp_path: Path) -> None:
    policy = published.log_dir / "policy"
    receipt = write_receipt(published, tmp_path / "r")
    for arguments in (
        ("receipt", receipt),
        ("log", published.log_dir),
        ("replay", published.log_dir, "--openings", published.bundle()),
    ):
        result = alone(*arguments, "--policy", policy, "--json")
        assert (result.returncode, result.stderr) == (0, "")
        assert json.loads(result.stdout)["verdict"] == "verified"
        assert "VERIFIED" in alone(*arguments, "--policy", policy).stdout


def test_forged_incomplete_and_misused_have_their_exit_codes(published, alone, tmp_path: Path) -> None:
    policy = published.log_dir / "policy"
    receipt = write_receipt(published, tmp_path / "r")
    assert alone("receipt", receipt).returncode == 2  # no policy
    assert alone("receipt", tmp_path / "nowhere", "--policy", policy).returncode == 2
    assert alone("receipt", receipt, "--policy", tmp_path / "nowhere").returncode == 2
    assert alone("receipt").returncode == 3
    assert alone("receipts", receipt).returncode == 3
    assert alone("--help").returncode == 0
    (tmp_path / "r/opening.json").write_bytes((tmp_path / "r/opening.json").read_bytes().replace(b"489100", b"489200"))
    forged = alone("receipt", receipt, "--policy", policy, "--json")
    assert forged.returncode == 1
    failed = [check for check in json.loads(forged.stdout)["checks"] if not check["passed"]]
    assert [(check["check"], check["file"]) for check in failed] == [("opening", "opening.json")]
    assert "FAILED" in alone("receipt", receipt, "--policy", policy).stdout
    (tmp_path / "false-policy").write_bytes(b"quorum none\n")
    refused = alone("receipt", receipt, "--policy", tmp_path / "false-policy")
    assert (refused.returncode, refused.stderr[:16]) == (1, "policy malformed")
