"""Random bonds with fixed coupons, and QuantLib's word on each: dates, accrued interest, price, durations and yield."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import QuantLib

from contracts.terms.bonds import BondTerms
from contracts.terms.bondyield import price_at, yield_at
from contracts.terms.dates import add_months, is_month_end
from contracts.terms.daycount import DayCount, IcmaPeriod
from ledger.calendars import FIRST_YEAR, Roll, rolled

ROLLS = {
    None: QuantLib.Unadjusted,
    Roll.FOLLOWING: QuantLib.Following,
    Roll.MODIFIED_FOLLOWING: QuantLib.ModifiedFollowing,
    Roll.PRECEDING: QuantLib.Preceding,
}
FREQUENCIES = {
    1: QuantLib.Annual,
    2: QuantLib.Semiannual,
    3: QuantLib.EveryFourthMonth,
    4: QuantLib.Quarterly,
    6: QuantLib.Bimonthly,
    12: QuantLib.Monthly,
}
CLOSE = 1e-9
"""How far apart the two may be: the other reckons in binary fractions, to about 1e-13 of each figure."""


@dataclass(frozen=True, slots=True)
class Case:
    """A bond, the day on which it is bought, and at what yield."""

    terms: BondTerms
    settles_on: date
    yield_annual: Decimal


@dataclass(slots=True)
class Comparison:
    """How many cases were compared, and how far apart the two were at most.

    Accrued interest and coupons are in currency units on a nominal of 1,000; prices in percent; durations in years.
    """

    bonds: int = 0
    irregular: int = 0
    priced: int = 0
    accrued: float = 0.0
    coupons: float = 0.0
    price: float = 0.0
    duration: float = 0.0
    yield_annual: float = 0.0


def random_cases(count: int, *, seed: int, longest_years: int = 40) -> Iterator[Case]:
    """Bonds of all day counts, frequencies, rolls and first periods, a quarter of them at the end of a month."""
    random = Random(seed)
    for _ in range(count):
        terms = _random_terms(random, longest_years)
        last = min(terms.matures_on, terms.periods[-1].paid_on) - timedelta(days=1)
        days = (last - terms.issued_on).days
        near = random.choice(terms.periods).closes_on + timedelta(days=random.randint(-3, 3))
        anywhere = terms.issued_on + timedelta(days=random.randint(0, days))
        settles_on = near if random.random() < 0.2 and terms.issued_on <= near <= last else anywhere
        yield Case(terms, settles_on, Decimal(random.randint(-200, 2_000)).scaleb(-4))


def _random_terms(random: Random, longest_years: int) -> BondTerms:
    months = random.choice((1, 2, 3, 4, 6, 6, 6, 12, 12, 12))
    matures_on = date(2010, 1, 1) + timedelta(days=random.randint(0, 365 * 50))
    if random.random() < 0.25:
        matures_on = add_months(matures_on.replace(day=1), 1) - timedelta(days=random.randint(1, 3))
    grid = IcmaPeriod(matures_on, months)
    earliest = max(2 - 1200 // months, (2003 - matures_on.year) * 12 // months, -longest_years * 12 // months)
    first = random.randint(min(earliest, -1), 0)
    opens_on, first_on = grid.grid_date(first - 1), grid.grid_date(first)
    stated = None
    match random.choice(("regular", "regular and stated", "short", "long", "very long")):
        case "regular":
            issued_on = opens_on
        case "regular and stated":
            issued_on, stated = opens_on, first_on
        case "short":
            issued_on = opens_on + timedelta(days=random.randint(1, (first_on - opens_on).days - 1))
            stated = random.choice((None, first_on))
        case "long":
            issued_on, stated = opens_on - timedelta(days=random.randint(1, 27 * months)), first_on
        case _:
            issued_on, stated = opens_on - timedelta(days=random.randint(1, 1000)), first_on
    terms = BondTerms(
        nominal_cents=random.choice((100_000, 1_000_000, 12_345)),
        coupon_rate=Decimal(random.choice((0, random.randint(1, 150_000)))).scaleb(-6),
        issued_on=issued_on,
        matures_on=matures_on,
        months=months,
        day_count=random.choice(list(DayCount)),
        first_coupon_on=stated,
    )
    roll = random.choice((None, None, *Roll)) if issued_on.year >= FIRST_YEAR else None
    is_paid_after_issue = roll is None or rolled(first_on, roll) > issued_on
    return replace(terms, roll=roll) if is_paid_after_issue else terms


def theirs(day: date) -> QuantLib.Date:
    return QuantLib.Date(day.day, day.month, day.year)


def their_bond(terms: BondTerms) -> QuantLib.FixedRateBond:
    """QuantLib's bond; a stated first coupon is passed on only where it says more than the dates themselves."""
    natural = BondTerms(
        terms.nominal_cents, terms.coupon_rate, terms.issued_on, terms.matures_on, terms.months, terms.day_count
    )
    first = terms.periods[0].closes_on
    stated = QuantLib.Date() if first == natural.periods[0].closes_on else theirs(first)
    schedule = QuantLib.Schedule(
        theirs(terms.issued_on),
        theirs(terms.matures_on),
        QuantLib.Period(terms.months, QuantLib.Months),
        QuantLib.NullCalendar(),
        QuantLib.Unadjusted,
        QuantLib.Unadjusted,
        QuantLib.DateGeneration.Backward,
        False,
        stated,
    )
    calendar = QuantLib.TARGET() if terms.roll else QuantLib.NullCalendar()
    return QuantLib.FixedRateBond(
        0,
        100.0,
        schedule,
        [float(terms.coupon_rate)],
        their_day_count(terms),
        ROLLS[terms.roll],
        100.0,
        theirs(terms.issued_on),
        calendar,
    )


def their_day_count(terms: BondTerms) -> QuantLib.DayCounter:
    match terms.day_count:
        case DayCount.THIRTY_360:
            return QuantLib.Thirty360(QuantLib.Thirty360.BondBasis)
        case DayCount.THIRTY_E_360:
            return QuantLib.Thirty360(QuantLib.Thirty360.EurobondBasis)
        case DayCount.THIRTY_E_360_ISDA:
            return QuantLib.Thirty360(QuantLib.Thirty360.ISDA, theirs(terms.matures_on))
        case DayCount.ACT_360:
            return QuantLib.Actual360()
        case DayCount.ACT_365F:
            return QuantLib.Actual365Fixed()
        case DayCount.ACT_ACT_ISDA:
            return QuantLib.ActualActual(QuantLib.ActualActual.ISDA)
        case DayCount.ACT_ACT_ICMA:
            return QuantLib.ActualActual(QuantLib.ActualActual.ISMA)
        case DayCount.ACT_ACT_AFB:
            return QuantLib.ActualActual(QuantLib.ActualActual.AFB)


def compare(case: Case, with_all: Comparison) -> None:
    """Compare one case; dates must be the same, figures `CLOSE`."""
    terms, settles_on = case.terms, case.settles_on
    bond, settles = their_bond(terms), theirs(settles_on)
    coupons = [coupon for flow in bond.cashflows() if (coupon := QuantLib.as_coupon(flow))]
    dates = [(c.accrualStartDate().to_date(), c.accrualEndDate().to_date(), c.date().to_date()) for c in coupons]
    assert [(p.opens_on, p.closes_on, p.paid_on) for p in terms.periods] == dates, case
    with_all.bonds += 1
    with_all.irregular += not terms.is_first_regular
    ours = 1000 * terms.accrued(settles_on).share
    accrued = 10 * bond.accruedAmount(settles)
    _note(with_all, case, "accrued", ours, accrued)
    for period, coupon in zip(terms.periods, coupons, strict=True):
        _note(with_all, case, "coupons", 1000 * terms.flow(period).interest, 10 * coupon.amount())
    if not is_priced_there(case):
        return
    with_all.priced += 1
    counted = their_day_count(terms), QuantLib.Compounded, FREQUENCIES[terms.a_year]
    price, wanted = price_at(terms, settles_on, case.yield_annual), float(case.yield_annual)
    _note(with_all, case, "price", price.clean, bond.cleanPrice(wanted, *counted, settles))
    functions, macaulay, modified = QuantLib.BondFunctions, QuantLib.Duration.Macaulay, QuantLib.Duration.Modified
    _note(with_all, case, "duration", price.duration, functions.duration(bond, wanted, *counted, macaulay, settles))
    _note(
        with_all,
        case,
        "duration",
        price.modified_duration,
        functions.duration(bond, wanted, *counted, modified, settles),
    )
    if not price.duration:
        return  # paid the next day, which by 30/360 is no day: every yield gives this price
    quoted = round(price.clean, 4)
    stated = QuantLib.BondPrice(float(quoted), QuantLib.BondPrice.Clean)
    found = bond.bondYield(stated, *counted, settles, 1e-14, 1000, wanted or 0.05)
    _note(with_all, case, "yield_annual", yield_at(terms, settles_on, quoted), found)


def is_priced_there(case: Case) -> bool:
    """Whether QuantLib gives a price at all; it refuses two kinds of bond that this project prices.

    One pays its last coupon on a last day of February by 30E/360 ISDA: it counts -2 (or -1) days from that day to
    itself, at which the principal is paid. The other has a long first period by ACT/ACT ICMA that is paid on a rolled
    day, past its end.
    """
    terms, first = case.terms, case.terms.periods[0]
    if terms.day_count is DayCount.THIRTY_E_360_ISDA:
        ends = terms.matures_on
        return not (ends.month == 2 and is_month_end(ends) and terms.periods[-1].paid_on == ends)
    is_long = add_months(first.closes_on, -terms.months) > first.opens_on
    is_icma = terms.day_count is DayCount.ACT_ACT_ICMA
    return not (is_icma and is_long and first.paid_on > max(first.closes_on, case.settles_on))


def _note(with_all: Comparison, case: Case, name: str, ours: Fraction | Decimal, other: float) -> None:
    apart = abs(float(ours) - other)
    assert apart < CLOSE, (name, float(ours), other, case)
    setattr(with_all, name, max(getattr(with_all, name), apart))
