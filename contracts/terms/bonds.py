"""A bond with a fixed coupon, redeemed at once: its coupon periods, what has accrued, and what is still to be paid.

Coupon dates are counted back from maturity, each a whole number of periods before it, on the same day of the month or
on the last day of a shorter month: a bond of 31 August pays on 28 February and again on 31 August. Only the first
period may be irregular. Where no first coupon is stated, it is the first of these dates after the issue, so that an
issue between two of them makes a short first period; a first coupon stated later than that makes a long one.

Interest accrues between the dates as they are; only payment is rolled to a day of TARGET. Until a coupon is paid it
belongs to what the bond is worth: on the closed days in between, all of it has accrued and none of the next one.

ACT/ACT ICMA (rule 251) cuts an irregular first period into notional periods, counted back from the first coupon, each
from the one after it. A bond without coupons has a coupon rate of 0; its frequency is then that of its yield alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from contracts.terms.agreed import MAX_INSTALMENTS, check_rate
from contracts.terms.dates import MONTHS_A_YEAR, add_months
from contracts.terms.daycount import DayCount, IcmaPeriod, days, icma_fraction, year_fraction
from ledger import calendars
from ledger.calendars import Roll, rolled
from ledger.errors import Refusal
from ledger.money import MAX_MINOR

_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_BY_FORMULA = frozenset({DayCount.THIRTY_360, DayCount.THIRTY_E_360, DayCount.THIRTY_E_360_ISDA})


@dataclass(frozen=True, slots=True)
class CouponPeriod:
    """The period that coupon `n` pays for, from `opens_on` (included) to `closes_on` (excluded)."""

    n: int
    opens_on: date
    closes_on: date
    paid_on: date


@dataclass(frozen=True, slots=True)
class Accrued:
    """What has accrued on a day, exactly, as a share of the nominal; days are those of the day count."""

    period: CouponPeriod
    days: int
    period_days: int
    share: Fraction


@dataclass(frozen=True, slots=True)
class BondFlow:
    """What is paid at the end of a coupon period, exactly, as shares of the nominal."""

    period: CouponPeriod
    days: int
    interest: Fraction
    principal: int

    @property
    def total(self) -> Fraction:
        """Interest and principal."""
        return self.interest + self.principal


@dataclass(frozen=True, slots=True)
class BondTerms:
    """What a bond's payments follow from; `coupon_rate` is a fraction a year, `months` the length of a coupon period.

    `roll` moves payments to days on which TARGET settles. Refuses terms that make no bond: `principal-out-of-range`,
    `rate-out-of-range`, `icma-period-malformed`, `terms-date-out-of-range`, `period-ends-before-it-starts`,
    `instalments-out-of-range`, `first-coupon-out-of-place`, `no-calendar-for-date`, `due-not-after-start`.
    """

    nominal_cents: int
    coupon_rate: Decimal
    issued_on: date
    matures_on: date
    months: int
    day_count: DayCount
    first_coupon_on: date | None = None
    roll: Roll | None = None
    periods: tuple[CouponPeriod, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 < self.nominal_cents <= MAX_MINOR:
            raise Refusal("principal-out-of-range", principal_cents=self.nominal_cents)
        check_rate(self.coupon_rate)
        if self.matures_on <= self.issued_on:
            raise Refusal(
                "period-ends-before-it-starts",
                starts_on=self.issued_on.isoformat(),
                ends_on=self.matures_on.isoformat(),
            )
        if not (self.issued_on.year >= _FIRST_YEAR and self.matures_on.year <= _LAST_YEAR):
            raise Refusal("terms-date-out-of-range", starts_on=self.issued_on.isoformat())
        if self.roll and self.issued_on.year < calendars.FIRST_YEAR:
            raise Refusal("no-calendar-for-date", wanted_on=self.issued_on.isoformat())
        object.__setattr__(self, "periods", tuple(self._periods()))
        if self.periods[0].paid_on <= self.issued_on:
            raise Refusal("due-not-after-start", first_due_on=self.periods[0].closes_on.isoformat())

    @property
    def a_year(self) -> int:
        """The coupons a year."""
        return MONTHS_A_YEAR // self.months

    @property
    def is_first_regular(self) -> bool:
        """Whether the first coupon is one of the regular ones."""
        grid, first = IcmaPeriod(self.matures_on, self.months), self.periods[0]
        index = grid.index_before(first.closes_on)
        return (grid.grid_date(index - 1), grid.grid_date(index)) == (first.opens_on, first.closes_on)

    def interest_years(self, period: CouponPeriod, day: date) -> Fraction:
        """The years from a period's opening to `day`, negative before it, as the day count has them.

        A day after the period's end is counted on in a regular period that follows it.
        """
        start, end = sorted((period.opens_on, day))
        if self.day_count is DayCount.ACT_ACT_ICMA:
            years = icma_fraction(start, end, self._notional(period, day), a_year=self.a_year)
        elif self.day_count in _BY_FORMULA:  # days of 30 depend on their order
            return Fraction(self.interest_days(period, day), 360)
        else:
            years = year_fraction(self.day_count, start, end)
        return years if day >= period.opens_on else -years

    def interest_days(self, period: CouponPeriod, day: date) -> int:
        """The days from a period's opening to `day`, as the day count has them."""
        return days(self.day_count, period.opens_on, day, matures_on=self.matures_on)

    def unpaid(self, settles_on: date) -> tuple[CouponPeriod, ...]:
        """The periods whose coupons a buyer receives who pays on `settles_on`.

        Refuses `settlement-outside-life` before the issue, from maturity on, and once all is paid.
        """
        left = tuple(period for period in self.periods if period.paid_on > settles_on)
        if not self.issued_on <= settles_on < self.matures_on or not left:
            raise Refusal(
                "settlement-outside-life",
                settles_on=settles_on.isoformat(),
                issued_on=self.issued_on.isoformat(),
                matures_on=self.matures_on.isoformat(),
            )
        return left

    def accrued(self, settles_on: date) -> Accrued:
        """The interest that a buyer owes the seller; refuses `settlement-outside-life`.

        1,000.00 EUR at 4.5 %, half-yearly on 15 March and 15 September, have accrued 78/184 of 22.50 EUR on 1 June:

        >>> icma = DayCount.ACT_ACT_ICMA
        >>> bond = BondTerms(100_000, Decimal("0.045"), date(2025, 3, 15), date(2030, 3, 15), 6, icma)
        >>> bond.accrued(date(2025, 6, 1)).share * 1000 == Fraction(78, 184) * Fraction("22.5")
        True
        """
        period = self.unpaid(settles_on)[0]
        until = min(max(settles_on, period.opens_on), period.closes_on)
        return Accrued(
            period,
            self.interest_days(period, until),
            self.interest_days(period, period.closes_on),
            self.interest_years(period, until) * Fraction(self.coupon_rate),
        )

    def flow(self, period: CouponPeriod) -> BondFlow:
        """What is paid at the end of a period; the principal is, with the last coupon."""
        return BondFlow(
            period,
            self.interest_days(period, period.closes_on),
            self.interest_years(period, period.closes_on) * Fraction(self.coupon_rate),
            int(period.closes_on == self.matures_on),
        )

    def _periods(self) -> Iterator[CouponPeriod]:
        grid = IcmaPeriod(self.matures_on, self.months)
        first = self._first(grid)
        dates = [first, *(grid.grid_date(n) for n in range(grid.index_before(first) + 1, 1))]
        if len(dates) > MAX_INSTALMENTS:
            raise Refusal("instalments-out-of-range", instalments=len(dates), limit=MAX_INSTALMENTS)
        for n, (opens_on, closes_on) in enumerate(pairwise([self.issued_on, *dates]), 1):
            yield CouponPeriod(n, opens_on, closes_on, rolled(closes_on, self.roll) if self.roll else closes_on)

    def _first(self, grid: IcmaPeriod) -> date:
        """The first coupon date; a stated one lies whole periods before maturity, counted from either end."""
        first = self.first_coupon_on
        if first is None:
            return grid.grid_date(grid.index_before(self.issued_on) + 1)
        if not self.issued_on < first <= self.matures_on or not self._is_whole_periods_away(grid, first):
            raise Refusal(
                "first-coupon-out-of-place",
                first_coupon_on=first.isoformat(),
                issued_on=self.issued_on.isoformat(),
                matures_on=self.matures_on.isoformat(),
                months=self.months,
            )
        return first

    def _is_whole_periods_away(self, grid: IcmaPeriod, first: date) -> bool:
        index = grid.index_before(first)
        return first == grid.grid_date(index) or add_months(first, -index * self.months) == self.matures_on

    def _notional(self, period: CouponPeriod, day: date) -> list[tuple[date, date]]:
        """The notional periods from a period's opening to `day`, of which the ends of the first may lie outside."""
        marks = [period.closes_on, period.opens_on]
        if period.n == 1 and not self.is_first_regular:
            marks.pop()
            while marks[-1] > period.opens_on:
                marks.append(add_months(marks[-1], -self.months))
        if day < period.opens_on:
            marks.append(add_months(period.opens_on, -self.months))
        if day > period.closes_on:
            marks.insert(0, add_months(period.closes_on, self.months))
        return list(pairwise(reversed(marks)))
