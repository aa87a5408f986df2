"""The provider's desk: the close of a day, settlements and fees, refunds due, chargebacks, and what nobody knows."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter
from fastapi import Form as Field
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.deps import Operator, WiringDep
from api.reconcile.closing import close_day, closes, latest_close
from api.refusals import status
from frontend.forms import Form, refused
from frontend.rendering import render, see_other
from ledger import balances
from ledger.errors import Refusal
from ledger.payments import queries
from ledger.payments.model import FEE_COVER, PROVIDER_BALANCE, SETTLEMENTS_DUE, UNKNOWN_MOVEMENTS

RECENT_CLOSES = 14
STANDING = (PROVIDER_BALANCE, SETTLEMENTS_DUE, FEE_COVER, UNKNOWN_MOVEMENTS)
router = APIRouter(prefix="/operations/provider")


@router.get("")
def provider(request: Request, wiring: WiringDep, operator: Operator) -> Response:
    """Everything that stands at the provider or is on its way from there."""
    del operator
    return _page(request, wiring, Form())


@router.post("/closes")
def close(request: Request, wiring: WiringDep, operator: Operator, on: Annotated[str, Field()] = "") -> Response:
    """Close a day, today without one."""
    language = request.url.path.strip("/").partition("/")[0]
    form = Form({"on": on}, target="close")
    try:
        day = date.fromisoformat(on) if on else wiring.book.today()
        close_day(wiring, on=day, actor=operator.party_id)
    except ValueError:
        return _page(request, wiring, refused(Refusal("close-unknown", on=on[:20]), language, form, {}), code=422)
    except Refusal as refusal:
        return _page(request, wiring, refused(refusal, language, form, {}), code=status(refusal))
    return see_other(f"/{language}/operations/provider")


@router.get("/closes/{on}")
def download(wiring: WiringDep, operator: Operator, on: date) -> Response:
    """The signed report of a day, as it is stored."""
    del operator
    headers = {"Content-Disposition": f'attachment; filename="close-{on}.json"', "Cache-Control": "no-store"}
    return Response(latest_close(wiring.book, on).file, media_type="application/json", headers=headers)


def _page(request: Request, wiring: Wiring, form: Form, *, code: int = 200) -> Response:
    book = wiring.book
    with book.read() as connection:
        book_id = book.book_id
        standing = {each.code: balances.balance(connection, book_id, each) for each in STANDING}
        settlements = queries.settlements(connection, book_id, limit=20)
        chargebacks = queries.chargebacks(connection, book_id)
        refunds = queries.refunds_due(connection, book_id)
        cases = queries.open_cases(connection, book_id)
    return render(
        request,
        "provider.html",
        status=code,
        here="operations/provider",
        form=form,
        closes=closes(book, limit=RECENT_CLOSES),
        standing=standing,
        settlements=settlements,
        chargebacks=chargebacks,
        refunds=refunds,
        cases=cases,
    )
