"""What the books know of the Fund's register: the state of each agreement, and the days that the credit asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from contracts import moves
from contracts.loans.books import LoanBook
from contracts.registration.lifecycle import DEREGISTERED, REGISTERED, REGISTRATION, RegisterState, register_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One lender's agreement in the register, where it stands since `moved_on`; `reference` is the Fund's own."""

    pledge_id: str
    lender: str
    number: int
    state: RegisterState
    moved_on: date | None
    registered_on: date | None
    deregistered_on: date | None
    reference: str | None


def registrations(connection: sa.Connection, book_id: str, book: LoanBook) -> list[Registration]:
    """Every agreement of a loan, in the order of its claims."""
    ids = {register_id(book.loan.loan_id, claim.pledge_id): claim for claim in book.agreed_claims}
    histories = moves.moves_of(connection, book_id, ids)
    return [
        Registration(
            pledge_id=claim.pledge_id,
            lender=claim.lender,
            number=claim.number,
            state=REGISTRATION.states(history[-1].to_state) if history else REGISTRATION.initial,
            moved_on=history[-1].effective_on if history else None,
            registered_on=_day_of(history, REGISTERED),
            deregistered_on=_day_of(history, DEREGISTERED),
            reference=next((str(move.facts["reference"]) for move in history if move.event == REGISTERED), None),
        )
        for object_id, claim in ids.items()
        for history in [histories[object_id]]
    ]


def deregistered_on(connection: sa.Connection, book_id: str, book: LoanBook, on: date) -> Mapping[str, date]:
    """The day on which each lender's agreement was struck off, by lender, if it was by the end of `on`; the first."""
    found: dict[str, date] = {}
    for each in registrations(connection, book_id, book):
        if each.deregistered_on is not None and each.deregistered_on <= on:
            found[each.lender] = min(each.deregistered_on, found.get(each.lender, each.deregistered_on))
    return found


def _day_of(history: list[moves.Move], event: str) -> date | None:
    return next((move.effective_on for move in history if move.event == event), None)
