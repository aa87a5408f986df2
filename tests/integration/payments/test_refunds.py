"""Refunds: once, never more than was paid, and honest about what has left and what came back."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from ledger.errors import Refusal
from ledger.payments import tables as t
from ledger.payments.inbox import process_inbox
from ledger.payments.model import RefundState
from tests.payments_kit import serve_webhooks, wait_until


def settle(shop):
    """Send what is due, fetch what is marked."""
    shop.send()
    return shop.process()


def test_a_refund_leaves_the_provider_and_is_posted_once(shop):
    payment = shop.paid()
    shop.ask_refund(payment)
    assert settle(shop) == 1
    assert shop.sweep() == 0
    [refund] = shop.refunds(payment)
    assert (refund.state, refund.sent_on.isoformat()) == (RefundState.SENT, "2026-03-02")
    assert (shop.balance("580100"), shop.balance("489400:c1")) == (0, 0)
    [body] = _outbox(shop, "refund.sent")
    assert body == {
        "refund_id": refund.refund_id,
        "payment_id": payment.payment_id,
        "reference": "back:p1",
        "amount_cents": 50_000,
        "on": "2026-03-02",
    }


def test_a_refund_asked_for_twice_is_made_once(shop):
    payment = shop.paid()
    first = shop.ask_refund(payment)
    assert shop.ask_refund(payment) == first
    settle(shop)
    assert shop.ask_refund(payment) == first
    settle(shop)
    assert len(shop.control.refunds()) == 1
    assert shop.entries() == {"payment-received": 1, "refund-sent": 1}


def test_a_refund_asked_for_again_with_another_amount_is_refused(sqlite_shop):
    payment = sqlite_shop.paid()
    sqlite_shop.ask_refund(payment, cents=10_000)
    with pytest.raises(Refusal, match="refund-already-ordered"):
        sqlite_shop.ask_refund(payment, cents=20_000)
    assert len(sqlite_shop.refunds(payment)) == 1


def test_refunds_never_exceed_what_was_paid(sqlite_shop):
    payment = sqlite_shop.paid()
    sqlite_shop.ask_refund(payment, reference="a", cents=30_000)
    with pytest.raises(Refusal) as refused:
        sqlite_shop.ask_refund(payment, reference="b", cents=20_001)
    assert refused.value == Refusal("refund-exceeds-payment", amount_cents=20_001, remaining_cents=20_000)
    sqlite_shop.ask_refund(payment, reference="b", cents=20_000)
    assert settle(sqlite_shop) == 2
    assert sqlite_shop.balance("580100") == 0


def test_what_is_not_paid_is_not_refunded(sqlite_shop):
    payment = sqlite_shop.open()
    with pytest.raises(Refusal, match="payment-not-paid"):
        sqlite_shop.ask_refund(payment)
    with pytest.raises(Refusal, match="payment-amount-not-positive"):
        sqlite_shop.ask_refund(sqlite_shop.paid("pledge:p2"), cents=0)
    assert sqlite_shop.refunds(payment) == []


def test_a_payment_that_does_not_exist_is_not_refunded(sqlite_shop):
    from dataclasses import replace

    payment = replace(sqlite_shop.open(), payment_id="ynothere00")
    with pytest.raises(Refusal, match="payment-not-known"):
        sqlite_shop.ask_refund(payment)


def test_a_queued_refund_is_no_movement_of_money(sqlite_shop):
    payment = sqlite_shop.paid()
    sqlite_shop.control.set_balance_short(short=True)
    sqlite_shop.ask_refund(payment)
    assert settle(sqlite_shop) == 1
    assert sqlite_shop.refunds(payment)[0].state is RefundState.QUEUED
    assert sqlite_shop.balance("580100") == 50_000
    sqlite_shop.control.set_balance_short(short=False)
    assert sqlite_shop.sweep() == 1
    assert sqlite_shop.process() == 1
    assert sqlite_shop.refunds(payment)[0].state is RefundState.SENT
    assert sqlite_shop.balance("580100") == 0


def test_a_refund_that_fails_after_it_was_sent_brings_the_money_back_and_shows_a_case(shop):
    payment = shop.paid()
    shop.ask_refund(payment)
    settle(shop)
    [stated] = shop.control.refunds()
    shop.control.set_refund(stated["id"], "refunded")
    assert shop.sweep() == 1
    assert shop.process() == 1
    shop.control.set_refund(stated["id"], "failed")
    assert shop.sweep() == 1
    assert shop.process() == 1
    assert shop.sweep() == 0
    assert shop.refunds(payment)[0].state is RefundState.FAILED
    assert (shop.balance("580100"), shop.balance("489400:c1")) == (50_000, -50_000)
    assert shop.cases() == ["refund-failed"]
    assert shop.entries() == {"payment-received": 1, "refund-sent": 1, "refund-failed": 1}
    assert len(_outbox(shop, "refund.failed")) == 1

    again = shop.ask_refund(payment)  # to another account: the first one is closed
    settle(shop)
    assert [r.state for r in shop.refunds(payment) if r.refund_id == again] == [RefundState.SENT]


def test_a_refund_seen_first_when_it_is_refunded_is_posted_once(sqlite_shop):
    payment = sqlite_shop.paid()
    sqlite_shop.ask_refund(payment)
    sqlite_shop.send()
    sqlite_shop.control.set_refund(sqlite_shop.control.refunds()[0]["id"], "refunded")
    assert sqlite_shop.process() == 2
    assert sqlite_shop.refunds(payment)[0].state is RefundState.REFUNDED
    assert sqlite_shop.entries() == {"payment-received": 1, "refund-sent": 1}


def test_a_refund_seen_first_when_it_has_failed_posts_nothing(sqlite_shop):
    payment = sqlite_shop.paid()
    sqlite_shop.ask_refund(payment)
    sqlite_shop.send()
    sqlite_shop.control.set_refund(sqlite_shop.control.refunds()[0]["id"], "canceled")
    assert sqlite_shop.process() == 1
    assert sqlite_shop.entries() == {"payment-received": 1}
    assert sqlite_shop.cases() == ["refund-failed"]


def test_a_refund_made_by_hand_at_the_provider_is_booked_against_suspense_and_shown(shop):
    payment = shop.paid()
    body = b'{"amount": {"currency": "EUR", "value": "125.00"}, "description": "by hand"}'
    shop.rail.create_refund(payment.provider_id, body, "dashboard")
    assert shop.sweep() == 1
    assert shop.process() == 1
    assert shop.sweep() == 0
    assert (shop.balance("580100"), shop.balance("499200")) == (37_500, 12_500)
    assert shop.cases() == ["refund-not-ordered-here"]
    assert _outbox(shop, "refund.sent") == []  # it is nobody's order
    with pytest.raises(Refusal, match="refund-exceeds-payment"):
        shop.ask_refund(payment)


def test_a_refund_of_another_amount_than_asked_is_a_case(sqlite_shop, sandbox):
    payment = sqlite_shop.paid()
    sqlite_shop.ask_refund(payment, cents=10_000)
    sqlite_shop.send()
    store = sandbox._store
    [stated] = store.values("refunds")
    store.put(("refunds", stated["id"], stated | {"amount_cents": 9_000}))
    assert sqlite_shop.process() == 0
    assert sqlite_shop.cases() == ["refund-amount-differs"]
    assert sqlite_shop.entries() == {"payment-received": 1}


def test_an_unknown_status_of_a_refund_is_a_case(sqlite_shop):
    payment = sqlite_shop.paid()
    sqlite_shop.ask_refund(payment)
    sqlite_shop.send()
    sqlite_shop.control.set_refund(sqlite_shop.control.refunds()[0]["id"], "at-the-bank")
    assert sqlite_shop.process() == 0
    assert sqlite_shop.cases() == ["provider-status-unknown"]


def test_a_refund_the_provider_refuses_is_shown_and_the_product_is_told(sqlite_shop):
    payment = sqlite_shop.paid()
    sqlite_shop.ask_refund(payment)
    body = b'{"amount": {"currency": "EUR", "value": "500.00"}, "description": "by hand"}'
    sqlite_shop.rail.create_refund(payment.provider_id, body, "dashboard")
    sqlite_shop.control.advance(timedelta(hours=1))  # no duplicate any more, but nothing remains
    assert sqlite_shop.send() == 1
    assert sqlite_shop.refunds(payment)[0].state is RefundState.REJECTED
    assert "refund-refused-by-provider" in sqlite_shop.cases()
    assert len(_outbox(sqlite_shop, "refund.failed")) == 1


def test_the_providers_duplicate_guard_only_postpones(sqlite_shop):
    payment = sqlite_shop.paid(cents=50_000)
    sqlite_shop.ask_refund(payment, reference="a", cents=10_000)
    sqlite_shop.ask_refund(payment, reference="b", cents=10_000)
    assert sqlite_shop.send() == 1
    sqlite_shop.control.advance(timedelta(hours=1))
    sqlite_shop.later(minutes=11)
    assert sqlite_shop.send() == 1
    sqlite_shop.process()
    assert sqlite_shop.balance("580100") == 30_000


def test_webhooks_of_refunds_in_any_order_end_in_the_same_books(sqlite_shop):
    with serve_webhooks(sqlite_shop.book) as url:
        sqlite_shop.configure(url)
        sqlite_shop.control.hold_webhooks()
        sqlite_shop.control.repeat_webhooks(3)
        payments = [sqlite_shop.open(f"pledge:p{n}") for n in range(4)]
        for payment in payments:
            sqlite_shop.control.pay(payment.provider_id)
        sqlite_shop.control.release_webhooks(seed=7)
        wait_until(sqlite_shop.control.is_idle)
    assert process_inbox(sqlite_shop.book, sqlite_shop.rail) == 4
    assert sqlite_shop.balance("580100") == 200_000
    with sqlite_shop.book.read() as connection:
        assert set(connection.execute(sa.select(t.payment_inbox.c.seen)).scalars()) == {3}


def _outbox(shop, topic):
    from ledger.storage.tables import outbox

    with shop.book.read() as connection:
        return list(connection.execute(sa.select(outbox.c.body).where(outbox.c.topic == topic)).scalars())
