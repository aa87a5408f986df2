"""An application: written and submitted by the enterprise, decided by staff, who draft an offer from it."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter
from fastapi import Form as Field
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.deps import Entrepreneur, Language, Operator, WiringDep
from api.identity.model import Role, Session
from api.refusals import status
from contracts.offers import applications as service
from contracts.offers.application import (
    AMOUNTS,
    CHOICES,
    FLAGS,
    FRACTIONS,
    LINES,
    TEXTS,
    Answers,
    ApplicationState,
)
from contracts.parties.queries import display_name
from frontend.forms import Form, cents_of, date_of, refused, share_of
from frontend.i18n import LANGUAGES, tongue
from frontend.pages.typed import Typed
from frontend.rendering import render, see_other
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.storage.base import JSON

Text = Annotated[str, Field()]
Act = Callable[[UnitOfWork], object]
_MOST_DIGITS = 2
router = APIRouter()


@router.post("/enterprise/applications")
def start(wiring: WiringDep, entrepreneur: Entrepreneur, language: Language) -> Response:
    """Begin an application and go to its form."""
    with wiring.book.unit_of_work(actor=entrepreneur.party_id) as uow:
        application_id = service.start_application(uow, entrepreneur.party_id, on=uow.today())
    return see_other(f"/{language}/enterprise/applications/{application_id}")


@router.get("/enterprise/applications/{application_id}")
def form_page(request: Request, wiring: WiringDep, entrepreneur: Entrepreneur, application_id: str) -> Response:
    """The application: its answers, what is missing, and what staff wrote."""
    return _page(request, wiring, entrepreneur, application_id, None)


@router.post("/enterprise/applications/{application_id}")
def write(
    request: Request,
    wiring: WiringDep,
    entrepreneur: Entrepreneur,
    language: Language,
    application_id: str,
    typed: Typed,
) -> Response:
    """Keep the answers, complete or not."""
    form = Form(dict(typed))
    values = _answers(form, language)

    def act(uow: UnitOfWork) -> None:
        service.write_application(uow, application_id, values, on=uow.today())

    return _do(request, wiring, entrepreneur, application_id, form, act)


@router.post("/enterprise/applications/{application_id}/submission")
def submit(request: Request, wiring: WiringDep, entrepreneur: Entrepreneur, application_id: str) -> Response:
    """Hand it in."""

    def act(uow: UnitOfWork) -> None:
        service.submit_application(uow, application_id, on=uow.today())

    return _do(request, wiring, entrepreneur, application_id, None, act)


@router.post("/enterprise/applications/{application_id}/withdrawal")
def withdraw(request: Request, wiring: WiringDep, entrepreneur: Entrepreneur, application_id: str) -> Response:
    """Take it back."""

    def act(uow: UnitOfWork) -> None:
        service.withdraw_application(uow, application_id, on=uow.today())

    return _do(request, wiring, entrepreneur, application_id, None, act)


@router.get("/operations/applications/{application_id}")
def staff_page(request: Request, wiring: WiringDep, operator: Operator, application_id: str) -> Response:
    """The application as staff decides on it."""
    return _page(request, wiring, operator, application_id, None)


@router.post("/operations/applications/{application_id}/acceptance")
def accept(
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    application_id: str,
    opens_on: Text = "",
    closes_on: Text = "",
) -> Response:
    """Draft an offer from it, and go to its key information sheet, which is next."""
    form = Form({"opens_on": opens_on, "closes_on": closes_on}, target="accept")
    days = {name: date_of(form.value(name)) for name in form.values}
    for name, day in days.items():
        if day is None:
            form.errors[name] = tongue(language).text("operations.error-date")
    made: list[str] = []

    def act(uow: UnitOfWork) -> None:
        first, last = (day or date.max for day in days.values())
        made.append(service.accept_application(uow, application_id, opens_on=first, closes_on=last, on=uow.today()))

    answer = _do(request, wiring, operator, application_id, form, act)
    return see_other(f"/{language}/offers/{made[0]}/kiis") if made else answer


@router.post("/operations/applications/{application_id}/return")
def give_back(
    request: Request, wiring: WiringDep, operator: Operator, application_id: str, reason: Text = ""
) -> Response:
    """Give it back to be completed."""

    def act(uow: UnitOfWork) -> None:
        service.return_application(uow, application_id, reason=reason, on=uow.today())

    return _do(request, wiring, operator, application_id, Form({"reason": reason}, target="decide"), act)


@router.post("/operations/applications/{application_id}/refusal")
def decline(
    request: Request, wiring: WiringDep, operator: Operator, application_id: str, reason: Text = ""
) -> Response:
    """Decline it for good."""

    def act(uow: UnitOfWork) -> None:
        service.decline_application(uow, application_id, reason=reason, on=uow.today())

    return _do(request, wiring, operator, application_id, Form({"reason": reason}, target="decide"), act)


def _do(
    request: Request, wiring: Wiring, session: Session, application_id: str, form: Form | None, act: Act
) -> Response:
    """Do it and come back to the application; what is wrong is said there."""
    language, area = request.url.path.strip("/").split("/")[:2]
    _require(wiring, session, application_id)
    if form is not None and form.has_errors:
        return _page(request, wiring, session, application_id, form, code=422)
    try:
        with wiring.book.unit_of_work(actor=session.party_id) as uow:
            act(uow)
    except Refusal as refusal:
        fields = {refusal.code: str(refusal.facts.get("item", "reason"))}
        wrong = refused(refusal, language, form or Form(), fields)
        return _page(request, wiring, session, application_id, wrong, code=status(refusal))
    return see_other(f"/{language}/{area}/applications/{application_id}")


def _page(
    request: Request, wiring: Wiring, session: Session, application_id: str, form: Form | None, *, code: int = 200
) -> Response:
    view = _require(wiring, session, application_id)
    area = request.url.path.strip("/").split("/")[1]
    with wiring.book.read() as connection:
        name = display_name(connection, wiring.book, view.borrower)
    kept = Form(_fields(view.answers))
    is_typed = form is not None and not form.target and form.values
    answers_form = form if form is not None and is_typed else kept
    return render(
        request,
        "application.html",
        status=code,
        here=f"{area}/applications/{application_id}",
        view=view,
        borrower_name=name,
        is_staff=session.role is Role.OPERATOR,
        may_write=session.role is Role.ENTREPRENEUR and view.state is ApplicationState.DRAFT,
        form=form or Form(),
        answers=answers_form,
        form_for=lambda target: form if form is not None and form.target == target else Form(target=target),
        lines=LINES,
        texts=TEXTS,
        amounts=AMOUNTS,
        fractions=FRACTIONS,
        choices=CHOICES,
        flags=FLAGS,
    )


def _require(wiring: Wiring, session: Session, application_id: str) -> service.ApplicationView:
    """Somebody else's application answers as one that does not exist."""
    with wiring.book.read() as connection:
        view = service.application(connection, wiring.book, application_id)
    if session.role is not Role.OPERATOR and session.party_id != view.borrower:
        raise Refusal("application-not-known", application_id=application_id[:60])
    return view


def _answers(form: Form, language: str) -> dict[str, JSON]:
    """What was typed, as answers; what cannot be read is said at its field."""
    words = tongue(language)
    answers: dict[str, JSON] = {name: form.value(name).strip() or None for name in (*LINES, *CHOICES)}
    for name in TEXTS:
        answers[name] = {code: form.value(f"{name}-{code}") for code in LANGUAGES}
    for name in FLAGS:
        answers[name] = {"yes": True, "no": False}.get(form.value(name))
    for name in AMOUNTS:
        answers[name] = _read(form, name, cents_of, words.text("pledge.error-amount"))
    for name in FRACTIONS:
        share = _read(form, name, share_of, words.text("pledge.error-share"))
        answers[name] = None if share is None else str(share)
    answers["term_years"] = _read(form, "term_years", _years, words.text("kiis.error-amount"))
    return answers


def _read(form: Form, name: str, reader: Callable[[str], int | Decimal | None], error: str) -> int | str | None:
    text = form.value(name).strip()
    value = reader(text) if text else None
    if text and value is None:
        form.errors[name] = error
    return str(value) if isinstance(value, Decimal) else value


def _years(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def _fields(answers: Answers) -> dict[str, str]:
    """The answers as they stand in the fields of the form."""
    fields: dict[str, str] = {}
    for name, answer in answers.items():
        if isinstance(answer, Mapping):
            fields |= {f"{name}-{code}": str(text) for code, text in answer.items()}
        elif isinstance(answer, bool):
            fields[name] = "yes" if answer else "no"
        elif name in AMOUNTS:
            whole, rest = divmod(int(str(answer)), 100)
            fields[name] = f"{whole},{rest:02d}" if rest else str(whole)
        elif name in FRACTIONS:
            fields[name] = f"{(Decimal(str(answer)) * 100).normalize():f}".replace(".", ",")
        else:
            fields[name] = str(answer)
    return fields
