"""Who may lend how much to whom under a scheme, and what the credit is."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from contracts.schemes import conditions
from contracts.schemes.conditions import PROXI_B, Application, BorrowerFacts, LenderFacts
from contracts.schemes.credit import CreditLoan, credit_by_year, tax_credit
from contracts.terms.dates import add_months
from contracts.terms.schedule import Every, RepaymentKind, Terms, schedule
from ledger.errors import InvariantError, Refusal

GOOD = Application(PROXI_B, date(2026, 3, 2), Decimal("0.0350"), 5, "month", 50_000)


def refusal_of(application: Application) -> Refusal:
    with pytest.raises(Refusal) as refused:
        conditions.check(application)
    return refused.value


def test_a_good_application_names_every_rule_it_rests_on_and_which_are_provisional() -> None:
    rules = conditions.check(GOOD)
    assert [row.param for row in rules] == [
        "legal_rate",
        "rate_floor_of_legal_rate",
        "rate_ceiling_of_legal_rate",
        "term_years",
        "repayment_forms",
        "lender_bars",
        "shareholding_limit",
        "lender_flow_cap_cents",
        "lender_stock_cap_cents",
        "borrower_bars",
        "borrower_stock_cap_cents",
    ]
    assert conditions.provisional(rules) == rules  # in 2026 all of them are


@pytest.mark.parametrize("rate", ["0.0225", "0.0450"])
def test_both_ends_of_the_corridor_are_inside(rate: str) -> None:
    assert conditions.check(replace(GOOD, rate_annual=Decimal(rate)))


@pytest.mark.parametrize("rate", ["0.0224", "0.0451"])
def test_a_rate_outside_the_corridor_of_the_conclusion_is_refused(rate: str) -> None:
    refusal = refusal_of(replace(GOOD, rate_annual=Decimal(rate)))
    assert refusal.code == "rate-outside-corridor"
    assert (refusal.facts["floor_percent"], refusal.facts["ceiling_percent"]) == ("2.25", "4.5")


def test_the_corridor_is_that_of_the_year_of_conclusion() -> None:
    corridor = conditions.rate_corridor(PROXI_B, date(2024, 6, 1))
    assert (corridor.floor, corridor.ceiling) == (Decimal("0.02875"), Decimal("0.0575"))


@pytest.mark.parametrize("on", [date(2024, 2, 29), date(2027, 1, 1)])
def test_a_conclusion_that_no_rule_covers_is_refused(on: date) -> None:
    assert refusal_of(replace(GOOD, concluded_on=on)).code == "no-rule-for-date"


@pytest.mark.parametrize("years", [4, 6, 7, 10])
def test_only_five_and_eight_years_are_allowed(years: int) -> None:
    assert refusal_of(replace(GOOD, term_years=years)) == Refusal(
        "term-not-allowed", term_years=years, allowed=("5", "8")
    )
    assert conditions.check(replace(GOOD, term_years=8))


@pytest.mark.parametrize("form", ["bullet", "month", "quarter", "half-year", "year"])
def test_the_five_forms_of_repayment_are_allowed(form: str) -> None:
    assert conditions.check(replace(GOOD, repayment=form))


def test_another_form_of_repayment_is_refused() -> None:
    assert refusal_of(replace(GOOD, repayment="week")).code == "repayment-not-allowed"


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"is_natural_person": False}, "lender-ineligible-not-a-natural-person"),
        ({"acts_in_trade": True}, "lender-ineligible-acts-in-trade"),
        ({"is_employee": True}, "lender-ineligible-employee"),
        ({"is_spouse_or_cohabitant": True}, "lender-ineligible-spouse"),
        ({"is_director": True}, "lender-ineligible-director"),
        ({"is_proxi_borrower": True}, "lender-ineligible-borrower"),
        ({"shareholding": Decimal("0.1001")}, "lender-ineligible-shareholder"),
    ],
)
def test_an_ineligible_lender_is_refused_with_the_reason(facts: dict[str, object], code: str) -> None:
    assert refusal_of(replace(GOOD, lender=LenderFacts(**facts))).code == code


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"is_sme": False}, "borrower-ineligible-not-an-sme"),
        ({"is_established_in_region": False}, "borrower-ineligible-outside-region"),
        ({"is_in_excluded_sector": True}, "borrower-ineligible-sector"),
        ({"is_in_fossil_fuels": True}, "borrower-ineligible-fossil-fuels"),
        ({"funds_serve_activity": False}, "borrower-ineligible-use-of-funds"),
        ({"has_declared_conduct": False}, "borrower-ineligible-conduct"),
    ],
)
def test_an_ineligible_borrower_is_refused_with_the_reason(facts: dict[str, bool], code: str) -> None:
    assert refusal_of(replace(GOOD, borrower=BorrowerFacts(**facts))).code == code


def test_ten_per_cent_of_the_shares_is_still_allowed() -> None:
    assert conditions.check(replace(GOOD, lender=LenderFacts(shareholding=Decimal("0.10"))))


def test_the_lender_concludes_at_most_fifty_thousand_in_a_calendar_year() -> None:
    full = replace(GOOD, lender_concluded_cents=4_950_000)
    assert conditions.check(full)
    assert refusal_of(replace(full, amount_cents=50_001)) == Refusal(
        "lender-cap-exceeded", amount_cents=50_001, limit_cents=5_000_000, left_cents=50_000, year=2026
    )


def test_the_lender_has_at_most_two_hundred_thousand_outstanding() -> None:
    full = replace(GOOD, lender_outstanding_cents=19_950_000)
    assert conditions.check(full)
    assert refusal_of(replace(full, amount_cents=50_001)) == Refusal(
        "lender-stock-cap-exceeded", amount_cents=50_001, limit_cents=20_000_000, left_cents=50_000
    )


def test_the_borrower_has_at_most_two_hundred_and_fifty_thousand_outstanding() -> None:
    full = replace(GOOD, borrower_outstanding_cents=24_950_000)
    assert conditions.check(full)
    assert refusal_of(replace(full, amount_cents=50_001)) == Refusal(
        "borrower-cap-exceeded", amount_cents=50_001, limit_cents=25_000_000, left_cents=50_000
    )


def terms(**changes: object) -> Terms:
    usual = {
        "principal_cents": 1_200_000,
        "rate_annual": Decimal("0.035"),
        "starts_on": date(2024, 4, 15),
        "first_due_on": date(2025, 4, 15),
        "instalments": 5,
        "every": Every.YEAR,
        "kind": RepaymentKind.BULLET,
    }
    return Terms(**(usual | changes))


def test_the_term_is_whole_years_from_start_to_last_instalment() -> None:
    assert conditions.term_in_years(terms()) == 5
    with pytest.raises(Refusal) as refused:
        conditions.term_in_years(terms(first_due_on=date(2025, 4, 20)))
    assert refused.value.code == "term-not-whole-years"
    assert conditions.repayment_form(RepaymentKind.BULLET, Every.YEAR) == "bullet"
    assert conditions.repayment_form(RepaymentKind.LINEAR, Every.YEAR) == "year"


@pytest.mark.parametrize(
    ("kind", "every"),
    [
        (RepaymentKind.BULLET_CAPITALISED, Every.YEAR),
        (RepaymentKind.BULLET, Every.WEEK),
        (RepaymentKind.LINEAR, Every.TWO_WEEKS),
        (RepaymentKind.ANNUITY, Every.FIFTEEN_DAYS),
    ],
)
def test_what_article_6_does_not_name_is_refused(kind: RepaymentKind, every: Every) -> None:
    assert refusal_of(replace(GOOD, repayment=conditions.repayment_form(kind, every))).code == "repayment-not-allowed"


def test_the_credit_of_twelve_thousand_repaid_at_the_end_of_five_years() -> None:
    years = credit_by_year(schedule(terms()))
    assert [(year.tax_period, year.credit_cents) for year in years] == [
        (2024, 24_000),
        (2025, 48_000),
        (2026, 48_000),
        (2027, 30_000),
        (2028, 30_000),
        (2029, 15_000),
    ]
    assert sum(year.credit_cents for year in years) == 195_000
    assert all(row.is_provisional for year in years for row in year.rules)


def test_the_credit_of_sixteen_thousand_in_eight_yearly_parts() -> None:
    plan = schedule(terms(principal_cents=1_600_000, instalments=8, kind=RepaymentKind.LINEAR))
    earned = [year.credit_cents for year in credit_by_year(plan)]
    assert earned == [32_000, 60_000, 52_000, 27_500, 22_500, 17_500, 12_500, 7_500, 2_500]
    assert sum(earned) == 234_000


def running(loan_id: str, starts_on: date, principal_cents: int, **changes: object) -> CreditLoan:
    usual = {"term_ends_on": add_months(starts_on, 96)}
    return CreditLoan(loan_id=loan_id, starts_on=starts_on, principal_cents=principal_cents, **(usual | changes))


def test_beyond_the_cap_the_older_loans_are_cut_first() -> None:
    older, younger = running("old", date(2024, 4, 1), 9_000_000), running("new", date(2027, 4, 1), 15_000_000)
    credit = tax_credit(2028, [older, younger])
    assert (credit.base_first_cents, credit.base_later_cents) == (15_000_000, 5_000_000)
    assert credit.credit_cents == 725_000
    assert credit.by_loan == {"new": 600_000, "old": 125_000}


def test_beyond_the_cap_by_young_loans_alone_nothing_is_left_for_the_older() -> None:
    loans = [running("old", date(2024, 4, 1), 9_000_000), running("new", date(2027, 4, 1), 25_000_000)]
    credit = tax_credit(2028, loans)
    assert (credit.base_first_cents, credit.base_later_cents) == (20_000_000, 0)
    assert credit.by_loan == {"new": 800_000, "old": 0}


def test_an_unpaid_instalment_does_not_lower_the_credit() -> None:
    paid = running("l1", date(2024, 4, 15), 1_200_000, repayments=((date(2025, 4, 15), 240_000),))
    unpaid = replace(paid, repayments=())
    assert tax_credit(2025, [unpaid]).credit_cents > tax_credit(2025, [paid]).credit_cents


@pytest.mark.parametrize(
    ("changes", "earned"),
    [
        ({}, [24_000, 48_000, 48_000]),
        ({"accelerated_on": date(2026, 1, 5)}, [24_000, 48_000, 0]),
        ({"deregistered_on": date(2025, 12, 31)}, [24_000, 0, 0]),
        ({"periods_without_proof": frozenset({2025})}, [24_000, 0, 48_000]),
        ({"periods_without_proof": frozenset({2024})}, [24_000, 48_000, 48_000]),  # not asked for the first year
    ],
)
def test_what_stops_the_credit_of_a_loan(changes: dict[str, object], earned: list[int]) -> None:
    loan = running("l1", date(2024, 4, 15), 1_200_000, **changes)
    assert [tax_credit(year, [loan]).credit_cents for year in (2024, 2025, 2026)] == earned


def test_outside_brussels_there_is_no_credit_and_the_loan_stays() -> None:
    credit = tax_credit(2025, [running("l1", date(2024, 4, 15), 1_200_000)], brussels_resident=False)
    assert (credit.credit_cents, credit.by_loan) == (0, {"l1": 0})


def test_the_year_of_death_still_earns_and_the_next_does_not() -> None:
    loan = running("l1", date(2024, 4, 15), 1_200_000)
    assert tax_credit(2025, [loan], died_on=date(2025, 2, 1)).credit_cents == 48_000
    assert tax_credit(2026, [loan], died_on=date(2025, 2, 1)).credit_cents == 0


def test_one_rounding_on_the_total_and_the_parts_follow_it() -> None:
    """Three loans of half a cent each."""
    loans = [running(f"l{i}", date(2024, 4, 15), 25) for i in range(3)]
    credit = tax_credit(2024, loans)  # each 25/2 x 4 % = 0.5 cents, together 1.5, rounded up to 2
    assert credit.credit_cents == 2
    assert credit.by_loan == {"l0": 1, "l1": 1, "l2": 0}


def test_a_loan_given_twice_is_a_defect() -> None:
    loan = running("l1", date(2024, 4, 15), 25)
    with pytest.raises(InvariantError):
        tax_credit(2024, [loan, loan])
