"""`bxl import`, `trial-balance`, `statement`, `export` as a shell sees them, on a database they make themselves."""

import contextlib
import csv
import json
import os
import pty
import random
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.commands import run_bxl

BEAN_CHECK = Path(sys.executable).with_name("bean-check")
Bxl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/books.sqlite3"
        return
    server = sa.make_url(request.getfixturevalue("postgresql_url"))
    name = f"bxl_commands_{random.SystemRandom().randrange(10**9)}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def bxl(database: str, tmp_path: Path) -> Bxl:
    """Run a command on the database, in a folder of its own."""

    def run(*arguments: str, given: str | None = None, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
        environment = {"PATH": path, "BXL_DATA": str(tmp_path / "data"), "LANG": "C.UTF-8"}
        return run_bxl(*arguments, "--database", database, given=given, cwd=tmp_path, env=environment)

    return run


def line(key: str, cents: int = 1_000, owner: str = "c17", on: str = "2026-01-31", **changes: object) -> str:
    entry: dict[str, object] = {
        "key": key,
        "effective_on": on,
        "purpose": "paiement reçu",
        "postings": [
            {"account": "550100", "asset": "EUR", "debit": cents},
            {"account": f"489100:{owner}", "asset": "EUR", "credit": cents},
        ],
    }
    return json.dumps(entry | changes, ensure_ascii=False)


def write(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def answer(result: subprocess.CompletedProcess[str]) -> object:
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def counts(result: subprocess.CompletedProcess[str]) -> tuple[int, int, int]:
    found = answer(result)
    assert isinstance(found, dict)
    assert set(found) == {"entries", "postings", "duplicates", "seconds"}
    assert found["seconds"] >= 0
    return found["entries"], found["postings"], found["duplicates"]


def refusal_of(result: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert result.returncode == 1
    refusal: dict[str, object] = json.loads(result.stdout)["refusal"]
    return refusal


def test_a_file_is_posted_once_and_read_back(bxl: Bxl, tmp_path: Path) -> None:
    file = write(tmp_path / "entries.jsonl", *(line(f"k{i}", 100 + i, f"c{i % 3}") for i in range(25)))
    assert counts(bxl("import", file, "--batch", "10", "--json")) == (25, 50, 0)
    before = bxl("trial-balance", "--json").stdout
    assert counts(bxl("import", file, "--json")) == (0, 0, 25)
    assert bxl("trial-balance", "--json").stdout == before
    rows = json.loads(before)
    assert [(row["account"], row["asset"]) for row in rows] == [
        ("489100:c0", "EUR"),
        ("489100:c1", "EUR"),
        ("489100:c2", "EUR"),
        ("550100", "EUR"),
    ]
    assert rows[3] == {"account": "550100", "asset": "EUR", "debit": 25 * 100 + sum(range(25)), "credit": 0}
    assert sum(row["credit"] for row in rows) == rows[3]["debit"]


def test_without_json_people_read_counts_and_euro(bxl: Bxl, tmp_path: Path) -> None:
    imported = bxl("import", write(tmp_path / "entries.jsonl", line("k1", 123_456)))
    assert imported.stdout.startswith("1 entries, 2 postings, 0 duplicates")
    assert "1234.56" in bxl("trial-balance").stdout
    assert "paiement reçu" in bxl("statement", "489100:c17").stdout


def test_balances_on_a_date_and_the_statement_of_an_account(bxl: Bxl, tmp_path: Path) -> None:
    late, early = line("k1", 500, on="2026-03-01"), line("k2", 300, on="2026-01-01")
    assert bxl("import", write(tmp_path / "entries.jsonl", late, early)).returncode == 0
    assert answer(bxl("trial-balance", "--on", "2026-02-01", "--json")) == [
        {"account": "489100:c17", "asset": "EUR", "debit": 0, "credit": 300},
        {"account": "550100", "asset": "EUR", "debit": 300, "credit": 0},
    ]
    rows = answer(bxl("statement", "489100:c17", "--json"))
    assert isinstance(rows, list)
    assert [set(row) for row in rows] == [
        {"seq", "entry", "effective_on", "booked_at", "purpose", "debit", "credit", "balance"}
    ] * 2
    assert [(row["seq"], row["effective_on"], row["credit"], row["balance"]) for row in rows] == [
        (1, "2026-03-01", 500, -500),
        (2, "2026-01-01", 300, -800),
    ]
    assert answer(bxl("statement", "489100:c17", "--json", "--limit", "1")) == rows[:1]
    assert answer(bxl("statement", "489100:c17", "--json", "--after", "1")) == rows[1:]


@pytest.mark.parametrize(
    ("bad", "code", "field"),
    [
        ("{", "line-not-json", ""),
        (line("k", 100.5), "amount-not-an-integer", "postings[0].debit"),
        (line("k", colour="red"), "field-unknown", "colour"),
        (line("k").replace("EUR", "XYZ"), "unknown-asset", "postings"),
        (line("good-1", 777), "fact-key-reused", "key"),
    ],
)
def test_a_wrong_line_is_named_and_only_earlier_batches_stay(
    bxl: Bxl, tmp_path: Path, bad: str, code: str, field: str
) -> None:
    lines = [line("good-1"), line("good-2"), line("good-3"), "", bad, line("good-4")]
    file = write(tmp_path / "entries.jsonl", *lines)
    refusal = refusal_of(bxl("import", file, "--batch", "2", "--json"))
    facts = refusal["facts"]
    assert isinstance(facts, dict)
    assert (refusal["code"], facts["line"], facts["field"]) == (code, 5, field)
    rows = answer(bxl("trial-balance", "--json"))
    assert isinstance(rows, list)
    assert [row["debit"] for row in rows if row["account"] == "550100"] == [2_000]  # good-3 was in the refused batch


def test_people_read_the_line_the_field_and_a_sentence(bxl: Bxl, tmp_path: Path) -> None:
    result = bxl("import", write(tmp_path / "entries.jsonl", line("k1"), line("k2", -5)))
    assert result.returncode == 1
    assert result.stderr.startswith("line 2, postings[0].debit: ")
    assert "Nothing of its batch is posted" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_refused_line_can_be_corrected_and_the_file_run_again(bxl: Bxl, tmp_path: Path) -> None:
    file = tmp_path / "entries.jsonl"
    write(file, line("k1"), line("k2", -5))
    assert bxl("import", str(file), "--batch", "1").returncode == 1
    write(file, line("k1"), line("k2", 5))
    assert counts(bxl("import", str(file), "--json")) == (1, 2, 1)


def test_floors_hold_only_where_they_are_asked_for(bxl: Bxl, tmp_path: Path) -> None:
    overdrawn = json.dumps({
        "key": "k1", "effective_on": "2026-01-31", "purpose": "overdraw", "postings": [
            {"account": "489100:c17", "asset": "EUR", "debit": 5}, {"account": "550200", "asset": "EUR", "credit": 5},
        ],
    })  # fmt: skip
    file = write(tmp_path / "entries.jsonl", overdrawn)
    refusal = refusal_of(bxl("import", file, "--floors", "--json"))
    assert refusal["code"] == "floor-breached"
    assert answer(bxl("trial-balance", "--json")) == []
    assert counts(bxl("import", file, "--json")) == (1, 2, 0)


def test_assets_are_declared_by_a_line_before_their_use(bxl: Bxl, tmp_path: Path) -> None:
    units = line("k1").replace("EUR", "TREES")
    file = write(tmp_path / "entries.jsonl", '{"asset": "TREES", "scale": 0}', units, '{"asset": "TREES", "scale": 0}')
    assert counts(bxl("import", file, "--json")) == (1, 2, 0)
    rows = answer(bxl("trial-balance", "--json"))
    assert isinstance(rows, list)
    assert {row["asset"] for row in rows} == {"TREES"}


def test_the_exports_are_accepted_and_agree_to_the_cent(bxl: Bxl, tmp_path: Path) -> None:
    chance = random.Random(7)
    lines = [
        line(f"k{i}", chance.randrange(1, 10**8), f"c{chance.randrange(5)}", f"2026-0{chance.randrange(1, 10)}-11")
        for i in range(60)
    ]
    assert bxl("import", write(tmp_path / "entries.jsonl", *lines)).returncode == 0
    stated = {
        (row["account"], row["asset"]): row["debit"] - row["credit"]
        for row in json.loads(bxl("trial-balance", "--json").stdout)
    }
    for export_format in ("beancount", "hledger", "ledger", "csv", "parquet", "fec"):
        result = bxl("export", "--format", export_format, "--out", str(tmp_path / f"book.{export_format}"))
        assert (result.returncode, result.stdout[:10]) == (0, "60 entries"), result.stderr
        assert (tmp_path / f"book.{export_format}").stat().st_size > 0
    assert list(tmp_path.glob("*.partial")) == []
    assert subprocess.run([BEAN_CHECK, tmp_path / "book.beancount"], check=False).returncode == 0
    assert subprocess.run(["hledger", "-f", tmp_path / "book.hledger", "check"], check=False).returncode == 0
    ledger = ["ledger", "--args-only", "--strict", "--pedantic", "-f", tmp_path / "book.ledger", "source"]
    assert subprocess.run(ledger, check=False).returncode == 0
    sums: dict[tuple[str, str], int] = defaultdict(int)
    report = subprocess.run(
        ["hledger", "-f", tmp_path / "book.hledger", "balance", "--flat", "--empty", "-O", "csv", "-N"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name, amount in list(csv.reader(report.splitlines()))[1:]:
        sums[":".join(name.split(":")[1:]), "EUR"] += int(Decimal(amount.split()[0].replace(",", "")) * 100)
    assert sums == stated


PEAK = """
import atexit, resource, sys
from api.cli.main import main
atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr))
main()
"""


def test_a_file_of_any_length_is_read_and_written_in_flat_memory(tmp_path: Path) -> None:
    file = tmp_path / "entries.jsonl"
    commands = {"import": ["import", str(file)]}
    for export_format in ("csv", "fec", "ledger"):
        commands[export_format] = ["export", "--format", export_format, "--out", str(tmp_path / "book")]
    peaks: dict[str, list[int]] = defaultdict(list)
    for number, size in enumerate((2_000, 20_000)):
        write(file, *(line(f"{number}/{i}", owner=f"c{i % 50}") for i in range(size)))
        for name, command in commands.items():
            arguments = [sys.executable, "-c", PEAK, *command, "--database", f"sqlite:///{tmp_path}/books.sqlite3"]
            result = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=tmp_path)
            peaks[name].append(int(result.stderr.split()[-1]))
    assert {name: after - before for name, (before, after) in peaks.items() if after - before > 20_000} == {}  # kB


def test_what_a_refused_export_began_is_taken_away(bxl: Bxl, tmp_path: Path) -> None:
    assert bxl("import", write(tmp_path / "entries.jsonl", line("k1"))).returncode == 0
    (tmp_path / "pyarrow.py").write_text("raise ImportError('not here')")
    result = bxl("export", "--format", "parquet", "--out", str(tmp_path / "book"))  # the folder is looked in first
    assert result.returncode == 2
    assert "pip install 'bxl-invest[parquet]'" in result.stderr
    assert [*tmp_path.glob("book"), *tmp_path.glob("*.partial")] == []


def test_an_export_goes_to_standard_output(bxl: Bxl, tmp_path: Path) -> None:
    assert bxl("import", write(tmp_path / "entries.jsonl", line("k1"))).returncode == 0
    rows = bxl("export", "--format", "csv", "--out", "-").stdout.splitlines()
    assert [row.split(",")[4] for row in rows] == ["purpose", "paiement reçu", "paiement reçu"]


def test_the_referees_are_asked_by_a_command(bxl: Bxl, tmp_path: Path) -> None:
    assert bxl("import", write(tmp_path / "entries.jsonl", line("k1"), line("k2", owner="c9"))).returncode == 0
    found = answer(bxl("referees", "--json"))
    assert isinstance(found, dict)
    assert found["book"] == "main"
    assert [(v["referee"], v["outcome"], v["compared"]) for v in found["verdicts"]] == [
        ("beancount", "agrees", 3), ("hledger", "agrees", 3), ("ledger", "agrees", 3),
    ]  # fmt: skip
    read = bxl("referees")
    assert read.returncode == 0
    assert read.stdout.count("agrees, 3 balances compared") == 3


def test_a_referee_that_is_missing_or_differs_is_told_and_sets_the_exit_code(bxl: Bxl, tmp_path: Path) -> None:
    assert bxl("import", write(tmp_path / "entries.jsonl", line("k1"))).returncode == 0
    programs = tmp_path / "programs"
    programs.mkdir()
    result = bxl("referees", path=str(programs))
    assert result.returncode == 2
    assert result.stdout.splitlines()[1:3] == [
        "hledger: not-run, 0 balances compared", "  hledger is not installed",
    ]  # fmt: skip
    (programs / "ledger").write_text('#!/bin/sh\nprintf "Assets:550100\\t9.00 EUR\\n"\n')
    (programs / "ledger").chmod(0o755)
    result = bxl("referees", path=str(programs))
    assert result.returncode == 1
    assert "  550100 EUR: the record states 1000, ledger finds 900" in result.stdout.splitlines()


def on_terminal(tmp_path: Path, *arguments: str, stdin: int | None = None) -> str:
    """What a command on a database of its own writes to a standard error that is a terminal."""
    shown, terminal = pty.openpty()
    command = [sys.executable, "-m", "api.cli.main", *arguments, "--database", f"sqlite:///{tmp_path}/terminal.sqlite3"]
    subprocess.run(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=terminal, check=True, cwd=tmp_path)
    os.close(terminal)
    with open(shown, "rb", closefd=True) as screen:  # noqa: PTH123 -- a descriptor, not a path
        chunks = []
        with contextlib.suppress(OSError):  # so a terminal that nobody writes to any more ends
            while chunk := screen.read1():
                chunks.append(chunk)
    return b"".join(chunks).decode()


def test_a_person_at_a_terminal_sees_how_far_an_import_is(tmp_path: Path) -> None:
    file = write(tmp_path / "entries.jsonl", *(line(f"k{i}") for i in range(30)))
    assert re.search(r"Reading .*[1-9]\d*%", on_terminal(tmp_path, "import", file, "--batch", "10"))
    reading, writing = os.pipe()
    os.write(writing, Path(file).read_bytes())
    os.close(writing)
    assert "10 entries\r20 entries\r30 entries" in on_terminal(tmp_path, "import", "-", "--batch", "10", stdin=reading)
    os.close(reading)


def test_no_progress_is_drawn_for_a_program(tmp_path: Path, bxl: Bxl) -> None:
    file = write(tmp_path / "entries.jsonl", *(line(f"k{i}") for i in range(3)))
    assert on_terminal(tmp_path, "import", file, "--json") == ""
    assert bxl("import", file).stderr == ""


def test_a_book_that_was_never_made_cannot_be_read(bxl: Bxl, database: str) -> None:
    expected = 2 if database.startswith("sqlite") else 1  # no file there; the server has no such book
    for arguments in (("trial-balance",), ("statement", "550100"), ("export", "--format", "csv", "--out", "-")):
        result = bxl(*arguments)
        assert result.returncode == expected
        assert "Traceback" not in result.stderr


def test_a_database_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "api.cli.main", "import", write(tmp_path / "entries.jsonl", line("k1"))]
    result = subprocess.run(
        [*command, "--database", "postgresql://127.0.0.1:1/none"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("The database can't be used: ")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments", [("import",), ("import", "absent.jsonl"), ("export", "--format", "odt"), ("pay",)]
)
def test_a_wrong_use_exits_three(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "api.cli.main", *arguments]
    assert subprocess.run(command, capture_output=True, check=False, cwd=tmp_path).returncode == 3
