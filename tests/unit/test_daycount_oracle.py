"""Day counts against QuantLib's, on the days where conventions part: ends of months, Februaries, changes of year."""

from datetime import date, timedelta
from itertools import product

import pytest
import QuantLib

from contracts.terms.daycount import DayCount, IcmaPeriod, days, year_fraction

SAME = {
    DayCount.THIRTY_360: QuantLib.Thirty360(QuantLib.Thirty360.BondBasis),
    DayCount.THIRTY_E_360: QuantLib.Thirty360(QuantLib.Thirty360.EurobondBasis),
    DayCount.THIRTY_E_360_ISDA: QuantLib.Thirty360(QuantLib.Thirty360.ISDA),
    DayCount.ACT_360: QuantLib.Actual360(),
    DayCount.ACT_365F: QuantLib.Actual365Fixed(),
    DayCount.ACT_ACT_ISDA: QuantLib.ActualActual(QuantLib.ActualActual.ISDA),
    DayCount.ACT_ACT_AFB: QuantLib.ActualActual(QuantLib.ActualActual.AFB),
}
STARTS = [
    date(year, month, day) for year in (2023, 2024, 2027) for month, day in ((1, 1), (1, 30), (1, 31), (2, 27), (2, 28))
] + [date(2024, 2, 29), date(2024, 3, 1), date(2024, 8, 30), date(2024, 8, 31), date(2025, 12, 31)]
LENGTHS = [*range(70), *range(180, 186), *range(355, 400), 730, 731, 1094, 1095, 1096, *range(1455, 1465), 4017]


def theirs(day: date) -> QuantLib.Date:
    return QuantLib.Date(day.day, day.month, day.year)


@pytest.mark.parametrize("convention", SAME)
def test_a_fraction_is_the_other_implementations(convention: DayCount) -> None:
    other = SAME[convention]
    for start, length in product(STARTS, LENGTHS):
        end = start + timedelta(days=length)
        assert days(convention, start, end) == other.dayCount(theirs(start), theirs(end)), (start, end)
        fraction = other.yearFraction(theirs(start), theirs(end))
        assert abs(float(year_fraction(convention, start, end)) - fraction) < 1e-12, (start, end)


def test_the_last_day_of_february_at_maturity_is_as_the_other_implementation_has_it() -> None:
    matures_on = date(2026, 2, 28)
    other = QuantLib.Thirty360(QuantLib.Thirty360.ISDA, theirs(matures_on))
    for back in range(1, 500):
        start = matures_on - timedelta(days=back)
        counted = days(DayCount.THIRTY_E_360_ISDA, start, matures_on, matures_on=matures_on)
        assert counted == other.dayCount(theirs(start), theirs(matures_on)), start


@pytest.mark.parametrize(
    ("starts", "months"), [(date(2023, 9, 20), 1), *((date(2023, 4, 20), months) for months in (3, 6, 12))]
)
def test_accrued_interest_of_a_bond_is_the_other_implementations(starts: date, months: int) -> None:
    """Irregular first and last coupons of a schedule, cut into notional periods, and every day inside of them."""
    ends, grid = date(2026, 11, 3), IcmaPeriod(date(2023, 10, 15), months)
    closed, kept = QuantLib.NullCalendar(), QuantLib.Unadjusted
    step, forwards = QuantLib.Period(months, QuantLib.Months), QuantLib.DateGeneration.Forward
    schedule = QuantLib.Schedule(
        theirs(starts), theirs(ends), step, closed, kept, kept, forwards, False, theirs(grid.anchor_on)
    )
    other = QuantLib.ActualActual(QuantLib.ActualActual.ISMA, schedule)
    for offset in range(0, (ends - starts).days + 1, 11):
        end = starts + timedelta(days=offset)
        ours = year_fraction(DayCount.ACT_ACT_ICMA, starts, end, period=grid)
        assert abs(float(ours) - other.yearFraction(theirs(starts), theirs(end))) < 1e-9, end
