"""Day counts: how many days lie between two dates, and what fraction of a year they are.

| name | days | fraction | source |
|---|---|---|---|
| 30/360 | 30-day months; an end on the 31st is the 30th if the start is the 30th or 31st | /360 | ISDA 2006, 4.16(f) |
| 30E/360 | 30-day months; every 31st is the 30th | /360 | ISDA 2006, 4.16(g) |
| 30E/360 ISDA | 30-day months; so is a last day of February, except an end at maturity | /360 | ISDA 2006, 4.16(h) |
| ACT/360 | real | /360 | ISDA 2006, 4.16(e) |
| ACT/365F | real | /365 | ISDA 2006, 4.16(d) |
| ACT/ACT ISDA | real | those in leap years /366, the others /365 | ISDA 2006, 4.16(b) |
| ACT/ACT ICMA | real | over the days of their coupon period times the periods a year | ICMA rule 251 |
| ACT/ACT AFB | real | whole years back from the end, the rest /366 where it holds a 29 February, else /365 | FBF 2004 |

ACT/ACT ICMA cuts an irregular period along the notional periods that the grid of regular dates draws through it, and
each part is counted in its own.
"""

from calendar import isleap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import assert_never

from contracts.terms.dates import MONTHS_A_YEAR, add_months, is_month_end
from ledger.errors import Refusal

_FEBRUARY = 2
_LONGEST_MONTH, _DAYS_A_MONTH = 31, 30


class DayCount(StrEnum):
    """The conventions in use, by their market names."""

    THIRTY_360 = "30/360"
    THIRTY_E_360 = "30E/360"
    THIRTY_E_360_ISDA = "30E/360 ISDA"
    ACT_360 = "ACT/360"
    ACT_365F = "ACT/365F"
    ACT_ACT_ISDA = "ACT/ACT ISDA"
    ACT_ACT_ICMA = "ACT/ACT ICMA"
    ACT_ACT_AFB = "ACT/ACT AFB"


@dataclass(frozen=True, slots=True)
class IcmaPeriod:
    """The grid of regular coupon dates: `anchor_on` and every date whole multiples of `months` before or after it.

    With `end_of_month`, an anchor that ends its month makes every date of the grid end its own.
    """

    anchor_on: date
    months: int
    end_of_month: bool = False

    def __post_init__(self) -> None:
        if self.months < 1 or MONTHS_A_YEAR % self.months:
            raise Refusal("icma-period-malformed", months=self.months)

    @classmethod
    def around(
        cls, opens_on: date, closes_on: date, *, months: int, end_of_month: bool = False, last: bool = False
    ) -> "IcmaPeriod":
        """The grid of the coupon period from `opens_on` to `closes_on`; refuses `period-ends-before-it-starts`.

        A regular period is one of the grid's own. An irregular one is a first period, whose notional periods run back
        from its end, or with `last` a last one, whose notional periods run on from its start.
        """
        if closes_on <= opens_on:
            raise _ends_before(opens_on, closes_on)
        forwards, backwards = cls(opens_on, months, end_of_month), cls(closes_on, months, end_of_month)
        is_forwards = forwards.grid_date(1) == closes_on or (last and backwards.grid_date(-1) != opens_on)
        return forwards if is_forwards else backwards

    def grid_date(self, index: int) -> date:
        """The grid's date `index` periods after the anchor."""
        day = add_months(self.anchor_on, index * self.months)
        if self.end_of_month and is_month_end(self.anchor_on):
            day = add_months(day.replace(day=1), 1) - timedelta(days=1)
        return day

    def index_before(self, day: date) -> int:
        """The largest index whose grid date is not after `day`."""
        months = (day.year - self.anchor_on.year) * MONTHS_A_YEAR + day.month - self.anchor_on.month
        index = months // self.months
        return index if self.grid_date(index) <= day else index - 1

    def periods(self, start: date, end: date) -> Iterator[tuple[date, date]]:
        """The regular periods that hold the span from `start` to `end`."""
        index = self.index_before(start)
        while (opens := self.grid_date(index)) < end:
            index += 1
            yield opens, self.grid_date(index)


def days(convention: DayCount, start: date, end: date, *, matures_on: date | None = None) -> int:
    """The days from `start` (included) to `end` (excluded) as `convention` counts them.

    `matures_on` is of use to 30E/360 ISDA alone, which counts a last day of February as the 30th except at maturity.

    >>> days(DayCount.THIRTY_E_360, date(2026, 1, 31), date(2026, 3, 31))
    60
    >>> days(DayCount.ACT_ACT_ICMA, date(2026, 1, 31), date(2026, 3, 31))
    59
    """
    match convention:
        case DayCount.THIRTY_360:
            first = min(start.day, 30)
            return _thirty(start, end, first, min(end.day, 30) if first == _DAYS_A_MONTH else end.day)
        case DayCount.THIRTY_E_360:
            return _thirty(start, end, min(start.day, 30), min(end.day, 30))
        case DayCount.THIRTY_E_360_ISDA:
            last = min(end.day, 30) if end == matures_on else _isda_day(end)
            return _thirty(start, end, _isda_day(start), last) if end != start else 0
        case (
            DayCount.ACT_360 | DayCount.ACT_365F | DayCount.ACT_ACT_ISDA | DayCount.ACT_ACT_ICMA | DayCount.ACT_ACT_AFB
        ):
            return (end - start).days
        case _:
            assert_never(convention)


def year_fraction(
    convention: DayCount, start: date, end: date, *, period: IcmaPeriod | None = None, matures_on: date | None = None
) -> Fraction:
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
        raise _ends_before(start, end)
    match convention:
        case DayCount.THIRTY_360 | DayCount.THIRTY_E_360 | DayCount.THIRTY_E_360_ISDA | DayCount.ACT_360:
            return Fraction(days(convention, start, end, matures_on=matures_on), 360)
        case DayCount.ACT_365F:
            return Fraction((end - start).days, 365)
        case DayCount.ACT_ACT_ISDA:
            return _years_isda(end) - _years_isda(start)
        case DayCount.ACT_ACT_ICMA:
            if period is None:
                raise Refusal("icma-period-missing")
            return icma_fraction(start, end, period.periods(start, end), a_year=MONTHS_A_YEAR // period.months)
        case DayCount.ACT_ACT_AFB:
            return _afb(start, end)
        case _:
            assert_never(convention)


def _thirty(start: date, end: date, first: int, last: int) -> int:
    return 360 * (end.year - start.year) + 30 * (end.month - start.month) + last - first


def _isda_day(day: date) -> int:
    return 30 if day.day == _LONGEST_MONTH or (day.month == _FEBRUARY and is_month_end(day)) else day.day


def _years_isda(day: date) -> Fraction:
    """The point in time that `day` is, in years that each last 1."""
    return day.year + Fraction((day - date(day.year, 1, 1)).days, _length(day.year))


def _length(year: int) -> int:
    return 366 if isleap(year) else 365


def icma_fraction(start: date, end: date, notional: Iterable[tuple[date, date]], *, a_year: int) -> Fraction:
    """The years from `start` to `end`, each part over the days of the notional period that it lies in, `a_year` a year.

    ICMA rule 251; the notional periods follow one another and hold the whole span.
    """
    total = Fraction(0)
    for opens, closes in notional:
        inside = (min(end, closes) - max(start, opens)).days
        if inside > 0:
            total += Fraction(inside, (closes - opens).days * a_year)
    return total


def _afb(start: date, end: date) -> Fraction:
    """Whole years are counted back from the end; from a 28 February to a 29 February where there is one."""
    whole = end.year - start.year
    if whole and _years_back(end, whole) < start:
        whole -= 1
    rest_ends = _years_back(end, whole)
    return whole + Fraction((rest_ends - start).days, 366 if _holds_leap_day(start, rest_ends) else 365)


def _years_back(day: date, count: int) -> date:
    back = add_months(day, -MONTHS_A_YEAR * count)
    is_late_february = count > 0 and back.month == _FEBRUARY and back.day >= 28  # noqa: PLR2004 -- the rule's own day
    return date(back.year, _FEBRUARY, 29) if is_late_february and isleap(back.year) else back


def _holds_leap_day(start: date, end: date) -> bool:
    return any(isleap(year) and start <= date(year, _FEBRUARY, 29) < end for year in range(start.year, end.year + 1))


def _ends_before(start: date, end: date) -> Refusal:
    return Refusal("period-ends-before-it-starts", starts_on=start.isoformat(), ends_on=end.isoformat())
