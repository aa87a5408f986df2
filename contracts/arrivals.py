"""Transfers that came and whose place is still looked for, as who sent them sees them.

A transfer with a wrong amount or communication is money in suspense (`ledger.payments.suspense`). It is shown to the
citizen whose verified account it came from, and to the one whose payment it is probably for: amount and days only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from contracts.parties.queries import Keeper, iban_as_of
from ledger.payments.matching import Reason
from ledger.payments.suspense import SuspenseItem, open_items


@dataclass(frozen=True, slots=True, kw_only=True)
class BeingMatched:
    """A transfer of `amount_cents` that arrived and has no place yet; without one it goes back by `return_by`."""

    amount_cents: int
    received_on: date
    return_by: date
    amount_differs: bool


def being_matched(connection: sa.Connection, keeper: Keeper, party_id: str, on: date) -> list[BeingMatched]:
    """What came from the party's verified account, or is probably meant for her payments, the oldest first."""
    return [
        BeingMatched(
            amount_cents=item.amount_cents,
            received_on=item.received_on,
            return_by=item.return_by,
            amount_differs=item.reason is Reason.AMOUNT_DIFFERS,
        )
        for item in _of_party(connection, keeper, party_id, on)
    ]


def _of_party(connection: sa.Connection, keeper: Keeper, party_id: str, on: date) -> Iterator[SuspenseItem]:
    account = iban_as_of(connection, keeper, party_id, on)
    own = account.iban if account is not None and account.verified_at is not None else None
    for item in open_items(keeper, connection):
        came_from = {payer.iban for payer in item.payers}
        if (own is not None and own in came_from) or any(each.payer == party_id for each in item.proposal):
            yield item
