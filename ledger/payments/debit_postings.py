"""Direct debit -> journal entry, one function per event.

| event | debit | credit | fact key |
|---|---|---|---|
| debit-collected | 550100 | 489600 loan | sdd:<debit>:booked |
| debit-unexpected | 550100 | 489400 payer | sdd:<debit>:booked |
| debit-returned | 489600 or 489400 or 416300 holder | 550100 | sdd:<debit>:back |
"""

from datetime import date

from ledger.accounts import AccountRef
from ledger.journal import JournalEntry
from ledger.templates import DatedBy, Template, credit, debit

DEBIT_COLLECTED = Template(
    "debit-collected",
    key="sdd:<debit>:booked",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("550100"), credit("489600", of="loan", given=True)),
)
DEBIT_UNEXPECTED = Template(
    "debit-unexpected",
    key="sdd:<debit>:booked",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("550100"), credit("489400", of="payer", given=True)),
)
DEBIT_RETURNED = Template(
    "debit-returned",
    key="sdd:<debit>:back",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("489600", "489400", "416300", of="holder", given=True), credit("550100")),
)
TEMPLATES = (DEBIT_COLLECTED, DEBIT_UNEXPECTED, DEBIT_RETURNED)


def debit_collected(
    debit_id: str, *, amount_cents: int, credit: AccountRef, expected: bool, on: date, actor: str, evidence: str
) -> JournalEntry:
    """The bank statement shows a direct debit that was collected."""
    template = DEBIT_COLLECTED if expected else DEBIT_UNEXPECTED
    ids, amounts = {"debit": debit_id}, {"amount": amount_cents}
    return template.entry(on=on, actor=actor, ids=ids, amounts=amounts, account=credit, evidence=evidence)


def debit_returned(
    debit_id: str, *, amount_cents: int, debit: AccountRef, on: date, actor: str, evidence: str
) -> JournalEntry:
    """The debtor's bank has taken a direct debit back."""
    ids, amounts = {"debit": debit_id}, {"amount": amount_cents}
    return DEBIT_RETURNED.entry(on=on, actor=actor, ids=ids, amounts=amounts, account=debit, evidence=evidence)
