"""What the provider does with our money: refunds, chargebacks, fees, settlements. Scenarios 13 to 16, 18 to 21, 23."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from contracts import payouts
from contracts.pledges import service as pledges
from contracts.pledges.model import PledgeState
from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.payments import queries, transfers
from ledger.payments.inbox import receive
from ledger.payments.model import ChargebackState, RefundState
from ledger.payments.movements import import_books
from ledger.payments.queries import payment
from ledger.payments.settlements import book_fee_cover
from ledger.payments.transfer_runs import Parked
from tests import invariants
from tests.payments_kit import sandbox_books
from tests.products_kit import DAY, EVIDENCE, Town

BEFORE = date(2025, 1, 1)


def provider_id_of(town: Town, payment_id: str) -> str:
    with town.book.read() as connection:
        return payment(connection, town.book.book_id, payment_id).provider_id


def hear(town: Town, provider_id: str) -> None:
    """The provider calls our webhook; everything that follows from it happens."""
    with town.book.unit_of_work(actor="webhook") as unit:
        receive(unit, provider_id)
    town.settle()
    invariants.hold(town.book)


def read_books(town: Town) -> int:
    """Everything in the provider's books until its movements are explained."""
    facts = import_books(town.book, town.rail, since=BEFORE)
    town.settle()
    facts += import_books(town.book, town.rail, since=BEFORE)
    invariants.hold(town.book)
    assert town.balance("580100") == town.rail.balance_cents()
    return facts


def cases(town: Town) -> list[str]:
    with town.book.read() as connection:
        return [case.code for case in queries.open_cases(connection, town.book.book_id)]


def test_13_a_withdrawal_in_the_reflection_period_while_the_payment_is_pending_is_refunded_once_when_it_becomes_paid(
    town,
):
    ada = town.citizen("Ada")
    made = town.pledge(town.open_offer(town.enterprise()), ada, 50_000)
    town.settle()
    assert town.withdraw(made.pledge_id) is None
    town.pay(made.payment_id)
    hear(town, provider_id_of(town, made.payment_id))
    assert town.state(made.pledge_id) is PledgeState.REFUNDED
    assert [r.amount_cents for r in town.rail.refunds_by_id.values()] == [50_000]
    assert [town.balance(a) for a in (f"489100:{ada}", f"489400:{ada}", "580100")] == [0, 0, 0]


def test_14_withdrawal_clicked_twice_and_by_api_at_once_is_one_refund_without_the_providers_duplicate_guard(town):
    ada = town.citizen("Ada")
    made = town.pay_pledge(town.open_offer(town.enterprise()), ada, 50_000)
    town.rail.calls.clear()

    def withdraw(_):
        with town.book.unit_of_work(actor=ada) as unit:
            return pledges.withdraw_pledge(unit, made.pledge_id, on=town.today).refund_id

    with ThreadPoolExecutor(3) as pool:
        refunds = set(pool.map(withdraw, range(3)))
    town.settle()
    assert len(refunds) == 1
    assert town.rail.calls.count("create_refund") == 1
    assert len(town.rail.refunds_by_id) == 1
    invariants.hold(town.book)


def test_15_a_refund_that_is_queued_is_shown_as_not_executed_alarms_and_is_posted_when_it_is_pending(shop):
    paid = shop.paid()
    shop.control.set_balance_short(short=True)
    shop.ask_refund(paid)
    shop.send()
    shop.process()
    [refund] = shop.refunds(paid)
    assert (refund.state, refund.sent_on) == (RefundState.QUEUED, None)
    assert shop.cases() == ["refund-queued"]
    assert (shop.balance("580100"), shop.balance("489400:c1")) == (50_000, -50_000)
    shop.control.set_balance_short(short=False)
    assert (shop.sweep(), shop.process()) == (1, 1)
    assert shop.refunds(paid)[0].state is RefundState.SENT
    assert (shop.balance("580100"), shop.balance("489400:c1"), shop.cases()) == (0, 0, [])
    invariants.hold(shop.book)


def test_16_a_refund_reported_refunded_that_then_failed_is_back_in_489400_and_the_citizen_is_asked_for_an_account(
    town,
):
    ada = town.citizen("Ada")
    made = town.pay_pledge(town.open_offer(town.enterprise()), ada, 50_000)
    town.withdraw(made.pledge_id)
    [refund_id] = town.rail.refunds_by_id
    assert (town.state(made.pledge_id), town.balance(f"489400:{ada}")) == (PledgeState.REFUNDED, 0)
    town.rail.set_refund(refund_id, "failed")
    for _ in range(2):
        hear(town, provider_id_of(town, made.payment_id))
    assert (town.state(made.pledge_id), town.balance(f"489400:{ada}")) == (PledgeState.REFUND_FAILED, -50_000)
    assert [template for template, _ in town.mails].count("refund-failed") == 1
    assert cases(town) == ["refund-failed"]
    read_books(town)


def test_18_a_refund_made_by_hand_in_the_dashboard_is_booked_by_the_sweeper_and_a_case_is_opened(shop, sandbox):
    paid = shop.paid()
    body = b'{"amount": {"currency": "EUR", "value": "120.00"}, "description": "by hand", "metadata": {}}'
    shop.rail.create_refund(paid.provider_id, body, "by-hand-1")
    assert (shop.sweep(), shop.process()) == (1, 1)
    assert shop.cases() == ["refund-not-ordered-here"]
    assert (shop.balance("499200"), shop.balance("489100:c1")) == (12_000, -50_000)
    books = sandbox_books(sandbox.base)
    import_books(shop.book, books, since=BEFORE)
    assert shop.balance("580100") == shop.control.balance_cents()
    invariants.hold_at_rest(shop, books, BEFORE)


def test_19_a_chargeback_lands_on_the_right_account_before_issue_and_after_issue_disbursement_and_coupon(
    sqlite_town,
):
    town = sqlite_town
    people = {name: town.citizen(name) for name in ("Ada", "Bob", "Chloe", "Dirk", "Eva")}
    borrower = town.enterprise()
    offer_id = town.open_offer(borrower, maximum_cents=250_000)
    made = {name: town.pay_pledge(offer_id, people[name], 50_000) for name in people}

    def charge_back(name):
        where = provider_id_of(town, made[name].payment_id)
        chargeback_id = town.rail.charge_back(where)
        hear(town, where)
        return chargeback_id

    charge_back("Ada")  # within her reflection period
    ada = people["Ada"]
    assert (town.balance(f"489100:{ada}"), town.balance(f"416200:{ada}")) == (0, 0)
    assert town.state(made["Ada"].pledge_id) is PledgeState.CHARGED_BACK
    assert next(m for m in town.mails if m[0] == "payment-charged-back")[1]["to"] == ada

    town.go_to(DAY + timedelta(days=5))  # the others are firm; the offer goes on until its last day
    charge_back("Bob")
    bob = people["Bob"]
    assert (town.balance(f"489200:{bob}"), town.balance(f"416200:{bob}")) == (0, 0)

    town.go_to(DAY + timedelta(days=11))
    loan_id = town.loan_of(offer_id)
    assert town.balance(f"489500:{borrower}") == -150_000
    charge_back("Chloe")  # issued, not paid out
    chloe = people["Chloe"]
    assert town.balance(f"416200:{chloe}") == 50_000

    bank(town)
    with pytest.raises(Refusal, match="cash-rule-not-met"):  # what was taken back is not there to be paid out
        town.disburse(loan_id)
    top_up(town, 50_000)
    town.disburse(loan_id)
    charge_back("Dirk")
    dirk = people["Dirk"]
    assert town.balance(f"416200:{dirk}") == 50_000

    town.go_to(town.loan(loan_id).instalments[0].due_on)
    town.pay_due(loan_id, 1)
    before = town.balance(f"489300:{people['Eva']}")
    charge_back("Eva")
    eva = people["Eva"]
    assert (town.balance(f"416200:{eva}"), town.balance(f"489300:{eva}")) == (50_000, before)

    with town.book.unit_of_work(actor=town.maker) as unit:
        assert payouts.frozen_holders(unit.connection, unit.book_id) == dict.fromkeys((chloe, dirk, eva), 50_000)
        pages = list(payouts.payout_pages(unit, on=town.today))
        assert {each.reason for page in pages for each in page.parked} == {Parked.FROZEN}
        assert not any(page.wanted for page in pages)
    read_books(town)


def bank(town: Town) -> None:
    """The provider pays out what it holds, and the bank books it."""
    settled = town.rail.settle()
    read_books(town)
    with town.book.unit_of_work(actor=town.maker) as unit:
        reference, cents = settled.reference, settled.amount_cents
        transfers.record_settlement(unit, reference=reference, amount_cents=cents, evidence=EVIDENCE, on=town.today)


def top_up(town: Town, cents: int) -> None:
    """The platform pays what it lacks into the client account."""
    from ledger.journal import JournalEntry, Posting

    with town.book.unit_of_work(actor="test") as unit:
        lines = (Posting(AccountRef("550100"), debit=cents), Posting(AccountRef("550200"), credit=cents))
        unit.post(JournalEntry(f"test:{cents}", unit.today(), "test", lines))


def test_20_a_chargeback_heard_of_before_its_payment_and_then_reversed_ends_in_the_same_books_in_any_order(town):
    offer_id = town.open_offer(town.enterprise(), maximum_cents=1_000_000)
    ended = {}
    steps = ("pay", "charge back", "win back")
    for number, heard in enumerate(itertools.product((True, False), repeat=2)):
        lender = town.citizen("Ada")
        made = town.pledge(offer_id, lender, 50_000)
        town.settle()
        where = provider_id_of(town, made.payment_id)
        chargeback_id = None
        for step, is_heard in zip(steps, (*heard, True), strict=True):
            if step == "pay":
                town.rail.decide(where, "paid")
            elif step == "charge back":
                chargeback_id = town.rail.charge_back(where)
            else:
                town.rail.win_back(chargeback_id)
            if is_heard:
                hear(town, where)
        hear(town, where)
        accounts = ("489100", "489200", "489400", "416200")
        ended[number] = (town.state(made.pledge_id), [town.balance(f"{code}:{lender}") for code in accounts])
    assert set(map(repr, ended.values())) == {repr((PledgeState.PAID, [-50_000, 0, 0, 0]))}
    assert town.balance("580100") == town.rail.balance_cents() == 200_000
    assert cases(town) == []
    assert read_books(town) == 0


def test_21_a_refund_by_us_and_a_chargeback_by_the_debtor_show_the_excess_on_416200_in_any_order(sqlite_town):
    town = sqlite_town
    offer_id = town.open_offer(town.enterprise())
    for first in ("refund", "chargeback"):
        lender = town.citizen("Ada")
        made = town.pay_pledge(offer_id, lender, 50_000)
        where = provider_id_of(town, made.payment_id)
        if first == "chargeback":  # while the withdrawal's refund has not been sent
            with town.book.unit_of_work(actor=lender) as unit:
                pledges.withdraw_pledge(unit, made.pledge_id, on=town.today)
            chargeback_id = town.rail.charge_back(where)
            with town.book.unit_of_work(actor="webhook") as unit:
                receive(unit, where)
            town.process_only()
            town.settle()
        else:
            town.withdraw(made.pledge_id)
            chargeback_id = town.rail.charge_back(where)
        hear(town, where)
        assert [town.balance(f"{code}:{lender}") for code in ("489100", "489400", "416200")] == [0, 0, 50_000]
        town.rail.win_back(chargeback_id)
        hear(town, where)
        assert [town.balance(f"{code}:{lender}") for code in ("489100", "489400", "416200")] == [0, 0, 0]
    read_books(town)
    with town.book.read() as connection:
        found = queries.chargebacks(connection, town.book.book_id)
    assert {(each.state, each.excess_cents) for each in found} == {
        (ChargebackState.REVERSED, 50_000),
        (ChargebackState.REVERSED, 0),
    }


def test_23_a_settlement_less_585_68_of_fees_leaves_a_gap_that_is_topped_up_and_the_unknown_and_negative_are_kept(
    town,
):
    ada = town.citizen("Ada")
    offer_id = town.open_offer(town.enterprise())
    town.rail.fee_cents = 58_568
    town.pay_pledge(offer_id, ada, 500_000)
    town.rail.fee_cents = 0
    settled = town.rail.settle()
    assert settled.amount_cents == 441_432
    assert read_books(town) == 3  # the fee, the settlement, the cover of the fee
    assert [town.balance(a) for a in ("580100", "580200", "657000", "580300", "550200")] == [
        0, 441_432, 58_568, 58_568, -58_568,
    ]  # fmt: skip
    assert cases(town) == ["fee-cover-due"]
    with town.book.unit_of_work(actor=town.maker) as unit:
        booked = {"evidence": EVIDENCE, "on": town.today}
        transfers.record_settlement(unit, reference=settled.reference, amount_cents=441_432, **booked)
        book_fee_cover(unit, reference=settled.reference, amount_cents=58_568, **booked)
    assert town.balance("550100") == 500_000  # all that clients are owed is at the bank
    assert cases(town) == []

    town.rail.moved("rolling-reserve-hold", -1_234, fee_cents=0)
    town.rail.moved("invoice-rounding-compensation", 3, fee_cents=0)
    assert read_books(town) == 2
    assert [town.balance(a) for a in ("499200", "757000", "580100")] == [1_234, -3, -1_231]
    assert town.rail.settle().amount_cents == -1_231
    assert read_books(town) == 0
    assert sorted(cases(town)) == ["movement-unknown", "settlement-negative"]
    town.pay_pledge(offer_id, town.citizen("Bob"), 10_000)
    assert town.rail.settle().amount_cents == 8_769  # smaller by what was carried
    assert read_books(town) == 1
    assert [town.balance(a) for a in ("580100", "580200")] == [0, 8_769]


def test_34_in_a_random_fault_run_ledger_provider_and_bank_agree_and_all_invariants_hold(tmp_path):
    """A small storm: `make storm` runs 1,000 intents for each of 20 seeds."""
    from api.reconcile.storm import run_storm

    outcome = run_storm(34, 24, tmp_path)
    assert outcome.broken == ()
    assert outcome.provider_cents == outcome.ledger_cents > 0
    assert outcome.bank_cents == outcome.booked_cents > 0
    assert (outcome.second_sweep_posted, outcome.kills) == (0, 1)
    assert outcome.agrees


def test_34_a_storm_whose_books_differ_by_a_cent_is_told_apart(tmp_path):
    from dataclasses import replace

    from api.reconcile.storm import run_storm

    outcome = run_storm(1, 1, tmp_path)
    assert outcome.agrees
    assert not replace(outcome, ledger_cents=outcome.ledger_cents + 1).agrees
    assert not replace(outcome, second_sweep_posted=1).agrees
    assert not replace(outcome, broken=("I1: entry 7 does not balance in EUR",)).agrees
