"""The cash rule of each campaign: others' money at the bank pays out no loan and no lender."""

from datetime import timedelta

import pytest

from contracts import payouts
from contracts.loans import service as loans
from contracts.servicing.accounts import accounts_of
from ledger.accounts import AccountRef
from ledger.journal import JournalEntry, Posting
from ledger.payments import batches, payees, transfers
from ledger.payments.bank import configure_bank
from ledger.payments.model import BatchState
from ledger.payments.transfer_files import make_transfer_file
from ledger.payments.whereabouts import not_banked
from tests.functional.test_provider_desk import ORIGIN
from tests.functional.test_provider_desk import enter as enter
from tests.functional.test_provider_desk import wiring as wiring
from tests.products_kit import EVIDENCE, refused
from tests.scenarios.test_bank_orders import OURS, EveryNameFits


def two_loans(town, *, banked):
    """Two loans of 1,000 EUR that wait to be paid out; the provider has settled the first `banked` cents."""
    made = []
    for name, number in (("Four", "0403.199.702"), ("Vélo", "0403.201.185")):
        lender, borrower = town.citizen("Ada"), town.enterprise(name, number=number)
        offer_id = town.open_offer(borrower, title=name, maximum_cents=100_000)
        town.pay_pledge(offer_id, lender, 100_000)
        made.append((offer_id, lender))
    town.go_to(made_on(town, 5))
    settle(town, banked)
    return [(town.loan_of(offer_id), lender) for offer_id, lender in made]


def made_on(town, days):
    return town.today + timedelta(days=days)


def settle(town, cents, reference="1234.2603.01"):
    with town.book.unit_of_work(actor=town.maker) as uow:
        transfers.record_settlement(uow, reference=reference, amount_cents=cents, evidence=EVIDENCE, on=town.today)


def order(town, loan_id):
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = loans.request_disbursement(uow, loan_id, on=town.today, reason="agreed")
    town.approve(approval_id)

    def go():
        with town.book.unit_of_work(actor=town.maker) as uow:
            return loans.order_disbursement(uow, loan_id, approval_id=approval_id, on=town.today)

    return go


def test_a_loan_is_paid_out_of_what_its_own_lenders_brought_to_the_bank_and_of_nothing_else(town):
    (first, _), (second, _) = two_loans(town, banked=130_000)
    later = order(town, second)
    with refused(town, "campaign-cash-short", loan_id=second, amount_cents=100_000, missing_cents=70_000):
        later()
    assert town.balance("550100") == 130_000, "the bank would have had enough"
    town.confirm(order(town, first)())
    settle(town, 70_000, "1234.2603.02")
    town.confirm(later())
    assert [town.balance(code) for code in ("550100", "580100", "580400")] == [0, 0, 0]


def test_what_came_first_has_left_the_provider_first_and_what_was_taken_back_stands_nowhere(town):
    ada, bob, eva = (town.citizen(name) for name in ("Ada", "Bob", "Eva"))
    offer_id = town.open_offer(town.enterprise())
    made = {who: town.pay_pledge(offer_id, who, 50_000) for who in (ada, bob, eva)}
    settle(town, 20_000)

    def standing():
        with town.book.read() as connection:
            return [(each.payment_id, each.cents) for each in not_banked(connection, town.book.book_id)]

    newest = [made[who].payment_id for who in (eva, bob, ada)]
    assert standing() == list(zip(newest, (50_000, 50_000, 30_000), strict=True))
    town.withdraw(made[bob].pledge_id)
    assert standing() == [(newest[0], 50_000), (newest[2], 30_000)]
    settle(town, town.balance("580100"), "1234.2603.02")
    assert standing() == []


def test_a_share_that_is_still_with_the_provider_goes_with_a_later_run(town):
    ada, borrower = town.citizen("Ada"), town.enterprise()
    loan_id = town.fund({ada: 100_000}, borrower)
    first, second = town.loan(loan_id).instalments[:2]
    town.jump_to(first.due_on)
    town.pay_due(loan_id, 1)
    town.bank_provider_money()
    town.jump_to(second.due_on)
    town.pay_due(loan_id, 2)
    shares = {row.n: row.net_cents for row in town.loan(loan_id, ada).shares}
    assert town.balance(f"489300:{ada}") == -(shares[1] + shares[2])
    with town.book.unit_of_work(actor="test") as uow:
        [page] = payouts.payout_pages(uow, on=town.today)
    assert [wanted.amount_cents for wanted in page.wanted] == [shares[1]]
    [order_id] = order_payouts(town)
    town.confirm(order_id)
    town.bank_provider_money()
    with refused(town, "nothing-to-pay-out"):
        order_payouts(town)  # her transfer of the day has gone
    town.jump_to(made_on(town, 1))
    town.confirm(order_payouts(town)[0])
    assert town.balance(f"489300:{ada}") == 0


def order_payouts(town):
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = payouts.request_payouts(uow, on=town.today, reason="run")
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        return payouts.order_payouts(uow, approval_id=approval_id, on=town.today)


@pytest.mark.parametrize("language", ["fr", "nl", "en"])
def test_the_desk_says_what_of_a_loan_the_bank_has_not_booked(enter, sqlite_town, language):
    two_loans(sqlite_town, banked=130_000)
    desk = enter(sqlite_town.maker)
    desk.headers["Origin"] = ORIGIN
    shown = desk.get(f"/{language}/operations").text.replace("\xa0", " ").replace("\u202f", " ")
    assert shown.count({"fr": "encore chez le", "nl": "nog bij de", "en": "still with the"}[language]) == 1
    assert "700" in shown


def test_a_file_does_not_go_while_the_provider_has_the_money_again(town):
    (_, _), (second, _) = two_loans(town, banked=200_000)
    with town.book.unit_of_work(actor=town.maker) as uow:
        configure_bank(uow, OURS)
    order(town, second)()
    payees.check_payees(town.book, EveryNameFits(), accounts_of)
    with town.book.unit_of_work(actor=town.maker) as uow:
        batch = make_transfer_file(uow, accounts_of).batch_id
        approval_id = batches.request_release(uow, batch, reason="read again")
    town.approve(approval_id)
    taken = (Posting(AccountRef("580100"), debit=100_000), Posting(AccountRef("550100"), credit=100_000))
    with town.book.unit_of_work(actor="test") as uow:
        uow.post(JournalEntry("test:taken-back", town.today, "test", taken))
    with refused(town, "campaign-cash-short", amount_cents=100_000, missing_cents=100_000):
        release(town, batch, approval_id)
    settle(town, 100_000, "1234.2603.09")
    release(town, batch, approval_id)
    with town.book.read() as connection:
        assert batches.batch(connection, town.book.book_id, batch).state is BatchState.RELEASED


def release(town, batch, approval_id):
    with town.book.unit_of_work(actor=town.checker) as uow:
        payouts.release_file(uow, batch, approval_id=approval_id)
