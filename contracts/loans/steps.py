"""What every use case of a loan needs: its lock, mails about it, its lenders in chunks, money that goes back."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

import sqlalchemy as sa

from contracts.events import Mail, emit_mails
from contracts.loans import postings
from contracts.loans import tables as t
from contracts.loans.books import LoanBook, loan_books
from contracts.loans.model import LenderClaim, Loan
from contracts.parties.queries import party
from contracts.pledges.service import CHUNK
from contracts.terms.schedule import Instalment
from ledger import approvals
from ledger.accounts import AccountRef
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.payments.methods import PaymentKind
from ledger.payments.receiving import request_transfer
from ledger.payments.service import request_payment, request_refund
from ledger.storage import bulk
from ledger.storage.base import JSON

JOB = "system:loans"


def lock_loan(uow: UnitOfWork, loan_id: str) -> LoanBook:
    """Hold the loan until the unit of work ends, and give it as it stands; refuses `loan-not-known`."""
    found = lock_loans(uow, [loan_id])
    if loan_id not in found:
        raise Refusal("loan-not-known", loan_id=loan_id[:40])
    return found[loan_id]


def lock_loans(uow: UnitOfWork, loan_ids: Iterable[str]) -> dict[str, LoanBook]:
    """Hold many loans until the unit of work ends, in order of their ids, and give those that are known."""
    c = t.loan.c
    chosen = bulk.among(uow.connection, c.loan_id, sorted(set(loan_ids)))
    held = sa.select(c.loan_id).where(c.book_id == uow.book_id, chosen).order_by(c.loan_id).with_for_update()
    return loan_books(uow.connection, uow.book_id, uow.connection.execute(held).scalars().all())


def ask_payment(uow: UnitOfWork, loan: Loan, reference: str, amount_cents: int, *, what: str) -> str:
    """Ask the borrower for money of the loan, at the provider and by transfer; gives the id of the payment there.

    `what` stands in brackets after the loan's title where the provider shows it.
    """
    language, credit = party(uow.connection, uow, loan.borrower).language, postings.collected(loan.loan_id)
    payment_id = request_payment(
        uow,
        reference=reference,
        payer=loan.borrower,
        amount_cents=amount_cents,
        description=f"{loan.title} ({what})",
        credit=credit,
        kind=PaymentKind.DUE,
        return_path=f"/{language}/enterprise?back=1",
        language=language,
    )
    request_transfer(uow, reference=reference, payer=loan.borrower, amount_cents=amount_cents, credit=credit)
    return payment_id


def send_back(uow: UnitOfWork, book: LoanBook, payment_id: str, on: date, *, amount_cents: int, held: bool) -> None:
    """Money of the borrower that no due can take goes back to her."""
    if held:
        uow.post(
            postings.payment_unusable(
                book.loan, payment_id=payment_id, amount_cents=amount_cents, on=on, actor=uow.actor
            )
        )
    reference, debit = f"excess:{payment_id}", to_refund(book.loan.borrower)
    request_refund(uow, payment_id=payment_id, amount_cents=amount_cents, reference=reference, debit=debit)
    tell(uow, "payment-sent-back", book.loan, payment_id, book.loan.borrower, amount_cents=amount_cents)


def chunk(book: LoanBook, first: int) -> Sequence[LenderClaim]:
    """The claims from number `first` on that one unit of work takes."""
    return book.claims[first - 1 : first - 1 + CHUNK]


def fits_in_one(claims: int) -> bool:
    """Whether one unit of work takes so many claims."""
    return claims <= CHUNK


def emit_rest(uow: UnitOfWork, topic: str, book: LoanBook, first: int, *, key: str, **facts: JSON) -> bool:
    """Leave what is after this chunk to the outbox; True if this chunk was the last."""
    rest = first + CHUNK
    if rest > len(book.claims):
        return True
    uow.emit(topic, f"{key}:{rest}", {"loan_id": book.loan.loan_id, "first": rest, **facts})
    return False


def tell(uow: UnitOfWork, template: str, loan: Loan, key: str, to: str, /, **facts: str | int) -> None:
    """A mail about the loan to one of its lenders, or to its borrower."""
    emit_mails(uow, template, [mail(loan, key, to, **facts)])


def mail(loan: Loan, key: str, to: str, /, **facts: str | int) -> Mail:
    """A mail about the loan to one of its lenders, or to its borrower, that is to be emitted with others."""
    path = "/enterprise" if to == loan.borrower else f"/loans/{loan.loan_id}"
    return Mail(key, to, {"title": loan.title, **facts}, path)


def approved(uow: UnitOfWork, approval_id: str, action: str, loan_id: str) -> Mapping[str, JSON]:
    """The body of an approval that was given for that action on that loan.

    Refuses `approval-unknown`, `approval-not-given`, `approval-expired` and `approval-body-changed`.
    """
    return approvals.require_for(uow, approval_id, action, loan_id=loan_id)


def in_unit(book: Book, act: Callable[[UnitOfWork], int]) -> int:
    """Do something in a unit of work of its own; how many things there were to do."""
    with book.unit_of_work(actor=JOB) as uow:
        return int(act(uow))


def instalment_id(loan_id: str, n: int) -> str:
    """What moves of an instalment go by."""
    return f"{loan_id}:{n}"


def write_instalments(uow: UnitOfWork, loan_id: str, rows: Sequence[Instalment], *, first: int) -> None:
    """Put instalments on record, numbered from `first` on."""
    values = [
        {
            "book_id": uow.book_id,
            "loan_id": loan_id,
            "n": n,
            "instalment_id": instalment_id(loan_id, n),
            "due_on": each.due_on,
            "days": each.days,
            "interest_cents": each.interest_cents,
            "principal_cents": each.principal_cents,
            "outstanding_cents": each.outstanding_cents,
        }
        for n, each in enumerate(rows, first)
    ]
    if values:
        uow.connection.execute(t.instalment.insert(), values)


def to_refund(borrower: str) -> AccountRef:
    """Money that is to be sent back to the borrower."""
    return AccountRef("489400", borrower)
