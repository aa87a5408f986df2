"""The journal entries that an offer causes: only its failure moves money, and gives every pledge back.

| event | debit | credit | fact key |
|---|---|---|---|
| campaign-failed | 489200 or 489100 lender | 489400 lender | pledge:<pledge>:back |

The money is in 489200 where the pledge is firm, and in 489100 where it is still in reflection.
"""

from datetime import date

from ledger.accounts import AccountRef
from ledger.journal import JournalEntry
from ledger.templates import DatedBy, Template, credit, debit

CAMPAIGN_FAILED = Template(
    "campaign-failed",
    key="pledge:<pledge>:back",
    dated_by=DatedBy.AGREEMENT,
    legs=(debit("489200", "489100", of="lender", given=True), credit("489400", of="lender")),
)
TEMPLATES = (CAMPAIGN_FAILED,)


def campaign_failed(
    *, pledge_id: str, lender: str, amount_cents: int, firm: bool, on: date, actor: str
) -> JournalEntry:
    """The money of one pledge leaves the campaign and waits to be sent back to its lender."""
    return CAMPAIGN_FAILED.entry(
        on=on,
        actor=actor,
        ids={"pledge": pledge_id, "lender": lender},
        amounts={"amount": amount_cents},
        account=AccountRef("489200" if firm else "489100", lender),
    )
