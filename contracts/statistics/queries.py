"""All loans of a book as the statistics need them, in four statements however many there are.

Only what had its date of effect by the end of the day asked for is read, so that a past day can be stated again.
"""

import hmac
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import sqlalchemy as sa

from contracts import moves
from contracts.claims import claim_asset
from contracts.loans import lifecycle
from contracts.loans import tables as loans
from contracts.loans.books import as_changed, rebases_of
from contracts.loans.lifecycle import LOAN, SETTLED, standing_of
from contracts.loans.model import asked_from, dropped_on
from contracts.offers.queries import newest_drafts
from contracts.parties.queries import Keeper
from contracts.secondchance import lifecycle as chance_life
from contracts.servicing.model import Due, Position
from contracts.statistics.defaults import Concession, Ground
from contracts.statistics.figures import LoanFacts, LoanFigures, Statistics, assess, calendar_windows, statistics
from contracts.statistics.loan_book import Profile, Row, loan_book
from contracts.terms.schedule import Instalment
from ledger import balances
from ledger.storage.keys import BOOK_OWNER

LOST_CLAIMS = "022000"
"""Code of the account of claims that are written off; what is credited to it was recovered since."""
GROUND_OF_EVENT: Mapping[str, Ground | None] = {
    lifecycle.DISBURSEMENT_ORDERED: None,
    lifecycle.DISBURSED: None,
    lifecycle.DISBURSEMENT_FAILED: None,
    lifecycle.REPAID: None,
    lifecycle.BANKRUPTCY: Ground.INSOLVENCY,
    lifecycle.WRITTEN_OFF: Ground.LOSS,
    lifecycle.ACCELERATED: Ground.ACCELERATION,
    lifecycle.EARLY_ASKED: None,
    lifecycle.REPAID_EARLY: None,
    lifecycle.RECOVERY_EXPECTED: None,
    lifecycle.RECOVERED: None,
    lifecycle.EASED: None,
    lifecycle.CONCEDED: Ground.CONCESSION,
    lifecycle.REVIVED: None,
    lifecycle.CLAIM_PASSED: None,
}
"""What each event in the life of a loan means for the default rate: whoever adds an event decides it here, and one
that is a concession (`Ground.CONCESSION`) enters the numerator. An event that is missing stops the statistics."""
LOAN_BOOK_FILE = "public loan book, version 1"
_PSEUDONYM_LETTERS = 16
_DueRow = sa.Row[str, int, date, int, int, int, int, date | None]
_DUES, _DRAFTS = 10_000, 500


@dataclass(frozen=True, slots=True)
class Published:
    """Everything that is published of a day."""

    statistics: Statistics
    rows: tuple[Row, ...]


def publish(connection: sa.Connection, keeper: Keeper, on: date) -> Published:
    """The statistics and the loan book of a day."""
    events = _events(connection, keeper.book_id, on)
    paid_out = [standing_of((m.event, m.effective_on) for m in history).disbursed_on for history in events.values()]
    windows = calendar_windows(min((day for day in paid_out if day is not None), default=None), on)
    found = [assess(facts, windows, on) for facts in loan_facts(connection, keeper.book_id, on, events)]
    return Published(statistics(found, windows, on), tuple(loan_book(_profiles(connection, keeper, found))))


def version_of(connection: sa.Connection, book_id: str) -> tuple[int, int]:
    """Two counts that grow whenever something happens that a statistic of a day could follow from."""
    moved = moves.count_of_machine(connection, book_id, LOAN)
    moved += moves.count_of_machine(connection, book_id, chance_life.MACHINE)
    return balances.entry_count(connection, book_id), moved


def loan_facts(
    connection: sa.Connection, book_id: str, on: date, events: Mapping[str, list[moves.Move]]
) -> Iterator[LoanFacts]:
    """Every loan that was agreed by that day, with its dues; one after the other, so that few are in memory."""
    recovered: dict[str, list[tuple[date, int]]] = defaultdict(list)
    for row in balances.turnover(connection, book_id, LOST_CLAIMS):
        if row.credit and row.effective_on <= on:
            recovered[row.asset].append((row.effective_on, row.credit))
    for loan_id, rows in groupby(_dues(connection, book_id, on), key=lambda row: row.loan_id):
        history, dues = events.get(loan_id, []), list(rows)
        yield LoanFacts(
            loan_id=loan_id,
            position=_position(dues, history),
            concessions=tuple(
                Concession(move.effective_on) for move in history if ground_of(move.event) is Ground.CONCESSION
            ),
            recoveries=tuple(recovered[claim_asset(loan_id).code]),
            changes=tuple((each.on, each.total) for each in rebases_of(history)),
        )


def ground_of(event: str) -> Ground | None:
    """What an event of a loan means for the default rate; a KeyError for one that nobody has decided on."""
    return GROUND_OF_EVENT[event]


def _events(connection: sa.Connection, book_id: str, on: date) -> dict[str, list[moves.Move]]:
    found: dict[str, list[moves.Move]] = defaultdict(list)
    for each in moves.moves_of_machine(connection, book_id, LOAN, until_on=on):
        found[each.object_id].append(each)
    return found


def _dues(connection: sa.Connection, book_id: str, on: date) -> Iterator[_DueRow]:
    loan, due, paid = loans.loan.c, loans.instalment.c, moves.move.c
    settled = sa.and_(
        paid.book_id == due.book_id,
        paid.object_id == due.instalment_id,
        paid.event == SETTLED,
        paid.effective_on <= on,
    )
    query = (
        sa.select(due.loan_id, due.n, due.due_on, due.interest_cents, due.principal_cents, due.outstanding_cents)
        .add_columns(loan.principal_cents.label("lent_cents"), paid.effective_on.label("settled_on"))
        .join_from(loans.loan, loans.instalment, sa.and_(loan.book_id == due.book_id, loan.loan_id == due.loan_id))
        .outerjoin(moves.move, settled)
        .where(loan.book_id == book_id, loan.agreed_on <= on)
        .order_by(due.loan_id, due.n)
    )
    yield from connection.execute(query.execution_options(yield_per=_DUES))


def _position(rows: list[_DueRow], history: list[moves.Move]) -> Position:
    """The loan as a debt, its schedule as it was changed by then.

    A plan that is made later has its instalments after the last of the terms of the day.
    """
    rebases = rebases_of(history)
    known = rebases[-1].first_n if rebases else 1
    last = next((row.n for row in rows if row.n >= known and not row.outstanding_cents), known - 1)
    frozen = [
        Instalment(row.n, row.due_on, 0, row.interest_cents, row.principal_cents, 0, row.outstanding_cents)
        for row in rows
        if row.n <= last
    ]
    dues = tuple(
        Due(
            n=each.n,
            due_on=each.due_on,
            interest_cents=each.interest_cents,
            principal_cents=each.principal_cents,
            settled_on=row.settled_on,
            asked_from=asked_from(rebases, each.n),
            dropped_on=dropped_on(rebases, each.n),
        )
        for each, row in zip(as_changed(frozen, history), rows, strict=False)
    )
    standing = standing_of((move.event, move.effective_on) for move in history)
    changes = tuple((each.on, each.total.cents) for each in rebases)
    return Position(principal_cents=rows[0].lent_cents, dues=dues, standing=standing, changes=changes)


def _profiles(
    connection: sa.Connection, keeper: Keeper, found: list[LoanFigures]
) -> Iterator[tuple[Profile, LoanFigures]]:
    """What was agreed, beside the figures of each loan that is paid out, under a name that only the book can make."""
    figures = {each.loan_id: each for each in found if each.disbursed_on is not None}
    if not figures:
        return
    key = keeper.keys.key_for(connection, BOOK_OWNER)
    loan = loans.loan.c
    rows = connection.execute(sa.select(loan.loan_id, loan.offer_id).where(loan.book_id == keeper.book_id)).all()
    offer_of = {row.loan_id: row.offer_id for row in rows if row.loan_id in figures}
    names = list(offer_of)
    for some in (names[start : start + _DRAFTS] for start in range(0, len(names), _DRAFTS)):
        drafts = newest_drafts(connection, keeper.book_id, {offer_of[loan_id] for loan_id in some})
        for loan_id in some:
            draft = drafts[offer_of[loan_id]]
            profile = Profile(
                pseudonym=pseudonym(key, loan_id),
                rate_annual=draft.rate_annual,
                term_years=draft.term_years,
                repayment=f"{draft.kind.value}, {draft.every.value}",
                sector=draft.sector,
                scheme=draft.scheme,
            )
            yield profile, figures[loan_id]


def pseudonym(key: bytes, object_id: str, file: str = LOAN_BOOK_FILE) -> str:
    """The name of a loan, or of its plan, in a public file: the first 64 bits of HMAC-SHA-256 under the book's key.

    Each file has names of its own, so that no row of one leads to a row of another.

    >>> pseudonym(bytes(32), "l1") == pseudonym(bytes(31) + b"1", "l1")
    False
    """
    digest = hmac.digest(key, f"{file}\x00{object_id}".encode(), "sha256")
    return digest.hex()[:_PSEUDONYM_LETTERS]
