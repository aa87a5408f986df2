"""What falls due with a date for loans in difficulty: dues that a file follows, a reminder to vote, and the count.

Each file moves in a unit of work of its own.
"""

from datetime import date

from contracts.loans.books import loan_book
from contracts.loans.steps import JOB
from contracts.secondchance import service
from contracts.secondchance.model import State
from contracts.secondchance.queries import chance_file, loans_in, open_files
from contracts.secondchance.voting import CLOSING_MAIL, reminded_on, tell_voters
from contracts.votes.published import Spec
from contracts.votes.queries import silent_voters, spec_of
from ledger.book import Book
from ledger.clock import brussels_date

_FOLLOWING = frozenset({State.PERFORMING, State.LATE, State.EARLY_WARNING, State.CURED})
"""States that a due, or its payment, leads out of by itself."""


def follow_dues(book: Book, on: date) -> int:
    """Dated job: let every open file follow its loan's dues; gives the number of moves."""
    with book.read() as connection:
        followed = [file for file in open_files(connection, book.book_id) if file.state in _FOLLOWING]
    moved = 0
    for file in followed:
        with book.unit_of_work(actor=JOB) as uow:
            moved += len(service.observe(uow, file.loan_id, on=max(on, file.last_on or on)))
    return moved


def remind_voters(book: Book, on: date) -> int:
    """Dated job: write to lenders who have not voted yet, before the vote on their plan ends; gives how many."""
    reminded = 0
    for loan_id, spec in _under_way(book):
        if reminded_on(spec.opens_at, spec.closes_at) != on:
            continue
        with book.unit_of_work(actor=JOB) as uow:
            silent = silent_voters(uow.connection, uow.book_id, spec.vote_id)
            loan = loan_book(uow.connection, uow.book_id, loan_id).loan
            tell_voters(uow, loan, CLOSING_MAIL, spec.vote_id, silent)
            reminded += len(silent)
    return reminded


def count_due_votes(book: Book, on: date) -> int:
    """Dated job: count every vote on a plan that has ended, and do what it says; gives how many."""
    ended = [loan_id for loan_id, spec in _under_way(book) if brussels_date(spec.closes_at) <= on]
    for loan_id in ended:
        with book.unit_of_work(actor=JOB) as uow:
            service.count_vote(uow, loan_id, on=uow.today())
    return len(ended)


def _under_way(book: Book) -> list[tuple[str, Spec]]:
    with book.read() as connection:
        files = [chance_file(connection, book.book_id, each) for each in loans_in(connection, book.book_id, State.VOTE)]
        return [(file.loan_id, spec_of(connection, book.book_id, file.vote_id)) for file in files]
