"""Dated rules: what is known, what is refused, and that a malformed file never gets in."""

from datetime import date
from decimal import Decimal

import pytest

from contracts.schemes.ecspr import reflection_ends_on, reflection_is_over, warning_threshold_cents
from contracts.schemes.rules import RuleStatus, load, rule, rules_of, schemes
from contracts.schemes.withholding import HolderKind, TaxStatus, net_rate_annual, withholding
from ledger.errors import InvariantError, Refusal

ROW = """
[[rule]]
param = "cap"
value = {value}
unit = "cents"
anchor = "{anchor}"
source = "a source"
confidence = "high"
status = "{status}"
valid_from = {valid_from}
{more}
"""


def file_of(*rows: dict[str, str], scheme: str = 'scheme = "test"') -> str:
    usual = {"value": "1", "anchor": "conclusion", "status": "confirmed", "valid_from": "2026-01-01", "more": ""}
    return scheme + "".join(ROW.format(**(usual | row)) for row in rows)


@pytest.mark.parametrize(
    ("year", "rate", "status"),
    [
        (2020, "0.0175", "confirmed"),
        (2021, "0.0175", "provisional"),
        (2022, "0.0150", "confirmed"),
        (2023, "0.0525", "confirmed"),
        (2024, "0.0575", "confirmed"),
        (2025, "0.0450", "provisional"),
        (2026, "0.0450", "provisional"),
    ],
)
def test_the_legal_rate_of_each_year_holds_from_its_first_to_its_last_day(year: int, rate: str, status: str) -> None:
    for on in (date(year, 1, 1), date(year, 12, 31)):
        row = rule("BE", "legal_rate", on)
        assert row.decimal() == Decimal(rate)
        assert row.status is RuleStatus(status)


@pytest.mark.parametrize("on", [date(2019, 12, 31), date(2027, 1, 1)])
def test_a_year_without_a_published_rate_is_refused_and_nothing_is_carried_over(on: date) -> None:
    with pytest.raises(Refusal) as refused:
        rule("BE", "legal_rate", on)
    assert refused.value == Refusal("no-rule-for-date", scheme="BE", param="legal_rate", wanted_on=on.isoformat())


def test_every_row_of_the_scheme_says_that_it_is_provisional() -> None:
    rows = rules_of("proxi.B", date(2026, 3, 2))
    assert {row.status for row in rows} == {RuleStatus.PROVISIONAL}
    assert "proxi.B/lender_flow_cap_cents@2024-03-01" in {row.id for row in rows}
    assert all(row.source for row in rows)


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        rules_of("proxi.Z", date(2026, 3, 2))
    assert refused.value == Refusal("scheme-unknown", scheme="proxi.Z", known=schemes())


def test_rows_that_meet_do_not_overlap_and_the_later_begins_on_the_border() -> None:
    earlier = {"value": "1", "more": "valid_to = 2026-07-01"}
    rows = load([file_of(earlier, {"value": "2", "valid_from": "2026-07-01"})])["test", "cap"]
    assert [row.value for row in rows if row.covers(date(2026, 6, 30))] == [1]
    assert [row.value for row in rows if row.covers(date(2026, 7, 1))] == [2]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (file_of({}, {"valid_from": "2026-06-01"}), "overlap"),
        (file_of({"more": "valid_to = 2026-07-01"}, {"valid_from": "2026-06-30"}), "overlap"),
        (file_of({"more": "valid_to = 2026-01-01"}), "ends before it begins"),
        (file_of({"more": "valid_to = 2026-07-01T00:00:00"}), "dates"),
        (file_of({"valid_from": '"2026-01-01"'}), "dates"),
        (file_of({"value": '"50000"'}), "number or a set"),
        (file_of({"value": "true"}), "number or a set"),
        (file_of({"value": "nan"}), "number or a set"),
        (file_of({"value": "[5, 5]"}), "number or a set"),
        (file_of({"value": "[]"}), "number or a set"),
        (file_of({"anchor": "someday"}), "someday"),
        (file_of({"status": "perhaps"}), "perhaps"),
        (file_of({"more": 'note = "x"'}), "note"),
        (file_of({}).replace('source = "a source"', ""), "source"),
        (file_of({}).replace('source = "a source"', 'source = ""'), "source"),
        (file_of({}, scheme="title = 1"), "scheme"),
    ],
)
def test_a_malformed_file_does_not_load(text: str, complaint: str) -> None:
    with pytest.raises(InvariantError, match=complaint):
        load([text])


def test_a_rule_read_as_another_kind_of_value_is_a_defect() -> None:
    number, fraction = (
        rule("ECSPR", "reflection_calendar_days", date(2026, 1, 1)),
        rule("BE", "legal_rate", date(2026, 1, 1)),
    )
    for read in (number.decimal, number.members, fraction.integer):
        with pytest.raises(InvariantError):
            read()


def test_thirty_per_cent_is_withheld_half_up_to_the_cent() -> None:
    kept = withholding(5, HolderKind.RESIDENT_INDIVIDUAL, date(2026, 6, 1))  # 1.5 cents
    assert (kept.tax_cents, kept.net_cents) == (2, 3)
    assert kept.rule.is_provisional


@pytest.mark.parametrize("kind", HolderKind)
def test_a_holder_kind_without_a_rule_on_the_date_is_refused(kind: HolderKind) -> None:
    with pytest.raises(Refusal) as refused:
        withholding(100, kind, date(2016, 12, 31))
    assert refused.value.code == "no-rule-for-date"


@pytest.mark.parametrize(
    ("kind", "cents"),
    [
        (HolderKind.RESIDENT_INDIVIDUAL, 15),
        (HolderKind.NON_RESIDENT_INDIVIDUAL, 15),
        (HolderKind.LEGAL_PERSON, 30),
        (HolderKind.EXEMPT, 0),
    ],
)
def test_the_state_note_of_2023_is_taxed_at_its_own_rate_for_individuals(kind: HolderKind, cents: int) -> None:
    paid_on = date(2024, 9, 4)
    assert withholding(100, kind, paid_on, TaxStatus.STATE_NOTE_2023).tax_cents == cents
    assert withholding(100, HolderKind.RESIDENT_INDIVIDUAL, paid_on).tax_cents == 30


def test_the_net_rate_follows_from_the_rule_of_the_date() -> None:
    rate, row = net_rate_annual(Decimal("0.04"), HolderKind.RESIDENT_INDIVIDUAL, date(2026, 6, 1))
    assert rate == Decimal("0.028")
    assert row.id == "BE/withholding_resident_individual@2017-01-01"


def test_the_reflection_period_ends_with_the_fourth_calendar_day() -> None:
    assert reflection_ends_on(date(2026, 2, 26)) == date(2026, 3, 2)  # over the end of February and a weekend
    assert not reflection_is_over(date(2026, 2, 26), date(2026, 3, 2))
    assert reflection_is_over(date(2026, 2, 26), date(2026, 3, 3))


def test_before_the_regulation_applied_no_reflection_period_is_known() -> None:
    with pytest.raises(Refusal) as refused:
        reflection_ends_on(date(2021, 11, 9))
    assert refused.value.code == "no-rule-for-date"


def test_the_warning_threshold_is_the_higher_of_the_amount_and_half_the_bearable_loss() -> None:
    on = date(2026, 3, 2)
    assert warning_threshold_cents(on) == 100_000
    assert warning_threshold_cents(on, 150_000) == 100_000
    assert warning_threshold_cents(on, 1_000_000) == 500_000
