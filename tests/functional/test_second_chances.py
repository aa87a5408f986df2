"""Stories of a file on a real loan: warned, planned, voted, performed, fallen, lost, begun again; and every refusal."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from contracts.loans import service as loans
from contracts.loans import steps
from contracts.loans.acceleration import accelerate, request_acceleration
from contracts.loans.early import ask_early_repayment
from contracts.loans.model import Ground as Called
from contracts.loans.model import LoanState
from contracts.loans.quotes import quote
from contracts.secondchance import service
from contracts.secondchance.labels import BankLabel, Past, bank_label
from contracts.secondchance.model import CashPosition, Concession, Ground, Route, Signal, State, Stay
from contracts.secondchance.tools import HolidayInterest, Tool, Use
from contracts.terms.dates import add_months
from contracts.terms.exact import half_up
from ledger.errors import Refusal
from tests.chance_kit import PAPER, Chance, late_loan
from tests.oracle import check_everything
from tests.products_kit import EVIDENCE, refused

WAIVER, CARRY = Use(tool=Tool.WAIVER), Use(tool=Tool.CARRY_FORWARD)
HAIRCUT = Use(tool=Tool.HAIRCUT, amount_cents=60_000)
CASH = CashPosition(on_hand_cents=200_000, receipts_cents=900_000, expenses_cents=870_000)


def code_of(act):
    with pytest.raises(Refusal) as found:
        act()
    return found.value.code


def lenders(chance: Chance):
    """Everybody with a claim, the largest first."""
    return [claim.lender for claim in sorted(chance.book().claims, key=lambda claim: -claim.principal_cents)]


def unpaid(chance: Chance):
    on = chance.town.today
    return [
        (due.due_on, due.interest_cents, due.principal_cents)
        for due in chance.book().position.dues
        if due.is_asked(on) and not due.is_settled(on)
    ]


def test_a_plan_that_lenders_agree_to_is_performed_and_the_borrower_begins_again(town):
    chance = late_loan(town)
    assert chance.observe() == ["due-missed", "thirty-days-passed"]
    assert chance.observe() == []
    chance.do(service.ask_for_help, CASH, update_on=town.today + timedelta(days=10))
    assert chance.file().cash.affordable_cents == 30_000
    plan = chance.plan(WAIVER, CARRY, Use(tool=Tool.HOLIDAY, periods=1, interest=HolidayInterest.PAID))
    _, figures = chance.do(service.publish_plan, plan)
    assert sorted(case.claim_cents for case in figures.lenders) == [40_000, 80_000]
    assert chance.vote() is State.PERFORMING_UNDER_PLAN
    chance.check()
    book = chance.book()
    assert book.dropped == {2, 3, 4, 5}
    assert [town.loan(chance.loan_id).instalments[n - 1].state for n in (1, 2, 3, 6)] == [
        "settled",
        "cancelled",
        "cancelled",
        "scheduled",
    ]
    assert [row[0] for row in unpaid(chance)] == [date(2029, 3, 7), date(2030, 3, 7), date(2031, 3, 7)]
    assert [row[2] for row in unpaid(chance)] == [0, 60_000, 60_000]
    assert town.loan(chance.loan_id).days_past_due == 0
    for n in (6, 7, 8):
        town.jump_to(chance.book().instalments[n - 1].due_on)
        town.pay_due(chance.loan_id, n)
        chance.check()
    assert town.loan(chance.loan_id).state is LoanState.REPAID
    assert chance.do(service.perform_plan) is State.CURED
    assert chance.do(service.begin_again, in_good_faith=True, is_sanctioned=False, is_discharged=True) is (
        State.SECOND_CHANCE
    )
    assert chance.file().history[-1].facts["disclosed_until"] == "2036-03-07"
    check_everything(town.book)


def test_a_loan_under_a_plan_is_repaid_early_on_the_plans_terms_and_not_claimed_at_once(sqlite_town):
    """900.00 for 51 days of 360 at 3.5 %, 1,200.00 for 60 days at 2 %, and the 42.00 carried forward.

    What was called and unpaid before the plan bore no interest.
    """
    town = sqlite_town
    chance = late_loan(town, early_repayment=True)
    chance.observe()
    cut = Use(tool=Tool.RATE_CUT, rate_annual=Decimal("0.02"))
    assert chance.accept(chance.plan(CARRY, cut, route=Route.JUDICIAL)) is State.PERFORMING_UNDER_PLAN
    made_on = chance.book().rebases[0].on
    with refused(town, "loan-under-plan"), town.book.unit_of_work(actor=town.maker) as uow:
        request_acceleration(
            uow, chance.loan_id, ground=Called.ACTIVITY_ENDED, on=town.today, evidence=EVIDENCE, reason="closed"
        )
    assert (made_on, chance.book().instalments[5].due_on) == (date(2028, 4, 28), date(2029, 3, 7))
    on = date(2028, 6, 28)
    found = quote(chance.book(), on, today=town.today)
    before, after = Fraction(90_000 * 35 * 51, 1000 * 360), Fraction(120_000 * 2 * 60, 100 * 360)
    assert (found.n, found.principal_cents, found.interest_cents) == (6, 120_000, 4_200 + half_up(before + after))
    with town.book.unit_of_work(actor=town.maker) as uow:
        payment_id = ask_early_repayment(uow, chance.loan_id, on=on, amount_cents=found.total_cents)
    town.settle()
    town.jump_to(date(2028, 6, 20))
    town.pay(payment_id)
    chance.check()
    assert town.loan(chance.loan_id).state is LoanState.REPAID
    assert chance.do(service.perform_plan) is State.CURED
    check_everything(town.book)


def test_a_loan_whose_plan_fell_is_claimed_at_once(sqlite_town):
    """Interest to the notice is that of the agreement: 90 days on the principal that is not called yet."""
    town = sqlite_town
    chance = late_loan(town)
    chance.observe()
    chance.accept(chance.plan(HAIRCUT, CARRY, route=Route.JUDICIAL))
    town.jump_to(date(2028, 6, 7))
    chance.do(service.fail_plan, is_revoked=True)
    town.run_jobs()
    with town.book.unit_of_work(actor=town.maker) as uow:
        wanted = {"ground": Called.ACTIVITY_ENDED, "on": town.today, "evidence": EVIDENCE, "reason": "closed"}
        approval_id = request_acceleration(uow, chance.loan_id, **wanted)
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        accelerate(uow, chance.loan_id, approval_id=approval_id)
    town.settle()
    chance.check()
    last = chance.book().instalments[-1]
    assert (last.principal_cents, last.interest_cents) == (90_000, half_up(Fraction(90_000 * 35 * 90, 1000 * 360)))
    check_everything(town.book)


def test_a_plan_follows_one_that_was_revoked_and_is_performed(town):
    chance = late_loan(town)
    chance.observe()
    chance.accept(chance.plan(Use(tool=Tool.CAPITALISATION), HAIRCUT, CARRY, route=Route.JUDICIAL))
    town.jump_to(date(2028, 9, 1))
    chance.do(service.fail_plan, is_revoked=True)
    town.run_jobs()
    assert chance.accept(chance.plan(WAIVER, HAIRCUT, CARRY, route=Route.JUDICIAL)) is State.PERFORMING_UNDER_PLAN
    chance.check()
    assert chance.book().position.outstanding_cents(town.today) == 60_000
    assert [each.is_revival for each in chance.book().rebases] == [False, True, False]
    for due in unpaid(chance):
        town.jump_to(due[0])
        called = next(
            each.n for each in chance.book().instalments if chance.book().instalment_state(each.n) == "called"
        )
        town.pay_due(chance.loan_id, called)
        chance.check()
    assert chance.do(service.perform_plan) is State.CURED
    ada, asset = lenders(chance)[0], f"LOAN-{chance.loan_id.upper()}"
    assert town.balance(f"023000:{ada}", asset) == town.balance(f"020000:{ada}", asset) == 0
    check_everything(town.book)


def test_two_plans_after_each_other_fall_together(town):
    """The first was cured by three clean months and never performed: what both cut revives, net of what was paid."""
    chance = late_loan(town, term_years=8)
    chance.observe()
    small = Use(tool=Tool.HAIRCUT, amount_cents=12_000)
    chance.accept(chance.plan(CARRY, Use(tool=Tool.HOLIDAY, periods=1, interest=HolidayInterest.DEFERRED)))
    town.jump_to(add_months(town.today, 4))
    assert chance.do(service.cure) is State.CURED
    town.jump_to(date(2030, 3, 7))
    town.jump_to(date(2030, 4, 10))
    assert chance.observe() == ["due-missed", "thirty-days-passed"]
    chance.accept(chance.plan(small, CARRY, route=Route.JUDICIAL))
    chance.check()
    first = next(
        due for due in chance.book().position.dues if due.due_on == date(2031, 3, 7) and due.is_asked(town.today)
    )
    town.jump_to(date(2031, 3, 7))
    town.pay_due(chance.loan_id, first.n)
    paid = first.principal_cents
    chance.do(service.fail_plan, is_revoked=True)
    chance.check()
    assert chance.file().plans_in_force == []
    assert chance.book().plans_in_force == []
    assert chance.book().position.outstanding_cents(town.today) == 131_250 - paid
    assert town.loan(chance.loan_id).days_past_due == (town.today - unpaid(chance)[0][0]).days
    check_everything(town.book)


def test_a_haircut_that_a_court_homologates_waits_on_its_own_account_and_is_released_in_the_end(town):
    chance = late_loan(town)
    clause = Use(tool=Tool.BETTER_FORTUNE, expires_on=date(2033, 12, 31))
    chance.observe()
    assert chance.accept(chance.plan(WAIVER, HAIRCUT, CARRY, clause, route=Route.JUDICIAL)) is (
        State.PERFORMING_UNDER_PLAN
    )
    chance.check()
    asset, [ada, bob] = f"LOAN-{chance.loan_id.upper()}", lenders(chance)
    assert [town.balance(f"023000:{who}", asset) for who in (ada, bob)] == [40_000, 20_000]
    assert town.loan(chance.loan_id, ada).outstanding_cents == 60_000
    before = chance.book().position
    day_before = chance.book().rebases[0].on - timedelta(days=1)
    assert (before.outstanding_cents(day_before), before.overdue_cents(day_before) > 0) == (120_000, True)
    assert chance.file().history[-1].facts["distressed"] == 1
    for n in (6, 7, 8):
        town.jump_to(chance.book().instalments[n - 1].due_on)
        town.pay_due(chance.loan_id, n)
    chance.do(service.perform_plan)
    assert town.balance(f"023000:{ada}", asset) == 40_000
    assert code_of(lambda: chance.do(service.lapse_clause)) == "better-fortune-open"
    town.jump_to(date(2034, 1, 1))
    chance.do(service.lapse_clause)
    assert [town.balance(f"{a}", asset) for a in (f"023000:{ada}", f"021000:{chance.book().loan.borrower}")] == [0, 0]
    check_everything(town.book)


def test_a_plan_that_is_missed_falls_and_claims_revive_net_of_payments(town):
    chance = late_loan(town)
    chance.observe()
    capitalised = Use(tool=Tool.CAPITALISATION)
    chance.accept(chance.plan(capitalised, HAIRCUT, CARRY, route=Route.JUDICIAL))
    chance.check()
    assert chance.book().position.outstanding_cents(town.today) == 120_000 + 4_200 - 60_000
    town.jump_to(date(2029, 3, 7))
    town.pay_due(chance.loan_id, 6)
    paid = chance.book().instalments[5].principal_cents
    assert code_of(lambda: chance.do(service.fail_plan, is_revoked=False)) == "days-past-due-too-few"
    town.jump_to(date(2030, 3, 7))
    town.jump_to(date(2030, 3, 8))
    chance.do(service.fail_plan, is_revoked=False)
    chance.check()
    assert chance.file().state is State.DEFAULTED
    owed = 120_000 - paid
    assert chance.book().position.outstanding_cents(town.today) == owed
    old = [(30_000, 4_200), (30_000, 3_150), (30_000, 2_100), (30_000, 1_050)]
    left = chance.book().instalments[5].interest_cents
    assert unpaid(chance)[0][1] == max(0, old[0][1] - left)
    assert sum(row[2] for row in unpaid(chance)) == owed
    town.run_jobs()
    chance.check()
    assert town.loan(chance.loan_id).days_past_due == (town.today - date(2028, 3, 7)).days
    chance.do(service.publish_plan, chance.plan(WAIVER))
    check_everything(town.book)


def test_a_bankruptcy_under_a_plan_leads_over_the_loss_to_a_new_start(sqlite_town):
    town = sqlite_town
    chance = late_loan(town)
    chance.observe()
    chance.accept(chance.plan(HAIRCUT, CARRY, route=Route.JUDICIAL))
    town.go_to(town.today + timedelta(days=20))
    assert chance.do(service.report_insolvency) is State.DEFAULTED
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.record_bankruptcy(uow, chance.loan_id, on=town.today, evidence=EVIDENCE)
    chance.do(service.follow_call, Ground.BANKRUPTCY)
    chance.do(service.follow, "recovery-opened")
    assert code_of(lambda: chance.do(service.follow, "loss-proven")) == "claims-outstanding"
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.write_off(uow, chance.loan_id, on=town.today, evidence=EVIDENCE)
    town.settle()
    chance.check()
    assert chance.do(service.follow, "loss-proven") is State.WRITE_OFF
    assert chance.do(service.certify_loss) is State.TAX_LOSS_CERTIFICATE
    again = {"in_good_faith": True, "is_sanctioned": False}
    assert code_of(lambda: chance.do(service.begin_again, is_discharged=False, **again)) == "not-re-eligible"
    assert chance.do(service.begin_again, is_discharged=True, **again) is State.SECOND_CHANCE
    assert code_of(lambda: chance.do(service.follow, "rehabilitated")) == "move-not-allowed"
    check_everything(town.book)


def test_all_principal_that_becomes_shares_ends_the_loan(sqlite_town):
    chance = late_loan(sqlite_town)
    chance.observe()
    reasons = "every lender becomes a member of the cooperative"
    chance.accept(chance.plan(WAIVER, Use(tool=Tool.PARTICIPATION), reasons=reasons))
    chance.check()
    assert unpaid(chance) == []
    assert sqlite_town.loan(chance.loan_id).state is LoanState.REPAID
    assert chance.do(service.perform_plan) is State.CURED
    check_everything(sqlite_town.book)


def test_a_plan_over_many_lenders_goes_on_chunk_by_chunk_where_it_was_left(sqlite_town, monkeypatch):
    """Five lenders, two a unit of work: nothing else is decided of the plan before the last of them has her entries."""
    monkeypatch.setattr(steps, "CHUNK", 2)
    town = sqlite_town
    chance = late_loan(town, (50_000, 40_000, 30_000, 20_000, 10_000))
    chance.observe()
    chance.do(service.publish_plan, chance.plan(WAIVER, HAIRCUT, CARRY, route=Route.JUDICIAL))
    chance.vote()
    town.go_to(town.today + timedelta(days=5))
    facts = {"on": town.today, "evidence": PAPER}
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.homologate(uow, chance.loan_id, **facts)
    asset, every = f"LOAN-{chance.loan_id.upper()}", [claim.lender for claim in chance.book().claims]

    def cut() -> list[int]:
        return [town.balance(f"023000:{who}", asset) for who in every]  # in the order of the claims

    assert [bool(cents) for cents in cut()] == [who in every[:2] for who in every]
    with refused(town, "plan-under-way"), town.book.unit_of_work(actor=town.maker) as uow:
        service.fail_plan(uow, chance.loan_id, is_revoked=True, **facts)
    town.settle()
    assert sorted(cut()) == [4_000, 8_000, 12_000, 16_000, 20_000]
    chance.check()
    chance.do(service.fail_plan, is_revoked=True)
    assert cut() == [0] * 5
    chance.check()
    check_everything(town.book)


def test_a_vote_or_a_court_that_says_no_leads_back_to_the_warning_or_to_the_default(sqlite_town):
    town = sqlite_town
    chance = late_loan(town)
    chance.observe()
    plan = chance.plan(WAIVER, CARRY, route=Route.JUDICIAL)
    sha256, _ = chance.do(service.publish_plan, plan)
    assert chance.vote(accepted=False) is State.EARLY_WARNING
    sha256, _ = chance.do(service.publish_plan, plan)
    again, _ = chance.do(service.publish_plan, chance.plan(CARRY, route=Route.JUDICIAL))
    assert [each.version for each in chance.file().plans] == [1, 2, 3]
    assert sha256 != again
    short = town.today + timedelta(days=14)
    assert code_of(lambda: chance.call_vote(opens_on=short)) == "notice-too-short"
    assert chance.vote() is State.HOMOLOGATION_PENDING
    town.jump_to(town.today + timedelta(days=60))
    chance.do(service.refuse_homologation)
    assert chance.file().state is State.DEFAULTED
    assert chance.observe() == []


def test_a_court_hears_a_plan_twenty_days_after_it_was_published(sqlite_town):
    town = sqlite_town
    chance = late_loan(town)
    chance.observe()
    chance.do(service.publish_plan, chance.plan(CARRY, route=Route.JUDICIAL))
    chance.vote()
    town.go_to(town.today + timedelta(days=3))
    assert code_of(lambda: chance.do(service.homologate)) == "plan-filed-too-late"
    town.go_to(town.today + timedelta(days=1))
    assert chance.do(service.homologate) is State.PERFORMING_UNDER_PLAN
    assert [event.event for event in town.loan(chance.loan_id).events].count("terms-eased") == 1


def test_a_moratorium_is_granted_extended_and_ends(sqlite_town):
    town = sqlite_town
    chance = late_loan(town)
    chance.observe()
    first = Stay(town.today, date(2028, 8, 7))
    assert code_of(lambda: chance.do(service.grant_moratorium, Stay(town.today, date(2028, 8, 8)))) == (
        "moratorium-too-long"
    )
    chance.do(service.grant_moratorium, first)
    for starts_on, ends_on in ((date(2028, 8, 7), date(2028, 12, 7)), (date(2028, 12, 7), date(2029, 4, 7))):
        town.jump_to(starts_on)
        chance.do(service.grant_moratorium, Stay(starts_on, ends_on))
    more = Stay(date(2029, 4, 7), date(2029, 4, 8))
    assert code_of(lambda: chance.do(service.grant_moratorium, more)) == "moratorium-total-too-long"
    assert [move.event for move in chance.file().history[-3:]] == ["moratorium-granted"] + ["moratorium-extended"] * 2
    chance.do(service.end_standstill)
    assert chance.file().state is State.DEFAULTED


def test_a_standstill_that_lenders_agree_to_ends_in_the_warning(sqlite_town):
    town = sqlite_town
    chance = late_loan(town)
    chance.observe()
    assert code_of(lambda: chance.do(service.agree_standstill, Stay(town.today, town.today))) == "stay-malformed"
    chance.do(service.agree_standstill, Stay(town.today, town.today + timedelta(days=30)))
    chance.do(service.end_standstill)
    assert chance.file().state is State.EARLY_WARNING
    assert code_of(lambda: chance.do(service.resolve_warning)) == "arrears-not-cleared"
    town.pay_due(chance.loan_id, 2)
    assert chance.do(service.resolve_warning) is State.PERFORMING


def test_every_late_file_has_a_promised_day_and_a_missed_promise_counts(sqlite_town):
    town = sqlite_town
    chance = late_loan(town)
    promised = town.today + timedelta(days=14)
    assert code_of(chance.open) == "file-already-open"
    assert code_of(lambda: chance.do(service.give_update, update_on=town.today)) == "update-date-too-early"
    town.go_to(promised)
    assert chance.file().missed_promises(town.today) == 0
    town.go_to(promised + timedelta(days=1))
    assert chance.file().missed_promises(town.today) == 1
    chance.do(service.give_update, update_on=town.today + timedelta(days=7))
    assert chance.file().missed_promises(town.today) == 1
    again = town.today + timedelta(days=9)
    chance.do(service.give_update, update_on=again)
    assert [each.is_missed(town.today) for each in chance.file().promises] == [True, False]
    assert chance.file().promises[-1].promised_on == again, "of two promises made on one day the last holds"


def test_a_material_signal_is_told_to_the_lenders_with_the_day_of_the_next_news(sqlite_town):
    town = sqlite_town
    chance = late_loan(town)
    seen_on, update_on = town.today - timedelta(days=3), town.today + timedelta(days=7)
    known = {"update_on": update_on, "is_material": True}
    chance.do(service.note_signal, Signal.DEFAULT_JUDGMENT, on=seen_on, **known)
    assert chance.file().state is State.EARLY_WARNING
    [signal] = chance.file().signals
    assert (signal.signal, signal.on, signal.evidence, signal.is_material) == (
        Signal.DEFAULT_JUDGMENT,
        seen_on,
        PAPER,
        True,
    )
    mails = [body for template, body in town.mails if template == "loan-signal"]
    assert sorted(body["facts"]["amount_cents"] for body in mails) == [40_000, 80_000]
    assert {body["facts"]["update_on"] for body in mails} == {update_on.isoformat()}
    tomorrow = town.today + timedelta(days=1)
    late = {"update_on": tomorrow + timedelta(days=1), "is_material": False}
    assert code_of(lambda: chance.do(service.note_signal, Signal.SEIZURE, on=tomorrow, **late)) == "date-not-reached"
    assert code_of(lambda: chance.do(service.note_signal, Signal.SEIZURE, evidence="x", **late)) == "evidence-malformed"


def test_a_default_that_is_paid_is_cured_after_three_months_and_the_letter_has_a_probation(sqlite_town):
    town = sqlite_town
    chance = late_loan(town)
    town.jump_to(date(2028, 6, 6))
    assert chance.observe() == ["due-missed", "thirty-days-passed", "ninety-days-passed"]
    assert code_of(lambda: chance.do(service.cure)) == "cure-too-early"
    town.pay_due(chance.loan_id, 2)
    town.jump_to(date(2028, 9, 5))
    assert code_of(lambda: chance.do(service.cure)) == "cure-too-early"
    town.jump_to(date(2028, 9, 6))
    assert chance.do(service.cure) is State.CURED
    assert chance.do(service.rehabilitate) is State.PERFORMING
    assert chance.file().history[-1].facts["probation_until"] == "2030-09-06"
    town.jump_to(date(2029, 3, 7))
    town.jump_to(date(2029, 4, 6))
    assert chance.observe() == ["due-missed"]
    town.jump_to(date(2029, 4, 7))
    assert chance.observe() == ["probation-breached"]


def test_a_distressed_plan_is_cured_after_twelve_months_and_the_label_follows(sqlite_town):
    town = sqlite_town
    chance = late_loan(town)
    chance.observe()
    chance.accept(chance.plan(WAIVER, HAIRCUT, CARRY))
    made_on = town.today
    town.jump_to(date(2029, 3, 7))
    town.pay_due(chance.loan_id, 6)
    almost = date(made_on.year + 1, made_on.month, made_on.day - 1)
    town.jump_to(almost)
    assert code_of(lambda: chance.do(service.cure)) == "cure-too-early"
    past = Past((Concession(made_on, is_distressed=True),))
    assert bank_label(chance.book().position, past, almost) is BankLabel.NON_PERFORMING_FORBORNE
    town.jump_to(almost + timedelta(days=1))
    assert chance.do(service.cure) is State.CURED
    assert bank_label(chance.book().position, past, town.today) is BankLabel.PERFORMING_FORBORNE


@pytest.mark.parametrize(
    ("act", "arguments", "code"),
    [
        (service.follow_call, (Ground.ARREARS,), "move-not-allowed"),
        (service.homologate, (), "move-not-allowed"),
        (service.withdraw_plan, (), "move-not-allowed"),
        (service.perform_plan, (), "arrears-not-cleared"),
        (service.rehabilitate, (), "arrears-not-cleared"),
        (service.report_insolvency, (), None),
    ],
)
def test_what_does_not_fit_the_state_is_refused(sqlite_town, act, arguments, code):
    chance = late_loan(sqlite_town)
    sqlite_town.jump_to(sqlite_town.today + timedelta(days=70))
    if code is None:
        assert chance.do(act, *arguments) is State.DEFAULTED
    else:
        assert code_of(lambda: chance.do(act, *arguments)) == code


def test_arrears_are_a_ground_after_three_months_only_and_there_is_no_file_before_it_is_opened(sqlite_town):
    town = sqlite_town
    chance = late_loan(town)
    town.jump_to(date(2028, 6, 7))
    chance.observe()
    assert code_of(lambda: chance.do(service.follow_call, Ground.ARREARS)) == "arrears-too-short"
    town.jump_to(date(2028, 6, 8))
    assert chance.do(service.follow_call, Ground.ARREARS) is State.ACCELERATED
    other = Chance(town, "l000000000")
    assert code_of(other.open) == "loan-not-known"
    assert code_of(other.file) == "file-not-open"


def test_a_holiday_that_adds_to_the_debt_is_reckoned_and_not_served_yet(sqlite_town):
    chance = late_loan(sqlite_town)
    chance.observe()
    plan = chance.plan(CARRY, Use(tool=Tool.HOLIDAY, periods=1, interest=HolidayInterest.CAPITALISED))
    assert code_of(lambda: chance.do(service.publish_plan, plan)) == "holiday-capitalisation-not-served"
