"""The report: the machine, every bar in words, where others are faster, then the parts as they were measured."""

import os
import platform
import sqlite3
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib.metadata import version

from tests.bench.bars import BARS
from tests.bench.databases import KINDS, server_version
from tests.bench.scale import Scale
from tests.bench.sections import Findings

_PACKAGES = ("sqlalchemy", "psycopg", "cryptography")
_LOADS = {"single": "one caller", "batch500": "batches of 500", "hot32": "32 callers on a hot account"}
_ALWAYS = (
    "- TigerBeetle is 10 to 40 times faster in batches of 500 and above, by published figures: a server in Zig with a",
    "  storage engine of its own, transfers of fixed size, no log that a stranger can check. Not measured here.",
    "- A book has one writer at a time: more callers and more cores make batches fuller, not the book faster.",
)
Load = tuple[float, float, float]


@dataclass
class Report:
    """What was found so far, in a run that began on the day `on` under the load average `before`."""

    scale: Scale
    on: date
    before: Load
    parts: list[Findings] = field(default_factory=list)
    measured: dict[str, float] = field(default_factory=dict)

    def add(self, findings: Findings) -> None:
        """Take in one part."""
        self.parts.append(findings)
        self.measured |= findings.measured

    def text(self, after: Load) -> str:
        """The whole page."""
        lines = [*self._title(), *self._machine(after), "", *self.bars(), "", *self._losses()]
        for part in self.parts:
            lines += ["", *part.lines]
        return "\n".join(lines) + "\n"

    def bars(self) -> list[str]:
        """Every bar with its target and figure."""
        head = ["## Bars", "", "| bar | target | measured | |", "|---|---|---|---|"]
        return head + [bar.row(self.measured, self._counts()) for bar in BARS]

    def _counts(self) -> dict[str, int]:
        """How much was measured: the scale, and how far each grown book came."""
        counts = {name: count for name, count in asdict(self.scale).items() if isinstance(count, int)}
        return counts | {
            f"entries_{kind}": int(self.measured.get(f"entries.{kind}", self.scale.grown)) for kind in KINDS
        }

    def _title(self) -> list[str]:
        size = {"full": "", "quick": " A hundredth of the full size, to see that everything runs: no figure counts."}
        stated = "Ratios within one run are worth more than the rates of this machine."
        return ["# Benchmarks", "", f"Written by `make bench`. {stated}{size[self.scale.name]}", ""]

    def _machine(self, after: Load) -> list[str]:
        system = f"{platform.machine()}, {platform.system()} {platform.release()}"
        return [
            f"- measured on {self.on.isoformat()}; {os.cpu_count()} cores, {system}",
            f"- load average (1, 5, 15 minutes) before: {_load(self.before)}; at the end: {_load(after)}",
            f"- Python {platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in _PACKAGES)}",
            f"- SQLite {sqlite3.sqlite_version}: WAL, synchronous FULL",
            f"- PostgreSQL {server_version()}: its defaults, durable, on the same machine",
        ]

    def _losses(self) -> list[str]:
        """Bars that were missed, loads in which the peer was faster, and what is known to be faster anyway."""
        missed = [bar.stated(self._counts()) for bar in BARS if bar.is_missed(self.measured)]
        slower = [name for load, name in _LOADS.items() if self.measured.get(f"peer.{load}", 1) < 1]
        lines = ["## What we lose", ""]
        lines += [f"- Not met: {what}." for what in missed]
        lines += [f"- django-hordak is faster: {name}." for name in slower]
        return [*lines, *_ALWAYS]


def _load(load: Load) -> str:
    return ", ".join(f"{each:.1f}" for each in load)
