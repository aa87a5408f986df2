"""Calls to the provider: one effect, whatever the line, the provider or the process does."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from ledger.payments import tables as t
from ledger.payments.model import PaymentState, RefundState
from tests.payments_kit import FakeRail, Shop, kill_a_worker, sandbox_rail


def call_row(shop):
    with shop.book.read() as connection:
        return connection.execute(sa.select(t.provider_call)).first()


def quick(shop, sandbox):
    """The same shop with a client that waits a second for an answer."""
    shop.rail = sandbox_rail(sandbox.base, clock=shop.clock, timeout=(1, 1))
    return shop


@pytest.mark.parametrize(
    "fault", ["timeout-before", "reset-before", "500-before", "502-html", "503", "429", "422-without-detail"]
)
def test_a_create_that_did_not_take_effect_is_made_later(sqlite_shop, sandbox, fault):
    shop = quick(sqlite_shop, sandbox)
    payment_id = shop.ask()
    shop.control.add_fault(fault, path="/v2/payments", seconds=3)
    assert shop.send() == 0
    assert shop.view(payment_id).state is PaymentState.REQUESTED
    shop.later(seconds=30)
    assert shop.send() == 1
    assert len(shop.control.payments()) == 1


def test_after_the_retry_window_a_create_that_is_not_found_is_closed_and_shown(sqlite_shop):
    payment_id = sqlite_shop.ask()
    sqlite_shop.control.add_fault("reset-before", path="/v2/payments")
    sqlite_shop.send()
    sqlite_shop.later(minutes=70)
    assert sqlite_shop.send() == 1
    assert sqlite_shop.view(payment_id).state is PaymentState.REJECTED
    assert sqlite_shop.control.payments() == []
    assert sqlite_shop.cases() == ["payment-refused-by-provider"]


def test_a_call_that_was_only_postponed_keeps_its_whole_retry_window(sqlite_shop):
    sqlite_shop.ask()
    sqlite_shop.control.add_fault("429", path="/v2/payments")
    sqlite_shop.send()
    assert (call_row(sqlite_shop).state, call_row(sqlite_shop).first_sent_at) == ("planned", None)
    sqlite_shop.later(minutes=70)
    assert sqlite_shop.send() == 1
    assert len(sqlite_shop.control.payments()) == 1


def test_a_refund_with_an_unknown_outcome_is_looked_for_before_anything_is_sent_again(sqlite_shop):
    payment = sqlite_shop.paid()
    sqlite_shop.ask_refund(payment)
    sqlite_shop.control.add_fault("reset-after", path="/v2/payments/")
    assert sqlite_shop.send() == 0
    sqlite_shop.later(minutes=1)
    before = len(sqlite_shop.control.requests())
    assert sqlite_shop.send() == 1
    assert [r["method"] for r in sqlite_shop.control.requests()[before:]] == ["GET"]
    assert sqlite_shop.process() == 1
    assert sqlite_shop.refunds(payment)[0].state is RefundState.SENT
    assert len(sqlite_shop.control.refunds()) == 1


def test_one_payment_may_be_sent_alone(sqlite_shop):
    from ledger.payments.calls import send_due_calls

    first, second = sqlite_shop.ask("pledge:p1"), sqlite_shop.ask("pledge:p2")
    assert send_due_calls(sqlite_shop.book, sqlite_shop.rail, subject=second) == 1
    assert sqlite_shop.view(first).state is PaymentState.REQUESTED
    assert sqlite_shop.view(second).state is PaymentState.OPEN


# Killed processes: a turn of the worker runs in a process of its own that kills itself at a named point; whoever comes
# after it knows only what it left in the database and at the provider.


@pytest.mark.parametrize("point", ["call.before-send", "call.after-send", "posting.after-commit"])
def test_a_worker_killed_while_it_creates_a_payment_loses_and_doubles_nothing(sqlite_shop, sandbox, point):
    payment_id = sqlite_shop.ask()
    kill_a_worker(sqlite_shop, sandbox, at=point)
    assert sqlite_shop.send() == 0  # the dead worker's lease still runs
    sqlite_shop.later(minutes=2)
    assert sqlite_shop.send() == 1
    [at_provider] = sqlite_shop.control.payments()
    assert sqlite_shop.view(payment_id).provider_id == at_provider["id"]


@pytest.mark.parametrize("point", ["inbox.after-fetch", "posting.before-seal", "posting.after-seal"])
def test_a_payment_is_posted_once_when_the_worker_dies_while_recording_it(shop, sandbox, point):
    payment = shop.open()
    shop.control.pay(payment.provider_id)
    kill_a_worker(shop, sandbox, at=point)
    assert shop.entries() == {}
    assert shop.process() == 1
    assert shop.entries() == {"payment-received": 1}
    assert (shop.sweep(), shop.process()) == (0, 0)


@pytest.mark.parametrize("point", ["call.before-send", "call.after-send", "inbox.after-fetch"])
def test_money_goes_back_once_when_the_worker_dies_while_refunding_it(sqlite_shop, sandbox, point):
    payment = sqlite_shop.paid()
    sqlite_shop.ask_refund(payment)
    kill_a_worker(sqlite_shop, sandbox, at=point)
    for _ in range(2):
        sqlite_shop.later(minutes=2)
        sqlite_shop.send()
        sqlite_shop.process()
    assert len(sqlite_shop.control.refunds()) == 1
    assert sqlite_shop.entries() == {"payment-received": 1, "refund-sent": 1}
    assert sqlite_shop.balance("580100") == 0


class SlowRail(FakeRail):
    """Every call takes half a minute."""

    def create_payment(self, body, idempotency_key):
        self.clock.instant += timedelta(seconds=30)
        return super().create_payment(body, idempotency_key)

    def payment(self, provider_id):
        self.clock.instant += timedelta(seconds=30)
        return super().payment(provider_id)


def test_a_slow_provider_takes_no_more_than_a_minute_of_the_workers_turn(sqlite_book, clock):
    clock.business_date = clock.today()
    with pytest.warns(UserWarning, match="no money moves"):
        shop = Shop(sqlite_book, SlowRail(clock=clock), clock).configure()
    asked = [shop.ask(f"pledge:p{n}") for n in range(5)]
    assert [shop.send() for _ in range(4)] == [2, 2, 1, 0]
    for payment_id in asked:
        shop.rail.decide(shop.view(payment_id).provider_id, "paid")
    assert shop.sweep() == 5
    assert [shop.process() for _ in range(4)] == [2, 2, 1, 0]


def test_an_id_whose_fetch_finds_the_provider_busy_loses_no_try(sqlite_shop):
    payment = sqlite_shop.open()
    sqlite_shop.control.pay(payment.provider_id)
    sqlite_shop.sweep()
    sqlite_shop.control.add_fault("429", method="GET", path="/v2/payments/")
    assert sqlite_shop.process() == 0
    with sqlite_shop.book.read() as connection:
        assert connection.execute(sa.select(t.payment_inbox.c.misses)).scalar_one() == 0
    sqlite_shop.later(seconds=2)
    assert sqlite_shop.process() == 1
