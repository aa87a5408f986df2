"""`bxl bank` as a shell sees it: a statement is imported once, and what nothing expected is listed with its days."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date
from pathlib import Path

from tests.camt_kit import CLIENT_IBAN, Bank, Move

ACCOUNT = "INSERT INTO bank_account (book_id, name, iban) VALUES ('main', 'BXL Invest', ?)"


def test_a_statement_is_imported_once_and_its_suspense_listed(tmp_path: Path) -> None:
    def bxl(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "api.cli.main", *arguments, "--database", f"sqlite:///{tmp_path}/books.sqlite3"],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "BXL_DATA": str(tmp_path / "data"), "LANG": "C.UTF-8"},
        )

    file = tmp_path / "camt.xml"
    file.write_bytes(Bank().statement(Move(700, text="?"), day=date(2026, 3, 2)))
    assert bxl("migrate").returncode == 0
    early = bxl("bank", "import", str(file), "--as", "s1", "--json")
    assert (early.returncode, json.loads(early.stdout)["refusal"]["code"]) == (1, "bank-account-not-configured")
    with closing(sqlite3.connect(tmp_path / "books.sqlite3")) as connection:
        connection.execute(ACCOUNT, (CLIENT_IBAN,))
        connection.commit()
    first = json.loads(bxl("bank", "import", str(file), "--as", "s1", "--json").stdout)
    assert (first["statements"], first["lines"], first["suspended"]) == (1, 1, 1)
    assert "0 new statements (1 known), 0 lines" in bxl("bank", "import", str(file), "--as", "s1").stdout
    [item] = json.loads(bxl("bank", "suspense", "--json").stdout)
    assert (item["amount_cents"], item["answer_by_on"], item["return_by_on"]) == (700, "2026-03-04", "2026-03-12")
    assert "not-identified" in bxl("bank", "suspense").stdout
