"""Pledging through the JSON API: made, repeated, withdrawn, refused; in three languages, and for oneself only."""

import pytest

from api.refusals import sentence
from ledger.errors import Refusal
from tests.api_kit import Desk, code_of


def a_pledge(desk: Desk, euro: int = 500) -> dict[str, object]:
    return {
        "offer_id": desk.stage.offers["oven"],
        "amount_cents": euro * 100,
        "risk_acknowledged": True,
        "ties": {},
    }


def test_a_pledge_answers_with_the_link_to_pay_it(desk: Desk) -> None:
    answer = desk.post("/v1/pledges", who="amelie", json=a_pledge(desk))
    assert answer.status_code == 201, answer.text
    pledge = answer.json()
    assert pledge["amount_cents"] == 50_000
    assert pledge["reflection_ends_on"] == "2026-03-06"
    assert pledge["payment"]["checkout_url"].startswith(desk.wiring.settings.sandbox_url)
    assert desk.get("/v1/pledges", who="amelie").json() == [pledge]


def test_the_same_key_answers_the_same_and_does_it_once(desk: Desk) -> None:
    first = desk.post("/v1/pledges", who="amelie", json=a_pledge(desk), key="the-same-key")
    again = desk.post("/v1/pledges", who="amelie", json=a_pledge(desk), key="the-same-key")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len(desk.get("/v1/pledges", who="amelie").json()) == 1


def test_the_same_key_for_another_request_is_refused(desk: Desk) -> None:
    desk.post("/v1/pledges", who="amelie", json=a_pledge(desk), key="the-same-key")
    other = desk.post("/v1/pledges", who="amelie", json=a_pledge(desk, 600), key="the-same-key")
    assert code_of(other) == "idempotency-key-reused"
    assert len(desk.get("/v1/pledges", who="amelie").json()) == 1


def test_the_same_key_of_another_person_is_another_key(desk: Desk) -> None:
    desk.post("/v1/pledges", who="amelie", json=a_pledge(desk), key="the-same-key")
    assert desk.post("/v1/pledges", who="jan", json=a_pledge(desk), key="the-same-key").status_code == 201


def test_a_refusal_is_repeated_even_when_its_cause_has_gone(desk: Desk) -> None:
    body = a_pledge(desk) | {"amount_cents": 5_000}
    first = desk.post("/v1/pledges", who="amelie", json=body, key="too-small-1")
    again = desk.post("/v1/pledges", who="amelie", json=body, key="too-small-1")
    assert code_of(first) == code_of(again) == "pledge-below-minimum"
    assert first.json() == again.json()
    assert desk.get("/v1/pledges", who="amelie").json() == []


@pytest.mark.parametrize(("key", "code"), [(None, "idempotency-key-missing"), ("short", "idempotency-key-malformed")])
def test_a_write_without_a_proper_key_is_refused(desk: Desk, key: str | None, code: str) -> None:
    answer = desk.post("/v1/pledges", who="amelie", json=a_pledge(desk), key=key)
    assert (answer.status_code, code_of(answer)) == (400, code)
    assert desk.get("/v1/pledges", who="amelie").json() == []


@pytest.mark.parametrize(
    ("accepts", "language"),
    [("fr-BE, en;q=0.5", "fr"), ("nl", "nl"), ("en-GB;q=0.9, fr;q=0.1", "en"), ("de", "fr")],
)
def test_a_refusal_speaks_the_readers_language(desk: Desk, accepts: str, language: str) -> None:
    body = a_pledge(desk) | {"amount_cents": 5_000}
    answer = desk.post("/v1/pledges", who="amelie", json=body, headers={"Accept-Language": accepts})
    assert code_of(answer) == "pledge-below-minimum"
    assert answer.headers["content-language"] == language
    facts = {"minimum_cents": 10_000, "amount_cents": 5_000}
    assert answer.json()["facts"] == facts
    assert answer.json()["title"] == sentence(Refusal("pledge-below-minimum", **facts), language)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount_cents": 500.5}, "amount_cents"),
        ({"amount_cents": "50000"}, "amount_cents"),
        ({"amount_cents": -1}, "amount_cents"),
        ({"amount": 1}, "amount"),
        ({"offer_id": None}, "offer_id"),
    ],
)
def test_a_malformed_request_names_its_field(desk: Desk, change: dict[str, object], field: str) -> None:
    answer = desk.post("/v1/pledges", who="amelie", json=a_pledge(desk) | change)
    assert (answer.status_code, code_of(answer)) == (422, "request-malformed")
    assert answer.json()["facts"]["field"] == field
    assert desk.get("/v1/pledges", who="amelie").json() == []


def test_a_pledge_is_withdrawn_and_its_money_goes_back(desk: Desk) -> None:
    desk.stage.let_pay("amelie")
    pledge = desk.post("/v1/pledges", who="amelie", json=a_pledge(desk)).json()
    desk.stage.come_to_rest()
    assert desk.get(f"/v1/pledges/{pledge['pledge_id']}", who="amelie").json()["state"] == "paid"
    withdrawn = desk.post(f"/v1/pledges/{pledge['pledge_id']}/withdrawal", who="amelie")
    assert withdrawn.status_code == 200, withdrawn.text
    desk.stage.come_to_rest()
    refund = desk.get(f"/v1/pledges/{pledge['pledge_id']}", who="amelie").json()["refund"]
    assert (refund["amount_cents"], refund["sent_on"]) == (50_000, "2026-03-02")


def test_nobody_sees_or_withdraws_the_pledge_of_another(desk: Desk) -> None:
    pledge = desk.post("/v1/pledges", who="amelie", json=a_pledge(desk)).json()
    path = f"/v1/pledges/{pledge['pledge_id']}"
    assert code_of(desk.get(path, who="jan")) == "pledge-not-known"
    assert code_of(desk.post(f"{path}/withdrawal", who="jan")) == "pledge-not-known"
    payment = f"/v1/payments/{pledge['payment']['payment_id']}"
    assert code_of(desk.get(payment, who="jan")) == "payment-not-known"
    assert desk.get(payment, who="amelie").status_code == 200
    assert desk.get(path, who="amelie").json()["state"] == "pledged"
