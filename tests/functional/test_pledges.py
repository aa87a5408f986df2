"""Pledges: paid, firm, withdrawn, lapsed, given back; and whatever arrives too late or twice is sent back once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from contracts.dispatch import HANDLERS
from contracts.offers.model import OfferState
from contracts.parties import service as parties
from contracts.parties.model import Elsewhere, LenderDeclaration
from contracts.pledges import queries, service
from contracts.pledges.model import PledgeState
from ledger.errors import Refusal
from ledger.payments.model import RefundState
from ledger.payments.queries import payment, refunds_for
from tests.products_kit import DAY, refused


@pytest.fixture
def offer_id(town):
    return town.open_offer(town.enterprise())


def line(town, lender):
    with town.book.read() as connection:
        [found] = queries.pledges_of(connection, town.book.book_id, lender, town.today)
    return found


def test_a_pledge_is_paid_reflected_upon_and_firm(town, offer_id):
    ada = town.citizen("Ada")
    made = town.pledge(offer_id, ada, 50_000)
    assert made.reflection_ends_on == DAY + timedelta(days=4)
    card = town.card(offer_id)
    assert (card.committed_cents, card.received_cents, card.reflection_cents) == (50_000, 0, 0)
    town.pay(made.payment_id)
    card = town.card(offer_id)
    assert (card.committed_cents, card.received_cents, card.reflection_cents) == (0, 50_000, 50_000)
    assert (town.balance(f"489100:{ada}"), town.balance("580100")) == (-50_000, 50_000)
    assert (line(town, ada).state, line(town, ada).paid_on, line(town, ada).can_withdraw) == ("paid", DAY, True)
    town.go_to(DAY + timedelta(days=4))
    assert town.state(made.pledge_id) is PledgeState.PAID
    town.go_to(DAY + timedelta(days=5))
    assert town.state(made.pledge_id) is PledgeState.FIRM
    card = town.card(offer_id)
    assert (card.received_cents, card.reflection_cents) == (50_000, 0)
    assert (town.balance(f"489100:{ada}"), town.balance(f"489200:{ada}")) == (0, -50_000)
    assert [template for template, _ in town.mails] == ["pledge-made", "pledge-paid"]
    assert town.run_jobs() == 0


def test_an_unpaid_pledge_is_withdrawn_without_money_moving(town, offer_id):
    ada = town.citizen("Ada")
    made = town.pledge(offer_id, ada, 50_000)
    before = town.entries()
    assert town.withdraw(made.pledge_id) is None
    assert (town.state(made.pledge_id), town.entries()) == (PledgeState.WITHDRAWN, before)
    assert town.card(offer_id).committed_cents == 0


def test_a_paid_pledge_is_withdrawn_on_the_last_day_and_refunded_once_however_often_it_is_asked(town, offer_id):
    ada = town.citizen("Ada")
    made = town.pay_pledge(offer_id, ada, 50_000)
    town.go_to(DAY + timedelta(days=4))
    first = town.withdraw(made.pledge_id)
    assert town.withdraw(made.pledge_id) == first
    with town.book.read() as connection:
        [refund] = refunds_for(connection, town.book.book_id, f"pledge:{made.pledge_id}")
    assert (refund.refund_id, refund.amount_cents, refund.state) == (first, 50_000, RefundState.REFUNDED)
    assert town.state(made.pledge_id) is PledgeState.REFUNDED
    assert [town.balance(a) for a in (f"489100:{ada}", f"489400:{ada}", "580100")] == [0, 0, 0]
    card = town.card(offer_id)
    assert (card.committed_cents, card.received_cents, card.reflection_cents) == (0, 0, 0)
    assert [template for template, _ in town.mails][2:] == ["pledge-withdrawn", "refund-sent"]


def test_eight_withdrawals_at_once_make_one_refund(town, offer_id):
    ada = town.citizen("Ada")
    made = town.pay_pledge(offer_id, ada, 50_000)

    def withdraw(_):
        with town.book.unit_of_work(actor=ada) as uow:
            return service.withdraw_pledge(uow, made.pledge_id, on=DAY).refund_id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(withdraw, range(8)))) == 1
    town.settle()
    assert len(town.rail.refunds_by_id) == 1
    assert (town.balance(f"489400:{ada}"), town.balance("580100")) == (0, 0)


def test_after_the_fourth_day_a_pledge_is_not_withdrawn(town, offer_id):
    ada = town.citizen("Ada")
    made = town.pay_pledge(offer_id, ada, 50_000)
    town.clock.instant += timedelta(days=5)
    with refused(town, "reflection-over"), town.book.unit_of_work(actor=ada) as uow:
        service.withdraw_pledge(uow, made.pledge_id, on=town.today)
    assert not line(town, ada).can_withdraw


def test_withdrawn_while_the_payment_is_on_its_way_the_money_is_sent_back_once(town, offer_id):
    ada = town.citizen("Ada")
    made = town.pledge(offer_id, ada, 50_000)
    town.settle()
    assert town.withdraw(made.pledge_id) is None
    town.pay(made.payment_id)
    assert town.state(made.pledge_id) is PledgeState.REFUNDED
    assert len(town.rail.refunds_by_id) == 1
    assert [town.balance(a) for a in (f"489100:{ada}", f"489400:{ada}", "580100")] == [0, 0, 0]


def test_withdrawn_between_the_booking_of_the_payment_and_its_handling_the_money_is_sent_back_once(town, offer_id):
    ada = town.citizen("Ada")
    made = town.pledge(offer_id, ada, 50_000)
    book_the_payment(town, made)
    assert town.balance(f"489100:{ada}") == -50_000
    town.withdraw(made.pledge_id)
    assert town.state(made.pledge_id) is PledgeState.REFUNDED
    assert len(town.rail.refunds_by_id) == 1
    assert [town.balance(a) for a in (f"489100:{ada}", f"489400:{ada}", "580100")] == [0, 0, 0]


def test_handling_a_payment_again_changes_nothing(town, offer_id):
    ada = town.citizen("Ada")
    made = town.pay_pledge(offer_id, ada, 50_000)
    body = paid_body(town, made, f"489100:{ada}")
    before = town.entries(), town.card(offer_id)
    with town.book.unit_of_work(actor="relay") as uow:
        HANDLERS["payment.paid"](uow, body)
    assert (town.entries(), town.card(offer_id)) == before


def test_two_payments_booked_before_either_is_handled_leave_one_and_send_one_back(town, offer_id):
    ada = town.citizen("Ada")
    made = town.pledge(offer_id, ada, 50_000)
    town.settle()
    town.rail.decide(provider_id(town, made.payment_id), "expired")
    town.settle()
    with town.book.unit_of_work(actor=ada) as uow:
        second = service.request_new_payment(uow, made.pledge_id, on=town.today)
    town.settle()
    for payment_id in (made.payment_id, second):
        town.rail.decide(provider_id(town, payment_id), "paid")
    town.settle()
    assert town.state(made.pledge_id) is PledgeState.PAID
    assert len(town.rail.refunds_by_id) == 1
    assert [town.balance(a) for a in (f"489100:{ada}", f"489400:{ada}", "580100")] == [-50_000, 0, 50_000]


def test_an_open_payment_is_not_asked_for_twice_and_a_paid_pledge_not_at_all(town, offer_id):
    ada = town.citizen("Ada")
    made = town.pledge(offer_id, ada, 50_000)
    with town.book.unit_of_work(actor=ada) as uow:
        assert service.request_new_payment(uow, made.pledge_id, on=DAY) == made.payment_id
    town.pay(made.payment_id)
    with refused(town, "pledge-not-payable"), town.book.unit_of_work(actor=ada) as uow:
        service.request_new_payment(uow, made.pledge_id, on=DAY)


def test_an_unpaid_pledge_lapses_and_money_that_comes_afterwards_is_sent_back(town, offer_id):
    ada = town.citizen("Ada")
    made = town.pledge(offer_id, ada, 50_000)
    town.settle()
    town.go_to(DAY + timedelta(days=7))
    assert (town.state(made.pledge_id), line(town, ada).can_pay) == (PledgeState.PLEDGED, True)
    town.go_to(DAY + timedelta(days=8))
    assert (town.state(made.pledge_id), town.card(offer_id).committed_cents) == (PledgeState.LAPSED, 0)
    town.pay(made.payment_id)
    assert town.state(made.pledge_id) is PledgeState.REFUNDED
    assert [town.balance(a) for a in (f"489100:{ada}", f"489400:{ada}", "580100")] == [0, 0, 0]


def test_money_paid_a_day_too_late_is_sent_back_even_before_the_pledge_has_lapsed(town, offer_id):
    ada = town.citizen("Ada")
    made = town.pledge(offer_id, ada, 50_000)
    town.settle()
    town.clock.instant += timedelta(days=8)
    town.rail.today = town.today
    town.pay(made.payment_id)
    assert town.state(made.pledge_id) is PledgeState.REFUNDED
    assert (town.card(offer_id).committed_cents, town.balance("580100")) == (0, 0)


def test_a_pledge_whose_money_has_just_arrived_does_not_lapse(town, offer_id):
    ada = town.citizen("Ada")
    made = town.pledge(offer_id, ada, 50_000)
    book_the_payment(town, made)
    town.clock.instant += timedelta(days=8)
    assert service.lapse_unpaid_pledges(town.book, town.today) == 0
    town.settle()
    assert town.state(made.pledge_id) is PledgeState.PAID


def test_a_refund_that_comes_back_stays_due_and_is_sent_again(town, offer_id):
    ada = town.citizen("Ada")
    made = town.pay_pledge(offer_id, ada, 50_000)
    town.withdraw(made.pledge_id)
    with refused(town, "refund-not-failed"), town.book.unit_of_work(actor=town.maker) as uow:
        service.retry_refund(uow, made.pledge_id)
    [refund_id] = town.rail.refunds_by_id
    town.rail.set_refund(refund_id, "failed")
    town.settle()
    assert (town.state(made.pledge_id), town.balance(f"489400:{ada}")) == (PledgeState.REFUND_FAILED, -50_000)
    assert town.mails[-1][0] == "refund-failed"
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.retry_refund(uow, made.pledge_id)
    town.settle()
    assert (town.state(made.pledge_id), town.balance(f"489400:{ada}")) == (PledgeState.REFUNDED, 0)


def test_a_campaign_below_its_minimum_fails_and_everybody_is_paid_back(town):
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    offer_id = town.open_offer(town.enterprise(), minimum_cents=90_000)
    town.pay_pledge(offer_id, ada, 50_000)
    unpaid = town.pledge(offer_id, bob, 30_000)
    town.go_to(DAY + timedelta(days=11))
    assert town.card(offer_id).state is OfferState.FAILED
    assert town.state(unpaid.pledge_id) is PledgeState.LAPSED
    assert line(town, ada).state is PledgeState.REFUNDED
    assert [town.balance(a) for a in (f"489200:{ada}", f"489400:{ada}", "580100")] == [0, 0, 0]
    assert [body["to"] for template, body in town.mails if template == "campaign-failed"] == [ada]


def test_an_offer_waits_for_the_reflection_of_its_last_pledge(town):
    ada = town.citizen("Ada")
    offer_id = town.open_offer(town.enterprise(), minimum_cents=50_000)
    town.go_to(DAY + timedelta(days=10))
    town.pay_pledge(offer_id, ada, 50_000)
    town.go_to(DAY + timedelta(days=14))
    assert town.card(offer_id).state is OfferState.OPEN
    with refused(town, "offer-closed"):
        town.pledge(offer_id, ada, 50_000)
    town.go_to(DAY + timedelta(days=15))
    assert town.card(offer_id).state is OfferState.FUNDED


def test_what_no_pledge_may_be(town):
    ada = town.citizen("Ada")
    offer_id = town.open_offer(town.enterprise(), maximum_cents=200_000, opens_on=DAY + timedelta(days=1))
    with refused(town, "offer-not-open-yet"):
        town.pledge(offer_id, ada, 50_000)
    town.go_to(DAY + timedelta(days=1))
    with refused(town, "pledge-below-minimum", minimum_cents=10_000):
        town.pledge(offer_id, ada, 9_999)
    with refused(town, "offer-cap-exceeded", remaining_cents=200_000):
        town.pledge(offer_id, ada, 200_001)
    with refused(town, "risk-not-acknowledged"):
        town.pledge(offer_id, ada, 50_000, risk_acknowledged=False)
    with refused(town, "lender-declaration-missing"):
        town.pledge(offer_id, ada, 50_000, declaration=None)
    with refused(town, "lender-ineligible-employee"):
        town.pledge(offer_id, ada, 50_000, declaration=LenderDeclaration(is_employee=True))
    with refused(town, "party-unknown"):
        town.pledge(offer_id, "cnobody", 50_000)
    town.pledge(offer_id, ada, 150_000)
    with refused(town, "offer-cap-exceeded", remaining_cents=50_000):
        town.pledge(offer_id, ada, 50_001)
    town.pledge(offer_id, ada, 50_000)
    with pytest.raises(Refusal, match="pledge-not-known"), town.book.read() as connection:
        queries.pledge(connection, town.book.book_id, "pnothing")


def test_the_lenders_cap_counts_her_live_pledges_and_what_she_declares_elsewhere(town):
    ada, borrower = town.citizen("Ada"), town.enterprise()
    first = town.open_offer(borrower, maximum_cents=4_000_000)
    second = town.open_offer(town.enterprise("Vélo Cargo", number="0403.201.185"), maximum_cents=4_000_000)
    with town.book.unit_of_work(actor=ada) as uow:
        stated = Elsewhere(2026, concluded_cents=500_000, outstanding_cents=500_000)
        parties.record_elsewhere(uow, ada, stated, valid_from=DAY, evidence="her statement")
    made = town.pledge(first, ada, 4_000_000)
    with refused(town, "lender-cap-exceeded", left_cents=500_000):
        town.pledge(second, ada, 500_001)
    town.pledge(second, ada, 500_000)
    with refused(town, "lender-cap-exceeded", left_cents=0):
        town.pledge(second, ada, 10_000)
    town.withdraw(made.pledge_id)  # and what she takes back no longer counts
    town.pledge(second, ada, 10_000)


def test_ten_lenders_at_once_cannot_exceed_the_offers_maximum_by_a_cent(town):
    lenders = [town.citizen(f"Lender{n}") for n in range(10)]
    offer_id = town.open_offer(town.enterprise(), maximum_cents=100_000)
    refusals = at_once(lambda lender: town.pledge(offer_id, lender, 15_000), lenders)
    assert refusals == ["offer-cap-exceeded"] * 4
    assert town.card(offer_id).committed_cents == 90_000


def test_one_lender_at_once_in_ten_offers_cannot_exceed_her_cap_by_a_cent(town):
    ada = town.citizen("Ada")
    numbers = ["0403.199.702", "0403.201.185", "0247.499.953", "1000.000.021"]
    borrowers = [town.enterprise(f"Firm {n}", number=number) for n, number in enumerate(numbers)]
    offers = [town.open_offer(borrowers[n % 4], maximum_cents=900_000) for n in range(10)]
    refusals = at_once(lambda offer_id: town.pledge(offer_id, ada, 900_000), offers)
    assert refusals == ["lender-cap-exceeded"] * 5
    with town.book.read() as connection:
        assert queries.live_cents(connection, town.book.book_id, ada) == 4_500_000


def at_once(act, items):
    """Do it for all of them in as many threads; the codes of the refusals."""

    def attempt(item):
        try:
            act(item)
        except Refusal as refusal:
            return refusal.code
        return None

    with ThreadPoolExecutor(len(items)) as pool:
        return [code for code in pool.map(attempt, items) if code]


def provider_id(town, payment_id):
    with town.book.read() as connection:
        return payment(connection, town.book.book_id, payment_id).provider_id


def book_the_payment(town, made):
    """The payment is paid and booked, and nothing has handled it yet."""
    from contracts.dispatch import resolve_credit
    from ledger.payments.calls import send_due_calls
    from ledger.payments.inbox import process_inbox
    from ledger.payments.sweep import sweep

    send_due_calls(town.book, town.rail, limit=10)
    town.rail.decide(provider_id(town, made.payment_id), "paid")
    sweep(town.book, town.rail)
    process_inbox(town.book, town.rail, resolve_credit=resolve_credit)


def paid_body(town, made, account):
    return {
        "payment_id": made.payment_id,
        "reference": f"pledge:{made.pledge_id}",
        "amount_cents": 50_000,
        "paid_on": town.today.isoformat(),
        "account": account,
    }
