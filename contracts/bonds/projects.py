"""What the proceeds of an issue are for: projects with their earmarks, and the dates within which money may be spent.

The International Capital Market Association's Green Bond Principles (2021) ask an issuer to follow the money in a
sub-account, to say how far back it refinances, and to report each year what is allocated and what is not; so does
Regulation (EU) 2023/2631 on European green bonds. Here every issue may have them, whether it carries a label or not.

    entered     the transfer to the issuer is booked: its amount is cash of the series, allocated to no project
    allocated   so much of that cash is a project's
    released    a project needs less: its cash goes back to the series
    spent       a project paid an expense, proven by a paper
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from contracts.offers.model import LANGUAGES
from contracts.terms.dates import add_months
from ledger.errors import Refusal

_PROJECT = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")
MOST_PROJECTS = 50
LOOK_BACK_MONTHS = 36
"""How far before the issue an expense may lie that is refinanced, unless the terms say otherwise."""


class ProceedsState(StrEnum):
    """The use of proceeds has one state; what happens in it is its moves."""

    OPEN = "open"


class UseKind(StrEnum):
    """What happened to a part of the proceeds; the name of its move."""

    ENTERED = "proceeds-entered"
    ALLOCATED = "proceeds-allocated"
    RELEASED = "proceeds-released"
    SPENT = "proceeds-spent"


@dataclass(frozen=True, slots=True)
class Project:
    """A project of an issue; at most `earmark_cents` of the proceeds are allocated to it. `title` is by language."""

    project_id: str
    title: Mapping[str, str]
    earmark_cents: int


@dataclass(frozen=True, slots=True)
class ProceedsTerms:
    """What the terms say of the proceeds.

    An expense may be refinanced if it was paid at most `look_back_months` before the day of issue. None may be paid
    after `spend_until_on`, where the terms have such a day.
    """

    projects: tuple[Project, ...] = ()
    look_back_months: int = LOOK_BACK_MONTHS
    spend_until_on: date | None = None

    def project(self, project_id: str) -> Project:
        """The project of that name; refuses `project-not-known`."""
        for each in self.projects:
            if each.project_id == project_id:
                return each
        raise Refusal("project-not-known", project=project_id[:40])

    def earliest_on(self, issued_on: date) -> date:
        """The first day of which an expense may be refinanced."""
        return add_months(issued_on, -self.look_back_months)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expense:
    """What a project paid: to be read by everybody, so `title` names no private person; `evidence` is a SHA-256."""

    project_id: str
    amount_cents: int
    paid_on: date
    title: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One move of the proceeds, with the number of its journal entry; `expense` where it was spent."""

    n: int
    kind: UseKind
    on: date
    amount_cents: int
    project_id: str = ""
    expense: Expense | None = None


def check_proceeds(proceeds: ProceedsTerms, *, issued_on: date) -> None:
    """Refuses `series-projects-malformed` by what is at fault, and `offer-text-missing` for a project's title."""
    names = [each.project_id for each in proceeds.projects]
    if len(set(names)) != len(names) or len(names) > MOST_PROJECTS:
        raise Refusal("series-projects-malformed", member="project_id")
    for each in proceeds.projects:
        if not _PROJECT.fullmatch(each.project_id):
            raise Refusal("series-projects-malformed", member="project_id")
        if each.earmark_cents <= 0:
            raise Refusal("series-projects-malformed", member="earmark_cents")
        missing = [language for language in sorted(LANGUAGES) if not each.title.get(language, "").strip()]
        if missing:
            raise Refusal("offer-text-missing", text="project", languages=missing)
    if proceeds.look_back_months < 0:
        raise Refusal("series-projects-malformed", member="look_back_months")
    if proceeds.spend_until_on is not None and proceeds.spend_until_on < issued_on:
        raise Refusal("series-projects-malformed", member="spend_until_on")


def check_paid_on(proceeds: ProceedsTerms, paid_on: date, *, issued_on: date) -> None:
    """Refuses `expense-before-look-back` and `expense-after-deadline` for a day outside the terms."""
    earliest_on = proceeds.earliest_on(issued_on)
    if paid_on < earliest_on:
        raise Refusal("expense-before-look-back", paid_on=paid_on.isoformat(), earliest_on=earliest_on.isoformat())
    last_on = proceeds.spend_until_on
    if last_on is not None and paid_on > last_on:
        raise Refusal("expense-after-deadline", paid_on=paid_on.isoformat(), last_on=last_on.isoformat())
