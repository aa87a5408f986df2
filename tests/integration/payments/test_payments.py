"""Payments from request to posting, over the real client and the sandbox."""

import hashlib
import json
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.payments import queries
from ledger.payments import tables as t
from ledger.payments.inbox import receive
from ledger.payments.model import Mode, PaymentState
from ledger.payments.service import close_case, configure_payments, request_payment
from tests.payments_kit import DAY, FakeRail, Shop, serve_webhooks, wait_until


def knock(url, body, *, method="POST", kind="application/x-www-form-urlencoded"):
    """The status that a webhook call is answered with."""
    data = body.encode() if isinstance(body, str) else body
    request = urllib.request.Request(url, data, {"Content-Type": kind}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except (urllib.error.URLError, ConnectionError):
        return 0  # the server closed the connection while the body was still coming


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


def test_a_paid_webhook_that_comes_twenty_times_in_parallel_posts_once(shop):
    with serve_webhooks(shop.book) as url:
        payment = shop.open()
        shop.control.pay(payment.provider_id)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: knock(url, urlencode({"id": payment.provider_id})), range(20)))
    assert answers == [200] * 20
    workers = [threading.Thread(target=shop.process) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert shop.process() == 0
    assert shop.entries() == {"payment-received": 1}
    assert shop.balance("489100:c1") == -50_000
    with shop.book.read() as connection:
        assert connection.execute(sa.select(t.payment_inbox.c.seen)).scalar_one() == 20


def test_the_sandbox_calls_the_webhook_and_the_payment_is_posted(shop):
    with serve_webhooks(shop.book) as url:
        shop.configure(url)
        payment = shop.open()
        shop.control.pay(payment.provider_id)
        wait_until(shop.control.is_idle)
    assert shop.process() == 1
    assert shop.view(payment.payment_id).state is PaymentState.PAID


def test_a_webhook_that_arrives_before_the_create_call_returns_loses_nothing(shop):
    shop.control.add_standing_payer("c1")
    shop.control.add_fault("late", path="/v2/payments", seconds=0.6)
    with serve_webhooks(shop.book) as url:
        shop.configure(url)
        payment_id = shop.ask()
        create = threading.Thread(target=shop.send)
        create.start()
        wait_until(lambda: _seen(shop) == 1)
        assert create.is_alive()
        assert shop.process() == 1  # recognised by its metadata while our own call is still under way
        create.join()
    assert shop.view(payment_id).state is PaymentState.PAID
    assert shop.process() == 0
    assert shop.entries() == {"payment-received": 1}


def test_a_payment_that_the_provider_does_not_know_yet_is_fetched_again(sqlite_shop):
    payment = sqlite_shop.open()
    sqlite_shop.control.pay(payment.provider_id)
    sqlite_shop.control.add_fault("404", method="GET", path="/v2/payments/", count=3)
    with sqlite_shop.book.unit_of_work(actor="test") as unit:
        receive(unit, payment.provider_id)
    for _ in range(3):
        assert sqlite_shop.process() == 0
        assert sqlite_shop.process() == 0  # it waits its pause
        sqlite_shop.later(seconds=30)
    assert sqlite_shop.process() == 1
    assert sqlite_shop.entries() == {"payment-received": 1}


def test_when_every_webhook_is_lost_the_sweep_finds_all_and_a_second_sweep_nothing(shop):
    shop.control.drop_webhooks()
    payments = [shop.open(f"pledge:p{n}", payer=f"c{n}") for n in range(1, 5)]
    for payment, outcome in zip(payments, ("paid", "failed", "expired", "paid"), strict=True):
        shop.control.decide(payment.provider_id, outcome)
    assert shop.sweep() == 4
    assert shop.process() == 4
    assert shop.sweep() == 0
    assert shop.process() == 0
    states = [shop.view(p.payment_id).state.value for p in payments]
    assert states == ["paid", "failed", "expired", "paid"]
    assert shop.balance("580100") == 100_000


def test_the_sweep_asks_for_old_open_payments_one_by_one(sqlite_shop):
    payment = sqlite_shop.open()
    sqlite_shop.control.set_date(date(2026, 6, 1))
    sqlite_shop.clock.business_date = date(2026, 6, 1)
    sqlite_shop.control.pay(payment.provider_id)
    assert sqlite_shop.sweep() == 1
    assert sqlite_shop.process() == 1
    assert sqlite_shop.view(payment.payment_id).paid_on == date(2026, 6, 1)
    assert sqlite_shop.sweep() == 0


@pytest.mark.parametrize(
    ("method", "kind", "body"),
    [
        ("POST", "application/x-www-form-urlencoded", "id=tr_x/../../customers"),
        ("POST", "application/x-www-form-urlencoded", "id=tr_abcdefgh?embed=payments"),
        ("POST", "application/x-www-form-urlencoded", "id=re_abcdefgh"),
        ("POST", "application/x-www-form-urlencoded", "id=tr_abcdefgh&id=tr_bcdefghi"),
        ("POST", "application/x-www-form-urlencoded", "\xff\xfe"),
        ("POST", "application/x-www-form-urlencoded", ""),
        ("POST", "application/x-www-form-urlencoded", "id=" + "x" * 1_000_000),
        ("POST", "application/json", '{"id": "tr_abcdefgh"}'),
        ("GET", "application/x-www-form-urlencoded", None),
    ],
)
def test_a_forged_webhook_is_refused_stores_nothing_and_makes_no_call(sqlite_shop, method, kind, body):
    with serve_webhooks(sqlite_shop.book) as url:
        status = knock(url, body, method=method, kind=kind)
    assert status == 0 or 400 <= status < 500
    assert sqlite_shop.process() == 0
    assert _seen(sqlite_shop) == 0
    assert sqlite_shop.control.requests() == []


def test_a_forged_webhook_is_told_only_that_it_names_no_payment(sqlite_shop):
    with serve_webhooks(sqlite_shop.book) as url:
        request = urllib.request.Request(url, b"id=tr_x/../../customers", method="POST")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        with refused.value as answer:
            problem = json.load(answer)
    assert (answer.code, problem["code"], problem["facts"]) == (400, "webhook-malformed", {})


def test_an_unknown_id_of_the_right_form_is_answered_like_a_known_one_and_not_fetched(sqlite_shop):
    payment = sqlite_shop.open()
    before = sqlite_shop.control.requests()
    with serve_webhooks(sqlite_shop.book) as url:
        assert knock(url, "id=tr_abcdefgh12") == 200
        assert sqlite_shop.process() == 0
        assert sqlite_shop.control.requests() == before
        assert knock(url, f"id={payment.provider_id}") == 200


def test_a_payment_of_another_amount_becomes_a_case_and_posts_nothing(shop):
    payment = shop.open()
    shop.control.pay(payment.provider_id, amount_cents=5_000)
    assert shop.sweep() == 1
    assert shop.process() == 0
    assert shop.sweep() == 0
    assert shop.cases() == ["payment-amount-differs"]
    assert shop.entries() == {}
    with shop.book.read() as connection:
        [case] = queries.open_cases(connection, "main")
    assert dict(case.facts) == {"asked_cents": 50_000, "stated_cents": 5_000}
    assert case.payment_id == payment.payment_id

    with shop.book.unit_of_work(actor="s1") as unit:
        close_case(unit, subject=case.subject, code=case.code, reason="sent back by hand")
    assert shop.cases() == []
    with pytest.raises(Refusal, match="case-not-open"), shop.book.unit_of_work(actor="s1") as unit:
        close_case(unit, subject=case.subject, code=case.code, reason="again")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"payer": "c9"}, "payment-metadata-differs"),
        ({"reference": "pledge:other"}, "payment-metadata-differs"),
        ({"book": "other"}, "payment-metadata-differs"),
    ],
)
def test_a_payment_with_other_metadata_becomes_a_case_and_posts_nothing(sqlite_shop, sandbox, change, code):
    payment = sqlite_shop.open()
    _alter(sandbox, payment.provider_id, lambda stored: stored["metadata"].update(change))
    sqlite_shop.control.pay(payment.provider_id)
    assert sqlite_shop.sweep() == 1
    assert sqlite_shop.process() == 0
    assert sqlite_shop.cases() == [code]
    assert sqlite_shop.entries() == {}


def test_a_payment_in_another_currency_becomes_a_case_and_posts_nothing(sqlite_book, clock):
    from dataclasses import replace

    with pytest.warns(UserWarning, match="no money moves"):
        rail = FakeRail()
    shop = Shop(sqlite_book, rail, clock).configure()
    payment = shop.open()
    rail.decide(payment.provider_id, "paid")
    rail.payments_by_id[payment.provider_id] = replace(rail.payments_by_id[payment.provider_id], currency="USD")
    assert shop.sweep() == 1
    assert shop.process() == 0
    assert shop.cases() == ["payment-currency-differs"]
    assert shop.entries() == {}


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


def test_an_unknown_status_is_a_case(sqlite_shop, sandbox):
    payment = sqlite_shop.open()
    _alter(sandbox, payment.provider_id, lambda stored: stored.update(status="processing-at-bank"))
    with sqlite_shop.book.unit_of_work(actor="test") as unit:
        receive(unit, payment.provider_id)
    assert sqlite_shop.process() == 0
    assert sqlite_shop.cases() == ["provider-status-unknown"]


def test_a_charge_back_is_shown_as_a_case(sqlite_shop):
    payment = sqlite_shop.paid()
    sqlite_shop.control.charge_back(payment.provider_id)
    assert sqlite_shop.sweep() == 1
    assert sqlite_shop.process() == 0
    assert sqlite_shop.cases() == ["payment-charged-back"]
    assert sqlite_shop.sweep() == 0


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


def test_a_stale_expired_of_one_attempt_leaves_the_other_paid(sqlite_shop):
    first, second = sqlite_shop.open(), sqlite_shop.open()
    sqlite_shop.control.pay(second.provider_id)
    sqlite_shop.sweep()
    sqlite_shop.process()
    sqlite_shop.control.decide(first.provider_id, "expired")
    sqlite_shop.sweep()
    sqlite_shop.process()
    assert sqlite_shop.view(second.payment_id).state is PaymentState.PAID
    assert sqlite_shop.balance("489100:c1") == -50_000
    assert [body["payment_id"] for body in _outbox(sqlite_shop, "payment.unusable")] == [first.payment_id]


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
    _alter(sandbox, payment.provider_id, lambda stored: stored.update(paid))
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


def _alter(sandbox, provider_id, change):
    """Change what the sandbox states about a payment."""
    store = sandbox.application._store
    stored = store.get("payments", provider_id)
    change(stored)
    store.put(("payments", provider_id, stored))


def _outbox(shop, topic):
    from ledger.storage.tables import outbox

    with shop.book.read() as connection:
        rows = connection.execute(sa.select(outbox.c.body).where(outbox.c.topic == topic).order_by(outbox.c.key))
        return list(rows.scalars())
