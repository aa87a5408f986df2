"""`bxl terms bond-accrued`, `bond-price`, `bond-yield` and `bond-cashflows` as a shell sees them."""

import json

import pytest

from tests.commands import run_bxl

BOND = {
    "coupon_rate": "0.045",
    "nominal_cents": 100_000,
    "issued_on": "2025-03-15",
    "matures_on": "2027-03-15",
    "frequency": 2,
    "day_count": "ACT/ACT ICMA",
    "settles_on": "2025-06-01",
}


def answer(command: str, **change: object) -> dict[str, object]:
    result = run_bxl("terms", command, given=json.dumps(BOND | change))
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)


def refusal(command: str, given: object) -> dict[str, object]:
    result = run_bxl("terms", command, given=given if isinstance(given, str) else json.dumps(given))
    assert (result.returncode, result.stderr) == (1, "")
    return json.loads(result.stdout)["refusal"]


def test_accrued_interest_comes_with_its_period() -> None:
    assert answer("bond-accrued") == {
        "accrued": "9.538043478261",
        "previous_coupon_on": "2025-03-15",
        "next_coupon_on": "2025-09-15",
        "days": 78,
        "period_days": 184,
    }


def test_one_object_serves_every_command() -> None:
    assert answer("bond-accrued", **{"yield": "0.04"}) == answer("bond-accrued", clean_price="99.5")
    assert answer("bond-cashflows", **{"yield": "0.04"})["flows"] == answer("bond-cashflows")["flows"]


def test_a_quote_that_is_null_is_none() -> None:
    quotes = {"yield": "0.045", "clean_price": None}
    assert answer("bond-price", settles_on="2025-09-15", **quotes)["clean"] == "100.000000000000"
    assert answer("bond-accrued", **{"yield": None, "clean_price": None}) == answer("bond-accrued")


def test_a_price_leads_to_its_yield_and_back() -> None:
    found = answer("bond-yield", clean_price="99.5")
    assert found == {"yield": "0.047912821447"}
    price = answer("bond-price", **found)
    assert {name: str(figure)[:8] for name, figure in price.items()} == {
        "clean": "99.50000",
        "dirty": "100.4538",
        "duration": "1.722786",
        "modified_duration": "1.682480",
    }


def test_cash_flows_are_dated_and_end_with_the_principal() -> None:
    flows = answer("bond-cashflows", settles_on="2026-04-01", calendar="TARGET")["flows"]
    assert flows == [
        {
            "n": 3,
            "accrues_from": "2026-03-15",
            "due_on": "2026-09-15",
            "paid_on": "2026-09-15",
            "days": 184,
            "interest": "22.500000000000",
            "interest_cents": 2_250,
            "principal_cents": 0,
            "total_cents": 2_250,
        },
        {
            "n": 4,
            "accrues_from": "2026-09-15",
            "due_on": "2027-03-15",
            "paid_on": "2027-03-15",
            "days": 181,
            "interest": "22.500000000000",
            "interest_cents": 2_250,
            "principal_cents": 100_000,
            "total_cents": 102_250,
        },
    ]


def test_without_a_day_of_settlement_every_cash_flow_is_shown() -> None:
    flows = answer("bond-cashflows", settles_on=None)["flows"]
    assert isinstance(flows, list)
    assert [flow["n"] for flow in flows] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("change", "paid_on"),
    [
        ({}, "2026-03-15"),  # a Sunday
        ({"calendar": "TARGET"}, "2026-03-16"),
        ({"roll": "modified-following"}, "2026-03-16"),
        ({"calendar": "TARGET", "roll": "preceding"}, "2026-03-13"),
    ],
)
def test_a_calendar_rolls_forward_unless_a_roll_says_otherwise(change: dict[str, object], paid_on: str) -> None:
    flows = answer("bond-cashflows", **change)["flows"]
    assert isinstance(flows, list)
    assert flows[1]["due_on"] == "2026-03-15"
    assert flows[1]["paid_on"] == paid_on


def test_a_first_coupon_may_make_a_long_period() -> None:
    accrued = answer("bond-accrued", issued_on="2025-01-15", first_coupon_on="2025-09-15")
    assert accrued["previous_coupon_on"] == "2025-01-15"
    assert accrued["accrued"] == "16.872297621907"  # 59/181 of 22.50, then 78/184
    assert (accrued["days"], accrued["period_days"]) == (137, 243)


def malformed(field: str, expected: str) -> dict[str, object]:
    return {"code": "terms-field-malformed", "facts": {"field": field, "expected": expected}}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"frequency": 0}, malformed("frequency", "1, 2, 3, 4, 6 or 12")),
        ({"frequency": 5}, malformed("frequency", "1, 2, 3, 4, 6 or 12")),
        ({"frequency": "2"}, malformed("frequency", "1, 2, 3, 4, 6 or 12")),
        ({"coupon_rate": 0.045}, malformed("coupon_rate", 'a fraction as text, such as "0.035"')),
        ({"nominal_cents": 1.5}, malformed("nominal_cents", "a whole number of cents")),
        ({"settles_on": "1 June"}, malformed("settles_on", "a date such as 2026-03-02")),
        ({"calendar": "BRU"}, malformed("calendar", "TARGET")),
        ({"roll": "nearest"}, malformed("roll", "following, modified-following, preceding")),
        ({"colour": "red"}, {"code": "terms-field-unknown", "facts": {"field": "colour"}}),
        (
            {"nominal_cents": 0},
            {"code": "principal-out-of-range", "facts": {"principal_cents": 0}},
        ),
        (
            {"coupon_rate": "1.5"},
            {"code": "rate-out-of-range", "facts": {"rate_annual": "1.5", "decimals": 12}},
        ),
        (
            {"matures_on": "2025-03-15"},
            {
                "code": "period-ends-before-it-starts",
                "facts": {"starts_on": "2025-03-15", "ends_on": "2025-03-15"},
            },
        ),
        (
            {"first_coupon_on": "2025-03-15"},
            {
                "code": "first-coupon-out-of-place",
                "facts": {
                    "first_coupon_on": "2025-03-15",
                    "issued_on": "2025-03-15",
                    "matures_on": "2027-03-15",
                    "months": 6,
                },
            },
        ),
        (
            {"settles_on": "2027-03-15"},
            {
                "code": "settlement-outside-life",
                "facts": {"settles_on": "2027-03-15", "issued_on": "2025-03-15", "matures_on": "2027-03-15"},
            },
        ),
        (
            {"clean_price": "99", "yield": "0.04"},
            {"code": "price-and-yield-stated", "facts": {}},
        ),
        (
            {"matures_on": "2085-03-15", "frequency": 12},
            {"code": "instalments-out-of-range", "facts": {"instalments": 720, "limit": 600}},
        ),
        (
            {"issued_on": "2001-03-15", "calendar": "TARGET"},
            {"code": "no-calendar-for-date", "facts": {"wanted_on": "2001-03-15"}},
        ),
        (
            {"issued_on": "2027-03-13", "matures_on": "2027-03-14", "settles_on": "2027-03-13", "roll": "preceding"},
            {"code": "due-not-after-start", "facts": {"first_due_on": "2027-03-14"}},
        ),
    ],
)
def test_a_bond_that_is_none_is_refused_by_code(change: dict[str, object], expected: dict[str, object]) -> None:
    assert refusal("bond-accrued", BOND | change) == expected


def test_an_unknown_day_count_is_refused_with_those_that_are_known() -> None:
    found = refusal("bond-accrued", BOND | {"day_count": "ACT/ACT"})
    assert found["code"] == "terms-field-malformed"
    assert "ACT/ACT ICMA" in str(found["facts"])


@pytest.mark.parametrize(
    ("command", "change", "code", "facts"),
    [
        ("bond-price", {}, "terms-field-missing", {"field": "yield"}),
        ("bond-price", {"clean_price": "99"}, "terms-field-missing", {"field": "yield"}),
        ("bond-price", {"clean_price": "99", "yield": "0.04"}, "price-and-yield-stated", {}),
        (
            "bond-price",
            {"yield": "-1.99"},
            "bond-yield-out-of-range",
            {"stated": "-1.99", "lowest": "-1.98", "highest": "2000000"},
        ),
        ("bond-yield", {}, "terms-field-missing", {"field": "clean_price"}),
        ("bond-yield", {"yield": "0.04"}, "terms-field-missing", {"field": "clean_price"}),
        ("bond-yield", {"clean_price": "99", "yield": "0.04"}, "price-and-yield-stated", {}),
        ("bond-yield", {"clean_price": "0"}, "price-not-positive", {"clean_price": "0"}),
        ("bond-yield", {"clean_price": "1" + "0" * 20}, "yield-out-of-range", {}),
        (
            "bond-yield",
            {"clean_price": 99},
            "terms-field-malformed",
            {"field": "clean_price", "expected": 'a fraction as text, such as "0.035"'},
        ),
        ("bond-cashflows", {"clean_price": "99", "yield": "0.04"}, "price-and-yield-stated", {}),
        (
            "bond-cashflows",
            {"settles_on": "2025-03-14"},
            "settlement-outside-life",
            {"settles_on": "2025-03-14", "issued_on": "2025-03-15", "matures_on": "2027-03-15"},
        ),
    ],
)
def test_a_quote_that_is_none_is_refused_by_code(
    command: str, change: dict[str, object], code: str, facts: dict[str, object]
) -> None:
    assert refusal(command, BOND | change) == {"code": code, "facts": facts}


def test_what_is_no_object_is_refused() -> None:
    for command in ("bond-accrued", "bond-price", "bond-yield", "bond-cashflows"):
        assert refusal(command, "[1]")["code"] == "terms-not-an-object"
