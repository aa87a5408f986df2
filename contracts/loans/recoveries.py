"""What is known of the money that is expected after a loan was lost: asked for, awaited, received."""

import sqlalchemy as sa

from contracts import moves
from contracts.loans.books import LoanBook, loan_books
from contracts.loans.lifecycle import RECOVERED, RECOVERY_EXPECTED
from contracts.loans.model import RECOVERY, RecoveryLine, due_of
from ledger.payments.queries import open_transfers, payments_for
from ledger.payments.references import printed_communication


def recoveries_of(connection: sa.Connection, book_id: str, book: LoanBook) -> list[RecoveryLine]:
    """Every recovery that was expected of a loan, in order."""
    came, asked = {move.facts["n"]: move for move in book.events(RECOVERED)}, book.events(RECOVERY_EXPECTED)
    return [_line(connection, book_id, book, move, came.get(move.facts["n"])) for move in asked]


def awaited_recoveries(connection: sa.Connection, book_id: str) -> list[tuple[LoanBook, RecoveryLine]]:
    """Every recovery whose transfer has not come yet, with its loan; the longest awaited first."""
    waiting = [due_of(each.reference) for each in open_transfers(connection, book_id, RECOVERY)]
    found = loan_books(connection, book_id, {loan_id for loan_id, _ in waiting})
    lines = {loan_id: recoveries_of(connection, book_id, book) for loan_id, book in found.items()}
    return [(found[loan_id], lines[loan_id][n - 1]) for loan_id, n in waiting]


def _line(
    connection: sa.Connection, book_id: str, book: LoanBook, expected: moves.Move, came: moves.Move | None
) -> RecoveryLine:
    n = int(str(expected.facts["n"]))
    asked = payments_for(connection, book_id, f"{RECOVERY}{book.loan.loan_id}:{n}")
    return RecoveryLine(
        n=n,
        amount_cents=int(str(expected.facts["amount_cents"])),
        expected_on=expected.effective_on,
        communication=printed_communication(asked[0].structured_reference or ""),
        received_on=None if came is None else came.effective_on,
        recovered_cents=0 if came is None else int(str(came.facts["recovered_cents"])),
    )
