"""What becomes of the proceeds of an issue: the yearly report with its files, and the forms of the operator.

An evidence file is hashed here and not kept; its SHA-256 goes into the record and into the report.
"""

from collections.abc import Callable, Mapping
from typing import cast

from fastapi import APIRouter, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring, desk_of
from api.deps import Language, Number, Operator, WiringDep
from api.refusals import status
from contracts.bonds import spending
from contracts.bonds.allocation import allocation_report, report_csv, report_json, report_years
from contracts.bonds.projects import Expense
from contracts.bonds.queries import series_record
from contracts.documents.allocation import AllocationReport, render_allocation_report
from contracts.documents.model import Language as PaperLanguage
from frontend.forms import Form, refused
from frontend.i18n import tongue
from frontend.pages.desk_fields import cents_in, day_in, sha256_in
from frontend.pages.typed import Typed
from frontend.rendering import render, see_other
from ledger.book import UnitOfWork
from ledger.errors import Refusal

ALLOCATION, EXPENSE = "allocation", "expense"
_FIELDS = {
    "project-cash-short": "amount",
    "series-cash-short": "amount",
    "allocation-over-earmark": "amount",
    "expense-before-look-back": "paid_on",
    "expense-after-deadline": "paid_on",
    "date-not-reached": "paid_on",
    "expense-evidence-repeated": "evidence",
    "expense-title-malformed": "what",
}
File = UploadFile | None
router = APIRouter()


@router.get("/bonds/{series_id}/proceeds/{year}")
def report(request: Request, wiring: WiringDep, series_id: str, year: Number) -> Response:
    """The allocation report of a calendar year, as the books stand."""
    return report_page(request, wiring, series_id, year, Form())


@router.get("/bonds/{series_id}/proceeds/{year}/report.pdf")
def report_pdf(wiring: WiringDep, series_id: str, year: Number, language: Language) -> Response:
    """The same as a paper."""
    desk = desk_of(wiring.settings)
    content = render_allocation_report(
        _report(wiring, series_id, year),
        cast("PaperLanguage", language),
        licence_holder=desk.licence_holder,
        verify_address=desk.verify_address,
        sandbox=desk.sandbox,
    )
    return _file(content, f"allocation-{series_id}-{year}.pdf", "application/pdf")


@router.get("/bonds/{series_id}/proceeds/{year}/report.json")
def report_file(wiring: WiringDep, series_id: str, year: Number, known_at: Number | None = None) -> Response:
    """The same as open data; as the books were known at an entry, if one is named."""
    content = report_json(_report(wiring, series_id, year, known_at))
    return _file(content, f"allocation-{series_id}-{year}.json", "application/json")


@router.get("/bonds/{series_id}/proceeds/{year}/expenses.csv")
def expenses_file(wiring: WiringDep, series_id: str, year: Number) -> Response:
    """The expenses of the report, one row each."""
    content = report_csv(_report(wiring, series_id, year))
    return _file(content, f"expenses-{series_id}-{year}.csv", "text/csv; charset=utf-8; header=present")


@router.post("/operations/bonds/{series_id}/allocation")
def ask_allocation(
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    series_id: str,
    typed: Typed,
    evidence: File = None,
) -> Response:
    """Ask a second person to agree that cash becomes a project's, or is released by it."""
    form = _form(typed, ALLOCATION, "project", "amount", "release")
    cents, proof = cents_in(form, "amount", language), sha256_in(form, evidence, language)

    def ask(uow: UnitOfWork) -> None:
        reason = tongue(language).text("proceeds.allocation")
        spending.request_allocation(
            uow,
            series_id,
            project_id=form.value("project"),
            amount_cents=cents,
            release=bool(form.value("release")),
            evidence=proof,
            reason=reason,
        )

    return _answer(request, wiring, operator.party_id, series_id, form, ask)


@router.post("/operations/bonds/{series_id}/expense")
def ask_expense(
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    series_id: str,
    typed: Typed,
    evidence: File = None,
) -> Response:
    """Ask a second person to agree that a project paid this out of its cash."""
    form = _form(typed, EXPENSE, "project", "what", "paid_on", "amount")
    day = day_in(form, "paid_on", language)
    cents, proof = cents_in(form, "amount", language), sha256_in(form, evidence, language)

    def ask(uow: UnitOfWork) -> None:
        wanted = Expense(
            project_id=form.value("project"),
            amount_cents=cents,
            paid_on=day,
            title=form.value("what").strip(),
            evidence=proof,
        )
        spending.request_expense(uow, series_id, wanted, reason=tongue(language).text("proceeds.expense"))

    return _answer(request, wiring, operator.party_id, series_id, form, ask)


def report_page(
    request: Request, wiring: Wiring, series_id: str, year: int, form: Form, *, code: int = 200
) -> Response:
    """The page of a report, with the form that was refused, if one was."""
    book = wiring.book
    with book.read() as connection:
        today = book.today_in(connection)
        years = report_years(series_record(connection, book.book_id, series_id), today=today)
    return render(
        request,
        "allocation.html",
        status=code,
        here=f"bonds/{series_id}/proceeds/{year}",
        form=form,
        form_for=lambda target: form if form.target == target else Form(target=target),
        report=_report(wiring, series_id, year),
        years=years,
    )


def _answer(
    request: Request, wiring: Wiring, actor: str, series_id: str, form: Form, ask: Callable[[UnitOfWork], None]
) -> Response:
    """Ask, and go to where requests wait; what is wrong is said on the report of this year."""
    language = request.url.path.strip("/").partition("/")[0]
    year = wiring.book.today().year
    if form.has_errors:
        return report_page(request, wiring, series_id, year, form, code=422)
    try:
        with wiring.book.unit_of_work(actor=actor) as uow:
            ask(uow)
    except Refusal as refusal:
        wrong = refused(refusal, language, form, _FIELDS)
        return report_page(request, wiring, series_id, year, wrong, code=status(refusal))
    return see_other(f"/{language}/operations#approvals")


def _form(typed: Mapping[str, str], target: str, *names: str) -> Form:
    """What was typed into the fields of one of the forms; a file has none."""
    return Form({name: typed.get(name, "") for name in names} | {"evidence": ""}, target=target)


def _report(wiring: Wiring, series_id: str, year: int, known_at: int | None = None) -> AllocationReport:
    book = wiring.book
    with book.read() as connection:
        today = book.today_in(connection)
        return allocation_report(connection, book, series_id, year, today=today, known_at=known_at)


def _file(content: bytes, name: str, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
