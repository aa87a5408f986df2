"""The sweeper: newest pages every ten minutes, fourteen months once a night, and nothing the second time."""

from datetime import UTC, datetime, timedelta

import pytest

from api.worker.sweeping import FAR, NightlySweep, sweep_provider
from ledger.payments.rail import OutcomeUnknownError
from tests import invariants
from tests.functional.conftest import quiet_rail
from tests.payments_kit import Shop


@pytest.fixture
def shop(sqlite_book, clock):
    return Shop(sqlite_book, quiet_rail(), clock).configure()


def paid(shop, reference="pledge:p1"):
    payment = shop.open(reference)
    shop.rail.decide(payment.provider_id, "paid")
    assert sweep_provider(shop.book, shop.rail, shop.rail) >= 1
    assert shop.process() == 1
    sweep_provider(shop.book, shop.rail, shop.rail)
    return payment


def pass_days(shop, days):
    shop.clock.instant += timedelta(days=days)
    shop.rail.today += timedelta(days=days)


def test_the_sweep_finds_what_no_webhook_told_and_explains_the_balance_and_nothing_the_second_time(shop):
    shop.rail.fee_cents = 39
    paid(shop)
    assert shop.balance("580100") == shop.rail.balance_cents() == 49_961
    assert sweep_provider(shop.book, shop.rail, shop.rail) == 0
    assert sweep_provider(shop.book, shop.rail, None) == 0


def test_a_chargeback_after_thirteen_months_that_was_never_told_of_is_found_in_the_night(shop):
    payment = paid(shop)
    pass_days(shop, 395)
    chargeback_id = shop.rail.charge_back(payment.provider_id, reason="MD01")
    pass_days(shop, 5)  # out of the window of ten minutes' sweeps
    assert sweep_provider(shop.book, shop.rail, shop.rail) == 0
    shop.clock.instant = shop.clock.instant.replace(hour=0)  # two in Brussels
    night = NightlySweep(shop.book, shop.rail, shop.rail)
    assert night() == 0
    shop.clock.instant = shop.clock.instant.replace(hour=3)
    assert night() == 1
    assert shop.process() == 1
    assert shop.balance("580100") == 0
    assert night() == 0  # the night is done
    assert NightlySweep(shop.book, shop.rail, shop.rail)() == 0  # and a second look posts nothing
    shop.rail.win_back(chargeback_id)
    pass_days(shop, 1)
    assert night() == 1
    assert shop.process() == 1
    invariants.hold(shop.book)
    assert timedelta(days=420) < FAR


def test_a_night_on_which_the_provider_can_not_be_listed_is_tried_again(shop, monkeypatch):
    def fail(**_):
        raise OutcomeUnknownError("a timeout")

    shop.clock.instant = datetime(2026, 3, 3, 4, tzinfo=UTC)
    night = NightlySweep(shop.book, shop.rail, shop.rail)
    with monkeypatch.context() as patched:
        patched.setattr(shop.rail, "newest_payments", fail)
        with pytest.raises(OutcomeUnknownError):
            night()
    shop.rail.moved("rolling-reserve-hold", -7, fee_cents=0)
    assert night() == 1
