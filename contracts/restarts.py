"""Whether an enterprise may raise money again after a failure, and until when its lenders are told of it.

The file of a loan in difficulty is kept by `contracts.secondchance`, above the offers and the pledges that must heed
it: here is the little of it that they read. An enterprise's loans are those whose claims the ledger says it owes or
owed (account 021000); a file's state is its newest move.
"""

from collections.abc import Iterator
from datetime import date

import sqlalchemy as sa

from contracts import moves
from contracts.claims import loan_of
from ledger import balances
from ledger.errors import Refusal

FILE = ":file"
"""What moves of a loan's file go by, after the loan's id."""
DISCLOSED_UNTIL = "disclosed_until"
"""The fact of the move that allows a new start: the first day on which lenders are told of the failure no more."""
BEGINS_AGAIN = "second_chance"
MAY_BORROW = frozenset({"performing", BEGINS_AGAIN})
"""States in which a file stands in no offer's way: no difficulty left, or re-eligible; as `State` there names them."""


def check_may_borrow(connection: sa.Connection, book_id: str, borrower: str) -> None:
    """Refuses `earlier-loan-unresolved`: a file of the borrower is open, or ended without a right to a new start."""
    for loan_id, newest in _files(connection, book_id, borrower):
        if newest.to_state not in MAY_BORROW:
            raise Refusal("earlier-loan-unresolved", loan_id=loan_id)


def told_until(connection: sa.Connection, book_id: str, borrower: str, on: date) -> date | None:
    """The first day on which lenders are told of no failure of the borrower any more; None if that is so on `on`."""
    allowed = [newest for _, newest in _files(connection, book_id, borrower) if newest.to_state == BEGINS_AGAIN]
    ends = [date.fromisoformat(str(newest.facts[DISCLOSED_UNTIL])) for newest in allowed]
    return max((each for each in ends if on < each), default=None)


def _files(connection: sa.Connection, book_id: str, borrower: str) -> Iterator[tuple[str, moves.Move]]:
    """The borrower's loans whose file has moved, each with the newest move."""
    owed = balances.balances(connection, book_id, code_prefix="021000", owner=borrower)
    loans = [loan_id for each in owed if (loan_id := loan_of(each.account.asset)) is not None]
    found = moves.moves_of(connection, book_id, [f"{loan_id}{FILE}" for loan_id in loans])
    for object_id, history in found.items():
        if history:
            yield object_id.removesuffix(FILE), history[-1]
