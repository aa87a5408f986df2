"""An instalment whose payment its borrower's bank takes back, and gives back again; also of what was owed since.

Until it is distributed the money is the loan's (489600): the due stays called, and nothing is distributed. Afterwards
its lenders have it, and the borrower owes it (416300); the due stays settled. What is won back after the borrower has
paid it a second time goes back to her.
"""

from contracts.events import LOAN_OWED, PAYMENT_PAID
from contracts.loans import books
from contracts.loans.lifecycle import SETTLED
from contracts.loans.model import due_of
from contracts.loans.owed import OWED, is_repaid_by, owed_of_payment
from contracts.loans.postings import OWED_BY_BORROWER
from contracts.loans.steps import lock_loan
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.payments.model import REFUNDS_DUE, ChargedBack, paid_body
from ledger.payments.service import request_refund
from ledger.storage.base import JSON


def hold(uow: UnitOfWork, reference: str) -> None:
    """Lock the loan of a due, or of what is owed of one."""
    lock_loan(uow, due_of(reference)[0])


def take_back(uow: UnitOfWork, charged: ChargedBack) -> AccountRef:
    """Whose money a chargeback takes; what is owed then is asked for afterwards."""
    if not _is_spent(uow, charged):
        return charged.credited
    loan_id, n = due_of(charged.payment.reference)
    body: dict[str, JSON] = {"loan_id": loan_id, "n": n}
    uow.emit(LOAN_OWED, f"{charged.payment.payment_id}:{charged.amount_cents}:{charged.on.isoformat()}", body)
    return AccountRef(OWED_BY_BORROWER, charged.payment.payer)


def give_back(uow: UnitOfWork, charged: ChargedBack) -> AccountRef:
    """Whose money it is that was won back; a due that nothing else has settled meanwhile is settled by it now."""
    payment = charged.payment
    if not _is_spent(uow, charged):
        key = f"{payment.payment_id}:won-back:{charged.on.isoformat()}"
        uow.emit(PAYMENT_PAID, key, paid_body(payment, charged.credited))
        return charged.credited
    owed_cents = owed_of_payment(uow.connection, uow.book_id, payment.payer, payment.payment_id)
    if owed_cents >= charged.amount_cents:
        return AccountRef(OWED_BY_BORROWER, payment.payer)
    account = AccountRef(REFUNDS_DUE, payment.payer)
    reference, cents = f"excess:{payment.payment_id}", charged.amount_cents
    request_refund(uow, payment_id=payment.payment_id, amount_cents=cents, reference=reference, debit=account)
    return account


def _is_spent(uow: UnitOfWork, charged: ChargedBack) -> bool:
    """Whether the lenders have the money, or the client account has been made whole with it."""
    reference, payment_id = charged.payment.reference, charged.payment.payment_id
    if reference.startswith(OWED):
        return is_repaid_by(uow, payment_id)
    loan_id, n = due_of(reference)
    history = books.loan_book(uow.connection, uow.book_id, loan_id).instalment_history[n - 1]
    return any(m.event == SETTLED and m.facts["payment_id"] == payment_id for m in history)
