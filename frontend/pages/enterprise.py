"""An entrepreneur's page: what is to be paid, the loans and their lenders by number, the offers."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter
from fastapi import Form as Field
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import document_desk
from api.deps import BookDep, Entrepreneur, Language, Number, WiringDep
from contracts.documents.model import DocumentKind
from contracts.documents.queries import documents_for
from contracts.loans.dues import request_due_payment
from contracts.loans.early import ask_early_repayment
from contracts.loans.owed import ask_again, owed_dues
from contracts.loans.queries import BorrowerDue, borrower_page, loan_page
from contracts.mandates import LANGUAGES, give_mandate
from contracts.offers.applications import applications
from frontend.figures import transfer_request
from frontend.rendering import refresh_to, render, see_other
from ledger.errors import Refusal
from ledger.payments.bank import client_account, has_client_account
from ledger.payments.debits import collected_on
from ledger.payments.mandates import DebitScheme, active_mandate, revoke_mandate
from ledger.payments.methods import PaymentKind, offered
from ledger.payments.model import PaymentState
from ledger.payments.queries import missing_methods

_PAYABLE = frozenset({PaymentState.REQUESTED, PaymentState.OPEN})
_PAPERS = frozenset({DocumentKind.MANDATE, DocumentKind.REHABILITATION})
"""What an entrepreneur keeps; her offers' key information sheets stand on their own pages."""
router = APIRouter()


@router.get("/enterprise")
def enterprise(
    request: Request, book: BookDep, entrepreneur: Entrepreneur, language: Language, back: int = 0
) -> Response:
    """What the enterprise owes now, has borrowed, and offers."""
    with book.read() as connection:
        today = book.today_in(connection)
        missing = missing_methods(connection, book.book_id)
        page = borrower_page(connection, book, entrepreneur.party_id, today)
        owed = owed_dues(connection, book.book_id, entrepreneur.party_id)
        asked = {(due.loan_id, due.n): due.transfer for due in page.dues if due.transfer is not None}
        owed_asked = {each.reference: each.transfer for each in owed if each.transfer is not None}
        early_asked = {each.quote.reference: each.transfer for each in page.early if each.transfer is not None}
        account = client_account(connection, book.book_id) if asked or owed_asked or early_asked else None
        mandate = active_mandate(connection, book.book_id, entrepreneur.party_id)
        debits = collected_on(connection, book.book_id, entrepreneur.party_id)
        papers = documents_for(connection, book.book_id, entrepreneur.party_id)
        applied = applications(connection, book, borrower=entrepreneur.party_id)
        can_sign = has_client_account(connection, book.book_id)
    transfers = {due: transfer_request(account, view) for due, view in asked.items() if account is not None}
    early_transfers = {key: transfer_request(account, view) for key, view in early_asked.items() if account is not None}
    payable = [due for due in page.dues if _is_payable(due)]
    is_making = any(
        due.payment is not None and due.payment.checkout_url is None and due.payment.payment_id not in debits
        for due in payable
    )
    asked_payments = [each.payment for each in owed if each.is_asked] + [e.payment for e in page.early if e.is_asked]
    is_making = is_making or any(view is not None and view.checkout_url is None for view in asked_payments)
    waits = bool(payable or owed) or any(each.is_asked for each in page.early)
    return render(
        request,
        "enterprise.html",
        page=page,
        applications=applied,
        documents=[each for each in papers if each.kind in _PAPERS and each.superseded_by is None],
        titles={loan.loan_id: loan.title for loan in page.loans},
        owed=owed,
        owed_transfers={
            key: transfer_request(account, view) for key, view in owed_asked.items() if account is not None
        },
        transfers=transfers,
        early_transfers=early_transfers,
        mandate=mandate,
        debits=debits,
        can_sign=can_sign,
        schemes=[each.value.lower() for each in DebitScheme],
        payable={(due.loan_id, due.n) for due in payable},
        methods={
            (due.loan_id, due.n): offered(
                PaymentKind.DUE,
                due.total_cents,
                today,
                without=missing,
                by_transfer=(due.loan_id, due.n) in transfers,
            )
            for due in payable
        },
        refresh=refresh_to(f"/{language}/enterprise", back, is_making=is_making, waits=waits),
    )


@router.post("/enterprise/dues/{loan_id}/{n}/payment")
def pay_again(wiring: WiringDep, entrepreneur: Entrepreneur, language: Language, loan_id: str, n: Number) -> Response:
    """Ask for a new payment link of a due where the last one failed or ran out."""
    book = wiring.book
    with book.unit_of_work(actor=entrepreneur.party_id) as uow:
        if loan_page(uow.connection, book, loan_id, uow.today()).borrower != entrepreneur.party_id:
            raise Refusal("loan-not-known", loan_id=loan_id)
        payment_id = request_due_payment(uow, loan_id, n)
    wiring.send_call_now(payment_id)
    return see_other(f"/{language}/enterprise#dues")


@router.post("/enterprise/owed/{loan_id}/{n}/payment")
def pay_owed(wiring: WiringDep, entrepreneur: Entrepreneur, language: Language, loan_id: str, n: Number) -> Response:
    """Ask for a new payment link of what one's bank took back, where the last one failed or ran out."""
    book = wiring.book
    with book.unit_of_work(actor=entrepreneur.party_id) as uow:
        if loan_page(uow.connection, book, loan_id, uow.today()).borrower != entrepreneur.party_id:
            raise Refusal("loan-not-known", loan_id=loan_id)
        asked = ask_again(uow, loan_id, n)
    for payment_id in asked:
        wiring.send_call_now(payment_id)
    return see_other(f"/{language}/enterprise#owed")


@router.post("/enterprise/loans/{loan_id}/early-repayment")
def repay_early(
    wiring: WiringDep,
    entrepreneur: Entrepreneur,
    language: Language,
    loan_id: str,
    until_on: Annotated[date, Field()],
    amount_cents: Annotated[int, Field()],
) -> Response:
    """Ask to repay everything by the quote that the page has shown."""
    book = wiring.book
    with book.unit_of_work(actor=entrepreneur.party_id) as uow:
        if loan_page(uow.connection, book, loan_id, uow.today()).borrower != entrepreneur.party_id:
            raise Refusal("loan-not-known", loan_id=loan_id)
        payment_id = ask_early_repayment(uow, loan_id, on=until_on, amount_cents=amount_cents)
    wiring.send_call_now(payment_id)
    return see_other(f"/{language}/enterprise#early")


@router.post("/enterprise/mandate")
def sign_mandate(
    wiring: WiringDep, entrepreneur: Entrepreneur, language: Language, scheme: Annotated[str, Field()] = ""
) -> Response:
    """Sign a mandate for direct debits from one's own verified account."""
    chosen = DebitScheme.B2B if scheme == DebitScheme.B2B.value.lower() else DebitScheme.CORE
    give_mandate(wiring.book, document_desk(wiring), entrepreneur.party_id, chosen, LANGUAGES[language])
    return see_other(f"/{language}/enterprise#mandate")


@router.post("/enterprise/mandate/revocation")
def take_mandate_back(book: BookDep, entrepreneur: Entrepreneur, language: Language) -> Response:
    """Take one's mandate back: nothing more is put into a file under it."""
    with book.unit_of_work(actor=entrepreneur.party_id) as uow:
        revoke_mandate(uow, entrepreneur.party_id)
    return see_other(f"/{language}/enterprise#mandate")


def _is_payable(due: BorrowerDue) -> bool:
    return due.payment is not None and due.payment.state in _PAYABLE
