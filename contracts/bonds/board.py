"""The bulletin board: holders say that they would sell units, others that they would buy (Regulation (EU) 2020/1503,
article 25).

It brings nobody together: a notice states an interest, no order; nothing is matched, no price is made, no money moves
here. A reference price is its writer's own and binds nobody. Who replies shows her name and address to the writer, and
the two agree by themselves; units pass by an entry of the register, on the declaration that both signed, under four
eyes (`contracts.bonds.decisions`).

    open ──replied──▶ open ──withdrawn──▶ withdrawn       what has expired is shown no more; it needs no move
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from contracts import moves
from contracts.bonds import queries as q
from contracts.bonds import tables as t
from contracts.bonds.model import SeriesState
from contracts.bonds.register import is_frozen, refuse_unidentified
from contracts.bonds.service import running_series
from contracts.events import emit_mail
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.statemachine import Machine, Transition
from ledger.storage.base import JSON

LONGEST_DAYS = 90
"""A notice says for how long it stands, at most so many days."""
MOST_PERCENT = 200
WITHDRAWN, REPLIED = "withdrawn", "replied"


class NoticeSide(StrEnum):
    """What the writer of a notice would do."""

    SELL = "sell"
    BUY = "buy"


class NoticeState(StrEnum):
    """Where a notice stands, as long as it has not expired."""

    OPEN = "open"
    WITHDRAWN = "withdrawn"


NOTICE = Machine(
    "notice",
    NoticeState,
    NoticeState.OPEN,
    (
        Transition(NoticeState.OPEN, REPLIED, NoticeState.OPEN),
        Transition(NoticeState.OPEN, WITHDRAWN, NoticeState.WITHDRAWN),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An interest to sell or buy so many units; `reference_percent` of the nominal binds nobody. `replies` are tokens.

    It stands up to and including `expires_on`.
    """

    notice_id: str
    series_id: str
    writer: str
    side: NoticeSide
    units: int
    reference_percent: Decimal | None
    posted_on: date
    expires_on: date
    state: NoticeState
    replies: tuple[str, ...]

    def stands(self, on: date) -> bool:
        """Whether it is shown on that day."""
        return self.state is NoticeState.OPEN and on <= self.expires_on


def post_notice(
    uow: UnitOfWork,
    series_id: str,
    *,
    writer: str,
    side: NoticeSide,
    units: int,
    reference_percent: Decimal | None,
    days: int,
    on: date,
) -> str:
    """Put an interest on the board for so many days; gives the notice's id.

    Refuses `series-not-running`, `units-not-positive`, `notice-days-unusable` beyond 90 days or the last day of the
    series, `reference-price-unusable`, `holder-not-identified`; of a seller also `holder-is-frozen`, and
    `units-not-held` for more than she has at her disposal and does not offer already.
    """
    record = running_series(uow, series_id)
    expires_on = on + timedelta(days=days)
    if units <= 0:
        raise Refusal("units-not-positive", units=units)
    if not 0 < days <= LONGEST_DAYS or expires_on >= record.series.terms.matures_on:
        raise Refusal("notice-days-unusable", days=days, limit=LONGEST_DAYS)
    if reference_percent is not None and not 0 < reference_percent <= MOST_PERCENT:
        raise Refusal("reference-price-unusable", percent=str(reference_percent))
    refuse_unidentified(uow, writer, on=on)
    if side is NoticeSide.SELL:
        _refuse_unless_hers_to_sell(uow, record, writer, units, on)
    notice_id = uow.new_id("b")
    uow.connection.execute(
        t.board_notice.insert().values(
            book_id=uow.book_id,
            notice_id=notice_id,
            series_id=series_id,
            writer=writer,
            side=side.value,
            units=units,
            reference_percent=None if reference_percent is None else str(reference_percent),
            posted_on=on,
            expires_on=expires_on,
        )
    )
    return notice_id


def withdraw_notice(uow: UnitOfWork, notice_id: str, *, writer: str, on: date) -> None:
    """Take one's own notice back; refuses `notice-not-known` for anybody else's, and `notice-not-open`."""
    notice = _standing(uow, notice_id, on)
    if notice.writer != writer:
        raise Refusal("notice-not-known", notice_id=notice_id[:40])
    moves.record_move(uow, NOTICE, notice_id, WITHDRAWN, on=on)


def reply_to_notice(uow: UnitOfWork, notice_id: str, *, by: str, on: date) -> None:
    """Show the writer that one is interested, with one's name and address; once is enough.

    Refuses `notice-not-known`, `notice-not-open`, `notice-is-own`, and `holder-not-identified`.
    """
    notice = _standing(uow, notice_id, on)
    if notice.writer == by:
        raise Refusal("notice-is-own", notice_id=notice_id)
    refuse_unidentified(uow, by, on=on)
    if by in notice.replies:
        return
    moves.record_move(uow, NOTICE, notice_id, REPLIED, on=on, facts={"by": by})
    title = q.series_record(uow.connection, uow.book_id, notice.series_id).series.terms.title
    facts: dict[str, JSON] = {"title": title, "units": notice.units}
    emit_mail(uow, "notice-replied", key=f"{notice_id}:{by}", to=notice.writer, facts=facts, path="/board#own")


def standing_notices(connection: sa.Connection, book_id: str, on: date) -> list[Notice]:
    """What the board shows on a day, of series whose units are out; the newest first."""
    running = set(q.series_ids(connection, book_id, SeriesState.RUNNING))
    query = sa.select(t.board_notice).where(t.board_notice.c.book_id == book_id, t.board_notice.c.expires_on >= on)
    return [each for each in _notices(connection, book_id, query) if each.stands(on) and each.series_id in running]


def notices(connection: sa.Connection, book_id: str) -> list[Notice]:
    """Every notice there ever was, the newest first."""
    return list(_notices(connection, book_id, sa.select(t.board_notice)))


def notice(connection: sa.Connection, book_id: str, notice_id: str) -> Notice:
    """One notice as it stands; refuses `notice-not-known`."""
    c = t.board_notice.c
    found = list(_notices(connection, book_id, sa.select(t.board_notice).where(c.notice_id == notice_id)))
    if not found:
        raise Refusal("notice-not-known", notice_id=notice_id[:40])
    return found[0]


def _standing(uow: UnitOfWork, notice_id: str, on: date) -> Notice:
    """The notice, whose series is held until the unit of work ends, so that nobody else moves it meanwhile."""
    known = notice(uow.connection, uow.book_id, notice_id)
    running_series(uow, known.series_id)
    found = notice(uow.connection, uow.book_id, notice_id)
    if not found.stands(on):
        raise Refusal("notice-not-open", notice_id=notice_id)
    return found


def _refuse_unless_hers_to_sell(uow: UnitOfWork, record: q.SeriesRecord, writer: str, units: int, on: date) -> None:
    if is_frozen(uow, record.series, writer):
        raise Refusal("holder-is-frozen", holder=writer)
    own = (record.series.series_id, writer, NoticeSide.SELL)
    offered = sum(
        each.units
        for each in standing_notices(uow.connection, uow.book_id, on)
        if (each.series_id, each.writer, each.side) == own
    )
    held = q.holdings(uow.connection, uow.book_id, record.series, [writer])[writer].free - offered
    if units > held:
        raise Refusal("units-not-held", holder=writer, units=units, held_units=held)


def _notices(connection: sa.Connection, book_id: str, query: sa.Select[Any]) -> Iterator[Notice]:
    c = t.board_notice.c
    rows: Sequence[sa.Row[Any]] = connection.execute(
        query.where(c.book_id == book_id).order_by(c.posted_on.desc(), c.notice_id)
    ).all()
    histories = moves.moves_of(connection, book_id, [row.notice_id for row in rows])
    for row in rows:
        history = histories[row.notice_id]
        yield Notice(
            notice_id=row.notice_id,
            series_id=row.series_id,
            writer=row.writer,
            side=NoticeSide(row.side),
            units=row.units,
            reference_percent=None if row.reference_percent is None else Decimal(row.reference_percent),
            posted_on=row.posted_on,
            expires_on=row.expires_on,
            state=NoticeState(history[-1].to_state) if history else NOTICE.initial,
            replies=tuple(str(move.facts["by"]) for move in history if move.event == REPLIED),
        )
