"""An entrepreneur says early that it goes badly, compares ways out, and asks for one to be put to her lenders."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from fastapi import APIRouter
from fastapi import Form as Field
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.deps import Entrepreneur, Language, WiringDep
from api.identity.model import Session
from api.refusals import status
from contracts.loans.books import loan_book
from contracts.loans.queries import LoanPage, loan_page
from contracts.secondchance import requests
from contracts.secondchance.model import CashPosition
from contracts.secondchance.queries import ChanceFile, chance_file
from contracts.secondchance.scenarios import ScenarioName
from frontend.forms import Form, cents_of, refused
from frontend.i18n import tongue
from frontend.pages.desk_fields import day_in
from frontend.pages.plan_words import plan_sentences
from frontend.pages.typed import Typed
from frontend.rendering import render, see_other
from ledger.book import UnitOfWork
from ledger.errors import Refusal

NEWS_DAYS = 14
AMOUNTS = ("on_hand", "receipts", "expenses")
router = APIRouter(prefix="/enterprise/loans/{loan_id}/difficulty")


@router.get("")
def difficulty(
    request: Request, wiring: WiringDep, entrepreneur: Entrepreneur, language: Language, loan_id: str
) -> Response:
    """Who helps, what one's cash allows, the ways out side by side, and where the file stands."""
    return _page(request, wiring, entrepreneur, language, loan_id, Form())


@router.post("")
def say(
    request: Request, wiring: WiringDep, entrepreneur: Entrepreneur, language: Language, loan_id: str, typed: Typed
) -> Response:
    """Say that it goes badly, with the cash position, and promise when the next news comes."""
    form = Form(dict(typed), target="cash")
    stated = {name: cents_of(form.value(name)) for name in AMOUNTS}
    form.errors |= {
        name: tongue(language).text("operations.error-amount") for name, cents in stated.items() if cents is None
    }
    news_on = day_in(form, "update_on", language)
    if form.has_errors:
        return _page(request, wiring, entrepreneur, language, loan_id, form, code=422)
    cash = CashPosition(**{f"{name}_cents": cents or 0 for name, cents in stated.items()})
    try:
        with wiring.book.unit_of_work(actor=entrepreneur.party_id) as uow:
            _own_loan(uow, wiring, entrepreneur, loan_id)
            requests.say_early(uow, loan_id, cash, update_on=news_on)
    except Refusal as refusal:
        wrong = refused(refusal, language, form, {"update-date-too-early": "update_on"})
        return _page(request, wiring, entrepreneur, language, loan_id, wrong, code=status(refusal))
    return see_other(f"/{language}/enterprise/loans/{loan_id}/difficulty#ways")


@router.post("/plan")
def choose(
    request: Request, wiring: WiringDep, entrepreneur: Entrepreneur, language: Language, loan_id: str,
    scenario: Annotated[ScenarioName, Field()],
) -> Response:  # fmt: skip
    """Ask that a way out be put to the lenders; two officers read it first."""
    try:
        with wiring.book.unit_of_work(actor=entrepreneur.party_id) as uow:
            _own_loan(uow, wiring, entrepreneur, loan_id)
            requests.ask_plan(uow, loan_id, scenario)
    except Refusal as refusal:
        wrong = refused(refusal, language, Form(), {})
        return _page(request, wiring, entrepreneur, language, loan_id, wrong, code=status(refusal))
    return see_other(f"/{language}/enterprise/loans/{loan_id}/difficulty#file")


def _own_loan(uow: UnitOfWork, wiring: Wiring, entrepreneur: Session, loan_id: str) -> LoanPage:
    page = loan_page(uow.connection, wiring.book, loan_id, uow.today())
    if page.borrower != entrepreneur.party_id:
        raise Refusal("loan-not-known", loan_id=loan_id)
    return page


def _page(
    request: Request, wiring: Wiring, entrepreneur: Session, language: str, loan_id: str, form: Form, *,
    code: int = 200,
) -> Response:  # fmt: skip
    with wiring.book.unit_of_work(actor=entrepreneur.party_id) as uow:
        page, today = _own_loan(uow, wiring, entrepreneur, loan_id), uow.today()
        file = _file(uow, loan_id)
        cash = file.cash if file else None
        is_asked = file is not None and file.asked_plan is not None
        may_ask = file is not None and file.state in requests.MAY_PROPOSE and not is_asked
        ways = requests.ways_out(uow, loan_book(uow.connection, uow.book_id, loan_id), cash) if cash and may_ask else []
    words = tongue(language)
    return render(
        request,
        "difficulty.html",
        status=code,
        here=f"enterprise/loans/{loan_id}/difficulty",
        page=page,
        file=file,
        cash=cash,
        ways=ways,
        sentences={way.name: plan_sentences(words, way.plan.body) for way in ways},
        asked=plan_sentences(words, file.asked_plan) if file and file.asked_plan else [],
        loss_of=lambda way: max(Decimal(0), _decimal(way.found.loss_share)),
        form=form,
        cash_form=form if form.target == "cash" else _suggested(today),
    )


def _decimal(share: Fraction) -> Decimal:
    return Decimal(share.numerator) / share.denominator


def _suggested(today: date) -> Form:
    return Form({"update_on": (today + timedelta(days=NEWS_DAYS)).isoformat()}, target="cash")


def _file(uow: UnitOfWork, loan_id: str) -> ChanceFile | None:
    try:
        return chance_file(uow.connection, uow.book_id, loan_id)
    except Refusal as refusal:
        if refusal.code != "file-not-open":
            raise
        return None
