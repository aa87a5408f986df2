"""Payments under a storm of faults: whatever is lost, doubled, shuffled or late, the books equal the provider's."""

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ledger.clock import FixedClock
from ledger.payments.inbox import receive
from tests.conftest import NOON, make_book
from tests.oracle import check_everything
from tests.payments_kit import FakeRail, Shop

CALL_FAULTS = ("", "", "", "lost-before", "lost-after", "busy")


def storm(shop, rail, seed):
    """A day of pledges, payments, refunds and accidents."""
    chance = random.Random(seed)
    asked, refunded = [], set()
    for n in range(30):
        rail.faults[:] = [fault for fault in chance.choices(CALL_FAULTS, k=2) if fault]
        asked.append(shop.ask(f"pledge:p{chance.randrange(20)}", payer="c1", cents=chance.randrange(1, 100_000)))
        shop.send()
        for payment in list(rail.payments_by_id.values()):
            if payment.status == "open" and chance.random() < 0.3:
                rail.decide(payment.provider_id, chance.choice(("paid", "paid", "failed", "expired")))
        if chance.random() < 0.5:
            knock_at_random(shop, rail, chance)
        shop.process()
        payment = shop.view(chance.choice(asked))
        if payment.state == "paid" and payment.payment_id not in refunded and chance.random() < 0.4:
            refunded.add(payment.payment_id)
            shop.ask_refund(payment, reference=f"back:{n}", cents=chance.randrange(1, payment.amount_cents + 1))
        for refund in list(rail.refunds_by_id.values()):
            if refund.status == "pending" and chance.random() < 0.3:
                rail.set_refund(refund.provider_id, chance.choice(("processing", "refunded", "failed")))
        shop.later(seconds=chance.choice((1, 5, 90, 4_000)))


def knock_at_random(shop, rail, chance):
    """Webhooks: some lost, some doubled, in any order, and some that nobody sent."""
    ids = [*chance.choices(list(rail.payments_by_id) or ["tr_nobody0001"], k=4), "tr_nobody0002"]
    for provider_id in ids:
        with shop.book.unit_of_work(actor="test") as unit:
            receive(unit, provider_id)


def settle(shop, rail):
    """Calm: everything that can be done is done."""
    rail.faults.clear()
    for _ in range(6):
        shop.later(minutes=15)
        shop.send()
        shop.sweep()
        shop.process()


@settings(max_examples=8, deadline=None, phases=[Phase.generate])  # a seed can be repeated, not made smaller
@given(seed=st.integers(0, 2**32))
def test_after_any_storm_the_books_hold_what_the_provider_holds(sqlite_engines, seed):
    clock = FixedClock(NOON)
    with pytest.warns(UserWarning, match="no money moves"):
        rail = FakeRail(clock=clock)
    shop = Shop(make_book(sqlite_engines(), clock), rail, clock).configure()
    storm(shop, rail, seed)
    settle(shop, rail)

    paid = sum(p.amount_cents for p in rail.payments_by_id.values() if p.status == "paid")
    left = sum(r.amount_cents for r in rail.refunds_by_id.values() if r.status not in {"failed", "canceled"})
    assert shop.balance("580100") == paid - left
    assert (shop.sweep(), shop.process()) == (0, 0)
    operations = [p.metadata["op"] for p in rail.payments_by_id.values()]
    assert len(operations) == len(set(operations))  # nothing was created twice
    owed = -(shop.balance("489100:c1") + shop.balance("489400:c1"))
    assert owed == paid - left
    check_everything(shop.book)


@pytest.fixture(scope="module")
def sqlite_engines(sqlite_template):
    """A function that gives a fresh database for each example."""
    import shutil

    from ledger.storage.engine import open_engine

    engines = []
    with tempfile.TemporaryDirectory() as folder:

        def make():
            path = Path(folder) / f"book-{len(engines)}.sqlite3"
            shutil.copy(sqlite_template, path)
            engines.append(open_engine(f"sqlite:///{path}"))
            return engines[-1]

        yield make
        for engine in engines:
            engine.dispose()
