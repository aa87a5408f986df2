"""Transfers that the bank rejects or gives back: whose the money is then, who is told, and how it goes again."""

from datetime import timedelta

from contracts.loans import service as loans
from contracts.loans.model import LoanState
from contracts.servicing.accounts import account_of
from ledger.payments import payees, transfers
from ledger.payments.payees import Standing
from tests.products_kit import DAY, EVIDENCE


def reject(town, order_id, reason):
    with town.book.unit_of_work(actor="system:bank-rail") as uow:
        transfers.record_rejected(uow, order_id, reason=reason, evidence=EVIDENCE, on=town.today)
    town.settle()


def order(town, loan_id):
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = loans.request_disbursement(uow, loan_id, on=town.today, reason="agreed")
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        return loans.order_disbursement(uow, loan_id, approval_id=approval_id, on=town.today)


def test_a_loan_whose_payout_the_bank_rejects_is_paid_out_again(town):
    ada, borrower = town.citizen("Ada"), town.enterprise()
    offer_id = town.open_offer(borrower, maximum_cents=100_000)
    town.pay_pledge(offer_id, ada, 100_000)
    town.go_to(DAY + timedelta(days=5))
    loan_id = town.loan_of(offer_id)
    town.bank_provider_money()
    reject(town, order(town, loan_id), "AM04")
    assert town.loan(loan_id).state is LoanState.AGREED
    assert town.balance(f"489500:{borrower}") == -100_000
    assert [t for t, _ in town.mails if t == "transfer-failed"] == []  # our own account was short, not hers at fault
    town.confirm(order(town, loan_id))
    assert town.loan(loan_id).state is LoanState.RUNNING
    assert town.balance(f"489500:{borrower}") == 0


def test_an_account_that_is_closed_is_used_no_more_and_its_holder_is_asked_for_another(sqlite_town):
    town = sqlite_town
    ada, borrower = town.citizen("Ada"), town.enterprise()
    offer_id = town.open_offer(borrower, maximum_cents=100_000)
    town.pay_pledge(offer_id, ada, 100_000)
    town.go_to(DAY + timedelta(days=5))
    town.bank_provider_money()
    reject(town, order(town, town.loan_of(offer_id)), "AC04")
    assert [body["to"] for template, body in town.mails if template == "transfer-failed"] == [borrower]
    with town.book.read() as connection:
        account = account_of(connection, town.book, borrower, town.today)
        standing = payees.standing(connection, town.book, borrower, account, now=town.book.clock.now())
    assert standing is Standing.PARKED
