"""Schedules foot and splits tie for thousands of random terms."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, example, given, reject, settings
from hypothesis import strategies as st

from contracts.schemes.credit import CreditLoan, tax_credit
from contracts.schemes.withholding import HolderKind, withholding
from contracts.terms.agreed import Disbursement, RateChange, RateConvention
from contracts.terms.dates import add_months, years
from contracts.terms.daycount import DayCount, IcmaPeriod, year_fraction
from contracts.terms.distribution import Claim, shares
from contracts.terms.schedule import Every, RepaymentKind, Schedule, Terms, schedule
from contracts.terms.taeg import taeg_of
from ledger.calendars import Roll, rolled
from ledger.errors import Refusal
from ledger.money import allocate
from tests.footing import check_footing

ICMA = DayCount.ACT_ACT_ICMA
MANY = settings(max_examples=500, deadline=None)

dates = st.dates(date(2020, 1, 1), date(2040, 12, 31))


@st.composite
def any_terms(draw: st.DrawFn) -> Terms:
    starts_on = draw(dates)
    every = draw(st.sampled_from(Every))
    regular = every.after(starts_on)
    return Terms(
        principal_cents=draw(st.integers(1, 10**9)),
        rate_annual=Decimal(draw(st.integers(0, 2_000))).scaleb(-4),
        starts_on=starts_on,
        first_due_on=draw(st.one_of(st.just(regular), dates.filter(lambda day: starts_on < day))),
        instalments=draw(st.integers(1, 120)),
        every=every,
        kind=draw(st.sampled_from(RepaymentKind)),
        day_count=draw(st.sampled_from(DayCount).filter(lambda day_count: every.months or day_count is not ICMA)),
    )


@st.composite
def with_options(draw: st.DrawFn) -> Terms:
    plain = draw(any_terms())
    roll = draw(st.one_of(st.none(), st.sampled_from(Roll)))
    assume(roll is None or plain.first_due_on - plain.starts_on > timedelta(days=6))
    last_on = min(plain.ends_on, rolled(plain.ends_on, roll)) if roll else plain.ends_on
    inside = st.dates(plain.starts_on, last_on - timedelta(days=1))
    changes = sorted(draw(st.sets(inside, max_size=3)))
    later = sorted({plain.starts_on, *draw(st.sets(inside, max_size=3))})
    parts = allocate(plain.principal_cents, [draw(st.integers(1, 9)) for _ in later])
    assume(min(parts) > 0)
    return replace(
        plain,
        rate_convention=draw(st.sampled_from(RateConvention)),
        principal_grace=draw(st.integers(0, plain.instalments - 1)),
        interest_grace=draw(st.integers(0, plain.instalments - 1)),
        roll=roll,
        adjusted=draw(st.booleans()),
        unit_cents=draw(st.sampled_from([1, 100])),
        disbursements=tuple(map(Disbursement, later, parts)) if draw(st.booleans()) else (),
        rate_changes=tuple(RateChange(on, Decimal(draw(st.integers(0, 2_000))).scaleb(-4)) for on in changes),
    )


def _schedule(terms: Terms) -> Schedule:
    """The schedule; terms whose constant total can't pay a period's interest are not what these tests are about."""
    try:
        return schedule(terms)
    except Refusal as refusal:
        if refusal.code != "annuity-below-interest":
            raise
        reject()


@MANY
@given(any_terms())
def test_every_schedule_foots(terms: Terms) -> None:
    check_footing(_schedule(terms))


PAID_OUT_ON_A_ROLLED_DAY = Terms(
    principal_cents=4,
    rate_annual=Decimal(0),
    starts_on=date(2021, 5, 1),
    first_due_on=date(2022, 5, 1),
    instalments=3,
    every=Every.YEAR,
    kind=RepaymentKind.ANNUITY,
    day_count=DayCount.THIRTY_360,
    roll=Roll.PRECEDING,
    disbursements=(Disbursement(date(2021, 5, 1), 2), Disbursement(date(2022, 4, 29), 2)),
)


@settings(max_examples=400, deadline=None)
@given(with_options())
@example(PAID_OUT_ON_A_ROLLED_DAY)
def test_every_schedule_with_options_foots(terms: Terms) -> None:
    check_footing(_schedule(terms))


ENDS_IN_FEBRUARY = replace(
    PAID_OUT_ON_A_ROLLED_DAY,
    principal_cents=1_000_000,
    rate_annual=Decimal("0.04"),
    starts_on=date(2020, 2, 28),
    first_due_on=date(2021, 2, 28),
    day_count=DayCount.THIRTY_E_360_ISDA,
    roll=None,
    disbursements=(),
)
"""The convention counts a last day of February as the 30th, but for the day of maturity."""


@MANY
@example(ENDS_IN_FEBRUARY)
@given(any_terms().filter(lambda terms: terms.kind is not RepaymentKind.BULLET_CAPITALISED))
def test_the_interest_of_each_period_is_the_nearest_cent(terms: Terms) -> None:
    plan = _schedule(terms)
    opens, outstanding, matures_on = terms.starts_on, terms.principal_cents, plan.instalments[-1].due_on
    for row in plan.instalments:
        fraction = year_fraction(terms.day_count, opens, row.due_on, period=terms.grid, matures_on=matures_on)
        exact = outstanding * Fraction(terms.rate_annual) * fraction
        assert -Fraction(1, 2) <= exact - row.interest_cents < Fraction(1, 2)
        opens, outstanding = row.due_on, row.outstanding_cents


@settings(max_examples=300, deadline=None)
@given(any_terms())
def test_the_effective_rate_gives_a_present_value_of_what_was_lent(terms: Terms) -> None:
    plan = _schedule(terms)
    rate = taeg_of(plan)
    step = Decimal("0.0000005")

    def present_value(at: Decimal) -> Decimal:
        times = ((years(terms.starts_on, row.due_on), row.total_cents) for row in plan.instalments)
        return sum(
            (cents * (1 + at) ** -(Decimal(t.numerator) / Decimal(t.denominator)) for t, cents in times), Decimal(0)
        )

    assert present_value(rate + step) <= terms.principal_cents + Decimal("0.0001")
    assert present_value(rate - step) >= terms.principal_cents - Decimal("0.0001")


@MANY
@given(dates, st.integers(0, 4_000), st.integers(0, 4_000), dates, st.sampled_from([1, 3, 6, 12]))
def test_icma_fractions_add_up_wherever_a_period_is_cut(
    start: date, first: int, second: int, anchor: date, months: int
) -> None:
    grid, middle = IcmaPeriod(anchor, months), start + timedelta(days=first)
    end = middle + timedelta(days=second)
    parts = [year_fraction(DayCount.ACT_ACT_ICMA, *span, period=grid) for span in ((start, middle), (middle, end))]
    assert sum(parts) == year_fraction(DayCount.ACT_ACT_ICMA, start, end, period=grid)


claim_lists = st.lists(st.integers(0, 10**7), min_size=1, max_size=40).map(
    lambda amounts: [Claim(f"p{i:03}", cents) for i, cents in enumerate(amounts)]
)


@MANY
@given(claim_lists, st.integers(0, 10**7), st.data())
def test_a_split_loses_no_cent_and_no_claim_goes_below_zero(
    claims: list[Claim], interest: int, data: st.DataObject
) -> None:
    outstanding = sum(claim.outstanding_cents for claim in claims)
    assume(outstanding > 0)
    principal = data.draw(st.integers(0, outstanding))
    split = shares(interest, principal, claims)
    assert sum(share.interest_cents for share in split) == interest
    assert sum(share.principal_cents for share in split) == principal
    by_holder = {claim.holder: claim.outstanding_cents for claim in claims}
    for share in split:
        before = by_holder[share.holder]
        assert share.outstanding_cents == before - share.principal_cents >= 0
        assert abs(share.interest_cents * outstanding - interest * before) < outstanding
        assert abs(share.principal_cents * outstanding - principal * before) < outstanding
    assert shares(interest, principal, data.draw(st.permutations(claims))) == split


@settings(max_examples=400, deadline=None)
@given(any_terms(), st.lists(st.integers(1, 10**6), min_size=1, max_size=15))
def test_a_whole_life_of_instalments_pays_every_lender_exactly_the_claim(terms: Terms, amounts: list[int]) -> None:
    plan = _schedule(replace(terms, principal_cents=sum(amounts)))
    claims = [Claim(f"p{i:03}", cents) for i, cents in enumerate(amounts)]
    received, interest = dict.fromkeys((claim.holder for claim in claims), 0), 0
    for row in plan.instalments:
        split = shares(row.interest_cents, row.principal_cents, claims)
        for share in split:
            received[share.holder] += share.principal_cents
            interest += share.interest_cents
        claims = [Claim(share.holder, share.outstanding_cents) for share in split]
    assert list(received.values()) == amounts
    assert all(claim.outstanding_cents == 0 for claim in claims)
    assert interest == plan.totals.interest_cents


@given(st.integers(0, 10**9))
def test_withholding_and_net_are_the_gross(interest: int) -> None:
    kept = withholding(interest, HolderKind.RESIDENT_INDIVIDUAL, date(2026, 6, 1))
    assert kept.tax_cents + kept.net_cents == kept.gross_cents == interest
    assert abs(kept.tax_cents * 10 - interest * 3) <= 5


loans = st.lists(
    st.tuples(dates.filter(lambda day: day >= date(2024, 3, 1)), st.integers(1, 5_000_000), st.sampled_from([5, 8])),
    max_size=8,
).map(
    lambda rows: [CreditLoan(f"l{i}", on, add_months(on, 12 * term), cents) for i, (on, cents, term) in enumerate(rows)]
)


@settings(max_examples=500, deadline=None)
@given(loans, st.integers(2024, 2048))
def test_the_credit_of_a_period_is_the_sum_of_its_loans_and_within_the_cap(
    lent: list[CreditLoan], tax_period: int
) -> None:
    credit = tax_credit(tax_period, lent)
    assert sum(credit.by_loan.values()) == credit.credit_cents
    assert set(credit.by_loan) == {loan.loan_id for loan in lent}
    assert 0 <= credit.credit_cents <= 20_000_000 * 4 // 100
    assert all(cents >= 0 for cents in credit.by_loan.values())
    assert tax_credit(tax_period, lent[::-1]) == credit
