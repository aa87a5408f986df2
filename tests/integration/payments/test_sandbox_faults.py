"""What the sandbox does wrong when it is told to: each fault, chance that a seed repeats, and the timeline of a run."""

import http.client
import json
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.error import HTTPError

import pytest

from api.rails.sandbox.control import SandboxControl
from api.rails.sandbox.faults import FaultRule
from api.rails.sandbox.server import SandboxServer
from ledger.clock import FixedClock
from tests.integration.payments.test_sandbox import ASKED, Shop, _bxl, webhook_events
from tests.integration.payments.test_sandbox_money import Merchant, books, euro, merchant, paid
from tests.payments_kit import DAY, TEST_KEY, wait_until

__all__ = ["books", "merchant"]
NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)


def raw(base, body, key=None):
    """Status and headers of a create call, or the name of what went wrong on the line."""
    host, port = base.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    headers = {"Authorization": f"Bearer {TEST_KEY}"} | ({"Idempotency-Key": key} if key else {})
    try:
        connection.request("POST", "/v2/payments", json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    except (http.client.HTTPException, OSError) as error:
        return type(error).__name__, {}, b""
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("kind", "answered", "is_done"),
    [
        ("timeout-before", "RemoteDisconnected", False),
        ("timeout-after", "RemoteDisconnected", True),
        ("reset-before", "RemoteDisconnected", False),
        ("reset-after", "RemoteDisconnected", True),
        ("500-before", 500, False),
        ("500-after", 500, True),
        ("502-html", 502, False),
        ("503", 503, False),
        ("429", 429, False),
        ("422-without-detail", 422, False),
        ("late", 201, True),
        ("webhook-first", 201, True),
        ("extra-fields", 201, True),
    ],
)
def test_a_fault_of_the_call_is_seen_by_one_client_and_says_nothing_of_what_was_done(
    sandbox, control, kind, answered, is_done
):
    control.add_fault(kind, seconds=0.05, pause_seconds=7)
    status, headers, body = raw(sandbox.base, ASKED)
    assert status == answered
    assert len(control.payments()) == is_done
    if kind == "429":
        assert headers["Retry-After"] == "7"
    if kind == "422-without-detail":
        assert "detail" not in json.loads(body)
    assert raw(sandbox.base, ASKED)[0] == 201
    assert [e["kind"] for e in control.timeline() if e["event"] == "fault"] == [kind]


def test_a_webhook_can_come_before_the_answer_that_names_its_payment(sandbox, control):
    control.add_standing_payer("c1")
    with Shop(200, 200) as shop:
        control.add_fault("webhook-first")
        _, _, body = raw(sandbox.base, ASKED | {"webhookUrl": shop.url})
        assert shop.seen[-1] == f"id={json.loads(body)['id']}"


def test_a_payment_can_be_unknown_to_the_first_reads(sandbox, control, merchant):
    payment = merchant.payment()["id"]
    control.add_fault("404", method="GET", path="/v2/payments/*", count=3)
    for status in (404, 404, 404, 200):
        merchant.get(f"payments/{payment}", status)


@pytest.mark.parametrize(
    ("kind", "name", "stated"),
    [
        ("unknown-status", "status", "processing-at-bank"),
        ("unknown-method", "method", "pay-by-tomorrow"),
        ("wrong-profile", "profileId", "pfl_somebodyelse"),
        ("live-mode", "mode", "live"),
        ("stale", "status", "open"),
    ],
)
def test_a_fault_of_the_answer_twists_it_and_leaves_the_payment_as_it_is(control, merchant, kind, name, stated):
    payment = paid(merchant, control)
    true = merchant.get(f"payments/{payment}")
    control.add_fault(kind, method="GET", path="/v2/payments", count=2)
    twisted = merchant.get(f"payments/{payment}")
    assert (twisted[name], twisted["id"], twisted["amount"]) == (stated, payment, true["amount"])
    assert merchant.listed("payments", "payments")[0][name] == stated
    assert merchant.get(f"payments/{payment}") == true


def test_a_movement_can_be_of_a_type_that_nobody_knows(control, merchant, books):
    paid(merchant, control)
    control.add_fault("unknown-type", method="GET", path="/v2/balances")
    path = "balances/primary/transactions"
    assert [m["type"] for m in books.listed(path, "balance_transactions")] == ["reserve-of-tomorrow"]
    assert [m["type"] for m in books.listed(path, "balance_transactions")] == ["payment"]


def test_a_key_whose_request_is_still_running_is_refused(sandbox, control):
    control.add_fault("late", seconds=30)
    first = threading.Thread(target=raw, args=(sandbox.base, ASKED, "k1"))
    first.start()
    wait_until(lambda: len(control.payments()) == 1)
    assert raw(sandbox.base, ASKED, "k1")[0] == 409
    sandbox.stopping.set()  # ends the wait
    first.join()


def test_a_repeated_key_replays_the_first_answer_to_the_byte_and_says_so(sandbox, control):
    control.add_standing_payer("c1")
    _, fresh, first = raw(sandbox.base, ASKED, "k1")
    status, headers, again = raw(sandbox.base, ASKED, "k1")
    assert (status, again) == (201, first)
    assert "Idempotent-Replayed" not in fresh
    assert headers["Idempotent-Replayed"] == "true"
    status, _, refused = raw(sandbox.base, ASKED | {"description": "another"}, "k1")
    assert (status, json.loads(refused)["title"]) == (400, "Bad Request")
    assert len(control.payments()) == 1


def test_chance_strikes_the_same_requests_for_the_same_seed():
    def struck(seed):
        rule = FaultRule("503", percent=30, seed=seed, count=1000)
        return [rule.strikes("POST", "/v2/payments") for _ in range(200)]

    assert struck(7) == struck(7)
    assert struck(7) != struck(8)
    assert 30 <= sum(struck(7)) <= 90


def test_an_unknown_fault_is_refused(control):
    with pytest.raises(HTTPError, match="422"):
        control.add_fault("earthquake")


def test_webhooks_can_be_dropped_repeated_and_delayed_by_chance(sandbox, control, merchant):
    control.disturb_webhooks(seed=3, drop_percent=30, repeat_percent=30, delay_seconds=600)
    with Shop(*[200] * 60) as shop:
        ids = [paid(merchant, control, f"{n}.00", webhookUrl=shop.url) for n in range(1, 21)]
        control.advance(timedelta(minutes=10))
        wait_until(control.is_idle)
        seen = [call.removeprefix("id=") for call in shop.seen]
        dropped = webhook_events(control).count("webhook-dropped")
        assert 0 < dropped < 20
        assert len(set(seen)) == 20 - dropped
        assert len(seen) > len(set(seen))
        assert any(ids.index(later) < ids.index(earlier) for earlier, later in pairwise(seen))
        control.disturb_webhooks()
        paid(merchant, control, "99.00", webhookUrl=shop.url)
        wait_until(lambda: len(shop.seen) == len(seen) + 1)


def run_of(seed):
    """The timeline of a day with faults, refunds and a chargeback; nothing in it is asked of the machine."""
    server = SandboxServer(clock=FixedClock(NOON), seed=seed)
    server.start()
    try:
        control, merchant = SandboxControl(server.base), Merchant(server.base)
        control.set_date(DAY)
        control.add_fault("503", percent=40, seed=5, count=100)
        control.disturb_webhooks(seed=5, drop_percent=40)
        for n in range(1, 9):
            if raw(server.base, ASKED | {"amount": euro(f"{n}.00")})[0] == 201:
                control.pay(control.payments()[0]["id"])
        control.clear_faults()
        newest = control.payments()[0]["id"]
        merchant.post(f"payments/{newest}/refunds", amount=euro("1.00"), description="back")
        control.charge_back(newest, amount_cents=100)
        control.set_date(DAY + timedelta(days=7))
        return control.timeline()
    finally:
        server.close()


def test_a_run_is_repeated_by_its_seed_to_the_last_line_of_its_timeline():
    first = run_of("a")
    assert first == run_of("a")
    assert first != run_of("b")
    events = {event["event"] for event in first}
    assert {"fault", "payment-paid", "refund-refunded", "chargeback", "settlement-paidout"} <= events


def test_the_timeline_of_a_running_sandbox_is_printed(sandbox, control, merchant):
    payment = paid(merchant, control)
    command = _bxl("sandbox", "timeline", "--url", sandbox.base)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert f"payment-paid  id={payment} cents=50000" in done.stdout
    as_json = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(as_json.stdout)["events"] == control.timeline()
    nobody = subprocess.run(
        _bxl("sandbox", "timeline", "--url", "http://127.0.0.1:9"), capture_output=True, text=True, check=False
    )
    assert (nobody.returncode, nobody.stderr.count("\n")) == (2, 1)


OPTIONAL = ("webhookUrl", "cancelUrl", "method", "sequenceType", "customerId", "dueDate", "lines")
NONSENSE = (5, True, [], {}, [[]], ["bancontact", 5], {"value": {}}, "", "http://[", "é" * 5000, None)


@pytest.mark.parametrize(
    "field", [*ASKED, "webhookUrl", "cancelUrl", "method", "sequenceType", "customerId", "dueDate", "lines"]
)
def test_nonsense_in_a_field_is_answered_in_the_providers_form_and_never_breaks_the_line(sandbox, control, field):
    for nonsense in NONSENSE:
        status, _, body = raw(sandbox.base, ASKED | {field: nonsense})
        document = json.loads(body)
        assert status in {201, 404, 422}
        if status != 201:
            assert (document["status"], bool(document["title"]), bool(document["detail"])) == (status, True, True)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"5", b"[" * 5000])
def test_a_body_that_is_no_object_is_refused(sandbox, control, body):
    host, port = sandbox.base.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("POST", "/v2/payments", body, {"Authorization": f"Bearer {TEST_KEY}"})
    answer = connection.getresponse()
    assert answer.status in {400, 422}
    assert json.loads(answer.read())["title"]
    connection.close()
    assert control.payments() == []
