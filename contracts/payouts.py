"""Paying lenders and holders what stands in 489300 for them: one transfer each, to their own verified account.

The money is theirs from the moment an instalment or a coupon is distributed; a payout moves all of it that the bank has
booked, under four eyes and the cash rule: the share of an instalment that is still with the provider goes with a later
run, as does what comes on a day after that day's run. Without a verified account a payout is parked: the money stays in
489300 until there is one. So does that of a holder whose own payment was charged back, or whose units are frozen.
"""

from datetime import date

import sqlalchemy as sa

from contracts.bonds import proceeds
from contracts.bonds import queries as bonds
from contracts.loans.books import loan_book
from contracts.loans.cash import PAYABLE, refuse_not_banked, shares_not_banked
from contracts.loans.model import LOAN_REFERENCE
from contracts.parties.queries import payout_ibans
from ledger import approvals, balances
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.errors import Fact, Refusal
from ledger.payments import batches, queries, transfers
from ledger.payments.model import TO_RECOVER, TransferDraft, TransferKind

LARGEST_RUN = 500


def payout_drafts(uow: UnitOfWork, *, on: date) -> list[TransferDraft]:
    """One transfer for each party with money to be paid out and a verified account, in a fixed order."""
    drafts: list[TransferDraft] = []
    frozen = frozen_holders(uow.connection, uow.book_id).keys() | bonds.frozen_holders(uow.connection, uow.book_id)
    waiting = shares_not_banked(uow.connection, uow.book_id)
    payable = balances.balances(uow.connection, uow.book_id, code_prefix=PAYABLE)
    references = {each.account.owner: f"payout:{each.account.owner}:{on.isoformat()}" for each in payable}
    paid_today = transfers.ordered(uow.connection, uow.book_id, references.values())
    amounts = {each.account.owner: each.credit - each.debit - waiting.get(each.account.owner, 0) for each in payable}
    owed = [
        payee
        for payee, amount in amounts.items()
        if amount > 0 and payee not in frozen and references[payee] not in paid_today
    ]
    ibans = payout_ibans(uow.connection, uow, owed, on)
    for payee in [payee for payee in owed if payee in ibans][:LARGEST_RUN]:
        debit, last4 = AccountRef(PAYABLE, payee), ibans[payee][-4:]
        drafts.append(TransferDraft(references[payee], payee, amounts[payee], debit, TransferKind.PAYOUT, last4))
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


def release_file(uow: UnitOfWork, batch_id: str, *, approval_id: str) -> None:
    """Let a file of orders go to the bank; since they were made, the provider may have taken a settlement back.

    Refuses what `ledger.payments.batches.release_batch` refuses, and `campaign-cash-short` for an order whose money is
    with the provider again.
    """
    transfers.pass_gate(uow)
    waiting = shares_not_banked(uow.connection, uow.book_id)
    for order in queries.orders_of_file(uow.connection, uow.book_id, batch_id):
        if order.reference.startswith(LOAN_REFERENCE):
            loan_id = order.reference.removeprefix(LOAN_REFERENCE)
            refuse_not_banked(uow, loan_book(uow.connection, uow.book_id, loan_id))
        elif order.reference.startswith(proceeds.REFERENCE):
            proceeds.refuse_not_banked(uow, order.reference.removeprefix(proceeds.REFERENCE))
        elif order.kind is TransferKind.PAYOUT:
            kept_cents = -balances.balance(uow.connection, uow.book_id, AccountRef(PAYABLE, order.payee))
            missing_cents = waiting.get(order.payee, 0) - kept_cents
            if missing_cents > 0:
                facts: dict[str, Fact] = {"amount_cents": order.amount_cents, "missing_cents": missing_cents}
                raise Refusal("campaign-cash-short", order_id=order.order_id, **facts)
    batches.release_batch(uow, batch_id, approval_id=approval_id)
