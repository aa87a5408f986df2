"""`make crash-run`: what kill -9 costs, on PostgreSQL and on SQLite.

posting    4 writers (on SQLite one), killed 200 times at random while 200,000 entries are posted
log        200 rounds of posting, integrating, signing and witnessing, each killed at a named point
"""

import argparse
import json
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import sqlalchemy as sa

from ledger.clock import SystemClock
from ledger.storage.engine import open_engine
from tests.conftest import make_book
from tests.crash import log
from tests.crash.run import Report, crash_run
from tests.databases import fresh_database, postgresql_server

WRITERS = {"postgresql": 4, "sqlite": 1}


def main() -> int:
    """Run, print a report a database, and end with 1 if anything was lost, doubled or broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["posting", "log"], default="posting")
    parser.add_argument("--rounds", type=int, default=200, help="for `log`")
    parser.add_argument("--database", choices=[*WRITERS, "both"], default="both")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=20260302)
    parser.add_argument("--json", type=Path, help="write the reports here as well")
    asked = parser.parse_args()
    databases = list(WRITERS) if asked.database == "both" else [asked.database]
    reports = [_run(database, asked) for database in databases]
    if asked.json:
        asked.json.write_text(json.dumps([report.facts() for report in reports], indent=2) + "\n", encoding="utf-8")
    return 0 if all(report.is_clean() for report in reports) else 1


def _run(database: str, asked: argparse.Namespace) -> Report | log.Report:
    server = postgresql_server() if database == "postgresql" else nullcontext()
    with tempfile.TemporaryDirectory() as folder, server as address:
        url = fresh_database(database, folder=Path(folder), server=address, name="crash")
        engine = open_engine(url)
        report = _log(engine, Path(folder), asked) if asked.what == "log" else _posting(engine, database, asked)
        engine.dispose()
    for name, value in report.facts().items():
        sys.stdout.write(f"{name.replace('_', ' '):24} {value}\n")
    sys.stdout.write("\n")
    sys.stdout.flush()
    return report


def _log(engine: sa.Engine, folder: Path, asked: argparse.Namespace) -> log.Report:
    return log.crash_log(engine, folder / "data", rounds=asked.rounds, seed=asked.seed)


def _posting(engine: sa.Engine, database: str, asked: argparse.Namespace) -> Report:
    book = make_book(engine, SystemClock())
    return crash_run(book, writers=WRITERS[database], kills=asked.kills, entries=asked.entries, seed=asked.seed)


if __name__ == "__main__":
    raise SystemExit(main())
