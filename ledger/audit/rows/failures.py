"""Where the audit of the rows notes what is wrong, and when it has seen enough."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from ledger.errors import Fact, Refusal
from ledger.verify.report import Report, Stop

MAX_FAILURES = 20


class Failures:
    """Failed checks, up to a limit, so that one report shows how far a damage reaches."""

    def __init__(self, report: Report, limit: int = MAX_FAILURES) -> None:
        self.report = report
        self._limit = limit
        self.found = 0

    def differs(self, table: str, column: str, **where: Fact) -> None:
        """A stored value is not the one that follows from the others."""
        self.failed("rows", table, Refusal("row-differs", table=table, column=column, **where))

    def failed(self, name: str, file: str, refusal: Refusal) -> None:
        """Note a failed check; ends the audit with `Stop` at the limit."""
        before = len(self.report.checks)
        self.report.failed(name, file, refusal)
        self.found += len(self.report.checks) - before
        if self.found >= self._limit:
            raise Stop

    @contextmanager
    def unless_wrong(self, name: str, file: str) -> Iterator[None]:
        """A check that is only mentioned when it fails."""
        try:
            yield
        except Refusal as refusal:
            self.failed(name, file, refusal)


def broken(table: str, column: str, **where: Fact) -> NoReturn:
    """A difference on which everything after it would rest."""
    raise Refusal("row-differs", table=table, column=column, **where)
