"""What a part of the report is: figures by name, for the bars, and the lines to print."""

import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.bench.databases import Databases
from tests.bench.scale import Scale


@dataclass(slots=True)
class Findings:
    """What was measured so far, as it is found, so that a part that breaks off keeps what it has."""

    measured: dict[str, float] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def table(self, *names: str) -> None:
        """Begin a table."""
        self.lines += ["", f"| {' | '.join(names)} |", "|---" * len(names) + "|"]

    def row(self, *cells: object) -> None:
        """Add a row."""
        self.lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report, and the minutes after which it is broken off."""

    title: str
    minutes: int
    about: str
    run: Callable[[Databases, Scale, Findings], None]

    def measure(self, databases: Databases, scale: Scale) -> tuple[Findings, bool]:
        """The findings, and whether the part came to its end; what stopped it is told in the lines."""
        findings = Findings(lines=[f"## {self.title}", "", self.about.strip()])
        try:
            with _time_limit(60 * self.minutes):
                self.run(databases, scale, findings)
        except Exception as error:  # noqa: BLE001 -- the other parts are measured all the same
            traceback.print_exc()
            findings.lines += ["", f"Broken off by {type(error).__name__}."]
            return findings, False
        return findings, True


class OutOfTimeError(Exception):
    """The part has taken longer than it may."""


@contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    def stop(_signal: int, _frame: object) -> None:
        raise OutOfTimeError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
