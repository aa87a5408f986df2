"""The days that officers state from a paper: never to come, never before what they must follow; and what is asked for
only once.
"""

from datetime import date, timedelta

import pytest

from contracts import payouts
from contracts.loans import dues
from contracts.loans import service as loans
from contracts.loans.model import LoanState
from contracts.offers import service as offers
from contracts.parties import service as parties
from contracts.servicing.model import Label
from ledger.payments import transfer_runs, transfers
from ledger.payments.queries import payments_for
from tests.products_kit import DAY, EVIDENCE, Town, refused

TYPED_WRONG = date(2062, 3, 7)


@pytest.fixture
def town(sqlite_town: Town) -> Town:
    return sqlite_town


def running(town: Town) -> tuple[str, str, str]:
    ada, borrower = town.citizen("Ada"), town.enterprise()
    return town.fund({ada: 100_000}, borrower), ada, borrower


def go_bankrupt(town: Town, loan_id: str, on: date) -> None:
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.record_bankruptcy(uow, loan_id, on=on, evidence=EVIDENCE)


def write_off(town: Town, loan_id: str, on: date) -> None:
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.write_off(uow, loan_id, on=on, evidence=EVIDENCE)


def test_a_bankruptcy_is_of_a_day_between_the_agreement_and_today(town: Town) -> None:
    loan_id, _, _ = running(town)
    agreed_on = town.loan(loan_id).agreed_on
    with refused(town, "date-not-reached", stated_on="2062-03-07", today_on=town.today.isoformat()):
        go_bankrupt(town, loan_id, TYPED_WRONG)
    with refused(town, "date-too-early", earliest_on=agreed_on.isoformat()):
        go_bankrupt(town, loan_id, agreed_on - timedelta(days=1))
    go_bankrupt(town, loan_id, agreed_on)
    assert (town.loan(loan_id).state, town.loan(loan_id).state_label) == (LoanState.BANKRUPT, Label.DEFAULTED)


def test_a_loss_is_not_dated_before_money_that_has_come_so_that_it_is_exact(town: Town) -> None:
    loan_id, ada, _ = running(town)
    due = town.loan(loan_id).instalments[0]
    town.jump_to(due.due_on)
    go_bankrupt(town, loan_id, due.due_on - timedelta(days=9))
    town.pay_due(loan_id, 1)
    with refused(town, "date-too-early", earliest_on=due.due_on.isoformat()):
        write_off(town, loan_id, due.due_on - timedelta(days=1))
    with refused(town, "date-not-reached"):
        write_off(town, loan_id, TYPED_WRONG)
    write_off(town, loan_id, due.due_on)
    assert town.loan(loan_id).lost_cents == 80_000 == town.balance(f"022000:{ada}", f"LOAN-{loan_id.upper()}")


def test_a_loss_is_not_dated_before_the_bankruptcy(town: Town) -> None:
    loan_id, _, _ = running(town)
    town.jump_to(town.today + timedelta(days=9))
    go_bankrupt(town, loan_id, town.today)
    with refused(town, "date-too-early", earliest_on=town.today.isoformat()):
        write_off(town, loan_id, town.today - timedelta(days=1))


def test_a_bank_statement_shows_no_day_to_come_and_no_transfer_before_its_order(town: Town) -> None:
    ada, borrower = town.citizen("Ada"), town.enterprise()
    offer_id = town.open_offer(borrower, maximum_cents=100_000)
    town.pay_pledge(offer_id, ada, 100_000)
    town.go_to(DAY + timedelta(days=5))
    loan_id = town.loan_of(offer_id)
    with refused(town, "date-not-reached"), town.book.unit_of_work(actor=town.maker) as uow:
        transfers.record_settlement(uow, reference="R.1", amount_cents=100, evidence=EVIDENCE, on=TYPED_WRONG)
    town.bank_provider_money()
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = loans.request_disbursement(uow, loan_id, on=town.today, reason="agreed")
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        order_id = loans.order_disbursement(uow, loan_id, approval_id=approval_id, on=town.today)
    for day, code in ((TYPED_WRONG, "date-not-reached"), (town.today - timedelta(days=1), "date-too-early")):
        with refused(town, code), town.book.unit_of_work(actor=town.maker) as uow:
            loans.confirm_transfer(uow, order_id, statement_reference="S1", evidence=EVIDENCE, on=day)
    town.confirm(order_id)
    assert town.loan(loan_id).disbursed_on == town.today


def test_what_is_done_is_not_asked_for_again(town: Town) -> None:
    loan_id, _, _ = running(town)
    with refused(town, "move-not-allowed", state="running"), town.book.unit_of_work(actor=town.maker) as uow:
        loans.request_disbursement(uow, loan_id, on=town.today, reason="pressed twice")
    offer_id = town.loan(loan_id).offer_id
    with refused(town, "move-not-allowed", state="funded"), town.book.unit_of_work(actor=town.maker) as uow:
        offers.request_publication(uow, offer_id, reason="pressed twice")


def test_an_account_that_changes_after_the_request_is_not_paid_under_the_old_approval(town: Town) -> None:
    loan_id, ada, _ = running(town)
    town.jump_to(town.loan(loan_id).instalments[0].due_on)
    town.pay_due(loan_id, 1)
    town.bank_provider_money()
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = payouts.request_payouts(uow, on=town.today, reason="run")
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        seq = parties.change_iban(uow, ada, "BE60096900000070", valid_from=town.today, evidence="a forged mail")
    with town.book.unit_of_work(actor=town.checker) as uow:
        parties.verify_iban(uow, ada, seq, evidence="not looked at")
    with town.book.unit_of_work(actor=town.maker) as uow:
        assert payouts.order_payouts(uow, approval_id=approval_id, on=town.today) == []
        run_id = payouts.run_of(uow.connection, uow.book_id, approval_id)
    with town.book.read() as connection:
        parked = transfer_runs.parked_lines(connection, town.book.book_id, run_id)
    assert [(line.payee, line.reason) for line in parked] == [(ada, "account-changed")]


def test_a_due_whose_payment_has_just_arrived_is_not_asked_for_again(town: Town) -> None:
    loan_id, _, _ = running(town)
    town.jump_to(town.loan(loan_id).instalments[0].due_on)
    with town.book.read() as connection:
        [asked] = payments_for(connection, town.book.book_id, f"due:{loan_id}:1")
    pay_without_handling(town, asked.payment_id)
    with town.book.unit_of_work(actor="borrower") as uow:
        assert dues.request_due_payment(uow, loan_id, 1) == asked.payment_id
    town.settle()
    assert town.loan(loan_id).instalments[0].state == "settled"


def pay_without_handling(town: Town, payment_id: str) -> None:
    from contracts.dispatch import resolve_credit
    from ledger.payments.calls import send_due_calls
    from ledger.payments.inbox import process_inbox, receive
    from ledger.payments.queries import payment

    send_due_calls(town.book, town.rail, limit=1_000)
    with town.book.read() as connection:
        view = payment(connection, town.book.book_id, payment_id)
    assert view is not None
    assert view.provider_id is not None
    town.rail.decide(view.provider_id, "paid")
    with town.book.unit_of_work(actor="webhook") as uow:
        receive(uow, view.provider_id)
    assert process_inbox(town.book, town.rail, resolve_credit=resolve_credit) == 1
