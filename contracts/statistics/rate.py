"""The default rate of loans (Delegated Regulation (EU) 2022/2115, articles 2 and 3), by count and never by amount.

    one window:   loans with at least one default in it / loans that were running and not in default at its beginning
    published:    the simple average over all windows, which do not overlap and go back to the first

A loan that has nothing to pay in a window is no part of it. What is late at its beginning is still to be paid: a loan
whose last instalment fell due shortly before would else never be counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from contracts.servicing.model import Position
from contracts.statistics.defaults import Ground, Spell, is_in_default
from contracts.terms.dates import MONTHS_A_YEAR, add_months

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Twelve months from `starts_on`, or fewer where they are not over; both days belong to it."""

    starts_on: date
    ends_on: date


Outcomes = Mapping[Window, Ground | None]
"""The windows in which one loan counts, each with the ground of its first default there, if it had one."""


@dataclass(frozen=True, slots=True)
class WindowRate:
    """One window: how many loans count in it, and how many of them defaulted, by the ground of the first default."""

    window: Window
    loans: int
    grounds: Mapping[Ground, int]

    @property
    def defaults(self) -> int:
        """Loans with at least one default."""
        return sum(self.grounds.values())

    @property
    def rate(self) -> Fraction | None:
        """Their share; None where no loan counts."""
        return Fraction(self.defaults, self.loans) if self.loans else None


def windows_since(first_on: date, on: date) -> list[Window]:
    """The windows that are over on the day `on`: of twelve months each, the first from `first_on`.

    >>> [each.ends_on.isoformat() for each in windows_since(date(2024, 1, 1), date(2025, 12, 31))]
    ['2024-12-31', '2025-12-31']
    """
    starts = [first_on]
    while (following := add_months(first_on, MONTHS_A_YEAR * len(starts))) - _DAY <= on:
        starts.append(following)
    return [Window(start, after - _DAY) for start, after in pairwise(starts)]


def outcomes(position: Position, spells: Sequence[Spell], windows: Iterable[Window]) -> dict[Window, Ground | None]:
    """In which of the windows a loan counts, and by what it defaulted there; `spells` are its defaults in order."""
    return {
        window: next((s.ground for s in spells if window.starts_on <= s.starts_on <= window.ends_on), None)
        for window in windows
        if _counts(position, spells, window)
    }


def tally(windows: Iterable[Window], loans: Iterable[Outcomes]) -> list[WindowRate]:
    """Every window with its loans and defaults."""
    counts = {window: dict.fromkeys(Ground, 0) for window in windows}
    counted = dict.fromkeys(counts, 0)
    for loan in loans:
        for window, ground in loan.items():
            counted[window] += 1
            if ground is not None:
                counts[window][ground] += 1
    return [WindowRate(window, counted[window], grounds) for window, grounds in counts.items()]


def average(windows: Iterable[WindowRate]) -> Fraction | None:
    """The published rate: the mean of the windows' rates, each weighing the same however many loans it has.

    A window in which no loan counts has no rate. None where no window has one.

    >>> years = [Window(date(y, 1, 1), date(y, 12, 31)) for y in (2024, 2025, 2026)]
    >>> counts = zip(years, (40, 50, 60), (4, 0, 3))
    >>> average([WindowRate(year, loans, {Ground.PAST_DUE: defaults}) for year, loans, defaults in counts])
    Fraction(1, 20)
    """
    rates = [each.rate for each in windows if each.rate is not None]
    return sum(rates, Fraction(0)) / len(rates) if rates else None


def _counts(position: Position, spells: Sequence[Spell], window: Window) -> bool:
    standing, before = position.standing, window.starts_on - _DAY
    if standing.disbursed_on is None or standing.disbursed_on > before:
        return False
    if any(day is not None and day <= before for day in (standing.repaid_on, standing.lost_on)):
        return False
    if is_in_default(spells, before):
        return False
    return any(
        due.total_cents
        and due.due_on <= window.ends_on
        and (due.due_on >= window.starts_on or not due.is_settled(before))
        for due in position.dues
    )
