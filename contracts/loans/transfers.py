"""A loan's transfer that failed: the loan is to be paid out again, by an order of its own."""

from collections.abc import Mapping
from datetime import date

from contracts import moves
from contracts.loans.lifecycle import DISBURSEMENT_FAILED, LOAN
from contracts.loans.model import LOAN_REFERENCE
from contracts.loans.steps import lock_loan
from ledger.book import UnitOfWork
from ledger.storage.base import JSON


def note_failed_disbursement(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `transfer.failed` of a disbursement; told twice, it changes nothing."""
    book = lock_loan(uow, str(body["reference"]).removeprefix(LOAN_REFERENCE))
    if not LOAN.allows(book.state, DISBURSEMENT_FAILED):
        return
    order_id, on = str(body["order_id"]), date.fromisoformat(str(body["on"]))
    facts: dict[str, JSON] = {"order_id": order_id, "reason": body["reason"]}
    key = f"sct:{order_id}:back"
    moves.record_move(uow, LOAN, book.loan.loan_id, DISBURSEMENT_FAILED, on=on, fact_key=key, facts=facts)
