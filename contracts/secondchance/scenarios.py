"""Ways out that a borrower can compare before she asks for one: each reckoned on her loan, and held against her cash.

A scenario is tried by agreement first. Where the scheme allows it inside a judicial reorganisation only, it is reckoned
for the court, and the refusal is kept: it is what the borrower is told of why.
"""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from contracts.loans.books import LoanBook
from contracts.schemes.rules import rule
from contracts.secondchance.guards import LAW
from contracts.secondchance.model import CashPosition, Route
from contracts.secondchance.planning import PlanTerms, reckon
from contracts.secondchance.proposal import Assumption, Proposal
from contracts.secondchance.tools import HolidayInterest, Tool, Use
from contracts.terms.dates import MONTHS_A_YEAR, add_months
from ledger.errors import Refusal

REFUSED, BANKRUPT = Assumption(Decimal("0.30"), 18), Assumption(Decimal("0.05"), 36)
"""What the programme assumes where no plan is made: lenders of a subordinated loan are paid after everybody else."""
LONGER_YEARS, CLAUSE_YEARS, CUT_PERCENT = 2, 5, 30
_NEEDS_COURT = frozenset({"extension-needs-reorganisation", "rate-cut-needs-reorganisation"})
_RATE_STEP = Decimal("0.0001")
_DAYS_A_YEAR = 366
"""Counted long, so that the last instalment never falls past the limit."""


class ScenarioName(StrEnum):
    """A way out, in the order of what it asks of the lenders."""

    SPREAD = "spread"
    PAUSE = "pause"
    WAIVE = "waive"
    CHEAPER = "cheaper"
    LONGER = "longer"
    LIGHTER = "lighter"


_OF_ARREARS = frozenset({ScenarioName.SPREAD, ScenarioName.WAIVE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One way out: `found` is what it comes to, or `refusal` why it is none; `to_court` is why it needs a court.

    `year_cents` is what falls due in the twelve months after; `is_affordable` whether the cash stated covers it.
    """

    name: ScenarioName
    plan: PlanTerms
    found: Proposal | None = None
    refusal: Refusal | None = None
    to_court: Refusal | None = None
    year_cents: int = 0
    is_affordable: bool = False


def scenarios(book: LoanBook, cash: CashPosition, *, on: date, borrower_outstanding_cents: int) -> list[Scenario]:
    """Every way out there is for the loan on a day, in the order of the names; two are for arrears alone."""
    is_late = book.position.overdue_cents(on) > 0
    names = [name for name in ScenarioName if is_late or name not in _OF_ARREARS]
    return [_scenario(book, cash, name, on, borrower_outstanding_cents) for name in names]


def plan_of(book: LoanBook, name: ScenarioName, *, on: date) -> PlanTerms:
    """The plan that a scenario stands for, by agreement unless only a court can impose it."""
    a_year = book.loan.every.a_year
    arrears = (Use(tool=Tool.CARRY_FORWARD),) if book.position.overdue_cents(on) else ()
    paused = Use(tool=Tool.HOLIDAY, periods=max(1, a_year // 2), interest=HolidayInterest.PAID)
    lower = (book.loan.rate_annual / 2).quantize(_RATE_STEP)
    cut = book.position.outstanding_cents(on) * CUT_PERCENT // 10_000 * 100  # a plan names whole euros
    uses: dict[ScenarioName, tuple[Use, ...]] = {
        ScenarioName.SPREAD: arrears,
        ScenarioName.PAUSE: (*arrears, paused),
        ScenarioName.WAIVE: (Use(tool=Tool.WAIVER), *arrears),
        ScenarioName.CHEAPER: (*arrears, Use(tool=Tool.RATE_CUT, rate_annual=lower)),
        ScenarioName.LONGER: (*arrears, Use(tool=Tool.EXTENSION, periods=_more_periods(book, on))),
        ScenarioName.LIGHTER: (
            *arrears,
            Use(tool=Tool.HAIRCUT, amount_cents=cut),
            Use(tool=Tool.BETTER_FORTUNE, expires_on=add_months(on, MONTHS_A_YEAR * CLAUSE_YEARS)),
        ),
    }
    route = Route.JUDICIAL if name is ScenarioName.LIGHTER else Route.VOLUNTARY
    return PlanTerms(route=route, uses=uses[name], refused=REFUSED, bankrupt=BANKRUPT)


def _more_periods(book: LoanBook, on: date) -> int:
    """How much longer the loan may last: two years, and no plan longer than the law lets one be (art. XX.76)."""
    loan = book.loan
    years = rule(LAW, "plan_years", on).integer()
    left = (add_months(on, MONTHS_A_YEAR * years) - book.term_ends_on).days
    return max(1, min(LONGER_YEARS * loan.every.a_year, left * loan.every.a_year // _DAYS_A_YEAR))


def _scenario(
    book: LoanBook, cash: CashPosition, name: ScenarioName, on: date, borrower_outstanding_cents: int
) -> Scenario:
    plan, to_court = plan_of(book, name, on=on), None
    try:
        found = reckon(book, plan, on=on, borrower_outstanding_cents=borrower_outstanding_cents)
    except Refusal as refusal:
        if refusal.code not in _NEEDS_COURT:
            return Scenario(name=name, plan=plan, refusal=refusal)
        plan, to_court = replace(plan, route=Route.JUDICIAL), refusal
        try:
            found = reckon(book, plan, on=on, borrower_outstanding_cents=borrower_outstanding_cents)
        except Refusal as again:
            return Scenario(name=name, plan=plan, refusal=again, to_court=to_court)
    year = sum(row.total_cents for row in found.changed.after.rows if row.due_on <= add_months(on, MONTHS_A_YEAR))
    can_pay = cash.on_hand_cents + MONTHS_A_YEAR * cash.affordable_cents
    return Scenario(
        name=name, plan=plan, found=found, to_court=to_court, year_cents=year, is_affordable=year <= can_pay
    )
