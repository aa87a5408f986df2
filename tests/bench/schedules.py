"""The schedule of a five-year loan repaid monthly with a constant total, under each day count and reading of the rate.

One process, one core; figures are medians. No result is kept between two runs, but for roots of effective rates.
"""

import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import partial
from statistics import median

from contracts.terms.agreed import RateConvention
from contracts.terms.daycount import DayCount
from contracts.terms.schedule import Every, RepaymentKind, Terms, schedule
from contracts.terms.taeg import taeg_of
from tests.bench.databases import Databases
from tests.bench.scale import Scale
from tests.bench.sections import Findings, Section

INSTALMENTS = 60


def run(_databases: Databases, scale: Scale, findings: Findings) -> None:
    """Every day count; the slowest is the figure."""
    findings.table("schedule of 60 instalments", "median, ms")
    slowest = 0.0
    for convention in RateConvention:
        for day_count in DayCount:
            terms = _terms(day_count, convention)
            found = _median_ms(partial(schedule, terms), scale.samples)
            findings.row(f"{day_count}, {convention} rate", f"{found:.2f}")
            slowest = max(slowest, found)
    findings.measured["terms.schedule"] = slowest
    plan = schedule(_terms(DayCount.THIRTY_E_360, RateConvention.NOMINAL))
    findings.row("its effective annual cost", f"{_median_ms(partial(taeg_of, plan), scale.samples):.1f}")


def _terms(day_count: DayCount, convention: RateConvention) -> Terms:
    return Terms(
        principal_cents=1_200_000,
        rate_annual=Decimal("0.0345"),
        starts_on=date(2026, 3, 2),
        first_due_on=date(2026, 4, 2),
        instalments=INSTALMENTS,
        every=Every.MONTH,
        kind=RepaymentKind.ANNUITY,
        day_count=day_count,
        rate_convention=convention,
    )


def _median_ms(work: Callable[[], object], times: int) -> float:
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return 1000 * median(spent)


SECTION = Section("Schedules", 5, __doc__ or "", run)
