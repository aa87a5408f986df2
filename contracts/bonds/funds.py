"""What an issuer pays for a run: it comes by transfer, to the account of what is to be paid to the holders."""

from collections.abc import Mapping

from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.payments.model import REFUNDS_DUE
from ledger.payments.service import request_refund
from ledger.storage.base import JSON

REFERENCE = "run:"
"""How the reference of the payment that an issuer makes for a run begins."""


def confirm_funds(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `payment.paid` of a run: the money waits for its day; what was paid twice goes back to the issuer."""
    account, payment_id = AccountRef.parse(str(body["account"])), str(body["payment_id"])
    if account.code != REFUNDS_DUE:
        return
    amount_cents = int(str(body["amount_cents"]))
    request_refund(
        uow, payment_id=payment_id, amount_cents=amount_cents, reference=f"excess:{payment_id}", debit=account
    )
