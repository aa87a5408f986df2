"""`bxl state` and `bxl verify state` as a shell sees them: from a closed period to one's own part, checked offline."""

import json
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from api.bootstrap import open_book, wire
from api.settings import Settings, read_settings
from api.worker.steps import steps
from contracts.documents.statement import render_statement
from ledger.facts import PeriodClose
from ledger.verify.__main__ import main
from tests import papers
from tests.commands import run_bxl
from tests.totals_kit import paths

ROOT = Path(__file__).parents[2]
UNTIL = "2024-01-31"
Bxl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "BXL_DATA": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def bxl(tmp_path: Path, environment: dict[str, str]) -> Bxl:
    def run(*arguments: object, given: str | None = None) -> subprocess.CompletedProcess[str]:
        return run_bxl(*arguments, given=given, cwd=tmp_path, env=environment)

    return run


@pytest.fixture
def settings(bxl: Bxl, environment: dict[str, str]) -> Settings:
    """An installation in which January 2024 is closed; its totals wait to be entered."""
    postings = [
        {"account": "550100", "asset": "EUR", "debit": 50_000},
        {"account": "489100:c17", "asset": "EUR", "credit": 50_000},
    ]
    line = {"key": "a", "effective_on": "2024-01-10", "purpose": "payment-received", "postings": postings}
    assert bxl("import", "-", given=json.dumps(line)).returncode == 0
    found = read_settings(environment)
    with open_book(found).unit_of_work(actor="s1") as unit:
        unit.post(PeriodClose("period:2024-01-31", date(2024, 1, 31)))
    return found


def test_totals_are_entered_published_and_checked_with_ones_own_path(
    bxl: Bxl, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, mine = settings.log_folder, tmp_path / "mine.jsonl"
    unknown = bxl("state", "proof", "489100:c17", "--period", UNTIL)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "not entered yet" in unknown.stderr
    assert bxl("state", "enter").stdout == "The totals of the last closed period are entered.\n"
    assert bxl("state", "enter").stdout == "Nothing to enter.\n"
    early = bxl("verify", "state", log, UNTIL)
    assert early.returncode == 2, early.stderr
    assert bxl("log", "publish").returncode == 0
    assert bxl("state", "proof", "489100:c17", "--period", UNTIL, "--out", mine).returncode == 0
    assert bxl("state", "proof", "489100:c17", "--period", UNTIL).stdout == mine.read_text()
    report = bxl("verify", "state", log, UNTIL, "--mine", mine, "--json")
    assert report.returncode == 0, report.stdout
    told = json.loads(report.stdout)
    assert told["verdict"] == "verified"
    assert [check["file"] for check in told["checks"] if check["check"] == "own balance"] == ["mine.jsonl"]
    assert "no path was given" in bxl("verify", "state", log, UNTIL).stdout
    assert bxl("verify", "state", log, "2024-02-29").returncode == 2
    mine.write_text(mine.read_text().replace('"cents":50000', '"cents":50001'))
    assert bxl("verify", "state", log, UNTIL, "--mine", mine).returncode == 1
    assert bxl("verify", "state").returncode == 3
    assert main(["state", str(log), UNTIL, "--policy", str(log / "policy")]) == 0
    assert main(["state", str(log), UNTIL, "--policy", str(log / "policy"), "--mine", str(mine)]) == 1
    assert main(["state", str(log), UNTIL, "--mine", str(tmp_path / "nothing")]) == 2
    assert "489100-credit" in capsys.readouterr().out


def test_publishing_the_log_enters_totals_and_opens_them(bxl: Bxl, settings: Settings) -> None:
    assert bxl("log", "publish").returncode == 0
    assert (settings.log_folder / "state" / f"{UNTIL}.json").exists()
    assert bxl("verify", "state", settings.log_folder, UNTIL).returncode == 0


def test_the_worker_enters_totals_and_opens_them_when_they_are_in_the_log(settings: Settings) -> None:
    file = settings.log_folder / "state" / f"{UNTIL}.json"
    by_name = {step.name: step.run for step in steps(wire(settings))}
    by_name["integrate"]()
    assert not file.exists()
    assert [by_name["totals"](), by_name["totals"]()] == [1, 0]
    by_name["integrate"]()
    assert json.loads(file.read_bytes())["entry"]["t"] == "totals/1"


def test_a_statement_carries_the_paths_and_is_checked_as_it_is(bxl: Bxl, settings: Settings, tmp_path: Path) -> None:
    assert bxl("log", "publish").returncode == 0
    mine = paths(open_book(settings), "c17", date(2024, 1, 31))
    statement, bare = tmp_path / "statement.pdf", tmp_path / "bare.pdf"
    statement.write_bytes(render_statement(papers.statement(), "en", totals=papers.totals(paths=mine)))
    bare.write_bytes(render_statement(papers.statement(), "en"))
    assert bxl("verify", "state", settings.log_folder, UNTIL, "--mine", statement).returncode == 0
    refused = bxl("verify", "state", settings.log_folder, UNTIL, "--mine", bare)
    assert (refused.returncode, "nothing is attached" in refused.stderr) == (1, True), refused.stderr
