"""Paying back by bank transfer what the provider can't: to payers' own verified accounts, under four eyes."""

from contracts.parties.queries import payout_iban
from ledger import approvals
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments import bank_refunds, transfers
from ledger.payments.model import TransferDraft


def refund_drafts(uow: UnitOfWork) -> list[TransferDraft]:
    """One transfer for each refund that waits and whose payer has a verified account; the others wait for one."""
    drafts: list[TransferDraft] = []
    for refund in bank_refunds.waiting(uow.connection, uow.book_id):
        try:
            iban = payout_iban(uow.connection, uow, refund.payee, uow.today())
        except Refusal as refusal:
            if refusal.code not in {"iban-missing", "iban-not-verified"}:
                raise
            continue
        drafts.append(refund.draft(iban[-4:]))
    return drafts


def request_refunds(uow: UnitOfWork, *, reason: str) -> str:
    """Ask a second person to approve the refunds that wait, as they stand; gives the approval's id.

    Refuses `nothing-to-pay-out`.
    """
    body = transfers.approval_body(_drafts(uow))
    return approvals.request(uow, action=transfers.APPROVAL_ACTION, body=body, reason=reason)


def order_refunds(uow: UnitOfWork, *, approval_id: str) -> list[str]:
    """Release the refunds that were approved; gives the orders' ids.

    Refuses `nothing-to-pay-out` and what `ledger.payments.transfers` refuses.
    """
    return transfers.order_transfers(uow, _drafts(uow), approval_id=approval_id)


def _drafts(uow: UnitOfWork) -> list[TransferDraft]:
    drafts = refund_drafts(uow)
    if not drafts:
        raise Refusal("nothing-to-pay-out")
    return drafts
