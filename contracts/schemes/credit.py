"""The lender's yearly tax credit on loans of a scheme: art. 12 of the ordinance of 17 March 2023 for proxi loans.

The Winwin and the Coup de Pouce loan reckon alike, with rates, first periods and caps of their own: dated rows.

For a tax period, a loan's base is the mean of its balances on 1 January and 31 December: what was lent less what was
effectively repaid, so an unpaid instalment does not lower it. The balance of 1 January is that of the day's beginning:
zero in the year of the start. Loans that started in the period or in one of the two before it earn the higher rate,
older ones the lower; what exceeds the cap on the sum of bases is cut from the older loans first. Everything is an exact
fraction until one rounding half up on the total; the parts by loan follow by largest remainder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

from contracts.schemes.rules import Rule, rule
from contracts.terms.exact import half_up
from contracts.terms.schedule import Schedule
from ledger.errors import InvariantError

SCHEME = "proxi.B"


class ZeroGround(StrEnum):
    """Why a loan brings nothing in a tax period."""

    NOT_RESIDENT = "lender-not-resident"
    DIED = "lender-died"
    PROOF_MISSING = "proof-missing"
    ACCELERATED = "accelerated"
    DEREGISTERED = "deregistered"
    NOT_RUNNING = "not-running"
    NOT_LENDER = "not-the-lender"


@dataclass(frozen=True, slots=True)
class CreditPart:
    """One loan in one tax period: its mean balance in cents, exact, and why it brings nothing, if it does not."""

    loan_id: str
    started_on: date
    mean_cents: Fraction
    ground: ZeroGround | None = None


@dataclass(frozen=True, slots=True)
class CreditLoan:
    """One registered loan of one lender: what was lent, and the repayments of principal effectively made.

    `forgone` is principal that left the base without being repaid, and below zero what came back into it.
    """

    loan_id: str
    starts_on: date
    term_ends_on: date
    principal_cents: int
    repayments: tuple[tuple[date, int], ...] = ()
    accelerated_on: date | None = None
    deregistered_on: date | None = None
    is_of_another: bool = False
    """Whether another concluded it: the credit is of who lent (art. 12), and passes neither to heirs nor by gift."""
    periods_without_proof: frozenset[int] = field(default_factory=frozenset)
    """Tax periods whose yearly proof is missing or wrong; it is asked from the year after conclusion."""
    forgone: tuple[tuple[date, int], ...] = ()

    def balance_cents(self, day: date) -> int:
        """What counts at the end of `day`: never less than nothing."""
        return max(0, self.unpaid_cents(day))

    def unpaid_cents(self, day: date) -> int:
        """What was lent and is not repaid; below zero where interest that became principal was repaid with it."""
        if day < self.starts_on:
            return 0
        return self.principal_cents - sum(cents for on, cents in (*self.repayments, *self.forgone) if on <= day)

    def mean_cents(self, tax_period: int) -> Fraction:
        """The mean of the balances at the beginning of 1 January and the end of 31 December."""
        opening = self.balance_cents(date(tax_period - 1, 12, 31))
        return Fraction(opening + self.balance_cents(date(tax_period, 12, 31)), 2)

    def ground_in(self, tax_period: int) -> ZeroGround | None:
        """What stops the credit of this loan in the period, if anything does."""
        if self.is_of_another:
            return ZeroGround.NOT_LENDER
        if not self.starts_on.year <= tax_period <= self.term_ends_on.year:
            return ZeroGround.NOT_RUNNING
        return stopped(
            tax_period,
            self.starts_on,
            has_proof=tax_period not in self.periods_without_proof,
            accelerated_on=self.accelerated_on,
            deregistered_on=self.deregistered_on,
        )


@dataclass(frozen=True, slots=True)
class TaxCredit:
    """A lender's credit of one tax period; the bases are rounded for display, the credit follows from exact ones."""

    tax_period: int
    credit_cents: int
    base_first_cents: int
    base_later_cents: int
    by_loan: Mapping[str, int]
    rules: tuple[Rule, ...]
    grounds: Mapping[str, ZeroGround]


@dataclass(frozen=True, slots=True)
class _Rates:
    first: Fraction
    later: Fraction
    first_periods: int
    cap: int
    rules: tuple[Rule, ...]


def tax_credit(
    tax_period: int,
    loans: Sequence[CreditLoan],
    *,
    scheme: str = SCHEME,
    brussels_resident: bool = True,
    died_on: date | None = None,
) -> TaxCredit:
    """The credit of a lender for a tax period over all registered loans; refuses `no-rule-for-date`.

    12,000.00 EUR lent on 15 April 2024 for five years, repaid at the end, brings 1,950.00 EUR:

    >>> bullet = CreditLoan("l1", date(2024, 4, 15), date(2029, 4, 15), 1_200_000, ((date(2029, 4, 15), 1_200_000),))
    >>> [tax_credit(year, [bullet]).credit_cents for year in range(2024, 2030)]
    [24000, 48000, 48000, 30000, 30000, 15000]
    """
    personal = stopped_for_lender(tax_period, resident=brussels_resident, died_on=died_on)
    return credit_of_parts(
        scheme,
        tax_period,
        [
            CreditPart(
                loan.loan_id, loan.starts_on, loan.mean_cents(tax_period), personal or loan.ground_in(tax_period)
            )
            for loan in loans
        ],
    )


def stopped_for_lender(tax_period: int, *, resident: bool, died_on: date | None) -> ZeroGround | None:
    """What in the lender's person stops her credit: another residence, or her death in an earlier period."""
    if not resident:
        return ZeroGround.NOT_RESIDENT
    return ZeroGround.DIED if died_on is not None and tax_period > died_on.year else None


def stopped(
    tax_period: int, started_on: date, *, has_proof: bool, accelerated_on: date | None, deregistered_on: date | None
) -> ZeroGround | None:
    """What in the loan stops its credit: it was called, the borrower struck off, or a later year's proof is missing."""
    if accelerated_on is not None and tax_period >= accelerated_on.year:
        return ZeroGround.ACCELERATED
    if deregistered_on is not None and tax_period >= deregistered_on.year:
        return ZeroGround.DEREGISTERED
    return ZeroGround.PROOF_MISSING if tax_period > started_on.year and not has_proof else None


def credit_of_parts(scheme: str, tax_period: int, parts: Sequence[CreditPart]) -> TaxCredit:
    """The credit of a lender over her loans of one scheme; refuses `no-rule-for-date`."""
    if len({part.loan_id for part in parts}) != len(parts):
        raise InvariantError("a loan counts once")
    rates = _rates(scheme, tax_period)
    earning = [part for part in parts if part.ground is None]
    first = {x.loan_id: x.mean_cents for x in earning if tax_period - x.started_on.year < rates.first_periods}
    later = {x.loan_id: x.mean_cents for x in earning if x.loan_id not in first}
    first_base = min(sum(first.values(), Fraction(0)), Fraction(rates.cap))
    later_base = min(sum(later.values(), Fraction(0)), rates.cap - first_base)
    exact = _scaled(first, first_base, rates.first) | _scaled(later, later_base, rates.later)
    total = half_up(sum(exact.values(), Fraction(0)))
    by_loan = {part.loan_id: 0 for part in parts} | largest_remainder(total, exact)
    grounds = {part.loan_id: part.ground for part in parts if part.ground is not None}
    return TaxCredit(tax_period, total, half_up(first_base), half_up(later_base), by_loan, rates.rules, grounds)


def credit_by_year(plan: Schedule, *, scheme: str = SCHEME, loan_id: str = "indication") -> tuple[TaxCredit, ...]:
    """What one loan brings year by year if every instalment is paid on its date: an indication, not a promise.

    It holds for a lender with no other loans of the scheme beyond the cap, resident in its region, who files every
    yearly proof.
    """
    loan = CreditLoan(
        loan_id=loan_id,
        starts_on=plan.terms.starts_on,
        term_ends_on=plan.terms.ends_on,
        principal_cents=plan.terms.principal_cents,
        repayments=tuple((row.due_on, row.principal_cents) for row in plan.instalments),
    )
    years = range(loan.starts_on.year, loan.term_ends_on.year + 1)
    return tuple(tax_credit(year, [loan], scheme=scheme) for year in years)


def _rates(scheme: str, tax_period: int) -> _Rates:
    on = date(tax_period, 12, 31)
    first, later = rule(scheme, "credit_rate_first_periods", on), rule(scheme, "credit_rate_later_periods", on)
    periods, cap = rule(scheme, "credit_first_periods", on), rule(scheme, "credit_base_cap_cents", on)
    return _Rates(
        first=Fraction(first.decimal()),
        later=Fraction(later.decimal()),
        first_periods=periods.integer(),
        cap=cap.integer(),
        rules=(first, later, periods, cap),
    )


def _scaled(means: Mapping[str, Fraction], base: Fraction, rate: Fraction) -> dict[str, Fraction]:
    """Each loan's exact credit, with the base cut to `base` in proportion."""
    total = sum(means.values(), Fraction(0))
    return {loan_id: mean * rate * (base / total if total else 0) for loan_id, mean in means.items()}


def largest_remainder(total: int, exact: Mapping[str, Fraction]) -> dict[str, int]:
    """Whole cents that sum to `total`, each within one of its exact share; ties go by alphabetical order."""
    parts = {loan_id: value.numerator // value.denominator for loan_id, value in exact.items()}
    missing = total - sum(parts.values())
    by_remainder = sorted(exact, key=lambda loan_id: (parts[loan_id] - exact[loan_id], loan_id))
    for loan_id in by_remainder[:missing]:
        parts[loan_id] += 1
    return parts
