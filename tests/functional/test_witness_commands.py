"""`bxl witness` and a book that needs one, as a shell sees them: keys, policy, publishing, receipts, restarts."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.settings import Settings, read_settings
from tests.commands import run_bxl
from tests.functional.test_log_commands import ROOT, entries, environment_of, receipt_of

Bxl = Callable[..., subprocess.CompletedProcess[str]]
NAMES = ("w1", "w2", "w3")
PATIENCE_SECONDS = 60.0
BXL = (sys.executable, "-m", "api.cli.main")


@pytest.fixture
def bxl(tmp_path: Path) -> Bxl:
    def run(*arguments: object, given: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = environment_of(tmp_path, BXL_WITNESSES=str(tmp_path / "quorum"), BXL_KEY_PASSPHRASE="secret")
        return run_bxl(*arguments, given=given, cwd=tmp_path, env=environment)

    return run


@pytest.fixture
def settings(tmp_path: Path, bxl: Bxl) -> Settings:
    """An installation whose witnesses' keys are made, and whose book asks for two of three."""
    lines = []
    (tmp_path / "quorum").write_text("")  # a file must stand there for any command to run
    for name in NAMES:
        made = bxl("witness", "key", "--state", tmp_path / name, "--name", f"witness.example/{name}")
        assert (made.returncode, made.stderr) == (0, "")
        lines.append(f"witness {name} {made.stdout}")
    (tmp_path / "quorum").write_text("".join(lines) + "group three 2 w1 w2 w3\nquorum three\n")
    assert bxl("import", "-", given=entries("a", "b")).returncode == 0
    settings = read_settings(environment_of(tmp_path))
    assert "quorum three" in (settings.log_folder / "policy").read_text()
    return settings


@contextmanager
def serving(settings: Settings, tmp_path: Path, *names: str) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """`bxl witness serve` for each, at ports that it chose, which the book's address file then names."""
    processes, addresses = {}, ""
    policy = settings.log_folder / "policy"
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "BXL_KEY_PASSPHRASE": "secret"}
    try:
        for name in names:
            command = [*BXL, "witness", "serve", "--state", tmp_path / name, "--policy", policy, "--port", "0"]
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment | {"PYTHONUNBUFFERED": "1"}
            )
            processes[name] = process
            said = re.fullmatch(r"Witness witness\.example/\w+ listens on (\S+) for \S+\n", process.stdout.readline())
            addresses += f"{name} {said[1]}\n"
        settings.witness_addresses.parent.mkdir(exist_ok=True)
        settings.witness_addresses.write_text(addresses)
        yield processes
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()


def test_a_book_is_published_when_its_witnesses_have_cosigned_and_not_before(
    bxl: Bxl, settings: Settings, tmp_path: Path
) -> None:
    alone = bxl("log", "publish")
    assert (alone.returncode, alone.stdout) == (2, "")
    assert "Witness w1 did not answer: no address is known." in alone.stderr
    assert "lacks the witnesses that the policy asks for (three); those that cosigned: none" in alone.stderr
    assert (settings.log_folder / "checkpoint.unwitnessed").exists()
    with serving(settings, tmp_path, "w2"):
        one = bxl("log", "publish", "--json")
        refusal = json.loads(one.stdout)["refusal"]
        assert (one.returncode, refusal["code"], refusal["facts"]["have"]) == (2, "quorum-not-reached", "w2")
    assert not (settings.log_folder / "checkpoint").exists()
    with serving(settings, tmp_path, "w1", "w2") as processes:
        two = bxl("log", "publish", "--json")
        assert (two.returncode, json.loads(two.stdout)["size"]) == (0, 4), two.stderr
        assert bxl("log", "publish").returncode == 0  # nothing new is no failure
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
    report = bxl("verify", "log", settings.log_folder, "--json")
    assert (report.returncode, json.loads(report.stdout)["verdict"]) == (0, "verified"), report.stdout
    assert "cosigned by w1 at 2" in report.stdout
    files = receipt_of(settings, "b")
    (tmp_path / "r.tlog-proof").write_bytes(files.proof)
    (tmp_path / "opening.json").write_bytes(files.opening)
    assert "quorum three stands" in bxl("verify", "receipt", tmp_path / "r.tlog-proof").stdout
    lines = files.proof.decode().splitlines(keepends=True)
    assert lines[-1].startswith("\N{EM DASH} witness.example/w2 ")
    (tmp_path / "r.tlog-proof").write_text("".join(lines[:-1]))  # nothing in it is false, and it is not enough
    report = bxl("verify", "receipt", tmp_path / "r.tlog-proof")
    assert (report.returncode, "quorum not reached" in report.stdout) == (2, True), report.stdout


def test_the_signer_asks_the_witnesses_by_itself_and_tells_who_does_not_answer(
    bxl: Bxl, settings: Settings, tmp_path: Path
) -> None:
    assert bxl("log", "publish").returncode == 2
    with serving(settings, tmp_path, "w1", "w3"):
        environment = environment_of(tmp_path, BXL_KEY_PASSPHRASE="secret")
        signer = subprocess.Popen(
            [*BXL, "signer"], stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment, start_new_session=True
        )
        try:
            assert signer.stderr.readline() == "Not witnessed: Witness w2 did not answer: no address is known.\n"
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not (settings.log_folder / "checkpoint").exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            os.kill(signer.pid, signal.SIGTERM)
            assert signer.wait(20) == 0
        finally:
            signer.kill()
            signer.communicate()
    assert bxl("verify", "log", settings.log_folder).returncode == 0


def test_a_witness_without_a_key_or_with_another_passphrase_says_so(settings: Settings, tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    policy = ("--policy", str(settings.log_folder / "policy"))
    for state, said in ((tmp_path / "none", "holds no key of a witness"), (tmp_path / "w1", "does not open")):
        command = [*BXL, "witness", "serve", "--state", str(state), *policy]
        refused = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )
        assert refused.returncode in {1, 2}
        assert said in refused.stderr
