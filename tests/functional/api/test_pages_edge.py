"""The pages seen by somebody who types addresses and forms by hand: no defect, no leak, no way out of our own pages."""

from datetime import date, timedelta

import pytest

from api.security import CONTENT_SECURITY_POLICY, MAX_BODY_BYTES, MAX_EVIDENCE_BYTES
from contracts.offers.service import draft_offer
from tests.api_kit import Desk, code_of, moved

BEYOND = str(10**30)
SESSION = "bxl_session"


def page(desk: Desk, path: str, who: str | None = None) -> tuple[int, str]:
    cookie = {"Cookie": f"{SESSION}={desk.token(who)}"} if who else {}
    answer = desk.client.get(path, headers=cookie)
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    return answer.status_code, answer.text


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("sofia", f"/fr/audit/entries/{BEYOND}"),
        ("sofia", "/fr/audit/entries/-1"),
        ("sofia", f"/fr/audit/entries?at={BEYOND}"),
        ("amelie", f"/fr/receipts?before={BEYOND}"),
        ("amelie", f"/fr/receipts/{BEYOND}/1"),
        ("amelie", f"/fr/receipts/1/{BEYOND}"),
    ],
)
def test_a_number_that_no_database_holds_is_a_page_that_does_not_exist(desk: Desk, who: str, path: str) -> None:
    assert page(desk, path, who)[0] == 404


@pytest.mark.parametrize("find", [BEYOND, "9" * 5_000, "²", "-1", "%00"])
def test_looking_for_an_entry_that_can_not_be_finds_none(desk: Desk, find: str) -> None:
    status, text = page(desk, f"/en/audit/entries?find={find}", "sofia")
    assert status == 200
    assert "No entry" in text


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("sofia", f"/v1/books/main/entries?first_n={BEYOND}"),
        ("sofia", f"/v1/books/main/statement?account=550100&after_seq={BEYOND}"),
        ("amelie", f"/v1/receipts?before_n={BEYOND}"),
        ("amelie", f"/v1/receipts/{BEYOND}/2.pdf"),
    ],
)
def test_a_number_that_no_database_holds_is_malformed_in_the_api(desk: Desk, who: str, path: str) -> None:
    assert code_of(desk.get(path, who=who)) == "request-malformed"


@pytest.mark.parametrize("target", ["//[", "http://[", "https://evil.example/fr/", "//evil.example/", "/fr/\r\nX: y"])
def test_a_log_in_leads_to_no_page_but_ours(desk: Desk, target: str) -> None:
    answer = desk.client.post("/fr/log-in", data={"email": "amelie@citizen.example", "next": target})
    assert (answer.status_code, answer.headers["location"]) == (303, "/fr/log-in/sent")
    assert "set-cookie" not in answer.headers


def test_the_way_to_the_log_in_keeps_the_whole_page_that_was_wanted(desk: Desk) -> None:
    answer = desk.client.get("/fr/pledges/a%26b%3dc%23d")
    assert answer.headers["location"] == "/fr/log-in?next=/fr/pledges/a%26b%3Dc%23d"


def test_a_method_that_is_not_allowed_is_answered_with_those_that_are(desk: Desk) -> None:
    for path in ("/v1/offers", "/fr/"):
        answer = desk.client.put(path)
        assert (answer.status_code, "GET" in answer.headers["allow"]) == (405, True)


@pytest.mark.parametrize("path", ["/fr/", "/v1/offers", "/health", "/fr/nothing"])
def test_a_head_is_answered_like_a_get_without_its_body(desk: Desk, path: str) -> None:
    asked, told = desk.client.get(path), desk.client.head(path)
    assert (told.status_code, told.content) == (asked.status_code, b"")
    assert told.headers["content-length"] == asked.headers["content-length"]


def test_a_scanned_judgment_may_be_sent_but_not_anything(desk: Desk) -> None:
    def send(size: int, path: str = "/fr/operations/settlements") -> int:
        headers = {"Cookie": f"{SESSION}={desk.token('nadia')}"}
        content = {"evidence": ("judgment.pdf", b"x" * size)}
        answer = desk.client.post(path, data={"reference": "R1", "amount": "1"}, files=content, headers=headers)
        return answer.status_code

    before = desk.entries()
    assert send(2 * MAX_BODY_BYTES) == 409  # read and hashed; there is no money at the provider to settle
    assert send(MAX_EVIDENCE_BYTES) == 413
    assert send(2 * MAX_BODY_BYTES, "/fr/register") == 413
    assert desk.entries() == before


def test_a_draft_is_nobodys_to_pledge_to_or_to_read(desk: Desk) -> None:
    stage = desk.stage
    with desk.wiring.book.read() as connection:
        from contracts.offers.queries import offer_record

        open_draft = offer_record(connection, desk.wiring.book.book_id, stage.offers["oven"]).draft
    with desk.wiring.book.unit_of_work(actor=stage.parties["nadia"]) as uow:
        draft = draft_offer(uow, open_draft, on=uow.today())
    for who in (None, "amelie"):
        assert page(desk, f"/fr/offers/{draft}", who)[0] == 404
    assert page(desk, f"/fr/offers/{draft}/pledge", "amelie")[0] == 404
    assert page(desk, f"/fr/offers/{draft}", "sofia")[0] == 200


@pytest.mark.parametrize("share", ["1e-999999999", "0.1234567"])
def test_a_share_of_a_company_has_six_decimals_at_most(desk: Desk, share: str) -> None:
    body = {"offer_id": desk.stage.offers["oven"], "amount_cents": 50_000, "risk_acknowledged": True}
    answer = desk.post("/v1/pledges", who="amelie", json=body | {"ties": {"shareholding": share}})
    assert (code_of(answer), answer.json()["facts"]["field"]) == ("request-malformed", "ties.shareholding")


@pytest.mark.parametrize(
    "change", [{"rate_annual": "1e-999999"}, {"rate_annual": "1e999999"}, {"rate_annual": "-0.03"}]
)
def test_a_rate_that_is_no_rate_is_malformed(desk: Desk, change: dict[str, str]) -> None:
    answer = desk.post("/v1/offers", who="nadia", json=offer(desk) | change)
    assert (code_of(answer), answer.json()["facts"]["field"]) == ("request-malformed", "rate_annual")


def test_dates_at_the_end_of_time_are_refused(desk: Desk) -> None:
    answer = desk.post("/v1/offers", who="nadia", json=offer(desk) | {"closes_on": "9999-12-31"})
    assert code_of(answer) == "no-rule-for-date"


def test_a_pledge_paid_after_its_reflection_is_not_said_to_be_open_to_a_change_of_mind(desk: Desk) -> None:
    body = {"offer_id": desk.stage.offers["oven"], "amount_cents": 50_000, "risk_acknowledged": True, "ties": {}}
    pledge = desk.post("/v1/pledges", who="amelie", json=body).json()
    moved(desk.stage, date.fromisoformat(pledge["reflection_ends_on"]) + timedelta(days=1))
    desk.stage.let_pay("amelie")
    desk.stage.come_to_rest()
    assert desk.get(f"/v1/pledges/{pledge['pledge_id']}", who="amelie").json()["state"] == "paid"
    status, text = page(desk, f"/en/pledges/{pledge['pledge_id']}", "amelie")
    assert status == 200
    assert "You can still change your mind" not in text
    assert "your pledge is firm" in text


def offer(desk: Desk) -> dict[str, object]:
    text = {"fr": "Un four", "nl": "Een oven", "en": "An oven"}
    return {
        "borrower": desk.stage.parties["fournil"],
        "title": "Four",
        "commune": "Ixelles",
        "sector": "food",
        "pitch": text,
        "use_of_funds": text,
        "risks": text,
        "rate_annual": "0.035",
        "term_years": 5,
        "every": "month",
        "repayment": "annuity",
        "minimum_cents": 100_000,
        "maximum_cents": 200_000,
        "pledge_minimum_cents": 10_000,
        "opens_on": "2026-03-02",
        "closes_on": "2026-04-02",
    }
