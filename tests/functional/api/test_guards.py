"""What stands before every route: headers, origin, size, errors that say nothing of the inside."""

import pytest
from starlette.requests import Request

from api.security import CONTENT_SECURITY_POLICY, MAX_BODY_BYTES
from tests.api_kit import ORIGIN, Desk, code_of, settings_of

EVIL = "https://evil.example"


@pytest.mark.parametrize("path", ["/v1/offers", "/fr/", "/health", "/nothing", "/v1/nothing", "/v1/portfolio"])
def test_every_answer_carries_the_security_headers(desk: Desk, path: str) -> None:
    headers = desk.get(path).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_the_policy_allows_no_foreign_and_no_inline_code() -> None:
    directives = dict(part.strip().split(" ", 1) for part in CONTENT_SECURITY_POLICY.split(";"))
    assert directives["default-src"] == directives["frame-ancestors"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == directives["form-action"] == "'self'"
    assert "unsafe" not in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(
    "headers",
    [{"Origin": EVIL}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
)
def test_a_write_that_another_site_made_with_the_cookie_is_refused(desk: Desk, headers: dict[str, str]) -> None:
    body = {"offer_id": desk.stage.offers["oven"], "amount_cents": 50_000, "risk_acknowledged": True, "ties": {}}
    cookie = {"Cookie": f"bxl_session={desk.token('amelie')}"}
    refused = desk.post("/v1/pledges", json=body, headers=headers | cookie)
    assert (refused.status_code, code_of(refused)) == (403, "origin-not-allowed")
    assert desk.get("/v1/pledges", who="amelie").json() == []
    ours = desk.post("/v1/pledges", json=body, headers={"Origin": ORIGIN} | cookie)
    assert ours.status_code == 201, ours.text


def test_a_forged_log_in_form_of_another_site_is_refused(desk: Desk) -> None:
    answer = desk.client.post("/fr/log-in", data={"email": "amelie@citizen.example"}, headers={"Origin": EVIL})
    assert answer.status_code == 403


def test_a_webhook_needs_no_origin(desk: Desk) -> None:
    answer = desk.client.post("/webhooks/mollie", data={"id": "tr_7UhSN1zuXS"}, headers={"Origin": EVIL})
    assert answer.status_code == 200


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused(desk: Desk, *, declared: bool) -> None:
    half = b"x" * (MAX_BODY_BYTES // 2 + 1)
    content = half + half if declared else iter([half, half])
    answer = desk.client.post("/v1/log-in-links", content=content, headers={"Idempotency-Key": "too-large-1"})
    assert (answer.status_code, code_of(answer)) == (413, "body-too-large")


def test_a_defect_answers_with_a_number_and_nothing_else(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    @desk.app.get("/v1/defect")
    def defect(_request: Request) -> None:
        raise RuntimeError("the password is hunter2")

    answer = desk.get("/v1/defect")
    assert (answer.status_code, code_of(answer)) == (500, "unexpected-failure")
    assert len(answer.json()["facts"]["incident"]) == 8
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.json()["facts"]["incident"] in capsys.readouterr().out


def test_unknown_addresses_and_methods_are_problems_too(desk: Desk) -> None:
    assert code_of(desk.get("/v1/nothing")) == "not-found"
    assert code_of(desk.client.put("/v1/offers")) == "method-not-allowed"


def test_health_and_metrics_tell_how_it_is(desk: Desk) -> None:
    assert desk.get("/health").json() == {"state": "up", "entries": desk.entries(), "business_date": "2026-03-02"}
    lines = desk.get("/metrics").text.splitlines()
    assert f"bxl_entries {desk.entries()}" in lines
    assert "bxl_outbox_given_up 0" in lines
    assert f"bxl_log_pending {desk.entries()}" in lines
    log_dir = desk.wiring.settings.log_folder
    (log_dir / "checkpoint").write_text("nothing that anybody signed")
    assert "bxl_log_pending" not in desk.get("/metrics").text


def test_the_openapi_page_describes_every_resource(desk: Desk) -> None:
    described = desk.get("/v1/openapi.json").json()
    served = {path for path in described["paths"] if path.startswith("/v1/")}
    assert {
        "/v1/offers",
        "/v1/pledges",
        "/v1/portfolio",
        "/v1/receipts/{n}/{line}.pdf",
        "/v1/books/{book}/statement",
    } <= served
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert "default" in operation["responses"], f"{method} {path} says nothing of refusals"
            keyed = any(p["name"] == "Idempotency-Key" for p in operation.get("parameters", []))
            assert keyed == (method != "get"), f"{method} {path}"


def test_cookies_are_secure_where_the_origin_is(desk: Desk, tmp_path: object) -> None:
    from starlette.responses import Response

    from api.identity.model import OpenedSession
    from api.identity.service import session_of
    from api.security import set_session_cookie

    token = desk.token("amelie")
    session = session_of(desk.wiring.book, token)
    assert session is not None
    plain, secure = Response(), Response()
    set_session_cookie(plain, desk.wiring.settings, OpenedSession(token, session))
    https = settings_of(desk.wiring.settings.data, BXL_ORIGIN="https://bxl-invest.example")
    set_session_cookie(secure, https, OpenedSession(token, session))
    for cookie in (plain.headers["set-cookie"], secure.headers["set-cookie"]):
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
    assert "Secure" in secure.headers["set-cookie"]
    assert "Secure" not in plain.headers["set-cookie"]
