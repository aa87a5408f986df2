"""The journal entries that an offer causes: only its failure moves money, and gives every pledge back.

| event | debit | credit | fact key |
|---|---|---|---|
| campaign-failed, the pledge is firm | 489200 lender | 489400 lender | pledge:<id>:back |
| campaign-failed, the pledge is in reflection | 489100 lender | 489400 lender | pledge:<id>:back |
"""

from datetime import date

from ledger.accounts import AccountRef
from ledger.journal import JournalEntry, Posting


def campaign_failed(
    *, pledge_id: str, lender: str, amount_cents: int, firm: bool, on: date, actor: str
) -> JournalEntry:
    """The money of one pledge leaves the campaign and waits to be sent back to its lender."""
    held = AccountRef("489200" if firm else "489100", lender)
    return JournalEntry(
        key=f"pledge:{pledge_id}:back",
        effective_on=on,
        purpose="campaign-failed",
        postings=(Posting(held, debit=amount_cents), Posting(AccountRef("489400", lender), credit=amount_cents)),
        actor=actor,
    )
