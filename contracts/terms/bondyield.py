"""What a bond costs at a yield, and what it yields at a price.

A yield is nominal a year and compounds with the coupons: every payment left is discounted by (1 + yield / f) to the
power of f times the years until it is paid, f the coupons a year. Years are those of the bond's own day count, period
by period and up to the day of payment; for ACT/ACT ICMA a regular period is thus exactly one. The last period is no
exception (no simple interest). Prices are a percentage of the nominal; clean is dirty less accrued interest.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from contracts.terms.bonds import BondTerms
from contracts.terms.discounting import HIGHEST_RATE, LOWEST_RATE, Flow, internal_rate, worth
from ledger.errors import Refusal


@dataclass(frozen=True, slots=True)
class Price:
    """Prices in percent of the nominal; durations in years, `duration` Macaulay's, `modified_duration` -P'/P."""

    clean: Decimal
    dirty: Decimal
    duration: Decimal
    modified_duration: Decimal


def price_at(terms: BondTerms, settles_on: date, yield_annual: Decimal) -> Price:
    """What the bond costs who wants `yield_annual` (0.04 is 4 %).

    Refuses `settlement-outside-life`, and `bond-yield-out-of-range` beyond -99 % or 100,000,000 % a coupon period.

    At a yield of its coupon rate, a bond costs 100 on a coupon date:

    >>> from contracts.terms.daycount import DayCount
    >>> icma = DayCount.ACT_ACT_ICMA
    >>> bond = BondTerms(100_000, Decimal("0.045"), date(2025, 3, 15), date(2030, 3, 15), 6, icma)
    >>> price = price_at(bond, date(2025, 9, 15), Decimal("0.045"))
    >>> round(price.clean, 12), round(price.modified_duration, 12)
    (Decimal('100.000000000000'), Decimal('4.032853108359'))
    """
    lowest, highest = LOWEST_RATE * terms.a_year, HIGHEST_RATE * terms.a_year
    if not lowest <= yield_annual <= highest:
        raise Refusal(
            "bond-yield-out-of-range", stated=str(yield_annual)[:40], lowest=str(lowest), highest=str(highest)
        )
    rate = yield_annual / terms.a_year
    found = worth(_flows(terms, settles_on), rate)
    accrued = 100 * terms.accrued(settles_on).share
    modified = -found.slope / found.value / terms.a_year
    clean = found.value - Decimal(accrued.numerator) / Decimal(accrued.denominator)
    return Price(clean, found.value, modified * (1 + rate), modified)


def yield_at(terms: BondTerms, settles_on: date, clean_price: Decimal) -> Decimal:
    """What the bond yields who buys it at `clean_price` and keeps it, to 18 decimals at least.

    Refuses `settlement-outside-life`, `price-not-positive`, and `yield-out-of-range` where no yield gives that price.
    """
    if clean_price <= 0:
        raise Refusal("price-not-positive", clean_price=str(clean_price)[:40])
    dirty = Fraction(clean_price) + 100 * terms.accrued(settles_on).share
    return internal_rate([(Fraction(0), -dirty), *_flows(terms, settles_on)]) * terms.a_year


def _flows(terms: BondTerms, settles_on: date) -> list[Flow]:
    """The payments left, in percent of the nominal, with the time until each in coupon periods."""
    flows, years, last = list[Flow](), Fraction(0), settles_on
    for period in terms.unpaid(settles_on):
        years += terms.interest_years(period, period.paid_on) - terms.interest_years(period, last)
        flows.append((years * terms.a_year, 100 * terms.flow(period).total))
        last = period.paid_on
    return flows
