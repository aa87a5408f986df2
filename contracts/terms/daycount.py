"""Day counts: how many days lie between two dates, and what fraction of a year they are.

- **30E/360** (ISDA 2006, section 4.16(g)): every month has 30 days, a year 360; the 31st counts as the 30th.
- **ACT/ACT ICMA** (ICMA rule 251): real days over the days of their coupon period times the periods a year. An
  irregular period is cut along the notional periods that the grid of regular dates draws through it, and each part is
  counted in its own.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import assert_never

from contracts.terms.dates import MONTHS_A_YEAR, add_months
from ledger.errors import Refusal


class DayCount(StrEnum):
    """The conventions in use."""

    THIRTY_E_360 = "30E/360"
    ACT_ACT_ICMA = "ACT/ACT ICMA"


@dataclass(frozen=True, slots=True)
class IcmaPeriod:
    """The grid of regular coupon dates: `anchor_on` and every date whole multiples of `months` before or after it."""

    anchor_on: date
    months: int

    def __post_init__(self) -> None:
        if self.months < 1 or MONTHS_A_YEAR % self.months:
            raise Refusal("icma-period-malformed", months=self.months)

    def grid_date(self, index: int) -> date:
        """The grid's date `index` periods after the anchor."""
        return add_months(self.anchor_on, index * self.months)

    def index_before(self, day: date) -> int:
        """The largest index whose grid date is not after `day`."""
        months = (day.year - self.anchor_on.year) * MONTHS_A_YEAR + day.month - self.anchor_on.month
        index = months // self.months
        return index if self.grid_date(index) <= day else index - 1


def days(convention: DayCount, start: date, end: date) -> int:
    """The days from `start` (included) to `end` (excluded) as `convention` counts them.

    >>> days(DayCount.THIRTY_E_360, date(2026, 1, 31), date(2026, 3, 31))
    60
    >>> days(DayCount.ACT_ACT_ICMA, date(2026, 1, 31), date(2026, 3, 31))
    59
    """
    match convention:
        case DayCount.THIRTY_E_360:
            years, months = end.year - start.year, end.month - start.month
            return 360 * years + 30 * months + min(end.day, 30) - min(start.day, 30)
        case DayCount.ACT_ACT_ICMA:
            return (end - start).days
        case _:
            assert_never(convention)


def year_fraction(convention: DayCount, start: date, end: date, *, period: IcmaPeriod | None = None) -> Fraction:
    """The fraction of a year from `start` to `end`; ACT/ACT ICMA refuses `icma-period-missing` without `period`.

    A 1,000.00 EUR bond at 4.5 %, half-yearly on 15 March and 15 September, has accrued 9.5380 EUR on 1 June:

    >>> grid = IcmaPeriod(date(2025, 3, 15), 6)
    >>> accrued = year_fraction(DayCount.ACT_ACT_ICMA, date(2025, 3, 15), date(2025, 6, 1), period=grid)
    >>> accrued == Fraction(78, 184) / 2
    True
    >>> round(accrued * 1000 * Fraction(45, 1000), 4) == Fraction(95380, 10000)
    True
    """
    if end < start:
        raise Refusal("period-ends-before-it-starts", starts_on=start.isoformat(), ends_on=end.isoformat())
    match convention:
        case DayCount.THIRTY_E_360:
            return Fraction(days(convention, start, end), 360)
        case DayCount.ACT_ACT_ICMA:
            if period is None:
                raise Refusal("icma-period-missing")
            return _icma(start, end, period)
        case _:
            assert_never(convention)


def _icma(start: date, end: date, period: IcmaPeriod) -> Fraction:
    frequency = MONTHS_A_YEAR // period.months
    total, index = Fraction(0), period.index_before(start)
    while (opens := period.grid_date(index)) < end:
        closes = period.grid_date(index + 1)
        inside = (min(end, closes) - max(start, opens)).days
        total += Fraction(inside, (closes - opens).days * frequency)
        index += 1
    return total
