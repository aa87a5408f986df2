"""What of every loan is to be filed with the Fund, until when, and what waits for its answer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import sqlalchemy as sa

from contracts.loans.books import LoanBook, loan_book, loan_books, loan_ids
from contracts.registration.lifecycle import TO_FILE, RegisterState
from contracts.registration.queries import Registration, registrations
from contracts.schemes.rules import Rule, rule
from contracts.terms.dates import add_months
from ledger.errors import Refusal


class FilingState(StrEnum):
    """What a loan's registration waits for; a loan with anything left to file is `to_file`."""

    TO_FILE = "to_file"
    AWAITED = "awaited"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """A loan's agreements with the Fund; `file_by` is the last day by the rule `term`, None where no rule is known."""

    loan_id: str
    title: str
    agreed_on: date
    agreements: tuple[Registration, ...]
    file_by: date | None
    term: Rule | None

    @property
    def state(self) -> FilingState:
        """What comes next."""
        if self.count_in(TO_FILE):
            return FilingState.TO_FILE
        return FilingState.AWAITED if self.count_in({RegisterState.FILED}) else FilingState.ANSWERED

    def count_in(self, states: Collection[RegisterState]) -> int:
        """How many agreements are in one of the states."""
        return sum(each.state in states for each in self.agreements)

    @property
    def count_waiting(self) -> int:
        """How many agreements its state is about: to be filed, awaited, or registered."""
        of_state = {FilingState.TO_FILE: TO_FILE, FilingState.AWAITED: {RegisterState.FILED}}
        return self.count_in(of_state.get(self.state, {RegisterState.REGISTERED}))

    def days_left(self, on: date) -> int | None:
        """Days after `on` until the last day, negative once it is past; None where no last day is known."""
        return None if self.file_by is None else (self.file_by - on).days


def filings(connection: sa.Connection, book_id: str) -> list[Filing]:
    """Every loan: first those with something to file, by their last day, then those whose answer is awaited."""
    books = loan_books(connection, book_id, loan_ids(connection, book_id))
    found = [_filing(connection, book_id, book) for book in books.values()]
    order = list(FilingState)
    return sorted(found, key=lambda each: (order.index(each.state), each.file_by or date.max, each.loan_id))


def filing(connection: sa.Connection, book_id: str, loan_id: str) -> Filing:
    """One loan's; refuses `loan-not-known`."""
    return _filing(connection, book_id, loan_book(connection, book_id, loan_id))


def chosen(known: Sequence[Registration], loan_id: str, numbers: Collection[int]) -> list[str]:
    """The pledges of the agreements with these numbers; refuses `agreement-not-of-loan`."""
    by_number = {each.number: each.pledge_id for each in known}
    for number in numbers:
        if number not in by_number:
            raise Refusal("agreement-not-of-loan", loan_id=loan_id, pledge_id=str(number))
    return [by_number[number] for number in sorted(set(numbers))]


def _filing(connection: sa.Connection, book_id: str, book: LoanBook) -> Filing:
    term = _term(book.loan.scheme, book.loan.agreed_on)
    return Filing(
        loan_id=book.loan.loan_id,
        title=book.loan.title,
        agreed_on=book.loan.agreed_on,
        agreements=tuple(registrations(connection, book_id, book)),
        file_by=None if term is None else add_months(book.loan.agreed_on, term.integer()),
        term=term,
    )


def _term(scheme: str, agreed_on: date) -> Rule | None:
    try:
        return rule(scheme, "registration_months", agreed_on)
    except Refusal:
        return None
