"""TARGET's calendar, against the closing days that the European Central Bank published and against QuantLib's."""

from datetime import date, timedelta

import pytest
import QuantLib

from ledger.calendars import Roll, add_target_days, is_target_day, next_target_day, rolled

PUBLISHED_2026 = {date(2026, 1, 1), date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1), date(2026, 12, 25)}
PUBLISHED_2027 = {date(2027, 1, 1), date(2027, 3, 26), date(2027, 3, 29)}


@pytest.mark.parametrize(("year", "published"), [(2026, PUBLISHED_2026), (2027, PUBLISHED_2027)])
def test_the_weekdays_without_settlement_are_the_published_ones(year: int, published: set[date]) -> None:
    weekdays = [day for day in days(year, year) if day.weekday() < 5]
    assert {day for day in weekdays if not is_target_day(day)} == published


def test_every_day_of_a_century_is_as_another_implementation_has_it() -> None:
    other = QuantLib.TARGET()
    differing = [
        day for day in days(2002, 2101) if is_target_day(day) != other.isBusinessDay(QuantLib.Date.from_date(day))
    ]
    assert differing == []


@pytest.mark.parametrize(
    ("roll", "theirs"),
    [
        (Roll.FOLLOWING, QuantLib.Following),
        (Roll.MODIFIED_FOLLOWING, QuantLib.ModifiedFollowing),
        (Roll.PRECEDING, QuantLib.Preceding),
    ],
)
def test_every_day_of_thirty_years_is_rolled_as_another_implementation_rolls_it(roll: Roll, theirs: int) -> None:
    other = QuantLib.TARGET()
    differing = [
        day
        for day in days(2010, 2039)
        if rolled(day, roll) != other.adjust(QuantLib.Date.from_date(day), theirs).to_date()
    ]
    assert differing == []


def test_the_belgian_holiday_is_a_day_like_others_and_the_end_of_a_month_stays_in_it() -> None:
    assert rolled(date(2026, 7, 21), Roll.FOLLOWING) == date(2026, 7, 21)
    assert rolled(date(2026, 5, 31), Roll.FOLLOWING) == date(2026, 6, 1)
    assert rolled(date(2026, 5, 31), Roll.MODIFIED_FOLLOWING) == date(2026, 5, 29)


def test_the_day_after_christmas_eve_of_2026_is_the_28th() -> None:
    assert add_target_days(date(2026, 12, 24), 1) == date(2026, 12, 28)
    assert add_target_days(date(2026, 12, 28), -1) == date(2026, 12, 24)
    assert add_target_days(date(2026, 12, 31), 1) == date(2027, 1, 4)


def test_no_days_from_a_closed_day_is_the_next_open_one() -> None:
    assert add_target_days(date(2026, 4, 3), 0) == next_target_day(date(2026, 4, 3)) == date(2026, 4, 7)
    assert add_target_days(date(2026, 4, 7), 0) == date(2026, 4, 7)


def test_counting_there_and_back_ends_where_it_began() -> None:
    for day in filter(is_target_day, days(2026, 2027)):
        for count in (1, 2, 5, 9):
            assert add_target_days(add_target_days(day, count), -count) == day


def test_a_year_with_other_closing_days_is_not_answered() -> None:
    with pytest.raises(ValueError, match="2001"):
        is_target_day(date(2001, 12, 31))


def days(first_year: int, last_year: int) -> list[date]:
    first, last = date(first_year, 1, 1), date(last_year, 12, 31)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
