"""The close of a day: three ways to the cent, every difference named, stored as it was signed."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from api.bootstrap import Wiring
from api.mail.transport import KeptMail
from api.reconcile.closing import close_day, closes, latest_close, verify_close
from api.settings import read_settings
from contracts.documents.authority import make_receipt_identity
from ledger.errors import Refusal
from ledger.payments import transfers
from ledger.payments.inbox import receive
from ledger.payments.rail import OutcomeUnknownError
from ledger.payments.settlements import book_fee_cover
from tests.conftest import NOON
from tests.functional.conftest import quiet_rail
from tests.functional.test_log_commands import bxl as bxl
from tests.payments_kit import DAY, Shop

EVIDENCE = "ab" * 32


@pytest.fixture
def shop(sqlite_book, clock):
    return Shop(sqlite_book, quiet_rail(), clock).configure()


@pytest.fixture
def wiring(shop, tmp_path):
    settings = read_settings({"BXL_DATA": str(tmp_path)})
    return Wiring(settings, shop.book, shop.rail, KeptMail(), None, provider_books=shop.rail)


def pay(shop, reference="pledge:p1", *, heard=True):
    payment = shop.open(reference)
    shop.rail.decide(payment.provider_id, "paid")
    if heard:
        hear(shop, payment)
    return payment


def hear(shop, payment):
    with shop.book.unit_of_work(actor="test") as unit:
        receive(unit, payment.provider_id)
    assert shop.process() == 1


def certificate(wiring):
    return make_receipt_identity(wiring.settings.keys_folder, now=NOON).certificate_sha256


def differing(closed):
    return {(row["account"], row["source"]): row for row in closed.report["accounts"] if row["difference_cents"]}


def test_a_day_on_which_everything_agrees_is_closed_without_a_difference(shop, wiring):
    shop.rail.fee_cents = 39
    pay(shop)
    settled = shop.rail.settle()
    closed = close_day(wiring, on=DAY, actor="s1")
    assert closed.agrees
    rows = {row["account"]: (row["ledger_cents"], row["stated_cents"]) for row in closed.report["accounts"]}
    assert rows == {
        "580100": (0, 0),
        "580200": (49_961, 49_961),
        "580300": (39, 39),
        "580400": (0, 0),
        "550100": (0, None),  # no statement was read
    }
    with shop.book.unit_of_work(actor="s1") as unit:
        booked = {"reference": settled.reference, "evidence": EVIDENCE, "on": DAY}
        transfers.record_settlement(unit, amount_cents=49_961, **booked)
        book_fee_cover(unit, amount_cents=39, **booked)
    again = close_day(wiring, on=DAY, actor="s1")
    assert (again.agrees, again.number) == (True, 2)
    assert [(each.on, each.number) for each in closes(shop.book)] == [(DAY, 2), (DAY, 1)]
    assert latest_close(shop.book, DAY).file == again.file


def test_what_differs_is_named_opens_a_case_and_the_case_closes_with_the_next_close_that_agrees(shop, wiring):
    payment = pay(shop, heard=False)
    [movement] = shop.rail.movements
    closed = close_day(wiring, on=DAY, actor="s1")
    assert not closed.agrees
    by_movements, by_balance = differing(closed).values()
    waits = {"code": "movement-waits", "subject": movement.provider_id, "cents": -50_000}
    assert by_movements["named"] == [waits]
    assert by_balance["named"] == [{"code": "unexplained", "subject": "580100", "cents": -50_000}]
    assert shop.cases() == ["close-differs", "close-differs"]
    hear(shop, payment)
    assert close_day(wiring, on=DAY, actor="s1").agrees
    assert shop.cases() == []
    pay(shop, "pledge:p2", heard=False)  # what differs once more is a case once more
    assert not close_day(wiring, on=DAY, actor="s1").agrees
    assert shop.cases() == ["close-differs", "close-differs"]


def test_an_earlier_day_is_closed_as_it_was_and_a_day_to_come_is_not(shop, wiring):
    pay(shop)
    shop.clock.instant += timedelta(days=1)
    shop.rail.today += timedelta(days=1)
    pay(shop, "pledge:p2")
    closed = close_day(wiring, on=DAY, actor="s1")
    assert closed.agrees
    assert closed.report["accounts"][0]["ledger_cents"] == 50_000
    assert close_day(wiring, on=DAY + timedelta(days=1), actor="s1").report["accounts"][0]["ledger_cents"] == 100_000
    with pytest.raises(Refusal, match="date-not-reached"):
        close_day(wiring, on=DAY + timedelta(days=2), actor="s1")
    with pytest.raises(Refusal, match="close-unknown"):
        latest_close(shop.book, DAY - timedelta(days=1))


def test_a_provider_that_can_not_be_read_is_compared_by_what_was_read_before(shop, wiring, monkeypatch):
    pay(shop)
    assert close_day(wiring, on=DAY, actor="s1").report["provider_read"]

    def fail(**_):
        raise OutcomeUnknownError("a timeout")

    monkeypatch.setattr(shop.rail, "newest_movements", fail)
    closed = close_day(wiring, on=DAY, actor="s1")
    assert (closed.agrees, closed.report["provider_read"]) == (True, False)
    assert not any(row["source"] == "provider" for row in closed.report["accounts"])
    unread = close_day(replace(wiring, provider_books=None), on=DAY, actor="s1")
    assert unread.report["provider_read"] is False


def test_the_signed_report_verifies_and_whatever_was_changed_in_it_is_told(shop, wiring):
    pay(shop)
    file = close_day(wiring, on=DAY, actor="s1").file
    pinned = certificate(wiring)
    assert verify_close(file, certificate_sha256=pinned)["on"] == "2026-03-02"
    for wrong, code in (
        (file.replace(b"50000", b"50001", 1), "close-forged"),
        (file.replace(b'"signature":"M', b'"signature":"N'), "close-forged"),
        (file[:-3], "close-malformed"),
        (b"[]", "close-malformed"),
        (b'{"report": {}, "signature": "a"}', "close-malformed"),
    ):
        with pytest.raises(Refusal, match=code):
            verify_close(wrong, certificate_sha256=pinned)
    with pytest.raises(Refusal) as refused:
        verify_close(file, certificate_sha256="0" * 64)
    assert refused.value == Refusal("close-forged", reason="certificate")


def test_the_commands_close_a_day_and_verify_its_report_by_the_policy_of_the_log(bxl, tmp_path):
    assert bxl("migrate").returncode == 0
    closed = bxl("reconcile", "close", "--as", "s1", "--out", "close.json", "--json")
    assert closed.returncode == 0, closed.stderr
    assert json.loads(closed.stdout)["accounts"][0]["account"] == "580100"
    verified = bxl("reconcile", "verify", "close.json", "--json")
    assert (verified.returncode, json.loads(verified.stdout)) == (0, json.loads(closed.stdout))
    path = tmp_path / "close.json"
    path.write_text(path.read_text("utf-8").replace('"book":"main"', '"book":"mine"'), "utf-8")
    forged = bxl("reconcile", "verify", "close.json")
    assert forged.returncode == 1
    assert "close" in forged.stderr


def test_a_storm_is_a_command_that_prints_its_figures():
    command = [sys.executable, "-m", "api.cli.main", "sandbox", "storm", "--seed", "3", "--intents", "2", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    figures = json.loads(ended.stdout)
    assert ended.returncode == 0, ended.stderr
    assert figures["provider_cents"] == figures["ledger_cents"]
    assert (figures["second_sweep_posted"], figures["invariants_failed"]) == (0, 0)


def test_a_log_whose_policy_pins_no_certificate_verifies_no_close(wiring, monkeypatch):
    from types import SimpleNamespace

    from api.reconcile import closing

    monkeypatch.setattr(closing, "policy_in_force", lambda _: SimpleNamespace(receipt_certificate_sha256=None))
    with pytest.raises(Refusal, match="close-unpinned"):
        closing.pinned_certificate(wiring.settings)
