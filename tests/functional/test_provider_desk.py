"""The provider's desk, as a page and as JSON: closes of days, settlements and their fees, chargebacks, what waits."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.bootstrap import Wiring
from api.identity.service import open_session_for
from api.mail.transport import KeptMail
from api.reconcile.closing import close_day, latest_close, verify_close
from api.security import COOKIE
from api.settings import read_settings
from api.v1 import provider as provider_v1
from contracts.documents.authority import make_receipt_identity
from frontend.site import build_site
from ledger.payments.inbox import receive
from ledger.payments.movements import import_books
from tests.api_kit import ORIGIN
from tests.conftest import NOON
from tests.products_kit import EVIDENCE, Town

Enter = Callable[..., TestClient]
PAGE = "/fr/operations/provider"


@pytest.fixture
def wiring(sqlite_town: Town, tmp_path: Path) -> Wiring:
    settings = read_settings({"BXL_DATA": str(tmp_path)})
    rail = sqlite_town.rail
    return Wiring(settings, sqlite_town.book, rail, KeptMail(), None, provider_books=rail)


@pytest.fixture
def enter(wiring: Wiring, sqlite_town: Town) -> Enter:
    """`enter(party)`: a browser in which that party is logged in."""
    site = build_site(wiring)

    def entered(party: str) -> TestClient:
        browser = TestClient(site, ORIGIN, raise_server_exceptions=False, follow_redirects=False)
        with sqlite_town.book.unit_of_work(actor="test") as uow:
            browser.cookies.set(COOKIE, open_session_for(uow, party, "fr").token)
        return browser

    return entered


def lived(town: Town) -> str:
    """A pledge that was taken back after a settlement with fees, and a movement that nobody knows; its lender."""
    ada, offer_id = town.citizen("Ada"), town.open_offer(town.enterprise())
    town.rail.fee_cents = 39
    made = town.pay_pledge(offer_id, ada, 50_000)
    town.pay_pledge(offer_id, town.citizen("Bob"), 20_000)
    town.rail.settle()
    where = next(iter(town.rail.payments_by_id))
    town.rail.charge_back(where, reason="MD06")
    town.rail.moved("rolling-reserve-hold", -1_234, fee_cents=0)
    with town.book.unit_of_work(actor="webhook") as uow:
        receive(uow, where)
    town.settle()
    import_books(town.book, town.rail, since=town.today)
    assert made.payment_id
    return ada


def test_an_operator_sees_what_stands_at_the_provider_and_closes_the_day_there(
    enter: Enter, sqlite_town: Town, wiring: Wiring
) -> None:
    town = sqlite_town
    ada = lived(town)
    assert enter(ada).get(PAGE).status_code == 403
    desk = enter(town.maker)
    for language in ("fr", "nl", "en"):
        shown = desk.get(PAGE.replace("fr", language))
        assert shown.status_code == 200
        assert all(text in shown.text for text in ("1234567.2603.01", "MD06", "rolling-reserve-hold"))
    assert desk.post(f"{PAGE}/closes").status_code == 303
    assert "tout concorde" in desk.get(PAGE).text
    file = desk.get(f"{PAGE}/closes/{town.today}").content
    pinned = make_receipt_identity(wiring.settings.keys_folder, now=NOON).certificate_sha256
    assert verify_close(file, certificate_sha256=pinned)["closed_by"] == town.maker
    town.rail.moved("payment", 700, payment="tr_unheard0001", fee_cents=0)
    assert desk.post(f"{PAGE}/closes").status_code == 303
    assert "movement without a fact" in desk.get(PAGE.replace("fr", "en")).text
    assert desk.post(f"{PAGE}/closes", data={"on": "2099-01-01"}).status_code == 422
    assert desk.post(f"{PAGE}/closes", data={"on": "demain"}).status_code == 422
    assert desk.get(f"{PAGE}/closes/2020-01-01").status_code == 404


def test_the_same_over_the_api_and_a_cover_of_fees_is_booked_once(enter: Enter, sqlite_town: Town) -> None:
    town = sqlite_town
    lived(town)
    desk = enter(town.maker)
    desk.headers["Origin"] = ORIGIN
    [charged] = desk.get("/v1/chargebacks").json()
    assert (charged["amount_cents"], charged["state"], charged["reason_code"]) == (50_000, "received", "MD06")
    [settled] = desk.get("/v1/settlements").json()
    assert (settled["state"], settled["fee_cents"], settled["cover_booked_on"]) == ("sent", 78, None)
    path, body = f"/v1/settlements/{settled['reference']}/cover", {"amount_cents": 78, "evidence": EVIDENCE}
    for key in ("key-00000001", "key-00000001", "key-00000002"):
        assert desk.post(path, json=body, headers={"Idempotency-Key": key}).status_code == 201
    assert [town.balance(code) for code in ("580300", "550100")] == [0, 78]
    assert desk.get("/v1/settlements").json()[0]["cover_booked_on"] == town.today.isoformat()
    codes = {case["code"] for case in desk.get("/v1/payment-cases").json()}
    assert codes == {"payment-charged-back", "movement-unknown"}
    made, again = (desk.post("/v1/closes", json={}, headers={"Idempotency-Key": "key-00000003"}) for _ in range(2))
    assert again.json() == made.json()
    assert "Idempotency-Replayed" not in made.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (made.status_code, made.json()["agrees"], made.json()["number"]) == (201, True, 1)
    assert desk.get("/v1/closes").json() == [made.json()]
    file = desk.get(f"/v1/closes/{town.today}").content
    assert json.loads(file)["report"]["number"] == 1


def test_a_close_is_given_again_under_its_key_however_many_came_after_it(
    enter: Enter, sqlite_town: Town, wiring: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = sqlite_town
    desk = enter(town.maker)
    desk.headers["Origin"] = ORIGIN
    keyed = {"Idempotency-Key": "key-00000001"}
    made = desk.post("/v1/closes", json={}, headers=keyed)
    for _ in range(60):
        later = close_day(wiring, on=town.today, actor=town.maker)
    assert later.number == 61
    assert latest_close(town.book, town.today).file == later.file
    with monkeypatch.context() as patch:
        patch.setattr(provider_v1, "draw_close", None)  # nothing is compared again
        assert desk.post("/v1/closes", json={}, headers=keyed).json() == made.json()
    reused = desk.post("/v1/closes", json={"on": str(town.today)}, headers=keyed)
    assert (reused.status_code, reused.json()["code"]) == (409, "idempotency-key-reused")
    early, still = (
        desk.post("/v1/closes", json={"on": "2099-01-01"}, headers={"Idempotency-Key": "key-00000002"})
        for _ in range(2)
    )
    assert early.json()["code"] == "date-not-reached"
    assert still.json()["code"] == "date-not-reached"
    assert desk.post("/v1/closes", json={}, headers={"Idempotency-Key": "key-00000003"}).json()["number"] == 62
