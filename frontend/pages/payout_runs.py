"""A run of payouts on the desk: what was approved, how far it has come, its files, and whom it does not pay and why."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.deps import Language, Operator, WiringDep
from api.identity.model import Session
from api.refusals import status
from contracts import payouts
from contracts.parties.queries import names
from contracts.payout_views import payout_run
from frontend.forms import Form, refused
from frontend.rendering import render, see_other
from ledger.errors import Refusal
from ledger.payments.model import BatchState, RunState
from ledger.payments.transfer_runs import parked_lines

PARKED_SHOWN = 100
"""Holders on a page; the next ones are a link away."""
router = APIRouter(prefix="/operations/orders/runs/{run_id}")


@router.get("")
def run_page(request: Request, wiring: WiringDep, operator: Operator, run_id: str, after: str = "") -> Response:
    """One run; those that it does not pay follow `after` the holder named."""
    return _page(request, wiring, operator, run_id, Form(), after=after)


@router.post("/files")
def release_files(request: Request, wiring: WiringDep, operator: Operator, language: Language, run_id: str) -> Response:
    """Make the run's files and let them go to the bank, under the approval that it has."""
    try:
        payouts.file_payouts(wiring.book, run_id, actor=operator.party_id)
    except Refusal as refusal:
        form = refused(refusal, language, Form(), {})
        return _page(request, wiring, operator, run_id, form, code=status(refusal))
    return see_other(f"/{language}/operations/orders/runs/{run_id}#files")


def _page(
    request: Request,
    wiring: Wiring,
    operator: Session,
    run_id: str,
    form: Form,
    *,
    after: str = "",
    code: int = 200,
) -> Response:
    book = wiring.book
    with book.read() as connection:
        run = payout_run(connection, book.book_id, run_id)
        parked = parked_lines(connection, book.book_id, run_id, after=after, limit=PARKED_SHOWN + 1)
        shown = {run.asked_by, *(line.payee for line in parked)} | ({run.approved_by} if run.approved_by else set())
        known = names(connection, book, shown)
    unreleased = {each.batch_id for each in run.files if each.state is BatchState.MADE}
    return render(
        request,
        "payout_run.html",
        status=code,
        here=f"operations/orders/runs/{run_id}",
        form=form,
        run=run,
        parked=parked[:PARKED_SHOWN],
        next_after=parked[PARKED_SHOWN - 1].payee if len(parked) > PARKED_SHOWN else "",
        is_first=not after,
        names={token: known.get(token, token) for token in shown},
        unreleased=unreleased,
        may_go=run.state is RunState.ORDERED and (bool(unreleased) or run.waiting > 0),
        is_own=run.approved_by == operator.party_id,
    )
