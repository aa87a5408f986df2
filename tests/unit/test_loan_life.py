"""Pure parts of a loan's life: shares of a recovery, everything due within a period, what a deed says of its end."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from contracts.loans.model import recovery_shares
from contracts.offers.model import OfferDraft, body_of, draft_of
from contracts.servicing.model import Due, Label, Position, Recovery, Standing
from contracts.terms.daycount import DayCount
from contracts.terms.schedule import Every, RepaymentKind, Terms, all_due, schedule
from tests.papers import OFFERED

DAY = date(2026, 3, 2)
LOST = st.dictionaries(st.text("abc", min_size=1, max_size=4), st.integers(0, 10**9), min_size=1, max_size=8)
TEXTS = {"fr": "Un four.", "nl": "Een oven.", "en": "An oven."}


@given(lost=LOST, parts=st.lists(st.integers(1, 100), max_size=5))
def test_recoveries_are_shared_to_the_cent_and_nobody_has_more_than_she_lost(lost, parts):
    whole = sum(lost.values())
    came = [whole * part // (sum(parts) or 1) for part in parts]
    shares = recovery_shares(lost, came)
    assert [sum(each.values()) for each in shares] == came
    assert all(sum(each[pledge] for each in shares) <= cents for pledge, cents in lost.items())
    assert recovery_shares(dict(reversed(lost.items())), came) == shares


def test_what_is_recovered_counts_from_its_day_and_lessens_what_is_lost():
    dues = (Due(n=1, due_on=DAY, interest_cents=10, principal_cents=100),)
    standing = Standing(disbursed_on=DAY - timedelta(days=30), insolvent_on=DAY, lost_on=DAY + timedelta(days=5))
    recoveries = (Recovery(DAY + timedelta(days=9), 30), Recovery(DAY + timedelta(days=20), 70))
    debt = Position(principal_cents=100, dues=dues, standing=standing, recoveries=recoveries)
    days = [DAY + timedelta(days=each) for each in (4, 5, 9, 20)]
    assert [debt.lost_cents(on) for on in days] == [0, 100, 70, 0]
    assert [debt.received_principal_cents(on) for on in days] == [0, 0, 30, 100]
    assert {debt.label(on) for on in days[1:]} == {Label.LOST}
    assert [debt.outstanding_cents(on) for on in days] == [100, 0, 0, 0]


def test_a_claimed_debt_counts_as_defaulted_from_the_day_of_the_notice():
    dues = (Due(n=1, due_on=DAY, interest_cents=10, principal_cents=100),)
    debt = Position(principal_cents=100, dues=dues, standing=Standing(disbursed_on=DAY, accelerated_on=DAY))
    assert [debt.label(DAY + timedelta(days=each)) for each in (-1, 0, 3)] == [
        Label.PERFORMING,
        Label.DEFAULTED,
        Label.DEFAULTED,
    ]
    assert debt.days_past_due(DAY + timedelta(days=3)) == 3


@given(
    kind=st.sampled_from(OFFERED),
    every=st.sampled_from([Every.MONTH, Every.QUARTER, Every.YEAR]),
    count=st.sampled_from([DayCount.THIRTY_E_360, DayCount.ACT_365F]),
    n=st.integers(1, 20),
    share=st.fractions(0, 1),
)
def test_everything_due_on_a_day_is_what_is_outstanding_with_interest_between_nothing_and_the_periods(
    kind, every, count, n, share
):
    first = date(2026, 3 + every.months, 2) if every is not Every.YEAR else date(2027, 3, 2)
    terms = Terms(1_234_567, Decimal("0.0350"), DAY, first, 20, every, kind, count)
    rows = schedule(terms).instalments
    opens_on = rows[n - 2].due_on if n > 1 else DAY
    on = opens_on + timedelta(days=int(share * ((rows[n - 1].due_on - opens_on).days - 1)))
    due = all_due(terms, n, on)
    assert due.principal_cents == (rows[n - 2].outstanding_cents if n > 1 else 1_234_567)
    assert 0 <= due.interest_cents <= rows[n - 1].interest_cents
    if count is DayCount.ACT_365F:
        exact = due.principal_cents * Fraction("0.035") * (on - opens_on).days / 365
        assert due.interest_cents == int(exact + Fraction(1, 2))
    assert (due.n, due.due_on, due.outstanding_cents) == (n, on, 0)


def test_an_offer_that_says_nothing_of_early_repayment_allows_it_as_its_deed_does():
    draft = OfferDraft(
        borrower="e1",
        title="Un four",
        commune="Saint-Gilles",
        sector="food",
        pitch=TEXTS,
        use_of_funds=TEXTS,
        risks=TEXTS,
        rate_annual=Decimal("0.0350"),
        term_years=5,
        every=Every.YEAR,
        kind=RepaymentKind.LINEAR,
        day_count=DayCount.THIRTY_E_360,
        minimum_cents=1,
        maximum_cents=1,
        pledge_minimum_cents=1,
        opens_on=DAY,
        closes_on=DAY,
    )
    allowed = replace(draft, early_repayment=True)
    assert draft_of(body_of(draft)) == draft
    assert draft_of(body_of(allowed)) == allowed
    assert body_of(draft)["early_repayment"] == "excluded"
    assert "early_repayment" not in body_of(allowed)
