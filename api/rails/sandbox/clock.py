"""The sandbox's own time: the machine's until it is told another, then running on from what it was told.

Told a date, it stands at noon in Brussels, runs on and never leaves that day by itself, since the business date moves
by hand. Told an instant, it runs on without an end.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from datetime import time as time_of_day

from api.rails.sandbox.store import Store
from ledger.clock import BRUSSELS, Clock

_LAST_SECOND = time_of_day(23, 59, 59)


class VirtualClock:
    """Time kept in `store`, running at the pace of the machine's `base`."""

    def __init__(self, store: Store, base: Clock) -> None:
        self._store = store
        self._base = base
        self._standing: datetime | None = None
        told = store.get("settings", "date")
        if told is not None and store.get("settings", "clock") is None:  # a state from before the clock knew instants
            self.tell_date(date.fromisoformat(told))

    def now(self) -> datetime:
        """The instant, in Brussels, to the second."""
        with self._store.lock:
            if self._standing is not None:
                return self._standing
            told = self._store.get("settings", "clock")
            if told is None:
                return _in_brussels(self._base.now())
            now = datetime.fromisoformat(told["told"]) + (self._base.now() - datetime.fromisoformat(told["at"]))
            return _in_brussels(min(now, _end_of(date.fromisoformat(told["day"]))) if told["day"] else now)

    def is_told(self) -> bool:
        """Whether it was told a time, or shows the machine's."""
        return self._store.get("settings", "clock") is not None

    def tell(self, instant: datetime) -> None:
        """Run on from that instant."""
        self._told(instant, None)

    def tell_date(self, on: date) -> None:
        """Run on from noon of that day, and stay in it."""
        self._told(noon_of(on), on)

    @contextmanager
    def standing_at(self, instant: datetime) -> Iterator[None]:
        """Stand at an instant while what was planned for it happens; held under the store's lock."""
        with self._store.lock:
            self._standing = _in_brussels(instant)
            try:
                yield
            finally:
                self._standing = None

    def _told(self, instant: datetime, day: date | None) -> None:
        told = {"told": instant.isoformat(), "at": self._base.now().isoformat(), "day": day and day.isoformat()}
        self._store.put(("settings", "clock", told))


def noon_of(on: date) -> datetime:
    """Noon of a day in Brussels."""
    return datetime.combine(on, time_of_day(12), BRUSSELS)


def at_hour(on: date, hour: int) -> datetime:
    """A full hour of a day in Brussels."""
    return datetime.combine(on, time_of_day(), BRUSSELS) + timedelta(hours=hour)


def _in_brussels(instant: datetime) -> datetime:
    """An instant to the second, at Brussels' distance from UTC at that moment: what is added to it passes in truth,
    also in the nights in which the clocks are changed.
    """
    there = instant.astimezone(BRUSSELS).replace(microsecond=0)
    return there.astimezone(timezone(there.utcoffset() or timedelta(0)))


def _end_of(on: date) -> datetime:
    return datetime.combine(on, _LAST_SECOND, BRUSSELS)
