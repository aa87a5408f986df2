"""What few loans have: effective rates, graces, disbursements in parts, other rates, weeks, whole euros, rolls."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from contracts.terms.agreed import Disbursement, Every, RateChange, RateConvention, RepaymentKind, Terms
from contracts.terms.daycount import DayCount
from contracts.terms.schedule import Schedule, formula, schedule
from contracts.terms.taeg import taeg_of
from ledger.calendars import Roll
from ledger.errors import Refusal

YEARLY = Terms(
    principal_cents=1_000_000,
    rate_annual=Decimal("0.06"),
    starts_on=date(2026, 3, 2),
    first_due_on=date(2027, 3, 2),
    instalments=4,
    every=Every.YEAR,
    kind=RepaymentKind.LINEAR,
)
MONTHLY = replace(YEARLY, first_due_on=date(2026, 4, 2), instalments=60, every=Every.MONTH, kind=RepaymentKind.ANNUITY)


def column(plan: Schedule, name: str) -> list[int]:
    return [getattr(row, name) for row in plan.instalments]


def test_a_nominal_and_an_effective_rate_are_two_conventions_of_one_figure() -> None:
    """10,000.00 at 6 % over 60 months: 193.33 at 0.5 % a month, 192.59 at 1.06^(1/12) - 1 = 0.486755 %."""
    nominal = schedule(MONTHLY)
    effective = schedule(replace(MONTHLY, rate_convention=RateConvention.EFFECTIVE))
    assert nominal.instalments[0].total_cents == 19_333
    assert nominal.instalments[0].interest_cents == 5_000
    assert effective.instalments[0].interest_cents == 4_868
    assert effective.instalments[0].total_cents == 19_259
    assert abs(taeg_of(effective) - Decimal("0.06")) < Decimal("0.00001")
    assert taeg_of(nominal) > Decimal("0.0616")


def test_an_effective_rate_makes_equal_periods_equal_whatever_their_days() -> None:
    bullet = replace(
        MONTHLY, kind=RepaymentKind.BULLET, rate_convention=RateConvention.EFFECTIVE, day_count=DayCount.ACT_365F,
        instalments=12,
    )  # fmt: skip
    plan = schedule(bullet)
    assert set(column(plan, "interest_cents")) == {4_868}
    assert column(plan, "days")[:3] == [31, 30, 31]


def test_an_effective_rate_of_an_irregular_first_period_is_raised_to_its_length() -> None:
    """Eighteen months at 6 %: 1.06^1.5 - 1 = 9.1337 %."""
    plan = schedule(
        replace(YEARLY, first_due_on=date(2027, 9, 2), instalments=1, rate_convention=RateConvention.EFFECTIVE)
    )
    assert plan.instalments[0].interest_cents == 91_337


def test_capitalised_interest_bears_interest_and_all_is_due_at_the_end() -> None:
    """10,000.00 x 1.06^4 = 12,624.77, with 600.00, 636.00, 674.16 and 714.61 added."""
    plan = schedule(replace(YEARLY, kind=RepaymentKind.BULLET_CAPITALISED))
    assert column(plan, "total_cents") == [0, 0, 0, 1_262_477]
    assert column(plan, "capitalised_cents") == [60_000, 123_600, 191_016, 0]
    assert plan.instalments[3].interest_cents == 262_477
    assert taeg_of(plan) == Decimal("0.060000")


def test_in_a_grace_on_principal_interest_is_paid_and_the_others_repay_all() -> None:
    plan = schedule(replace(YEARLY, principal_grace=2))
    assert column(plan, "principal_cents") == [0, 0, 500_000, 500_000]
    assert column(plan, "interest_cents") == [60_000, 60_000, 60_000, 30_000]
    annuity = schedule(replace(MONTHLY, principal_grace=12))
    assert set(column(annuity, "total_cents")[:12]) == {5_000}
    assert set(column(annuity, "total_cents")[12:-1]) == {23_485}  # 10,000.00 over 48 months at 0.5 %


def test_in_a_grace_on_interest_it_is_kept_without_interest_and_due_after_it() -> None:
    plan = schedule(replace(YEARLY, kind=RepaymentKind.BULLET, interest_grace=2))
    assert column(plan, "interest_cents") == [0, 0, 180_000, 60_000]
    both = schedule(replace(YEARLY, principal_grace=1, interest_grace=1))
    assert column(both, "total_cents")[0] == 0
    assert both.totals.interest_cents == 60_000 + 60_000 + 40_000 + 20_000


def test_each_disbursement_bears_interest_from_its_date() -> None:
    """Half at the start, half on 2 September: a year's interest on the one, half a year's on the other."""
    parts = (Disbursement(date(2026, 3, 2), 500_000), Disbursement(date(2026, 9, 2), 500_000))
    plan = schedule(replace(YEARLY, disbursements=parts))
    assert column(plan, "interest_cents") == [45_000, 45_000, 30_000, 15_000]
    assert column(plan, "principal_cents") == [250_000] * 4
    assert taeg_of(plan) == Decimal("0.060104")
    late = (parts[0], Disbursement(date(2028, 3, 2), 500_000))
    assert column(schedule(replace(YEARLY, disbursements=late)), "principal_cents") == [
        125_000,
        125_000,
        375_000,
        375_000,
    ]


def test_another_rate_counts_from_its_date_and_the_constant_total_is_solved_again() -> None:
    """After a year the rate is 3 %: interest of the second year is 3 % of what is left."""
    linear = replace(YEARLY, rate_changes=(RateChange(date(2027, 3, 2), Decimal("0.03")),))
    assert column(schedule(linear), "interest_cents") == [60_000, 22_500, 15_000, 7_500]
    midway = replace(YEARLY, rate_changes=(RateChange(date(2026, 9, 2), Decimal("0.03")),))
    assert column(schedule(midway), "interest_cents") == [45_000, 22_500, 15_000, 7_500]
    annuity = schedule(replace(linear, kind=RepaymentKind.ANNUITY))
    assert column(annuity, "total_cents") == [288_591, 272_717, 272_717, 272_715]
    effective = schedule(replace(midway, rate_convention=RateConvention.EFFECTIVE))
    assert effective.instalments[0].interest_cents == 45_016  # sqrt(1.06) sqrt(1.03) - 1, by the days of each half


@pytest.mark.parametrize(
    ("every", "days_apart", "instalments"),
    [(Every.WEEK, 7, 52), (Every.TWO_WEEKS, 14, 26), (Every.FIFTEEN_DAYS, 15, 24)],
)
def test_periods_may_be_counted_in_days(every: Every, days_apart: int, instalments: int) -> None:
    terms = replace(
        YEARLY, every=every, instalments=instalments, first_due_on=every.after(YEARLY.starts_on),
        day_count=DayCount.ACT_365F,
    )  # fmt: skip
    plan = schedule(terms)
    assert set(column(plan, "days")) == {days_apart}
    assert plan.totals.principal_cents == 1_000_000
    effective = schedule(
        replace(terms, rate_convention=RateConvention.EFFECTIVE, kind=RepaymentKind.BULLET_CAPITALISED)
    )
    assert abs(effective.totals.interest_cents - 60_000) <= instalments
    with pytest.raises(Refusal) as refused:
        schedule(replace(terms, day_count=DayCount.ACT_ACT_ICMA))
    assert refused.value.code == "icma-period-missing"


def test_constant_parts_may_be_whole_euros_and_the_last_takes_the_rest() -> None:
    plan = schedule(replace(MONTHLY, unit_cents=100))
    assert set(column(plan, "total_cents")[:-1]) == {19_300}
    assert plan.totals.principal_cents == 1_000_000


def test_a_roll_moves_due_dates_and_interest_only_where_it_is_adjusted() -> None:
    quarterly = replace(
        YEARLY, every=Every.QUARTER, first_due_on=date(2026, 5, 31), instalments=4, kind=RepaymentKind.BULLET,
        day_count=DayCount.ACT_360,
    )  # fmt: skip
    plain = schedule(quarterly)
    following = schedule(replace(quarterly, roll=Roll.FOLLOWING))
    assert column(following, "interest_cents") == column(plain, "interest_cents")
    assert [row.due_on for row in following.instalments] == [
        date(2026, 6, 1), date(2026, 8, 31), date(2026, 11, 30), date(2027, 3, 1),
    ]  # fmt: skip
    modified = schedule(replace(quarterly, roll=Roll.MODIFIED_FOLLOWING))
    assert [row.due_on for row in modified.instalments][::3] == [date(2026, 5, 29), date(2027, 2, 26)]
    adjusted = schedule(replace(quarterly, roll=Roll.FOLLOWING, adjusted=True))
    assert column(plain, "days") == [90, 92, 91, 90]
    assert column(adjusted, "days") == [91, 91, 91, 91]


def test_nothing_is_paid_out_once_the_last_instalment_is_due_on_a_rolled_day() -> None:
    """The last instalment of Saturday 2 March 2030 is paid on Friday the 1st: what came then would never be repaid."""
    rolled_back = replace(YEARLY, roll=Roll.PRECEDING)
    assert rolled_back.paid_on(4) == date(2030, 3, 1) < rolled_back.ends_on
    late = (Disbursement(YEARLY.starts_on, 500_000), Disbursement(date(2030, 3, 1), 500_000))
    with pytest.raises(Refusal) as refused:
        replace(rolled_back, disbursements=late)
    assert refused.value.code == "terms-change-out-of-place"
    assert replace(YEARLY, disbursements=late).disbursements == late


def test_charges_raise_the_effective_rate_and_may_leave_none() -> None:
    bullet = schedule(replace(YEARLY, kind=RepaymentKind.BULLET, instalments=1))
    assert taeg_of(bullet) == Decimal("0.060000")
    assert taeg_of(bullet, charges_cents=20_000) == Decimal("0.081633")  # 10,600 / 9,800
    with pytest.raises(Refusal) as refused:
        taeg_of(bullet, charges_cents=1_000_000)
    assert refused.value.code == "yield-out-of-range"


@pytest.mark.parametrize("kind", RepaymentKind)
def test_the_formula_is_named(kind: RepaymentKind) -> None:
    assert "30E/360" in formula(replace(YEARLY, kind=kind))
    assert "(1 + r)^(1/12) - 1" in formula(replace(MONTHLY, kind=kind, rate_convention=RateConvention.EFFECTIVE))
