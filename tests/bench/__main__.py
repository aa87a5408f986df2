"""`make bench`: measure every bar on SQLite and PostgreSQL, print it, store it in `docs/benchmarks.md`.

`--quick` measures a hundredth, to see that everything runs; names of parts measure these alone. Both are stored in
`var`. The file is written again after each part, so a run that breaks off leaves what it has.
"""

import argparse
import os
import sys
import tempfile
import warnings
from pathlib import Path

from ledger.clock import SystemClock
from tests.bench import audit, exchange, grown, history, peer, posting
from tests.bench.databases import databases
from tests.bench.report import Report
from tests.bench.scale import FULL, QUICK

ROOT = Path(__file__).parents[2]
PARTS = {
    "posting": posting.SECTION,
    "peer": peer.SECTION,
    "audit": audit.SECTION,
    "exchange": exchange.SECTION,
    "history": history.SECTION,
    "grown": grown.SECTION,
}


def main() -> int:
    """Measure, print, store; 1 where a part broke off."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="a hundredth of everything")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    scale = QUICK if options.quick else FULL
    is_whole = not options.quick and not options.parts
    file = ROOT / ("docs/benchmarks.md" if is_whole else f"var/benchmarks-{scale.name}.md")
    file.parent.mkdir(exist_ok=True)
    report, complete = Report(scale, SystemClock().today(), os.getloadavg()), True
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, databases(Path(folder)) as made, _quiet():
        for part in options.parts or PARTS:
            findings, ended = PARTS[part].measure(made, scale)
            complete = complete and ended
            report.add(findings)
            _say("\n".join(["", *findings.lines]))
            file.write_text(report.text(os.getloadavg()), encoding="utf-8")
    _say("\n".join(["", *report.bars()]))
    _say(f"\nstored in {file.relative_to(ROOT)}")
    return 0 if complete else 1


def _quiet() -> warnings.catch_warnings:
    return warnings.catch_warnings(action="ignore")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
