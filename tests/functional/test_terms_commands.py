"""`bxl scheme show` and `bxl terms schedule` as a shell sees them."""

import json
import subprocess

import pytest

from tests.commands import run_bxl

TERMS = {
    "principal_cents": 100_000,
    "rate_annual": "0.04",
    "starts_on": "2026-03-02",
    "instalments": 5,
    "every": "year",
    "kind": "annuity",
}


def bxl(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return run_bxl(*arguments, given=given)


def refusal_of(result: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert result.returncode == 1
    assert result.stderr == ""
    return json.loads(result.stdout)["refusal"]


def test_terms_in_json_give_a_schedule_in_json() -> None:
    result = bxl("terms", "schedule", given=json.dumps(TERMS))
    assert result.returncode == 0, result.stderr
    plan = json.loads(result.stdout)
    assert plan["instalments"][4] == {
        "due_on": "2031-03-02",
        "n": 5,
        "days": 360,
        "interest_cents": 864,
        "principal_cents": 21_597,
        "total_cents": 22_461,
        "outstanding_cents": 0,
    }
    assert plan["totals"] == {"interest_cents": 12_313, "principal_cents": 100_000, "total_cents": 112_313}
    assert plan["taeg"] == "0.039999"  # the last total is two cents lower


def malformed(field: str, expected: str) -> dict[str, object]:
    return {"code": "terms-field-malformed", "facts": {"field": field, "expected": expected}}


EVERY = "month, quarter, half-year, year, week, two-weeks, 15-days"
NO_OBJECT = {"code": "terms-not-an-object", "facts": {"limit": 1_000_000}}


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (json.dumps(TERMS | {"colour": "red"}), {"code": "terms-field-unknown", "facts": {"field": "colour"}}),
        (
            json.dumps({name: value for name, value in TERMS.items() if name != "kind"}),
            {"code": "terms-field-missing", "facts": {"field": "kind"}},
        ),
        (json.dumps(TERMS | {"rate_annual": 0.04}), malformed("rate_annual", 'a fraction as text, such as "0.035"')),
        (json.dumps(TERMS | {"principal_cents": 10.5}), malformed("principal_cents", "a whole number of cents")),
        (json.dumps(TERMS | {"principal_cents": True}), malformed("principal_cents", "a whole number of cents")),
        (json.dumps(TERMS | {"starts_on": "2026-02-30"}), malformed("starts_on", "a date such as 2026-03-02")),
        (json.dumps(TERMS | {"every": "day"}), malformed("every", EVERY)),
        ("[1]", NO_OBJECT),
        ('{"kind": 1, "kind": 2}', NO_OBJECT),
        ("not JSON", NO_OBJECT),
        (
            json.dumps(TERMS | {"principal_cents": 0}),
            {"code": "principal-out-of-range", "facts": {"principal_cents": 0}},
        ),
    ],
)
def test_bad_terms_are_refused_as_json_with_exit_code_one(given: str, refusal: dict[str, object]) -> None:
    assert refusal_of(bxl("terms", "schedule", given=given)) == refusal


def test_a_schedule_names_its_formula_and_takes_every_option() -> None:
    options = {
        "rate_convention": "effective",
        "day_count": "ACT/365F",
        "principal_grace": 1,
        "interest_grace": 1,
        "roll": "modified-following",
        "adjusted": False,
        "unit_cents": 100,
        "charges_cents": 500,
        "disbursements": [{"on": "2026-03-02", "amount_cents": 60_000}, {"on": "2026-09-02", "amount_cents": 40_000}],
        "rate_changes": [{"on": "2028-03-02", "rate_annual": "0.03"}],
    }
    result = bxl("terms", "schedule", given=json.dumps(TERMS | options))
    assert result.returncode == 0, result.stderr
    plan = json.loads(result.stdout)
    assert plan["formula"].startswith("interest = outstanding x i, rounded half up; i = (1 + r)^(1/1) - 1")
    assert plan["totals"]["principal_cents"] == 100_000
    assert plan["instalments"][0]["total_cents"] == 0
    assert plan["instalments"][1]["due_on"] == "2028-03-02"


def test_options_are_as_strict_as_the_rest_and_name_the_place() -> None:
    parts = [{"on": "2026-03-02", "amount_cents": 100_000, "note": "x"}]
    assert refusal_of(bxl("terms", "schedule", given=json.dumps(TERMS | {"disbursements": parts}))) == {
        "code": "terms-field-unknown",
        "facts": {"field": "disbursements[0].note"},
    }
    assert refusal_of(bxl("terms", "schedule", given=json.dumps(TERMS | {"disbursements": [1]}))) == malformed(
        "disbursements[0]", "an object"
    )
    assert refusal_of(bxl("terms", "schedule", given=json.dumps(TERMS | {"rate_annual": "0.0_4"}))) == malformed(
        "rate_annual", 'a fraction as text, such as "0.035"'
    )


SPAN = {"start": "2025-03-15", "end": "2025-06-01"}
COUPON = {"period_start": "2025-03-15", "period_end": "2025-09-15", "frequency": 2}


@pytest.mark.parametrize(
    ("given", "counted", "fraction"),
    [
        ({"convention": "30E/360"}, 76, "0.211111111111111111"),
        ({"convention": "ACT/360"}, 78, "0.216666666666666667"),
        ({"convention": "ACT/ACT ICMA"} | COUPON, 78, "0.211956521739130435"),
        ({"convention": "30E/360 ISDA", "end": "2026-02-28", "matures_on": "2026-02-28"}, 343, "0.952777777777777778"),
        ({"convention": "ACT/365F", "end": "2025-03-15"}, 0, "0.000000000000000000"),
    ],
)
def test_a_fraction_of_a_year_has_eighteen_decimals(given: dict[str, object], counted: int, fraction: str) -> None:
    result = bxl("terms", "year-fraction", given=json.dumps(SPAN | given))
    assert json.loads(result.stdout) == {"days": counted, "fraction": fraction}


def test_the_long_last_period_of_a_bond_at_the_ends_of_months_is_said_to_be_the_last() -> None:
    """ISDA's published example: 91/364 + 61/368."""
    period = {"period_start": "1999-11-30", "period_end": "2000-04-30", "frequency": 4, "end_of_month": True}
    span = {"convention": "ACT/ACT ICMA", "start": "1999-11-30", "end": "2000-04-30", "irregular": "last"}
    result = bxl("terms", "year-fraction", given=json.dumps(span | period))
    assert json.loads(result.stdout) == {"days": 152, "fraction": "0.415760869565217391"}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"convention": "ACT/ACT"}, "terms-field-malformed"),
        ({"convention": "ACT/360", "end": "2025-03-14"}, "period-ends-before-it-starts"),
        ({"convention": "ACT/ACT ICMA"}, "icma-period-missing"),
        ({"convention": "ACT/ACT ICMA", "frequency": 2}, "icma-period-missing"),
        ({"convention": "ACT/ACT ICMA"} | COUPON | {"frequency": 5}, "terms-field-malformed"),
        ({"convention": "ACT/ACT ICMA"} | COUPON | {"period_end": "2025-03-15"}, "period-ends-before-it-starts"),
        ({"convention": "ACT/360", "start": "0001-01-01"}, "terms-field-malformed"),
        ({"convention": "ACT/360", "from": "2025-01-01"}, "terms-field-unknown"),
    ],
)
def test_a_fraction_that_can_not_be_counted_is_refused(given: dict[str, object], code: str) -> None:
    assert refusal_of(bxl("terms", "year-fraction", given=json.dumps(SPAN | given)))["code"] == code


def test_the_rows_of_a_scheme_are_shown_with_source_and_status() -> None:
    result = bxl("scheme", "show", "proxi.B", "--on", "2026-03-02")
    assert result.returncode == 0, result.stderr
    assert "lender_flow_cap_cents" in result.stdout
    assert "provisional, confidence high" in result.stdout
    assert "numac 2023041246" in result.stdout


def test_the_rows_of_a_scheme_in_json_hold_decimals_as_text_and_sets_as_arrays() -> None:
    result = bxl("scheme", "show", "BE", "--on", "2026-03-02", "--json")
    rows = {row["param"]: row for row in json.loads(result.stdout)}
    assert rows["legal_rate"] == {
        "id": "BE/legal_rate@2026-01-01",
        "scheme": "BE",
        "param": "legal_rate",
        "value": "0.0450",
        "unit": "fraction-a-year",
        "anchor": "conclusion",
        "source": rows["legal_rate"]["source"],
        "confidence": "medium",
        "status": "provisional",
        "valid_from": "2026-01-01",
        "valid_to": "2027-01-01",
    }
    terms = json.loads(bxl("scheme", "show", "proxi.B", "--on", "2026-03-02", "--json").stdout)
    assert [5, 8] in [row["value"] for row in terms]


def test_a_date_before_the_scheme_and_an_unknown_scheme_are_refused() -> None:
    early = refusal_of(bxl("scheme", "show", "proxi.B", "--on", "2024-02-29", "--json"))
    assert early["code"] == "no-rule-for-date"
    unknown = bxl("scheme", "show", "proxi.Z", "--on", "2026-03-02")
    assert unknown.returncode == 1
    known = "BE, BE-XX, EBA, ECSPR, coup-de-pouce, programme, proxi.A, proxi.B, winwin"
    assert unknown.stderr == f"There is no scheme proxi.Z. Known schemes: {known}.\n"


def test_a_wrong_use_exits_three() -> None:
    assert bxl("scheme", "show", "proxi.B").returncode == 3
    assert bxl("scheme", "show", "proxi.B", "--on", "soon").returncode == 3
