"""`bxl import` of a file of two-posting entries, every export of that book, and the foreign referees.

The import is the command itself, on SQLite, its memory the most that its process held. Exports are written to files.
A referee's time is that of its program reading its export and answering every balance.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from api.bootstrap import open_book
from api.cli.options import settings_for
from api.cli.referees import search_path
from ledger.audit.exports import FORMATS, write_export
from ledger.audit.programs import REFEREES
from ledger.audit.referees import judge, write_exports
from ledger.book import Book
from tests.bench.bars import number
from tests.bench.databases import Databases
from tests.bench.scale import Scale
from tests.bench.sections import Findings, Section


def run(databases: Databases, scale: Scale, findings: Findings) -> None:
    """Import, export, ask."""
    folder = databases.folder / "exchange"
    folder.mkdir()
    url = f"sqlite:///{folder / 'book.sqlite3'}"
    file = folder / "entries.jsonl"
    _write_entries(file, scale.imported)
    findings.table("what", "figure")
    counts, megabytes = _import(file, url)
    rate = counts["entries"] / counts["seconds"]
    findings.measured["import"] = rate
    findings.row(
        f"import {counts['entries']:,} entries", f"{number(rate)} entries/s, {megabytes:.0f} MB of memory at most"
    )
    book = open_book(settings_for(url))
    for export_format in FORMATS:
        findings.row(f"export as {export_format}", _export(book, export_format, folder / "export"))
    exports = write_exports(book, folder)
    for name in REFEREES:
        started = time.perf_counter()
        verdict = judge(name, exports, search_path=search_path(), seconds=120)
        spent = time.perf_counter() - started
        findings.row(f"referee {name} ({verdict.version or 'not installed'})", f"{verdict.outcome}, {spent:.1f} s")
    book.engine.dispose()


def _write_entries(file: Path, count: int) -> None:
    chance = random.Random(7)
    with file.open("w", encoding="utf-8") as out:
        for i in range(count):
            cents = chance.randrange(1, 10**6)
            lines = [
                {"account": "580100", "asset": "EUR", "debit": cents},
                {"account": f"489100:c{chance.randrange(1_000)}", "asset": "EUR", "credit": cents},
            ]
            stated = {"key": f"pay/{i}", "effective_on": "2026-03-02", "purpose": "payment-received", "postings": lines}
            out.write(json.dumps(stated) + "\n")


def _import(file: Path, url: str) -> tuple[dict[str, float], float]:
    """What the command says, and the most memory that its process held, in megabytes."""
    command = [sys.executable, "-c", "from api.cli.main import main; main()", "import", str(file)]
    started = subprocess.Popen([*command, "--json", "--database", url], stdout=subprocess.PIPE)
    assert started.stdout is not None
    answer = started.stdout.read()
    _, status, usage = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode != 0:
        raise AssertionError("what is measured must hold")
    return json.loads(answer), usage.ru_maxrss / 1024


def _export(book: Book, export_format: str, file: Path) -> str:
    started = time.perf_counter()
    with book.read() as connection, file.open("wb") as out:
        entries = write_export(connection, book.book_id, export_format, out)
    spent = time.perf_counter() - started
    return f"{number(entries / spent)} entries/s, {file.stat().st_size / 1e6:.1f} MB"


SECTION = Section("In and out", 3, __doc__ or "", run)
