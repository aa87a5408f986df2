"""The Fund's register of loans at the desk: what is to be filed and until when, the file, and what the Fund answered.

a file to download ──> sent to the Fund, recorded with its day ──> the Fund's answer, recorded with its paper
"""

import re
from collections.abc import Callable

from fastapi import APIRouter, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.deps import Language, Operator, WiringDep
from api.identity.model import Session
from api.refusals import sentence, status
from contracts.parties.queries import display_name
from contracts.registration.filings import Filing, FilingState, chosen, filing, filings
from contracts.registration.lifecycle import ANSWERABLE, RegisterState
from contracts.registration.package import Package, registration_package, zip_package
from contracts.registration.service import ANSWERS, record_answer, record_filed
from frontend.forms import Form, refused
from frontend.i18n import tongue
from frontend.pages.desk_fields import day_in, sha256_in, text_in
from frontend.pages.operations import Act
from frontend.pages.typed import Typed
from frontend.rendering import page_language, render, see_other
from ledger.errors import Refusal

_OF_FIELDS = {
    "date-not-reached": "on",
    "date-too-early": "on",
    "register-reference-malformed": "reference",
    "register-answer-unknown": "answer",
}
_TICK = re.compile(r"agreement-(\d{1,6})", re.ASCII)
File = UploadFile | None
router = APIRouter(prefix="/operations/fund")


@router.get("")
def overview(request: Request, wiring: WiringDep, _operator: Operator) -> Response:
    """Every loan, what is to be filed of it first."""
    with wiring.book.read() as connection:
        found = filings(connection, wiring.book.book_id)
    groups = [(state, [each for each in found if each.state is state]) for state in FilingState]
    return render(request, "fund.html", here="operations/fund", groups=groups)


@router.get("/{loan_id}")
def of_one(request: Request, wiring: WiringDep, _operator: Operator, loan_id: str) -> Response:
    """Where each agreement of a loan stands, and the step that comes next."""
    return _page(request, wiring, loan_id, Form())


@router.get("/{loan_id}/file.zip")
def download(wiring: WiringDep, _operator: Operator, loan_id: str) -> Response:
    """What the registration asks for, as one file; nothing is recorded."""
    package = registration_package(wiring.book, loan_id)
    headers = {
        "Content-Disposition": f'attachment; filename="bxl-fund-{loan_id}-{package.sha256[:8]}.zip"',
        "Cache-Control": "no-store",
    }
    return Response(zip_package(package, on=wiring.book.today()), media_type="application/zip", headers=headers)


@router.post("/{loan_id}/filing")
def file_loan(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, loan_id: str, typed: Typed
) -> Response:
    """Record that the file was sent to the Fund on a day, if it is still the one that the page offered."""
    form = Form({name: typed.get(name, "") for name in ("on", "package")}, target="filing")
    day = day_in(form, "on", language)

    def make() -> Act:
        package = registration_package(wiring.book, loan_id)
        if package.sha256 != form.value("package"):
            raise Refusal("registration-file-changed", loan_id=loan_id)
        return lambda uow: record_filed(uow, loan_id, package.pledge_ids, on=day, evidence=package.sha256)

    return _answer(request, wiring, operator, loan_id, form, make)


@router.post("/{loan_id}/answer")
def answer_loan(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, loan_id: str, typed: Typed,
    evidence: File = None,
) -> Response:  # fmt: skip
    """Record what the Fund answered to the agreements that are ticked."""
    form = Form({**typed, "evidence": ""}, target="answer")
    day, reference = day_in(form, "on", language), text_in(form, "reference", language)
    proof = sha256_in(form, evidence, language)
    numbers = [int(found[1]) for name in typed if (found := _TICK.fullmatch(name))]
    if not numbers:
        form.general.append(tongue(language).text("fund.error-none"))
    with wiring.book.read() as connection:
        known = filing(connection, wiring.book.book_id, loan_id).agreements

    def make() -> Act:
        pledge_ids, said = chosen(known, loan_id, numbers), form.value("answer")
        return lambda uow: record_answer(uow, loan_id, pledge_ids, said, on=day, reference=reference, evidence=proof)

    return _answer(request, wiring, operator, loan_id, form, make)


def _answer(
    request: Request, wiring: Wiring, operator: Session, loan_id: str, form: Form, make: Callable[[], Act]
) -> Response:
    """Do what the form asks for in one unit of work and go back to the page; what is wrong is said on it."""
    language = page_language(request)
    if form.has_errors:
        return _page(request, wiring, loan_id, form, code=422)
    try:
        act = make()
        with wiring.book.unit_of_work(actor=operator.party_id) as uow:
            act(uow)
    except Refusal as refusal:
        return _page(request, wiring, loan_id, refused(refusal, language, form, _OF_FIELDS), code=status(refusal))
    return see_other(f"/{language}/operations/fund/{loan_id}")


def _page(request: Request, wiring: Wiring, loan_id: str, form: Form, *, code: int = 200) -> Response:
    book, language = wiring.book, page_language(request)
    with book.read() as connection:
        found = filing(connection, book.book_id, loan_id)
        names = {each.lender: display_name(connection, book, each.lender) for each in found.agreements}
    package, why_not = _package(wiring, found, language)
    answerable = [each for each in found.agreements if each.state in ANSWERABLE]
    filed = {f"agreement-{each.number}": "yes" for each in answerable if each.state is RegisterState.FILED}
    forms = {"filing": Form(target="filing"), "answer": Form(filed, target="answer"), form.target: form}
    return render(
        request,
        "fund_loan.html",
        status=code,
        here=f"operations/fund/{loan_id}",
        form=form,
        filing=forms["filing"],
        answer=forms["answer"],
        found=found,
        names=names,
        package=package,
        why_not=why_not,
        answerable=answerable,
        answer_words=[(each, tongue(language).text(f"fund.answer-{each}")) for each in ANSWERS],
    )


def _package(wiring: Wiring, found: Filing, language: str) -> tuple[Package | None, str]:
    """The file to download, or in words why there is none yet; nothing of both where all is filed."""
    if found.state is not FilingState.TO_FILE:
        return None, ""
    try:
        return registration_package(wiring.book, found.loan_id), ""
    except Refusal as refusal:
        return None, sentence(refusal, language)
