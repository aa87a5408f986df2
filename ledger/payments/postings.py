"""Business event of the payment rails -> journal entry, one function per event.

| event | debit | credit | fact key |
|---|---|---|---|
| payment-received | 580100 | 489100 or 489600 lender or loan | pay:<id>:paid |
| payment-unexpected | 580100 | 489400 payer | pay:<id>:paid |
| refund-sent | [489400 payer], [416200 payer] | 580100 | ref:<id>:out |
| refund-not-ordered-here | 499200 | 580100 | ref:<id>:out |
| refund-failed | 580100 | [489400 or 499200 refunded], [416200 payer] | ref:<id>:back |
| charged-back | [489100 or 489200 or 489400 or 489600 or 416300 owner], [416200 payer] | 580100 | chb:<id>:in |
| chargeback-reversed | 580100 | [489100 or 489200 or 489400 or 489600 or 416300 owner], [416200 payer] | chb:<id>:rev |
| transfer-ordered | 489500 borrower | 580400 | sct:<order>:sent |
| payout-ordered | 489300 lender | 580400 | sct:<order>:sent |
| bank-refund-ordered | 489400 payer | 580400 | sct:<order>:sent |
| transfer-booked | 580400 | 550100 | sct:<order>:booked |
| payout-booked | 580400 | 550100 | sct:<order>:booked |
| bank-refund-booked | 580400 | 550100 | sct:<order>:booked |
| transfer-rejected | 580400 | 489300 or 489400 or 489500 payee | sct:<order>:back |
| transfer-returned | 550100 | 489300 or 489400 or 489500 payee | sct:<order>:back |
| settlement-booked | 550100 | 580200 | settle:<reference> |
| settlement-sent | 580200 | 580100 | stl:<reference>:out |
| settlement-returned | 580100 | 580200 | stl-back:<id> |
| provider-fee | 657000 | 580100 | fee:<id> |
| provider-fee-returned | 580100 | 657000 | fee:<id> |
| fee-covered | 580300 | 550200 | top:<reference> |
| fee-cover-booked | 550100 | 580300 | top:<reference>:booked |
| unknown-received | 580100 | 499200 | baltr:<id> |
| unknown-taken | 499200 | 580100 | baltr:<id> |
| difference-gained | 580100 or 580200 | 757000 | adj:<case> |
| difference-lost | 658000 | 580100 or 580200 | adj:<case> |

<id> is the provider's: the fact is the provider's. The actor of a provider's fact is the rail, whoever fetched it.
Until the provider's books were read, a settlement went from 580100 to 550100 in one step, as `provider-settlement`
under the key of `settlement-booked`.
"""

from datetime import date

from ledger.accounts import AccountRef
from ledger.journal import JournalEntry
from ledger.payments.model import UNKNOWN_MOVEMENTS, Outflow, TransferKind
from ledger.templates import DatedBy, Template, credit, debit

RAIL_ACTOR = "system:payment-rail"
_CHARGED = ("489100", "489200", "489400", "489600", "416300")
"""Whose money a chargeback can take; what none of them holds any more is a claim on the payer (416200)."""

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
    legs=(
        debit("489400", of="payer", amount="covered", given=True, optional=True),
        debit("416200", of="payer", amount="excess", optional=True),
        credit("580100"),
    ),
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
    legs=(
        debit("580100"),
        credit("489400", "499200", of="refunded", amount="covered", given=True, optional=True),
        credit("416200", of="payer", amount="excess", optional=True),
    ),
)
CHARGED_BACK = Template(
    "charged-back",
    key="chb:<id>:in",
    dated_by=DatedBy.OUTSIDE,
    legs=(
        debit(*_CHARGED, of="owner", amount="covered", given=True, optional=True),
        debit("416200", of="payer", amount="excess", optional=True),
        credit("580100"),
    ),
)
CHARGEBACK_REVERSED = Template(
    "chargeback-reversed",
    key="chb:<id>:rev",
    dated_by=DatedBy.OUTSIDE,
    legs=(
        debit("580100"),
        credit(*_CHARGED, of="owner", amount="covered", given=True, optional=True),
        credit("416200", of="payer", amount="excess", optional=True),
    ),
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
SETTLEMENT_BOOKED = Template(
    "settlement-booked",
    key="settle:<reference>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("550100"), credit("580200")),
)
SETTLEMENT_SENT = Template(
    "settlement-sent",
    key="stl:<reference>:out",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("580200"), credit("580100")),
)
SETTLEMENT_RETURNED = Template(
    "settlement-returned",
    key="stl-back:<id>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("580100"), credit("580200")),
)
PROVIDER_FEE = Template(
    "provider-fee", key="fee:<id>", dated_by=DatedBy.OUTSIDE, legs=(debit("657000"), credit("580100"))
)
PROVIDER_FEE_RETURNED = Template(
    "provider-fee-returned", key="fee:<id>", dated_by=DatedBy.OUTSIDE, legs=(debit("580100"), credit("657000"))
)
FEE_COVERED = Template(
    "fee-covered", key="top:<reference>", dated_by=DatedBy.CAUSE, legs=(debit("580300"), credit("550200"))
)
FEE_COVER_BOOKED = Template(
    "fee-cover-booked",
    key="top:<reference>:booked",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("550100"), credit("580300")),
)
UNKNOWN_RECEIVED = Template(
    "unknown-received", key="baltr:<id>", dated_by=DatedBy.OUTSIDE, legs=(debit("580100"), credit("499200"))
)
UNKNOWN_TAKEN = Template(
    "unknown-taken", key="baltr:<id>", dated_by=DatedBy.OUTSIDE, legs=(debit("499200"), credit("580100"))
)
DIFFERENCE_GAINED = Template(
    "difference-gained",
    key="adj:<case>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("580100", "580200", given=True), credit("757000")),
)
DIFFERENCE_LOST = Template(
    "difference-lost",
    key="adj:<case>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("658000"), credit("580100", "580200", given=True)),
)
TEMPLATES = (
    PAYMENT_RECEIVED,
    PAYMENT_UNEXPECTED,
    REFUND_SENT,
    REFUND_NOT_ORDERED_HERE,
    REFUND_FAILED,
    CHARGED_BACK,
    CHARGEBACK_REVERSED,
    TRANSFER_ORDERED,
    PAYOUT_ORDERED,
    BANK_REFUND_ORDERED,
    TRANSFER_BOOKED,
    PAYOUT_BOOKED,
    BANK_REFUND_BOOKED,
    TRANSFER_REJECTED,
    TRANSFER_RETURNED,
    SETTLEMENT_BOOKED,
    SETTLEMENT_SENT,
    SETTLEMENT_RETURNED,
    PROVIDER_FEE,
    PROVIDER_FEE_RETURNED,
    FEE_COVERED,
    FEE_COVER_BOOKED,
    UNKNOWN_RECEIVED,
    UNKNOWN_TAKEN,
    DIFFERENCE_GAINED,
    DIFFERENCE_LOST,
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


def refund_sent(provider_id: str, outflow: Outflow, *, on: date, evidence: str) -> JournalEntry:
    """Money of a refund has left the provider's balance."""
    if outflow.account == UNKNOWN_MOVEMENTS:
        account = outflow.account
        return _provider_fact(REFUND_NOT_ORDERED_HERE, provider_id, outflow.amount_cents, account, on, evidence)
    return _outflow_fact(REFUND_SENT, provider_id, outflow, on, evidence)


def refund_failed(provider_id: str, outflow: Outflow, *, on: date, evidence: str) -> JournalEntry:
    """Money of a refund that had left has come back to the provider's balance."""
    return _outflow_fact(REFUND_FAILED, provider_id, outflow, on, evidence)


def charged_back(provider_id: str, outflow: Outflow, *, on: date, evidence: str) -> JournalEntry:
    """The payer's bank has taken money of a payment back."""
    return _outflow_fact(CHARGED_BACK, provider_id, outflow, on, evidence)


def chargeback_reversed(provider_id: str, outflow: Outflow, *, on: date, evidence: str) -> JournalEntry:
    """A chargeback was won back."""
    return _outflow_fact(CHARGEBACK_REVERSED, provider_id, outflow, on, evidence)


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


def settlement_booked(reference: str, *, amount_cents: int, on: date, actor: str, evidence: str) -> JournalEntry:
    """The bank statement shows money that the provider paid out."""
    return _settlement_fact(SETTLEMENT_BOOKED, reference, amount_cents, on, actor, evidence)


def settlement_sent(reference: str, *, amount_cents: int, on: date, actor: str, evidence: str) -> JournalEntry:
    """The provider pays out: the money has left its balance."""
    return _settlement_fact(SETTLEMENT_SENT, reference, amount_cents, on, actor, evidence)


def settlement_returned(movement_id: str, *, amount_cents: int, on: date, evidence: str) -> JournalEntry:
    """A settlement did not arrive at the bank and stands at the provider again."""
    return _movement_fact(SETTLEMENT_RETURNED, movement_id, amount_cents, on, evidence)


def fee_covered(reference: str, *, amount_cents: int, on: date) -> JournalEntry:
    """The platform owes the client account the fees that the provider kept from a settlement."""
    ids, amounts = {"reference": reference}, {"amount": amount_cents}
    return FEE_COVERED.entry(on=on, actor=RAIL_ACTOR, ids=ids, amounts=amounts)


def fee_cover_booked(reference: str, *, amount_cents: int, on: date, actor: str, evidence: str) -> JournalEntry:
    """The bank statement shows the platform's own money on the client account."""
    return _settlement_fact(FEE_COVER_BOOKED, reference, amount_cents, on, actor, evidence)


def provider_fee(movement_id: str, deduction_cents: int, *, on: date, evidence: str) -> JournalEntry:
    """The provider kept a fee, or gave one back where the deduction is negative."""
    template = PROVIDER_FEE if deduction_cents > 0 else PROVIDER_FEE_RETURNED
    return _movement_fact(template, movement_id, abs(deduction_cents), on, evidence)


def unknown_movement(movement_id: str, result_cents: int, *, on: date, evidence: str) -> JournalEntry:
    """Money moved at the provider for a reason that nobody here knows; `result_cents` is negative where it left."""
    template = UNKNOWN_RECEIVED if result_cents > 0 else UNKNOWN_TAKEN
    return _movement_fact(template, movement_id, abs(result_cents), on, evidence)


def small_difference(
    case: str, account: AccountRef, *, gained_cents: int, on: date, actor: str, evidence: str
) -> JournalEntry:
    """A few cents more than expected stand on `account`, or fewer where `gained_cents` is negative."""
    template = DIFFERENCE_GAINED if gained_cents > 0 else DIFFERENCE_LOST
    amounts = {"amount": abs(gained_cents)}
    return template.entry(on=on, actor=actor, ids={"case": case}, amounts=amounts, account=account, evidence=evidence)


def paid_key(provider_id: str) -> str:
    """The fact key of a payment received."""
    return PAYMENT_RECEIVED.fact_key({"id": provider_id})


def refund_out_key(provider_id: str) -> str:
    """The fact key of a refund that left."""
    return REFUND_SENT.fact_key({"id": provider_id})


def refund_back_key(provider_id: str) -> str:
    """The fact key of a refund that came back."""
    return REFUND_FAILED.fact_key({"id": provider_id})


def charged_back_key(provider_id: str) -> str:
    """The fact key of a chargeback."""
    return CHARGED_BACK.fact_key({"id": provider_id})


def chargeback_reversed_key(provider_id: str) -> str:
    """The fact key of a chargeback that was won back."""
    return CHARGEBACK_REVERSED.fact_key({"id": provider_id})


def settlement_sent_key(reference: str) -> str:
    """The fact key of a settlement that left the provider's balance."""
    return SETTLEMENT_SENT.fact_key({"reference": reference})


def fee_cover_booked_key(reference: str) -> str:
    """The fact key of a fee cover seen on the bank statement."""
    return FEE_COVER_BOOKED.fact_key({"reference": reference})


def settlement_key(reference: str) -> str:
    """The fact key of a settlement seen on the bank statement."""
    return SETTLEMENT_BOOKED.fact_key({"reference": reference})


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


def _outflow_fact(template: Template, provider_id: str, outflow: Outflow, on: date, evidence: str) -> JournalEntry:
    return template.entry(
        on=on,
        actor=RAIL_ACTOR,
        ids={"id": provider_id, "payer": outflow.payer},
        amounts={
            "amount": outflow.amount_cents,
            "covered": outflow.amount_cents - outflow.excess_cents,
            "excess": outflow.excess_cents,
        },
        account=outflow.account,
        evidence=evidence,
    )


def _settlement_fact(
    template: Template, reference: str, amount_cents: int, on: date, actor: str, evidence: str
) -> JournalEntry:
    ids, amounts = {"reference": reference}, {"amount": amount_cents}
    return template.entry(on=on, actor=actor, ids=ids, amounts=amounts, evidence=evidence)


def _movement_fact(template: Template, movement_id: str, amount_cents: int, on: date, evidence: str) -> JournalEntry:
    ids, amounts = {"id": movement_id}, {"amount": amount_cents}
    return template.entry(on=on, actor=RAIL_ACTOR, ids=ids, amounts=amounts, evidence=evidence)
