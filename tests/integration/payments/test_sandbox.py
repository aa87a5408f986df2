"""The sandbox: what it keeps, what it refuses, how its page works, how it calls back."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from api.rails.sandbox.control import SandboxControl
from api.rails.sandbox.server import SandboxServer
from ledger.clock import FixedClock
from ledger.payments.rail import CallRefusedError
from tests.payments_kit import DAY, TEST_KEY, sandbox_rail, wait_until

ASKED = {
    "amount": {"currency": "EUR", "value": "500.00"},
    "description": "Prêt <b>proxi</b>",
    "redirectUrl": "http://127.0.0.1:9/retour",
    "locale": "fr_BE",
    "metadata": {"payer": "c1"},
}


def ask(url, *, method="GET", body=None, headers=None):
    """Status, headers and text of an answer; redirects are not followed."""

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.build_opener(NoRedirect).open(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def create(base, **changed):
    headers = {"Authorization": f"Bearer {TEST_KEY}"}
    status, _, text = ask(
        f"{base}/v2/payments", method="POST", body=json.dumps(ASKED | changed).encode(), headers=headers
    )
    return status, json.loads(text)


@pytest.mark.parametrize("language", ["fr", "nl", "en"])
def test_the_checkout_page_says_sandbox_in_every_language_and_escapes_what_it_shows(sandbox, control, language):
    _, payment = create(sandbox.base)
    status, headers, page = ask(f"{payment['_links']['checkout']['href']}?lang={language}")
    assert status == 200
    assert f'<html lang="{language}">' in page
    assert "SANDBOX" in page
    assert "Prêt &lt;b&gt;proxi&lt;/b&gt;" in page
    assert "500" in page
    assert "<script" not in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_without_a_wish_the_checkout_page_speaks_the_payments_language(sandbox, control):
    _, payment = create(sandbox.base, locale="nl_BE")
    assert '<html lang="nl">' in ask(payment["_links"]["checkout"]["href"])[2]


@pytest.mark.parametrize("outcome", ["paid", "failed", "canceled", "expired"])
def test_a_choice_on_the_checkout_page_decides_the_payment_and_leads_back(sandbox, control, outcome):
    _, payment = create(sandbox.base)
    page = payment["_links"]["checkout"]["href"]
    form = urllib.parse.urlencode({"method": "bancontact", "outcome": outcome}).encode()
    status, headers, _ = ask(page, method="POST", body=form)
    assert (status, headers["Location"]) == (303, "http://127.0.0.1:9/retour")
    assert control.payments()[0]["status"] == outcome
    assert "http://127.0.0.1:9/retour" in ask(page)[2]
    assert "<form" not in ask(page)[2]
    assert ask(page, method="POST", body=b"outcome=paid")[0] == 303
    assert control.payments()[0]["status"] == outcome  # decided once


def test_who_gives_up_the_method_that_the_shop_chose_is_led_to_all_of_them(sandbox, control):
    _, payment = create(sandbox.base, method="kbc")
    page = payment["_links"]["checkout"]["href"]
    assert 'value="belfius"' not in ask(page)[2]
    status, headers, _ = ask(page, method="POST", body=b"outcome=canceled")
    assert (status, headers["Location"]) == (303, page.removeprefix(sandbox.base))
    assert 'value="belfius"' in ask(page)[2]
    assert control.payments()[0]["status"] == "open"
    assert ask(page, method="POST", body=b"outcome=paid&method=belfius")[0] == 303
    assert (control.payments()[0]["status"], control.payments()[0]["method"]) == ("paid", "belfius")


def test_the_checkout_page_of_a_bank_transfer_says_where_to_pay(sandbox, control):
    _, payment = create(sandbox.base, method="banktransfer")
    page = ask(payment["_links"]["checkout"]["href"])[2]
    assert payment["details"]["transferReference"] in page
    assert payment["details"]["bankAccount"] in page


@pytest.mark.parametrize("language", ["fr", "nl", "en"])
def test_what_happens_after_a_payment_is_played_on_a_page(sandbox, control, language):
    _, payment = create(sandbox.base)
    control.pay(payment["id"])
    page = f"{sandbox.base}/change-state/{payment['id']}?lang={language}"

    def press(form):
        status, headers, _ = ask(page, method="POST", body=form.encode())
        assert (status, headers["Location"]) == (303, page.removeprefix(sandbox.base))

    status, headers, text = ask(page)
    assert (status, f'<html lang="{language}">' in text, "SANDBOX" in text) == (200, True, True)
    assert "Prêt &lt;b&gt;proxi&lt;/b&gt;" in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    press(f"refund={payment['id']}")
    [refund] = control.refunds()
    assert (refund["status"], refund["amount_cents"], refund["metadata"]) == ("pending", 50_000, {})
    press(f"refund-failed={refund['id']}")
    assert control.refunds()[0]["status"] == "failed"
    press(f"charge-back={payment['id']}")
    [chargeback] = control.chargebacks()
    assert f'name="reverse" value="{chargeback["id"]}"' in ask(page)[2]
    press(f"reverse={chargeback['id']}")
    assert control.chargebacks()[0]["reversedAt"] is not None
    assert 'name="reverse"' not in ask(page)[2]
    assert ask(page, method="POST", body=b"shred=it")[0] == 422
    assert ask(page, method="POST", body=b"")[0] == 422


def test_a_choice_that_does_not_exist_is_refused(sandbox, control):
    _, payment = create(sandbox.base)
    assert ask(payment["_links"]["checkout"]["href"], method="POST", body=b"outcome=rich")[0] == 422
    assert control.payments()[0]["status"] == "open"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"amount": {"currency": "EUR", "value": "500.0"}}, "amount"),
        ({"amount": {"currency": "EUR", "value": 500}}, "amount"),
        ({"amount": {"currency": "USD", "value": "500.00"}}, "amount"),
        ({"amount": {"currency": "EUR", "value": "0.00"}}, "amount"),
        ({"description": ""}, "description"),
        ({"redirectUrl": "javascript:alert(1)"}, "redirectUrl"),
        ({"webhookUrl": "http://example.com/webhooks"}, "webhookUrl"),
        ({"locale": "xx_YY"}, "locale"),
        ({"metadata": {"x": "y" * 2000}}, "metadata"),
    ],
)
def test_a_malformed_payment_is_refused_with_the_field_that_is_wrong(sandbox, control, changed, field):
    status, problem = create(sandbox.base, **changed)
    assert (status, problem["field"]) == (422, field)
    assert control.payments() == []


def test_only_test_keys_are_accepted(sandbox, control):
    for credential in ("Bearer live_" + "k" * 30, "Basic abc", ""):
        headers = {"Authorization": credential}
        assert ask(f"{sandbox.base}/v2/payments", headers=headers)[0] == 401


def test_control_calls_need_their_header_and_a_local_name(sandbox, control):
    url = f"{sandbox.base}/control/date"
    assert ask(url, method="POST", body=b'{"date": "2027-01-01"}')[0] == 403
    foreign = {"X-Sandbox-Control": "1", "Host": "evil.example"}
    assert ask(url, method="POST", body=b'{"date": "2027-01-01"}', headers=foreign)[0] == 403
    assert ask(url, method="POST", body=b'{"date": "soon"}', headers={"X-Sandbox-Control": "1"})[0] == 422
    assert control.date() == DAY


def test_a_sandbox_with_a_token_takes_control_calls_that_show_it_only():
    server = SandboxServer(control_token="of-this-run")
    server.start()
    try:
        for token in ("none", "of-this-rum"):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                SandboxControl(server.base, token).set_date(DAY)
        control = SandboxControl(server.base, "of-this-run")
        control.set_date(DAY)
        assert control.date() == DAY
    finally:
        server.close()


def test_every_link_begins_with_the_address_that_was_called(sandbox, control):
    for _ in range(3):
        create(sandbox.base)
    headers = {"Authorization": f"Bearer {TEST_KEY}"}
    page = json.loads(ask(f"{sandbox.base}/v2/payments?limit=2", headers=headers)[2])
    assert page["count"] == 2
    assert page["_links"]["next"]["href"].startswith(f"{sandbox.base}/v2/payments?from=tr_")
    assert all(link["href"].startswith(sandbox.base) for link in page["_embedded"]["payments"][0]["_links"].values())
    methods = json.loads(ask(f"{sandbox.base}/v2/methods", headers=headers)[2])
    assert "bancontact" in [m["id"] for m in methods["_embedded"]["methods"]]


def test_an_idempotency_key_is_forgotten_after_an_hour():
    clock = FixedClock(datetime(2026, 3, 2, 11, tzinfo=UTC))
    server = SandboxServer(clock=clock)
    server.start()
    try:
        rail, body = sandbox_rail(server.base), json.dumps(ASKED).encode()
        first = rail.create_payment(body, "k1")
        clock.instant += timedelta(minutes=59)
        assert rail.create_payment(body, "k1").provider_id == first.provider_id
        with pytest.raises(CallRefusedError, match="400"):
            rail.create_payment(json.dumps(ASKED | {"description": "y"}).encode(), "k1")
        clock.instant += timedelta(minutes=2)
        assert rail.create_payment(body, "k1").provider_id != first.provider_id
    finally:
        server.close()


def test_a_killed_sandbox_comes_back_with_its_payments_its_date_and_its_keys(tmp_path):
    state = tmp_path / "sandbox.json"
    first, base = _start(state)
    control, rail = SandboxControl(base), sandbox_rail(base)
    control.set_date(date(2026, 5, 4))
    control.add_standing_payer("e1")
    body = json.dumps(ASKED | {"metadata": {"payer": "e1"}}).encode()
    payment = rail.create_payment(body, "k1")
    refund = rail.create_refund(payment.provider_id, b'{"amount": {"currency": "EUR", "value": "1.00"}}', "k2")
    first.send_signal(signal.SIGKILL)
    first.communicate()
    with state.open("ab") as file:
        file.write(b'[["payments", "tr_torn')  # a line that was being written

    second, base = _start(state)
    try:
        control, rail = SandboxControl(base), sandbox_rail(base)
        assert control.date() == date(2026, 5, 4)
        [kept] = rail.newest_payments(since=date(2026, 5, 4))
        assert (kept.provider_id, kept.status) == (payment.provider_id, "paid")
        assert rail.payment(payment.provider_id).refunds == (refund,)
        assert rail.create_payment(body, "k1").provider_id == payment.provider_id
        assert rail.create_payment(body, "k3").provider_id != payment.provider_id
        assert [p["status"] for p in control.payments()] == ["paid", "paid"]
        control.set_date(date(2026, 5, 6))  # what was planned before the kill happens all the same
        assert control.refunds()[0]["status"] == "refunded"
        [settlement] = control.settlements()
        assert settlement["amount_cents"] == 2 * (50_000 - 39) - 125
        assert control.balance_cents() == 0
    finally:
        second.terminate()
        second.communicate(timeout=20)
    assert second.returncode == 0


def test_a_taken_port_is_said_in_one_line(sandbox):
    port = sandbox.base.rpartition(":")[2]
    command = _bxl("sandbox", "serve", "--port", port)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"port {port}" in done.stderr
    assert done.stderr.count("\n") == 1


class Shop:
    """A shop that answers webhooks as it is told, and remembers them."""

    def __init__(self, *answers):
        self.seen = []
        given, shop = iter(answers), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                shop.seen.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(next(given))
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def webhook_events(control):
    return [event["event"] for event in control.timeline() if event["event"].startswith("webhook-")]


def test_a_webhook_is_called_again_until_it_is_answered_with_success(sandbox, control):
    with Shop(500, 302, 200) as shop:
        _, payment = create(sandbox.base, webhookUrl=shop.url)
        control.pay(payment["id"])
        for tries, minutes in enumerate((1, 2, 4), start=1):
            wait_until(lambda tries=tries: len(webhook_events(control)) == tries)
            control.advance(timedelta(minutes=minutes))
        wait_until(control.is_idle)
    assert shop.seen == [f"id={payment['id']}"] * 3
    assert webhook_events(control) == ["webhook-failed", "webhook-failed", "webhook-delivered"]


def test_a_webhook_is_given_up_after_ten_calls_in_twenty_six_hours(sandbox, control):
    control.set_clock(datetime(2026, 3, 2, 11, tzinfo=UTC))
    pauses = (1, 2, 4, 8, 16, 29, 60, 120, 1320)
    with Shop(*[500] * 20) as shop:
        _, payment = create(sandbox.base, webhookUrl=shop.url)
        control.pay(payment["id"])
        for tries, minutes in enumerate(pauses, start=1):
            wait_until(lambda tries=tries: len(webhook_events(control)) == tries)
            control.advance(timedelta(minutes=minutes) - timedelta(seconds=20))
            assert control.is_idle()  # not a moment too early
            control.advance(timedelta(seconds=20))
        wait_until(lambda: len(webhook_events(control)) == 10)
        control.advance(timedelta(days=30))
        assert control.is_idle()
    assert len(shop.seen) == 10
    assert webhook_events(control)[-1] == "webhook-given-up"


def test_time_passes_in_truth_in_the_nights_in_which_the_clocks_are_changed(sandbox, control):
    for night, after in (
        ("2026-03-29T01:30:00+01:00", "03:30:00+02:00"),
        ("2026-10-25T02:30:00+02:00", "02:30:00+01:00"),
    ):
        control.set_clock(datetime.fromisoformat(night))
        control.advance(timedelta(hours=1))
        assert control.now().isoformat()[11:16] == after[:5]
        assert control.now().isoformat()[19:] == after[8:]


def test_refunds_on_their_way_arrive_when_the_date_moves(sandbox, control):
    _, payment = create(sandbox.base)
    control.pay(payment["id"])
    rail = sandbox_rail(sandbox.base)
    rail.create_refund(payment["id"], b'{"amount": {"currency": "EUR", "value": "1.00"}}', "k2")
    control.set_date(date(2026, 3, 3))
    assert [r["status"] for r in control.refunds()] == ["refunded"]


def test_what_can_be_canceled_is_canceled(sandbox, control):
    headers = {"Authorization": f"Bearer {TEST_KEY}"}
    _, payment = create(sandbox.base)
    url = f"{sandbox.base}/v2/payments/{payment['id']}"
    assert json.loads(ask(url, method="DELETE", headers=headers)[2])["status"] == "canceled"
    assert ask(url, method="DELETE", headers=headers)[0] == 422
    _, paid = create(sandbox.base)
    control.pay(paid["id"])
    refund = sandbox_rail(sandbox.base).create_refund(
        paid["id"], b'{"amount": {"currency": "EUR", "value": "1.00"}}', "k"
    )
    url = f"{sandbox.base}/v2/payments/{paid['id']}/refunds/{refund.provider_id}"
    assert ask(url, method="DELETE", headers=headers)[0] == 204
    assert json.loads(ask(url, headers=headers)[2])["status"] == "canceled"
    assert ask(url, method="DELETE", headers=headers)[0] == 422


def _bxl(*arguments):
    return [sys.executable, "-c", "from api.cli.main import main; main()", *arguments]


def _start(state):
    """A sandbox in a process of its own, and its address."""
    environment = {**os.environ, "PYTHONPATH": "."}
    command = _bxl("sandbox", "serve", "--port", "0", "--state", str(state))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    return process, process.stdout.readline().strip()
