"""Log-in by a mailed link, sessions, registration: single use, limited, and silent on who is registered."""

import re
from datetime import timedelta

import pytest

from api.identity import service
from api.identity.tables import login_link, session
from api.mail.queries import mailbox
from contracts.parties import queries as parties
from contracts.parties.model import Attribute
from ledger.errors import Refusal
from tests.api_kit import Desk, code_of

LINK = re.compile(r"http://127\.0\.0\.1:8000/(fr|nl|en)/log-in/([\w-]{43})")
CITIZEN = {
    "given_name": "Ada",
    "family_name": "Lovelace",
    "email": "ada@citizen.example",
    "commune": "Ixelles",
    "iban": "BE71 0961 2345 6769",
    "tax_residence": "BE-BRU",
    "acts_outside_trade": True,
    "language": "nl",
}
JAN = "jan@citizen.example"


def mailed_token(desk: Desk, email: str) -> str:
    mail = next(m for m in mailbox(desk.wiring.book) if m.address == email and LINK.search(m.body))
    found = LINK.search(mail.body)
    assert found is not None
    return found[2]


def test_a_mailed_link_opens_a_session_once(desk: Desk) -> None:
    asked = desk.post("/v1/log-in-links", json={"email": "Amelie@Citizen.Example", "language": "en"})
    assert (asked.status_code, asked.json()) == (202, {"state": "accepted"})
    token = mailed_token(desk, "amelie@citizen.example")
    opened = desk.post("/v1/sessions", json={"token": token})
    assert opened.status_code == 201
    assert (opened.json()["role"], opened.json()["name"]) == ("citizen", "Amélie Dubois")
    bearer = {"Authorization": f"Bearer {opened.json()['token']}"}
    assert desk.get("/v1/portfolio", headers=bearer).status_code == 200
    again = desk.post("/v1/sessions", json={"token": token})
    assert (again.status_code, code_of(again)) == (410, "log-in-link-not-valid")


def test_no_token_stands_in_the_database(desk: Desk) -> None:
    desk.post("/v1/log-in-links", json={"email": "amelie@citizen.example"})
    token = mailed_token(desk, "amelie@citizen.example")
    bearer = desk.post("/v1/sessions", json={"token": token}).json()["token"]
    with desk.wiring.book.read() as connection:
        stored = [str(row) for table in (login_link, session) for row in connection.execute(table.select()).all()]
        raw = connection.exec_driver_sql("SELECT group_concat(hex(body)) FROM mail").scalar()
    assert stored
    assert all(token not in row and bearer not in row for row in stored)
    assert token.encode().hex().upper() not in raw


def test_a_link_expires_after_a_quarter_of_an_hour(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LINK_LIFETIME", timedelta(0))
    desk.post("/v1/log-in-links", json={"email": "amelie@citizen.example"})
    answer = desk.post("/v1/sessions", json={"token": mailed_token(desk, "amelie@citizen.example")})
    assert code_of(answer) == "log-in-link-not-valid"


def test_an_unknown_address_gets_the_same_answer_and_no_mail(desk: Desk) -> None:
    before = len(mailbox(desk.wiring.book))
    known = desk.post("/v1/log-in-links", json={"email": "amelie@citizen.example"})
    unknown = desk.post("/v1/log-in-links", json={"email": "nobody@citizen.example"})
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert len(mailbox(desk.wiring.book)) == before + 1


@pytest.mark.parametrize("email", ["amelie@citizen.example", "nobody@citizen.example"])
def test_the_sixth_link_for_an_address_is_refused_known_or_not(desk: Desk, email: str) -> None:
    with desk.wiring.book.unit_of_work(actor="test") as uow:  # forget those that entering the cast has asked for
        uow.connection.exec_driver_sql("DELETE FROM login_request")
    for _ in range(5):
        assert desk.post("/v1/log-in-links", json={"email": email}).status_code == 202
    before = len(mailbox(desk.wiring.book))
    refused = desk.post("/v1/log-in-links", json={"email": email})
    assert (refused.status_code, code_of(refused)) == (429, "too-many-log-in-links")
    assert len(mailbox(desk.wiring.book)) == before
    other = desk.post("/v1/log-in-links", json={"email": "jan@citizen.example"})
    assert other.status_code == 202


def test_an_address_that_is_none_is_refused(desk: Desk) -> None:
    assert code_of(desk.post("/v1/log-in-links", json={"email": "amelie"})) == "email-malformed"


def test_logging_out_closes_the_session(desk: Desk) -> None:
    assert desk.get("/v1/sessions/current", who="jan").json()["name"] == "Jan Vermeulen"
    headers = {"Authorization": f"Bearer {desk.token('jan')}", "Idempotency-Key": "log-out-1"}
    assert desk.client.delete("/v1/sessions/current", headers=headers).status_code == 204
    answer = desk.get("/v1/portfolio", who="jan")
    assert (answer.status_code, code_of(answer)) == (401, "log-in-needed")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_session_ends_by_itself(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "SESSION_LIFETIME", timedelta(0))
    assert code_of(desk.get("/v1/portfolio", who="jan")) == "log-in-needed"


def test_a_forged_token_opens_nothing(desk: Desk) -> None:
    assert code_of(desk.get("/v1/portfolio", headers={"Authorization": "Bearer " + "x" * 43})) == "log-in-needed"
    assert code_of(desk.post("/v1/sessions", json={"token": "x" * 43})) == "log-in-link-not-valid"


def test_a_citizen_registers_and_is_mailed_a_link(desk: Desk) -> None:
    assert desk.post("/v1/citizens", json=CITIZEN).status_code == 202
    subjects = [m.subject for m in mailbox(desk.wiring.book) if m.address == "ada@citizen.example"]
    assert sorted(subjects) == ["Uw aanmeldlink", "Welkom bij BXL Invest"]
    opened = desk.post("/v1/sessions", json={"token": mailed_token(desk, "ada@citizen.example")}).json()
    book = desk.wiring.book
    with book.read() as connection:
        ada, on = opened["party_id"], book.today_in(connection)
        assert parties.attribute_as_of(connection, book, ada, Attribute.TAX_RESIDENCE, on) == "BE-BRU"
        iban = parties.iban_as_of(connection, book, ada, on)
    assert iban is not None
    assert (iban.iban, iban.verified_at) == ("BE71096123456769", None)


def test_registering_a_known_address_looks_the_same_and_changes_nothing(desk: Desk) -> None:
    fresh = desk.post("/v1/citizens", json=CITIZEN)
    known = desk.post("/v1/citizens", json=CITIZEN | {"email": "jan@citizen.example"})
    assert (known.status_code, known.content) == (fresh.status_code, fresh.content)
    book = desk.wiring.book
    with book.read() as connection:
        jan = parties.find_by_email(connection, book, "jan@citizen.example")
    assert jan is not None
    assert jan.name == "Jan Vermeulen"


@pytest.mark.parametrize(
    "change",
    [{"given_name": "A\x07"}, {"family_name": " "}, {"commune": "\u200b"}, {"iban": "BE71"}],
    ids=lambda c: next(iter(c)),
)
def test_a_refused_registration_tells_nobody_whether_the_address_is_known(desk: Desk, change: dict[str, str]) -> None:
    refused = [desk.post("/v1/citizens", json=CITIZEN | {"email": email} | change) for email in (JAN, "new@x.example")]
    assert [answer.status_code for answer in refused] == [422, 422]
    assert refused[0].content == refused[1].content


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"acts_outside_trade": False}, "trade-not-excluded"),
        ({"iban": "BE71 0961 2345 6760"}, "iban-invalid"),
        ({"email": "ada"}, "email-malformed"),
        ({"tax_residence": "FR"}, "request-malformed"),
    ],
)
def test_a_registration_that_can_not_hold_is_refused_whole(desk: Desk, change: dict[str, object], code: str) -> None:
    before = len(mailbox(desk.wiring.book))
    assert code_of(desk.post("/v1/citizens", json=CITIZEN | change)) == code
    book = desk.wiring.book
    with book.read() as connection:
        assert parties.find_by_email(connection, book, "ada@citizen.example") is None
    assert len(mailbox(book)) == before


def test_a_link_is_used_up_by_one_of_two_who_try_it(desk: Desk) -> None:
    desk.post("/v1/log-in-links", json={"email": "amelie@citizen.example"})
    token = mailed_token(desk, "amelie@citizen.example")
    book = desk.wiring.book
    with book.unit_of_work(actor="test") as uow:
        service.open_session(uow, token)
    with pytest.raises(Refusal, match="log-in-link-not-valid"), book.unit_of_work(actor="test") as uow:
        service.open_session(uow, token)
