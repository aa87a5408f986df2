"""An application from an entrepreneur's own software to an offer, and the mails that it makes, on either database."""

from typing import Any

from api.mail.queries import mailbox
from api.worker.steps import deliver, handlers
from contracts.offers.application import BORROWER_FACTS, OWNER_FACTS
from contracts.schemes.conditions import BorrowerFacts
from tests.api_kit import Desk, code_of

PATH = "/v1/applications"
DATES = {"opens_on": "2026-12-01", "closes_on": "2026-12-10"}


def example(desk: Desk) -> dict[str, Any]:
    """The answers that the OpenAPI document shows."""
    document = desk.get("/v1/openapi.json").json()
    answers: dict[str, Any] = document["components"]["schemas"]["ApplicationAnswers"]["example"]["answers"]
    return answers


def complete(desk: Desk) -> dict[str, Any]:
    shown = example(desk)
    facts = {name: getattr(BorrowerFacts(), name) for name in BORROWER_FACTS}
    owner: dict[str, Any] = dict.fromkeys(OWNER_FACTS, False) | {"shareholding": "0", "raised_elsewhere_cents": 0}
    return shown | {"risks": shown["pitch"]} | facts | owner


def handed_in(desk: Desk) -> str:
    started = desk.post(PATH, who="velo")
    assert started.status_code == 201, started.text
    path = f"{PATH}/{started.json()['application_id']}"
    assert desk.post(f"{path}/answers", who="velo", json={"answers": complete(desk)}).json()["missing"] == []
    assert desk.post(f"{path}/submission", who="velo").json()["state"] == "submitted"
    return path


def subjects(desk: Desk, who: str) -> list[str]:
    """What somebody was written; the clock stands still, so in no order of time."""
    book = desk.wiring.book
    while deliver(book, handlers(desk.wiring)):
        pass
    return sorted(each.subject for each in mailbox(book, party_id=desk.stage.parties[who]))


def test_an_application_goes_from_its_first_answers_to_an_offer(record: Desk) -> None:
    started = record.post(PATH, who="velo", key="start-0001")
    again = record.post(PATH, who="velo", key="start-0001")
    assert again.json() == started.json()
    assert again.headers["idempotency-replayed"] == "true"
    path = f"{PATH}/{started.json()['application_id']}"
    part = record.post(f"{path}/answers", who="velo", json={"answers": example(record)}).json()
    assert part["missing"][:3] == ["risks-fr", "risks-nl", "risks-en"]
    assert part["answers"] == example(record)
    early = record.post(f"{path}/submission", who="velo")
    assert (early.status_code, code_of(early)) == (409, "application-incomplete")
    assert early.json()["facts"]["items"] == part["missing"]
    record.post(f"{path}/answers", who="velo", json={"answers": complete(record)})
    assert record.post(f"{path}/submission", who="velo").json()["state"] == "submitted"
    assert code_of(record.post(f"{path}/answers", who="velo", json={"answers": {}})) == "move-not-allowed"
    accepted = record.post(f"{path}/acceptance", who="nadia", json=DATES).json()
    assert (accepted["state"], accepted["missing"]) == ("accepted", [])
    assert record.get(path, who="velo").json() == accepted
    assert record.get(f"/v1/offers/{accepted['offer_id']}/kiis", who="nadia").status_code == 200
    assert subjects(record, "velo") == ["Votre demande n° 1 est acceptée", "Votre demande n° 1 est déposée"]


def test_staff_asks_for_more_and_declines_with_a_reason_that_the_mail_tells(record: Desk) -> None:
    path = handed_in(record)
    silent = record.post(f"{path}/return", who="nadia", json={"reason": " "})
    assert (silent.status_code, code_of(silent)) == (422, "application-reason-missing")
    back = record.post(f"{path}/return", who="nadia", json={"reason": "Which oven, {exactly}?"}).json()
    assert (back["state"], back["reason"]) == ("draft", "Which oven, {exactly}?")
    assert record.post(f"{path}/submission", who="velo").status_code == 200
    declined = record.post(f"{path}/refusal", who="nadia", json={"reason": "No gas in town."}).json()
    assert (declined["state"], declined["reason"]) == ("declined", "No gas in town.")
    late = record.post(f"{path}/withdrawal", who="velo")
    assert (late.status_code, code_of(late)) == (409, "move-not-allowed")
    told = subjects(record, "velo")
    assert [each.rpartition("n° 1")[2] for each in told] == [
        " est déposée",
        " est déposée",
        " n'est pas acceptée",
        "\u00a0: il manque quelque chose",
    ]
    mails = mailbox(record.wiring.book, party_id=record.stage.parties["velo"])
    bodies = {each.subject.rpartition("n° 1")[2]: each.body for each in mails}
    assert "No gas in town." in bodies[" n'est pas acceptée"]
    assert "Which oven, {exactly}?" in bodies["\u00a0: il manque quelque chose"]
    assert all(f"/fr/enterprise/applications/{path.rpartition('/')[2]}" in body for body in bodies.values())
    for officer in ("nadia", "pieter"):
        assert len(subjects(record, officer)) == 2, officer
    assert subjects(record, "sofia") == []


def test_a_withdrawn_one_ends_and_mails_hold_nothing_that_is_sealed(record: Desk) -> None:
    path = handed_in(record)
    assert record.post(f"{path}/withdrawal", who="velo").json()["state"] == "withdrawn"
    assert code_of(record.post(f"{path}/acceptance", who="nadia", json=DATES)) == "move-not-allowed"
    with record.wiring.book.read() as connection:
        wishes = repr(connection.exec_driver_sql("select body from outbox").all())
    assert "application-withdrawn" in wishes
    assert "four" not in wishes


def test_somebody_elses_application_does_not_exist_and_lists_go_page_by_page(record: Desk) -> None:
    first, second = handed_in(record), handed_in(record)
    ids = [path.rpartition("/")[2] for path in (first, second)]
    assert code_of(record.get(first, who="fournil")) == "application-not-known"
    for act in ("submission", "withdrawal"):
        assert code_of(record.post(f"{first}/{act}", who="fournil")) == "application-not-known"
    assert record.get(PATH, who="fournil").json() == []
    [page] = record.get(f"{PATH}?limit=1", who="nadia").json()
    [rest] = record.get(f"{PATH}?limit=1&after={page['application_id']}", who="nadia").json()
    assert [page["application_id"], rest["application_id"]] == ids
    assert "answers" not in page
    record.post(f"{first}/withdrawal", who="velo")
    assert [each["application_id"] for each in record.get(f"{PATH}?state=submitted", who="velo").json()] == ids[1:]


def test_what_cannot_be_read_is_refused_in_the_readers_language(record: Desk) -> None:
    path = f"{PATH}/{record.post(PATH, who='velo').json()['application_id']}"
    body = {"answers": {"colour": "blue"}}
    said = [
        record.post(f"{path}/answers", who="velo", json=body, headers={"Accept-Language": language}).json()
        for language in ("fr", "nl", "en")
    ]
    assert {each["code"] for each in said} == {"application-item-malformed"}
    assert len({each["title"] for each in said}) == 3
    assert code_of(record.get(f"{PATH}/e1:application:1", who="nadia")) == "application-not-known"
