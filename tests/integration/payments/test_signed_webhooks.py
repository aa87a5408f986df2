"""Signed webhooks: what is signed with an agreed secret wakes the worker, everything else is refused unread."""

import json
import threading
import urllib.error
import urllib.request

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from api.app import build_app
from api.bootstrap import Wiring
from api.mail.transport import KeptMail
from api.settings import read_settings
from api.webhooks.signatures import is_signed, sign
from ledger.payments import tables as t
from tests.payments_kit import serve_webhooks, wait_until

OLD, NEW = "old-secret-of-the-webhooks", "new-secret-of-the-webhooks"


def event(entity_id, **more):
    return json.dumps(
        {"resource": "event", "id": "event_GvJ8WHrp5isUdRub9CJyH", "type": "payment.paid", "entityId": entity_id} | more
    ).encode()


def snapshot(entity):
    return event(entity["id"], _embedded={"entity": entity})


def call(url, body, signature, *, kind="application/json"):
    """The status and the refusal that an event is answered with."""
    headers = {"Content-Type": kind} | ({"X-Mollie-Signature": signature} if signature is not None else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/events", body, headers), timeout=10) as answer:
            return answer.status, None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["code"]


@pytest.fixture
def hook(sqlite_shop):
    with serve_webhooks(sqlite_shop.book, secrets=(NEW, OLD)) as url:
        yield url


def inbox(shop):
    with shop.book.read() as connection:
        rows = connection.execute(sa.select(t.payment_inbox.c.provider_id, t.payment_inbox.c.listed))
        return {row.provider_id: row.listed for row in rows}


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_an_event_signed_with_the_new_or_the_old_secret_wakes_the_worker(sqlite_shop, hook, secret):
    payment = sqlite_shop.open()
    sqlite_shop.control.pay(payment.provider_id)
    body = event(payment.provider_id)
    assert call(hook, body, sign(body, secret)) == (200, None)
    assert sqlite_shop.process() == 1
    assert sqlite_shop.entries() == {"payment-received": 1}


def test_the_providers_own_events_wake_the_worker_also_where_the_classic_webhook_is_silent(sqlite_shop, hook):
    control = sqlite_shop.control
    control.subscribe(f"{hook}/events", NEW)
    payment = sqlite_shop.open()
    control.pay(payment.provider_id)
    chargeback = control.charge_back(payment.provider_id)
    control.reverse_chargeback(chargeback)
    wait_until(lambda: [e["event"] for e in control.timeline()].count("webhook-delivered") == 3)
    assert inbox(sqlite_shop) == {payment.provider_id: True}
    control.subscribe(None)
    control.charge_back(payment.provider_id)
    assert control.is_idle()
    with pytest.raises(urllib.error.HTTPError, match="422"):
        control.subscribe("http://elsewhere.example/events", NEW)


def test_an_event_without_its_header_is_refused(sqlite_shop, hook):
    assert call(hook, event("tr_abcdefgh12"), None) == (401, "webhook-unsigned")
    assert inbox(sqlite_shop) == {}


@pytest.mark.parametrize(
    "signature",
    ["", "sha256=", "sha256=" + "0" * 64, sign(event("tr_abcdefgh12"), "another-secret-altogether"), "é" * 64],
)
def test_an_event_with_another_signature_is_refused(sqlite_shop, hook, signature):
    signature = signature.encode().decode("latin-1")
    assert call(hook, event("tr_abcdefgh12"), signature) == (401, "webhook-signature-wrong")
    assert inbox(sqlite_shop) == {}


def test_a_signature_is_of_every_byte(sqlite_shop, hook):
    body = event("tr_abcdefgh12")
    assert call(hook, body + b" ", sign(body, NEW)) == (401, "webhook-signature-wrong")
    assert call(hook, event("tr_abcdefgh13"), sign(body, NEW)) == (401, "webhook-signature-wrong")


def test_without_a_secret_nothing_is_signed(sqlite_shop):
    body = event("tr_abcdefgh12")
    with serve_webhooks(sqlite_shop.book) as url:
        assert call(url, body, sign(body, "")) == (401, "webhook-signature-wrong")
    assert not is_signed(body, sign(body, ""), ())


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"entityId": 5}', b"\xff", b"[" * 60_000, b'{"entityId": "x"}' + b" " * 70_000]
)
def test_a_signed_body_that_is_no_event_is_refused(sqlite_shop, hook, body):
    assert call(hook, body, sign(body, NEW)) == (400, "webhook-malformed")
    assert call(hook, event("tr_abcdefgh12"), sign(body, NEW), kind="text/plain") == (400, "webhook-malformed")


def test_an_event_of_a_refund_or_chargeback_wakes_the_worker_for_its_payment(sqlite_shop, hook):
    payment = sqlite_shop.paid()
    sqlite_shop.ask_refund(payment)
    sqlite_shop.send()
    [refund] = sqlite_shop.refunds(payment)
    plain = event(refund.provider_id, type="refund.refunded")
    charged_back = snapshot({"id": "chb_abcdefgh", "paymentId": "tr_abcdefgh12"})
    foreign = snapshot({"id": "re_bcdefghi", "paymentId": "tr_x/../../customers"})
    settled = event("stl_abcdefgh", type="payout.completed")
    unknown = event("zz_of_tomorrow", type="of-tomorrow", _embedded=["x"])
    for body in (plain, charged_back, foreign, settled, unknown):
        assert call(hook, body, sign(body, NEW)) == (200, None)
    assert inbox(sqlite_shop) == {payment.provider_id: True, "tr_abcdefgh12": True}


def test_a_snapshot_is_believed_in_nothing_but_its_id(sqlite_shop, hook):
    payment = sqlite_shop.open()
    stated = {"id": payment.provider_id, "status": "paid", "amount": {"currency": "EUR", "value": "500.00"}}
    body = snapshot(stated)
    assert call(hook, body, sign(body, NEW)) == (200, None)
    assert (sqlite_shop.process(), sqlite_shop.entries()) == (0, {})


def test_an_installation_takes_its_secrets_from_its_settings(sqlite_shop, tmp_path):
    settings = read_settings({"BXL_DATA": str(tmp_path), "BXL_MOLLIE_WEBHOOK_SECRETS": NEW})
    site = TestClient(build_app(Wiring(settings, sqlite_shop.book, sqlite_shop.rail, KeptMail(), None)))
    body = event("tr_abcdefgh12")
    for secret, status in ((NEW, 200), (OLD, 401)):
        headers = {"Content-Type": "application/json", "X-Mollie-Signature": sign(body, secret)}
        assert site.post("/webhooks/mollie/events", content=body, headers=headers).status_code == status


def test_a_webhook_is_answered_while_the_provider_keeps_the_worker_waiting(sqlite_shop, hook):
    payment = sqlite_shop.open()
    sqlite_shop.control.pay(payment.provider_id)
    sqlite_shop.control.add_fault("late", method="GET", path="/v2/payments/", seconds=1.5)
    body = event(payment.provider_id)
    assert call(hook, body, sign(body, NEW)) == (200, None)
    worker = threading.Thread(target=sqlite_shop.process)
    worker.start()
    wait_until(lambda: sqlite_shop.control.requests()[-1]["method"] == "GET")
    for _ in range(20):
        assert call(hook, body, sign(body, NEW)) == (200, None)
    assert worker.is_alive()
    worker.join()
