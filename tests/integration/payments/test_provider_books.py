"""The provider's movements and settlements against our facts: each explained once, and what does not agree a case."""

from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.journal import JournalEntry, Posting
from ledger.payments import tables as t
from ledger.payments import transfers
from ledger.payments.inbox import receive
from ledger.payments.model import OWN_CHARGEBACKS
from ledger.payments.movements import import_books
from ledger.payments.settlements import book_fee_cover
from tests import invariants
from tests.functional.conftest import quiet_rail
from tests.payments_kit import DAY, Shop

EVIDENCE = "ab" * 32
BEFORE = date(2025, 1, 1)


@pytest.fixture
def fake_shop(sqlite_book, clock):
    """A shop whose provider is a fake that keeps books."""
    rail = quiet_rail()
    return Shop(sqlite_book, rail, clock).configure()


def paid(shop, reference="pledge:p1", *, cents=50_000):
    payment = shop.open(reference, cents=cents)
    shop.rail.decide(payment.provider_id, "paid")
    hear(shop, payment)
    return shop.view(payment.payment_id)


def hear(shop, payment):
    with shop.book.unit_of_work(actor="test") as unit:
        receive(unit, payment.provider_id)
    return shop.process()


def read(shop):
    facts = import_books(shop.book, shop.rail, since=BEFORE)
    invariants.hold(shop.book)
    return facts


def book_settlement(shop, reference, cents):
    with shop.book.unit_of_work(actor="s1") as unit:
        transfers.record_settlement(unit, reference=reference, amount_cents=cents, evidence=EVIDENCE, on=DAY)


def book_cover(shop, reference, cents):
    with shop.book.unit_of_work(actor="s1") as unit:
        book_fee_cover(unit, reference=reference, amount_cents=cents, evidence=EVIDENCE, on=DAY)


def test_read_twice_or_in_parts_the_same_books_post_nothing_again(fake_shop):
    shop = fake_shop
    shop.rail.fee_cents = 39
    payment = paid(shop)
    shop.rail.refund_by_hand(payment.provider_id, 10_000)
    hear(shop, payment)
    assert read(shop) == 2  # two fees
    shop.rail.settle()
    assert read(shop) == 2
    assert shop.balance("580100") == shop.rail.balance_cents() == 0
    invariants.hold_at_rest(shop, shop.rail, BEFORE)


def test_a_movement_whose_payment_was_not_heard_of_wakes_up_the_inbox_and_waits(fake_shop):
    shop = fake_shop
    payment = shop.open()
    shop.rail.decide(payment.provider_id, "paid")
    assert read(shop) == 0
    assert shop.process() == 1  # no webhook, no sweep: the movement told of it
    assert read(shop) == 0
    assert shop.balance("580100") == 50_000


def test_a_movement_of_a_payment_that_is_none_of_ours_goes_to_499200(fake_shop):
    shop = fake_shop
    stranger = shop.rail.create_payment(b'{"amount": {"currency": "EUR", "value": "7.00"}, "metadata": {}}', "k1")
    shop.rail.decide(stranger.provider_id, "paid")
    assert read(shop) == 0
    shop.process()
    assert read(shop) == 1
    assert (shop.balance("499200"), shop.balance("580100")) == (-700, 700)
    assert sorted(shop.cases()) == ["movement-of-a-stranger", "payment-not-ours"]


def test_a_few_cents_between_a_movement_and_its_fact_are_a_difference_and_more_is_a_case(fake_shop):
    shop = fake_shop
    for number, cents in enumerate((50_002, 49_995, 50_006)):
        payment = paid(shop, f"pledge:p{number}")
        shop.rail.movements[-1] = replace(shop.rail.movements[-1], initial_cents=cents, result_cents=cents)
        assert payment.state == "paid"
        assert read(shop) == 1
    assert [shop.balance(a) for a in ("757000", "658000", "499200")] == [-2, 5, -6]
    assert shop.cases() == ["movement-differs"]
    assert shop.balance("580100") == shop.rail.balance_cents()


def test_a_fee_given_back_is_booked_the_other_way_round_and_counts_against_the_next_cover(fake_shop):
    shop = fake_shop
    paid(shop)
    shop.rail.movements[-1] = replace(shop.rail.movements[-1], deduction_cents=-10, result_cents=50_010)
    assert read(shop) == 1
    assert shop.balance("657000") == -10
    shop.rail.settle()
    assert read(shop) == 1  # nothing is to be covered
    shop.rail.fee_cents = 39
    paid(shop, "pledge:p2")
    settled = shop.rail.settle()
    assert read(shop) == 3
    assert shop.balance("580300") == 29
    book_cover(shop, settled.reference, 29)


def test_a_refund_that_failed_before_it_was_seen_to_leave_has_two_movements_that_end_each_other(fake_shop):
    shop = fake_shop
    payment = paid(shop)
    shop.ask_refund(payment)
    shop.send()
    [refund_id] = shop.rail.refunds_by_id
    shop.rail.set_refund(refund_id, "failed")
    hear(shop, payment)
    assert read(shop) == 0
    assert shop.balance("580100") == shop.rail.balance_cents() == 50_000
    with shop.book.read() as connection:
        assert set(connection.execute(sa.select(t.provider_movement.c.state)).scalars()) == {"posted"}


def test_a_settlement_that_the_bank_sends_back_stands_at_the_provider_again(fake_shop):
    shop = fake_shop
    paid(shop)
    settled = shop.rail.settle()
    read(shop)
    assert (shop.balance("580100"), shop.balance("580200")) == (0, 50_000)
    shop.rail.moved("returned-transfer", 50_000, settlement=settled.provider_id)
    shop.rail.settlements[-1] = replace(settled, status="failed")
    assert read(shop) == 1
    assert (shop.balance("580100"), shop.balance("580200")) == (50_000, 0)
    assert shop.cases() == ["settlement-returned"]


def test_the_bank_books_what_has_left_the_provider_within_a_few_cents(fake_shop):
    shop = fake_shop
    paid(shop)
    reference = shop.rail.settle().reference
    read(shop)
    with pytest.raises(Refusal) as refused:
        book_settlement(shop, reference, 50_006)
    assert refused.value.code == "settlement-amount-differs"
    assert shop.balance("550100") == 0
    for _ in range(2):
        book_settlement(shop, reference, 49_998)
    assert [shop.balance(a) for a in ("550100", "580200", "658000")] == [49_998, 0, 2]
    assert read(shop) == 0


def test_a_settlement_of_an_old_book_was_one_step_and_stays_it(fake_shop):
    shop = fake_shop
    payment = paid(shop)
    lines = (Posting(AccountRef("550100"), debit=50_000), Posting(AccountRef("580100"), credit=50_000))
    with shop.book.unit_of_work(actor="s1") as unit:
        unit.post(JournalEntry("settle:1234567.2602.01", DAY, "provider-settlement", lines))
    book_settlement(shop, "1234567.2602.01", 50_000)
    assert shop.view(payment.payment_id).state == "paid"
    assert [shop.balance(a) for a in ("550100", "580200", "580100")] == [50_000, 0, 0]
    with pytest.raises(Refusal):
        book_settlement(shop, "1234567.2602.01", 49_000)
    assert [shop.balance(a) for a in ("550100", "580200", "580100")] == [50_000, 0, 0]


def test_a_cover_of_fees_is_booked_once_and_only_as_it_is_due(fake_shop):
    shop = fake_shop
    shop.rail.fee_cents = 39
    paid(shop)
    reference = shop.rail.settle().reference
    read(shop)
    for wrong, code in (((reference, 38), "fee-cover-amount-differs"), (("1.2603.09", 39), "fee-cover-unknown")):
        with pytest.raises(Refusal, match=code):
            book_cover(shop, *wrong)
    for _ in range(2):
        book_cover(shop, reference, 39)
    assert [shop.balance(a) for a in ("550100", "580300", "550200")] == [39, 0, -39]
    assert shop.cases() == []


def test_a_chargeback_whose_amount_changes_is_a_case_and_posts_nothing_more(fake_shop):
    shop = fake_shop
    payment = paid(shop)
    chargeback_id = shop.rail.charge_back(payment.provider_id)
    assert hear(shop, payment) == 1
    stated = shop.rail.chargebacks_by_id[chargeback_id]
    shop.rail.chargebacks_by_id[chargeback_id] = replace(stated, amount_cents=1)
    assert hear(shop, payment) == 0
    assert sorted(shop.cases()) == ["chargeback-amount-differs", "payment-charged-back"]
    assert shop.balance("580100") == 0


def test_parts_of_a_payment_are_taken_back_and_won_back_each_for_itself(fake_shop):
    shop = fake_shop
    payment = paid(shop)
    first = shop.rail.charge_back(payment.provider_id, 20_000)
    shop.rail.charge_back(payment.provider_id, 10_000, reason="MD06")
    assert hear(shop, payment) == 2
    assert shop.balance("489100:c1") == -20_000
    with pytest.raises(Refusal, match="refund-exceeds-payment"):
        shop.ask_refund(payment)
    shop.rail.win_back(first)
    assert shop.sweep() == 1  # no webhook tells of it
    assert shop.process() == 1
    assert shop.balance("489100:c1") == -40_000
    assert read(shop) == 0
    assert shop.sweep() == 0


def test_a_refund_of_what_was_charged_back_is_a_claim_on_the_payer_and_a_case(fake_shop):
    shop = fake_shop
    payment = paid(shop)
    to_refund = AccountRef("489400", "c1")
    shop.chargebacks = replace(OWN_CHARGEBACKS, taken=lambda *_: to_refund, won_back=lambda *_: to_refund)
    shop.rail.faults.append("lost-after")  # it was made, and nobody heard
    shop.ask_refund(payment)
    shop.send()
    shop.rail.charge_back(payment.provider_id)
    shop.rail.refunds_by_id, made = {}, shop.rail.refunds_by_id
    hear(shop, payment)  # the chargeback is heard of first
    assert shop.balance("489100:c1") + shop.balance("489400:c1") == 0
    shop.rail.refunds_by_id = made
    hear(shop, payment)
    assert shop.balance("416200:c1") == 50_000
    assert "refund-of-charged-back" in shop.cases()
    read(shop)


def test_a_movement_that_the_books_refuse_is_a_case_and_holds_up_no_other(fake_shop, monkeypatch):
    from ledger.payments import postings

    shop = fake_shop
    shop.rail.fee_cents = 39
    paid(shop)
    paid(shop, "pledge:p2")
    make, refused = postings.provider_fee, shop.rail.movements[0].provider_id

    def refuse(movement_id, *given, **named):
        if movement_id == refused:
            raise Refusal("payments-not-configured")
        return make(movement_id, *given, **named)

    monkeypatch.setattr(postings, "provider_fee", refuse)
    assert import_books(shop.book, shop.rail, since=BEFORE) == 1
    assert shop.cases() == ["payments-not-configured"]
    monkeypatch.undo()
    assert import_books(shop.book, shop.rail, since=BEFORE) == 1
    assert shop.balance("657000") == 78
