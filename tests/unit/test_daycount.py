"""Day counts against the texts that define them."""

from datetime import date
from fractions import Fraction

import pytest

from contracts.terms.daycount import DayCount, IcmaPeriod, days, year_fraction
from ledger.errors import Refusal

E360, ICMA = DayCount.THIRTY_E_360, DayCount.ACT_ACT_ICMA


@pytest.mark.parametrize(
    ("start", "end", "counted"),
    [
        (date(2026, 1, 30), date(2026, 1, 31), 0),  # both count as the 30th
        (date(2026, 1, 31), date(2026, 2, 28), 28),  # the end of February is no end of month here
        (date(2026, 2, 28), date(2026, 3, 31), 32),
        (date(2024, 2, 29), date(2025, 2, 28), 359),
        (date(2026, 3, 2), date(2027, 3, 2), 360),
        (date(2026, 12, 15), date(2027, 1, 15), 30),
    ],
)
def test_thirty_e_360_counts_every_month_as_thirty_days(start: date, end: date, counted: int) -> None:
    assert days(E360, start, end) == counted
    assert year_fraction(E360, start, end) == Fraction(counted, 360)


def test_a_regular_icma_period_is_exactly_one_over_its_frequency() -> None:
    grid = IcmaPeriod(date(2025, 3, 15), 6)
    assert year_fraction(ICMA, date(2025, 3, 15), date(2025, 9, 15), period=grid) == Fraction(1, 2)
    assert year_fraction(ICMA, date(2025, 9, 15), date(2026, 3, 15), period=grid) == Fraction(1, 2)
    assert year_fraction(ICMA, date(2025, 3, 15), date(2027, 3, 15), period=grid) == 2


def test_the_published_short_and_long_first_periods_of_the_icma_memorandum() -> None:
    """EMU and market conventions (ISDA, November 1998): the two irregular first periods of its annex."""
    short = year_fraction(ICMA, date(1999, 2, 1), date(1999, 7, 1), period=IcmaPeriod(date(1999, 7, 1), 12))
    assert short == Fraction(150, 365)
    long = year_fraction(ICMA, date(2002, 8, 15), date(2003, 7, 15), period=IcmaPeriod(date(2003, 7, 15), 6))
    assert long == Fraction(181, 181 * 2) + Fraction(153, 184 * 2)


def test_icma_without_its_period_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        year_fraction(ICMA, date(2026, 1, 1), date(2026, 2, 1))
    assert refused.value.code == "icma-period-missing"


@pytest.mark.parametrize("months", [0, -1, 5, 24])
def test_a_period_that_does_not_divide_the_year_is_refused(months: int) -> None:
    with pytest.raises(Refusal) as refused:
        IcmaPeriod(date(2026, 1, 1), months)
    assert refused.value.code == "icma-period-malformed"


def test_a_period_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        year_fraction(E360, date(2026, 2, 1), date(2026, 1, 1))
    assert refused.value.code == "period-ends-before-it-starts"
