"""`/v1/loans`: for staff all of them, for a lender and a borrower their own; what staff records of them."""

from datetime import date

from fastapi import APIRouter, Response

from api.deps import STAFF, AnySession, BookDep, Entrepreneur, Operator, Staff, WiringDep
from api.identity.model import Session
from api.v1.answers import answer_once
from api.v1.schemas.control import Asked
from api.v1.schemas.loans import (
    Acceleration,
    EarlyQuote,
    EarlyRepayment,
    Evidence,
    ExpectedRecovery,
    Loan,
    LoanInFull,
    Reason,
    Release,
    Waterfall,
)
from api.writes import IdempotencyKey
from contracts.loans import acceleration, early, queries, recovery, service
from contracts.loans.books import loan_book
from contracts.loans.quotes import quote
from contracts.loans.waterfall import waterfall
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.storage.base import JSON

router = APIRouter(prefix="/loans", tags=["loans"])


@router.get("")
def list_loans(book: BookDep, _staff: Staff) -> list[Loan]:
    """Every loan, the longest past due first."""
    with book.read() as connection:
        rows = queries.loans_overview(connection, book, book.today_in(connection))
    return [Loan.model_validate(row) for row in rows]


@router.get("/{loan_id}")
def get_loan(book: BookDep, session: AnySession, loan_id: str) -> LoanInFull:
    """One loan for its lenders, its borrower and staff; for everybody else it does not exist."""
    return LoanInFull.model_validate(loan_for(book, session, loan_id))


@router.post("/{loan_id}/disbursement-request", status_code=201)
def request_disbursement(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, loan_id: str, body: Reason
) -> Asked:
    """Ask a colleague to approve that the loan is paid out."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        asked = service.request_disbursement(uow, loan_id, on=uow.today(), reason=body.reason)
        return {"approval_id": asked}

    path = f"/v1/loans/{loan_id}/disbursement-request"
    done = answer_once(book, operator, response, key=key, path=path, body=body, do=do)
    return Asked(approval_id=str(done["approval_id"]))


@router.post("/{loan_id}/disbursement", status_code=201)
def order_disbursement(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, loan_id: str, body: Release
) -> dict[str, str]:
    """Release the transfer that pays the loan out, once a colleague has approved it."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        order_id = service.order_disbursement(uow, loan_id, approval_id=body.approval_id, on=uow.today())
        return {"order_id": order_id}

    path = f"/v1/loans/{loan_id}/disbursement"
    done = answer_once(book, operator, response, key=key, path=path, body=body, do=do)
    return {"order_id": str(done["order_id"])}


@router.post("/{loan_id}/bankruptcy")
def record_bankruptcy(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, loan_id: str, body: Evidence
) -> LoanInFull:
    """Record the borrower's bankruptcy by its proof."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        service.record_bankruptcy(uow, loan_id, on=body.on or uow.today(), evidence=body.evidence)
        return {"loan_id": loan_id}

    answer_once(book, operator, response, key=key, path=f"/v1/loans/{loan_id}/bankruptcy", body=body, do=do)
    return get_loan(book, operator, loan_id)


@router.post("/{loan_id}/write-off")
def write_off(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, loan_id: str, body: Evidence
) -> LoanInFull:
    """Write off what is outstanding and definitively lost; each lender's loss is an entry of its own."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        service.write_off(uow, loan_id, on=body.on or uow.today(), evidence=body.evidence)
        return {"loan_id": loan_id}

    answer_once(book, operator, response, key=key, path=f"/v1/loans/{loan_id}/write-off", body=body, do=do)
    return get_loan(book, operator, loan_id)


@router.get("/{loan_id}/early-repayment")
def get_early_quote(book: BookDep, session: AnySession, loan_id: str, on: date) -> EarlyQuote:
    """What repaying everything costs until a day: for the borrower, the lenders and staff."""
    loan_for(book, session, loan_id)
    with book.read() as connection:
        found = loan_book(connection, book.book_id, loan_id)
        return EarlyQuote.model_validate(quote(found, on, today=book.today_in(connection)))


@router.post("/{loan_id}/early-repayment", status_code=201)
def ask_early_repayment(
    wiring: WiringDep,
    entrepreneur: Entrepreneur,
    key: IdempotencyKey,
    response: Response,
    loan_id: str,
    body: EarlyRepayment,
) -> LoanInFull:
    """Ask to repay one's own loan early and in full, by the quote that one has seen."""
    book = wiring.book

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        if queries.loan_page(uow.connection, book, loan_id, uow.today()).borrower != entrepreneur.party_id:
            raise Refusal("loan-not-known", loan_id=loan_id)
        asked = early.ask_early_repayment(uow, loan_id, on=body.until_on, amount_cents=body.amount_cents)
        return {"payment_id": asked}

    path = f"/v1/loans/{loan_id}/early-repayment"
    done = answer_once(book, entrepreneur, response, key=key, path=path, body=body, do=do)
    wiring.send_call_now(str(done["payment_id"]))
    return get_loan(book, entrepreneur, loan_id)


@router.post("/{loan_id}/acceleration-request", status_code=201)
def request_acceleration(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, loan_id: str, body: Acceleration
) -> Asked:
    """Ask a colleague to approve that everything is claimed at once."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        asked = acceleration.request_acceleration(
            uow, loan_id, ground=body.ground, on=body.on, evidence=body.evidence, reason=body.reason
        )
        return {"approval_id": asked}

    path = f"/v1/loans/{loan_id}/acceleration-request"
    done = answer_once(book, operator, response, key=key, path=path, body=body, do=do)
    return Asked(approval_id=str(done["approval_id"]))


@router.post("/{loan_id}/acceleration", status_code=201)
def accelerate(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, loan_id: str, body: Release
) -> LoanInFull:
    """Claim everything that a loan still owes, once a colleague has approved it."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        acceleration.accelerate(uow, loan_id, approval_id=body.approval_id)
        return {"loan_id": loan_id}

    answer_once(book, operator, response, key=key, path=f"/v1/loans/{loan_id}/acceleration", body=body, do=do)
    return get_loan(book, operator, loan_id)


@router.post("/{loan_id}/recovery-request", status_code=201)
def request_recovery(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, loan_id: str, body: ExpectedRecovery
) -> Asked:
    """Ask a colleague to approve that money is expected after the loss."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        asked = recovery.request_recovery(
            uow, loan_id, amount_cents=body.amount_cents, evidence=body.evidence, reason=body.reason
        )
        return {"approval_id": asked}

    path = f"/v1/loans/{loan_id}/recovery-request"
    done = answer_once(book, operator, response, key=key, path=path, body=body, do=do)
    return Asked(approval_id=str(done["approval_id"]))


@router.post("/{loan_id}/recovery", status_code=201)
def expect_recovery(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, loan_id: str, body: Release
) -> LoanInFull:
    """Ask for the transfer that a colleague has approved; its communication stands in the loan's recoveries."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"n": recovery.expect_recovery(uow, loan_id, approval_id=body.approval_id).n}

    answer_once(book, operator, response, key=key, path=f"/v1/loans/{loan_id}/recovery", body=body, do=do)
    return get_loan(book, operator, loan_id)


@router.get("/{loan_id}/waterfall")
def get_waterfall(book: BookDep, session: AnySession, loan_id: str) -> Waterfall:
    """Where every euro went that came after the loss: for the lenders, by number, the borrower and staff."""
    loan_for(book, session, loan_id)
    with book.read() as connection:
        found = loan_book(connection, book.book_id, loan_id)
        falls = waterfall(connection, book.book_id, found, lender=session.party_id)
    return Waterfall.model_validate(falls)


def loan_for(book: Book, session: Session, loan_id: str) -> queries.LoanPage:
    """The loan as this session may see it; refuses `loan-not-known` to strangers."""
    with book.read() as connection:
        page = queries.loan_page(connection, book, loan_id, book.today_in(connection), lender=session.party_id)
    if session.role in STAFF or page.claims or page.borrower == session.party_id:
        return page
    raise Refusal("loan-not-known", loan_id=loan_id)
