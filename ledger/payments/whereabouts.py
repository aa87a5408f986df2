"""Where the money of payments is that the provider took: still with it, or at the bank.

The provider's settlements are sums, and those that staff books from the statement alone name no payments. So the money
that came first is taken to have left first: what stands on the provider's balance, or on its way from there, is of the
newest payments. A campaign whose payments are among these has no cash of its own at the bank for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from ledger import balances
from ledger.payments import tables as t
from ledger.payments.model import PROVIDER_BALANCE, SETTLEMENTS_DUE
from ledger.payments.postings import PAYMENT_RECEIVED
from ledger.storage import bulk

_PAGE = 500
_FROM_THE_NEWEST = 2**62
_BEFORE, _AFTER = PAYMENT_RECEIVED.fact_key({"id": "|"}).split("|")
"""What stands before and after the provider's id in the fact key of a receipt, expected or not."""


@dataclass(frozen=True, slots=True)
class NotBanked:
    """A payment of which `cents` have not reached the bank; `reference` says what it was for."""

    payment_id: str
    reference: str
    cents: int


def not_banked(connection: sa.Connection, book_id: str) -> list[NotBanked]:
    """The payments whose money the bank has not booked, the newest first; the last of them may be so in part.

    What refunds and chargebacks took of a payment stands nowhere any more.
    """
    standing = sum(balances.balance(connection, book_id, account) for account in (PROVIDER_BALANCE, SETTLEMENTS_DUE))
    found: list[NotBanked] = []
    before_seq = _FROM_THE_NEWEST
    while standing > 0 and before_seq > 1:
        lines = balances.statement(connection, book_id, PROVIDER_BALANCE, before_seq=before_seq, limit=_PAGE)
        for payment in _payments(connection, book_id, [line.key for line in lines]):
            cents = min(standing, payment.cents)
            standing -= cents
            found += [NotBanked(payment.payment_id, payment.reference, cents)] if cents > 0 else []
        before_seq = lines[-1].seq if lines else 0
    return found


def _payments(connection: sa.Connection, book_id: str, keys: Sequence[str]) -> list[NotBanked]:
    """The payments whose receipts these fact keys are, in their order, each with what was not taken back of it."""
    ids = [key[len(_BEFORE) : -len(_AFTER)] for key in keys if key.startswith(_BEFORE) and key.endswith(_AFTER)]
    c, o = t.payment.c, t.payment_outflow.c
    taken = t.payment.outerjoin(t.payment_outflow, sa.and_(o.book_id == c.book_id, o.payment_id == c.payment_id))
    left = (c.amount_cents - sa.func.coalesce(o.left_cents, 0)).label("left_cents")
    query = sa.select(c.provider_id, c.payment_id, c.reference, left).select_from(taken)
    rows = connection.execute(query.where(c.book_id == book_id, bulk.among(connection, c.provider_id, ids)))
    found = {row.provider_id: NotBanked(row.payment_id, row.reference, int(row.left_cents)) for row in rows}
    return [found[provider_id] for provider_id in ids if provider_id in found]
