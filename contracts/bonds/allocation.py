"""The yearly allocation report of an issue, from the books alone, and its files: open data as JSON and as CSV.

Every figure is a balance by date of effect, as known at an entry; the moves say which project and which paper. Both are
read and must agree. With the entry that a report names, the same books give the same report, whatever came later.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import date

import sqlalchemy as sa

from contracts.bonds import postings
from contracts.bonds import queries as q
from contracts.bonds.model import SeriesState
from contracts.bonds.projects import Project, Use, UseKind
from contracts.bonds.uses import uses
from contracts.documents.allocation import AllocationReport, ReportedExpense, ReportedProject
from contracts.parties.queries import Keeper, display_name
from ledger import balances
from ledger.accounts import AccountRef
from ledger.errors import InvariantError, Refusal
from ledger.storage.base import JSON

FORMAT = "bxl-allocation-report/1"
_ISSUED = frozenset({SeriesState.RUNNING, SeriesState.REDEEMED})
_COLUMNS = ("entry", "project", "what", "paid_on", "entered_on", "amount_cents", "evidence_sha256", "refinanced")


def allocation_report(
    connection: sa.Connection, keeper: Keeper, series_id: str, year: int, *, today: date, known_at: int | None = None
) -> AllocationReport:
    """The report of a calendar year, until today where it is not over.

    Refuses `series-not-known`, and `allocation-report-not-available` for a year before the issue or after today.
    """
    book_id, record = keeper.book_id, q.series_record(connection, keeper.book_id, series_id)
    terms = record.series.terms
    if record.state not in _ISSUED or not terms.issued_on.year <= year <= today.year:
        raise Refusal("allocation-report-not-available", year=str(year))
    until_on = min(date(year, 12, 31), today)
    known_at = balances.entry_count(connection, book_id) - 1 if known_at is None else known_at
    done = uses(connection, book_id, series_id, until_on=until_on, known_at=known_at)

    def stood(account: AccountRef) -> int:
        return balances.balance(connection, book_id, account, on=until_on, known_at=known_at)

    entered_on = next((each.on for each in done if each.kind is UseKind.ENTERED), until_on)
    expenses = tuple(_expenses(done, entered_on))
    projects = tuple(_project(each, done, expenses, year) for each in terms.proceeds.projects)
    _check_books(series_id, projects, stood)
    units = sum(each.units for each in q.allotments(connection, book_id, series_id))
    green = terms.green
    return AllocationReport(
        series_id=series_id,
        title=terms.title,
        issuer=display_name(connection, keeper, terms.issuer),
        year=year,
        until_on=until_on,
        known_at_entry=known_at,
        raised_cents=units * terms.price_cents,
        proceeds_cents=-stood(postings.to_account_for(series_id)),
        unallocated_cents=stood(postings.unallocated(series_id)),
        look_back_on=terms.proceeds.earliest_on(terms.issued_on),
        spend_until_on=terms.proceeds.spend_until_on,
        standard=green.standard if green else "",
        reviewer=green.reviewer if green else "",
        projects=projects,
        expenses=expenses,
    )


def report_years(record: q.SeriesRecord, *, today: date) -> list[int]:
    """The years of which there is a report, the newest first; none before the units are issued."""
    if record.state not in _ISSUED:
        return []
    return list(range(today.year, record.series.terms.issued_on.year - 1, -1))


def report_json(report: AllocationReport) -> bytes:
    """The report as open data: amounts in cents, days as ISO dates, texts by language."""
    stated: dict[str, JSON] = {
        "format": FORMAT,
        "series": report.series_id,
        "title": report.title,
        "issuer": report.issuer,
        "year": report.year,
        "until_on": report.until_on.isoformat(),
        "known_at_entry": report.known_at_entry,
        "label": {"standard": report.standard, "reviewer": report.reviewer} if report.standard else None,
        "look_back_on": report.look_back_on.isoformat(),
        "spend_until_on": report.spend_until_on.isoformat() if report.spend_until_on else None,
        "raised_cents": report.raised_cents,
        "proceeds_cents": report.proceeds_cents,
        "allocated_cents": report.total("allocated_cents"),
        "spent_cents": report.total("spent_cents"),
        "unallocated_cents": report.unallocated_cents,
        "projects": [_project_json(each) for each in report.projects],
        "expenses": [dict(zip(_COLUMNS, _row(each), strict=True)) for each in report.expenses],
    }
    return json.dumps(stated, ensure_ascii=False, indent=1).encode() + b"\n"


def report_csv(report: AllocationReport) -> bytes:
    """The expenses of the report, one row each, RFC 4180."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    writer.writerows(_row(each) for each in report.expenses)
    return text.getvalue().encode()


def _expenses(done: list[Use], entered_on: date) -> Iterator[ReportedExpense]:
    for each in done:
        if each.expense is not None:
            yield ReportedExpense(
                n=each.n,
                project_id=each.project_id,
                title=each.expense.title,
                paid_on=each.expense.paid_on,
                entered_on=each.on,
                amount_cents=each.amount_cents,
                evidence=each.expense.evidence,
                is_refinanced=each.expense.paid_on < entered_on,
            )


def _project(project: Project, done: list[Use], expenses: tuple[ReportedExpense, ...], year: int) -> ReportedProject:
    signs = {UseKind.ALLOCATED: 1, UseKind.RELEASED: -1}
    own = [each for each in expenses if each.project_id == project.project_id]
    return ReportedProject(
        project_id=project.project_id,
        title=project.title,
        earmark_cents=project.earmark_cents,
        allocated_cents=sum(
            signs.get(each.kind, 0) * each.amount_cents for each in done if each.project_id == project.project_id
        ),
        spent_cents=sum(each.amount_cents for each in own),
        spent_in_year_cents=sum(each.amount_cents for each in own if each.entered_on.year == year),
        refinanced_cents=sum(each.amount_cents for each in own if each.is_refinanced),
    )


def _check_books(series_id: str, projects: tuple[ReportedProject, ...], stood: Callable[[AccountRef], int]) -> None:
    """What the moves say is what the ledger has, project by project."""
    for each in projects:
        booked = (
            stood(postings.project_cash(series_id, each.project_id)),
            stood(postings.project_spent(series_id, each.project_id)),
        )
        if booked != (each.unspent_cents, each.spent_cents):
            raise InvariantError(f"{series_id}, {each.project_id}: the moves do not add up to the ledger")


def _project_json(project: ReportedProject) -> dict[str, JSON]:
    return {
        "project": project.project_id,
        "title": dict(project.title),
        "earmark_cents": project.earmark_cents,
        "allocated_cents": project.allocated_cents,
        "spent_cents": project.spent_cents,
        "spent_in_year_cents": project.spent_in_year_cents,
        "refinanced_cents": project.refinanced_cents,
        "unspent_cents": project.unspent_cents,
    }


def _row(expense: ReportedExpense) -> tuple[int, str, str, str, str, int, str, int]:
    return (
        expense.n,
        expense.project_id,
        expense.title,
        expense.paid_on.isoformat(),
        expense.entered_on.isoformat(),
        expense.amount_cents,
        expense.evidence,
        int(expense.is_refinanced),
    )
