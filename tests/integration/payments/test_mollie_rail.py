"""The traps of the provider's client library, each shut."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from api.rails.mollie import MollieRail
from api.rails.mollie.reading import read_payment, read_refund
from ledger.errors import InvariantError
from ledger.payments.bodies import cents_of, euro_text, payment_body
from ledger.payments.model import Mode
from ledger.payments.rail import NotAtProviderError, OutcomeUnknownError, RailBusyError
from tests.payments_kit import DAY, TEST_KEY, sandbox_rail

BODY = payment_body(
    amount_cents=100,
    description="x",
    redirect_url="https://bxl.example/",
    webhook_url="http://127.0.0.1:9/",
    language="fr",
    metadata={"op": "y1"},
)
STATED = {
    "id": "tr_abcdefgh12",
    "mode": "test",
    "status": "open",
    "createdAt": "2026-03-02T12:00:00+01:00",
    "amount": {"currency": "EUR", "value": "1.00"},
}


@pytest.mark.parametrize(
    "fault", ["500-before", "502-html", "503", "422-without-detail", "reset-before", "timeout-before"]
)
def test_whatever_is_not_a_clear_answer_is_an_unknown_outcome(sandbox, control, fault):
    control.add_fault(fault, seconds=2)
    with pytest.raises(OutcomeUnknownError):
        sandbox_rail(sandbox.base, timeout=(1, 1)).create_payment(BODY, "k1")


def test_a_dead_provider_is_an_unknown_outcome():
    with pytest.raises(OutcomeUnknownError):
        sandbox_rail("http://127.0.0.1:9").create_payment(BODY, "k1")


def test_too_many_requests_is_busy(sandbox, control):
    control.add_fault("429", method="GET")
    with pytest.raises(RailBusyError):
        sandbox_rail(sandbox.base).newest_payments(since=DAY)


def test_a_credential_that_is_not_accepted_is_busy_and_nothing_is_lost(sandbox):
    rail = MollieRail("live_" + "k" * 30, "https://127.0.0.1:9")
    rail._mollie._endpoint = sandbox.base
    with pytest.raises(RailBusyError, match="401"):
        rail.create_payment(BODY, "k1")


def test_a_malformed_id_never_leaves_the_machine(sandbox, control):
    with pytest.raises(NotAtProviderError):
        sandbox_rail(sandbox.base).payment("tr_x/../../customers")
    with pytest.raises(NotAtProviderError):
        sandbox_rail(sandbox.base).create_refund("tr_x/../../customers", b"{}", "k1")
    assert control.requests() == []


def test_a_netrc_and_the_proxies_of_the_machine_change_nothing(sandbox, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert sandbox_rail(sandbox.base).create_payment(BODY, "k1").status == "open"


def test_a_replayed_answer_is_not_announced_on_the_root_logger(sandbox, caplog):
    rail = sandbox_rail(sandbox.base)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            rail.create_payment(BODY, "k1")
    assert caplog.records == []


def test_a_live_key_is_never_sent_over_an_open_line():
    with pytest.raises(InvariantError):
        MollieRail("live_" + "k" * 30, "http://127.0.0.1:9")
    assert MollieRail("live_" + "k" * 30).mode is Mode.LIVE
    assert MollieRail(TEST_KEY).mode is Mode.TEST


def test_sixteen_threads_share_a_rail_and_each_has_its_own_client(sandbox, control):
    rail = sandbox_rail(sandbox.base)
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda n: rail.create_payment(BODY, f"k{n}").provider_id, range(64)))
    assert len(set(made)) == 64
    assert len(control.payments()) == 64


def test_a_redirect_is_not_followed():
    seen = []

    class Redirecting(BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self):
            seen.append(self.path)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Redirecting) as server:
        server.timeout = 10
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        with pytest.raises(OutcomeUnknownError):
            sandbox_rail(f"http://127.0.0.1:{server.server_port}").create_payment(BODY, "k1")
        thread.join()
    assert seen == ["/v2/payments"]


@pytest.mark.parametrize(
    "change",
    [
        {"id": "tr_x/../.."},
        {"status": None},
        {"status": "paid"},
        {"status": "paid", "paidAt": "2026-03-02T12:00:00"},
        {"createdAt": "yesterday"},
        {"amount": {"currency": "EUR", "value": "1.0"}},
        {"amount": {"currency": "EUR", "value": 1}},
        {"amount": None},
        {"amountRefunded": {"currency": "EUR", "value": "1.00"}},
        {"amountChargedBack": {"currency": "EUR", "value": "1.00"}},
    ],
)
def test_a_statement_in_another_form_is_not_guessed_at(change):
    read_payment(STATED, whole=True)
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_payment(STATED | change, whole=True)


def test_a_refund_in_another_form_is_not_guessed_at():
    refund = {k: v for k, v in STATED.items() if k != "mode"} | {"id": "re_abcdefgh12", "paymentId": "tr_abcdefgh12"}
    assert read_refund(refund).amount_cents == 100
    with pytest.raises(ValueError, match="form"):
        read_refund(refund | {"paymentId": "ord_12345678"})


def test_metadata_of_others_is_not_ours():
    assert dict(read_payment(STATED | {"metadata": "text"}).metadata) == {}
    assert dict(read_payment(STATED | {"metadata": {"op": 5, "payer": "c1"}}).metadata) == {"payer": "c1"}


@pytest.mark.parametrize("text", ["1", "1.0", "1.000", "-1.00", "01.00", "1,00", " 1.00", "1.00\n", "٣.00"])
def test_an_amount_without_exactly_two_decimals_is_no_amount(text):
    with pytest.raises(ValueError, match="two decimals"):
        cents_of(text)


def test_amounts_go_there_and_back():
    for cents in (0, 1, 99, 100, 50_000, 2**53 // 100):
        assert cents_of(euro_text(cents)) == cents
    with pytest.raises(InvariantError):
        euro_text(-1)
