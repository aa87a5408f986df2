"""What a verifier says: each check by name and file, what was not checked, and a verdict."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from ledger.errors import Fact, Refusal


class Verdict(StrEnum):
    """`INCOMPLETE`: nothing wrong was found, but something that had to be checked could not be."""

    VERIFIED = "verified"
    FORGED = "forged"
    INCOMPLETE = "incomplete"


ABSENCES = frozenset(
    {
        "log-file-missing",
        "log-not-published",
        "log-older-than-checkpoint",
        "log-unavailable",
        "openings-end-early",
        "openings-need-key",
        "openings-newer-than-log",
        "quorum-not-reached",
    }
)
"""Refusals that say that something is not there, which is not the same as being wrong."""
REPORT_FORMAT = "bxl-report/1"
EXIT_CODES = {Verdict.VERIFIED: 0, Verdict.FORGED: 1, Verdict.INCOMPLETE: 2}


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was held against what, in which file; `facts` are its hashes and counts, or with `code` what is
    wrong.
    """

    name: str
    file: str
    passed: bool
    detail: str
    code: str | None = None
    facts: dict[str, Fact] = field(default_factory=dict)


class Stop(Exception):  # noqa: N818 -- ends a verification, it is no error of the verifier
    """A check failed and what follows would rest on it."""


@dataclass(slots=True)
class Report:
    """The account of one verification."""

    subject: str
    checks: list[Check] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    figures: dict[str, int | str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """Forged when a check failed; incomplete when one that is required was not possible."""
        if not all(check.passed for check in self.checks):
            return Verdict.FORGED
        return Verdict.INCOMPLETE if self.missing else Verdict.VERIFIED

    @property
    def exit_code(self) -> int:
        """0 verified, 1 forged, 2 incomplete."""
        return EXIT_CODES[self.verdict]

    @property
    def failure(self) -> Check | None:
        """The first check that failed."""
        return next((check for check in self.checks if not check.passed), None)

    def passed(self, name: str, file: str, detail: str, **facts: Fact) -> None:
        """Note a check that passed."""
        self.checks.append(Check(name, file, True, detail, None, facts))

    def failed(self, name: str, file: str, refusal: Refusal) -> None:
        """Note a check that failed, or could not be made because something is not there."""
        if refusal.code in ABSENCES:
            self.missing.append(f"{name}: {explain(refusal)}")
            return
        self.checks.append(Check(name, file, False, explain(refusal), refusal.code, dict(refusal.facts)))

    @contextmanager
    def check(self, name: str, file: str, detail: str | Callable[[], str] = "", **facts: Fact) -> Iterator[None]:
        """Run one check: a `Refusal` inside fails it and ends the verification with `Stop`."""
        try:
            yield
        except Refusal as refusal:
            self.failed(name, file, refusal)
            raise Stop from refusal
        self.passed(name, file, detail if isinstance(detail, str) else detail(), **facts)

    def to_json(self) -> str:
        """The report as one JSON object."""
        return json.dumps(
            {
                "format": REPORT_FORMAT,
                "subject": self.subject,
                "verdict": self.verdict.value,
                "exit_code": self.exit_code,
                "checks": [_check_json(check) for check in self.checks],
                "missing": self.missing,
                "not_checked": self.not_checked,
                "figures": self.figures,
            },
            ensure_ascii=False,
            indent=1,
        )

    def to_text(self) -> str:
        """The report for people."""
        width = max((len(check.name) for check in self.checks), default=0)
        lines = [f"{self.subject}: {self.verdict.value.upper()}", ""]
        for check in self.checks:
            mark = "ok    " if check.passed else "FAILED"
            lines.append(f"  {mark}  {check.name:<{width}}  {check.file}: {check.detail}")
        if self.figures:
            lines += ["", *(f"  {name.replace('_', ' ')}: {value}" for name, value in self.figures.items())]
        for title, sentences in (("Could not be checked", self.missing), ("Not checked", self.not_checked)):
            if sentences:
                lines += ["", f"{title}:", *(f"  - {sentence}" for sentence in sentences)]
        return "\n".join(lines) + "\n"


@contextmanager
def stopping(report: Report) -> Iterator[None]:
    """A verification that ends where a check fails."""
    try:
        yield
    except Stop:
        report.not_checked.append("whatever rests on the check that failed")


def explain(refusal: Refusal) -> str:
    """A refusal in a few words, without the catalogue of sentences (the verifier stands alone)."""
    facts = ", ".join(f"{name} {value}" for name, value in refusal.facts.items())
    return refusal.code.replace("-", " ") + (f" ({facts})" if facts else "")


def _check_json(check: Check) -> dict[str, object]:
    row: dict[str, object] = {
        "check": check.name,
        "file": check.file,
        "passed": check.passed,
        "detail": check.detail,
        "facts": check.facts,
    }
    return row if check.code is None else row | {"code": check.code}
