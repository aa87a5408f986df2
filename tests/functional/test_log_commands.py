"""`bxl log`, `signer`, `verify` and `audit` as a shell sees them, from entries to a receipt checked without network."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from api.bootstrap import open_book
from api.cli.verify import LARGEST_PAPER
from api.settings import Settings, read_settings
from contracts.documents.authority import make_receipt_identity
from contracts.documents.receipt import render_receipt
from contracts.documents.signature import sign_receipt
from ledger.accounts import AccountRef
from ledger.acknowledgements import acknowledge
from ledger.audit.openings import lines_with, receipt_for
from ledger.log.receipt import ReceiptFiles
from tests import papers
from tests.commands import run_bxl
from tests.timestamp_authority import make_authority, serving

Bxl = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[2]
NETWORK_OFF = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"):
        raise OSError("the network is off")

sys.addaudithook(refuse)
"""


def environment_of(folder: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "BXL_DATA": str(folder / "data"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        **more,
    }


@pytest.fixture
def bxl(tmp_path: Path) -> Bxl:
    def run(*arguments: object, given: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        return run_bxl(*arguments, given=given, cwd=tmp_path, env=environment_of(tmp_path, **more))

    return run


def entries(*keys: str) -> str:
    postings = [
        {"account": "550100", "asset": "EUR", "debit": 50_000},
        {"account": "489100:c17", "asset": "EUR", "credit": 50_000},
    ]
    lines = [
        {"key": k, "effective_on": "2026-01-31", "purpose": "payment-received", "postings": postings} for k in keys
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.fixture
def settings(bxl: Bxl, tmp_path: Path) -> Settings:
    """An installation with a book of three entries, published."""
    assert bxl("import", "-", given=entries("a", "b", "c")).returncode == 0
    published = bxl("log", "publish", "--json")
    assert (published.returncode, json.loads(published.stdout)["size"]) == (0, 5), published.stderr
    return read_settings(environment_of(tmp_path))


def receipt_of(settings: Settings, key: str) -> ReceiptFiles:
    book = open_book(settings)
    [(n, line)] = lines_with(book, key=key, account=AccountRef("489100", "c17"))
    files = receipt_for(book, settings.log_folder, n=n, line=line)
    book.engine.dispose()
    return files


def paper_of(settings: Settings, files: ReceiptFiles) -> bytes:
    now = papers.receipt().booked_at
    pdf = render_receipt(papers.receipt(), "fr", proof=files.proof, opening=files.opening)
    return sign_receipt(pdf, identity=make_receipt_identity(settings.keys_folder, now=now), at=now)


def test_publishing_says_how_far_it_is(bxl: Bxl, settings: Settings) -> None:
    assert bxl("import", "-", given=entries("d")).returncode == 0
    figures = json.loads(bxl("log", "status", "--json").stdout)
    assert (figures["booked"], figures["written"], figures["signed"]) == (6, 5, 5)
    assert bxl("log", "publish").returncode == 0
    assert ["signed", "6"] in [line.split() for line in bxl("log", "status").stdout.splitlines()]
    assert bxl("log", "publish").returncode == 0  # nothing new is no failure


def test_the_auditors_command_verifies_and_reports(bxl: Bxl, settings: Settings, tmp_path: Path) -> None:
    assert bxl("audit", "bundle", "--out", tmp_path / "openings.jsonl").stdout.startswith("5 entries")
    assert (tmp_path / "openings.jsonl").stat().st_mode & 0o077 == 0
    offline = ("audit", "--log", settings.log_folder, "--openings", tmp_path / "openings.jsonl")
    report = bxl(*offline)
    assert (report.returncode, report.stderr) == (0, "")
    assert "VERIFIED" in report.stdout
    assert "Not checked:" in report.stdout
    assert json.loads(bxl(*offline, "--json").stdout)["verdict"] == "verified"
    assert bxl(*offline, "--policy", settings.log_folder / "policy", "--jobs", "2").returncode == 0
    assert bxl(*offline, BXL_DATA=str(tmp_path / "elsewhere")).returncode == 2  # nobody's policy is trusted there
    assert bxl("audit").returncode == 0
    assert json.loads(bxl("audit", "--json").stdout)["figures"]["entries"] == 5
    assert bxl("verify", "log", settings.log_folder).returncode == 0


def test_a_mirror_is_published_and_replayed_by_command(bxl: Bxl, settings: Settings, tmp_path: Path) -> None:
    mirror, openings = tmp_path / "mirror", tmp_path / "openings.jsonl"
    assert str(mirror) in bxl("log", "publish", "--out", mirror).stdout
    assert bxl("audit", "bundle", "--out", openings).returncode == 0
    policy = settings.log_folder / "policy"
    assert bxl("verify", "log", mirror, "--policy", policy).returncode == 0
    assert "VERIFIED" in bxl("verify", "replay", mirror, "--openings", openings, "--policy", policy).stdout
    assert bxl("import", "-", given=entries("e")).returncode == 0
    assert bxl("log", "publish", "--out", mirror).returncode == 0  # an older mirror is brought up to date
    assert json.loads(bxl("verify", "log", mirror, "--policy", policy, "--json").stdout)["figures"]["size"] == 6
    bundle = next((mirror / "tile/entries").glob("000.p/6"))
    bundle.write_bytes(bundle.read_bytes()[:-1] + b"!")
    assert bxl("verify", "replay", mirror, "--openings", openings, "--policy", policy).returncode == 1
    assert bxl("log", "publish", "--out", policy).returncode == 3  # a file is no folder


def test_checkpoints_are_compared_by_command(bxl: Bxl, settings: Settings, tmp_path: Path) -> None:
    older, log = tmp_path / "older", settings.log_folder
    older.write_bytes((log / "checkpoint").read_bytes())
    assert bxl("import", "-", given=entries("d")).returncode == 0
    assert bxl("log", "publish").returncode == 0
    nobody = "http://127.0.0.1:1"
    for arguments, code in (
        (("log", log, "--since", older), 0),
        (("log", nobody), 2),
        (("consistency", older, log), 0),
        (("consistency", older, log, "--log", nobody), 2),
        (("witness-diff", log, older), 0),
        (("witness-diff", log, nobody), 2),
    ):
        report = bxl("verify", *arguments, "--json")
        assert (report.returncode, json.loads(report.stdout)["exit_code"]) == (code, code), (
            report.stdout + report.stderr
        )
    older.write_bytes(older.read_bytes().replace(b"\n5\n", b"\n4\n"))
    for arguments in (("log", log, "--since", older), ("consistency", older, log), ("witness-diff", log, older)):
        assert bxl("verify", *arguments).returncode == 1


def test_a_paper_too_large_for_a_receipt_is_not_read(bxl: Bxl, settings: Settings, tmp_path: Path) -> None:
    paper = tmp_path / "r.pdf"
    with paper.open("wb") as file:
        file.truncate(LARGEST_PAPER + 1)
    report = bxl("verify", "receipt", paper, "--json")
    assert report.returncode == 1
    assert json.loads(report.stdout)["checks"][0]["code"] == "receipt-too-large"


def test_a_changed_file_makes_the_audits_fail(bxl: Bxl, settings: Settings, tmp_path: Path) -> None:
    bxl("audit", "bundle", "--out", tmp_path / "openings.jsonl")
    offline = ("audit", "--log", settings.log_folder, "--openings", tmp_path / "openings.jsonl")
    checkpoint = settings.log_folder / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"\n5\n", b"\n4\n"))
    for command in (offline, ("audit",), ("verify", "log", settings.log_folder)):
        report = bxl(*command)
        assert (report.returncode, "FAILED" in report.stdout) == (1, True), report.stdout
    refused = bxl("log", "publish", "--json")
    assert (refused.returncode, json.loads(refused.stdout)["refusal"]["code"]) == (1, "signature-invalid")


def test_a_checkpoint_is_anchored_from_the_shell_and_checked_without_network(
    bxl: Bxl, settings: Settings, tmp_path: Path
) -> None:
    unset = bxl("log", "anchor", "--json")
    assert (unset.returncode, json.loads(unset.stdout)["refusal"]["code"]) == (2, "timestamps-not-set-up")
    authority = make_authority(tmp_path / "authority")
    with serving(lambda query: (200, authority.reply(query))) as url:
        known = {"BXL_TSA_URL": url, "BXL_TSA_CERTIFICATE": str(authority.root)}
        first, again = (bxl("log", "anchor", "--json", **known) for _ in range(2))
    assert json.loads(first.stdout)["size"] == 5, first.stderr
    assert json.loads(again.stdout) == {"anchored": False}
    assert json.loads(bxl("log", "status", "--json").stdout)["anchored"] == 5
    verify = ("verify", "anchors", settings.log_folder)
    (tmp_path / "sitecustomize.py").write_text(NETWORK_OFF)
    offline = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    report = bxl(*verify, "--tsa-certificate", authority.root, **offline)
    assert (report.returncode, "VERIFIED" in report.stdout) == (0, True), report.stdout + report.stderr
    assert bxl(*verify).returncode == 2  # nobody to trust
    stranger = make_authority(tmp_path / "stranger")
    assert bxl(*verify, "--tsa-certificate", stranger.root).returncode == 1
    (settings.log_folder / "anchors/5.checkpoint").write_bytes(b"nothing")
    assert bxl(*verify, "--tsa-certificate", authority.root).returncode == 1


def test_an_acknowledgement_is_checked_from_the_shell(bxl: Bxl, settings: Settings, tmp_path: Path) -> None:
    book = open_book(settings)
    given = (book, settings.log_folder, settings.keys_folder)
    for n in (2, 4):
        (tmp_path / f"{n}.ack").write_bytes(acknowledge(*given, n, passphrase=None))
    book.engine.dispose()
    kept = bxl("verify", "acknowledgement", "4.ack", "--log", settings.log_folder, "--json")
    assert (kept.returncode, json.loads(kept.stdout)["figures"]["entry"]) == (0, 4), kept.stderr
    assert bxl("verify", "acknowledgement", "4.ack", BXL_DATA=str(tmp_path / "elsewhere")).returncode == 2
    policy = ("--policy", settings.log_folder / "policy")
    assert bxl("verify", "acknowledgement", "4.ack", *policy, BXL_DATA=str(tmp_path / "elsewhere")).returncode == 0
    key = [line.split()[2] for line in policy[1].read_text().splitlines() if "acknowledgement-key" in line]
    (tmp_path / "key").write_text(f"{key[0]}\n")
    known = ("--key", "key")
    assert bxl("verify", "acknowledgement", "2.ack", *known, BXL_DATA=str(tmp_path / "elsewhere")).returncode == 0
    (tmp_path / "2.ack").write_bytes((tmp_path / "2.ack").read_bytes().replace(b"\n2\n", b"\n3\n"))
    assert bxl("verify", "acknowledgement", "2.ack").returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("audit", "--log", "nowhere", "--openings", "nothing"),
        ("audit", "--log", "."),
        ("audit", "--openings", "."),
        ("verify", "receipt"),
        ("verify", "receipt", "nowhere.pdf"),
        ("verify", "paper"),
        ("verify", "log"),
        ("verify", "consistency", "."),
        ("verify", "consistency", ".", ".", "--proof", "nowhere"),
        ("verify", "witness-diff", "."),
        ("audit", "--log", ".", "--openings", "nothing", "--jobs", "0"),
        ("signer", "--interval", "0"),
    ],
)
def test_a_wrong_call_exits_3(bxl: Bxl, arguments: tuple[str, ...]) -> None:
    assert bxl(*arguments).returncode == 3


def test_what_is_not_there_is_refused_by_name(bxl: Bxl, tmp_path: Path) -> None:
    assert bxl("import", "-", given=entries("a")).returncode == 0
    refused = bxl("audit", "bundle", "--out", tmp_path / "x")
    assert (refused.returncode, "No signed checkpoint" in refused.stderr) == (2, True)
    assert list(tmp_path.glob("x*")) == []
    (tmp_path / "data/log/policy").rename(tmp_path / "policy")
    refused = bxl("signer")
    assert (refused.returncode, "log's keys are missing" in refused.stderr) == (2, True)


def test_a_receipt_passes_and_with_any_byte_changed_fails_and_says_where(
    bxl: Bxl, settings: Settings, tmp_path: Path
) -> None:
    files = receipt_of(settings, "b")
    proof, opening, paper = tmp_path / "r.tlog-proof", tmp_path / "opening.json", tmp_path / "r.pdf"
    proof.write_bytes(files.proof)
    opening.write_bytes(files.opening)
    paper.write_bytes(paper_of(settings, files))
    (tmp_path / "off").mkdir()
    (tmp_path / "off" / "sitecustomize.py").write_text(NETWORK_OFF)
    for file in (proof, paper):
        report = bxl("verify", "receipt", file, "--json", PYTHONPATH=f"{tmp_path / 'off'}:{ROOT}")
        assert (report.returncode, json.loads(report.stdout)["verdict"]) == (0, "verified"), report.stdout
    original = paper.read_bytes()
    for position in range(7, len(original), len(original) // 5):
        changed = bytearray(original)
        changed[position] ^= 0x01
        paper.write_bytes(changed)
        report = bxl("verify", "receipt", paper)
        assert (report.returncode, "FAILED  PDF signature" in report.stdout) == (1, True), report.stdout + report.stderr
    opening.write_bytes(files.opening.replace(b"50000", b"90000"))
    report = bxl("verify", "receipt", proof)
    assert (report.returncode, "FAILED  opening " in report.stdout) == (1, True)
    report = bxl("verify", "receipt", proof, "--opening", tmp_path / "elsewhere.json")
    assert report.returncode == 3
    opening.unlink()
    assert bxl("verify", "receipt", proof).returncode == 2


def test_the_policy_comes_from_the_option_or_the_installation_never_from_the_receipt(
    bxl: Bxl, settings: Settings, tmp_path: Path
) -> None:
    files = receipt_of(settings, "a")
    (tmp_path / "r.tlog-proof").write_bytes(files.proof)
    (tmp_path / "opening.json").write_bytes(files.opening)
    (tmp_path / "r.pdf").write_bytes(paper_of(settings, files))
    stranger = {"BXL_DATA": str(tmp_path / "elsewhere")}
    for file in ("r.tlog-proof", "r.pdf"):
        assert bxl("verify", "receipt", tmp_path / file, **stranger).returncode == 2
        policy = ("--policy", settings.log_folder / "policy")
        assert bxl("verify", "receipt", tmp_path / file, *policy, **stranger).returncode == 0
    (tmp_path / "false").write_bytes(b"quorum none\n")
    assert bxl("verify", "receipt", tmp_path / "r.pdf", "--policy", tmp_path / "false").returncode == 1


def test_the_signer_runs_until_it_is_stopped_and_says_what_it_refuses(
    bxl: Bxl, settings: Settings, tmp_path: Path
) -> None:
    bundle = settings.log_folder / "tile/entries/000.p/5"
    honest = bundle.read_bytes()
    bundle.write_bytes(honest.replace(b"posting/1", b"posting/2", 1))
    command = [sys.executable, "-m", "api.cli.main", "signer"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment_of(tmp_path), start_new_session=True
    )
    try:
        line = process.stderr.readline()
        assert line.startswith("Not signed: Entry 2 is of an unknown type"), line
        bundle.write_bytes(honest)
        checkpoint = settings.log_folder / "checkpoint"
        before = checkpoint.stat().st_mtime_ns
        deadline = time.monotonic() + 30
        while checkpoint.stat().st_mtime_ns == before and time.monotonic() < deadline:
            time.sleep(0.1)
        assert checkpoint.stat().st_mtime_ns != before
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def test_two_books_of_one_installation_share_no_key_and_no_log(bxl: Bxl, settings: Settings, tmp_path: Path) -> None:
    assert bxl("import", "-", "--book", "second", given=entries("a")).returncode == 0
    second = json.loads(bxl("log", "publish", "--book", "second", "--json").stdout)
    assert (second["size"], second["origin"].endswith("/second")) == (3, True)
    first = json.loads(bxl("log", "status", "--json").stdout)
    assert (first["signed"], first["folder"]) == (5, str(settings.log_folder))
    assert bxl("audit", "--book", "second").returncode == 0
    assert bxl("audit").returncode == 0


def announced(bxl: Bxl, *request: object) -> dict[str, object]:
    """Ask as one person, enter as another, publish; what was entered."""
    asked = bxl("log", *request, "--as", "s1", "--json")
    assert asked.returncode == 0, asked.stderr
    entering = ("log", "announce", "--approval", json.loads(asked.stdout)["approval_id"])
    alone = bxl(*entering, "--as", "s1")
    assert (alone.returncode, "Announced" in alone.stdout) == (1, False)
    entered = bxl(*entering, "--as", "s2", "--json")
    assert entered.returncode == 0, entered.stderr
    assert "it was already" in bxl(*entering, "--as", "s2").stdout
    assert bxl("log", "publish").returncode == 0
    return json.loads(entered.stdout)


def test_keys_are_rotated_compromised_and_retired_by_command(bxl: Bxl, settings: Settings, tmp_path: Path) -> None:
    policies = [settings.log_folder / "policy", tmp_path / "first", tmp_path / "second", tmp_path / "third"]
    policies[1].write_bytes(policies[0].read_bytes())
    assert announced(bxl, "rotate-key", "--reason", "yearly")["entries"] == [5, 6]
    policies[2].write_bytes(policies[0].read_bytes() + b"# the same keys and witnesses, with a remark\n")
    assert announced(bxl, "change-policy", policies[2], "--reason", "a remark")["entries"] == [7]
    for policy in policies[:3]:
        assert bxl("verify", "log", settings.log_folder, "--policy", policy).returncode == 0
    early = bxl("log", "retire-key")
    assert (early.returncode, "they are kept" in early.stderr) == (1, True)
    before = receipt_of(settings, "a")
    assert announced(bxl, "new-origin", "--reason", "the key was stolen")["entries"] == [8, 9]
    assert "/2/main" in bxl("log", "publish").stdout
    assert bxl("verify", "log", settings.log_folder).returncode == 0
    assert bxl("verify", "log", settings.log_folder, "--policy", policies[1]).returncode == 1
    proof = tmp_path / "old.tlog-proof"
    proof.write_bytes(before.proof)
    (tmp_path / "opening.json").write_bytes(before.opening)
    assert bxl("verify", "receipt", proof).returncode == 0
    assert "Deleted: log-ed25519" in bxl("log", "retire-key").stdout
    assert bxl("audit").returncode == 0
