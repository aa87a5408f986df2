"""Reading series: their terms and moves, the register on a day as it was known, allotments, runs and their lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa

from contracts import moves
from contracts.bonds import tables as t
from contracts.bonds.changes import change_of, changed
from contracts.bonds.lifecycle import RUN, SERIES, TERMS_CHANGED
from contracts.bonds.model import (
    FREE,
    FROZEN,
    HELD,
    PLEDGED,
    Run,
    RunKind,
    RunLine,
    RunState,
    Series,
    SeriesState,
    SeriesTerms,
)
from contracts.bonds.terms import terms_of
from ledger import balances
from ledger.errors import Refusal


class Holding(NamedTuple):
    """A holder's units by where they stand, in the order of `HELD`."""

    free: int = 0
    pledged: int = 0
    frozen: int = 0

    @property
    def units(self) -> int:
        """All of them."""
        return sum(self)


@dataclass(frozen=True, slots=True)
class SeriesRecord:
    """A series with its moves, from which its state follows."""

    series: Series
    history: tuple[moves.Move, ...]

    @property
    def state(self) -> SeriesState:
        """Where the series stands."""
        return SeriesState(self.history[-1].to_state) if self.history else SERIES.initial

    def moved(self, event: str) -> tuple[moves.Move, ...]:
        """The moves by that event, oldest first."""
        return tuple(each for each in self.history if each.event == event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotment:
    """What one pledge was allotted."""

    number: int
    pledge_id: str
    holder: str
    wanted_units: int
    units: int


def series_record(connection: sa.Connection, book_id: str, series_id: str) -> SeriesRecord:
    """The series as it stands, with its terms as meetings have changed them; refuses `series-not-known`."""
    c = t.series.c
    row = connection.execute(sa.select(t.series).where(c.book_id == book_id, c.series_id == series_id)).one_or_none()
    if row is None:
        raise Refusal("series-not-known", series_id=series_id[:40])
    history = tuple(moves.moves_of(connection, book_id, [series_id])[series_id])
    terms = _terms_in_force(terms_of(row.body), history)
    return SeriesRecord(Series(series_id=row.series_id, offer_id=row.offer_id, terms=terms), history)


def series_ids(connection: sa.Connection, book_id: str, *wanted: SeriesState) -> Sequence[str]:
    """The series in one of the `wanted` states, or all where none is named, in order of draft."""
    c = t.series.c
    query = sa.select(c.series_id).where(c.book_id == book_id).order_by(c.drafted_on, c.series_id)
    if wanted:
        query = query.where(moves.in_state(book_id, SERIES, c.series_id, *wanted))
    return connection.execute(query).scalars().all()


def allotments(
    connection: sa.Connection, book_id: str, series_id: str, *, first: int = 1, limit: int | None = None
) -> list[Allotment]:
    """What the pledges were allotted, from number `first` on."""
    c = t.series_allotment.c
    query = sa.select(c.number, c.pledge_id, c.holder, c.wanted_units, c.units)
    query = query.where(c.book_id == book_id, c.series_id == series_id, c.number >= first).order_by(c.number)
    return [Allotment(**row) for row in connection.execute(query.limit(limit)).mappings()]


def register(
    connection: sa.Connection, book_id: str, series: Series, *, on: date | None = None, known_at: int | None = None
) -> dict[str, Holding]:
    """Who holds units, in order of their tokens: as it stands, or at the close of a day as known at an entry."""
    found: dict[str, dict[str, int]] = {}
    for each in balances.balances(connection, book_id, asset=series.asset.code, on=on, known_at=known_at):
        if each.account.code in HELD and each.signed:
            found.setdefault(each.account.owner, {})[each.account.code] = each.signed
    return {
        holder: Holding(units.get(FREE, 0), units.get(PLEDGED, 0), units.get(FROZEN, 0))
        for holder, units in sorted(found.items())
    }


def holdings(connection: sa.Connection, book_id: str, series: Series, holders: Sequence[str]) -> Mapping[str, Holding]:
    """What each of some holders has now."""
    asset = series.asset.code
    parts = [balances.of_owners(connection, book_id, code, holders, asset=asset) for code in HELD]
    return {holder: Holding(*(part.get(holder, 0) for part in parts)) for holder in holders}


def runs(connection: sa.Connection, book_id: str, series_id: str) -> dict[str, tuple[Run, RunState]]:
    """Every run of a series by its name, with where it stands."""
    c = t.series_run.c
    query = sa.select(t.series_run).where(c.book_id == book_id, c.series_id == series_id).order_by(c.paid_on, c.run)
    found = [_run(row) for row in connection.execute(query)]
    states = moves.states(connection, book_id, RUN, [run.run_id for run in found])
    return {run.run: (run, states[run.run_id]) for run in found}


def run_of(connection: sa.Connection, book_id: str, series_id: str, name: str) -> tuple[Run, RunState]:
    """One run; refuses `run-not-known`."""
    found = runs(connection, book_id, series_id).get(name)
    if found is None:
        raise Refusal("run-not-known", series_id=series_id[:40], run=name[:40])
    return found


def run_lines(
    connection: sa.Connection, book_id: str, run: Run, *, first: int = 1, limit: int | None = None
) -> list[RunLine]:
    """The frozen lines of a run from number `first` on."""
    c = t.series_line.c
    columns = (c.number, c.holder, c.units, c.interest_cents, c.redeemed_units, c.principal_cents)
    query = sa.select(*columns).where(*_lines_of(book_id, run), c.number >= first).order_by(c.number)
    return [RunLine(**row) for row in connection.execute(query.limit(limit)).mappings()]


def run_lines_of(connection: sa.Connection, book_id: str, run: Run, holder: str) -> list[RunLine]:
    """The frozen line of one holder, if the run has one."""
    c = t.series_line.c
    columns = (c.number, c.holder, c.units, c.interest_cents, c.redeemed_units, c.principal_cents)
    query = sa.select(*columns).where(*_lines_of(book_id, run), c.holder == holder)
    return [RunLine(**row) for row in connection.execute(query).mappings()]


def next_line(connection: sa.Connection, book_id: str, run: Run) -> int:
    """The number of the first line that is not paid."""
    last = moves.last_move(connection, book_id, run.run_id)
    return 1 if last is None else int(str(last.facts["next"]))


def unpaid_cents(connection: sa.Connection, book_id: str, run: Run) -> int:
    """What of a run's funds is not with its holders yet; 0 once it is paid."""
    c = t.series_line.c
    first = next_line(connection, book_id, run)
    if first > run.lines:
        return 0
    total = sa.func.sum(c.interest_cents + c.principal_cents)
    query = sa.select(sa.func.coalesce(total, 0)).where(*_lines_of(book_id, run), c.number >= first)
    return int(connection.execute(query).scalar_one()) + run.rounding_cents


def frozen_holders(connection: sa.Connection, book_id: str) -> frozenset[str]:
    """Who has frozen units of any series."""
    return frozenset(
        each.account.owner for each in balances.balances(connection, book_id, code_prefix=FROZEN) if each.signed
    )


def _terms_in_force(issued: SeriesTerms, history: Sequence[moves.Move]) -> SeriesTerms:
    terms = issued
    for move in history:
        if move.event == TERMS_CHANGED:
            change = move.facts["change"]
            assert isinstance(change, Mapping), "the move that changes terms has its change"
            terms = changed(terms, change_of(change), from_n=int(str(move.facts["from_n"])))
    return terms


def _lines_of(book_id: str, run: Run) -> tuple[sa.ColumnElement[bool], ...]:
    c = t.series_line.c
    return (c.book_id == book_id, c.series_id == run.series_id, c.run == run.run)


def _run(row: sa.Row[Any]) -> Run:
    values = {name: getattr(row, name) for name in Run.__slots__}
    return Run(**values | {"kind": RunKind(row.kind)})
