"""`/v1/payments`: one payment of the caller."""

from fastapi import APIRouter

from api.deps import STAFF, AnySession, BookDep
from api.v1.schemas import Payment
from ledger.errors import Refusal
from ledger.payments import queries

router = APIRouter(prefix="/payments", tags=["payments"])


@router.get("/{payment_id}")
def get_payment(book: BookDep, session: AnySession, payment_id: str) -> Payment:
    """The payment's state and, while it is open, where to pay it."""
    with book.read() as connection:
        view = queries.payment(connection, book.book_id, payment_id)
        payer = queries.payer_of(connection, book.book_id, payment_id)
    if view is None or not (session.role in STAFF or payer == session.party_id):
        raise Refusal("payment-not-known", payment_id=payment_id)
    return Payment.model_validate(view)
