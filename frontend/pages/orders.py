"""The desk of orders to the bank: payouts, refunds and transfers that wait, payees, order files, debits, mandates."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter
from fastapi import Form as Field
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.deps import Language, Operator, WiringDep
from api.identity.model import Session
from api.refusals import status
from contracts.parties.queries import display_name
from contracts.payout_views import payout_runs
from contracts.servicing import bank_refunds as refunds
from contracts.servicing.accounts import accounts_of
from frontend.forms import Form, refused
from frontend.i18n import tongue
from frontend.rendering import render, see_other
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.payments import bank_refunds, batches, debits, mandates, payees, run_files
from ledger.payments.debit_files import make_debit_file
from ledger.payments.mandates import DebitScheme
from ledger.payments.model import BatchState, DebitState
from ledger.payments.transfer_files import make_transfer_file, waiting_orders

RECENT_FILES, RECENT_RUNS = 20, 6
Typed = Annotated[str, Field()]
Act = Callable[[UnitOfWork], object]
router = APIRouter(prefix="/operations/orders")


@router.get("")
def orders(request: Request, wiring: WiringDep, operator: Operator) -> Response:
    """Everything that is on its way to the bank."""
    del operator
    return _page(request, wiring, Form())


@router.post("/files")
def make_file(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, kind: Typed = ""
) -> Response:
    """Make a file of what may go, or find the one that waits, and ask a colleague to release it."""
    reason = tongue(language).text("orders.release-ask")

    def make(uow: UnitOfWork) -> None:
        scheme = next((each for each in DebitScheme if each.value == kind), None)
        made = make_transfer_file(uow, accounts_of) if scheme is None else make_debit_file(uow, scheme)
        batches.request_release(uow, made.batch_id, reason=reason)

    return _answer(request, wiring, operator, Form(), make, to="operations#approvals")


@router.post("/files/{batch_id}/release")
def ask_release(request: Request, wiring: WiringDep, operator: Operator, language: Language, batch_id: str) -> Response:
    """Ask a colleague again to release a file."""
    reason = tongue(language).text("orders.release-ask")
    ask: Act = lambda uow: batches.request_release(uow, batch_id, reason=reason)  # noqa: E731 -- read as one line
    return _answer(request, wiring, operator, Form(), ask, to="operations#approvals")


@router.post("/files/{batch_id}/discard")
def discard(request: Request, wiring: WiringDep, operator: Operator, batch_id: str) -> Response:
    """Give a file up that was not released; its orders wait for the next."""
    return _answer(request, wiring, operator, Form(), lambda uow: batches.discard_batch(uow, batch_id))


@router.get("/files/{batch_id}")
def download(wiring: WiringDep, operator: Operator, batch_id: str) -> Response:
    """The bytes of a file, which are the same every time."""
    del operator
    with wiring.book.read() as connection:
        file = batches.file_of(connection, wiring.book, batch_id)
    headers = {"Content-Disposition": f'attachment; filename="{batch_id}.xml"', "Cache-Control": "no-store"}
    return Response(file, media_type="application/xml", headers=headers)


@router.post("/payees/{payee}/{account}")
def ask_override(
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    payee: str,
    account: str,
    reason: Typed = "",
) -> Response:
    """Ask a colleague to agree that money goes to an account that a check holds back."""
    form = Form({"reason": reason}, target=f"payee-{account[:12]}")
    if not reason.strip():
        form.errors["reason"] = tongue(language).text("operations.error-reason")
    ask: Act = lambda uow: payees.request_override(uow, payee, account, reason=reason.strip())  # noqa: E731 -- one line
    return _answer(request, wiring, operator, form, ask, to="operations#approvals")


@router.post("/refunds")
def ask_refunds(request: Request, wiring: WiringDep, operator: Operator, language: Language) -> Response:
    """Ask a colleague to agree that refunds which the provider can't make go by bank."""
    reason = tongue(language).text("orders.refunds-ask")
    ask: Act = lambda uow: refunds.request_refunds(uow, reason=reason)  # noqa: E731 -- read as one line
    return _answer(request, wiring, operator, Form(), ask, to="operations#approvals")


@router.post("/refunds/{refund_id}")
def send_by_bank(request: Request, wiring: WiringDep, operator: Operator, refund_id: str) -> Response:
    """Let a refund that failed at the provider go by bank."""
    return _answer(request, wiring, operator, Form(), lambda uow: bank_refunds.send_by_bank(uow, refund_id))


def _answer(
    request: Request, wiring: Wiring, operator: Session, form: Form, act: Act, *, to: str = "operations/orders"
) -> Response:
    """Do it in one unit of work and go on; what is wrong is said on the page."""
    language = request.url.path.strip("/").partition("/")[0]
    if form.has_errors:
        return _page(request, wiring, form, code=422)
    try:
        with wiring.book.unit_of_work(actor=operator.party_id) as uow:
            act(uow)
    except Refusal as refusal:
        return _page(request, wiring, refused(refusal, language, form, {}), code=status(refusal))
    return see_other(f"/{language}/{to}")


def _page(request: Request, wiring: Wiring, form: Form, *, code: int = 200) -> Response:
    book = wiring.book
    with book.read() as connection:
        now, on = book.clock.now(), book.today_in(connection)
        waiting = waiting_orders(connection, book.book_id)
        accounts = accounts_of(connection, book, {each.payee for each in waiting}, on)
        known = payees.standings(connection, book, accounts, now=now)
        standings = {each.payee: known[each.payee].value if each.payee in known else "no-account" for each in waiting}
        held = payees.parked(connection, book, now=now)
        to_refund = bank_refunds.waiting(connection, book.book_id)
        failed = bank_refunds.failed(connection, book.book_id)
        ordered = debits.debits(connection, book.book_id, state=DebitState.ORDERED)
        given = mandates.mandates(connection, book.book_id)
        files = batches.batches(connection, book.book_id, limit=RECENT_FILES)
        runs_of_files = run_files.runs_of_files(connection, book.book_id, [each.batch_id for each in files])
        runs = payout_runs(connection, book.book_id, limit=RECENT_RUNS)
        shown = {each.payee for each in waiting} | {each.payee for each in held}
        shown |= {each.payee for each in (*to_refund, *failed)}
        shown |= {each.approved_by for each in runs if each.approved_by}
        shown |= {each.debtor for each in ordered} | {each.debtor for each in given}
        names = {token: _name(book, token) for token in shown}
    return render(
        request,
        "orders.html",
        status=code,
        here="operations/orders",
        form=form,
        form_for=lambda target: form if form.target == target else Form(target=target),
        waiting=waiting,
        standings=standings,
        held=held,
        to_refund=to_refund,
        failed=failed,
        debits=ordered,
        schemes={each.mandate_id: each.scheme.value for each in given},
        mandates=given,
        files=files,
        runs=runs,
        runs_of_files=runs_of_files,
        unreleased={each.batch_id for each in files if each.state is BatchState.MADE},
        names=names,
    )


def _name(book: Book, token: str) -> str:
    """A party's name; money in suspense has none but its own token."""
    try:
        with book.read() as connection:
            return display_name(connection, book, token)
    except Refusal as refusal:
        if refusal.code != "party-unknown":
            raise
        return token
