"""Schedules whose figures can be worked by hand, and the terms that make none."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from contracts.terms.agreed import Disbursement, RateChange
from contracts.terms.dates import years
from contracts.terms.daycount import DayCount
from contracts.terms.distribution import Claim, shares
from contracts.terms.schedule import Every, RepaymentKind, Terms, schedule
from contracts.terms.taeg import taeg
from ledger.calendars import Roll
from ledger.errors import InvariantError, Refusal

YEARLY = Terms(
    principal_cents=1_200_000,
    rate_annual=Decimal("0.035"),
    starts_on=date(2026, 3, 2),
    first_due_on=date(2027, 3, 2),
    instalments=5,
    every=Every.YEAR,
    kind=RepaymentKind.BULLET,
)
MONTHLY = replace(YEARLY, first_due_on=date(2026, 4, 2), instalments=60, every=Every.MONTH, kind=RepaymentKind.ANNUITY)


def test_a_bullet_pays_interest_each_year_and_the_principal_with_the_last() -> None:
    plan = schedule(YEARLY)
    assert [row.total_cents for row in plan.instalments] == [42_000, 42_000, 42_000, 42_000, 1_242_000]
    assert [row.outstanding_cents for row in plan.instalments] == [1_200_000] * 4 + [0]
    assert (plan.totals.interest_cents, plan.totals.total_cents) == (210_000, 1_410_000)


def test_a_linear_loan_repays_the_same_principal_each_time_and_the_rest_with_the_last() -> None:
    plan = schedule(replace(YEARLY, principal_cents=100_000, instalments=3, kind=RepaymentKind.LINEAR))
    assert [row.principal_cents for row in plan.instalments] == [33_333, 33_333, 33_334]
    assert [row.interest_cents for row in plan.instalments] == [3_500, 2_333, 1_167]


def test_an_annuity_has_one_total_and_the_last_absorbs_the_cents() -> None:
    plan = schedule(MONTHLY)
    totals = {row.total_cents for row in plan.instalments[:-1]}
    assert totals == {21_830}  # 12,000.00 at 3.5 % over 60 months: 218.30 by any loan calculator
    assert abs(plan.instalments[-1].total_cents - 21_830) <= 60


def test_a_long_first_period_enters_the_constant_total() -> None:
    """By hand: 1,000.00 at 6 % in two yearly parts, the first after 18 months: 1090 (1.06) / (1.06 + 1) = 560.87."""
    plan = schedule(
        replace(
            YEARLY, principal_cents=100_000, rate_annual=Decimal("0.06"), first_due_on=date(2027, 9, 2), instalments=2,
            kind=RepaymentKind.ANNUITY,
        )
    )  # fmt: skip
    first, second = plan.instalments
    assert (first.days, first.interest_cents, first.total_cents) == (540, 9_000, 56_087)
    assert (second.interest_cents, second.outstanding_cents) == (3_175, 0)


def test_icma_splits_an_irregular_first_period_and_regular_ones_are_equal() -> None:
    plan = schedule(
        replace(
            YEARLY,
            first_due_on=date(2026, 6, 15),
            every=Every.HALF_YEAR,
            instalments=3,
            day_count=DayCount.ACT_ACT_ICMA,
        )
    )
    first, second, third = plan.instalments
    assert first.days == 105  # of the 182 from 15 December to 15 June: 12,000.00 x 3.5 % / 2 x 105/182
    assert first.interest_cents == 12_115
    assert second.interest_cents == third.interest_cents == 21_000


def test_due_dates_keep_the_day_of_the_start_at_the_end_of_months() -> None:
    plan = schedule(replace(MONTHLY, starts_on=date(2026, 1, 31), first_due_on=date(2026, 2, 28), instalments=3))
    assert [row.due_on for row in plan.instalments] == [date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]


def test_without_interest_the_totals_are_the_principal() -> None:
    plan = schedule(replace(MONTHLY, rate_annual=Decimal(0)))
    assert plan.totals.total_cents == 1_200_000
    assert {row.total_cents for row in plan.instalments} == {20_000}
    assert taeg(replace(MONTHLY, rate_annual=Decimal(0))) == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"principal_cents": 0}, "principal-out-of-range"),
        ({"principal_cents": 2**53}, "principal-out-of-range"),
        ({"rate_annual": Decimal("-0.01")}, "rate-out-of-range"),
        ({"rate_annual": Decimal("1.01")}, "rate-out-of-range"),
        ({"rate_annual": Decimal("NaN")}, "rate-out-of-range"),
        ({"rate_annual": Decimal("1e-13")}, "rate-out-of-range"),
        ({"instalments": 0}, "instalments-out-of-range"),
        ({"instalments": 601}, "instalments-out-of-range"),
        ({"first_due_on": date(2026, 3, 2)}, "due-not-after-start"),
        ({"starts_on": date(1899, 12, 31)}, "terms-date-out-of-range"),
        ({"first_due_on": date(2200, 1, 1)}, "terms-date-out-of-range"),
        ({"rate_annual": Decimal("0e9")}, "rate-out-of-range"),
        ({"starts_on": date(2001, 12, 31), "roll": Roll.FOLLOWING}, "no-calendar-for-date"),
        (
            {"starts_on": date(2026, 4, 2), "first_due_on": date(2026, 4, 6), "roll": Roll.PRECEDING},
            "due-not-after-start",
        ),
        ({"unit_cents": 0}, "unit-out-of-range"),
        ({"principal_grace": 60}, "grace-too-long"),
        ({"interest_grace": -1}, "grace-too-long"),
        ({"rate_changes": (RateChange(date(2026, 5, 1), Decimal("0.02")),) * 601}, "terms-changes-too-many"),
        ({"rate_changes": (RateChange(date(2026, 5, 1), Decimal("0.02")),) * 2}, "terms-change-out-of-place"),
        ({"rate_changes": (RateChange(date(2031, 3, 2), Decimal("0.02")),)}, "terms-change-out-of-place"),
        ({"rate_changes": (RateChange(date(2026, 5, 1), Decimal(2)),)}, "rate-out-of-range"),
        ({"disbursements": (Disbursement(date(2026, 3, 3), 1_200_000),)}, "terms-change-out-of-place"),
        ({"disbursements": (Disbursement(date(2026, 3, 2), 1),)}, "disbursements-differ-from-principal"),
    ],
)
def test_terms_that_make_no_schedule_are_refused(changes: dict[str, object], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        replace(MONTHLY, **changes)
    assert refused.value.code == code


def test_a_constant_total_below_the_first_interest_is_refused() -> None:
    """Nine years before the first of many instalments: the interest of that period is more than any constant total."""
    with pytest.raises(Refusal) as refused:
        schedule(replace(MONTHLY, first_due_on=date(2035, 3, 2), instalments=480))
    assert refused.value.code == "annuity-below-interest"
    assert refused.value.facts["instalment"] == 1


@pytest.mark.parametrize(
    ("every", "rate", "effective"),
    [
        (Every.YEAR, "0.06", "0.060000"),
        (Every.HALF_YEAR, "0.06", "0.060900"),  # 1.03^2
        (Every.QUARTER, "0.06", "0.061364"),  # 1.015^4
        (Every.MONTH, "0.06", "0.061678"),  # 1.005^12
    ],
)
def test_the_effective_rate_compounds_the_nominal_one(every: Every, rate: str, effective: str) -> None:
    terms = replace(
        YEARLY, principal_cents=10**9, rate_annual=Decimal(rate), every=every, instalments=60 // every.months,
        first_due_on=date(2026 + (every is Every.YEAR), {1: 4, 3: 6, 6: 9, 12: 3}[every.months], 2),
    )  # fmt: skip
    assert taeg(terms) == Decimal(effective)


def test_the_directive_counts_odd_days_on_the_year_that_ends_with_them() -> None:
    assert years(date(2024, 2, 10), date(2024, 3, 5)) * 366 == 24
    assert years(date(2025, 2, 10), date(2025, 3, 5)) * 365 == 23


def test_the_last_instalment_brings_every_claim_to_zero() -> None:
    split = shares(7, 60_001, [Claim("p2", 20_000), Claim("p1", 20_001), Claim("p3", 20_000)])
    assert [(share.holder, share.outstanding_cents) for share in split] == [("p1", 0), ("p2", 0), ("p3", 0)]
    assert [share.interest_cents for share in split] == [3, 2, 2]
    assert split[0].gross_cents == 20_004


def test_more_principal_than_claims_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        shares(0, 101, [Claim("p1", 100)])
    assert refused.value.code == "principal-exceeds-claims"


def test_interest_without_claims_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        shares(1, 0, [Claim("p1", 0)])
    assert refused.value.code == "interest-without-claims"


def test_a_holder_with_two_claims_is_a_defect() -> None:
    with pytest.raises(InvariantError):
        shares(1, 0, [Claim("p1", 1), Claim("p1", 2)])
