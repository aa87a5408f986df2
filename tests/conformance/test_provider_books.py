"""What a provider's own books must say, run by the Mollie adapter over the sandbox with an organisation's token."""

from datetime import date, timedelta

import pytest

from api.rails.mollie import MollieBooks
from api.settings import SANDBOX_TOKEN
from ledger.errors import InvariantError
from ledger.payments.bodies import refund_body
from ledger.payments.rail import RailBusyError
from tests.conformance.rail_subjects import asked, mollie_over_sandbox
from tests.payments_kit import DAY, TEST_KEY

LATER = date(2026, 3, 20)


@pytest.fixture
def desk():
    with mollie_over_sandbox() as subject:
        yield subject


@pytest.fixture
def books(desk):
    return MollieBooks(SANDBOX_TOKEN, desk.control._url)


def pay(desk, cents, key):
    payment = desk.rail.create_payment(asked(cents, op=key), key)
    desk.control.pay(payment.provider_id, method="bancontact")
    return payment.provider_id


def test_every_movement_says_its_kind_its_amounts_and_what_it_is_about(desk, books):
    payment = pay(desk, 50_000, "k1")
    refund = desk.rail.create_refund(
        payment, refund_body(amount_cents=2_000, description="x", metadata={"op": "r1"}), "k2"
    )
    desk.charge_back(payment, 10_000)
    desk.control.add_movement("a-kind-of-tomorrow", -123)
    desk.set_date(DAY + timedelta(days=1))
    movements = books.newest_movements(since=DAY)
    about = {m.kind: (m.payment_provider_id, m.refund_provider_id, m.chargeback_provider_id) for m in movements}
    [chargeback] = desk.rail.newest_chargebacks(since=DAY)
    assert about["payment"] == (payment, None, None)
    assert about["refund"] == (payment, refund.provider_id, None)
    assert about["chargeback"] == (payment, None, chargeback.provider_id)
    assert about["a-kind-of-tomorrow"] == (None, None, None)
    assert all(m.result_cents == m.initial_cents - m.deduction_cents for m in movements)
    assert next(m for m in movements if m.kind == "payment").deduction_cents > 0
    assert sum(m.result_cents for m in movements) == books.balance_cents()


def test_a_settlement_empties_the_balance_and_carries_its_bank_reference(desk, books):
    pay(desk, 50_000, "k1")
    desk.set_date(LATER)
    [settled] = [s for s in books.newest_settlements(since=DAY) if s.status == "paidout"]
    assert settled.reference.count(".") == 2
    assert settled.settled_at is not None
    out = [m for m in books.newest_movements(since=DAY) if m.settlement_provider_id == settled.provider_id]
    assert sum(m.result_cents for m in out) == -settled.amount_cents
    assert books.balance_cents() == sum(m.result_cents for m in books.newest_movements(since=DAY)) == 0


def test_lists_are_newest_first_and_end_with_the_day_that_was_named(desk, books):
    pay(desk, 50_000, "k1")
    desk.set_date(DAY + timedelta(days=1))
    pay(desk, 30_000, "k2")
    listed = books.newest_movements(since=DAY)
    assert [m.initial_cents for m in listed if m.kind == "payment"] == [30_000, 50_000]
    since = books.newest_movements(since=DAY + timedelta(days=1))
    assert [m.initial_cents for m in since if m.kind == "payment"] == [30_000]


def test_a_list_longer_than_a_page_is_read_to_its_end(desk, books):
    for n in range(260):
        desk.control.add_movement("application-fee", n + 1)
    assert [m.result_cents for m in books.newest_movements(since=DAY)] == list(range(260, 0, -1))


def test_an_api_key_reads_no_provider_books(desk):
    with pytest.raises(RailBusyError, match="403"):
        MollieBooks(TEST_KEY, desk.control._url).balance_cents()


def test_an_organisations_token_never_leaves_by_an_open_line():
    with pytest.raises(InvariantError):
        MollieBooks(SANDBOX_TOKEN, "http://mollie.example")
    for malformed in ("", "access_", "access_ü", "bearer_abc", "test_a\nb"):
        with pytest.raises(InvariantError) as refused:
            MollieBooks(malformed, "https://mollie.example")
        assert not malformed or malformed not in str(refused.value)
