"""Dates and instants, each in its one spelling."""

import re
from datetime import date, datetime

MICROSECOND = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}):[0-9]{2}\.[0-9]{6}Z")


def is_date(value: object) -> bool:
    """Whether it is a date that exists, as `2026-03-02`."""
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def is_instant(value: object) -> bool:
    """Whether it is an instant in UTC to the microsecond, as `2026-03-02T11:00:00.000000Z`."""
    try:
        return (
            isinstance(value, str) and MICROSECOND.fullmatch(value) is not None and bool(datetime.fromisoformat(value))
        )
    except ValueError:
        return False
