"""Bonds by published examples and by their own rules: coupon dates, accrued interest, price, yield, refusals."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from contracts.terms.bonds import BondTerms
from contracts.terms.bondyield import price_at, yield_at
from contracts.terms.daycount import DayCount
from contracts.terms.discounting import HIGHEST_RATE, LOWEST_RATE, internal_rate
from ledger.calendars import Roll
from ledger.errors import Refusal
from tests.bond_prices_kit import Comparison, compare, random_cases

ICMA, US = DayCount.ACT_ACT_ICMA, DayCount.THIRTY_360
BOND = BondTerms(100_000, Decimal("0.045"), date(2025, 3, 15), date(2030, 3, 15), 6, ICMA)


def test_thousands_of_random_bonds_are_as_another_implementation_has_them() -> None:
    """Dates, accrued interest, coupons, price, durations and yield; `make bonds-run` does the same for 20,000."""
    compared = Comparison()
    for case in random_cases(2_500, seed=20_260_302, longest_years=12):
        compare(case, compared)
    assert compared.bonds == 2_500
    assert compared.priced > 2_450
    assert compared.irregular > 1_000


def test_the_accrued_interest_of_the_half_yearly_bond_of_the_facts() -> None:
    """1,000 nominal, 4.5 %, 15 March and 15 September, on 1 June 2025: 78/184 of 22.50, which is 9.5380."""
    accrued = BOND.accrued(date(2025, 6, 1))
    assert (accrued.days, accrued.period_days) == (78, 184)
    assert accrued.share * 1000 == Fraction(78, 184) * Fraction("22.5")
    assert round(float(accrued.share * 1000), 4) == 9.538


def test_the_first_coupons_of_the_published_examples_of_icma() -> None:
    """EMU and market conventions (ISDA, November 1998), annex: a short first period, a long one, their second ones."""
    short = BondTerms(100_000, Decimal("0.1"), date(1999, 2, 1), date(2003, 7, 1), 12, ICMA)
    assert [short.flow(period).interest * 10 for period in short.periods[:2]] == [Fraction(150, 365), 1]
    starts, first = date(2002, 8, 15), date(2003, 7, 15)
    long = BondTerms(100_000, Decimal("0.1"), starts, date(2006, 7, 15), 6, ICMA, first_coupon_on=first)
    paid = [long.flow(period).interest * 10 for period in long.periods[:2]]
    assert paid == [Fraction(181, 181 * 2) + Fraction(153, 184 * 2), Fraction(1, 2)]
    assert round(float(paid[0]), 12) == 0.915760869565


# Examples of Microsoft's documentation of its functions (support.microsoft.com/excel, one page a function).
def bond(rate: str, issued_on: date, matures_on: date, day_count: DayCount) -> BondTerms:
    return BondTerms(100_000, Decimal(rate), issued_on, matures_on, 6, day_count)


def test_the_published_examples_of_price_and_yield() -> None:
    price = price_at(bond("0.0575", date(2007, 11, 15), date(2017, 11, 15), US), date(2008, 2, 15), Decimal("0.065"))
    assert round(price.clean, 8) == Decimal("94.63436162")  # PRICE
    found = yield_at(bond("0.0575", date(2007, 11, 15), date(2016, 11, 15), US), date(2008, 2, 15), Decimal("95.04287"))
    assert round(found, 7) == Decimal("0.0650000")  # YIELD


def test_the_published_examples_of_an_odd_first_period() -> None:
    price = price_at(bond("0.0785", date(2008, 10, 15), date(2021, 3, 1), ICMA), date(2008, 11, 11), Decimal("0.0625"))
    assert round(price.clean, 6) == Decimal("113.597717")  # ODDFPRICE
    found = yield_at(bond("0.0575", date(2008, 10, 15), date(2021, 3, 1), US), date(2008, 11, 11), Decimal("84.50"))
    assert round(found, 9) == Decimal("0.077245542")  # ODDFYIELD


def test_the_published_examples_of_duration() -> None:
    macaulay = price_at(bond("0.08", date(2018, 1, 1), date(2048, 1, 1), ICMA), date(2018, 7, 1), Decimal("0.09"))
    assert round(macaulay.duration, 7) == Decimal("10.9191453")  # DURATION
    modified = price_at(bond("0.08", date(2008, 1, 1), date(2016, 1, 1), ICMA), date(2008, 1, 1), Decimal("0.09"))
    assert round(modified.modified_duration, 5) == Decimal("5.73567")  # MDURATION


def test_coupon_dates_are_counted_back_from_maturity() -> None:
    ends = BondTerms(100_000, Decimal("0.03"), date(2025, 8, 31), date(2027, 8, 31), 6, ICMA)
    dates = [period.closes_on for period in ends.periods]
    assert dates == [date(2026, 2, 28), date(2026, 8, 31), date(2027, 2, 28), date(2027, 8, 31)]
    assert {ends.flow(period).interest for period in ends.periods} == {Fraction(3, 200)}
    assert replace(ends, first_coupon_on=date(2026, 2, 28)).periods == ends.periods


def test_a_first_coupon_on_the_31st_goes_with_a_maturity_in_february() -> None:
    ends = BondTerms(100_000, Decimal("0.03"), date(2026, 2, 28), date(2027, 2, 28), 6, ICMA, date(2026, 8, 31))
    assert [ends.flow(period).interest for period in ends.periods] == [Fraction(3, 200), Fraction(3, 200)]


def test_payments_are_rolled_and_interest_is_not() -> None:
    for roll, paid_on in (
        (Roll.FOLLOWING, date(2026, 6, 1)),
        (Roll.MODIFIED_FOLLOWING, date(2026, 5, 29)),
        (Roll.PRECEDING, date(2026, 5, 29)),
    ):
        rolled = BondTerms(100_000, Decimal("0.04"), date(2025, 5, 31), date(2027, 5, 31), 12, ICMA, roll=roll)
        assert rolled.periods[0].closes_on == date(2026, 5, 31)  # a Sunday
        assert rolled.periods[0].paid_on == paid_on
        assert rolled.flow(rolled.periods[0]).interest == Fraction(4, 100)


def test_a_coupon_that_is_due_and_not_paid_belongs_to_the_price() -> None:
    rolled = BondTerms(100_000, Decimal("0.04"), date(2025, 5, 30), date(2028, 5, 30), 12, ICMA, roll=Roll.FOLLOWING)
    due, paid = date(2026, 5, 30), date(2026, 6, 1)  # a Saturday, and the Monday after
    assert rolled.accrued(due).share == Fraction(4, 100)
    assert rolled.accrued(due).days == 365
    assert rolled.accrued(paid).share == Fraction(4, 100) * Fraction(2, 365)
    before = replace(rolled, roll=Roll.PRECEDING)  # paid on the Friday, the 29th
    assert before.accrued(date(2026, 5, 29)).share == 0
    assert before.accrued(date(2026, 5, 29)).period.opens_on == due


def test_a_bond_costs_its_nominal_on_a_coupon_date_at_a_yield_of_its_coupon() -> None:
    assert round(price_at(BOND, date(2027, 3, 15), Decimal("0.045")).clean, 20) == 100
    assert round(yield_at(BOND, date(2027, 3, 15), Decimal(100)), 18) == Decimal("0.045")


def test_a_bond_without_coupons_is_discounted_at_its_frequency() -> None:
    zero = BondTerms(100_000, Decimal(0), date(2025, 3, 15), date(2027, 3, 15), 6, ICMA)
    assert zero.accrued(date(2025, 6, 1)).share == 0
    price = price_at(zero, date(2025, 3, 15), Decimal("0.04"))
    assert round(price.clean, 20) == round(100 / Decimal("1.02") ** 4, 20)
    assert round(price.duration, 20) == 2


@pytest.mark.parametrize("yield_annual", ["-1.2", "-0.5", "0", "0.0000001", "3", "5000"])
def test_a_price_leads_back_to_its_yield_however_strange(yield_annual: str) -> None:
    price = price_at(BOND, date(2025, 6, 1), Decimal(yield_annual))
    if price.clean <= 0:
        assert Decimal(yield_annual) > 1  # what has accrued is more than all that is left is worth
        return
    assert abs(yield_at(BOND, date(2025, 6, 1), price.clean) - Decimal(yield_annual)) < Decimal("1e-12")


def test_no_yield_makes_a_price_that_time_has_no_part_in() -> None:
    """By 30/360 no day lies between the 30th and the 31st, so that every yield gives the same price, or none."""
    short = BondTerms(100_000, Decimal("0.04"), date(2026, 3, 30), date(2026, 5, 31), 6, US)
    for price in (Decimal(100), Decimal(99)):
        assert code_of(lambda price=price: yield_at(short, date(2026, 5, 30), price)) == "yield-out-of-range"
    with pytest.raises(Refusal):
        internal_rate([(Fraction(0), Fraction(-1)), (Fraction(0), Fraction(1))])


def code_of(act: object) -> str:
    assert callable(act)
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value.code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"nominal_cents": 0}, "principal-out-of-range"),
        ({"nominal_cents": 2**53}, "principal-out-of-range"),
        ({"coupon_rate": Decimal("1.1")}, "rate-out-of-range"),
        ({"coupon_rate": Decimal("-0.01")}, "rate-out-of-range"),
        ({"months": 5}, "icma-period-malformed"),
        ({"months": 0}, "icma-period-malformed"),
        ({"matures_on": date(2025, 3, 15)}, "period-ends-before-it-starts"),
        ({"matures_on": date(2024, 3, 15)}, "period-ends-before-it-starts"),
        ({"issued_on": date(1899, 3, 15)}, "terms-date-out-of-range"),
        ({"matures_on": date(2200, 3, 15)}, "terms-date-out-of-range"),
        ({"matures_on": date(2080, 3, 15), "months": 1}, "instalments-out-of-range"),
        ({"first_coupon_on": date(2025, 3, 15)}, "first-coupon-out-of-place"),
        ({"first_coupon_on": date(2024, 9, 15)}, "first-coupon-out-of-place"),
        ({"first_coupon_on": date(2030, 9, 15)}, "first-coupon-out-of-place"),
        ({"first_coupon_on": date(2025, 9, 16)}, "first-coupon-out-of-place"),
        ({"first_coupon_on": date(2025, 12, 15)}, "first-coupon-out-of-place"),
        ({"issued_on": date(1999, 3, 15), "roll": Roll.FOLLOWING}, "no-calendar-for-date"),
        (
            {"issued_on": date(2026, 5, 30), "matures_on": date(2026, 5, 31), "roll": Roll.PRECEDING},
            "due-not-after-start",
        ),
    ],
)
def test_terms_that_make_no_bond_are_refused(change: dict[str, object], code: str) -> None:
    assert code_of(lambda: replace(BOND, **change)) == code


@pytest.mark.parametrize("settles_on", [date(2025, 3, 14), date(2030, 3, 15), date(2031, 1, 1)])
def test_a_settlement_outside_the_bond_s_life_is_refused(settles_on: date) -> None:
    for act in (
        lambda: BOND.accrued(settles_on),
        lambda: price_at(BOND, settles_on, Decimal("0.04")),
        lambda: yield_at(BOND, settles_on, Decimal(99)),
    ):
        assert code_of(act) == "settlement-outside-life"


def test_a_bond_that_is_paid_before_its_maturity_has_no_price_left() -> None:
    early = BondTerms(100_000, Decimal("0.04"), date(2025, 5, 31), date(2026, 5, 31), 12, ICMA, roll=Roll.PRECEDING)
    assert early.accrued(date(2026, 5, 28)).days == 362
    assert code_of(lambda: early.accrued(date(2026, 5, 29))) == "settlement-outside-life"


def test_quotes_out_of_range_are_refused() -> None:
    settles_on = date(2025, 6, 1)
    for clean_price in ("0", "-1"):
        assert code_of(lambda price=clean_price: yield_at(BOND, settles_on, Decimal(price))) == "price-not-positive"
    for stated in (2 * LOWEST_RATE - Decimal("0.01"), 2 * HIGHEST_RATE + 1):
        code = code_of(lambda stated=stated: price_at(BOND, settles_on, stated))
        assert code == "bond-yield-out-of-range"
    assert code_of(lambda: yield_at(BOND, settles_on, Decimal("1e29"))) == "yield-out-of-range"
