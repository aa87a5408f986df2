"""What the operator does from the desk: move the date, ask for what takes two people, approve, record from evidence.

An evidence file is hashed here and not kept; its SHA-256 goes into the record.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, UploadFile
from fastapi import Form as Field
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.deps import Language, Number, Operator, WiringDep
from api.identity.model import Session
from api.refusals import status
from api.worker.dates import request_move
from contracts import payouts
from contracts.loans import acceleration, recovery
from contracts.loans import service as loans
from contracts.loans.model import Ground
from contracts.loans.owed import ask_again
from contracts.offers import service as offers
from contracts.parties import service as parties
from contracts.pledges import service as pledges
from frontend.forms import Form, refused
from frontend.i18n import tongue
from frontend.pages.desk import approve_and_do, desk_page
from frontend.pages.desk_fields import cents_in, day_in, sha256_in, text_in
from frontend.rendering import see_other
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments import repeats, transfers
from ledger.payments import service as payments

STEPS = frozenset({"1", "7", "31"})
Typed = Annotated[str, Field()]
File = UploadFile | None
Act = Callable[[UnitOfWork], object]
router = APIRouter(prefix="/operations")


@router.get("")
def operations(request: Request, wiring: WiringDep, operator: Operator) -> Response:
    """Everything that waits for a person."""
    return desk_page(request, wiring, operator, Form())


@router.post("/date")
def move_date(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, to_on: Typed = "", days: Typed = ""
) -> Response:
    """Move the sandbox's business date forward, by a step or to a date."""
    form = Form({"to_on": to_on}, target="day")
    target = wiring.book.today() + timedelta(days=int(days)) if days in STEPS else day_in(form, "to_on", language)
    return _answer(request, wiring, operator, form, "day", lambda uow: request_move(uow, target))


@router.post("/offers/{offer_id}/publication")
def ask_publication(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, offer_id: str
) -> Response:
    """Ask a second person to approve that an offer is published."""
    reason = tongue(language).text("operations.offers-publish")
    ask: Act = lambda uow: offers.request_publication(uow, offer_id, reason=reason)  # noqa: E731 -- read as one line
    return _answer(request, wiring, operator, Form(), "approvals", ask)


@router.post("/loans/{loan_id}/disbursement")
def ask_disbursement(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, loan_id: str
) -> Response:
    """Ask a second person to approve that a loan is paid out."""
    reason = tongue(language).text("operations.disburse-ask")

    def ask(uow: UnitOfWork) -> None:
        loans.request_disbursement(uow, loan_id, on=uow.today(), reason=reason)

    return _answer(request, wiring, operator, Form(), "approvals", ask)


@router.post("/payouts")
def ask_payouts(request: Request, wiring: WiringDep, operator: Operator, language: Language) -> Response:
    """Ask a second person to approve that lenders are paid what stands to their credit."""
    reason = tongue(language).text("operations.payouts-ask")

    def ask(uow: UnitOfWork) -> None:
        payouts.request_payouts(uow, on=uow.today(), reason=reason)

    return _answer(request, wiring, operator, Form(), "approvals", ask)


@router.post("/approvals/{approval_id}")
def approve(request: Request, wiring: WiringDep, operator: Operator, approval_id: str) -> Response:
    """Approve what a colleague asked for, and do it."""
    return _answer(request, wiring, operator, Form(), "approvals", lambda uow: approve_and_do(uow, approval_id))


@router.post("/settlements")
def record_settlement(
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    reference: Typed = "",
    amount: Typed = "",
    evidence: File = None,
) -> Response:
    """Record money that the provider paid into the client account, from the bank statement."""
    form = Form({"reference": reference, "amount": amount, "evidence": ""}, target="settlement")
    stated = text_in(form, "reference", language)
    cents = cents_in(form, "amount", language)
    proof = sha256_in(form, evidence, language)

    def record(uow: UnitOfWork) -> None:
        transfers.record_settlement(uow, reference=stated, amount_cents=cents, evidence=proof, on=uow.today())

    return _answer(request, wiring, operator, form, "settlements", record)


@router.post("/transfers/{order_id}")
def confirm_transfer(
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    order_id: str,
    reference: Typed = "",
    evidence: File = None,
) -> Response:
    """Record that the bank statement shows a transfer."""
    form = Form({"reference": reference, "evidence": ""}, target=f"transfer-{order_id}")
    stated = text_in(form, "reference", language)
    proof = sha256_in(form, evidence, language)

    def confirm(uow: UnitOfWork) -> None:
        loans.confirm_transfer(uow, order_id, statement_reference=stated, evidence=proof, on=uow.today())

    return _answer(request, wiring, operator, form, "transfers", confirm)


@router.post("/accounts/{party_id}/{seq}")
def verify_account(
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    party_id: str,
    seq: Number,
    evidence: File = None,
) -> Response:
    """Record that an account number is its party's own; payouts wait for it."""
    form = Form({"evidence": ""}, target=f"account-{party_id}")
    proof = sha256_in(form, evidence, language)

    def verify(uow: UnitOfWork) -> None:
        parties.verify_iban(uow, party_id, seq, evidence=f"sha256:{proof}")

    return _answer(request, wiring, operator, form, "accounts", verify)


@router.post("/cases")
def close_case(
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    subject: Typed = "",
    code: Typed = "",
    reason: Typed = "",
) -> Response:
    """Record how a payment case was dealt with; it leaves the queue and stays in the record."""
    form = Form({"reason": reason}, target=f"case-{subject}-{code}")
    said = text_in(form, "reason", language, error="operations.error-reason")
    close: Act = lambda uow: payments.close_case(uow, subject=subject, code=code, reason=said)  # noqa: E731 -- read as one line
    return _answer(request, wiring, operator, form, "cases", close)


@router.post("/calls/{call_id}/repetition")
def ask_repetition(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, call_id: str, reason: Typed = ""
) -> Response:
    """Ask a second person to agree that a refund or a debit which cannot be found is made anew."""
    form = Form({"reason": reason}, target=f"repeat-{call_id}")
    said = text_in(form, "reason", language, error="operations.error-reason")
    ask: Act = lambda uow: repeats.request_repeat(uow, call_id, reason=said)  # noqa: E731 -- read as one line
    return _answer(request, wiring, operator, form, "approvals", ask)


@router.post("/refunds/{pledge_id}")
def send_refund_again(request: Request, wiring: WiringDep, operator: Operator, pledge_id: str) -> Response:
    """Ask the provider again for a refund that failed."""
    return _answer(request, wiring, operator, Form(), "refunds", lambda uow: pledges.retry_refund(uow, pledge_id))


@router.post("/loans/{loan_id}/owed/{n}")
def ask_owed(request: Request, wiring: WiringDep, operator: Operator, loan_id: str, n: Number) -> Response:
    """Ask a borrower again for what her bank took back."""
    return _answer(request, wiring, operator, Form(), "owed", lambda uow: ask_again(uow, loan_id, n))


@router.post("/loans/{loan_id}/bankruptcy")
def record_bankruptcy(
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    loan_id: str,
    on: Typed = "",
    evidence: File = None,
) -> Response:
    """Record a borrower's bankruptcy from the judgment."""
    form = Form({"on": on, "evidence": ""}, target=f"bankruptcy-{loan_id}")
    day, proof = day_in(form, "on", language), sha256_in(form, evidence, language)

    def record(uow: UnitOfWork) -> None:
        loans.record_bankruptcy(uow, loan_id, on=day, evidence=proof)

    return _answer(request, wiring, operator, form, "loans", record)


@router.post("/loans/{loan_id}/write-off")
def write_off(
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    loan_id: str,
    on: Typed = "",
    evidence: File = None,
) -> Response:
    """Record that what is outstanding is definitively lost, from the proof of the loss."""
    form = Form({"on": on, "evidence": ""}, target=f"write-off-{loan_id}")
    day, proof = day_in(form, "on", language), sha256_in(form, evidence, language)

    def record(uow: UnitOfWork) -> None:
        loans.write_off(uow, loan_id, on=day, evidence=proof)

    return _answer(request, wiring, operator, form, "loans", record)


@router.post("/loans/{loan_id}/acceleration")
def ask_acceleration(
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    loan_id: str,
    ground: Annotated[Ground, Field()],
    on: Typed = "",
    evidence: File = None,
) -> Response:
    """Ask a second person to approve that everything a loan owes is claimed at once."""
    form = Form({"ground": ground, "on": on, "evidence": ""}, target=f"acceleration-{loan_id}")
    day, proof = day_in(form, "on", language), sha256_in(form, evidence, language)
    reason = tongue(language).text("operations.acceleration")

    def ask(uow: UnitOfWork) -> None:
        acceleration.request_acceleration(uow, loan_id, ground=ground, on=day, evidence=proof, reason=reason)

    return _answer(request, wiring, operator, form, "approvals", ask)


@router.post("/loans/{loan_id}/recovery")
def ask_recovery(
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    loan_id: str,
    amount: Typed = "",
    evidence: File = None,
) -> Response:
    """Ask a second person to approve that money is expected of a loan that is lost."""
    form = Form({"amount": amount, "evidence": ""}, target=f"recovery-{loan_id}")
    cents, proof = cents_in(form, "amount", language), sha256_in(form, evidence, language)
    reason = tongue(language).text("operations.recovery")

    def ask(uow: UnitOfWork) -> None:
        recovery.request_recovery(uow, loan_id, amount_cents=cents, evidence=proof, reason=reason)

    return _answer(request, wiring, operator, form, "approvals", ask)


def _answer(request: Request, wiring: Wiring, operator: Session, form: Form, part: str, act: Act) -> Response:
    """Do it in one unit of work and go back to that part of the page; what is wrong is said on the page."""
    language = request.url.path.strip("/").partition("/")[0]
    if form.has_errors:
        return desk_page(request, wiring, operator, form, code=422)
    try:
        with wiring.book.unit_of_work(actor=operator.party_id) as uow:
            act(uow)
    except Refusal as refusal:
        return desk_page(request, wiring, operator, refused(refusal, language, form, {}), code=status(refusal))
    return see_other(f"/{language}/operations#{part}")
