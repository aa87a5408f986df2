"""Reading meetings: their resolutions with where each stands, and the vote that decides or decided it."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from contracts import moves
from contracts.bonds import postings
from contracts.bonds import queries as q
from contracts.bonds.changes import Change, change_of
from contracts.bonds.lifecycle import CALLED_AGAIN, MEETING_CALLED, PUT_TO_VOTE
from contracts.bonds.model import ResolutionState, Series
from ledger import balances
from ledger.errors import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A resolution, numbered in its series; `meeting` is 1 or 2, `vote_ids` has the vote of each meeting."""

    series_id: str
    n: int
    change: Change
    state: ResolutionState
    meeting: int
    vote_ids: tuple[str, ...]
    history: tuple[moves.Move, ...]

    @property
    def vote_id(self) -> str:
        """The vote of its last meeting."""
        return self.vote_ids[-1]


def resolution_id(series_id: str, n: int) -> str:
    """What moves of a resolution go by."""
    return f"resolution:{series_id}:{n}"


def resolutions(connection: sa.Connection, book_id: str, series_id: str) -> list[Resolution]:
    """Every resolution of a series, in order of their numbers."""
    called = q.series_record(connection, book_id, series_id).moved(MEETING_CALLED)
    numbers = range(1, 1 + sum(_count(move) for move in called))
    names = {resolution_id(series_id, n): n for n in numbers}
    return [
        _resolution(series_id, names[name], history)
        for name, history in moves.moves_of(connection, book_id, names).items()
    ]


def resolution(connection: sa.Connection, book_id: str, series_id: str, n: int) -> Resolution:
    """One resolution; refuses `resolution-not-known`."""
    found = moves.moves_of(connection, book_id, [resolution_id(series_id, n)])[resolution_id(series_id, n)]
    if not found:
        raise Refusal("resolution-not-known", series_id=series_id[:40], n=n)
    return _resolution(series_id, n, found)


def outstanding_units(connection: sa.Connection, book_id: str, series: Series) -> int:
    """All units that holders have, those of the issuer left out: they have no vote."""
    issued = -balances.balance(connection, book_id, postings.issued(series))
    own = q.holdings(connection, book_id, series, [series.terms.issuer])[series.terms.issuer].units
    return issued - own


def _resolution(series_id: str, n: int, history: Sequence[moves.Move]) -> Resolution:
    put = [move for move in history if move.event in {PUT_TO_VOTE, CALLED_AGAIN}]
    stated = put[0].facts["change"]
    assert isinstance(stated, dict), "a resolution was put to the vote with its change"
    return Resolution(
        series_id=series_id,
        n=n,
        change=change_of(stated),
        state=ResolutionState(history[-1].to_state),
        meeting=int(str(put[-1].facts["meeting"])),
        vote_ids=tuple(str(move.facts["vote_id"]) for move in put),
        history=tuple(history),
    )


def _count(move: moves.Move) -> int:
    numbers = move.facts["resolutions"]
    assert isinstance(numbers, list), "a call names its resolutions"
    return len(numbers)
