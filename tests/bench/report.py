"""The report: every bar in words, where others are faster, then the parts as they were measured, and on what."""

import json
import os
import platform
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Self

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


@dataclass(slots=True)
class Report:
    """The newest findings of every part, each under the machine, the versions and the day of its own run."""

    scale: Scale
    measured: dict[str, dict[str, float]] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def stored(cls, file: Path, scale: Scale) -> Self:
        """What earlier runs stored; an empty report where there is none."""
        return cls(scale, **json.loads(file.read_text(encoding="utf-8"))) if file.exists() else cls(scale)

    def add(self, part: str, findings: Findings, on: date, load: tuple[Load, Load]) -> None:
        """Take in one part, in place of its last run; `load` averages stood before it and after."""
        title, *rest = findings.lines
        self.measured[part], self.lines[part] = findings.measured, [title, "", *_machine(on, load), *rest]

    def as_json(self) -> str:
        """What `stored` reads."""
        return json.dumps({"measured": self.measured, "lines": self.lines}, indent=1, ensure_ascii=False) + "\n"

    def text(self, parts: Iterable[str]) -> str:
        """The whole page, its `parts` in this order."""
        lines = [*self._title(), *self.bars(), "", *self._losses()]
        for part in parts:
            lines += ["", *self.lines.get(part, [])]
        return "\n".join(lines) + "\n"

    def bars(self) -> list[str]:
        """Every bar with its target and figure."""
        head = ["## Bars", "", "| bar | target | measured | |", "|---|---|---|---|"]
        return head + [bar.row(self._figures(), self._counts()) for bar in BARS]

    def _figures(self) -> dict[str, float]:
        return {name: figure for part in self.measured.values() for name, figure in part.items()}

    def _counts(self) -> dict[str, int]:
        """How much was measured: the scale, and how far each grown book came."""
        counts = {name: count for name, count in asdict(self.scale).items() if isinstance(count, int)}
        return counts | {
            f"entries_{kind}": int(self._figures().get(f"entries.{kind}", self.scale.grown)) for kind in KINDS
        }

    def _title(self) -> list[str]:
        size = {"full": "", "quick": " A hundredth of the full size, to see that everything runs: no figure counts."}
        stated = "Each part is one run; ratios within it are worth more than the rates of this machine."
        return ["# Benchmarks", "", f"Written by `make bench`. {stated}{size[self.scale.name]}", ""]

    def _losses(self) -> list[str]:
        """Bars that were missed, loads in which the peer was faster, and what is known to be faster anyway."""
        missed = [bar.stated(self._counts()) for bar in BARS if bar.is_missed(self._figures())]
        slower = [name for load, name in _LOADS.items() if self._figures().get(f"peer.{load}", 1) < 1]
        lines = ["## What we lose", ""]
        lines += [f"- Not met: {what}." for what in missed]
        lines += [f"- django-hordak is faster: {name}." for name in slower]
        return [*lines, *_ALWAYS]


def _machine(on: date, load: tuple[Load, Load]) -> list[str]:
    system = f"{platform.machine()}, {platform.system()} {platform.release()}"
    before, after = map(_load, load)
    return [
        f"- measured on {on.isoformat()}; {os.cpu_count()} cores, {system}",
        f"- load average (1, 5, 15 minutes) before: {before}; at the end: {after}",
        f"- Python {platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in _PACKAGES)}",
        f"- SQLite {sqlite3.sqlite_version}: WAL, synchronous FULL",
        f"- PostgreSQL {server_version()}: its defaults, durable, on the same machine",
    ]


def _load(load: Load) -> str:
    return ", ".join(f"{each:.1f}" for each in load)
