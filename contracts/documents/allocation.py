"""What became of the proceeds of an issue until the end of a year, as a tagged PDF: the yearly allocation report.

It says what the Green Bond Principles (ICMA, 2021) and the allocation report of Regulation (EU) 2023/2631 ask for:
what was raised, what is allocated to which project, what is spent, what of it is refinanced, and what is not allocated.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from contracts.documents.model import Language
from contracts.documents.paper import Block, Column, Facts, Heading, Notice, Paper, Prose, Table
from contracts.documents.text import Wording, figure, long_date, money, number, short_date, wording

_SUMS = ("earmark_cents", "allocated_cents", "spent_cents", "unspent_cents", "refinanced_cents")
_SHORT_HASH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedExpense:
    """An expense with the number of its journal entry; refinanced where it was paid before the money had come."""

    n: int
    project_id: str
    title: str
    paid_on: date
    entered_on: date
    amount_cents: int
    evidence: str
    is_refinanced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedProject:
    """A project's sub-account: allocated is spent and unspent; `spent_in_year_cents` is what the year added."""

    project_id: str
    title: Mapping[str, str]
    earmark_cents: int
    allocated_cents: int
    spent_cents: int
    spent_in_year_cents: int
    refinanced_cents: int

    @property
    def unspent_cents(self) -> int:
        """Cash of the project."""
        return self.allocated_cents - self.spent_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationReport:
    """An issue's proceeds at the close of `until_on`, by the books as known at entry `known_at_entry`; in cents.

    Raised is what the holders paid for their units, `proceeds_cents` what has arrived at the issuer. Nothing is
    refinanced that was paid before `look_back_on`.
    """

    series_id: str
    title: str
    issuer: str
    year: int
    until_on: date
    known_at_entry: int
    raised_cents: int
    proceeds_cents: int
    unallocated_cents: int
    look_back_on: date
    spend_until_on: date | None
    standard: str
    reviewer: str
    projects: tuple[ReportedProject, ...]
    expenses: tuple[ReportedExpense, ...]

    def total(self, name: str) -> int:
        """The sum of one of the projects' amounts."""
        return sum(getattr(each, name) for each in self.projects)


def render_allocation_report(
    data: AllocationReport, language: Language, *, licence_holder: str, verify_address: str, sandbox: bool
) -> bytes:
    """The report, the same bytes for the same data."""
    words = wording(language)
    say = words.say
    identifier = f"{data.series_id}-{data.year}"
    return Paper(
        language=language,
        title=say("allocation.title"),
        subtitle=say("allocation.subtitle", title=data.title, year=str(data.year)),
        kind=say("allocation.kind"),
        issuer=say("common.issuer"),
        identifier=identifier,
        issued_on=data.until_on,
        footer=say("common.footer", identifier=identifier, version=words.version, verify=verify_address),
        page_label=say("common.page"),
        blocks=(*_test(words, sandbox=sandbox), *_blocks(data, words, licence_holder)),
        watermark=say("common.watermark") if sandbox else None,
    ).render()


def _test(words: Wording, *, sandbox: bool) -> Iterator[Block]:
    if sandbox:
        yield Notice(words.say("common.sandbox_title"), (words.say("common.sandbox"),))


def _blocks(data: AllocationReport, words: Wording, licence_holder: str) -> Iterator[Block]:
    say, language = words.say, words.language
    label = f"{data.standard} ({data.reviewer})" if data.standard else say("common.no_value")
    last = say("common.no_value") if data.spend_until_on is None else long_date(data.spend_until_on, language)
    yield Facts(
        (
            (say("allocation.issuer"), data.issuer),
            (say("agreement.reference"), data.series_id),
            (say("allocation.label"), label),
            (say("allocation.until"), long_date(data.until_on, language)),
            (say("statement.known"), number(data.known_at_entry, language)),
            (say("receipt.issuer_licence"), licence_holder),
            (say("allocation.look_back"), long_date(data.look_back_on, language)),
            (say("allocation.spend_until"), last),
        )
    )
    yield Heading(say("allocation.part_money"), 1)
    allocated = data.total("allocated_cents")
    yield Facts(
        tuple(
            (say(f"allocation.{name}"), money(cents, language))
            for name, cents in (
                ("raised", data.raised_cents),
                ("proceeds", data.proceeds_cents),
                ("allocated", allocated),
                ("spent", data.total("spent_cents")),
                ("unspent", data.total("unspent_cents")),
                ("unallocated", data.unallocated_cents),
                ("refinanced", data.total("refinanced_cents")),
            )
        ),
        figures=True,
    )
    yield Heading(say("allocation.part_projects"), 1)
    names = ("earmark", "allocated", "spent", "unspent", "refinanced")
    yield Table(
        columns=(
            Column(say("allocation.project"), 30),
            *(Column(say(f"allocation.column_{name}"), 14, figures=True) for name in names),
        ),
        rows=tuple(
            (each.title[language], *(figure(getattr(each, name), language) for name in _SUMS)) for each in data.projects
        ),
        total=(say("statement.total"), *(figure(data.total(name), language) for name in _SUMS)),
    )
    yield Heading(say("allocation.part_expenses"), 1)
    yield from _expenses(data, words)


def _expenses(data: AllocationReport, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    if not data.expenses:
        yield Prose(say("allocation.no_expenses"))
        return
    titles = {each.project_id: each.title[language] for each in data.projects}
    yield Table(
        columns=(
            Column(say("allocation.entry"), 9, figures=True),
            Column(say("allocation.paid_on"), 14),
            Column(say("allocation.project"), 20),
            Column(say("allocation.what"), 25),
            Column(say("allocation.evidence"), 18),
            Column(say("allocation.amount"), 14, figures=True),
        ),
        rows=tuple(
            (
                number(each.n, language),
                short_date(each.paid_on),
                titles[each.project_id],
                each.title,
                each.evidence[:_SHORT_HASH],
                figure(each.amount_cents, language),
            )
            for each in data.expenses
        ),
        total=(say("statement.total"), "", "", "", "", figure(data.total("spent_cents"), language)),
    )
    yield Prose(say("allocation.note"), small=True)
