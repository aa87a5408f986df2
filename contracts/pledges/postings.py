"""The journal entries that a pledge causes. Its payment and its refund are facts of `ledger.payments`, not posted here.

| event | debit | credit | fact key |
|---|---|---|---|
| pledge-withdrawn (it was paid) | 489100 lender | 489400 lender | wd:<pledge> |
| pledge-withdrawn (its payment arrives later) | 489100 lender | 489400 lender | wd:<pledge> |
| payment-unusable (a second payment, or one that came too late) | 489100 lender | 489400 lender | excess:<payment> |
| pledge-firm | 489100 lender | 489200 lender | pledge:<id>:firm |
"""

from datetime import date

from contracts.pledges.model import Pledge
from ledger.accounts import AccountRef
from ledger.journal import JournalEntry, Posting


def in_reflection(lender: str) -> AccountRef:
    """Where a pledge's payment is held until its reflection is over."""
    return AccountRef("489100", lender)


def firm(lender: str) -> AccountRef:
    """Where a firm pledge's money waits for the issue."""
    return AccountRef("489200", lender)


def to_refund(party: str) -> AccountRef:
    """Where money that must go back to its payer waits until it is sent."""
    return AccountRef("489400", party)


def pledge_withdrawn(pledge: Pledge, *, on: date, actor: str) -> JournalEntry:
    """A paid pledge is withdrawn: its money is to be refunded."""
    return _move(f"wd:{pledge.pledge_id}", "pledge-withdrawn", pledge, on, actor, credit=to_refund(pledge.lender))


def pledge_firm(pledge: Pledge, *, on: date, actor: str) -> JournalEntry:
    """The reflection period is over: the money is committed to the issue."""
    return _move(f"pledge:{pledge.pledge_id}:firm", "pledge-firm", pledge, on, actor, credit=firm(pledge.lender))


def payment_unusable(*, payment_id: str, lender: str, amount_cents: int, on: date, actor: str) -> JournalEntry:
    """Money booked to a pledge that could not take it any more is to be refunded."""
    return JournalEntry(
        key=f"excess:{payment_id}",
        effective_on=on,
        purpose="payment-unusable",
        postings=(
            Posting(in_reflection(lender), debit=amount_cents),
            Posting(to_refund(lender), credit=amount_cents),
        ),
        actor=actor,
    )


def _move(key: str, purpose: str, pledge: Pledge, on: date, actor: str, *, credit: AccountRef) -> JournalEntry:
    return JournalEntry(
        key=key,
        effective_on=on,
        purpose=purpose,
        postings=(
            Posting(in_reflection(pledge.lender), debit=pledge.amount_cents),
            Posting(credit, credit=pledge.amount_cents),
        ),
        actor=actor,
    )
