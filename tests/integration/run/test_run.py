"""`bxl run`, as a person starts it: from nothing to ready log-ins, through kills and restarts, to Ctrl-C."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from api.bootstrap import open_book
from api.settings import read_settings
from api.timestamps import read_certificates
from contracts.documents.authority import root_certificate
from contracts.documents.cms import Encoding
from contracts.documents.model import DocumentKind
from contracts.documents.service import open_document
from contracts.documents.tables import document
from contracts.documents.verify import verify_pdf_signatures
from ledger.book import Book
from ledger.log.cosignature import open_published, witnesses_of
from ledger.log.policy import Policy, parse_policy
from ledger.storage import tables
from tests.privacy_kit import identity_strings, places_of

READY = "Ctrl-C stops everything"
SEED_SECONDS, START_SECONDS, STOP_SECONDS = 420.0, 45.0, 20.0


@dataclass
class Run:
    """One `bxl run` and what it printed so far."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int

    def text(self) -> str:
        return self.log.read_text("utf-8")

    def await_text(self, wanted: str, seconds: float) -> str:
        deadline = time.monotonic() + seconds
        while wanted not in self.text():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, f"no {wanted!r} in: {self.text()}"
            time.sleep(0.1)
        return self.text()

    def children(self) -> dict[str, psutil.Process]:
        """The processes it started, by the command they run; of the three witnesses, one."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess, IndexError):  # just born, or dead and not yet seen
                found[child.cmdline()[3]] = child
        return found

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return str(answer.read().decode())

    def metric(self, name: str) -> int:
        found = re.search(rf"^bxl_{name} (\d+)$", self.get("/metrics"), re.MULTILINE)
        assert found is not None
        return int(found[1])

    def await_metric(self, name: str, least: int, seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while self.metric(name) < least:
            assert time.monotonic() < deadline, self.get("/metrics")
            time.sleep(0.2)


@pytest.fixture
def port() -> int:
    return free_port()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def runs(tmp_path: Path, port: int) -> Iterator[list[Run]]:
    started: list[Run] = []
    yield started
    for run in started:
        run.process.kill()
        run.process.wait()


def start(runs: list[Run], data: Path, port: int) -> Run:
    log = data.with_name(f"run-{len(runs)}.log")
    with log.open("wb") as out:
        process = subprocess.Popen(command(), env=environment(data, port), stdout=out, stderr=subprocess.STDOUT)
    runs.append(Run(process, log, port))
    return runs[-1]


def command() -> list[str]:
    return [sys.executable, "-m", "api.cli.main", "run"]


def environment(data: Path, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BXL_")}
    return kept | {"BXL_DATA": str(data), "BXL_PORT": str(port)}


def await_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=STOP_SECONDS)
    assert alive == []


@pytest.mark.timeout(1500)
def test_the_demo_from_an_empty_folder_through_kills_to_ctrl_c_and_again(
    runs: list[Run], tmp_path: Path, port: int
) -> None:
    data = tmp_path / "data"

    # killed while the book is being made: the children go with it, and the next run begins anew
    first = start(runs, data, port)
    first.await_text("April 2026", SEED_SECONDS)
    children = list(first.children().values())
    assert len(children) == 2
    first.process.kill()
    await_gone(children)
    assert (data / "demo.unfinished").exists()

    second = start(runs, data, port)
    printed = second.await_text(READY, SEED_SECONDS)
    assert not (data / "demo.unfinished").exists()
    for role in ("citizen", "entrepreneur", "auditor", "operator", "second operator"):
        assert re.search(
            rf"^  {role} +\S.* http://127\.0\.0\.1:{port}/(fr|nl|en)/log-in/[\w-]{{43}}$", printed, re.MULTILINE
        )
    assert '"business_date":"2026-09-15"' in second.get("/health")
    entries = second.metric("entries")
    assert entries > 200
    second.await_metric("checkpoint_size", entries)
    assert (second.metric("outbox_waiting"), second.metric("outbox_given_up")) == (0, 0)
    checkpoint, note = open_published((data / "log" / "checkpoint").read_bytes(), policy_in(data))
    assert len(witnesses_of(checkpoint, note, policy_in(data))) == 2

    # a second one says in one line what is in the way, and ends with 2
    for other, wanted in (
        (environment(tmp_path / "other", port), f"Port {port} is taken: stop what uses it, or choose another"),
        (environment(data, free_port()), f"Another `bxl run` uses {data}"),
    ):
        refused = subprocess.run(command(), env=other, capture_output=True, text=True, timeout=60, check=False)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith(wanted)
        assert refused.stderr.count("\n") == 1

    # whatever dies is started again
    names = {"worker": "worker", "signer": "signer", "serve": "web", "sandbox": "payment sandbox"}
    for command_name, said in names.items():
        second.children()[command_name].kill()
        second.await_text(f"The {said} ended (signal 9); starting it again.", START_SECONDS)
    second.children()["witness"].kill()
    assert re.search(r"The witness w\d ended", second.await_text("The witness", START_SECONDS))
    await_health(second)

    # Ctrl-C ends all of it, and the book is kept
    children = list(second.children().values())
    second.process.send_signal(signal.SIGINT)
    assert second.process.wait(STOP_SECONDS) == 0
    await_gone(children)
    third = start(runs, data, port)
    begun = time.monotonic()
    third.await_text(READY, START_SECONDS)
    assert time.monotonic() - begun < START_SECONDS
    assert "Making the demo's book" not in third.text()
    third.process.terminate()
    assert third.process.wait(STOP_SECONDS) == 0

    # of everybody in it nothing is published
    book = open_book(read_settings({"BXL_DATA": str(data)}))
    people = identity_strings(book)
    assert stamped_agreements(book, data) > 10
    later = sa.select(tables.entry.c.actor).where(tables.entry.c.n >= entries)
    with book.read() as connection:  # whatever was killed and started again, the day's anchor alone is new
        assert set(connection.scalars(later)) <= {"system:anchor"}
    book.engine.dispose()
    assert len(people) > 50
    assert places_of(people, data / "log") == []


def stamped_agreements(book: Book, data: Path) -> int:
    """How many agreements there are; the last one made carries the sandbox's timestamp over both signatures."""
    roots = [root_certificate(data / "keys").public_bytes(Encoding.DER)]
    stamps = [c.public_bytes(Encoding.DER) for c in read_certificates(data / "sandbox-timestamps.pem")]
    agreements = sa.select(document.c.document_id).where(document.c.kind == DocumentKind.AGREEMENT.value)
    with book.read() as connection:
        ids = list(connection.scalars(agreements))
        newest = open_document(book, connection, ids[-1])
    reports = verify_pdf_signatures(newest, roots_der=roots, timestamp_roots_der=stamps)
    assert [report.stamped_at is not None for report in reports] == [True, True]
    return len(ids)


def policy_in(data: Path) -> Policy:
    return parse_policy((data / "log" / "policy").read_bytes())


def await_health(run: Run) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            run.get("/health")
        except OSError:
            assert time.monotonic() < deadline, run.text()
            time.sleep(0.2)
        else:
            return


def test_settings_that_can_not_be_used_are_named_in_one_go(tmp_path: Path) -> None:
    wrong = environment(tmp_path, 0) | {"BXL_PORT": "eight", "BXL_ORIGIN": "nowhere"}
    refused = subprocess.run(command(), env=wrong, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert [line.partition("=")[0] for line in refused.stderr.splitlines()] == ["BXL_PORT", "BXL_ORIGIN"]


def test_the_demo_takes_no_key_of_a_real_provider(tmp_path: Path, port: int) -> None:
    real = environment(tmp_path, port) | {"BXL_MOLLIE_KEY": "test_" + "a" * 30}
    refused = subprocess.run(command(), env=real, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert "unset BXL_MOLLIE_KEY" in refused.stderr
