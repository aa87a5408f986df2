"""`bxl terms net-yield`: what a loan yields after withholding tax and with the scheme's credit; and what is refused."""

import json
from decimal import Decimal

import pytest

from tests.commands import run_bxl

BULLET = {
    "principal_cents": 1_200_000,
    "rate_annual": "0.02",
    "starts_on": "2024-04-15",
    "instalments": 5,
    "every": "year",
    "kind": "bullet",
}


def answer(**changes: object) -> dict[str, object]:
    done = run_bxl("terms", "net-yield", given=json.dumps(BULLET | changes))
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_twelve_thousand_repaid_at_the_end_with_the_credit_of_proxi_b():
    """240.00 EUR of interest a year, 30 % of it withheld; credits of 1,950.00 EUR in all, each 18 months later."""
    found = answer(scheme="proxi.B")
    assert found["totals"] == {"interest_cents": 120_000, "withheld_cents": 36_000, "credit_cents": 195_000}
    assert (found["gross"], found["after_withholding"]) == ("0.020000", "0.014000")
    paid = [(flow["on"], flow["credit_cents"]) for flow in found["flows"] if "credit_cents" in flow]
    assert paid == [
        ("2026-06-30", 24_000),
        ("2027-06-30", 48_000),
        ("2028-06-30", 48_000),
        ("2029-06-30", 30_000),
        ("2030-06-30", 30_000),
        ("2031-06-30", 15_000),
    ]
    worth = sum(_cents(flow) * (1 + Decimal(found["net"])) ** -_years(flow["on"]) for flow in found["flows"])
    assert abs(worth) < 60  # a day's difference in counting years, on 12,000.00 EUR
    assert Decimal("0.043") < Decimal(found["net"]) < Decimal("0.048")


def _cents(flow: dict[str, object]) -> int:
    gains = sum(flow.get(name, 0) for name in ("principal_cents", "interest_cents", "credit_cents"))
    return gains - flow.get("withheld_cents", 0)


def _years(on: str) -> Decimal:
    year, month, day = map(int, on.split("-"))
    return year - 2024 + (Decimal(month - 4) + Decimal(day - 15) / 30) / 12


def test_a_credit_that_comes_at_once_yields_more_and_none_yields_what_is_left_after_tax():
    soon, late, none = answer(scheme="proxi.B", credit_months=0), answer(scheme="proxi.B"), answer()
    assert Decimal(soon["net"]) > Decimal(late["net"]) > Decimal(none["net"])
    assert none["net"] == none["after_withholding"] == "0.014000"


def test_only_an_individual_resident_has_the_credit():
    assert answer(scheme="proxi.B", holder_kind="non-resident-individual")["totals"]["credit_cents"] == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"credit_months": -1}, "credit-months-out-of-range"),
        ({"credit_months": 121}, "credit-months-out-of-range"),
        ({"scheme": "BE"}, "terms-field-malformed"),
        ({"holder_kind": "company"}, "terms-field-malformed"),
        ({"scheme": "proxi.B", "starts_on": "2019-04-15"}, "no-rule-for-date"),
        ({"rate": "0.02"}, "terms-field-unknown"),
        (
            {
                "scheme": "proxi.B",
                "disbursements": [
                    {"on": "2024-04-15", "amount_cents": 600_000},
                    {"on": "2024-06-15", "amount_cents": 600_000},
                ],
            },
            "credit-of-parts-not-told",
        ),
    ],
)
def test_what_makes_no_yield_is_refused(changes, code):
    done = run_bxl("terms", "net-yield", given=json.dumps(BULLET | changes))
    assert done.returncode == 1
    assert json.loads(done.stdout)["refusal"]["code"] == code
