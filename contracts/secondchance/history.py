"""What lenders of a new loan are told of an enterprise that failed before and may borrow again: for five years."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from contracts.loans.books import LoanBook, loan_books, loan_ids
from contracts.loans.tables import loan
from contracts.restarts import DISCLOSED_UNTIL, told_until
from contracts.secondchance.model import State
from contracts.secondchance.queries import ChanceFile, chance_file, loans_in
from ledger.storage import bulk


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierFailure:
    """An earlier loan in difficulty: since when, what was lent and not repaid, and when a new start was allowed.

    `not_repaid_cents` is principal that was lost, or that plans cut or made shares; it is told until `until_on`.
    """

    began_on: date
    lent_cents: int
    not_repaid_cents: int
    again_on: date
    until_on: date


def disclosed_failures(connection: sa.Connection, book_id: str, borrower: str, on: date) -> list[EarlierFailure]:
    """The borrower's failures that are still told on a day, oldest first."""
    own = set(loan_ids(connection, book_id, borrower))
    again = [each for each in loans_in(connection, book_id, State.SECOND_CHANCE) if each in own] if own else []
    books = loan_books(connection, book_id, again)
    found = [_failure(chance_file(connection, book_id, each), books[each], on) for each in again]
    return sorted((each for each in found if on < each.until_on), key=lambda each: each.again_on)


def beginning_again(connection: sa.Connection, book_id: str, on: date) -> frozenset[str]:
    """The borrowers of whom a failure is told on a day: only who agreed to fund second chances may lend to them."""
    again = loans_in(connection, book_id, State.SECOND_CHANCE)
    c = loan.c
    query = sa.select(c.borrower).where(c.book_id == book_id, bulk.among(connection, c.loan_id, again)).distinct()
    borrowers = connection.scalars(query).all() if again else ()
    return frozenset(each for each in borrowers if told_until(connection, book_id, each, on) is not None)


def _failure(file: ChanceFile, book: LoanBook, on: date) -> EarlierFailure:
    newest, changes = file.history[-1], [each.total for each in book.rebases]
    given_up = sum(each.cut_cents + each.converted_cents for each in changes)
    return EarlierFailure(
        began_on=file.history[0].effective_on,
        lent_cents=book.loan.principal_cents,
        not_repaid_cents=book.position.lost_cents(on) + given_up,
        again_on=newest.effective_on,
        until_on=date.fromisoformat(str(newest.facts[DISCLOSED_UNTIL])),
    )
