"""Terms of a series: what each template holds, what is read and written the same, and what makes no issue."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from contracts.bonds.accrual import coupon, coupon_accruing, redemption
from contracts.bonds.model import (
    AllotmentRule,
    CallTerms,
    CouponStep,
    GreenLabel,
    MeetingRules,
    Placement,
    PutTerms,
    SeriesTerms,
    check_terms,
)
from contracts.bonds.service import offer_draft
from contracts.bonds.terms import body_of, from_template, templates, terms_of
from contracts.schemes.withholding import TaxStatus
from ledger.errors import Refusal

TEXTS = {"fr": "Un toit.", "nl": "Een dak.", "en": "A roof."}
STATED = {
    "issuer": "e1",
    "title": "Un toit",
    "commune": "Ixelles",
    "pitch": TEXTS,
    "use_of_funds": TEXTS,
    "risks": TEXTS,
    "units": 1_000,
    "minimum_units": 100,
    "ceiling_units": 1_500,
    "coupons": [{"from_n": 1, "rate_annual": "0.033"}],
    "opens_on": "2026-03-02",
    "closes_on": "2026-03-20",
    "issued_on": "2026-04-01",
    "matures_on": "2028-04-01",
    "residents": "Ixelles",
}


def terms(template: str = "etterbeek", **changes: object) -> SeriesTerms:
    return from_template(template, **(STATED | changes))


@pytest.mark.parametrize("name", templates())
def test_a_template_makes_terms_that_are_read_as_they_were_written(name: str) -> None:
    made = terms(name)
    check_terms(made)
    assert terms_of(body_of(made)) == made
    offer = offer_draft("n1", made)
    assert offer.units is not None
    assert offer.maximum_cents == 1_500 * made.nominal_cents
    assert offer.pledge_maximum_cents == (500_000 if name == "etterbeek" else None)
    assert offer.units.of_public_body == (name != "cooperative")


def test_terms_that_were_kept_before_projects_and_meetings_of_classes_are_read_with_their_defaults() -> None:
    made = terms()
    body = {name: value for name, value in body_of(made).items() if name not in {"proceeds", "reductions"}}
    meeting = body["meeting"]
    assert isinstance(meeting, dict)
    body["meeting"] = {name: value for name, value in meeting.items() if name != "by_class"}
    assert terms_of(body) == made


def test_every_field_can_be_stated() -> None:
    made = replace(
        terms(),
        coupons=(CouponStep(1, Decimal("0.02")), CouponStep(3, Decimal("0.03"))),
        call=CallTerms(date(2027, 4, 1)),
        put=PutTerms((date(2027, 10, 1),)),
        green=GreenLabel("EuGB", "A reviewer", "a" * 64),
        meeting=MeetingRules(majority=Decimal("0.6")),
        tax_status=TaxStatus.STATE_NOTE_2023,
        placement=Placement.PRIVATE,
        priority_until_on=date(2026, 3, 6),
        first_coupon_on=date(2026, 10, 1),
        allotment=AllotmentRule.LOTTERY,
        lottery_seed_sha256="b" * 64,
    )
    check_terms(made)
    assert terms_of(body_of(made)) == made
    assert [made.rate(n, resident=False) for n in (1, 2, 3, 4)] == [Fraction(2, 100)] * 2 + [Fraction(3, 100)] * 2
    assert made.rate(3, resident=True) == Fraction(35, 1000)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"minimum_units": 0}, "series-sizes-inconsistent"),
        ({"minimum_units": 1_001}, "series-sizes-inconsistent"),
        ({"ceiling_units": 999}, "series-sizes-inconsistent"),
        ({"cap_units": 1, "smallest_units": 2}, "series-sizes-inconsistent"),
        ({"price_percent": "99.9999"}, "series-price-not-whole-cents"),
        ({"price_percent": "0"}, "series-price-not-whole-cents"),
        ({"allotment": "lottery"}, "lottery-seed-missing"),
        ({"coupons": []}, "series-coupons-malformed"),
        ({"coupons": [{"from_n": 2, "rate_annual": "0.03"}]}, "series-coupons-malformed"),
        ({"coupons": [{"from_n": 1, "rate_annual": "0.03"}, {"from_n": 5, "rate_annual": "0.04"}]}, "coupon-not-known"),
        ({"coupons": [{"from_n": 1, "rate_annual": "1.03"}]}, "rate-out-of-range"),
        ({"residents": ""}, "series-residents-not-named"),
        ({"residents": "Jette", "priority_until_on": "2026-03-05"}, "series-residents-not-named"),
        ({"closes_on": "2026-03-25"}, "series-dates-inconsistent"),
        ({"payment_days": -1}, "series-dates-inconsistent"),
        ({"opens_on": "2026-03-21"}, "series-dates-inconsistent"),
        ({"record_days": 0}, "series-record-date-unusable"),
        ({"record_days": 500}, "series-record-date-unusable"),
        ({"call": {"first_on": "2028-04-01", "notice_days": 15, "price_percent": "100", "draw": "lottery"}},
         "redemption-day-unusable"),
        ({"put": {"days": ["2026-04-01"], "notice_days": 15, "price_percent": "100"}}, "redemption-day-unusable"),
        ({"put": {"days": ["2027-04-01"], "notice_days": -1, "price_percent": "100"}}, "redemption-notice-unusable"),
        ({"put": {"days": ["2027-04-01"], "notice_days": 15, "price_percent": "99.9999"}},
         "series-price-not-whole-cents"),
        ({"green": {"standard": "EuGB", "reviewer": "", "factsheet_sha256": ""}}, "series-label-incomplete"),
        ({"risks": {"fr": "Un toit."}}, "offer-text-missing"),
        ({"matures_on": "2026-04-01"}, "period-ends-before-it-starts"),
    ],
)  # fmt: skip
def test_terms_that_make_no_issue_are_refused(changes: dict[str, object], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_terms(terms(**changes))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("template", "changes", "code"),
    [
        ("perpetual", {}, "series-template-unknown"),
        ("etterbeek", {"colour": "green"}, "series-field-unknown"),
        ("etterbeek", {"units": "1000"}, "series-field-malformed"),
        ("etterbeek", {"units": True}, "series-field-malformed"),
        ("etterbeek", {"resident_margin": 0.005}, "series-field-malformed"),
        ("etterbeek", {"opens_on": "soon"}, "series-field-malformed"),
        ("etterbeek", {"day_count": "lunar"}, "series-field-malformed"),
        ("etterbeek", {"call": {"first_on": "2027-04-01"}}, "series-field-malformed"),
        ("etterbeek", {"meeting": {"majority": "0.5"}}, "series-field-malformed"),
        ("etterbeek", {"issuer": None}, "series-field-malformed"),
    ],
)
def test_what_is_stated_in_another_form_is_refused(template: str, changes: dict[str, object], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        terms(template, **changes)
    assert refused.value.code == code


def test_a_frequency_that_no_offer_has_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        offer_draft("n1", terms(months=4))
    assert refused.value == Refusal("series-frequency-unknown", months=4)


def test_the_issuer_pays_the_exact_total_and_never_less_than_the_holders_cents() -> None:
    made = terms(nominal_cents=500, months=12, residents="", resident_margin="0", cap_units=None)
    # 3.3 % of 5.00 EUR is 16.5 cents a unit
    many = coupon(made, 1, {f"c{n:02}": 1 for n in range(3)}, frozenset())
    assert [line.interest_cents for line in many.lines] == [17, 17, 17]  # 49.5 exactly: the cents are more
    assert (many.interest_cents, many.rounding_cents) == (51, 0)
    cheap = terms(
        nominal_cents=500,
        months=12,
        residents="",
        resident_margin="0",
        coupons=[{"from_n": 1, "rate_annual": "0.0328"}],
    )
    few = coupon(cheap, 1, {"c1": 1, "c2": 1}, frozenset())
    assert [line.interest_cents for line in few.lines] == [16, 16]  # 32.8 exactly: the issuer pays 33
    assert (few.interest_cents, few.rounding_cents) == (32, 1)


def test_early_redemption_pays_what_has_accrued_and_nothing_on_a_coupons_own_day() -> None:
    made = terms()
    assert coupon_accruing(made, date(2026, 10, 1)) == 0
    middle = date(2026, 7, 1)
    assert coupon_accruing(made, middle) == 1
    reckoned = redemption(made, {"c1": 5}, {"c1": 2}, frozenset(), on=middle, price_percent=Fraction(101))
    [line] = reckoned.lines
    assert (line.units, line.redeemed_units, line.principal_cents) == (5, 2, 202_000)
    assert line.interest_cents == 1_641  # 2 x 1,000 x 3.3 % / 2 x 91/183 = 16.41
    on_the_day = redemption(made, {"c1": 5}, {"c1": 2}, frozenset(), on=date(2026, 10, 1))
    assert on_the_day.interest_cents == 0


def test_the_record_date_counts_days_of_target() -> None:
    made = terms(record_days=2)
    assert made.record_on(date(2026, 4, 7)) == date(2026, 4, 1)  # Good Friday and Easter Monday are closed
    assert made.period(1).paid_on == date(2026, 10, 1)
    assert made.issued_on - timedelta(days=1) == date(2026, 3, 31)
