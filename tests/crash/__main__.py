"""`make crash-run`: 4 writers on PostgreSQL and one on SQLite, killed 200 times while 200,000 entries are posted."""

import argparse
import json
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from ledger.clock import SystemClock
from ledger.storage.engine import open_engine
from tests.conftest import make_book
from tests.crash.run import Report, crash_run
from tests.databases import fresh_database, postgresql_server

WRITERS = {"postgresql": 4, "sqlite": 1}


def main() -> int:
    """Run, print a report a database, and end with 1 if anything was lost, doubled or broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--database", choices=[*WRITERS, "both"], default="both")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=20260302)
    parser.add_argument("--json", type=Path, help="write the reports here as well")
    asked = parser.parse_args()
    databases = list(WRITERS) if asked.database == "both" else [asked.database]
    reports = [_run(database, asked.kills, asked.entries, asked.seed) for database in databases]
    if asked.json:
        asked.json.write_text(json.dumps([report.facts() for report in reports], indent=2) + "\n", encoding="utf-8")
    return 0 if all(report.is_clean() for report in reports) else 1


def _run(database: str, kills: int, entries: int, seed: int) -> Report:
    server = postgresql_server() if database == "postgresql" else nullcontext()
    with tempfile.TemporaryDirectory() as folder, server as address:
        url = fresh_database(database, folder=Path(folder), server=address, name="crash")
        engine = open_engine(url)
        book = make_book(engine, SystemClock())
        report = crash_run(book, writers=WRITERS[database], kills=kills, entries=entries, seed=seed)
        engine.dispose()
    for name, value in report.facts().items():
        sys.stdout.write(f"{name.replace('_', ' '):24} {value}\n")
    sys.stdout.write("\n")
    sys.stdout.flush()
    return report


if __name__ == "__main__":
    raise SystemExit(main())
