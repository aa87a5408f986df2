"""`bxl export --format log` and `bxl import --format log` as a shell sees them."""

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.commands import run_bxl

ENTRY = {
    "key": "k1",
    "effective_on": "2026-01-31",
    "purpose": "paiement reçu",
    "postings": [
        {"account": "550100", "asset": "EUR", "debit": 500},
        {"account": "489100:c17", "asset": "EUR", "credit": 500},
    ],
}


@pytest.fixture
def bxl(tmp_path: Path):
    """Run a command on the database of this name, which has a folder of its own."""

    def run(name: str, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        url = f"sqlite:///{tmp_path}/{name}.sqlite3"
        environment = {"PATH": "/usr/bin:/bin", "BXL_DATA": str(tmp_path / name), "LANG": "C.UTF-8"}
        return run_bxl(*arguments, "--database", url, given=given, cwd=tmp_path, env=environment)

    return run


@pytest.fixture
def exported(bxl, tmp_path: Path) -> Path:
    """The log of a book of three entries, with its key beside it."""
    lines = "".join(json.dumps(ENTRY | {"key": key}) + "\n" for key in ("k1", "k2"))
    assert bxl("first", "import", "-", given=lines).returncode == 0
    result = bxl("first", "export", "--format", "log", "--keys", "export.key", "--out", "book.log")
    assert (result.returncode, result.stdout) == (0, "4 entries in book.log\n"), result.stderr
    return tmp_path / "book.log"


LOG = ("--format", "log", "--keys", "export.key", "book.log")


def test_a_book_moves_to_another_database_and_goes_on_there(bxl, exported: Path, tmp_path: Path) -> None:
    for name in ("book.log", "export.key"):
        assert stat.S_IMODE(os.stat(tmp_path / name).st_mode) == 0o600  # noqa: PTH116 -- the mode is what is tried
    result = bxl("second", "import", "--json", *LOG)
    counts = json.loads(result.stdout)
    assert (counts["blocks"], counts["entries"], counts["answers"]) == (2, 4, 0)
    assert json.loads(exported.read_bytes().splitlines()[0])["log"]["hash"] == counts["hash"]
    for name in ("first", "second"):
        assert bxl(name, "trial-balance").stdout == bxl("first", "trial-balance").stdout != ""
    assert bxl("second", "audit").returncode == 2  # no published log is beside it yet
    shutil.copytree(tmp_path / "first" / "log", tmp_path / "second" / "log")
    assert bxl("second", "audit").returncode == bxl("first", "audit").returncode == 0
    assert bxl("second", "export", "--format", "log", "--keys", "export.key", "--out", "-").returncode == 0
    assert "the same to the byte" in bxl("third", "import", *LOG).stdout


def test_a_file_that_was_altered_is_refused_with_line_and_field(bxl, exported: Path) -> None:
    exported.write_bytes(exported.read_bytes().replace(b'"debit":500', b'"debit":501', 1))
    result = bxl("second", "import", *LOG)
    assert result.returncode == 1
    assert result.stderr.startswith("line 8, entry.item: ")
    assert "Nothing of the file is kept." in result.stderr
    result = bxl("second", "import", "--json", *LOG)
    assert json.loads(result.stdout)["refusal"]["code"] == "entry-unbalanced"
    assert bxl("second", "trial-balance").returncode != 0


def test_a_database_that_has_the_book_is_refused(bxl, exported: Path) -> None:
    before = bxl("first", "trial-balance").stdout
    result = bxl("first", "import", "--json", *LOG)
    assert (result.returncode, json.loads(result.stdout)["refusal"]["code"]) == (1, "book-exists")
    assert bxl("first", "trial-balance").stdout == before


def test_the_key_must_be_named_and_fit(bxl, exported: Path, tmp_path: Path) -> None:
    assert bxl("second", "import", "--format", "log", "book.log").returncode == 3
    assert bxl("first", "export", "--format", "log", "--out", "x.log").returncode == 3
    (tmp_path / "short.key").write_bytes(b"x")
    for name, code in (("short.key", "wrapping-key-missing"), ("none.key", "wrapping-key-missing")):
        result = bxl("second", "import", "--json", "--format", "log", "--keys", name, "book.log")
        assert json.loads(result.stdout)["refusal"]["code"] == code
    (tmp_path / "other.key").write_bytes(bytes(32))
    result = bxl("second", "import", "--json", "--format", "log", "--keys", "other.key", "book.log")
    assert json.loads(result.stdout)["refusal"]["code"] == "wrapping-key-does-not-fit"
