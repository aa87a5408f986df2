"""What is agreed of a repayment: amount, rate, dates, how often, in which form; and the options that few loans have."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from contracts.terms.dates import add_months
from contracts.terms.daycount import DayCount, IcmaPeriod
from ledger import calendars
from ledger.calendars import Roll, rolled
from ledger.errors import Refusal
from ledger.money import MAX_MINOR

MAX_INSTALMENTS = 600
MAX_CHANGES = 600
MAX_UNIT_CENTS = 1_000_000
_RATE_DECIMALS = 12
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
_MONTHS = {"month": 1, "quarter": 3, "half-year": 6, "year": 12}
_DAYS = {"week": 7, "two-weeks": 14, "15-days": 15}
_DAY_PERIODS_A_YEAR = {"week": 52, "two-weeks": 26, "15-days": 24}


class Every(StrEnum):
    """How often an instalment falls due."""

    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half-year"
    YEAR = "year"
    WEEK = "week"
    TWO_WEEKS = "two-weeks"
    FIFTEEN_DAYS = "15-days"

    @property
    def months(self) -> int:
        """The length of a regular period in months; 0 where it is counted in days."""
        return _MONTHS.get(self.value, 0)

    @property
    def days(self) -> int:
        """The length of a regular period in days; 0 where it is counted in months."""
        return _DAYS.get(self.value, 0)

    @property
    def a_year(self) -> int:
        """The regular periods a year, by which an effective rate is brought to one period."""
        return _DAY_PERIODS_A_YEAR[self.value] if self.days else 12 // self.months

    def after(self, day: date) -> date:
        """The date one regular period after `day`."""
        return day + timedelta(days=self.days) if self.days else add_months(day, self.months)


class RepaymentKind(StrEnum):
    """How the principal comes back; `BULLET_CAPITALISED` pays interest and principal with the last instalment."""

    ANNUITY = "annuity"
    LINEAR = "linear"
    BULLET = "bullet"
    BULLET_CAPITALISED = "bullet-capitalised"


class RateConvention(StrEnum):
    """What the annual rate says of one period of the m in a year.

    NOMINAL: the rate times the day count's fraction. EFFECTIVE: (1 + rate)^(1/m) - 1, as Belgian quotes of a monthly
    rate have it; the day count then counts days only, and a part of a period earns by its share of the period's days.
    """

    NOMINAL = "nominal"
    EFFECTIVE = "effective"


@dataclass(frozen=True, slots=True)
class Disbursement:
    """A part of the principal that is paid out on a date."""

    on: date
    amount_cents: int


@dataclass(frozen=True, slots=True)
class RateChange:
    """Another annual rate, from a date on."""

    on: date
    rate_annual: Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """What a schedule follows from; `rate_annual` is a fraction (0.045 is 4.5 %). Refuses terms that make no schedule.

    The graces count periods from the first: without principal, and without interest, which is then due, itself without
    interest, with the first instalment after them. `roll` moves due dates to days on which TARGET settles; interest
    runs between the dates as they were unless `adjusted`. `unit_cents` is what the constant part of an instalment is a
    multiple of. `disbursements` say when the principal is paid out if not all at the start.
    """

    principal_cents: int
    rate_annual: Decimal
    starts_on: date
    first_due_on: date
    instalments: int
    every: Every
    kind: RepaymentKind
    day_count: DayCount = DayCount.THIRTY_E_360
    rate_convention: RateConvention = RateConvention.NOMINAL
    principal_grace: int = 0
    interest_grace: int = 0
    roll: Roll | None = None
    adjusted: bool = False
    unit_cents: int = 1
    disbursements: tuple[Disbursement, ...] = ()
    rate_changes: tuple[RateChange, ...] = ()
    grid: IcmaPeriod | None = field(init=False, repr=False, compare=False)
    """The grid of regular due dates, if they are months apart.

    When the first falls one period after the start, the start's day of the month counts: a loan of 31 January, monthly,
    is due on 28 February, then on 31 March.
    """
    first_period_is_regular: bool = field(init=False, repr=False, compare=False)
    """Whether the first period is as long as the others."""

    def __post_init__(self) -> None:
        is_regular = self.every.after(self.starts_on) == self.first_due_on
        anchor_on = self.starts_on if is_regular else self.first_due_on
        object.__setattr__(self, "first_period_is_regular", is_regular)
        object.__setattr__(self, "grid", IcmaPeriod(anchor_on, self.every.months) if self.every.months else None)
        if not 0 < self.principal_cents <= MAX_MINOR:
            raise Refusal("principal-out-of-range", principal_cents=self.principal_cents)
        for rate in (self.rate_annual, *(change.rate_annual for change in self.rate_changes)):
            check_rate(rate)
        if not 1 <= self.instalments <= MAX_INSTALMENTS:
            raise Refusal("instalments-out-of-range", instalments=self.instalments, limit=MAX_INSTALMENTS)
        if not (self.starts_on.year >= _FIRST_YEAR and self.first_due_on.year < _LAST_YEAR):
            raise Refusal("terms-date-out-of-range", starts_on=self.starts_on.isoformat())
        if self.roll and self.starts_on.year < calendars.FIRST_YEAR:
            raise Refusal("no-calendar-for-date", wanted_on=self.starts_on.isoformat())
        if self.first_due_on <= self.starts_on or self.paid_on(1) <= self.starts_on:
            raise Refusal("due-not-after-start", first_due_on=self.first_due_on.isoformat())
        if not 1 <= self.unit_cents <= MAX_UNIT_CENTS:
            raise Refusal("unit-out-of-range", unit_cents=self.unit_cents, limit_cents=MAX_UNIT_CENTS)
        for grace in (self.principal_grace, self.interest_grace):
            if not 0 <= grace < self.instalments:
                raise Refusal("grace-too-long", grace=grace, instalments=self.instalments)
        self._check_changes()

    def _check_changes(self) -> None:
        end = min(self.ends_on, self.paid_on(self.instalments))
        for name, dates in (
            ("disbursements", [part.on for part in self.disbursements]),
            ("rate_changes", [change.on for change in self.rate_changes]),
        ):
            if len(dates) > MAX_CHANGES:
                raise Refusal("terms-changes-too-many", field=name, limit=MAX_CHANGES)
            wrong = next(_out_of_place(dates, first=self.starts_on, end=end), None)
            if wrong is not None:
                raise Refusal("terms-change-out-of-place", field=name, wanted_on=wrong.isoformat())
        paid_out = [part.amount_cents for part in self.disbursements]
        if paid_out and (min(paid_out) <= 0 or sum(paid_out) != self.principal_cents):
            raise Refusal(
                "disbursements-differ-from-principal",
                disbursed_cents=sum(paid_out),
                principal_cents=self.principal_cents,
            )
        if paid_out and self.disbursements[0].on != self.starts_on:
            raise Refusal(
                "terms-change-out-of-place", field="disbursements", wanted_on=self.disbursements[0].on.isoformat()
            )

    def due_on(self, n: int) -> date:
        """The date of instalment `n`, counted from 1, before it is rolled."""
        if self.grid is None:
            return self.first_due_on + timedelta(days=self.every.days * (n - 1))
        return self.grid.grid_date(n if self.first_period_is_regular else n - 1)

    def paid_on(self, n: int) -> date:
        """The date on which instalment `n` is to be paid."""
        due_on = self.due_on(n)
        return rolled(due_on, self.roll) if self.roll else due_on

    @property
    def ends_on(self) -> date:
        """The date of the last instalment, before it is rolled."""
        return self.due_on(self.instalments)

    @property
    def paid_out(self) -> tuple[Disbursement, ...]:
        """Every disbursement, in order; one where nothing else is said."""
        return self.disbursements or (Disbursement(self.starts_on, self.principal_cents),)


def check_rate(value: Decimal) -> None:
    """Refuses `rate-out-of-range`: a rate is from 0 to 1, and of twelve decimals, which keeps exact fractions short."""
    exponent = value.as_tuple().exponent
    if not (isinstance(exponent, int) and -_RATE_DECIMALS <= exponent <= 0 and 0 <= value <= 1):
        raise Refusal("rate-out-of-range", rate_annual=str(value)[:40], decimals=_RATE_DECIMALS)


def _out_of_place(dates: Sequence[date], *, first: date, end: date) -> Iterator[date]:
    yield from (day for day in dates if not first <= day < end)
    yield from (later for earlier, later in pairwise(dates) if later <= earlier)
