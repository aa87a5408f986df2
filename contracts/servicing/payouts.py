"""Paying lenders and holders what stands in 489300 for them: one transfer each, to their own verified account.

The money is theirs from the moment an instalment or a coupon is distributed; a payout moves all of it, under four eyes
and the cash rule. Without a verified account a payout is parked: the money stays in 489300 until there is one.
So does that of a holder whose own payment was charged back.
"""

from datetime import date

import sqlalchemy as sa

from contracts.parties.queries import payout_iban
from ledger import approvals, balances
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments import transfers
from ledger.payments.model import TO_RECOVER, TransferDraft, TransferKind

LARGEST_RUN = 500
PAYABLE = "489300"


def payout_drafts(uow: UnitOfWork, *, on: date) -> list[TransferDraft]:
    """One transfer for each party with money to be paid out and a verified account, in a fixed order."""
    drafts: list[TransferDraft] = []
    frozen = frozen_holders(uow.connection, uow.book_id)
    for each in balances.balances(uow.connection, uow.book_id, code_prefix=PAYABLE):
        payee, amount = each.account.owner, each.credit - each.debit
        iban = _verified_iban(uow, payee, on) if amount > 0 and payee not in frozen else None
        if iban is not None and len(drafts) < LARGEST_RUN:
            reference, debit = f"payout:{payee}:{on.isoformat()}", AccountRef(PAYABLE, payee)
            drafts.append(TransferDraft(reference, payee, amount, debit, TransferKind.PAYOUT, iban[-4:]))
    return drafts


def frozen_holders(connection: sa.Connection, book_id: str) -> dict[str, int]:
    """Who owes money that her bank took back, with what she owes in cents: her claims and units stay as they are.

    Until it is recovered or won back she is paid nothing out.
    """
    owed = balances.balances(connection, book_id, code_prefix=TO_RECOVER)
    return {each.account.owner: each.signed for each in owed if each.signed > 0}


def request_payouts(uow: UnitOfWork, *, on: date, reason: str) -> str:
    """Ask a second person to approve the payouts as they stand; gives the approval's id.

    Refuses `nothing-to-pay-out`.
    """
    drafts = payout_drafts(uow, on=on)
    if not drafts:
        raise Refusal("nothing-to-pay-out")
    body = transfers.approval_body(drafts)
    return approvals.request(uow, action=transfers.APPROVAL_ACTION, body=body, reason=reason)


def order_payouts(uow: UnitOfWork, *, approval_id: str, on: date) -> list[str]:
    """Release the payouts that were approved; gives the orders' ids.

    Refuses `nothing-to-pay-out` and what `ledger.payments.transfers` refuses.
    """
    drafts = payout_drafts(uow, on=on)
    if not drafts:
        raise Refusal("nothing-to-pay-out")
    return transfers.order_transfers(uow, drafts, approval_id=approval_id, on=on)


def _verified_iban(uow: UnitOfWork, payee: str, on: date) -> str | None:
    try:
        return payout_iban(uow.connection, uow, payee, on)
    except Refusal as refusal:
        if refusal.code in {"iban-missing", "iban-not-verified"}:
            return None
        raise
