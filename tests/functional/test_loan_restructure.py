"""`bxl loan restructure` as a shell sees it: each tool in figures reckoned by hand, each rule on both sides."""

import json
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.loans.simulation.dues import LAWFUL
from contracts.loans.simulation.events import Event, EventType
from contracts.secondchance.model import Route
from contracts.secondchance.proposal import Assumption, Draft, Lender, propose
from contracts.secondchance.tools import Frame, HolidayInterest, Tool, Use
from contracts.terms.exact import half_up
from contracts.terms.schedule import Every, RepaymentKind, Terms
from ledger.errors import Refusal
from tests.commands import run_bxl

TERMS = {
    "principal_cents": 1_000_000,
    "rate_annual": "0.04",
    "starts_on": "2026-03-02",
    "instalments": 20,
    "every": "quarter",
    "kind": "linear",
    "day_count": "30/360",
}
"""500.00 EUR of principal a quarter for five years; the first quarter's interest is 100.00, and 5.00 less each time."""
PLAN = {
    "terms": TERMS,
    "scheme": "proxi.B",
    "route": "voluntary",
    "on": "2027-06-02",
    "events": [
        {"on": on, "type": "repayment", "amount_cents": cents}
        for on, cents in (("2026-06-02", 60_000), ("2026-09-02", 59_500), ("2026-12-02", 59_000))
    ],
    "lenders": [{"id": "ada", "lent_cents": 600_000}, {"id": "bob", "lent_cents": 400_000, "resident": False}],
    "refused": {"recovery_share": "0.30", "months": 18},
    "bankrupt": {"recovery_share": "0.05", "months": 36},
}
"""Two dues of 500.00 are called and unpaid on 2 June 2027, with 85.00 and 80.00 of interest; 8,500.00 are owed."""
HAIRCUT = {"tool": "haircut", "amount_cents": 300_000}


def bxl(*tools, no=False, **changes):
    result = run_bxl("loan", "restructure", given=json.dumps(PLAN | {"tools": list(tools)} | changes))
    assert (result.returncode, result.stderr) == (1 if no else 0, ""), result.stdout[:300]
    return json.loads(result.stdout)["refusal"] if no else json.loads(result.stdout)


def amounts(answer, first, last):
    rows = answer["schedule_after"]["instalments"]
    return [(row["interest_cents"], row["principal_cents"]) for row in rows if first <= row["n"] <= last]


def lender(answer, name):
    return next(each for each in answer["lenders"] if each["id"] == name)


def test_a_waiver_takes_the_oldest_called_interest_away_and_nothing_else():
    answer = bxl({"tool": "waiver", "amount_cents": 10_000})
    assert amounts(answer, 4, 5) == [(0, 50_000), (6_500, 50_000)]
    assert answer["owed"]["waived_cents"] == -answer["owed"]["interest_change_cents"] == 10_000
    assert (lender(answer, "ada")["waived_cents"], lender(answer, "bob")["waived_cents"]) == (6_000, 4_000)
    assert amounts(bxl({"tool": "waiver"}), 4, 5) == [(0, 50_000), (0, 50_000)]


def test_what_is_waived_first_is_not_there_to_be_capitalised():
    answer = bxl({"tool": "waiver", "amount_cents": 10_000}, {"tool": "capitalisation"})
    assert answer["owed"]["capitalised_cents"] == 6_500
    assert answer["owed"]["principal_after_cents"] == 856_500
    assert (lender(answer, "ada")["capitalised_cents"], lender(answer, "bob")["capitalised_cents"]) == (3_900, 2_600)
    wrong = bxl({"tool": "capitalisation"}, {"tool": "waiver"}, no=True)
    assert wrong == {"code": "waiver-after-capitalisation", "facts": {}}


def test_carrying_forward_spreads_called_principal_and_asks_its_interest_with_the_next_instalment():
    answer = bxl({"tool": "carry-forward"})
    assert amounts(answer, 1, 5) == []
    assert amounts(answer, 6, 6) == [(8_500 + 16_500, 56_667)]  # 850,000 over 15 instalments, a quarter at 4 %
    assert sum(principal for _, principal in amounts(answer, 6, 20)) == 850_000


def test_a_holiday_asks_interest_only_or_later_or_makes_it_principal():
    paid = bxl({"tool": "holiday", "periods": 2, "interest": "paid"})
    assert amounts(paid, 6, 8) == [(7_500, 0), (7_500, 0), (7_500, 57_692)]
    deferred = bxl({"tool": "holiday", "periods": 2})
    assert amounts(deferred, 6, 8) == [(0, 0), (0, 0), (22_500, 57_692)]
    capitalised = bxl({"tool": "holiday", "periods": 2, "interest": "capitalised"})
    assert amounts(capitalised, 8, 8) == [(7_651, 58_852)]  # 750,000 + 7,500 + 7,575 over 13 instalments
    assert capitalised["owed"]["capitalised_later_cents"] == 15_075
    assert capitalised["owed"]["principal_after_cents"] == 850_000
    changes = [each["owed"]["interest_change_cents"] for each in (paid, deferred, capitalised)]
    assert changes[0] == changes[1] > 0
    assert changes[2] < changes[0]  # the interest of the holiday is principal then
    assert [each["last_due_on"] for each in (paid, deferred, capitalised)] == ["2031-03-02"] * 3


def test_a_rate_cut_lowers_interest_from_its_day_and_stops_at_half_the_legal_rate_of_the_conclusion():
    assert amounts(bxl({"tool": "rate-cut", "rate_annual": "0.0225"}), 6, 6) == [(4_219, 50_000)]
    below = {"tool": "rate-cut", "rate_annual": "0.0224"}
    assert bxl(below, no=True)["code"] == "rate-cut-needs-reorganisation"
    assert bxl(below, route="judicial")["concession"]
    assert bxl({"tool": "rate-cut", "rate_annual": "0.04"}, no=True)["code"] == "rate-not-lower"


def test_the_term_of_a_proxi_loan_is_extended_in_a_judicial_reorganisation_only():
    longer = {"tool": "extension", "periods": 4}
    assert bxl(longer, no=True) == {
        "code": "extension-needs-reorganisation",
        "facts": {"scheme": "proxi.B", "allowed": "5, 8"},
    }
    assert bxl(longer, no=True, route="amicable")["code"] == "extension-needs-reorganisation"
    answer = bxl(longer, route="judicial")
    assert answer["last_due_on"] == "2032-03-02"
    assert {"code": "change-registered-at-fund"} in answer["notes"]
    assert bxl(longer, scheme=None)["last_due_on"] == "2032-03-02"


def test_another_scheme_lets_the_term_grow_within_its_own_terms():
    winwin = {"scheme": "winwin"}
    assert bxl({"tool": "extension", "periods": 4}, **winwin)["last_due_on"] == "2032-03-02"
    assert bxl({"tool": "extension", "periods": 3}, no=True, **winwin)["code"] == "term-not-allowed"
    assert bxl({"tool": "extension", "periods": 24}, no=True, **winwin)["code"] == "term-not-allowed"


def test_a_plan_of_a_court_ends_within_five_years():
    assert bxl({"tool": "extension", "periods": 5}, route="judicial")["last_due_on"] == "2032-06-02"
    over = bxl({"tool": "extension", "periods": 6}, no=True, route="judicial")
    assert over["code"] == "plan-too-long"
    assert over["facts"]["latest_on"] == "2032-06-02"
    a_day_over = bxl({"tool": "extension", "periods": 5}, no=True, route="judicial", on="2027-06-01")
    assert (a_day_over["code"], a_day_over["facts"]["latest_on"]) == ("plan-too-long", "2032-06-01")


def test_a_haircut_takes_called_principal_first_and_leaves_each_creditor_a_fifth():
    answer = bxl(HAIRCUT)
    assert answer["owed"]["principal_after_cents"] == 550_000
    assert amounts(answer, 4, 6) == [(8_500, 0), (8_000, 0), (5_500, 36_667)]
    assert answer["distressed"]
    assert {"code": "haircut-without-tax-relief"} in answer["notes"]
    most = {"tool": "haircut", "amount_cents": 680_000}
    assert bxl(most)["below_minimum"] == []
    more = {"tool": "haircut", "amount_cents": 680_085}  # 19.99 % are left
    below = bxl(more, no=True)
    assert below["code"] == "creditor-below-minimum"
    assert below["facts"]["minimum_percent"] == "20"
    assert bxl(more, compelling_reasons="the workshop burnt down")["below_minimum"] == ["ada", "bob"]


def test_what_becomes_shares_does_not_count_as_paid():
    shares = {"tool": "participation", "amount_cents": 680_000}
    answer = bxl(shares)
    assert answer["owed"]["converted_cents"] == 680_000
    assert {"code": "shares-not-counted-as-paid"} in answer["notes"]
    one_more = {"tool": "participation", "amount_cents": 680_001}
    assert bxl(one_more, no=True)["code"] == "creditor-below-minimum"
    all_of_it = bxl({"tool": "waiver"}, {"tool": "participation"}, compelling_reasons="all lenders become members")
    assert all_of_it["schedule_after"]["instalments"] == []


def test_capitalised_interest_uses_up_the_borrowers_cap():
    made = {"tool": "capitalisation"}
    assert bxl(made, borrower_outstanding_cents=24_983_500)["owed"]["capitalised_cents"] == 16_500
    over = bxl(made, no=True, borrower_outstanding_cents=24_983_501)
    assert (over["code"], over["facts"]["left_cents"]) == ("borrower-cap-exceeded", 16_499)


def test_rank_and_better_fortune_change_no_instalment():
    answer = bxl(HAIRCUT, {"tool": "better-fortune", "expires_on": "2031-01-01"})
    assert answer["schedule_after"] == bxl(HAIRCUT)["schedule_after"]
    rank = bxl({"tool": "subordination"})
    assert rank["schedule_after"] == rank["schedule_before"]
    assert (rank["concession"], rank["distressed"], rank["present_value_lost"]) == (False, False, "0.000000")
    assert {"code": "already-subordinated"} in rank["notes"]


def test_a_haircut_of_a_court_brings_tax_credit_once_it_is_final_and_a_gift_brings_none():
    clause = {"tool": "better-fortune", "expires_on": "2031-06-30"}
    court = bxl(HAIRCUT, clause, route="judicial")
    gift = bxl(HAIRCUT)
    ada = lender(court, "ada")
    # of 1,800.00 cut 30 % are 540.00; besides, what was cut stays in the base of the yearly credit until the end
    assert ada["after"]["tax_credit_cents"] - lender(gift, "ada")["after"]["tax_credit_cents"] > 54_000
    assert lender(court, "bob")["after"]["tax_credit_cents"] == 0
    assert {"code": "haircut-without-tax-relief"} not in court["notes"]


def test_the_yearly_credits_go_on_with_what_is_still_owed():
    ada = lender(bxl({"tool": "subordination"}), "ada")
    # of 6,000.00 lent 5,100.00 are owed; at year ends 5,100 → 3,900 (arrears paid), 2,700, 1,500, 300
    means = [(Fraction(510_000 + 390_000, 2), "0.04"), (Fraction(390_000 + 270_000, 2), "0.04")]
    means += [(Fraction(270_000 + 150_000, 2), "0.025"), (Fraction(150_000 + 30_000, 2), "0.025"), (15_000, "0.025")]
    assert ada["before"]["tax_credit_cents"] == sum(mean * Fraction(Decimal(rate)) for mean, rate in means)
    assert ada["before"] == ada["after"]


def test_claims_that_are_given_are_taken_as_they_are():
    given = [each | {"claim_cents": cents} for each, cents in zip(PLAN["lenders"], (510_001, 339_999), strict=True)]
    answer = bxl(HAIRCUT, lenders=given)
    assert [lender(answer, name)["claim_cents"] for name in ("ada", "bob")] == [510_001, 339_999]


def test_refusal_and_bankruptcy_are_shown_beside_the_plan():
    ada = lender(bxl(HAIRCUT), "ada")
    owed = 850_000 + 16_500
    assert ada["refused"]["total_cents"] == half_up(owed * Fraction(3, 10) * Fraction(6, 10))
    assert ada["bankrupt"]["total_cents"] == half_up(owed * Fraction(5, 100) * Fraction(6, 10))
    lost = 510_000 - ada["bankrupt"]["principal_cents"]
    assert ada["bankrupt"]["tax_credit_cents"] == half_up(lost * Fraction(3, 10))
    assert ada["refused"]["tax_credit_cents"] == 0
    assert ada["bankrupt"]["present_value_cents"] < ada["bankrupt"]["total_cents"]
    assert lender(bxl(HAIRCUT, exemplary=True), "ada")["bankrupt"]["tax_credit_cents"] == half_up(Fraction(lost, 2))


def test_more_than_one_per_cent_of_present_value_lost_is_a_distressed_restructuring():
    answer = bxl({"tool": "waiver", "amount_cents": 8_600}, discount_rate="0.04")
    assert Decimal(answer["present_value_lost"]) <= Decimal("0.01")
    assert not answer["distressed"]
    answer = bxl({"tool": "waiver", "amount_cents": 8_700}, discount_rate="0.04")
    assert Decimal(answer["present_value_lost"]) > Decimal("0.01")
    assert answer["distressed"]


@pytest.mark.parametrize(
    ("tools", "changes", "code"),
    [
        ([], {}, "plan-without-tools"),
        ([HAIRCUT, HAIRCUT], {}, "tool-repeated"),
        ([{"tool": "better-fortune", "expires_on": "2031-01-01"}], {}, "better-fortune-without-haircut"),
        ([HAIRCUT, {"tool": "better-fortune"}], {}, "better-fortune-without-expiry"),
        ([HAIRCUT, {"tool": "better-fortune", "expires_on": "2027-06-02"}], {}, "better-fortune-without-expiry"),
        ([{"tool": "capitalisation", "amount_cents": 16_501}], {}, "capitalisation-exceeds-due"),
        ([{"tool": "capitalisation"}], {"on": "2026-12-01"}, "event-out-of-place"),
        ([{"tool": "waiver", "amount_cents": 16_501}], {}, "waiver-exceeds-due"),
        ([{"tool": "haircut", "amount_cents": 850_001}], {}, "write-off-exceeds-exposure"),
        ([{"tool": "holiday", "periods": 15}], {}, "grace-too-long"),
        ([HAIRCUT], {"lenders": PLAN["lenders"][:1]}, "lenders-differ-from-loan"),
        ([HAIRCUT], {"lenders": PLAN["lenders"][:1] * 2}, "terms-field-malformed"),
        (
            [HAIRCUT],
            {"lenders": [each | {"claim_cents": 424_999} for each in PLAN["lenders"]]},
            "claims-differ-from-debt",
        ),
        ([HAIRCUT], {"events": [{"on": "2026-03-10", "type": "prepayment"}]}, "plan-without-debt"),
        ([HAIRCUT], {"scheme": "proxi.Z"}, "scheme-unknown"),
        ([HAIRCUT], {"route": "magic"}, "terms-field-malformed"),
        ([HAIRCUT | {"colour": "red"}], {}, "terms-field-unknown"),
        ([{"tool": "rate-cut", "rate_annual": "1.5"}], {}, "rate-out-of-range"),
        ([HAIRCUT], {"discount_rate": "2"}, "rate-out-of-range"),
        ([HAIRCUT], {"refused": {"recovery_share": "1.01", "months": 1}}, "terms-field-malformed"),
        ([HAIRCUT], {"refused": {"recovery_share": "1", "months": -1}}, "terms-field-malformed"),
    ],
)
def test_what_is_no_plan_is_refused_by_its_code(tools, changes, code):
    assert bxl(*tools, no=True, **changes)["code"] == code


USES = st.lists(
    st.one_of(
        st.builds(Use, tool=st.just(Tool.WAIVER), amount_cents=st.integers(1, 8_000)),
        st.builds(Use, tool=st.just(Tool.CAPITALISATION), amount_cents=st.one_of(st.none(), st.integers(1, 8_000))),
        st.builds(Use, tool=st.just(Tool.CARRY_FORWARD)),
        st.builds(
            Use, tool=st.just(Tool.HOLIDAY), periods=st.integers(1, 8), interest=st.sampled_from(HolidayInterest)
        ),
        st.builds(Use, tool=st.just(Tool.EXTENSION), periods=st.integers(1, 12)),
        st.builds(Use, tool=st.just(Tool.RATE_CUT), rate_annual=st.sampled_from([Decimal(0), Decimal("0.0135")])),
        st.builds(Use, tool=st.just(Tool.HAIRCUT), amount_cents=st.integers(1, 400_000)),
        st.builds(Use, tool=st.just(Tool.PARTICIPATION), amount_cents=st.integers(1, 400_000)),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda use: use.tool,
)


@settings(max_examples=60, deadline=None)
@given(
    uses=USES,
    lent=st.lists(st.integers(1, 400_000), min_size=1, max_size=7),
    kind=st.sampled_from(RepaymentKind),
    on=st.dates(date(2026, 6, 3), date(2030, 12, 31)),
    paid=st.integers(1, 300_000),
)
def test_whatever_the_plan_nothing_is_lost_between_the_lenders_and_the_loan(uses, lent, kind, on, paid):
    terms = Terms(sum(lent), Decimal("0.04"), date(2026, 3, 2), date(2026, 6, 2), 20, Every.QUARTER, kind)
    frame = Frame(terms=terms, scheme=None, route=Route.VOLUNTARY, on=on, borrower_outstanding_cents=0)
    event = Event(event_id="paid", on=date(2026, 6, 2), kind=EventType.REPAYMENT, amount_cents=paid)
    draft = Draft(
        frame=frame,
        order=LAWFUL,
        events=(event,),
        uses=tuple(uses),
        lenders=tuple(Lender(f"c{n}", cents) for n, cents in enumerate(lent)),
        refused=Assumption(Decimal("0.3"), 18),
        bankrupt=Assumption(Decimal("0.05"), 36),
        reasons="tried",
    )
    try:
        found = propose(draft)
    except Refusal:
        return
    changed, cases = found.changed, found.lenders
    assert sum(case.claim_cents for case in cases) == changed.before.principal_cents
    for name in ("waived_cents", "capitalised_cents", "cut_cents", "converted_cents"):
        assert sum(getattr(case, name) for case in cases) == getattr(changed, name)
    for owed, name in ((changed.before, "before"), (changed.after, "after")):
        outcomes = [getattr(case, name) for case in cases]
        assert sum(each.principal_cents for each in outcomes) == sum(row.principal_cents for row in owed.rows)
        assert sum(each.interest_cents for each in outcomes) == sum(row.interest_cents for row in owed.rows)
    assert changed.after.principal_cents + changed.later_cents == sum(case.after.principal_cents for case in cases)
