"""Moving the sandbox's business date: asked for in a row, walked one day at a time by the worker.

Each day between is lived through in order: the provider is told the date, the date's jobs run, and what they set in
motion (payments asked for, paid, booked) comes to rest before the next day begins. So every fact carries the date on
which it would have happened, however far the operator jumps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from api.worker.tables import date_move
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.storage.dates import move_business_date, read_business_date

FURTHEST = timedelta(days=366 * 2)


@dataclass(frozen=True, slots=True)
class DateMove:
    """How far a move has come: the operator's page shows `today` between `started_on` and `target_on`."""

    started_on: date
    target_on: date
    today: date
    requested_by: str
    finished_at: datetime | None

    @property
    def days(self) -> int:
        """Length of the move in days."""
        return (self.target_on - self.started_on).days

    @property
    def days_done(self) -> int:
        """Days of it that are over."""
        return min(max((self.today - self.started_on).days, 0), self.days)


def request_move(uow: UnitOfWork, target_on: date) -> None:
    """Ask for the business date to move to `target_on`; a later wish replaces a move that is under way.

    Refuses `business-date-is-real` outside a sandbox, `business-date-moves-forward-only`, and `business-date-too-far`
    (two years a move).
    """
    today = read_business_date(uow.connection, uow.book_id)
    if today is None:
        raise Refusal("business-date-is-real", to_on=target_on.isoformat())
    if target_on <= today:
        raise Refusal("business-date-moves-forward-only", current_on=today.isoformat(), to_on=target_on.isoformat())
    if target_on > today + FURTHEST:
        raise Refusal("business-date-too-far", limit_on=(today + FURTHEST).isoformat())
    finish_moves(uow)
    rows = date_move.c
    newest = sa.select(sa.func.coalesce(sa.func.max(rows.seq), 0)).where(rows.book_id == uow.book_id)
    seq = uow.connection.execute(newest).scalar_one() + 1
    values = {"started_on": today, "target_on": target_on, "requested_by": uow.actor, "requested_at": uow.now()}
    uow.connection.execute(date_move.insert().values(book_id=uow.book_id, seq=seq, **values))


def latest_move(book: Book) -> DateMove | None:
    """The newest move, finished or under way."""
    query = sa.select(date_move).where(date_move.c.book_id == book.book_id).order_by(date_move.c.seq.desc()).limit(1)
    with book.read() as connection:
        row = connection.execute(query).first()
        today = book.today_in(connection)
    if row is None:
        return None
    return DateMove(row.started_on, row.target_on, today, row.requested_by, row.finished_at)


def finish_moves(uow: UnitOfWork) -> None:
    """Close every open move."""
    rows = date_move.c
    is_open = (rows.book_id == uow.book_id) & rows.finished_at.is_(None)
    uow.connection.execute(date_move.update().where(is_open).values(finished_at=uow.now()))


def advance(book: Book, *, tell: Callable[[date], None], settle: Callable[[], None]) -> int:
    """Live through one day of the open move: let the day that is end, then begin the next; 0 without an open move.

    `settle` runs everything that is due on the day that is; `tell` gives the provider the date.
    """
    target_on = _open_target(book)
    if target_on is None:
        return 0
    today = book.today()
    tell(today)  # again after a restart in between; telling twice is telling once
    settle()
    with book.unit_of_work(actor="calendar") as uow:
        if today >= target_on:
            finish_moves(uow)
        else:
            move_business_date(uow, today + timedelta(days=1))
    return 1


def _open_target(book: Book) -> date | None:
    rows = date_move.c
    query = sa.select(rows.target_on).where(rows.book_id == book.book_id, rows.finished_at.is_(None))
    with book.read() as connection:
        return connection.execute(query.order_by(rows.seq.desc()).limit(1)).scalar()
