"""The scorecard of a book: every plan that lenders voted on, from the moves of the files and the loans' own books.

What was paid is what settled the plan's own instalments and those that came after them when it fell, before tax, and
what was recovered of a loss. Only moves with a date of effect by the day asked for count.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from contracts import moves
from contracts.loans.books import LoanBook, loan_books
from contracts.loans.lifecycle import CONCEDED
from contracts.loans.model import Rebase
from contracts.parties.queries import Keeper
from contracts.restarts import FILE
from contracts.secondchance import lifecycle as life
from contracts.secondchance.model import Route, State
from contracts.secondchance.queries import ChanceFile, Plan
from contracts.servicing.model import Position
from contracts.statistics.queries import pseudonym
from contracts.statistics.scorecard import (
    Assumed,
    Marked,
    ModelCase,
    Restructuring,
    Scorecard,
    mark,
    scorecard,
)
from ledger.storage.keys import BOOK_OWNER

_FILE_NAME = "public restructurings, version 1"
_IN_EFFECT = frozenset({life.CONSENTED, life.HOMOLOGATED})
_IN_DEFAULT = frozenset({State.DEFAULTED.value, State.PLAN_FAILED.value})
_BOOKS = 500


class Reckoned(NamedTuple):
    """The scorecard, and each plan under a name that only the book can make, in the order of these names."""

    scorecard: Scorecard
    plans: tuple[Marked, ...]


class _Voted(NamedTuple):
    """A plan that lenders voted on; `effect` is the place of the move that brought it into effect, if one did."""

    plan: Plan
    effect: int | None


def reckon_scorecard(connection: sa.Connection, keeper: Keeper, on: date) -> Reckoned:
    """The scorecard of a day, in a few statements however many plans there are."""
    files = [file for file in _files(connection, keeper.book_id, on) if file.vote_ids]
    plans: list[Marked] = []
    cases: list[ModelCase] = []
    key = keeper.keys.key_for(connection, BOOK_OWNER) if files else b""
    for start in range(0, len(files), _BOOKS):
        some = files[start : start + _BOOKS]
        books = loan_books(connection, keeper.book_id, [file.loan_id for file in some])
        for file in some:
            book, voted = books[file.loan_id], _voted(file)
            for number, made in enumerate(_restructurings(file, book, voted)):
                plan = mark(made, on)
                plans.append(_named(plan, pseudonym(key, f"{file.loan_id}\x00{number}", _FILE_NAME)))
            cases += _cases(book.position, voted, on)
    plans.sort(key=attrgetter("restructuring_id"))
    return Reckoned(scorecard(plans, cases, on), tuple(plans))


def _files(connection: sa.Connection, book_id: str, on: date) -> Iterator[ChanceFile]:
    every = moves.moves_of_machine(connection, book_id, life.MACHINE, until_on=on)
    for object_id, history in groupby(every, key=attrgetter("object_id")):
        yield ChanceFile(object_id.removesuffix(FILE), tuple(history), ())


def _voted(file: ChanceFile) -> list[_Voted]:
    """The plans that were voted on, oldest first; of one whose vote is not over nothing can be said yet."""
    published = iter(file.plans)
    newest: Plan | None = None
    called: Plan | None = None
    found = []
    for place, move in enumerate(file.history):
        if move.event in {life.PROPOSED, life.REVISED}:
            newest = next(published)
        elif move.event == life.VOTE_OPENED:
            called = newest
        elif called is not None and move.event != life.PASSED_TO_COURT:
            found.append(_Voted(called, place if move.event in _IN_EFFECT else None))
            called = None
    return found


def _restructurings(file: ChanceFile, book: LoanBook, voted: Sequence[_Voted]) -> Iterator[Restructuring]:
    """Each plan in effect with its own instalments: those from its change of terms to the next."""
    rebases = [*book.rebases, None]
    spans = [(made, after) for made, after in pairwise(rebases) if made is not None and not made.is_revival]
    in_effect = [(each.plan, each.effect) for each in voted if each.effect is not None]
    for (plan, place), (made, after) in zip(in_effect, spans, strict=False):
        later = [move.effective_on for move in file.history[place + 1 :] if move.to_state in _IN_DEFAULT]
        later += [move.effective_on for move in book.events(CONCEDED) if move.effective_on > made.on]
        yield Restructuring(
            restructuring_id="",
            effect_on=made.on,
            route=Route(str(plan.body["route"])),
            position=book.position,
            asked=_asked(book, made, after),
            paid=_paid(book, made),
            defaulted_on=tuple(later),
            states=tuple((move.effective_on, State(move.to_state)) for move in file.history[place:]),
        )


def _asked(book: LoanBook, made: Rebase, after: Rebase | None) -> tuple[tuple[date, int], ...]:
    """What the plan asks, as days and cents, also where it fell since."""
    ends = len(book.instalments) + 1 if after is None else after.first_n
    return tuple((each.due_on, each.total_cents) for each in book.instalments[made.first_n - 1 : ends - 1])


def _paid(book: LoanBook, made: Rebase) -> tuple[tuple[date, int], ...]:
    settled = [due for due in book.position.dues if due.n >= made.first_n and due.settled_on is not None]
    came = [(due.settled_on, due.total_cents) for due in settled if due.settled_on is not None]
    return (*came, *((each.on, each.cents) for each in book.position.recoveries))


def _named(plan: Marked, name: str) -> Marked:
    return Marked(restructuring_id=name, effect_on=plan.effect_on, route=plan.route, marks=plan.marks)


def _cases(position: Position, voted: Sequence[_Voted], on: date) -> Iterator[ModelCase]:
    """What was shown before the votes, held against what came, once the debt is over: every plan that came into effect,
    and of the newest vote also what refusal or bankruptcy was to bring.
    """
    standing = position.standing
    is_lost, is_repaid = (day is not None and day <= on for day in (standing.lost_on, standing.repaid_on))
    if not voted or not (is_lost or is_repaid):
        return
    for plan, effect in voted:
        if effect is not None:
            yield _case(Assumed.AFTER, plan.figures, _received(position, plan.on, on))
    newest, effect = voted[-1]
    received = _received(position, newest.on, on)
    if effect is None:
        yield _case(Assumed.REFUSED, newest.figures, received)
    if is_lost:
        yield _case(Assumed.BANKRUPT, newest.figures, received)


def _case(assumed: Assumed, figures: Mapping[str, Any], received_cents: int) -> ModelCase:
    return ModelCase(assumed, sum(int(each[assumed.value]["cents"]) for each in figures.values()), received_cents)


def _received(position: Position, since_on: date, on: date) -> int:
    """What came after the day on which the figures were made, before tax."""
    settled = [due.total_cents for due in position.settled(on) if due.settled_on and due.settled_on > since_on]
    return sum(settled) + position.recovered_cents(on)
