"""How the register of each series and the runs that pay its holders stand, for the desk and for an auditor."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from contracts.bonds import postings
from contracts.bonds import queries as q
from contracts.bonds.model import RunKind, RunState, SeriesState
from contracts.bonds.runs import planned_runs
from ledger import balances


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterTotal:
    """A register against the issue: what holders have, by where it stands, and what the issuer has outstanding.

    `allotted` is what was issued at first; what is outstanding is less once units were redeemed.
    """

    series_id: str
    title: str
    state: SeriesState
    allotted: int
    outstanding: int
    held: q.Holding
    holders: int

    @property
    def is_even(self) -> bool:
        """Whether the holders' units are those outstanding, which the ledger asserts entry by entry."""
        return self.held.units == self.outstanding


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStanding:
    """A coupon or a redemption and where it stands; `state` is None and its sums are 0 until it is planned."""

    name: str
    kind: RunKind
    record_on: date
    paid_on: date
    state: RunState | None
    holders: int
    due_cents: int


def register_totals(connection: sa.Connection, book_id: str) -> list[RegisterTotal]:
    """One line a series whose units are out or were, in order of draft."""
    found = q.series_ids(connection, book_id, SeriesState.RUNNING, SeriesState.REDEEMED)
    return [register_total(connection, book_id, q.series_record(connection, book_id, each)) for each in found]


def register_total(connection: sa.Connection, book_id: str, record: q.SeriesRecord) -> RegisterTotal:
    """The register of one series against its issue."""
    series = record.series
    held = q.register(connection, book_id, series)
    allotted = q.allotments(connection, book_id, series.series_id)
    return RegisterTotal(
        series_id=series.series_id,
        title=series.terms.title,
        state=record.state,
        allotted=sum(each.units for each in allotted),
        outstanding=-balances.balance(connection, book_id, postings.issued(series)),
        held=q.Holding(*(sum(parts) for parts in zip(*held.values(), strict=True))) if held else q.Holding(),
        holders=len(held),
    )


def run_standings(connection: sa.Connection, book_id: str, record: q.SeriesRecord) -> Iterator[RunStanding]:
    """Every run of the terms and of what was announced, in order of payment."""
    known, terms = q.runs(connection, book_id, record.series.series_id), record.series.terms
    for each in sorted(planned_runs(record), key=lambda run: (run.paid_on, run.name)):
        run, state = known.get(each.name, (None, None))
        yield RunStanding(
            name=each.name,
            kind=each.kind,
            record_on=terms.record_on(each.paid_on),
            paid_on=each.paid_on,
            state=state,
            holders=run.lines if run else 0,
            due_cents=run.due_cents if run else 0,
        )


def collected_cents(connection: sa.Connection, book_id: str, series_id: str) -> int:
    """The issuer's money for runs that has arrived and is not with the holders yet."""
    return -balances.balance(connection, book_id, postings.collected(series_id))
