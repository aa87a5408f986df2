"""What products tell the floors above: topics of the outbox, and the shape of a mail that is to be written.

A product never writes to a person. It emits, in the unit of work that does the deed, a row `mail.<template>` with the
party's token, the template's name, its facts and the page it belongs to; the edge turns it into words and sends it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.book import UnitOfWork
from ledger.storage.base import JSON

PAYMENT_PAID = "payment.paid"
PAYMENT_UNUSABLE = "payment.unusable"
REFUND_SENT = "refund.sent"
REFUND_FAILED = "refund.failed"
DEBIT_FAILED = "debit.failed"
TRANSFER_BOOKED = "transfer.booked"
TRANSFER_FAILED = "transfer.failed"
"""Emitted by `ledger.payments`, handled by the products."""

OFFER_NOT_CLOSED = "offer.not-closed"
"""An offer that is due could not be closed: `offer_id`, `code`, `facts`; it is tried again every day."""
OFFER_SUSPENDED = "offer.suspended"
OFFER_SHEET_AMENDED = "offer.sheet-amended"
"""The next chunk of lenders to tell of a suspension or an amended sheet: `offer_id`, `version`, `first`."""
OFFER_RETURN = "offer.return-pledges"
BOND_ISSUE = "bond.issue"
BOND_CHANGE = "bond.change"
LOAN_ISSUE = "loan.issue"
LOAN_DISTRIBUTE = "loan.distribute"
LOAN_WRITE_OFF = "loan.write-off"
LOAN_RECOVER = "loan.recover"
LOAN_PLAN = "loan.plan"
PAYOUT_ORDER = "payout.order"
"""Emitted by the products: the next chunk of a run over many pledges, lenders or payees."""
LOAN_OWED = "loan.owed"
"""A borrower's bank took back what her lenders have: `loan_id`, `n`; she is asked for it."""

MAIL_TEMPLATES = frozenset({
    "application-submitted",
    "application-to-decide",
    "application-returned",
    "application-declined",
    "application-accepted",
    "application-withdrawn",
    "pledge-made",
    "pledge-paid",
    "pledge-payment-failed",
    "pledge-withdrawn",
    "pledge-lapsed",
    "payment-sent-back",
    "payment-charged-back",
    "refund-sent",
    "refund-failed",
    "offer-suspended",
    "sheet-amended",
    "sheet-unchanged",
    "campaign-failed",
    "offer-funded",
    "loan-agreed",
    "loan-disbursed",
    "due-announced",
    "due-called",
    "loan-late",
    "loan-late-lender",
    "loan-signal",
    "loan-rehabilitated",
    "instalment-distributed",
    "loan-repaid",
    "loan-accelerated",
    "loan-accelerated-lender",
    "early-repayment-asked",
    "loan-bankrupt",
    "loan-written-off",
    "recovery-distributed",
    "death-recorded",
    "estate-passed",
    "claim-given",
    "claim-received",
    "transfer-failed",
    "debit-announced",
    "debit-failed",
    "due-taken-back",
    "units-allotted",
    "run-called",
    "bond-called",
    "meeting-called",
    "meeting-quorum-missing",
    "meeting-adopted",
    "meeting-to-court",
    "meeting-rejected",
    "bond-paid",
    "notice-replied",
    "vote-called",
    "vote-closing",
    "vote-carried",
    "vote-to-court",
    "vote-not-carried",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mail:
    """One of many mails of a template, as `emit_mail` has it."""

    key: str
    to: str
    facts: Mapping[str, JSON]
    path: str


def emit_mail(
    uow: UnitOfWork, template: str, *, key: str, to: str, facts: Mapping[str, JSON], path: str = "/portfolio"
) -> None:
    """Have the mail `template` written to the party `to`, once per `key`.

    `path` is the page it is about, without origin and language. Names of facts carry their unit (`_cents`, `_on`).
    """
    emit_mails(uow, template, [Mail(key, to, facts, path)])


def emit_mails(uow: UnitOfWork, template: str, mails: Sequence[Mail]) -> None:
    """`emit_mail` many times, in two statements."""
    assert template in MAIL_TEMPLATES, template
    bodies: list[tuple[str, Mapping[str, JSON]]] = [
        (each.key, {"to": each.to, "template": template, "facts": dict(each.facts), "path": each.path})
        for each in mails
    ]
    uow.emit_many(f"mail.{template}", bodies)
