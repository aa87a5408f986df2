"""Business event of the payment rails -> journal entry, one function per event.

| event | debit | credit | fact key |
|---|---|---|---|
| payment received | 580100 | the payment's account | pay:ID:paid |
| payment unexpected | 580100 | 489400 payer (or what the hook says) | pay:ID:paid |
| refund sent | the refund's account | 580100 | ref:ID:out |
| refund failed after sent | 580100 | the refund's account | ref:ID:back |
| transfer ordered | whose money it is | 580400 | sct:ORDER:sent |
| transfer booked | 580400 | 550100 | sct:ORDER:booked |
| settlement of the provider | 550100 | 580100 | settle:REFERENCE |

ID is the provider's id: the fact is the provider's. The actor of a provider's fact is the rail, whoever fetched it.
"""

from datetime import date

from ledger.accounts import AccountRef
from ledger.journal import JournalEntry, Posting
from ledger.payments.model import (
    CLIENT_BANK,
    PROVIDER_BALANCE,
    TRANSFERS_OUT,
    UNKNOWN_MOVEMENTS,
    TransferKind,
)

RAIL_ACTOR = "system:payment-rail"
_PURPOSES = {TransferKind.DISBURSEMENT: "transfer", TransferKind.PAYOUT: "payout"}


def payment_received(
    provider_id: str, *, amount_cents: int, credit: AccountRef, expected: bool, on: date, evidence: str
) -> JournalEntry:
    """Money of a payment stands at the provider."""
    return _entry(
        paid_key(provider_id),
        "payment-received" if expected else "payment-unexpected",
        on,
        debit=PROVIDER_BALANCE,
        credit=credit,
        amount_cents=amount_cents,
        actor=RAIL_ACTOR,
        evidence=evidence,
    )


def refund_sent(provider_id: str, *, amount_cents: int, debit: AccountRef, on: date, evidence: str) -> JournalEntry:
    """Money of a refund has left the provider's balance."""
    return _entry(
        refund_out_key(provider_id),
        "refund-not-ordered-here" if debit == UNKNOWN_MOVEMENTS else "refund-sent",
        on,
        debit=debit,
        credit=PROVIDER_BALANCE,
        amount_cents=amount_cents,
        actor=RAIL_ACTOR,
        evidence=evidence,
    )


def refund_failed(provider_id: str, *, amount_cents: int, debit: AccountRef, on: date, evidence: str) -> JournalEntry:
    """Money of a refund that had left has come back to the provider's balance."""
    return _entry(
        refund_back_key(provider_id),
        "refund-failed",
        on,
        debit=PROVIDER_BALANCE,
        credit=debit,
        amount_cents=amount_cents,
        actor=RAIL_ACTOR,
        evidence=evidence,
    )


def transfer_ordered(
    order_id: str, *, kind: TransferKind, amount_cents: int, debit: AccountRef, on: date, actor: str, approval_id: str
) -> JournalEntry:
    """A transfer is released to be executed at the bank."""
    return _entry(
        f"sct:{order_id}:sent",
        f"{_PURPOSES[kind]}-ordered",
        on,
        debit=debit,
        credit=TRANSFERS_OUT,
        amount_cents=amount_cents,
        actor=actor,
        approvals=(approval_id,),
    )


def transfer_booked(
    order_id: str, *, kind: TransferKind, amount_cents: int, on: date, actor: str, evidence: str
) -> JournalEntry:
    """The bank statement shows the transfer."""
    return _entry(
        f"sct:{order_id}:booked",
        f"{_PURPOSES[kind]}-booked",
        on,
        debit=TRANSFERS_OUT,
        credit=CLIENT_BANK,
        amount_cents=amount_cents,
        actor=actor,
        evidence=evidence,
    )


def provider_settlement(reference: str, *, amount_cents: int, on: date, actor: str, evidence: str) -> JournalEntry:
    """The bank statement shows money that the provider paid out."""
    return _entry(
        settlement_key(reference),
        "provider-settlement",
        on,
        debit=CLIENT_BANK,
        credit=PROVIDER_BALANCE,
        amount_cents=amount_cents,
        actor=actor,
        evidence=evidence,
    )


def paid_key(provider_id: str) -> str:
    """The fact key of a payment received."""
    return f"pay:{provider_id}:paid"


def refund_out_key(provider_id: str) -> str:
    """The fact key of a refund that left."""
    return f"ref:{provider_id}:out"


def refund_back_key(provider_id: str) -> str:
    """The fact key of a refund that came back."""
    return f"ref:{provider_id}:back"


def settlement_key(reference: str) -> str:
    """The fact key of a settlement seen on the bank statement."""
    return f"settle:{reference}"


def _entry(  # noqa: PLR0913 -- the columns of the table above
    key: str,
    purpose: str,
    on: date,
    *,
    debit: AccountRef,
    credit: AccountRef,
    amount_cents: int,
    actor: str,
    evidence: str | None = None,
    approvals: tuple[str, ...] = (),
) -> JournalEntry:
    lines = (Posting(debit, debit=amount_cents), Posting(credit, credit=amount_cents))
    return JournalEntry(key, on, purpose, lines, actor=actor, evidence=evidence, approvals=approvals)
