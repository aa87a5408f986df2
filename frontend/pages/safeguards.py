"""What a lender does before she pledges: knowledge test, loss simulation, and whether she funds second chances."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Form as Field
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.deps import Citizen, Language, WiringDep
from api.identity.model import Session
from api.refusals import status
from contracts.pledges import safeguards
from contracts.pledges.knowledge import CHOICES, DECLARED, RIGHT
from frontend.forms import Form, cents_of, own_path, refused
from frontend.i18n import tongue
from frontend.pages.typed import Typed
from frontend.rendering import render, see_other
from ledger.errors import Refusal

PAGE = "safeguards"
router = APIRouter(prefix=f"/{PAGE}")


@router.get("")
def safeguards_page(request: Request, wiring: WiringDep, citizen: Citizen) -> Response:
    """Where the lender stands, and what she must still do."""
    return _page(request, wiring, citizen, Form())


@router.post("/test")
def take_test(
    request: Request, wiring: WiringDep, citizen: Citizen, language: Language, typed: Typed, then: str = ""
) -> Response:
    """Mark the test; one that is not passed counts once its warning is confirmed."""
    form = Form(dict(typed), target="test")
    answers = {name: form.value(name) for name in RIGHT}
    declared = {name: form.value(name) for name in DECLARED}
    try:
        with wiring.book.unit_of_work(actor=citizen.party_id) as uow:
            safeguards.take_knowledge_test(
                uow,
                citizen.party_id,
                answers=answers,
                declared=declared,
                acknowledged=form.value("acknowledged") == "yes",
                on=uow.today(),
            )
    except Refusal as refusal:
        fields = {refusal.code: str(refusal.facts.get("question", ""))}
        wrong = refused(refusal, language, form, fields)
        has_failed = refusal.code == "knowledge-test-failed"
        return _page(request, wiring, citizen, wrong, has_failed=has_failed, code=status(refusal))
    return see_other(_next(wiring, citizen, language, then))


@router.post("/simulation")
def acknowledge(
    request: Request,
    wiring: WiringDep,
    citizen: Citizen,
    language: Language,
    seen: Annotated[str, Field()] = "",
    bearable: Annotated[str, Field()] = "",
    then: str = "",
) -> Response:
    """Keep that the result was seen, and the result where the lender gives it; nothing else is ever sent."""
    form = Form({"seen": seen, "bearable": bearable}, target="simulation")
    cents = cents_of(bearable) if bearable.strip() else None
    if seen != "yes":
        form.errors["seen"] = tongue(language).text("pledge.error-tick")
    if bearable.strip() and cents is None:
        form.errors["bearable"] = tongue(language).text("pledge.error-amount")
    if form.has_errors:
        return _page(request, wiring, citizen, form, code=422)
    with wiring.book.unit_of_work(actor=citizen.party_id) as uow:
        safeguards.acknowledge_simulation(uow, citizen.party_id, bearable_loss_cents=cents, on=uow.today())
    return see_other(_next(wiring, citizen, language, then))


@router.post("/second-chances")
def join_pool(
    wiring: WiringDep,
    citizen: Citizen,
    language: Language,
    agrees: Annotated[str, Field()] = "",
    then: str = "",
) -> Response:
    """Keep that the lender agrees to fund enterprises that begin again; without her tick, that she agrees no more."""
    with wiring.book.unit_of_work(actor=citizen.party_id) as uow:
        safeguards.join_pool(uow, citizen.party_id, joins=agrees == "yes", on=uow.today())
    return see_other(_next(wiring, citizen, language, then))


def _next(wiring: Wiring, citizen: Session, language: str, then: str) -> str:
    """Back to the pledge once nothing is missing, else to the rest of this page."""
    here = f"/{language}/{PAGE}"
    with wiring.book.read() as connection:
        now = safeguards.standing(connection, wiring.book, citizen.party_id, wiring.book.today_in(connection))
    return own_path(then, here) if now.is_ready else f"{here}?then={then}" if own_path(then, "") else here


def _page(
    request: Request, wiring: Wiring, citizen: Session, form: Form, *, has_failed: bool = False, code: int = 200
) -> Response:
    book = wiring.book
    with book.read() as connection:
        now = safeguards.standing(connection, book, citizen.party_id, book.today_in(connection))
    then = own_path(request.query_params.get("then", ""), "")
    return render(
        request,
        "safeguards.html",
        status=code,
        here=PAGE,
        standing=now,
        form=form,
        form_for=lambda target: form if form.target == target else Form(target=target),
        questions=tuple(RIGHT),
        choices=CHOICES,
        declared=DECLARED,
        has_failed=has_failed,
        query=f"?then={then}" if then else "",
    )
