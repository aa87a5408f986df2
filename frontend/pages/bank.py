"""The desk of the client account: statements that come in, and what of them is in suspense, with its age."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, UploadFile
from fastapi import Form as Field
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.deps import Language, Operator, WiringDep
from api.identity.model import Session
from api.refusals import status
from contracts.parties.queries import display_name
from frontend.forms import Form, cents_of, refused
from frontend.i18n import tongue
from frontend.rendering import render, see_other
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments import suspense
from ledger.payments.statements import import_statement_file, recent_statements

Typed = Annotated[str, Field()]
Chosen = Annotated[list[str], Field(default_factory=list)]
Ask = Callable[[UnitOfWork], object]
router = APIRouter(prefix="/operations/bank")


@router.get("")
def bank(request: Request, wiring: WiringDep, operator: Operator) -> Response:
    """What is in suspense, oldest first, and the newest statements."""
    del operator
    return _page(request, wiring, Form())


@router.post("/statements")
def import_statement(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, file: UploadFile | None = None
) -> Response:
    """Import a bank's file; the same again adds nothing."""
    form, content = Form(target="statements"), file.file.read() if file is not None else b""
    if not content:
        form.errors["file"] = tongue(language).text("bank.error-file")
        return _page(request, wiring, form, code=422)
    try:
        import_statement_file(wiring.book, content, hooks=wiring.bank_hooks, actor=operator.party_id)
    except Refusal as refusal:
        return _page(request, wiring, refused(refusal, language, form, {}), code=status(refusal))
    return see_other(f"/{language}/operations/bank#statements")


@router.post("/suspense/{item_id}/assignment")
def ask_assignment(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, item_id: str, payments: Typed = ""
) -> Response:
    """Ask a colleague to agree that the money is what these payments were asked for."""
    form = Form({"payments": payments}, target=f"assign-{item_id}")
    wanted = payments.replace(",", " ").split()
    if not wanted:
        form.errors["payments"] = tongue(language).text("bank.error-payments")
    reason = tongue(language).text("bank.assign")
    ask: Ask = lambda uow: suspense.request_assignment(uow, item_id, wanted, reason=reason)  # noqa: E731 -- as one line
    return _answer(request, wiring, operator, form, ask)


@router.post("/suspense/{item_id}/parts")
def ask_split(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, item_id: str, parts: Typed = ""
) -> Response:
    """Ask a colleague to agree that the money becomes several parts."""
    form = Form({"parts": parts}, target=f"split-{item_id}")
    cents = [cents_of(part) for part in parts.split("+") if part.strip()]
    fit = [each for each in cents if each is not None]
    if len(fit) != len(cents) or not fit:
        form.errors["parts"] = tongue(language).text("operations.error-amount")
    reason = tongue(language).text("bank.split")
    return _answer(
        request, wiring, operator, form, lambda uow: suspense.request_split(uow, item_id, fit, reason=reason)
    )


@router.post("/suspense/{item_id}/return")
def ask_return(request: Request, wiring: WiringDep, operator: Operator, language: Language, item_id: str) -> Response:
    """Ask a colleague to agree that the money goes back to the account it came from."""
    reason = tongue(language).text("bank.return")
    return _answer(request, wiring, operator, Form(), lambda uow: suspense.request_return(uow, item_id, reason=reason))


@router.post("/suspense/joined")
def ask_join(request: Request, wiring: WiringDep, operator: Operator, language: Language, items: Chosen) -> Response:
    """Ask a colleague to agree that several items become one."""
    reason = tongue(language).text("bank.join")
    ask: Ask = lambda uow: suspense.request_join(uow, items, reason=reason)  # noqa: E731 -- read as one line
    return _answer(request, wiring, operator, Form(), ask)


def _answer(request: Request, wiring: Wiring, operator: Session, form: Form, ask: Ask) -> Response:
    """Ask in one unit of work, then go to where it is approved; what is wrong is said on the page."""
    language = request.url.path.strip("/").partition("/")[0]
    if form.has_errors:
        return _page(request, wiring, form, code=422)
    try:
        with wiring.book.unit_of_work(actor=operator.party_id) as uow:
            ask(uow)
    except Refusal as refusal:
        return _page(request, wiring, refused(refusal, language, form, {}), code=status(refusal))
    return see_other(f"/{language}/operations#approvals")


def _page(request: Request, wiring: Wiring, form: Form, *, code: int = 200) -> Response:
    book = wiring.book
    with book.read() as connection:
        today = book.today_in(connection)
        items = suspense.open_items(book, connection)
        statements = recent_statements(connection, book.book_id)
        payers = {each.payer for item in items for each in item.proposal}
        names = {party_id: display_name(connection, book, party_id) for party_id in payers}
    return render(
        request,
        "bank.html",
        status=code,
        here="operations/bank",
        form=form,
        form_for=lambda target: form if form.target == target else Form(target=target),
        items=items,
        late_answers=sum(today > item.answer_by for item in items),
        late_returns=sum(today > item.return_by for item in items),
        statements=statements,
        names=names,
    )
