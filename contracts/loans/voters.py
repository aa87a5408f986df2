"""Who votes on a loan, and with what: its lenders, by what the ledger has outstanding to each on the record date."""

from datetime import date

import sqlalchemy as sa

from contracts.claims import claim_asset
from contracts.votes.service import Claim
from ledger import balances

_CLAIMS = "020000"


def voters_of(
    connection: sa.Connection, book_id: str, loan_id: str, *, on: date, known_at: int | None = None
) -> list[Claim]:
    """The claims of a loan by date of effect on the day `on`, one a lender; those that come to nothing are left out.

    They are positions in the loan's asset, in cents of principal; with `known_at`, as known at that entry.
    """
    found = balances.balances(
        connection, book_id, code_prefix=_CLAIMS, asset=claim_asset(loan_id).code, on=on, known_at=known_at
    )
    return [Claim(voter=each.account.owner, cents=each.signed) for each in found if each.signed > 0]
