"""Calendar arithmetic in months, and intervals in years."""

from calendar import monthrange
from datetime import date
from fractions import Fraction

MONTHS_A_YEAR = 12
SHORTEST_MONTH = 28


def add_months(day: date, months: int) -> date:
    """The same day of the month `months` later (earlier if negative), or that month's last day if it is shorter.

    >>> add_months(date(2026, 1, 31), 1), add_months(date(2026, 1, 31), 2), add_months(date(2026, 3, 15), -3)
    (datetime.date(2026, 2, 28), datetime.date(2026, 3, 31), datetime.date(2025, 12, 15))
    """
    years, month = divmod(day.month - 1 + months, MONTHS_A_YEAR)
    year = day.year + years
    if day.day <= SHORTEST_MONTH:
        return date(year, month + 1, day.day)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def is_month_end(day: date) -> bool:
    """Whether `day` is the last of its month.

    >>> is_month_end(date(2026, 2, 28)), is_month_end(date(2028, 2, 28))
    (True, False)
    """
    return day.day == monthrange(day.year, day.month)[1]


def years(start: date, end: date) -> Fraction:
    """The interval from `start` to `end` in years, as Directive 2008/48/EC, annex I, counts it for effective rates.

    Whole months are counted back from the end; the days left over are on the 365 or 366 of the year that they end.

    >>> years(date(2026, 1, 15), date(2026, 7, 15)), years(date(2026, 1, 15), date(2026, 2, 25))
    (Fraction(1, 2), Fraction(97, 876))
    """
    months = (end.year - start.year) * MONTHS_A_YEAR + end.month - start.month
    if add_months(end, -months) < start:
        months -= 1
    rest_ends_on = add_months(end, -months)
    year = (rest_ends_on - add_months(rest_ends_on, -MONTHS_A_YEAR)).days
    return Fraction(months, MONTHS_A_YEAR) + Fraction((rest_ends_on - start).days, year)
