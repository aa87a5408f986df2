"""The figures of all loans on a day: totals, vintages, recovery after default, and the default rate.

    LoanFacts  ──assess──>  LoanFigures  ──statistics──>  Statistics
    dues, dates, recoveries      one small row a loan         what is published

Definitions are fixed here, so that no figure can be flattered by a window or a filter. Lent, with interest that plans
made principal, is repaid, outstanding, lost, cut and shares, to the cent: principal alone. Other interest stands apart,
and so does what is recovered of a loss. What a plan cut is cut from its day on, also while it may revive. A loan is
late from its first day past due, and all of its outstanding principal with it. A due is repaid on the day its borrower
paid it, also while its sharing out waits for cover; what her bank took back after the lenders had it is owed to the
operator, and no arrears of the loan. A change of a definition changes `VERSION`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from fractions import Fraction

from contracts.loans.model import ClaimChange
from contracts.servicing.model import Label, Position
from contracts.statistics.defaults import Concession, Spell, is_in_default, spells
from contracts.statistics.rate import Outcomes, Window, WindowRate, average, outcomes, tally, windows_since
from contracts.terms.dates import MONTHS_A_YEAR, add_months

VERSION = 2
UNRATED = "unrated"
"""The one risk class of loans that nobody has rated."""
RECOVERY_MONTHS = (0, 3, 6, 12, 18, 24, 36, 48, 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanFacts:
    """What the books know of one loan; `recoveries` are dates and cents of what came after its loss was proven.

    `changes` are what plans changed of all its claims together, with their days.
    """

    loan_id: str
    position: Position
    concessions: tuple[Concession, ...] = ()
    recoveries: tuple[tuple[date, int], ...] = ()
    changes: tuple[tuple[date, ClaimChange], ...] = ()
    risk_class: str = UNRATED


@dataclass(frozen=True, slots=True)
class Amounts:
    """Loans counted and cents added up: of one loan, of a vintage, or of all.

    `loans`, `running`, `late`, `in_default` and `ever_defaulted` count loans, the last whatever came of them since.
    `lent_cents` + `capitalised_cents` = `repaid_cents` + `outstanding_cents` + `lost_cents` + `cut_cents` +
    `converted_cents`. `capitalised_cents` is called interest that plans made principal, `cut_cents` principal that they
    took away, `converted_cents` what became shares; what a plan that fell had added or cut is in none of them.
    `late_cents` and `in_default_cents` are what is outstanding of loans that are late or in default; `overdue_cents` is
    what these should have paid, with interest.
    """

    loans: int = 0
    running: int = 0
    late: int = 0
    in_default: int = 0
    ever_defaulted: int = 0
    lent_cents: int = 0
    repaid_cents: int = 0
    interest_cents: int = 0
    outstanding_cents: int = 0
    late_cents: int = 0
    overdue_cents: int = 0
    in_default_cents: int = 0
    lost_cents: int = 0
    recovered_cents: int = 0
    capitalised_cents: int = 0
    cut_cents: int = 0
    converted_cents: int = 0

    @property
    def principal_cents(self) -> int:
        """All principal that there was: what was lent, and interest that plans added to it."""
        return self.lent_cents + self.capitalised_cents


@dataclass(frozen=True, slots=True)
class Exposure:
    """Principal that was outstanding when a loan first defaulted, and what has come of it since, by date, in cents."""

    defaulted_on: date
    cents: int
    receipts: tuple[tuple[date, int], ...]

    def received_cents(self, until_on: date) -> int:
        """What had come by the end of that day; interest that was made principal later is no part of the exposure."""
        return min(self.cents, sum(cents for day, cents in self.receipts if day <= until_on))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanFigures:
    """One loan on a day; `disbursed_on` is None for one that is agreed and not paid out."""

    loan_id: str
    risk_class: str
    disbursed_on: date | None
    label: Label
    amounts: Amounts
    spells: tuple[Spell, ...]
    outcomes: Outcomes
    exposure: Exposure | None


@dataclass(frozen=True, slots=True)
class Vintage:
    """The loans that were paid out in one calendar year."""

    year: int
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class RecoveryPoint:
    """What came back within so many months of the first default, of all defaults that are at least that old."""

    months: int
    loans: int
    exposure_cents: int
    recovered_cents: int

    @property
    def share(self) -> Fraction | None:
        """The share of the exposure; None where no default is that old."""
        return Fraction(self.recovered_cents, self.exposure_cents) if self.exposure_cents else None


@dataclass(frozen=True, slots=True)
class DefaultRate:
    """The windows that are over, in order, and the year that is not, which is no part of the average."""

    windows: tuple[WindowRate, ...]
    running: WindowRate | None = None

    @property
    def rate(self) -> Fraction | None:
        """The published rate; None before the first window with a loan is over."""
        return average(self.windows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What is published of a day. `agreed_cents` is lent by agreements whose loans are not paid out yet."""

    on: date
    totals: Amounts
    agreed: int
    agreed_cents: int
    vintages: tuple[Vintage, ...]
    recovery: tuple[RecoveryPoint, ...]
    default_rate: DefaultRate
    by_class: Mapping[str, DefaultRate]


def calendar_windows(first_on: date | None, on: date) -> list[Window]:
    """The calendar years since the first loan was paid out, the last of which ends `on` and may not be over.

    >>> [(w.starts_on.year, w.ends_on.isoformat()) for w in calendar_windows(date(2026, 3, 2), date(2028, 2, 1))]
    [(2026, '2026-12-31'), (2027, '2027-12-31'), (2028, '2028-02-01')]
    """
    if first_on is None or first_on > on:
        return []
    start = date(first_on.year, 1, 1)
    over = windows_since(start, on)
    begins_on = date(start.year + len(over), 1, 1)
    return [*over, Window(begins_on, on)] if begins_on <= on else over


def assess(loan: LoanFacts, windows: Iterable[Window], on: date) -> LoanFigures:
    """One loan as it stands at the end of the day `on`."""
    debt, paid_out_on = loan.position, loan.position.standing.disbursed_on
    found = spells(debt, loan.concessions, on)
    is_paid_out = paid_out_on is not None and paid_out_on <= on
    return LoanFigures(
        loan_id=loan.loan_id,
        risk_class=loan.risk_class,
        disbursed_on=paid_out_on if is_paid_out else None,
        label=debt.label(on),
        amounts=_amounts(loan, found, on),
        spells=found,
        outcomes=outcomes(debt, found, windows),
        exposure=_exposure(loan, found[0].starts_on, on) if found else None,
    )


def statistics(loans: Sequence[LoanFigures], windows: Sequence[Window], on: date) -> Statistics:
    """All loans together; `windows` are those by which they were assessed."""
    paid_out = [loan for loan in loans if loan.disbursed_on is not None]
    by_year: dict[int, list[LoanFigures]] = defaultdict(list)
    by_class: dict[str, list[LoanFigures]] = defaultdict(list)
    for loan in paid_out:
        assert loan.disbursed_on is not None, "it is paid out"
        by_year[loan.disbursed_on.year].append(loan)
        by_class[loan.risk_class].append(loan)
    agreed = [loan for loan in loans if loan.disbursed_on is None]
    return Statistics(
        on=on,
        totals=added(loan.amounts for loan in paid_out),
        agreed=len(agreed),
        agreed_cents=sum(loan.amounts.lent_cents for loan in agreed),
        vintages=tuple(Vintage(year, added(loan.amounts for loan in found)) for year, found in sorted(by_year.items())),
        recovery=tuple(_recovery(paid_out, on)),
        default_rate=rate_of(paid_out, windows, on),
        by_class={name: rate_of(found, windows, on) for name, found in sorted(by_class.items())},
    )


def rate_of(loans: Iterable[LoanFigures], windows: Sequence[Window], on: date) -> DefaultRate:
    """The default rate of these loans: windows of twelve months that are over, and the last if it is not."""
    counted = tally(windows, (loan.outcomes for loan in loans))
    over = [each for each in counted if add_months(each.window.starts_on, MONTHS_A_YEAR) - timedelta(days=1) <= on]
    return DefaultRate(tuple(over), counted[-1] if len(over) < len(counted) else None)


def added(amounts: Iterable[Amounts]) -> Amounts:
    """The sum of each of them."""
    found = list(amounts)
    return Amounts(**{field.name: sum(getattr(each, field.name) for each in found) for field in fields(Amounts)})


def _amounts(loan: LoanFacts, found: Sequence[Spell], on: date) -> Amounts:
    debt = loan.position
    outstanding, days = debt.outstanding_cents(on), debt.days_past_due(on)
    changes = [change for day, change in loan.changes if day <= on]
    in_default = bool(outstanding) and is_in_default(found, on)
    return Amounts(
        loans=1,
        running=int(outstanding > 0),
        late=int(days > 0),
        in_default=int(in_default),
        ever_defaulted=int(bool(found)),
        lent_cents=debt.principal_cents,
        repaid_cents=debt.received_principal_cents(on),
        interest_cents=debt.received_interest_cents(on),
        outstanding_cents=outstanding,
        late_cents=outstanding if days else 0,
        overdue_cents=debt.overdue_cents(on),
        in_default_cents=outstanding if in_default else 0,
        lost_cents=debt.lost_cents(on),
        recovered_cents=sum(cents for day, cents in loan.recoveries if day <= on),
        capitalised_cents=sum(change.capitalised_cents for change in changes),
        cut_cents=sum(change.cut_cents for change in changes),
        converted_cents=sum(change.converted_cents for change in changes),
    )


def _exposure(loan: LoanFacts, defaulted_on: date, on: date) -> Exposure:
    """Principal before the day of the default, so that what is lost on that very day is exposed."""
    debt, before = loan.position, defaulted_on - timedelta(days=1)
    repaid = [(due.settled_on, due.principal_cents) for due in debt.dues if due.settled_on is not None]
    receipts = [*repaid, *loan.recoveries]
    changed = sum(change.cents for day, change in loan.changes if day <= before)
    return Exposure(
        defaulted_on=defaulted_on,
        cents=debt.principal_cents + changed - debt.received_principal_cents(before),
        receipts=tuple((day, cents) for day, cents in receipts if before < day <= on and cents),
    )


def _recovery(loans: Iterable[LoanFigures], on: date) -> list[RecoveryPoint]:
    exposures = [loan.exposure for loan in loans if loan.exposure is not None]
    points = []
    for months in RECOVERY_MONTHS:
        old = [(each, until) for each in exposures if (until := add_months(each.defaulted_on, months)) <= on]
        points.append(
            RecoveryPoint(
                months=months,
                loans=len(old),
                exposure_cents=sum(each.cents for each, _ in old),
                recovered_cents=sum(each.received_cents(until) for each, until in old),
            )
        )
    return points
