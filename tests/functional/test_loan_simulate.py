"""`bxl loan simulate` as a shell sees it: each event, in figures one can reckon by hand, and every refusal."""

import json
from datetime import date

import pytest

from contracts.loans.simulation.dues import LAWFUL
from contracts.loans.simulation.events import Event, EventType
from contracts.loans.simulation.simulate import simulate
from contracts.terms.schedule import Every, RepaymentKind, Terms
from ledger import balances
from tests.commands import run_bxl

TERMS = {
    "principal_cents": 120_000,
    "rate_annual": "0.06",
    "starts_on": "2026-03-02",
    "instalments": 12,
    "every": "month",
    "kind": "linear",
    "day_count": "30/360",
}
"""100.00 EUR of principal a month; the first month's interest is 6.00 EUR, and 0.50 EUR less each month."""


def bxl(events, as_of, *, refused=False, **more):
    body = {"terms": TERMS, "events": events, "as_of": as_of} | more
    result = run_bxl("loan", "simulate", given=json.dumps(body))
    assert (result.returncode, result.stderr) == (1 if refused else 0, ""), result.stdout[:300]
    return json.loads(result.stdout)["refusal"] if refused else json.loads(result.stdout)


def event(kind, on, **more):
    return {"id": f"{kind} {on}", "on": on, "type": kind} | more


def owed(answer):
    return tuple(answer["balances"][f"{name}_cents"] for name in ("principal", "interest"))


def instalments(answer, first, last):
    rows = answer["schedule_after"]["instalments"]
    return [(row["interest_cents"], row["principal_cents"]) for row in rows if first <= row["n"] <= last]


def test_unpaid_dues_add_up_and_are_as_old_as_the_oldest():
    answer = bxl([], "2026-05-10")
    assert answer["schedule_after"] == answer["schedule_before"]
    assert answer["due"] == {
        "costs_cents": 0,
        "late_interest_cents": 0,
        "interest_cents": 600 + 550,
        "principal_cents": 20_000,
        "total_cents": 21_150,
    }
    assert answer["days_past_due"] == 38
    assert owed(answer) == (120_000, 1_150)
    assert answer["balances"]["accrued_interest_cents"] == 133  # 8 days of 30 of 500
    assert answer["accounts"]["030100:simulated:EUR"] == 20_000


def test_a_payment_goes_to_interest_first_or_to_principal_first_as_was_agreed():
    paid = [event("repayment", "2026-05-10", amount_cents=10_000)]
    assert owed(bxl(paid, "2026-05-10")) == (120_000 - 8_850, 0)
    order = "costs, late_interest, principal, interest"
    assert owed(bxl(paid, "2026-05-10", allocation=order)) == (110_000, 1_150)
    assert bxl(paid, "2026-05-10", allocation=order)["days_past_due"] == 38


def test_what_nothing_is_owed_for_is_to_be_returned():
    answer = bxl([event("repayment", "2026-04-02", amount_cents=10_650)], "2026-04-02")
    assert answer["balances"]["to_return_cents"] == 50
    assert [e["purpose"] for e in answer["entries"][-2:]] == ["instalment-distributed", "payment-unusable"]


def test_a_back_dated_payment_is_replayed_in_its_place():
    late = [
        event("repayment", "2026-06-20", amount_cents=10_600),
        event("repayment", "2026-04-02", amount_cents=10_600),
    ]
    answer = bxl(late, "2026-06-20")
    assert answer["days_past_due"] == 49  # of the principal of 2 May, after the interest of May and June was paid
    assert owed(answer) == (120_000 - 10_000 - 9_550, 0)
    assert answer == bxl(list(reversed(late)), "2026-06-20")


def test_an_undone_payment_never_was():
    paid = event("repayment", "2026-04-02", amount_cents=10_600)
    undo = event("undo", "2026-04-20", undoes=paid["id"])
    assert bxl([undo, paid], "2026-05-10") == bxl([], "2026-05-10")


def test_a_prepayment_lowers_what_is_left_and_one_without_amount_ends_the_loan():
    part = bxl([event("prepayment", "2026-03-17", amount_cents=60_000)], "2026-03-17")
    assert owed(part) == (60_000, 0)
    assert instalments(part, 1, 2) == [(450, 5_000), (275, 5_000)]  # half a month of 1,200, half of 600
    whole = bxl([event("prepayment", "2026-03-17")], "2026-03-17")
    assert owed(whole) == (0, 0)
    assert whole["schedule_after"]["totals"] == {
        "interest_cents": 300,
        "principal_cents": 120_000,
        "total_cents": 120_300,
    }


def test_nothing_falls_due_in_a_holiday_and_its_interest_comes_after_it():
    answer = bxl([event("payment_holiday", "2026-03-10", until="2026-05-10")], "2026-05-10")
    assert owed(answer) == (120_000, 0)
    assert instalments(answer, 1, 4) == [(1_800, 12_000), (540, 12_000)]
    assert [row["n"] for row in answer["schedule_after"]["instalments"]][:2] == [3, 4]
    assert bxl([event("payment_holiday", "2026-03-10", periods=2)], "2026-05-10") == answer


def test_a_grace_leaves_the_interest_due():
    answer = bxl([event("principal_grace", "2026-03-10", periods=2)], "2026-05-10")
    assert owed(answer) == (120_000, 1_200)
    assert instalments(answer, 1, 3) == [(600, 0), (600, 0), (600, 12_000)]


def test_a_longer_term_lowers_the_principal_of_each_instalment():
    answer = bxl([event("term_extension", "2026-03-10", periods=12)], "2026-03-10")
    assert len(answer["schedule_after"]["instalments"]) == 24
    assert instalments(answer, 1, 1) == [(600, 5_000)]


def test_another_rate_counts_from_its_day():
    answer = bxl([event("rate_change", "2026-03-17", rate_annual="0.12")], "2026-03-17")
    assert instalments(answer, 1, 2) == [(900, 10_000), (1_100, 10_000)]


def test_interest_is_waived_up_to_what_is_called():
    waived = [event("interest_waiver", "2026-05-10", amount_cents=1_150, component="interest")]
    assert owed(bxl(waived, "2026-05-10")) == (120_000, 0)
    too_much = [event("interest_waiver", "2026-05-10", amount_cents=1_151)]
    assert bxl(too_much, "2026-05-10", refused=True) == {
        "code": "waiver-exceeds-due",
        "facts": {"id": "interest_waiver 2026-05-10", "amount_cents": 1_151, "limit_cents": 1_150},
    }


def test_arrears_are_spread_over_what_is_left_and_nothing_is_past_due_then():
    answer = bxl([event("reamortise", "2026-05-10")], "2026-05-10")
    assert (answer["days_past_due"], owed(answer)) == (0, (120_000, 0))
    assert answer["balances"]["accrued_interest_cents"] == 1_150 + 133
    rows = answer["schedule_after"]["instalments"]
    assert rows[2]["principal_cents"] == 12_000
    assert rows[2]["interest_cents"] == 1_150 + 500 + 73  # 22 of 30 days on the 200.00 that came back
    aged = bxl([event("reage", "2026-05-10", periods=20)], "2026-05-10")
    assert len(aged["schedule_after"]["instalments"]) == 22
    assert aged["schedule_after"]["instalments"][2]["principal_cents"] == 6_000


def test_a_loan_past_its_term_is_reaged_from_the_period_of_the_day():
    answer = bxl([event("reage", "2027-05-10", periods=2)], "2027-05-10")
    assert (answer["days_past_due"], owed(answer)) == (0, (120_000, 0))
    later = answer["schedule_after"]["instalments"][-2:]
    assert [row["due_on"] for row in later] == ["2027-06-02", "2027-07-02"]
    assert sum(row["principal_cents"] for row in later) == 120_000


def test_a_charge_off_calls_all_and_a_recovery_pays_what_is_owed():
    off = event("charge_off", "2026-05-17")
    answer = bxl([off], "2026-08-01")
    assert owed(answer) == (120_000, 600 + 550 + 250)
    assert answer["balances"]["accrued_interest_cents"] == 0
    paid = bxl([off, event("recovery", "2026-07-01", amount_cents=1_400)], "2026-08-01")
    assert (owed(paid), paid["balances"]["recovered_cents"]) == ((120_000, 0), 1_400)


def test_a_write_off_ends_the_loan_and_what_comes_after_it_lowers_the_loss():
    lost = event("write_off", "2026-05-10")
    back = event("recovery", "2026-09-01", amount_cents=20_000)
    answer = bxl([back, lost], "2026-12-31")
    assert owed(answer) == (0, 0)
    assert answer["balances"]["written_off_cents"] == 100_000
    assert answer["accounts"]["022000:lender:LOAN-SIMULATED"] == 100_000
    assert answer["accounts"]["021000:borrower:LOAN-SIMULATED"] == -100_000
    too_much = event("recovery", "2026-10-01", amount_cents=100_001)
    assert bxl([back, lost, too_much], "2026-12-31", refused=True)["code"] == "recovery-exceeds-loss"


def test_a_haircut_takes_the_oldest_unpaid_principal_first():
    answer = bxl([event("write_off", "2026-05-10", amount_cents=30_000, component="principal")], "2026-05-10")
    assert owed(answer) == (90_000, 1_150)
    assert answer["due"]["principal_cents"] == 0
    assert answer["schedule_after"]["instalments"][-1]["outstanding_cents"] == 0


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([event("repayment", "2026-04-02", amount_cents=0)], "terms-field-malformed"),
        ([event("repayment", "2026-04-02")], "terms-field-missing"),
        ([event("repayment", "2026-04-02", amount_cents=1, periods=2)], "terms-field-unknown"),
        ([event("gift", "2026-04-02")], "terms-field-malformed"),
        ([event("rate_change", "2026-04-02", rate_annual="1.5")], "rate-out-of-range"),
        ([event("repayment", "2026-03-01", amount_cents=1)], "event-out-of-place"),
        ([event("payment_holiday", "2026-03-10", until="2026-03-11")], "event-out-of-place"),
        ([event("payment_holiday", "2026-03-10", until="2027-12-31")], "grace-too-long"),
        ([event("term_extension", "2026-03-10", periods=600)], "instalments-out-of-range"),
        ([event("rate_change", "2027-04-02", rate_annual="0.01")], "event-out-of-place"),
        ([event("reamortise", "2027-04-02")], "event-out-of-place"),
        ([event("charge_off", "2026-04-02"), event("charge_off", "2026-04-03")], "event-out-of-place"),
        ([event("disbursement", "2026-03-02", amount_cents=120_001)], "disbursement-exceeds-principal"),
        ([event("prepayment", "2026-03-17", amount_cents=120_001)], "prepayment-exceeds-debt"),
        ([event("write_off", "2026-03-17", amount_cents=120_001)], "write-off-exceeds-exposure"),
        ([event("recovery", "2026-05-17", amount_cents=1)], "recovery-exceeds-loss"),
        ([event("undo", "2026-05-17", undoes="nothing")], "undo-unknown"),
        ([event("charge_off", "2026-04-02")] * 2, "event-id-repeated"),
        (
            [
                event("charge_off", "2026-04-02"),
                *(event("undo", f"2026-04-0{n}", undoes="charge_off 2026-04-02") for n in (3, 4)),
            ],
            "undo-repeated",
        ),
        ([{"on": "2026-04-02", "type": "charge_off"}] * 601, "terms-changes-too-many"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(events, code):
    assert bxl(events, "2026-12-31", refused=True)["code"] == code


@pytest.mark.parametrize("order", ["interest", "interest,principal,interest", "oldest", ""])
def test_an_order_of_allocation_names_each_component_once(order):
    refusal = bxl([], "2026-12-31", refused=True, allocation=order)
    assert refusal["code"] == ("allocation-unknown" if order else "terms-field-malformed")


def test_events_pay_out_instead_of_the_terms_where_they_say_so():
    parts = [event("disbursement", f"2026-0{m}-02", amount_cents=60_000) for m in (3, 4)]
    answer = bxl(parts, "2026-04-02")
    assert owed(answer) == (120_000, 300)
    assert instalments(answer, 1, 2) == [(300, 5_000), (575, 10_455)]


def test_the_real_loan_calls_and_posts_what_its_simulation_does(sqlite_town):
    """The same terms, paid on their days: the ledger of the real loan has the entries of the simulation."""
    town = sqlite_town
    ada, borrower = town.citizen("Ada"), town.enterprise()
    loan_id = town.fund({ada: 100_000}, borrower)
    page = town.loan(loan_id, ada)
    for row in page.instalments:
        town.jump_to(row.due_on)
        town.pay_due(loan_id, row.n)
    terms = Terms(
        principal_cents=100_000,
        rate_annual=page.rate_annual,
        starts_on=page.agreed_on,
        first_due_on=page.instalments[0].due_on,
        instalments=len(page.instalments),
        every=Every.YEAR,
        kind=RepaymentKind.LINEAR,
    )
    paid = [
        Event(event_id=str(row.n), on=row.due_on, kind=EventType.REPAYMENT, amount_cents=row.total_cents)
        for row in page.instalments
    ]
    simulated = simulate(terms, LAWFUL, paid, date(2031, 12, 31))
    with town.book.read() as connection:
        real = balances.entries(connection, town.book.book_id, first_n=0, limit=10_000)
    for purpose in ("loan-issued", "due-called", "due-settled"):
        posted = [each.lines for each in real if each.purpose == purpose]
        assert _amounts(posted) == _amounts(e.postings for e in simulated.entries if e.purpose == purpose)
        assert posted


def _amounts(entries):
    return [sorted((line.account.code, line.debit, line.credit) for line in lines) for lines in entries]
