"""A database that is missing, damaged, of another version or of another program: said in a sentence, and left alone."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from api import migrations
from api.cli.options import settings_for
from ledger.errors import Refusal
from ledger.storage.engine import open_engine
from tests.commands import run_bxl

ENTRY = json.dumps({
    "key": "k1", "effective_on": "2026-01-31", "purpose": "paid", "postings": [
        {"account": "550100", "asset": "EUR", "debit": 5}, {"account": "489100:c17", "asset": "EUR", "credit": 5},
    ],
})  # fmt: skip
READING = (("trial-balance",), ("statement", "550100"), ("export", "--format", "csv", "--out", "-"), ("audit",))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BXL_DATA", raising=False)
    monkeypatch.delenv("BXL_DATABASE", raising=False)
    (tmp_path / "entries.jsonl").write_text(ENTRY + "\n")
    return tmp_path


def bxl(*arguments: str) -> subprocess.CompletedProcess[str]:
    result = run_bxl(*arguments)
    assert "Traceback" not in result.stderr
    return result


def import_into(name: str) -> subprocess.CompletedProcess[str]:
    return bxl("import", "entries.jsonl", "--database", f"sqlite:///{name}", "--json")


def unavailable(result: subprocess.CompletedProcess[str], code: str) -> dict[str, object]:
    """The facts of the one refusal that is printed."""
    assert result.returncode == 2, result.stderr
    refusal = json.loads(result.stdout)["refusal"]
    assert refusal["code"] == code
    facts: dict[str, object] = refusal["facts"]
    return facts


def change(name: str, statement: str) -> None:
    connection = sqlite3.connect(name)
    connection.execute(statement)
    connection.commit()
    connection.close()


def tables_of(name: str) -> set[str]:
    connection = sqlite3.connect(name)
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    return names


@pytest.mark.parametrize("command", READING)
def test_reading_makes_no_database(folder: Path, command: tuple[str, ...]) -> None:
    before = set(folder.iterdir())
    result = bxl(*command, "--database", "sqlite:///none.sqlite3")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "none.sqlite3 does not exist" in result.stderr
    assert set(folder.iterdir()) == before


def test_a_missing_database_is_a_refusal_that_programs_can_read() -> None:
    assert unavailable(bxl("trial-balance", "--json", "--database", "sqlite:///x/none.sqlite3"), "database-missing")


@pytest.mark.parametrize("command", [("import", "entries.jsonl"), *READING])
def test_a_file_that_is_no_database_is_left_as_it_is(folder: Path, command: tuple[str, ...]) -> None:
    (folder / "letter.txt").write_text("Dear reader,\n" * 100)
    result = bxl(*command, "--database", "sqlite:///letter.txt")
    assert (result.returncode, result.stderr) == (2, "The database can't be used: file is not a database\n")
    assert (folder / "letter.txt").read_text() == "Dear reader,\n" * 100


def test_a_damaged_database_is_unavailable(folder: Path) -> None:
    assert import_into("books.sqlite3").returncode == 0
    file = folder / "books.sqlite3"
    content = file.read_bytes()
    file.write_bytes(content[:8_192] + os.urandom(len(content) - 8_192))
    result = bxl("trial-balance", "--database", "sqlite:///books.sqlite3")
    assert result.returncode == 2
    assert result.stderr.startswith("The database can't be used: ")


def test_a_folder_that_cannot_be_made_is_named() -> None:
    result = bxl("import", "entries.jsonl", "--database", "sqlite:////proc/none/books.sqlite3")
    assert result.returncode == 2
    assert result.stderr.startswith("/proc/none")


def test_a_schema_of_another_version_is_neither_read_nor_written() -> None:
    assert import_into("books.sqlite3").returncode == 0
    change("books.sqlite3", "UPDATE alembic_version SET version_num = '9999'")
    for result in (
        import_into("books.sqlite3"),
        bxl("trial-balance", "--json", "--database", "sqlite:///books.sqlite3"),
    ):
        assert unavailable(result, "schema-version-differs") == {"version": "9999", "newest": migrations.NEWEST}


def test_tables_of_another_program_are_not_built_upon() -> None:
    change("other.sqlite3", "CREATE TABLE entry (title TEXT)")
    assert unavailable(import_into("other.sqlite3"), "database-of-another-program") == {"table": "entry"}
    assert tables_of("other.sqlite3") == {"entry"}
    assert bxl("trial-balance", "--database", "sqlite:///other.sqlite3").returncode == 1


def test_the_newest_revision_is_the_one_that_the_code_names() -> None:
    scripts = Config()
    scripts.set_main_option("script_location", "api:migrations")
    scripts.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(scripts).get_heads() == [migrations.NEWEST]


@pytest.mark.postgresql
def test_two_first_starts_at_once_make_one_schema(make_empty_postgresql) -> None:
    url = make_empty_postgresql()
    starting = "from api import migrations; from ledger.storage.engine import open_engine; import sys;"
    starting += "migrations.upgrade(open_engine(sys.argv[1]))"
    both = [
        subprocess.Popen([sys.executable, "-c", starting, url], stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [(process.communicate()[1], process.returncode) for process in both] == [("", 0)] * 3
    engine = open_engine(url)
    assert migrations.is_migrated(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Refusal, match="schema-version-differs"):
        migrations.upgrade(engine)
    engine.dispose()


def test_a_book_without_its_key_is_unavailable_and_an_unknown_book_is_refused(folder: Path) -> None:
    assert import_into("books.sqlite3").returncode == 0
    reading = ("trial-balance", "--database", "sqlite:///books.sqlite3", "--json")
    refused = bxl(*reading, "--book", "other")
    assert (refused.returncode, json.loads(refused.stdout)["refusal"]["code"]) == (1, "book-unknown")
    (folder / "books.sqlite3-data" / "keys" / "wrapping.key").unlink()
    unavailable(bxl(*reading), "wrapping-key-missing")


def test_a_lost_database_is_not_begun_again_under_its_published_log(folder: Path) -> None:
    assert import_into("books.sqlite3").returncode == 0
    assert bxl("log", "publish", "--database", "sqlite:///books.sqlite3").returncode == 0
    for file in folder.glob("books.sqlite3*"):
        if file.is_file():
            file.unlink()
    refused = import_into("books.sqlite3")
    assert (refused.returncode, json.loads(refused.stdout)["refusal"]) == (
        1,
        {"code": "log-ahead-of-database", "facts": {"log_size": 3, "database_size": 0}},
    )
    assert bxl("trial-balance", "--database", "sqlite:///books.sqlite3").returncode == 1


def test_databases_share_neither_keys_nor_log() -> None:
    urls = [
        "sqlite:///books.sqlite3",
        "sqlite:///books.db",
        "postgresql://localhost/bxl",
        "postgresql://localhost:5433/bxl",
        "postgresql:///bxl?host=/run/one",
        "postgresql:///bxl?host=/run/two",
    ]
    assert len({settings_for(url).data for url in urls}) == len(urls)


def test_the_embedded_database_is_found_by_its_file_too(folder: Path) -> None:
    assert settings_for("sqlite:///data/bxl.sqlite3").keys_folder == settings_for(None).keys_folder
    assert settings_for(None).keys_folder == folder / "data" / "keys"
