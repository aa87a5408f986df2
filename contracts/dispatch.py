"""Which product a payment fact belongs to, by the reference it carries, and what the relay does with each topic.

`pledge:<pledge>` is a lender's, `due:<loan>:<n>` a borrower's, `early:<loan>:<n>:<k>` everything that is left of
her loan, `owed:<loan>:<n>` is what her bank took back, and `recovery:<loan>:<n>` what comes after her loan was lost.
`run:<series>:<run>` is what an issuer pays for a coupon or a redemption. A
refund of a payment that nothing could take carries `excess:<payment>` and belongs to whatever that payment was for.
"""

from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa

from contracts import events, payouts
from contracts.bonds import funds as bond_funds
from contracts.bonds import meetings as bond_meetings
from contracts.bonds import service as bonds
from contracts.bonds import spending as bond_spending
from contracts.loans import chargebacks as loan_chargebacks
from contracts.loans import debits as loan_debits
from contracts.loans import dues as loan_dues
from contracts.loans import service as loans
from contracts.loans.early import settle_early
from contracts.loans.model import DUE, EARLY, LOAN_REFERENCE, RECOVERY, due_of
from contracts.loans.owed import OWED, settle_owed, tell_and_ask
from contracts.loans.recovery import continue_recovery, settle_recovery
from contracts.loans.transfers import note_failed_disbursement
from contracts.parties.queries import told_ibans
from contracts.pledges import amendments
from contracts.pledges import chargebacks as pledge_chargebacks
from contracts.pledges import service as pledges
from contracts.secondchance.planning import continue_entries
from contracts.servicing.accounts import note_failed_transfer as block_account_at_fault
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.payments import debits, suspense
from ledger.payments.bank_refunds import confirm_bank_refund, note_bank_refund_back
from ledger.payments.bookings import BankHooks
from ledger.payments.iso20022.model import StatementLine
from ledger.payments.matching import OwnOrder
from ledger.payments.model import ChargebackHooks, ChargedBack, PaidPayment, TransferKind
from ledger.payments.queries import payment
from ledger.storage.base import JSON

PLEDGE = "pledge:"
CHARGEABLE = (DUE, EARLY, OWED)
OF_LOANS = (*CHARGEABLE, RECOVERY)
REASON_NOT_STATED = "MS03"
Body = Mapping[str, JSON]
Handler = Callable[[UnitOfWork, Body], None]


def resolve_credit(connection: sa.Connection, paid: PaidPayment) -> AccountRef:
    """Where money that arrives belongs now; the hook that `ledger.payments.inbox.process_inbox` is given."""
    return resolve_credits(connection, [paid])[0]


def resolve_credits(connection: sa.Connection, paid: Sequence[PaidPayment]) -> list[AccountRef]:
    """The same for many at once; those of one product are looked up together."""
    accounts = [each.credit for each in paid]
    for prefix, look_up in ((PLEDGE, pledges.credit_accounts_for), (DUE, loan_dues.credit_accounts_for)):
        own = [position for position, each in enumerate(paid) if each.reference.startswith(prefix)]
        for position, account in zip(own, look_up(connection, [paid[i] for i in own]), strict=True):
            accounts[position] = account
    return accounts


def hold_charged(uow: UnitOfWork, reference: str) -> None:
    """Lock what a payment that is charged back was for."""
    if reference.startswith("pledge:"):
        pledge_chargebacks.hold(uow, reference)
    if reference.startswith(CHARGEABLE):
        loan_chargebacks.hold(uow, reference)


def take_back(uow: UnitOfWork, charged: ChargedBack) -> AccountRef:
    """Whose money a chargeback takes now."""
    if charged.payment.reference.startswith("pledge:"):
        return pledge_chargebacks.take_back(uow, charged)
    if charged.payment.reference.startswith(CHARGEABLE):
        return loan_chargebacks.take_back(uow, charged)
    return charged.credited


def give_back(uow: UnitOfWork, charged: ChargedBack) -> AccountRef:
    """Whose money it is that was won back."""
    if charged.payment.reference.startswith("pledge:"):
        return pledge_chargebacks.give_back(uow, charged)
    if charged.payment.reference.startswith(CHARGEABLE):
        return loan_chargebacks.give_back(uow, charged)
    return charged.credited


CHARGEBACKS = ChargebackHooks(hold=hold_charged, taken=take_back, won_back=give_back)
"""The hooks that `ledger.payments.inbox.process_inbox` is given."""


def confirm_payment(uow: UnitOfWork, body: Body) -> None:
    """Handle `payment.paid`."""
    settle = {
        OWED: settle_owed,
        EARLY: settle_early,
        RECOVERY: settle_recovery,
        bond_funds.REFERENCE: bond_funds.confirm_funds,
    }
    kind = f"{str(body['reference']).partition(':')[0]}:"
    if kind in settle:
        settle[kind](uow, body)
    elif _is_of_a_debtor(uow, body):
        loan_dues.settle_due(uow, body)
    else:
        pledges.confirm_payment(uow, body)


def loan_of_paid_due(body: Body) -> str | None:
    """The loan whose due a `payment.paid` pays; None where it pays anything else."""
    reference = str(body["reference"])
    return due_of(reference)[0] if reference.startswith(DUE) else None


def note_unusable_payment(uow: UnitOfWork, body: Body) -> None:
    """Handle `payment.unusable`; an unpaid due stays payable from its borrower's page, so only lenders are told."""
    if not _is_of_a_debtor(uow, body):
        pledges.note_unusable_payment(uow, body)


def confirm_refund(uow: UnitOfWork, body: Body) -> None:
    """Handle `refund.sent`."""
    if not _is_of_a_debtor(uow, body):
        pledges.confirm_refund(uow, body)


def note_failed_refund(uow: UnitOfWork, body: Body) -> None:
    """Handle `refund.failed`; a borrower's money stays in 489400 for the operator to see."""
    if not _is_of_a_debtor(uow, body):
        pledges.note_failed_refund(uow, body)


def confirm_transfer(uow: UnitOfWork, body: Body) -> None:
    """Handle `transfer.booked`: what was in suspense and went back is nobody's refund, a loan's payout is known."""
    if body["kind"] == TransferKind.DISBURSEMENT:
        bond_spending.enter_proceeds(uow, body)
    elif not _gives_back_suspense(body):
        confirm_bank_refund(uow, body)


def note_failed_transfer(uow: UnitOfWork, body: Body) -> None:
    """Handle `transfer.failed`: whatever it was for, its account may be at fault."""
    block_account_at_fault(uow, body)
    if str(body["reference"]).startswith(LOAN_REFERENCE):
        note_failed_disbursement(uow, body)
    if _gives_back_suspense(body):
        suspense.note_return_failed(uow, body)
    elif body["kind"] == TransferKind.REFUND:
        note_bank_refund_back(uow, body)


def debit_moved(uow: UnitOfWork, debit_id: str, line: StatementLine, evidence: str) -> None:
    """A direct debit was paid, or given back, as a line of the bank statement says."""
    on = line.booked_on
    if line.amount_cents > 0:
        debits.record_collected(uow, debit_id, resolve_credit, evidence=evidence, on=on)
        return
    reason = line.return_reason or REASON_NOT_STATED
    debits.record_returned(uow, debit_id, loan_debits.taken_from, reason=reason, evidence=evidence, on=on)


def known_debits(connection: sa.Connection, book_id: str, named: Sequence[str]) -> Mapping[str, OwnOrder]:
    """Direct debits of ours that a statement names."""
    found = debits.debits_named(connection, book_id, named)
    return {name: OwnOrder(order_id=name, amount_cents=each.amount_cents) for name, each in found.items()}


BANK_HOOKS = BankHooks(
    resolve_credits=resolve_credits,
    confirm_order=loans.confirm_transfer,
    ibans_of=told_ibans,
    debits_of=known_debits,
    debit_moved=debit_moved,
)
"""What the import of bank statements asks of the products."""

HANDLERS: Mapping[str, Handler] = {
    events.PAYMENT_PAID: confirm_payment,
    events.PAYMENT_UNUSABLE: note_unusable_payment,
    events.REFUND_SENT: confirm_refund,
    events.REFUND_FAILED: note_failed_refund,
    events.TRANSFER_BOOKED: confirm_transfer,
    events.TRANSFER_FAILED: note_failed_transfer,
    events.DEBIT_FAILED: loan_debits.note_failed_debit,
    events.OFFER_RETURN: pledges.continue_return,
    events.OFFER_SUSPENDED: amendments.tell_of_suspension,
    events.OFFER_SHEET_AMENDED: amendments.tell_of_amendment,
    events.BOND_ISSUE: bonds.continue_issue,
    events.BOND_CHANGE: bond_meetings.continue_change,
    events.LOAN_ISSUE: loans.continue_issue,
    events.LOAN_DISTRIBUTE: loan_dues.continue_distribution,
    events.LOAN_WRITE_OFF: loans.continue_write_off,
    events.LOAN_RECOVER: continue_recovery,
    events.LOAN_PLAN: continue_entries,
    events.LOAN_OWED: tell_and_ask,
    events.PAYOUT_ORDER: payouts.continue_payouts,
}
"""By topic, each in one unit of work."""


def _gives_back_suspense(body: Body) -> bool:
    return str(body["reference"]).startswith(suspense.REFERENCE)


def _is_of_a_debtor(uow: UnitOfWork, body: Body) -> bool:
    """Whether the fact is of a payment by a borrower, or by an issuer."""
    paid = payment(uow.connection, uow.book_id, str(body["payment_id"]))
    return paid is not None and paid.reference.startswith((*OF_LOANS, bond_funds.REFERENCE))
