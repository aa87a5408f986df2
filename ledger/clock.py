"""Time comes from a `Clock` that is passed in; nothing else in the project asks the machine for it.

Instants are aware datetimes in UTC. Dates are Europe/Brussels calendar dates: the *business date*, which a sandbox
may move forward and which is the machine's date everywhere else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Protocol
from zoneinfo import ZoneInfo

from ledger.errors import Refusal

BRUSSELS = ZoneInfo("Europe/Brussels")


class Clock(Protocol):
    """The two questions about time that the project asks."""

    def now(self) -> datetime:
        """The instant, in UTC, to the microsecond."""
        ...

    def today(self) -> date:
        """The business date, a Brussels calendar date."""
        ...


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        """The machine's instant."""
        return datetime.now(UTC)  # noqa: TID251 -- the one place that asks the machine

    def today(self) -> date:
        """The machine's date in Brussels."""
        return brussels_date(self.now())


@dataclass
class FixedClock:
    """A clock that stands still until it is told to move; for tests."""

    instant: datetime
    business_date: date | None = None

    def now(self) -> datetime:
        """The instant it stands at."""
        return self.instant

    def today(self) -> date:
        """The business date it was given, or the date of its instant."""
        return self.business_date or brussels_date(self.instant)


def check_happened(on: date, *, today: date, since: Iterable[date | None] = ()) -> None:
    """A day that evidence states: refuses `date-not-reached` after today, `date-too-early` before what it must follow.

    >>> check_happened(date(2026, 3, 2), today=date(2026, 3, 2), since=[date(2026, 3, 1), None])
    """
    if on > today:
        raise Refusal("date-not-reached", stated_on=on.isoformat(), today_on=today.isoformat())
    earliest = max((day for day in since if day is not None), default=on)
    if on < earliest:
        raise Refusal("date-too-early", stated_on=on.isoformat(), earliest_on=earliest.isoformat())


def instant_on(day: date, now: datetime) -> datetime:
    """The instant for papers of the business date `day`: `now`, or noon where a sandbox stands on another day.

    >>> instant_on(date(2026, 3, 2), datetime(2026, 11, 26, 8, tzinfo=UTC)).isoformat()
    '2026-03-02T12:00:00+01:00'
    """
    return now if brussels_date(now) == day else datetime.combine(day, time(12), BRUSSELS)


def brussels_date(instant: datetime) -> date:
    """The Brussels calendar date of an aware `instant`.

    >>> brussels_date(datetime(2026, 3, 1, 23, 30, tzinfo=UTC))
    datetime.date(2026, 3, 2)
    """
    return instant.astimezone(BRUSSELS).date()
