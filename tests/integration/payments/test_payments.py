"""Payments from request to posting, over the real client and the sandbox."""

import hashlib
from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.payments import queries
from ledger.payments import tables as t
from ledger.payments.inbox import receive
from ledger.payments.methods import PaymentKind
from ledger.payments.model import Mode, PaymentState
from ledger.payments.service import configure_payments, request_payment
from tests.payments_kit import DAY, alter_payment, serve_webhooks, wait_until


def test_a_payment_is_asked_for_paid_and_posted_on_the_day_the_provider_states(shop):
    payment = shop.open()
    assert payment.state is PaymentState.OPEN
    assert payment.checkout_url.endswith(f"/checkout/{payment.provider_id}")

    shop.control.set_date(date(2026, 3, 4))
    shop.control.pay(payment.provider_id)
    assert shop.sweep() == 1
    assert shop.process() == 1

    paid = shop.view(payment.payment_id)
    assert (paid.state, paid.paid_on) == (PaymentState.PAID, date(2026, 3, 4))
    assert (shop.balance("580100"), shop.balance("489100:c1")) == (50_000, -50_000)


def test_the_bytes_that_are_sent_are_the_bytes_that_were_frozen(sqlite_shop):
    payment_id = sqlite_shop.ask()
    with sqlite_shop.book.read() as connection:
        frozen = connection.execute(sa.select(t.provider_call.c.body)).scalar_one()
    sqlite_shop.send()
    [sent] = [r for r in sqlite_shop.control.requests() if r["method"] == "POST"]
    assert sent["body"].encode() == frozen
    assert sent["key"] == f"main-{payment_id}"
    assert b'"redirectUrl": "https://bxl.example/fr/pledges/p1"' in frozen
    assert b'"method": ["bancontact", "kbc", "belfius", "ideal", "wero", "creditcard"]' in frozen


def test_the_evidence_of_a_posted_payment_is_kept_under_the_hash_in_its_entry(sqlite_shop):
    payment = sqlite_shop.paid()
    with sqlite_shop.book.read() as connection:
        from ledger.balances import entry_by_key

        entry = entry_by_key(connection, "main", f"pay:{payment.provider_id}:paid")
        kept = connection.execute(sa.select(t.payment_evidence)).one()
        stated = sqlite_shop.book.keys.open_personal(connection, "c1", kept.body)
    assert entry.evidence == kept.sha256 == hashlib.sha256(stated).hexdigest()
    assert payment.provider_id.encode() in stated
    assert payment.provider_id.encode() not in kept.body


def test_the_sandbox_calls_the_webhook_and_the_payment_is_posted(shop):
    with serve_webhooks(shop.book) as url:
        shop.configure(url)
        payment = shop.open()
        shop.control.pay(payment.provider_id)
        wait_until(shop.control.is_idle)
    assert shop.process() == 1
    assert shop.view(payment.payment_id).state is PaymentState.PAID


def test_the_sweep_asks_for_old_open_payments_one_by_one(sqlite_shop):
    payment = sqlite_shop.open()
    sqlite_shop.control.set_date(date(2026, 6, 1))
    sqlite_shop.clock.business_date = date(2026, 6, 1)
    sqlite_shop.control.pay(payment.provider_id)
    assert sqlite_shop.sweep() == 1
    assert sqlite_shop.process() == 1
    assert sqlite_shop.view(payment.payment_id).paid_on == date(2026, 6, 1)
    assert sqlite_shop.sweep() == 0


def test_money_at_the_provider_that_nobody_asked_for_is_a_case(sqlite_shop):
    body = b'{"amount": {"currency": "EUR", "value": "10.00"}, "description": "x", "redirectUrl": "http://x.example"}'
    stranger = sqlite_shop.rail.create_payment(body, "other-key")
    sqlite_shop.control.pay(stranger.provider_id)
    assert sqlite_shop.sweep() == 0
    assert sqlite_shop.cases() == ["payment-not-ours"]
    assert sqlite_shop.entries() == {}


def test_two_payments_for_one_asked_are_a_case(sqlite_shop):
    payment = sqlite_shop.paid()
    with sqlite_shop.book.read() as connection:
        body = connection.execute(sa.select(t.provider_call.c.body)).scalar_one()
    twin = sqlite_shop.rail.create_payment(body, "another-key")
    sqlite_shop.control.pay(twin.provider_id)
    assert sqlite_shop.sweep() == 1
    assert sqlite_shop.process() == 0
    assert sqlite_shop.cases() == ["payment-created-twice"]
    assert sqlite_shop.balance("489100:c1") == -payment.amount_cents
    assert sqlite_shop.sweep() == 0


def test_a_chargeback_is_found_by_the_sweep_posted_and_shown_as_a_case(sqlite_shop):
    payment = sqlite_shop.paid()
    sqlite_shop.control.charge_back(payment.provider_id)
    assert sqlite_shop.sweep() == 1
    assert sqlite_shop.process() == 1
    assert sqlite_shop.cases() == ["payment-charged-back"]
    assert (sqlite_shop.balance("580100"), sqlite_shop.balance("489100:c1")) == (0, 0)
    assert sqlite_shop.sweep() == 0


def test_a_chargeback_without_its_particulars_is_a_case_and_posts_nothing(sqlite_shop, monkeypatch):
    payment = sqlite_shop.paid()
    sqlite_shop.control.charge_back(payment.provider_id)
    sqlite_shop.sweep()
    stated = sqlite_shop.rail.payment(payment.provider_id)
    monkeypatch.setattr(sqlite_shop.rail, "payment", lambda _: replace(stated, chargebacks=()))
    assert sqlite_shop.process() == 0
    assert sqlite_shop.cases() == ["chargeback-not-listed"]
    assert sqlite_shop.balance("580100") == 50_000


def test_the_second_paid_payment_of_one_reference_is_the_payers_to_have_back(shop):
    first, second = shop.open(), shop.open()
    shop.control.pay(second.provider_id)
    shop.control.pay(first.provider_id)
    assert shop.sweep() == 2
    assert shop.process() == 2
    assert shop.entries() == {"payment-received": 1, "payment-unexpected": 1}
    assert (shop.balance("489100:c1"), shop.balance("489400:c1")) == (-50_000, -50_000)
    bodies = _outbox(shop, "payment.paid")
    assert sorted(body["account"] for body in bodies) == ["489100:c1", "489400:c1"]


def test_the_product_may_say_that_a_payment_came_too_late(sqlite_shop):
    sqlite_shop.resolve_credit = lambda _connection, payment: AccountRef("489400", payment.payer)
    sqlite_shop.paid()
    assert sqlite_shop.entries() == {"payment-unexpected": 1}
    assert sqlite_shop.balance("489400:c1") == -50_000


def test_money_that_is_reported_after_expired_is_booked_all_the_same(sqlite_shop, sandbox):
    payment = sqlite_shop.open()
    sqlite_shop.control.decide(payment.provider_id, "expired")
    sqlite_shop.sweep()
    sqlite_shop.process()
    paid = {"status": "paid", "paidAt": "2026-03-03T12:00:00+01:00"}
    alter_payment(sandbox, payment.provider_id, lambda stored: stored.update(paid))
    assert sqlite_shop.sweep() == 1
    assert sqlite_shop.process() == 1
    assert sqlite_shop.balance("489100:c1") == -50_000


def test_a_fact_that_the_books_refuse_is_a_case_and_is_posted_once_the_cause_is_gone(sqlite_shop):
    def not_now(_connection, _payment):
        raise Refusal("cash-rule-not-met", amount_cents=1, missing_cents=1)

    payment = sqlite_shop.open()
    sqlite_shop.control.pay(payment.provider_id)
    sqlite_shop.sweep()
    kept, sqlite_shop.resolve_credit = sqlite_shop.resolve_credit, not_now
    assert sqlite_shop.process() == 0
    assert sqlite_shop.cases() == ["cash-rule-not-met"]
    assert sqlite_shop.view(payment.payment_id).state is PaymentState.OPEN
    sqlite_shop.resolve_credit = kept
    sqlite_shop.later(minutes=1)
    assert sqlite_shop.process() == 1
    assert sqlite_shop.balance("489100:c1") == -50_000


def test_a_payment_that_the_provider_refuses_is_rejected_and_shown(sqlite_shop):
    payment_id = sqlite_shop.ask(cents=2_000_000_000)
    assert sqlite_shop.send() == 1
    assert sqlite_shop.send() == 0
    assert sqlite_shop.view(payment_id).state is PaymentState.REJECTED
    assert sqlite_shop.cases() == ["payment-refused-by-provider"]
    assert [body["state"] for body in _outbox(sqlite_shop, "payment.unusable")] == ["rejected"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"amount_cents": 0}, "payment-amount-not-positive"),
        ({"amount_cents": -5}, "payment-amount-not-positive"),
        ({"return_path": "//elsewhere.example"}, "return-path-malformed"),
        ({"return_path": "https://elsewhere.example"}, "return-path-malformed"),
        ({"language": "de"}, "language-unknown"),
    ],
)
def test_a_malformed_request_is_refused_and_writes_nothing(sqlite_shop, changed, code):
    asked = {
        "reference": "pledge:p1",
        "payer": "c1",
        "amount_cents": 100,
        "description": "x",
        "credit": AccountRef("489100", "c1"),
        "kind": PaymentKind.PLEDGE,
        "return_path": "/fr",
        "language": "fr",
    }
    with pytest.raises(Refusal, match=code), sqlite_shop.book.unit_of_work(actor="test") as unit:
        request_payment(unit, **(asked | changed))
    with sqlite_shop.book.read() as connection:
        assert queries.payments_for(connection, "main", "pledge:p1") == []


def test_a_book_without_an_address_to_return_to_takes_no_payments(sqlite_book):
    with pytest.raises(Refusal, match="payments-not-configured"), sqlite_book.unit_of_work(actor="test") as unit:
        request_payment(
            unit,
            reference="r",
            payer="c1",
            amount_cents=1,
            description="x",
            credit=AccountRef("489100", "c1"),
            kind=PaymentKind.PLEDGE,
            return_path="/",
            language="fr",
        )


def test_a_book_with_payments_never_changes_between_test_and_live(sqlite_shop):
    urls = {"public_url": "https://bxl.example", "webhook_url": "https://bxl.example/webhooks/mollie"}
    with sqlite_shop.book.unit_of_work(actor="test") as unit:
        configure_payments(unit, **urls, mode=Mode.LIVE)
        configure_payments(unit, **urls, mode=Mode.TEST)
    sqlite_shop.ask()
    with pytest.raises(Refusal, match="payment-mode-changed"), sqlite_shop.book.unit_of_work(actor="test") as unit:
        configure_payments(unit, **urls, mode=Mode.LIVE)
    with pytest.raises(Refusal, match="payment-address-malformed"), sqlite_shop.book.unit_of_work(actor="t") as unit:
        configure_payments(unit, **(urls | {"public_url": "bxl.example"}), mode=Mode.TEST)


def test_a_payment_of_the_other_mode_becomes_a_case(sqlite_shop):
    payment = sqlite_shop.open()
    sqlite_shop.control.pay(payment.provider_id)
    with sqlite_shop.book.engine.begin() as connection:
        connection.execute(t.payment_terms.update().values(mode="live"))
    sqlite_shop.sweep()
    assert sqlite_shop.process() == 0
    assert sqlite_shop.cases() == ["payment-mode-differs"]
    assert sqlite_shop.entries() == {}


def test_a_wake_up_call_with_a_malformed_id_is_refused(sqlite_shop):
    with pytest.raises(Refusal, match="provider-id-malformed"), sqlite_shop.book.unit_of_work(actor="test") as unit:
        receive(unit, "tr_x/../../customers")
    assert _seen(sqlite_shop) == 0


def test_a_standing_payer_pays_at_once_and_when_the_date_moves(sqlite_shop):
    before = sqlite_shop.open("due:l1:1", payer="e1")
    sqlite_shop.control.add_standing_payer("e1")
    after = sqlite_shop.open("due:l1:2", payer="e1")
    sqlite_shop.control.remove_standing_payer("e1")
    missed = sqlite_shop.open("due:l1:3", payer="e1")
    sqlite_shop.control.set_date(date(2026, 4, 2))
    sqlite_shop.sweep()
    sqlite_shop.process()
    assert [sqlite_shop.view(p.payment_id).paid_on for p in (before, after, missed)] == [DAY, DAY, None]


def _seen(shop):
    with shop.book.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(t.payment_inbox)).scalar_one()


def _outbox(shop, topic):
    from ledger.storage.tables import outbox

    with shop.book.read() as connection:
        rows = connection.execute(sa.select(outbox.c.body).where(outbox.c.topic == topic).order_by(outbox.c.key))
        return list(rows.scalars())
