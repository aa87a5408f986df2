"""The journal entries that a pledge causes. Its payment and its refund are facts of `ledger.payments`, not posted here.

| event | debit | credit | fact key |
|---|---|---|---|
| pledge-withdrawn | 489100 or 489200 lender | 489400 lender | wd:<pledge> |
| pledge-firm | 489100 lender | 489200 lender | pledge:<pledge>:firm |
| payment-unusable | 489100 lender | 489400 lender | excess:<payment> |

A withdrawal is posted where the pledge was paid, or when its payment arrives afterwards; out of 489200 where it was
firm and its offer's sheet was amended. A payment is unusable where it
is a second one, or came too late.
"""

from datetime import date

from contracts.pledges.model import Pledge
from ledger.accounts import AccountRef
from ledger.journal import JournalEntry
from ledger.templates import DatedBy, Template, credit, debit

PLEDGE_WITHDRAWN = Template(
    "pledge-withdrawn",
    key="wd:<pledge>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("489100", "489200", of="lender", given=True), credit("489400", of="lender")),
)
PLEDGE_FIRM = Template(
    "pledge-firm",
    key="pledge:<pledge>:firm",
    dated_by=DatedBy.AGREEMENT,
    legs=(debit("489100", of="lender"), credit("489200", of="lender")),
)
PAYMENT_UNUSABLE = Template(
    "payment-unusable",
    key="excess:<payment>",
    dated_by=DatedBy.CAUSE,
    legs=(debit("489100", of="lender"), credit("489400", of="lender")),
)
TEMPLATES = (PLEDGE_WITHDRAWN, PLEDGE_FIRM, PAYMENT_UNUSABLE)


def in_reflection(lender: str) -> AccountRef:
    """Where a pledge's payment is held until its reflection is over."""
    return AccountRef("489100", lender)


def committed(lender: str) -> AccountRef:
    """Where a firm pledge's money is until it is issued."""
    return AccountRef("489200", lender)


def to_refund(party: str) -> AccountRef:
    """Where money that must go back to its payer waits until it is sent."""
    return AccountRef("489400", party)


def pledge_withdrawn(pledge: Pledge, *, is_firm: bool, on: date, actor: str) -> JournalEntry:
    """A paid pledge is withdrawn: its money is to be refunded."""
    stood_on = committed(pledge.lender) if is_firm else in_reflection(pledge.lender)
    return _move(PLEDGE_WITHDRAWN, pledge, on, actor, account=stood_on)


def pledge_firm(pledge: Pledge, *, on: date, actor: str) -> JournalEntry:
    """The reflection period is over: the money is committed to the issue."""
    return _move(PLEDGE_FIRM, pledge, on, actor)


def payment_unusable(*, payment_id: str, lender: str, amount_cents: int, on: date, actor: str) -> JournalEntry:
    """Money booked to a pledge that could not take it any more is to be refunded."""
    ids = {"payment": payment_id, "lender": lender}
    return PAYMENT_UNUSABLE.entry(on=on, actor=actor, ids=ids, amounts={"amount": amount_cents})


def _move(
    template: Template, pledge: Pledge, on: date, actor: str, *, account: AccountRef | None = None
) -> JournalEntry:
    ids = {"pledge": pledge.pledge_id, "lender": pledge.lender}
    return template.entry(on=on, actor=actor, ids=ids, amounts={"amount": pledge.amount_cents}, account=account)
