"""Line of a bank statement -> journal entry, one function per event; and what becomes of money in suspense.

| event | debit | credit | fact key |
|---|---|---|---|
| transfer-received | 550100 | 489100 or 489600 lender or loan | camt:<line> |
| transfer-unexpected | 550100 | 489400 payer | camt:<line> |
| transfer-unidentified | 550100 | 499100 item | camt:<line> |
| client-account-topped-up | 550100 | 550200 | camt:<line> |
| bank-charge | 657000 | 550100 | camt:<line> |
| bank-debit-unknown | 499200 | 550100 | camt:<line> |
| suspense-divided | 499100 … item | 499100 … item | suspense:<approval> |
| suspense-assigned | 499100 item | 489100 or 489400 or 489600 lender or loan | suspense:<item>:<payment> |
| suspense-to-return | 499100 item | 489400 payer | suspense:<item>:back |

<line> is the account, the statement, the bank's reference and the index of the detail. A provider's payout, a transfer
of ours that was carried out or came back, and a debit have their own events in `ledger.payments.postings`. Every
item in suspense has an account of its own, so that no more can be taken from it than came. The payer of an item
that goes back is known only by the account the money came from: the item's own token stands for her.
"""

from collections.abc import Sequence
from datetime import date

from ledger.accounts import AccountRef
from ledger.journal import JournalEntry
from ledger.templates import DatedBy, Template, credit, debit

BANK_ACTOR = "system:bank"
SUSPENSE = "499100"
"""Code of the account of items that nobody could place."""

TRANSFER_RECEIVED = Template(
    "transfer-received",
    key="camt:<line>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("550100"), credit("489100", "489600", of="lender or loan", given=True)),
)
TRANSFER_UNEXPECTED = Template(
    "transfer-unexpected",
    key="camt:<line>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("550100"), credit("489400", of="payer", given=True)),
)
TRANSFER_UNIDENTIFIED = Template(
    "transfer-unidentified",
    key="camt:<line>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("550100"), credit("499100", of="item")),
)
TOPPED_UP = Template(
    "client-account-topped-up",
    key="camt:<line>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("550100"), credit("550200")),
)
BANK_CHARGE = Template(
    "bank-charge",
    key="camt:<line>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("657000"), credit("550100")),
)
DEBIT_UNKNOWN = Template(
    "bank-debit-unknown",
    key="camt:<line>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("499200"), credit("550100")),
)
SUSPENSE_DIVIDED = Template(
    "suspense-divided",
    key="suspense:<approval>",
    dated_by=DatedBy.CAUSE,
    legs=(debit("499100", of="item", many=True), credit("499100", of="item", many=True)),
)
SUSPENSE_ASSIGNED = Template(
    "suspense-assigned",
    key="suspense:<item>:<payment>",
    dated_by=DatedBy.CAUSE,
    legs=(debit("499100", of="item"), credit("489100", "489400", "489600", of="lender or loan", given=True)),
)
SUSPENSE_TO_RETURN = Template(
    "suspense-to-return",
    key="suspense:<item>:back",
    dated_by=DatedBy.CAUSE,
    legs=(debit("499100", of="item"), credit("489400", of="payer")),
)
TEMPLATES = (
    TRANSFER_RECEIVED,
    TRANSFER_UNEXPECTED,
    TRANSFER_UNIDENTIFIED,
    TOPPED_UP,
    BANK_CHARGE,
    DEBIT_UNKNOWN,
    SUSPENSE_DIVIDED,
    SUSPENSE_ASSIGNED,
    SUSPENSE_TO_RETURN,
)


def line_key(key: str) -> str:
    """The fact key of a line of a statement."""
    return TRANSFER_RECEIVED.fact_key({"line": key})


def transfer_received(
    key: str, *, amount_cents: int, credit: AccountRef, expected: bool, on: date, evidence: str
) -> JournalEntry:
    """Money that was asked for stands on the client account."""
    template = TRANSFER_RECEIVED if expected else TRANSFER_UNEXPECTED
    return _line(template, key, amount_cents, on, evidence, account=credit)


def transfer_unidentified(key: str, *, item_id: str, amount_cents: int, on: date, evidence: str) -> JournalEntry:
    """Money has arrived, and nobody knows yet what for."""
    return _line(TRANSFER_UNIDENTIFIED, key, amount_cents, on, evidence, item=item_id)


def topped_up(key: str, *, amount_cents: int, on: date, evidence: str) -> JournalEntry:
    """The operator has paid from its own account into the client account."""
    return _line(TOPPED_UP, key, amount_cents, on, evidence)


def bank_charge(key: str, *, amount_cents: int, on: date, evidence: str) -> JournalEntry:
    """The bank has taken its charge from the client account; the operator owes it there."""
    return _line(BANK_CHARGE, key, amount_cents, on, evidence)


def debit_unknown(key: str, *, amount_cents: int, on: date, evidence: str) -> JournalEntry:
    """Money has left the client account that nobody here has ordered."""
    return _line(DEBIT_UNKNOWN, key, amount_cents, on, evidence)


def suspense_divided(
    before: Sequence[tuple[str, int]], after: Sequence[tuple[str, int]], *, on: date, actor: str, approval_id: str
) -> JournalEntry:
    """Items (token, cents) become others of the same total: one is split, or several are joined."""
    gone, come = SUSPENSE_DIVIDED.legs
    postings = [gone.posting(item_account(token), cents) for token, cents in before]
    postings += [come.posting(item_account(token), cents) for token, cents in after]
    key = SUSPENSE_DIVIDED.fact_key({"approval": approval_id})
    return SUSPENSE_DIVIDED.entry_of(postings, key=key, on=on, actor=actor, approvals=(approval_id,))


def suspense_assigned(
    item_id: str,
    *,
    payment_id: str,
    amount_cents: int,
    credit: AccountRef,
    on: date,
    actor: str,
    approval_id: str,
) -> JournalEntry:
    """An item, or part of it, is what a payment was asked for."""
    return SUSPENSE_ASSIGNED.entry(
        on=on,
        actor=actor,
        ids={"item": item_id, "payment": payment_id},
        amounts={"amount": amount_cents},
        account=credit,
        approvals=(approval_id,),
    )


def suspense_to_return(item_id: str, *, amount_cents: int, on: date, actor: str, approval_id: str) -> JournalEntry:
    """An item goes back to the account it came from."""
    return SUSPENSE_TO_RETURN.entry(
        on=on,
        actor=actor,
        ids={"item": item_id, "payer": item_id},
        amounts={"amount": amount_cents},
        approvals=(approval_id,),
    )


def assigned_key(item_id: str, payment_id: str) -> str:
    """The fact key of an item that is what a payment was asked for."""
    return SUSPENSE_ASSIGNED.fact_key({"item": item_id, "payment": payment_id})


def item_account(item_id: str) -> AccountRef:
    """The account of one item in suspense."""
    return AccountRef(SUSPENSE, item_id)


def _line(
    template: Template,
    key: str,
    amount_cents: int,
    on: date,
    evidence: str,
    *,
    account: AccountRef | None = None,
    **ids: str,
) -> JournalEntry:
    return template.entry(
        on=on,
        actor=BANK_ACTOR,
        ids={"line": key, **ids},
        amounts={"amount": amount_cents},
        account=account,
        evidence=evidence,
    )
