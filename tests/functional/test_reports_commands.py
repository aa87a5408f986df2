"""`bxl report` and `bxl year` as a shell sees them, on an SQLite file that `bxl import` makes."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import run_bxl

Bxl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def bxl(tmp_path: Path) -> Bxl:
    """Run a command on a book with the fee and the rent of 2024."""

    def run(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        database = f"sqlite:///{tmp_path}/books.sqlite3"
        environment = {"PATH": "/usr/bin:/bin", "BXL_DATA": str(tmp_path / "data"), "LANG": "C.UTF-8"}
        return run_bxl(*arguments, "--database", database, given=given, cwd=tmp_path, env=environment)

    booked = [line("fee", "400000:e5", "704000", 121_000), line("rent", "610000", "550200", 30_050)]
    assert run("import", "-", given="\n".join(booked)).returncode == 0
    return run


def line(key: str, debit: str, credit: str, cents: int) -> str:
    postings = [
        {"account": debit, "asset": "EUR", "debit": cents},
        {"account": credit, "asset": "EUR", "credit": cents},
    ]
    return json.dumps({"key": key, "effective_on": "2024-05-01", "purpose": key, "postings": postings})


def answer(result: subprocess.CompletedProcess[str]) -> dict:
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_balance_sheet_is_printed_for_programs(bxl: Bxl) -> None:
    found = answer(bxl("report", "balance-sheet", "--on", "2024-12-31", "--json"))
    assert set(found) == {"on", "total_cents", "result_cents", "assets", "liabilities", "notes"}
    assert (found["on"], found["total_cents"], found["result_cents"]) == ("2024-12-31", 121_000, 90_950)
    last = found["liabilities"][-1]
    assert last == {
        "code": "10/49",
        "level": 0,
        "names": {"fr": "Total du passif", "nl": "Totaal van de passiva", "en": "Total equity and liabilities"},
        "amount_cents": 121_000,
    }
    assert {row["code"]: row["amount_cents"] for row in found["liabilities"]}["43"] == 30_050


@pytest.mark.parametrize(
    ("language", "name"), [("fr", "Créances commerciales"), ("nl", "Handelsvorderingen"), ("en", "Trade receivables")]
)
def test_people_read_the_balance_sheet_in_their_language(bxl: Bxl, language: str, name: str) -> None:
    printed = bxl("report", "balance-sheet", "--on", "2024-12-31", "--language", language).stdout.splitlines()
    [claims] = [row for row in printed if row.startswith("40 ")]
    assert name in claims
    assert claims.endswith(" 1210.00")
    assert max(len(row) for row in printed) <= 120


def test_the_income_statement_is_printed_for_programs_and_for_people(bxl: Bxl) -> None:
    period = ("--since", "2024-01-01", "--until", "2024-12-31")
    found = answer(bxl("report", "income-statement", *period, "--json"))
    assert set(found) == {"since", "until", "result_cents", "rows", "appropriation", "notes"}
    assert found["result_cents"] == 90_950
    assert {row["code"]: row["amount_cents"] for row in found["appropriation"]}["14"] == 90_950
    printed = bxl("report", "income-statement", *period, "--language", "fr").stdout
    assert "Bénéfice (Perte) de l'exercice à affecter" in printed
    assert "909.50" in printed


def test_a_period_that_is_reversed_is_refused(bxl: Bxl) -> None:
    result = bxl("report", "income-statement", "--since", "2024-12-31", "--until", "2024-01-01", "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["refusal"]["code"] == "period-reversed"


def test_two_people_close_a_year_and_open_the_next(bxl: Bxl) -> None:
    day = ("--ends-on", "2024-12-31")
    asked = answer(bxl("year", "request", *day, "--reason", "ready", "--as", "s1", "--json"))["approval_id"]
    closing = ("year", "close", *day, "--approval", asked)
    refused = bxl(*closing, "--as", "s1", "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["refusal"]["code"] == "approver-is-requester"
    expected = {"entries": ["year:2024:closed"], "duplicate": False}
    assert answer(bxl(*closing, "--as", "s2", "--json")) == expected
    assert answer(bxl(*closing, "--as", "s1", "--json")) == {**expected, "duplicate": True}
    opening = ("year", "open", "--starts-on", "2025-01-01", "--as", "s1")
    assert bxl(*opening).stdout == "The year is opened: year:2025:opened\n"
    assert bxl(*opening).stdout == "The year is opened (it was already): year:2025:opened\n"
    sheet = answer(bxl("report", "balance-sheet", "--on", "2025-01-01", "--json"))
    assert (sheet["result_cents"], sheet["total_cents"]) == (0, 121_000)
    assert bxl("audit").returncode == 0


def test_a_name_that_no_book_uses_is_a_usage_error(bxl: Bxl) -> None:
    result = bxl("year", "open", "--starts-on", "2025-01-01", "--as", "Ann Peeters")
    assert result.returncode == 3
    assert "--as" in result.stderr
