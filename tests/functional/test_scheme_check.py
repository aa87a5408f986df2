"""`bxl scheme check` as a shell sees it: what each scheme accepts and refuses, on the dates where its rules change."""

import json

import pytest

from tests.commands import run_bxl

PART = {
    "scheme": "proxi.B",
    "concluded_on": "2026-03-02",
    "registered_on": "2026-04-01",
    "principal_cents": 50_000,
    "rate_annual": "0.035",
    "term_years": 5,
    "repayment": "month",
    "lender": {"concluded_this_year_cents": 0, "outstanding_cents": 0},
    "borrower": {"outstanding_cents": 0},
}
WINWIN = {"scheme": "winwin", "term_years": 7}
COUP_DE_POUCE = {"scheme": "coup-de-pouce", "term_years": 4, "repayment": "quarter"}
REGIME_A = {"scheme": "proxi.A", "concluded_on": "2023-06-01", "registered_on": "2023-07-01", "rate_annual": "0.03"}


def bxl(*, refused=False, **changes):
    result = run_bxl("scheme", "check", given=json.dumps({**PART, **changes}))
    assert (result.returncode, result.stderr) == (1 if refused else 0, "")
    return json.loads(result.stdout)["refusal"] if refused else json.loads(result.stdout)


@pytest.mark.parametrize("scheme", [{}, WINWIN, COUP_DE_POUCE, REGIME_A])
def test_a_good_part_is_accepted_with_the_rows_of_its_scheme(scheme):
    answer = bxl(**scheme)
    assert answer["accepted"] is True
    params = {row.split("@")[0] for row in answer["rules"]}
    name = scheme.get("scheme", "proxi.B")
    assert {"BE/legal_rate", f"{name}/term_years", f"{name}/lender_bars", f"{name}/borrower_bars"} <= params
    assert {note["rule"] for note in answer["notes"]} <= set(answer["rules"])
    assert (f"{name}/lender_flow_cap_cents" in params) == name.startswith("proxi.")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"rate_annual": "0.0451"}, "rate-outside-corridor"),
        ({"term_years": 6}, "term-not-allowed"),
        ({"repayment": "week"}, "repayment-not-allowed"),
        ({"principal_cents": 0}, "principal-out-of-range"),
        ({"scheme": "ECSPR"}, "scheme-unknown"),
        ({"registered_on": "2026-03-01"}, "registered-before-concluded"),
        ({"concluded_on": "2027-01-04", "registered_on": None}, "no-rule-for-date"),
        ({"lender": {"natural_person": False}}, "lender-ineligible-not-a-natural-person"),
        ({"lender": {"acts_in_trade": True}}, "lender-ineligible-acts-in-trade"),
        ({"lender": {"employee": True}}, "lender-ineligible-employee"),
        ({"lender": {"spouse_or_cohabitant": True}}, "lender-ineligible-spouse"),
        ({"lender": {"director": True}}, "lender-ineligible-director"),
        ({"lender": {"proxi_borrower": True}}, "lender-ineligible-borrower"),
        ({"lender": {"shareholding": "0.11"}}, "lender-ineligible-shareholder"),
        ({"lender": {"concluded_this_year_cents": 4_950_001}}, "lender-cap-exceeded"),
        ({"lender": {"outstanding_cents": 19_950_001}}, "lender-stock-cap-exceeded"),
        ({"borrower": {"outstanding_cents": 24_950_001}}, "borrower-cap-exceeded"),
        ({"borrower": {"sme": False}}, "borrower-ineligible-not-an-sme"),
        ({"borrower": {"established_in_region": False}}, "borrower-ineligible-outside-region"),
        ({"borrower": {"excluded_sector": True}}, "borrower-ineligible-sector"),
        ({"borrower": {"fossil_fuels": True}}, "borrower-ineligible-fossil-fuels"),
        ({"borrower": {"funds_serve_activity": False}}, "borrower-ineligible-use-of-funds"),
        ({"borrower": {"conduct_declared": False}}, "borrower-ineligible-conduct"),
        ({"lender": {"shareholding": "1.1"}}, "terms-field-malformed"),
        ({"lender": {"cousin": True}}, "terms-field-unknown"),
        ({"colour": "red"}, "terms-field-unknown"),
        ({"principal_cents": 500.0}, "terms-field-malformed"),
    ],
)
def test_the_first_condition_that_fails_is_named(changes, code):
    assert bxl(refused=True, **changes)["code"] == code


def test_exactly_the_cap_is_accepted():
    bxl(lender={"concluded_this_year_cents": 4_950_000, "outstanding_cents": 19_950_000})
    bxl(borrower={"outstanding_cents": 24_950_000}, lender={"shareholding": "0.10"})


def test_the_sister_schemes_have_bars_and_caps_of_their_own():
    assert bxl(refused=True, **COUP_DE_POUCE, lender={"founder": True})["code"] == "lender-ineligible-founder"
    assert bxl(**WINWIN, lender={"founder": True, "proxi_borrower": True})["accepted"]
    assert bxl(refused=True, **WINWIN, lender={"shareholding": "0.01"})["code"] == "lender-ineligible-shareholder"
    assert bxl(refused=True, **{**COUP_DE_POUCE, "repayment": "month"})["code"] == "repayment-not-allowed"
    assert bxl(**WINWIN, lender={"concluded_this_year_cents": 7_000_000, "outstanding_cents": 7_450_000})["accepted"]
    assert bxl(refused=True, **WINWIN, lender={"outstanding_cents": 7_450_001})["code"] == "lender-stock-cap-exceeded"
    ended = bxl(refused=True, **COUP_DE_POUCE | {"concluded_on": "2026-06-01", "registered_on": None})
    assert ended["code"] == "no-rule-for-date"


def test_the_temporary_caps_of_regime_a_end_with_2021():
    before = REGIME_A | {
        "rate_annual": "0.01",
        "registered_on": None,
        "lender": {"concluded_this_year_cents": 5_000_000},
    }
    assert bxl(**before | {"concluded_on": "2021-12-31"})["accepted"]
    assert bxl(refused=True, **before | {"concluded_on": "2022-01-01"})["code"] == "lender-cap-exceeded"


def test_a_director_may_lend_under_regime_a_but_not_a_shareholder():
    assert bxl(**REGIME_A, lender={"director": True})["accepted"]
    assert bxl(refused=True, **REGIME_A, lender={"shareholding": "0.05"})["code"] == "lender-ineligible-shareholder"


def test_the_regime_of_a_proxi_loan_goes_by_its_registration():
    late = REGIME_A | {"concluded_on": "2024-02-20", "registered_on": "2024-03-01"}
    assert bxl(refused=True, **late) == {
        "code": "regime-differs",
        "facts": {"scheme": "proxi.A", "regime": "proxi.B", "registered_on": "2024-03-01"},
    }
    assert bxl(refused=True, **late | {"scheme": "proxi.B"})["code"] == "no-rule-for-date"
    assert bxl(**late | {"registered_on": "2024-02-29"})["accepted"]
