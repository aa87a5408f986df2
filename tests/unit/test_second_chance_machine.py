"""The life of a file: sixteen states, every pair of state and event, and each guard just inside and just outside."""

import itertools
from datetime import date, timedelta

import pytest

from contracts import restarts
from contracts.secondchance import guards
from contracts.secondchance.labels import BankLabel, Past, bank_label, ecspr_default, material_days
from contracts.secondchance.lifecycle import MACHINE, STEPS, step_for
from contracts.secondchance.model import Concession, CreditorPart, Ground, Procedure, Size, State, Stay
from contracts.servicing.model import Due, Position, Standing
from contracts.templates import BY_PART
from ledger.errors import Refusal
from tests.second_chance_page import PAGE, page

DAY = date(2026, 3, 2)
ALLOWED = {
    "performing": {
        "due-missed": "late",
        "signalled": "early_warning",
        "unlikely-to-pay": "defaulted",
        "insolvency": "defaulted",
    },
    "late": {
        "arrears-cleared": "performing",
        "thirty-days-passed": "early_warning",
        "signalled": "early_warning",
        "probation-breached": "defaulted",
        "unlikely-to-pay": "defaulted",
        "insolvency": "defaulted",
    },
    "early_warning": {
        "signalled": "early_warning",
        "resolved": "performing",
        "ninety-days-passed": "defaulted",
        "probation-breached": "defaulted",
        "unlikely-to-pay": "defaulted",
        "insolvency": "defaulted",
        "standstill-agreed": "standstill",
        "moratorium-granted": "standstill",
        "proposal-published": "proposal",
        "paid-in-full": "cured",
    },
    "standstill": {
        "moratorium-extended": "standstill",
        "standstill-ended": "early_warning",
        "default-persists": "defaulted",
        "insolvency": "defaulted",
        "proposal-published": "proposal",
        "paid-in-full": "cured",
    },
    "proposal": {
        "proposal-revised": "proposal",
        "proposal-withdrawn": "early_warning",
        "default-persists": "defaulted",
        "insolvency": "defaulted",
        "moratorium-granted": "standstill",
        "vote-opened": "vote",
        "paid-in-full": "cured",
    },
    "vote": {
        "vote-failed": "early_warning",
        "default-persists": "defaulted",
        "insolvency": "defaulted",
        "consented": "performing_under_plan",
        "passed-to-court": "homologation_pending",
        "paid-in-full": "cured",
    },
    "homologation_pending": {
        "homologated": "performing_under_plan",
        "homologation-refused": "early_warning",
        "default-persists": "defaulted",
        "insolvency": "defaulted",
        "paid-in-full": "cured",
    },
    "performing_under_plan": {
        "insolvency": "plan_failed",
        "plan-payment-missed": "plan_failed",
        "plan-revoked": "plan_failed",
        "plan-performed": "cured",
        "cure-period-passed": "cured",
    },
    "cured": {
        "due-missed": "late",
        "signalled": "early_warning",
        "unlikely-to-pay": "defaulted",
        "insolvency": "defaulted",
        "rehabilitated": "performing",
        "re-eligible": "second_chance",
    },
    "defaulted": {
        "standstill-agreed": "standstill",
        "moratorium-granted": "standstill",
        "proposal-published": "proposal",
        "cure-period-passed": "cured",
        "called-as-a-whole": "accelerated",
        "paid-in-full": "cured",
    },
    "plan_failed": {"claims-revived": "defaulted", "insolvency": "defaulted", "paid-in-full": "cured"},
    "accelerated": {"recovery-opened": "recovery", "paid-in-full": "cured"},
    "recovery": {"dividend-distributed": "recovery", "loss-proven": "write_off", "paid-in-full": "cured"},
    "write_off": {
        "dividend-distributed": "write_off",
        "loss-certified": "tax_loss_certificate",
        "re-eligible": "second_chance",
    },
    "tax_loss_certificate": {"dividend-distributed": "tax_loss_certificate", "re-eligible": "second_chance"},
    "second_chance": {},
}


def code_of(act):
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value.code


def later(days):
    return DAY + timedelta(days=days)


def test_every_pair_of_state_and_event_leads_where_the_table_says_or_is_refused():
    assert len(State) == len(ALLOWED) == 16
    for state, event in itertools.product(State, MACHINE.events):
        target = ALLOWED[state.value].get(event)
        if target is not None:
            assert step_for(state, event).target.value == MACHINE.after(state, event).value == target
            continue
        assert code_of(lambda state=state, event=event: step_for(state, event)) == "move-not-allowed"


def test_no_state_is_without_a_way_out_but_the_last_and_each_is_reached():
    assert MACHINE.final == {State.SECOND_CHANCE}
    reached = {State.PERFORMING} | {step.target for step in STEPS}
    assert reached == set(State)
    for state in State:
        seen, edge = {state}, {state}
        while edge:
            edge = {step.target for step in STEPS for source in step.sources if source in edge} - seen
            seen |= edge
        assert State.SECOND_CHANCE in seen


def test_every_move_names_a_guard_that_there_is():
    assert {step.guard for step in STEPS} <= {name for name in vars(guards) if name.startswith("check_")}


def test_every_entry_that_a_move_names_has_its_template():
    known = {template.purpose for templates in BY_PART.values() for template in templates}
    assert {purpose for step in STEPS for purpose in step.entries} <= known
    assert {template.purpose for template in BY_PART["secondchance"]} <= {e for step in STEPS for e in step.entries}


def test_the_page_shows_the_table_as_it_is():
    assert PAGE.read_text("utf-8") == page()


@pytest.mark.parametrize(
    ("ends_on", "earlier", "code"),
    [
        (date(2026, 7, 2), [], None),
        (date(2026, 7, 3), [], "moratorium-too-long"),
        (DAY, [], "stay-malformed"),
        (date(2026, 7, 2), [Stay(date(2025, 7, 2), DAY)], None),
        (date(2026, 7, 2), [Stay(date(2025, 7, 1), DAY)], "moratorium-total-too-long"),
        (date(2026, 7, 2), [Stay(date(2025, 3, 3), date(2025, 11, 1))], None),
        (date(2026, 7, 2), [Stay(date(2025, 3, 3), date(2025, 11, 2))], "moratorium-total-too-long"),
        (date(2026, 7, 2), [Stay(date(2026, 1, 1), date(2026, 3, 3))], "stay-malformed"),
    ],
)
def test_a_moratorium_lasts_four_months_and_twelve_in_all(ends_on, earlier, code):
    stay = Stay(DAY, ends_on)
    if code is None:
        guards.check_moratorium(stay, earlier)
    else:
        assert code_of(lambda: guards.check_moratorium(stay, earlier)) == code


def test_before_the_law_applied_nothing_is_judged_by_it():
    assert code_of(lambda: guards.check_moratorium(Stay(date(2023, 8, 31), date(2023, 9, 30)))) == "no-rule-for-date"
    guards.check_moratorium(Stay(date(2023, 9, 1), date(2023, 9, 30)))


def test_a_plan_ends_within_five_years():
    guards.check_plan_length(date(2031, 3, 2), homologated_on=DAY)
    assert code_of(lambda: guards.check_plan_length(date(2031, 3, 3), homologated_on=DAY)) == "plan-too-long"


def test_each_creditor_is_paid_a_fifth_unless_there_are_reasons():
    enough, short = CreditorPart("c1", 1_000_000, 200_000), CreditorPart("c2", 1_000_000, 199_900)
    assert guards.check_creditor_minimum([enough], on=DAY) == ()
    assert code_of(lambda: guards.check_creditor_minimum([enough, short], on=DAY)) == "creditor-below-minimum"
    assert guards.check_creditor_minimum([enough, short], on=DAY, reasons="the oven burnt down") == ("c2",)
    assert code_of(lambda: guards.check_creditor_minimum([short], on=DAY, reasons="  ")) == "creditor-below-minimum"
    a_cent = CreditorPart("c3", 999, 200), CreditorPart("c4", 1_000_001, 200_000)
    assert guards.check_creditor_minimum(a_cent, on=DAY, reasons="x") == ("c4",)


def test_secured_creditors_wait_two_years_and_a_third_with_reasons():
    guards.check_secured_stay(24, on=DAY)
    assert code_of(lambda: guards.check_secured_stay(25, on=DAY)) == "secured-stay-too-long"
    guards.check_secured_stay(36, on=DAY, reasons="the building is sold")
    assert code_of(lambda: guards.check_secured_stay(37, on=DAY, reasons="x")) == "secured-stay-too-long"


def test_notice_is_fifteen_days_and_filing_twenty():
    guards.check_notice(noticed_on=DAY, closes_on=later(15))
    assert code_of(lambda: guards.check_notice(noticed_on=DAY, closes_on=later(14))) == "notice-too-short"
    guards.check_filing(filed_on=DAY, hearing_on=later(20))
    assert code_of(lambda: guards.check_filing(filed_on=DAY, hearing_on=later(19))) == "plan-filed-too-late"


def test_the_days_of_court_and_of_directors_are_reckoned():
    assert guards.ruling_due_on(DAY) == date(2026, 3, 17)
    assert guards.private_hearing_due_on(DAY) == date(2026, 3, 10)
    assert guards.general_meeting_due_on(date(2025, 12, 31)) == date(2026, 2, 28)
    assert guards.disclosed_until(DAY) == date(2031, 3, 2)
    assert guards.probation_ends_on(DAY) == date(2028, 3, 2)


@pytest.mark.parametrize(
    ("sizes", "opted", "found"),
    [
        ([Size(250, 4_000_000_000, 2_000_000_000)] * 2, False, Procedure.SME),
        ([Size(251, 0, 0)] * 2, False, Procedure.LARGE),
        ([Size(0, 4_000_000_001, 0)] * 2, False, Procedure.LARGE),
        ([Size(0, 0, 2_000_000_001), Size(251, 0, 0)], False, Procedure.LARGE),
        ([Size(0, 0, 0), Size(251, 0, 0)], False, Procedure.SME),
        ([Size(251, 0, 0)], False, Procedure.SME),
        ([Size(251, 0, 0), Size(251, 0, 0), Size(1, 0, 0)], False, Procedure.SME),
        ([Size(1, 0, 0)], True, Procedure.LARGE),
    ],
)
def test_a_debtor_is_large_past_a_limit_two_years_running_or_by_choice(sizes, opted, found):
    assert guards.procedure(sizes, on=DAY, has_opted=opted) is found


@pytest.mark.parametrize("more_than", [0, 30, 90])
def test_one_day_more_counts(more_than):
    guards.check_days_past_due(more_than + 1, more_than=more_than)
    assert code_of(lambda: guards.check_days_past_due(more_than, more_than=more_than)) == "days-past-due-too-few"


def test_arrears_balances_defaults_and_papers():
    guards.check_arrears_cleared(0)
    assert code_of(lambda: guards.check_arrears_cleared(1)) == "arrears-not-cleared"
    guards.check_nothing_outstanding(0)
    assert code_of(lambda: guards.check_nothing_outstanding(1)) == "claims-outstanding"
    guards.check_in_default(is_in_default=True)
    assert code_of(lambda: guards.check_in_default(is_in_default=False)) == "loan-not-in-default"
    guards.check_not_in_default(is_in_default=False)
    assert code_of(lambda: guards.check_not_in_default(is_in_default=True)) == "loan-in-default"
    guards.check_evidence("a")
    assert code_of(lambda: guards.check_evidence(None)) == "evidence-missing"
    guards.check_accepted(is_accepted=True)
    assert code_of(lambda: guards.check_accepted(is_accepted=False)) == "plan-not-accepted"


@pytest.mark.parametrize(("distressed", "first"), [(False, date(2026, 6, 2)), (True, date(2027, 3, 2))])
def test_a_cure_takes_three_months_or_twelve(distressed, first):
    guards.check_cure(DAY, on=first, is_distressed=distressed)
    day_before = first - timedelta(days=1)
    assert code_of(lambda: guards.check_cure(DAY, on=day_before, is_distressed=distressed)) == "cure-too-early"
    assert code_of(lambda: guards.check_cure(None, on=first, is_distressed=distressed)) == "cure-too-early"


@pytest.mark.parametrize(
    ("until", "days", "concessions", "breached"),
    [(1, 31, 1, True), (1, 30, 1, False), (1, 0, 2, True), (0, 31, 2, False), (None, 99, 9, False)],
)
def test_probation_is_breached_past_thirty_days_or_by_a_second_concession(until, days, concessions, breached):
    given = {"on": DAY, "days": days, "concessions": concessions}
    given["probation_until"] = None if until is None else later(until)
    if breached:
        guards.check_probation_breached(**given)
    else:
        assert code_of(lambda: guards.check_probation_breached(**given)) == "probation-not-breached"


def test_arrears_are_a_ground_past_three_months():
    given = {"scheme": "proxi.B", "overdue_since": DAY}
    guards.check_ground(Ground.ARREARS, on=date(2026, 6, 3), **given)
    assert code_of(lambda: guards.check_ground(Ground.ARREARS, on=date(2026, 6, 2), **given)) == "arrears-too-short"
    assert code_of(lambda: guards.check_ground(Ground.ARREARS, on=DAY, scheme="proxi.B")) == "arrears-too-short"
    guards.check_ground(Ground.BANKRUPTCY, on=DAY, scheme="proxi.B")


@pytest.mark.parametrize(("facts", "ok"), [((True, False, True), True), ((False, False, True), False),
                                           ((True, True, True), False), ((True, False, False), False)])  # fmt: skip
def test_who_failed_in_good_faith_may_begin_again(facts, ok):
    good, sanctioned, discharged = facts
    given = {"in_good_faith": good, "is_sanctioned": sanctioned, "is_discharged": discharged}
    if ok:
        guards.check_re_eligible(**given)
    else:
        assert code_of(lambda: guards.check_re_eligible(**given)) == "not-re-eligible"


def test_what_offers_read_of_a_file_are_words_of_the_machine():
    assert {State.PERFORMING, State.SECOND_CHANCE} == restarts.MAY_BORROW
    assert restarts.BEGINS_AGAIN == State.SECOND_CHANCE


def debt(cents, *, paid_after=None, other=1_000_000, insolvent_on=None):
    """A due of `cents` on 2 March 2026, beside a last one of `other` in 2031."""
    settled = None if paid_after is None else later(paid_after)
    dues = (
        Due(n=1, due_on=DAY, interest_cents=0, principal_cents=cents, settled_on=settled),
        Due(n=2, due_on=date(2031, 3, 2), interest_cents=0, principal_cents=other),
    )
    standing = Standing(disbursed_on=DAY - timedelta(days=365), insolvent_on=insolvent_on)
    return Position(principal_cents=cents + other, dues=dues, standing=standing)


@pytest.mark.parametrize(
    ("cents", "other", "retail", "days"),
    [
        (10_000, 0, True, 0),
        (10_001, 0, True, 10),
        (50_000, 0, False, 0),
        (50_001, 0, False, 10),
        (20_000, 1_980_000, True, 0),
        (20_001, 1_980_000, True, 10),
    ],
)
def test_arrears_count_above_both_thresholds(cents, other, retail, days):
    assert material_days(debt(cents, other=other), later(10), is_retail=retail) == days


def test_the_banks_label_follows_from_days_and_dues():
    late = debt(20_000, paid_after=100)
    assert bank_label(late, Past(), later(90)) is BankLabel.PERFORMING
    assert bank_label(late, Past(), later(91)) is BankLabel.NON_PERFORMING
    cured_on = date(2026, 9, 10)  # three months from 10 June, when it was paid
    assert bank_label(late, Past(), cured_on - timedelta(days=1)) is BankLabel.NON_PERFORMING
    assert bank_label(late, Past(), cured_on) is BankLabel.PERFORMING
    assert bank_label(late, Past(unlikely_on=DAY), DAY) is BankLabel.NON_PERFORMING


def test_a_concession_is_shown_for_two_years_and_a_distressed_one_is_a_default_for_one():
    clean = debt(20_000, paid_after=0)
    eased = Past((Concession(DAY, is_distressed=False),))
    assert bank_label(clean, eased, DAY) is BankLabel.PERFORMING_FORBORNE
    assert bank_label(clean, eased, date(2028, 3, 1)) is BankLabel.PERFORMING_FORBORNE
    assert bank_label(clean, eased, date(2028, 3, 2)) is BankLabel.PERFORMING
    cut = Past((Concession(DAY, is_distressed=True),))
    assert bank_label(clean, cut, date(2027, 3, 1)) is BankLabel.NON_PERFORMING_FORBORNE
    assert bank_label(clean, cut, date(2027, 3, 2)) is BankLabel.PERFORMING_FORBORNE
    assert bank_label(clean, cut, date(2029, 3, 2)) is BankLabel.PERFORMING
    twice = Past((Concession(DAY, is_distressed=False), Concession(later(30), is_distressed=False)))
    assert bank_label(clean, twice, later(29)) is BankLabel.PERFORMING_FORBORNE
    assert bank_label(clean, twice, later(30)) is BankLabel.NON_PERFORMING_FORBORNE


def test_the_statutory_default_counts_ninety_days_insolvency_and_distressed_concessions():
    late = debt(20_000)
    assert not ecspr_default(late, Past(), later(90))
    assert ecspr_default(late, Past(), later(91))
    assert ecspr_default(debt(1, insolvent_on=DAY), Past(), DAY)
    assert not ecspr_default(late, Past((Concession(DAY, is_distressed=False),)), DAY)
    assert ecspr_default(late, Past((Concession(DAY, is_distressed=True),)), DAY)
