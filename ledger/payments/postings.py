"""Business event of the payment rails -> journal entry, one function per event.

| event | debit | credit | fact key |
|---|---|---|---|
| payment-received | 580100 | 489100 or 489600 lender or loan | pay:<id>:paid |
| payment-unexpected | 580100 | 489400 payer | pay:<id>:paid |
| refund-sent | 489400 payer | 580100 | ref:<id>:out |
| refund-not-ordered-here | 499200 | 580100 | ref:<id>:out |
| refund-failed | 580100 | 489400 or 499200 payer | ref:<id>:back |
| transfer-ordered | 489500 borrower | 580400 | sct:<order>:sent |
| payout-ordered | 489300 lender | 580400 | sct:<order>:sent |
| bank-refund-ordered | 489400 payer | 580400 | sct:<order>:sent |
| transfer-booked | 580400 | 550100 | sct:<order>:booked |
| payout-booked | 580400 | 550100 | sct:<order>:booked |
| bank-refund-booked | 580400 | 550100 | sct:<order>:booked |
| transfer-rejected | 580400 | 489300 or 489400 or 489500 payee | sct:<order>:back |
| transfer-returned | 550100 | 489300 or 489400 or 489500 payee | sct:<order>:back |
| provider-settlement | 550100 | 580100 | settle:<reference> |

<id> is the provider's: the fact is the provider's. The actor of a provider's fact is the rail, whoever fetched it.
"""

from datetime import date

from ledger.accounts import AccountRef
from ledger.journal import JournalEntry
from ledger.payments.model import UNKNOWN_MOVEMENTS, TransferKind
from ledger.templates import DatedBy, Template, credit, debit

RAIL_ACTOR = "system:payment-rail"

PAYMENT_RECEIVED = Template(
    "payment-received",
    key="pay:<id>:paid",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("580100"), credit("489100", "489600", of="lender or loan", given=True)),
)
PAYMENT_UNEXPECTED = Template(
    "payment-unexpected",
    key="pay:<id>:paid",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("580100"), credit("489400", of="payer", given=True)),
)
REFUND_SENT = Template(
    "refund-sent",
    key="ref:<id>:out",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("489400", of="payer", given=True), credit("580100")),
)
REFUND_NOT_ORDERED_HERE = Template(
    "refund-not-ordered-here",
    key="ref:<id>:out",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("499200", given=True), credit("580100")),
)
REFUND_FAILED = Template(
    "refund-failed",
    key="ref:<id>:back",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("580100"), credit("489400", "499200", of="payer", given=True)),
)
TRANSFER_ORDERED = Template(
    "transfer-ordered",
    key="sct:<order>:sent",
    dated_by=DatedBy.RELEASE,
    legs=(debit("489500", of="borrower", given=True), credit("580400")),
)
PAYOUT_ORDERED = Template(
    "payout-ordered",
    key="sct:<order>:sent",
    dated_by=DatedBy.RELEASE,
    legs=(debit("489300", of="lender", given=True), credit("580400")),
)
BANK_REFUND_ORDERED = Template(
    "bank-refund-ordered",
    key="sct:<order>:sent",
    dated_by=DatedBy.RELEASE,
    legs=(debit("489400", of="payer", given=True), credit("580400")),
)
TRANSFER_BOOKED = Template(
    "transfer-booked",
    key="sct:<order>:booked",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("580400"), credit("550100")),
)
PAYOUT_BOOKED = Template(
    "payout-booked",
    key="sct:<order>:booked",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("580400"), credit("550100")),
)
BANK_REFUND_BOOKED = Template(
    "bank-refund-booked",
    key="sct:<order>:booked",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("580400"), credit("550100")),
)
TRANSFER_REJECTED = Template(
    "transfer-rejected",
    key="sct:<order>:back",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("580400"), credit("489300", "489400", "489500", of="payee", given=True)),
)
TRANSFER_RETURNED = Template(
    "transfer-returned",
    key="sct:<order>:back",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("550100"), credit("489300", "489400", "489500", of="payee", given=True)),
)
PROVIDER_SETTLEMENT = Template(
    "provider-settlement",
    key="settle:<reference>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("550100"), credit("580100")),
)
TEMPLATES = (
    PAYMENT_RECEIVED,
    PAYMENT_UNEXPECTED,
    REFUND_SENT,
    REFUND_NOT_ORDERED_HERE,
    REFUND_FAILED,
    TRANSFER_ORDERED,
    PAYOUT_ORDERED,
    BANK_REFUND_ORDERED,
    TRANSFER_BOOKED,
    PAYOUT_BOOKED,
    BANK_REFUND_BOOKED,
    TRANSFER_REJECTED,
    TRANSFER_RETURNED,
    PROVIDER_SETTLEMENT,
)
_ORDERED = {
    TransferKind.DISBURSEMENT: TRANSFER_ORDERED,
    TransferKind.PAYOUT: PAYOUT_ORDERED,
    TransferKind.REFUND: BANK_REFUND_ORDERED,
}
_BOOKED = {
    TransferKind.DISBURSEMENT: TRANSFER_BOOKED,
    TransferKind.PAYOUT: PAYOUT_BOOKED,
    TransferKind.REFUND: BANK_REFUND_BOOKED,
}


def payment_received(
    provider_id: str, *, amount_cents: int, credit: AccountRef, expected: bool, on: date, evidence: str
) -> JournalEntry:
    """Money of a payment stands at the provider."""
    template = PAYMENT_RECEIVED if expected else PAYMENT_UNEXPECTED
    return _provider_fact(template, provider_id, amount_cents, credit, on, evidence)


def refund_sent(provider_id: str, *, amount_cents: int, debit: AccountRef, on: date, evidence: str) -> JournalEntry:
    """Money of a refund has left the provider's balance."""
    template = REFUND_NOT_ORDERED_HERE if debit == UNKNOWN_MOVEMENTS else REFUND_SENT
    return _provider_fact(template, provider_id, amount_cents, debit, on, evidence)


def refund_failed(provider_id: str, *, amount_cents: int, debit: AccountRef, on: date, evidence: str) -> JournalEntry:
    """Money of a refund that had left has come back to the provider's balance."""
    return _provider_fact(REFUND_FAILED, provider_id, amount_cents, debit, on, evidence)


def transfer_ordered(
    order_id: str, *, kind: TransferKind, amount_cents: int, debit: AccountRef, on: date, actor: str, approval_id: str
) -> JournalEntry:
    """A transfer is released to be executed at the bank."""
    return _ORDERED[kind].entry(
        on=on,
        actor=actor,
        ids={"order": order_id},
        amounts={"amount": amount_cents},
        account=debit,
        approvals=(approval_id,),
    )


def transfer_booked(
    order_id: str, *, kind: TransferKind, amount_cents: int, on: date, actor: str, evidence: str
) -> JournalEntry:
    """The bank statement shows the transfer."""
    ids, amounts = {"order": order_id}, {"amount": amount_cents}
    return _BOOKED[kind].entry(on=on, actor=actor, ids=ids, amounts=amounts, evidence=evidence)


def transfer_rejected(
    order_id: str, *, amount_cents: int, credit: AccountRef, on: date, actor: str, evidence: str | None
) -> JournalEntry:
    """An order is not executed: its money is whose it was before."""
    ids, amounts = {"order": order_id}, {"amount": amount_cents}
    return TRANSFER_REJECTED.entry(on=on, actor=actor, ids=ids, amounts=amounts, account=credit, evidence=evidence)


def transfer_returned(
    order_id: str, *, amount_cents: int, credit: AccountRef, on: date, actor: str, evidence: str
) -> JournalEntry:
    """The bank statement shows a transfer that came back: its money is whose it was before."""
    ids, amounts = {"order": order_id}, {"amount": amount_cents}
    return TRANSFER_RETURNED.entry(on=on, actor=actor, ids=ids, amounts=amounts, account=credit, evidence=evidence)


def provider_settlement(reference: str, *, amount_cents: int, on: date, actor: str, evidence: str) -> JournalEntry:
    """The bank statement shows money that the provider paid out."""
    ids, amounts = {"reference": reference}, {"amount": amount_cents}
    return PROVIDER_SETTLEMENT.entry(on=on, actor=actor, ids=ids, amounts=amounts, evidence=evidence)


def paid_key(provider_id: str) -> str:
    """The fact key of a payment received."""
    return PAYMENT_RECEIVED.fact_key({"id": provider_id})


def refund_out_key(provider_id: str) -> str:
    """The fact key of a refund that left."""
    return REFUND_SENT.fact_key({"id": provider_id})


def refund_back_key(provider_id: str) -> str:
    """The fact key of a refund that came back."""
    return REFUND_FAILED.fact_key({"id": provider_id})


def settlement_key(reference: str) -> str:
    """The fact key of a settlement seen on the bank statement."""
    return PROVIDER_SETTLEMENT.fact_key({"reference": reference})


def _provider_fact(
    template: Template, provider_id: str, amount_cents: int, account: AccountRef, on: date, evidence: str
) -> JournalEntry:
    return template.entry(
        on=on,
        actor=RAIL_ACTOR,
        ids={"id": provider_id},
        amounts={"amount": amount_cents},
        account=account,
        evidence=evidence,
    )
