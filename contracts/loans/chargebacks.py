"""An instalment whose payment its borrower's bank takes back, and gives back again.

Until it is distributed the money is the loan's (489600): the due stays called, and nothing is distributed. Afterwards
its lenders have it, and the borrower owes it (416300); the due stays settled.
"""

from contracts.events import PAYMENT_PAID
from contracts.loans import queries as q
from contracts.loans.lifecycle import SETTLED
from contracts.loans.model import due_of
from contracts.loans.service import lock_loan
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.payments.model import ChargedBack, paid_body

OWED_BY_BORROWER = "416300"


def hold(uow: UnitOfWork, reference: str) -> None:
    """Lock the due's loan."""
    lock_loan(uow, due_of(reference)[0])


def take_back(uow: UnitOfWork, charged: ChargedBack) -> AccountRef:
    """Whose money a chargeback takes."""
    return AccountRef(OWED_BY_BORROWER, charged.payment.payer) if _has_settled(uow, charged) else charged.credited


def give_back(uow: UnitOfWork, charged: ChargedBack) -> AccountRef:
    """Whose money it is that was won back; a due that nothing else has settled meanwhile is settled by it now."""
    if _has_settled(uow, charged):
        return AccountRef(OWED_BY_BORROWER, charged.payment.payer)
    key = f"{charged.payment.payment_id}:won-back:{charged.on.isoformat()}"
    uow.emit(PAYMENT_PAID, key, paid_body(charged.payment, charged.credited))
    return charged.credited


def _has_settled(uow: UnitOfWork, charged: ChargedBack) -> bool:
    loan_id, n = due_of(charged.payment.reference)
    history = q.loan_book(uow.connection, uow.book_id, loan_id).instalment_history[n - 1]
    return any(m.event == SETTLED and m.facts["payment_id"] == charged.payment.payment_id for m in history)
