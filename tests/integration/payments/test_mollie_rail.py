"""The traps of the provider's client library, each shut."""

import json
import logging
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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


@contextmanager
def provider(*answers):
    """A provider that gives these answers in turn, the last again and again; and what it was asked.

    An answer is a status, headers, and a body: bytes, or parts that are written one after the other.
    """
    asked, left = [], list(answers)

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            asked.append((self.command, self.path))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            parts = [body] if isinstance(body, bytes) else body
            if isinstance(body, bytes):
                self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):
                for part in parts:
                    self.wfile.write(part)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 -- the library's names

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def page(items, following=None):
    links = {"next": {"href": following} if following else None}
    return json.dumps({"_embedded": {"payments": items}, "count": len(items), "_links": links}).encode()


def test_a_redirect_is_not_followed():
    with provider((302, {"Location": "/elsewhere"}, b"")) as (url, asked), pytest.raises(OutcomeUnknownError):
        sandbox_rail(url).create_payment(BODY, "k1")
    assert asked == [("POST", "/v2/payments")]


@pytest.mark.parametrize("body", [b"{}", b"<html>slow down</html>", b'{"status": 429, "title": "x"}'])
def test_the_pause_that_the_provider_asks_for_is_kept_by_every_thread_with_jitter(body):
    now = [1_000.0]
    with provider((429, {"Retry-After": "20"}, body), (200, {}, page([]))) as (url, asked):
        rail = sandbox_rail(url, seconds=lambda: now[0])
        with pytest.raises(RailBusyError) as told:
            rail.newest_payments(since=DAY)
        assert 20 <= told.value.retry_after.total_seconds() <= 30
        now[0] += 19
        with ThreadPoolExecutor(4) as pool:
            waiting = [pool.submit(rail.newest_payments, since=DAY) for _ in range(8)]
            assert {type(each.exception()) for each in waiting} == {RailBusyError}
        assert len(asked) == 1
        now[0] += 12
        assert rail.newest_payments(since=DAY) == []
    assert len(asked) == 2


def test_pauses_of_the_same_length_do_not_end_at_the_same_moment():
    with provider((429, {"Retry-After": "1000"}, b"{}")) as (url, _):
        waits = set()
        for _ in range(8):
            with pytest.raises(RailBusyError) as told:
                sandbox_rail(url).payment("tr_abcdefgh12")
            waits.add(told.value.retry_after)
    assert len(waits) > 1
    assert max(waits).total_seconds() <= 900  # no answer silences us for longer


@pytest.mark.parametrize("stated", ["", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "-5", "1.5", "٣"])
def test_a_pause_that_is_no_number_of_seconds_is_a_short_one(stated):
    pause = {"Retry-After": stated.encode().decode("latin-1")}
    with provider((429, pause, b"{}")) as (url, _), pytest.raises(RailBusyError) as told:
        sandbox_rail(url).payment("tr_abcdefgh12")
    assert 1 <= told.value.retry_after.total_seconds() <= 1.5


def test_an_answer_that_drips_ends_with_the_budget_of_its_operation(monkeypatch):
    monkeypatch.setattr("api.rails.mollie.client.BUDGET_SECONDS", 0.3)

    def drip():
        while True:
            yield b" "
            threading.Event().wait(0.02)

    endless = 200, {"Content-Length": "1000000"}, drip()
    with provider(endless) as (url, asked), pytest.raises(OutcomeUnknownError, match="too long"):
        sandbox_rail(url).payment("tr_abcdefgh12")
    assert len(asked) == 1


def test_an_answer_without_an_end_is_read_no_further_than_a_limit(monkeypatch):
    monkeypatch.setattr("api.rails.mollie.client._LARGEST_ANSWER", 100_000)
    large = 200, {"Content-Length": "1000000"}, (b" " * 10_000 for _ in range(100))
    with provider(large) as (url, _), pytest.raises(OutcomeUnknownError, match="no end"):
        sandbox_rail(url).payment("tr_abcdefgh12")


def test_a_dead_https_host_is_tried_once():
    started = time.monotonic()
    with pytest.raises(OutcomeUnknownError):
        sandbox_rail("https://127.0.0.1:9").create_payment(BODY, "k1")
    assert time.monotonic() - started < 3  # the library's own four tries take six seconds


def test_a_page_that_links_to_another_spelling_of_the_host_is_not_followed():
    foreign = 200, {}, page([], "http://localhost:9/v2/payments?from=tr_abcdefgh12")
    with provider(foreign) as (url, asked), pytest.raises(OutcomeUnknownError, match="another address"):
        sandbox_rail(url).newest_payments(since=DAY)
    assert len(asked) == 1


def test_a_list_that_leads_back_to_itself_ends(monkeypatch):
    monkeypatch.setattr("api.rails.mollie.client._MOST_PAGES", 5)
    answers = [200, {}, b""]
    with provider(answers) as (url, asked):
        answers[2] = page([STATED], f"{url}/v2/payments?from=tr_abcdefgh12")
        with pytest.raises(OutcomeUnknownError, match="does not end"):
            sandbox_rail(url).newest_payments(since=DAY)
    assert len(asked) == 6


def test_what_leaves_the_adapter_holds_no_credential(sandbox):
    rail = sandbox_rail(sandbox.base)
    payment = rail.create_payment(BODY, "k1")
    listed = rail.newest_payments(since=DAY)
    assert TEST_KEY.encode() not in pickle.dumps((payment, listed))
    pairs = [(a, b) for a in listed for b in listed]  # a list of the library's would never end here
    assert len(pairs) == 1


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
