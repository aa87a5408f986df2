"""The days on which euro payments settle: TARGET's calendar.

TARGET is closed on Saturdays, Sundays, 1 January, Good Friday, Easter Monday, 1 May, 25 and 26 December, every year
since 2002 (European Central Bank, long-term calendar for TARGET closing days, 14 December 2000). A bank holiday of one
country is not among them.

A date that falls on a closing day is rolled (ISDA 2006, section 4.12): to the next day that settles, to the previous
one, or to the next unless that lies in another month.
"""

from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import assert_never

FIRST_YEAR = 2002
_SATURDAY = 5


class Roll(StrEnum):
    """Where a date goes that falls on a closing day."""

    FOLLOWING = "following"
    MODIFIED_FOLLOWING = "modified-following"
    PRECEDING = "preceding"


def is_target_day(day: date) -> bool:
    """Whether TARGET settles on `day`; years before 2002, which had other closing days, raise `ValueError`.

    >>> is_target_day(date(2026, 12, 24)), is_target_day(date(2026, 12, 25)), is_target_day(date(2026, 7, 21))
    (True, False, True)
    """
    return day.weekday() < _SATURDAY and day not in _closing_days(day.year)


def next_target_day(day: date) -> date:
    """The first TARGET day on or after `day`.

    >>> next_target_day(date(2026, 12, 25)), next_target_day(date(2026, 12, 28))
    (datetime.date(2026, 12, 28), datetime.date(2026, 12, 28))
    """
    while not is_target_day(day):
        day += timedelta(days=1)
    return day


def previous_target_day(day: date) -> date:
    """The last TARGET day on or before `day`.

    >>> previous_target_day(date(2026, 12, 26)), previous_target_day(date(2026, 12, 24))
    (datetime.date(2026, 12, 24), datetime.date(2026, 12, 24))
    """
    while not is_target_day(day):
        day -= timedelta(days=1)
    return day


def rolled(day: date, roll: Roll) -> date:
    """The TARGET day that `day` is rolled to.

    >>> rolled(date(2026, 1, 31), Roll.FOLLOWING), rolled(date(2026, 1, 31), Roll.MODIFIED_FOLLOWING)
    (datetime.date(2026, 2, 2), datetime.date(2026, 1, 30))
    """
    match roll:
        case Roll.FOLLOWING:
            return next_target_day(day)
        case Roll.PRECEDING:
            return previous_target_day(day)
        case Roll.MODIFIED_FOLLOWING:
            following = next_target_day(day)
            return following if following.month == day.month else previous_target_day(day)
        case _:
            assert_never(roll)


def add_target_days(day: date, count: int) -> date:
    """The TARGET day that is the `count`th after `day`, or before it where `count` is negative; 0 asks for the next.

    `day` itself need not be a TARGET day, and does not count.

    >>> add_target_days(date(2026, 12, 24), 1), add_target_days(date(2026, 12, 28), -1)
    (datetime.date(2026, 12, 28), datetime.date(2026, 12, 24))
    """
    if count == 0:
        return next_target_day(day)
    step = timedelta(days=1 if count > 0 else -1)
    for _ in range(abs(count)):
        day += step
        while not is_target_day(day):
            day += step
    return day


@lru_cache(maxsize=64)
def _closing_days(year: int) -> frozenset[date]:
    """The closing days of a year that may fall on a weekday."""
    if year < FIRST_YEAR:
        raise ValueError(f"TARGET's rule holds from {FIRST_YEAR} on, not in {year}")
    easter = _easter_sunday(year)
    return frozenset(
        {
            date(year, 1, 1),
            easter - timedelta(days=2),
            easter + timedelta(days=1),
            date(year, 5, 1),
            date(year, 12, 25),
            date(year, 12, 26),
        }
    )


def _easter_sunday(year: int) -> date:
    """Easter of the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8)."""
    golden = year % 19
    century, of_century = divmod(year, 100)
    leap_centuries, century_rest = divmod(century, 4)
    correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap_centuries - correction + 15) % 30
    leaps, rest = divmod(of_century, 4)
    to_sunday = (32 + 2 * century_rest + 2 * leaps - epact - rest) % 7
    late = (golden + 11 * epact + 22 * to_sunday) // 451
    month, day = divmod(epact + to_sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)
