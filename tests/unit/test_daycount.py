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


DATED = {
    # EMU and market conventions: recent developments (ISDA, 1998), annex: the five calculations of ACT/ACT
    "a semi-annual bond": (date(2003, 11, 1), date(2004, 5, 1), 6, "ISDA", Fraction(61, 365) + Fraction(121, 366)),
    "the same by AFB": (date(2003, 11, 1), date(2004, 5, 1), 6, "AFB", Fraction(182, 366)),
    "the same by ICMA": (date(2003, 11, 1), date(2004, 5, 1), 6, "ICMA", Fraction(182, 364)),
    "a short first period by ISDA": (date(1999, 2, 1), date(1999, 7, 1), 12, "ISDA", Fraction(150, 365)),
    "a short first period by AFB": (date(1999, 2, 1), date(1999, 7, 1), 12, "AFB", Fraction(150, 365)),
    "its regular second": (date(1999, 7, 1), date(2000, 7, 1), 12, "ISDA", Fraction(184, 365) + Fraction(182, 366)),
    "the same by AFB (2)": (date(1999, 7, 1), date(2000, 7, 1), 12, "AFB", Fraction(1)),
    "the same by ICMA (2)": (date(1999, 7, 1), date(2000, 7, 1), 12, "ICMA", Fraction(1)),
    "a long first period by ISDA": (date(2002, 8, 15), date(2003, 7, 15), 6, "ISDA", Fraction(334, 365)),
    "the same by AFB (3)": (date(2002, 8, 15), date(2003, 7, 15), 6, "AFB", Fraction(334, 365)),
    "a short last period by ISDA": (date(2000, 1, 30), date(2000, 6, 30), 6, "ISDA", Fraction(152, 366)),
    "the same by AFB (4)": (date(2000, 1, 30), date(2000, 6, 30), 6, "AFB", Fraction(152, 366)),
    "ends of months by ISDA": (date(1999, 11, 30), date(2000, 4, 30), 3, "ISDA", Fraction(32, 365) + Fraction(20, 61)),
    "an end of month by AFB": (date(1999, 11, 30), date(2000, 4, 30), 3, "AFB", Fraction(152, 366)),
}  # fmt: skip


@pytest.mark.parametrize("name", DATED)
def test_the_published_calculations_of_actual_over_actual(name: str) -> None:
    start, end, months, method, published = DATED[name]
    assert year_fraction(DayCount(f"ACT/ACT {method}"), start, end, period=IcmaPeriod(end, months)) == published


def test_the_published_irregular_last_periods_of_icma() -> None:
    """The same annex: a short last period of a half-yearly bond, and a long one at the ends of months, quarterly."""
    short = IcmaPeriod(date(2000, 1, 30), 6)
    assert year_fraction(ICMA, date(2000, 1, 30), date(2000, 6, 30), period=short) == Fraction(152, 182 * 2)
    long = IcmaPeriod.around(date(1999, 11, 30), date(2000, 4, 30), months=3, end_of_month=True, last=True)
    fraction = year_fraction(ICMA, date(1999, 11, 30), date(2000, 4, 30), period=long)
    assert fraction == Fraction(91, 91 * 4) + Fraction(61, 92 * 4)


@pytest.mark.parametrize("last", [False, True])
def test_a_regular_period_is_its_own_grid_whichever_end_has_the_shorter_month(*, last: bool) -> None:
    for opens, closes in ((date(2025, 8, 31), date(2026, 2, 28)), (date(2026, 2, 28), date(2026, 8, 31))):
        grid = IcmaPeriod.around(opens, closes, months=6, last=last)
        assert year_fraction(ICMA, opens, closes, period=grid) == Fraction(1, 2)


def test_an_irregular_first_period_is_cut_back_from_its_end() -> None:
    grid = IcmaPeriod.around(date(2002, 8, 15), date(2003, 7, 15), months=6)
    fraction = year_fraction(ICMA, date(2002, 8, 15), date(2003, 7, 15), period=grid)
    assert fraction == Fraction(181, 181 * 2) + Fraction(153, 184 * 2)
    with pytest.raises(Refusal) as refused:
        IcmaPeriod.around(date(2026, 1, 1), date(2026, 1, 1), months=6)
    assert refused.value.code == "period-ends-before-it-starts"
