"""`make bench`: measure every bar on SQLite and PostgreSQL, print it, store it in `docs/benchmarks.md`.

Names of parts measure these alone, and the others stay as they were stored. `--quick` measures a hundredth, to see that
everything runs, and is stored in `var`. The files are written again after each part, so a run that breaks off leaves
what it has. Databases lie in a temporary folder, or in the one named by `--in`, where the filled books of the part
`grown` stay for the next time: filling takes most of its half hour.
"""

import argparse
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.clock import SystemClock
from tests.bench import (
    audit,
    bankfiles,
    coupons,
    exchange,
    grown,
    history,
    papers,
    peer,
    posting,
    proof,
    schedules,
    servicing,
    votes,
    webhooks,
)
from tests.bench.databases import databases
from tests.bench.report import Report
from tests.bench.scale import FULL, QUICK

ROOT = Path(__file__).parents[2]
PARTS = {
    "posting": posting.SECTION,
    "peer": peer.SECTION,
    "audit": audit.SECTION,
    "proof": proof.SECTION,
    "exchange": exchange.SECTION,
    "bankfiles": bankfiles.SECTION,
    "webhooks": webhooks.SECTION,
    "papers": papers.SECTION,
    "schedules": schedules.SECTION,
    "servicing": servicing.SECTION,
    "votes": votes.SECTION,
    "coupons": coupons.SECTION,
    "history": history.SECTION,
    "grown": grown.SECTION,
}


def main() -> int:
    """Measure, print, store; 1 where a part broke off."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="a hundredth of everything")
    parser.add_argument("--in", dest="folder", type=Path, metavar="FOLDER", help="where databases lie and may stay")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    scale = QUICK if options.quick else FULL
    folder = ROOT / ("var" if options.quick else "docs")
    folder.mkdir(exist_ok=True)
    report, complete = Report.stored(folder / "benchmarks.json", scale), True
    with _place(options.folder) as place, databases(place, kept=bool(options.folder)) as made, _quiet():
        for part in options.parts or PARTS:
            before = os.getloadavg()
            findings, ended = PARTS[part].measure(made, scale)
            complete = complete and ended
            report.add(part, findings, SystemClock().today(), (before, os.getloadavg()))
            _say("\n".join(["", *findings.lines]))
            (folder / "benchmarks.json").write_text(report.as_json(), encoding="utf-8")
            (folder / "benchmarks.md").write_text(report.text(PARTS), encoding="utf-8")
    _say("\n".join(["", *report.bars()]))
    _say(f"\nstored in {folder.name}/benchmarks.md")
    return 0 if complete else 1


@contextmanager
def _place(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
    else:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            yield Path(folder)


def _quiet() -> warnings.catch_warnings:
    return warnings.catch_warnings(action="ignore")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
