"""What becomes of the proceeds of an issue: where each euro is, the yearly report, files, and the operator's forms.

An evidence file is hashed here and not kept; its SHA-256 goes into the record and into the report.
"""

from collections.abc import Callable
from typing import cast

from fastapi import APIRouter, UploadFile
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring, desk_of
from api.deps import AnySession, Language, MaybeSession, Number, Operator, WiringDep
from api.refusals import status
from contracts.bonds import spending
from contracts.bonds.allocation import allocation_report, report_csv, report_json, report_years
from contracts.bonds.proceeds import request_proceeds
from contracts.bonds.projects import Expense
from contracts.bonds.queries import series_record
from contracts.bonds.trace import Trace, own_payments, trace, trace_json
from contracts.documents.allocation import AllocationReport, render_allocation_report
from contracts.documents.model import Language as PaperLanguage
from frontend.charts import Branch, Label, branching
from frontend.forms import Form, refused
from frontend.i18n import Tongue, tongue
from frontend.pages.desk_fields import cents_in, day_in, sha256_in, typed_form
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
_PAYMENTS_SHOWN = 50
"""Of an expense on the page; the file has all of them."""
File = UploadFile | None
router = APIRouter()


@router.get("/bonds/{series_id}/proceeds")
def proceeds(
    request: Request, wiring: WiringDep, session: MaybeSession, language: Language, series_id: str
) -> Response:
    """Where the money of an issue is, euro by euro; who paid for units finds her own payments first."""
    book = wiring.book
    with book.read() as connection:
        found = trace(connection, book, series_id)
        years = report_years(series_record(connection, book.book_id, series_id), today=book.today_in(connection))
        own = own_payments(connection, book.book_id, series_id, session.party_id) if session else frozenset()
    return render(
        request,
        "proceeds.html",
        trace=found,
        years=years,
        own=[each for each in found.payments if each.number in own],
        chart=_chart(found, tongue(language)),
        branches=_branches(found),
        expenses={each.n: each.expense for each in found.expenses},
        names={each.number: each.pseudonym for each in found.payments},
        paid_by=_paid_by(found),
        most=_PAYMENTS_SHOWN,
        titles={each.project_id: each.title[language] for each in found.proceeds.projects},
    )


@router.get("/bonds/{series_id}/proceeds/trace.json")
def trace_file(wiring: WiringDep, series_id: str) -> Response:
    """Every payment under its pseudonym, every expense, and which paid which."""
    with wiring.book.read() as connection:
        content = trace_json(trace(connection, wiring.book, series_id))
    return _file(content, f"trace-{series_id}.json", "application/json")


@router.get("/bonds/{series_id}/proceeds/own.json")
def own_trace_file(wiring: WiringDep, session: AnySession, series_id: str) -> Response:
    """The same of one's own payments alone."""
    book = wiring.book
    with book.read() as connection:
        own = own_payments(connection, book.book_id, series_id, session.party_id)
        content = trace_json(trace(connection, book, series_id), own)
    return _file(content, f"trace-{series_id}-own.json", "application/json")


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


@router.post("/operations/bonds/{series_id}/proceeds")
def ask_payout(request: Request, wiring: WiringDep, operator: Operator, language: Language, series_id: str) -> Response:
    """Ask a second person to agree that the proceeds are paid out to the issuer."""
    reason = tongue(language).text("operations.approval-pay-proceeds")

    def ask(uow: UnitOfWork) -> None:
        request_proceeds(uow, series_id, on=uow.today(), reason=reason)

    return _answer(request, wiring, operator.party_id, series_id, Form(), ask)


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
    form = typed_form(typed, ALLOCATION, "project", "amount", "release")
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
    form = typed_form(typed, EXPENSE, "project", "what", "paid_on", "amount")
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


def _branches(found: Trace) -> list[tuple[str, Branch]]:
    """A branch for each project, marked by its number, and one for what is allocated to none."""
    ids = [each.project_id for each in found.proceeds.projects]
    branches = [
        (each, Branch(str(n), found.spent_cents(each), found.cash_cents(each))) for n, each in enumerate(ids, 1)
    ]
    return [*branches, ("", Branch("", 0, found.cash_cents()))]


def _paid_by(found: Trace) -> dict[int, list[tuple[int, int]]]:
    """The payments that paid each expense, by the number of its entry: number and cents."""
    paid: dict[int, list[tuple[int, int]]] = {each.n: [] for each in found.expenses}
    for each in found.flows:
        if each.expense is not None:
            paid[each.expense].append((each.number, each.cents))
    return paid


def _chart(found: Trace, words: Tongue) -> Markup:
    parts = [
        words.text(
            "proceeds.chart-project",
            name=project.title[words.language],
            spent=words.money(found.spent_cents(project.project_id)),
            unspent=words.money(found.cash_cents(project.project_id)),
        )
        for project in found.proceeds.projects
    ]
    rest = words.text("proceeds.chart-rest", amount=words.money(found.cash_cents()))
    raised = words.text("proceeds.chart-raised", n=len(found.payments), amount=words.money(found.raised_cents))
    label = Label("proceeds", words.text("proceeds.chart"), " ".join([raised, *parts, rest]))
    return branching([branch for _, branch in _branches(found)], label)


def _report(wiring: Wiring, series_id: str, year: int, known_at: int | None = None) -> AllocationReport:
    book = wiring.book
    with book.read() as connection:
        today = book.today_in(connection)
        return allocation_report(connection, book, series_id, year, today=today, known_at=known_at)


def _file(content: bytes, name: str, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
