"""Calendar arithmetic in months."""

from calendar import monthrange
from datetime import date

MONTHS_A_YEAR = 12


def add_months(day: date, months: int) -> date:
    """The same day of the month `months` later (earlier if negative), or that month's last day if it is shorter.

    >>> add_months(date(2026, 1, 31), 1), add_months(date(2026, 1, 31), 2), add_months(date(2026, 3, 15), -3)
    (datetime.date(2026, 2, 28), datetime.date(2026, 3, 31), datetime.date(2025, 12, 15))
    """
    years, month = divmod(day.month - 1 + months, MONTHS_A_YEAR)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
