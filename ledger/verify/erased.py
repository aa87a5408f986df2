"""Lines that nobody can open any more: of a person who was erased, the commitments are all that is left.

    state/1      attests the record while everything in it could be opened
    erasure/1    names lines, all of entries before that state, that stay closed from then on

Such lines are taken as given. What they moved follows from the other lines of their entries and comes to nothing in the
end, since only accounts at zero are erased. A line that is closed and not named leaves a replay incomplete; an erasure
that names a line that is open, or none, makes the log false.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ledger.errors import Refusal
from ledger.log.leaf import JSON
from ledger.verify.entry import Line
from ledger.verify.report import Report

Opened = tuple[bytes, Line] | bytes
"""A line with its nonce, or of one that is closed the commitment alone."""
AS_GIVEN = "what {lines} lines of erased persons say: their keys were destroyed, the commitments were taken as given"


@dataclass(slots=True)
class Closed:
    """Closed lines by entry and place, without those that an erasure names; `moved` is what all of them moved."""

    lines: set[tuple[int, int]] = field(default_factory=set)
    moved: Counter[str] = field(default_factory=Counter)
    count: int = 0
    named: int = 0
    erasures: int = 0
    attested_n: int = 0

    def keep(self, n: int, opened: Sequence[Opened]) -> None:
        """Note the closed lines of entry `n`; its header is never one of them, refuses `opening-does-not-fit`."""
        closed = [(n, index) for index, each in enumerate(opened) if isinstance(each, bytes)]
        if (n, 0) in closed:
            raise Refusal("opening-does-not-fit", n=n)
        self.lines.update(closed)
        self.count += len(closed)

    def name(self, n: int, lines: Sequence[Line]) -> None:
        """Take in the lines of erasure/1 entry `n`; refuses `erasure-does-not-fit`."""
        self.erasures += 1
        count = 0
        for line in lines[1:]:
            entry, first, last = (_integer(line[name]) for name in ("entry", "from", "to"))
            for index in range(first, last + 1):
                if (entry, index) not in self.lines:
                    raise Refusal("erasure-does-not-fit", n=n, entry=entry, line=index)
                count += 1
                if entry < self.attested_n:
                    self.lines.remove((entry, index))
                    self.named += 1
        if count != lines[0]["count"]:
            raise Refusal("erasure-does-not-fit", n=n, entry=n, line=1)

    def note(self, report: Report, file: str) -> None:
        """Say what was taken as given, and what can't be; what erased persons' lines moved comes to zero."""
        if self.lines:
            n, index = min(self.lines)
            left = f"{len(self.lines)} lines are closed and no erasure of attested lines names them"
            report.missing.append(f"{left}: the first is line {index} of entry {n}")
        if not self.named:
            return
        report.not_checked.append(AS_GIVEN.format(lines=self.named))
        wrong = {asset: total for asset, total in self.moved.items() if total}
        if wrong and not self.lines:
            asset, total = min(wrong.items())
            report.failed("erasures", file, Refusal("erased-lines-not-zero", asset=asset, difference=total))
            return
        shown = f"{self.erasures} entries name {self.named} closed lines, each attested before, which come to zero"
        report.passed("erasures", file, shown, entries=self.erasures, lines=self.named)


def _integer(value: JSON) -> int:
    assert isinstance(value, int)
    return value
