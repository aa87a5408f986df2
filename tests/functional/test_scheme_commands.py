"""`bxl scheme tax-credit` and `loss-credit` as a shell sees them, with the figures that the sources give."""

import json
from itertools import pairwise

import pytest

from tests.commands import run_bxl

LENT = 1_200_000


def bxl(command, body, *, refused=False):
    result = run_bxl("scheme", command, given=json.dumps(body))
    assert (result.returncode, result.stderr) == (1 if refused else 0, "")
    return json.loads(result.stdout)["refusal"] if refused else json.loads(result.stdout)


def loan(opening, closing, *, started_on="2024-04-15", loan_id="l1", **more):
    balances = {"1 Jan": opening, "31 Dec": closing}
    return {"id": loan_id, "started_on": started_on, "registered_on": started_on, "balances": balances} | more


def credit(scheme, year, *loans, **more):
    return bxl("tax-credit", {"scheme": scheme, "tax_period": year, "loans": list(loans)} | more)


def codes(answer):
    return {note["code"] for note in answer["notes"]} - {"provisional"}


@pytest.mark.parametrize(
    ("scheme", "years", "earned", "total"),
    [
        ("proxi.B", 5, [24_000, 48_000, 48_000, 30_000, 30_000, 15_000], 195_000),
        ("winwin", 5, [15_000, 30_000, 30_000, 30_000, 30_000, 15_000], 150_000),
        ("coup-de-pouce", 4, [24_000, 48_000, 48_000, 48_000, 15_000], 183_000),
    ],
)
def test_a_loan_repaid_at_the_end_brings_what_the_sources_reckon(scheme, years, earned, total):
    found = []
    for n in range(years + 1):
        opening, closing = LENT * (n > 0), LENT * (n < years)
        found.append(credit(scheme, 2024 + n, loan(opening, closing))["credit_cents"])
    assert (found, sum(found)) == (earned, total)


def test_a_loan_repaid_in_eight_equal_parts_brings_what_the_source_reckons():
    balances = [0] + [1_600_000 - 200_000 * n for n in range(9)]
    found = [
        credit("proxi.B", 2024 + n, loan(opening, closing))["credit_cents"]
        for n, (opening, closing) in enumerate(pairwise(balances))
    ]
    assert found == [32_000, 60_000, 52_000, 27_500, 22_500, 17_500, 12_500, 7_500, 2_500]
    assert sum(found) == 234_000


def test_what_exceeds_the_cap_is_cut_from_the_older_loans_first():
    young = loan(15_000_000, 15_000_000, started_on="2027-03-01", loan_id="young")
    old = loan(9_000_000, 9_000_000, loan_id="old")
    answer = credit("proxi.B", 2028, old, young)
    assert answer["credit_cents"] == 725_000
    assert (answer["base_first_cents"], answer["base_later_cents"]) == (15_000_000, 5_000_000)
    assert answer["by_loan"] == {"young": 600_000, "old": 125_000}


def test_a_cap_runs_over_both_regimes_and_the_answer_says_which_loan_is_of_the_other():
    older = loan(12_000_000, 12_000_000, started_on="2023-06-01", loan_id="a")
    newer = loan(12_000_000, 12_000_000, started_on="2025-06-01", loan_id="b")
    answer = credit("proxi.B", 2026, older, newer)
    assert answer["base_first_cents"] + answer["base_later_cents"] == 20_000_000
    assert {"loan": "a", "code": "other-regime", "scheme": "proxi.A"} in answer["notes"]


@pytest.mark.parametrize(
    ("year", "more", "personal", "code"),
    [
        (2025, {"proof_filed": False}, {}, "proof-missing"),
        (2025, {"accelerated_on": "2025-11-30"}, {}, "accelerated"),
        (2026, {"deregistered_on": "2025-11-30"}, {}, "deregistered"),
        (2025, {}, {"brussels_resident": False}, "lender-not-resident"),
        (2026, {}, {"lender_died_on": "2025-12-31"}, "lender-died"),
    ],
)
def test_each_ground_of_zero_is_named(year, more, personal, code):
    answer = credit("proxi.B", year, loan(LENT, LENT, **more), **personal)
    assert (answer["credit_cents"], answer["by_loan"], codes(answer)) == (0, {"l1": 0}, {code})


@pytest.mark.parametrize(
    ("year", "more", "personal"),
    [
        (2024, {"proof_filed": False}, {}),
        (2025, {"accelerated_on": "2026-01-01"}, {}),
        (2025, {}, {"lender_died_on": "2025-01-01"}),
    ],
)
def test_a_ground_of_another_year_stops_nothing(year, more, personal):
    answer = credit("proxi.B", year, loan(LENT * (year > 2024), LENT, **more), **personal)
    assert answer["credit_cents"] == (24_000 if year == 2024 else 48_000)
    assert codes(answer) == set()


def test_the_first_of_january_of_the_first_year_counts_nothing():
    answer = credit("proxi.B", 2024, loan(LENT, LENT))
    assert (answer["credit_cents"], codes(answer)) == (24_000, {"opening-balance-of-first-year-is-zero"})


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (
            {"scheme": "proxi.B", "tax_period": 2020, "loans": []},
            {
                "code": "no-rule-for-date",
                "facts": {"scheme": "proxi.B", "param": "credit_rate_first_periods", "wanted_on": "2020-12-31"},
            },
        ),
        (
            {"scheme": "proxi.B", "tax_period": 2025, "loans": [loan(0, LENT), loan(0, LENT)]},
            {"code": "terms-field-malformed", "facts": {"field": "loans", "expected": "each id once"}},
        ),
        (
            {"scheme": "proxi.B", "tax_period": 2023, "loans": [loan(0, LENT)]},
            {"code": "terms-field-malformed", "facts": {"field": "started_on", "expected": "a date until 2023"}},
        ),
        (
            {"scheme": "proxi.B", "tax_period": 2025, "loans": [loan(0, -1)]},
            {
                "code": "terms-field-malformed",
                "facts": {
                    "field": "loans[0].balances.31 Dec",
                    "expected": "a whole number of cents, not negative",
                },
            },
        ),
        (
            {"scheme": "proxi.B", "tax_period": 2025, "loans": [], "colour": "red"},
            {"code": "terms-field-unknown", "facts": {"field": "colour"}},
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field(body, refusal):
    assert bxl("tax-credit", body, refused=True) == refusal


def lost(**more):
    usual = {
        "id": "l1",
        "term_ends_on": "2029-04-15",
        "event": {"type": "bankruptcy", "on": "2026-05-04"},
        "called_on": "2026-05-20",
        "losses": [{"on": "2026-11-03", "cents": 400_000}, {"on": "2027-02-01", "cents": 600_000}],
    }
    return {name: value for name, value in (usual | more).items() if value is not None}


def loss(year, *loans, scheme="proxi.B"):
    return bxl("loss-credit", {"scheme": scheme, "tax_period": year, "loans": list(loans)})


def test_a_loss_established_over_two_periods_is_credited_in_each():
    assert [loss(year, lost())["credit_cents"] for year in (2025, 2026, 2027, 2028)] == [0, 120_000, 180_000, 0]


def test_an_exemplary_borrower_and_another_scheme_have_rates_of_their_own():
    assert loss(2026, lost(exemplary=True))["credit_cents"] == 200_000
    assert loss(2026, lost(), scheme="coup-de-pouce")["credit_cents"] == 120_000
    refusal = {"scheme": "proxi.A", "tax_period": 2026, "loans": [lost(exemplary=True)]}
    assert bxl("loss-credit", refusal, refused=True)["facts"]["param"] == "loss_credit_rate_exemplary"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"event": None}, "no-event"),
        ({"event": {"type": "liquidation", "on": "2029-10-16"}}, "no-event"),
        ({"term_ends_on": "2025-11-03"}, "event-too-late"),
        ({"called_on": None}, "not-called"),
        ({"brussels_resident": False}, "lender-not-resident"),
        ({"deregistered_on": "2026-01-31"}, "deregistered"),
    ],
)
def test_each_condition_that_does_not_hold_is_named(more, code):
    answer = loss(2026, lost(**more))
    assert (answer["credit_cents"], answer["base_cents"], codes(answer)) == (0, 0, {code})


def test_an_event_within_six_months_of_the_end_counts():
    assert loss(2026, lost(term_ends_on="2025-11-04"))["credit_cents"] == 120_000


def test_a_haircut_is_lost_with_the_rest_or_in_the_period_where_it_became_final():
    cut = {"haircuts": [{"on": "2025-03-01", "cents": 100_000}]}
    assert [loss(year, lost(**cut))["base_cents"] for year in (2025, 2026, 2027)] == [0, 500_000, 600_000]
    final = {
        "haircuts": [{"on": "2025-03-01", "cents": 100_000, "final_on": "2028-12-31"}],
        "event": None,
        "losses": [],
    }
    assert [loss(year, lost(**final))["credit_cents"] for year in (2026, 2028)] == [0, 30_000]
    before = {"haircuts": [{"on": "2025-03-01", "cents": 100_000, "final_on": "2025-12-31"}]}
    assert [loss(year, lost(**before))["base_cents"] for year in (2025, 2026)] == [100_000, 400_000]


def test_more_than_was_outstanding_cannot_be_lost():
    body = {"scheme": "proxi.B", "tax_period": 2026, "loans": [lost(outstanding_cents=999_999)]}
    facts = {"loan_id": "l1", "lost_cents": 1_000_000, "outstanding_cents": 999_999}
    assert bxl("loss-credit", body, refused=True) == {"code": "loss-exceeds-outstanding", "facts": facts}


def test_a_rate_that_goes_by_the_conclusion_asks_for_it():
    body = {"scheme": "winwin", "tax_period": 2026, "loans": [lost()]}
    assert bxl("loss-credit", body, refused=True) == {"code": "terms-field-missing", "facts": {"field": "concluded_on"}}


def test_a_base_above_its_cap_is_cut_in_proportion():
    much = {"losses": [{"on": "2026-11-03", "cents": 10_000_000}]}
    answer = loss(2026, lost(**much), lost(**much, id="l2"), scheme="coup-de-pouce")
    assert answer["credit_cents"] == 3_750_000
    assert answer["by_loan"] == {"l1": 1_875_000, "l2": 1_875_000}
