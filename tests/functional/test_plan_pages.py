"""The people's side of a plan: the entrepreneur asks, two officers publish, lenders vote, anybody recomputes."""

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from starlette.testclient import TestClient

from api.refusals import sentence
from contracts.secondchance import service
from contracts.secondchance.model import Route, State
from contracts.secondchance.scenarios import ScenarioName
from contracts.secondchance.tools import Tool, Use
from contracts.votes.tally import Choice
from frontend.i18n import LANGUAGES
from ledger.errors import Refusal
from tests.chance_kit import NOTICE, Chance, late_loan
from tests.pages_kit import Enter
from tests.products_kit import Town

CASH = {"on_hand": "2.000", "receipts": "9.000", "expenses": "8.700"}
PAPER = {"evidence": ("paper.txt", b"a paper", "text/plain")}


@pytest.fixture
def chance(sqlite_town: Town) -> Chance:
    return late_loan(sqlite_town)


def in_days(town: Town, days: int) -> str:
    return (town.today + timedelta(days=days)).isoformat()


def lender_of(chance: Chance) -> str:
    return max(chance.book().claims, key=lambda claim: claim.principal_cents).lender


def ok(browser: TestClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def called(chance: Chance, route: Route = Route.JUDICIAL) -> str:
    """A plan before the lenders on the day on which the vote opens; the path of its page."""
    chance.observe()
    chance.do(service.publish_plan, chance.plan(Use(tool=Tool.CARRY_FORWARD), route=route))
    chance.call_vote(closes_on=chance.town.today + NOTICE + timedelta(days=7))
    chance.town.jump_to(chance.town.today + NOTICE)
    return f"/fr/loans/{chance.loan_id}/vote"


def test_an_entrepreneur_says_it_early_compares_and_asks_and_two_officers_publish(
    enter: Enter, sqlite_town: Town, chance: Chance
) -> None:
    town, borrower = sqlite_town, enter(chance.book().loan.borrower)
    path = f"/fr/enterprise/loans/{chance.loan_id}/difficulty"
    assert "02\u00a0533" in ok(borrower, path) or "02 533" in ok(borrower, path)
    bad = borrower.post(path, data=CASH | {"receipts": "beaucoup", "update_on": in_days(town, 10)})
    assert (bad.status_code, "cash-receipts-error" in bad.text) == (422, True)
    late = borrower.post(path, data=CASH | {"update_on": in_days(town, 0)})
    assert (late.status_code, "cash-update_on-error" in late.text) == (422, True)
    early = borrower.post(f"{path}/plan", data={"scenario": "longer"})
    assert (early.status_code, sentence(Refusal("cash-not-stated"), "fr") in unescape(early.text)) == (409, True)
    assert borrower.post(path, data=CASH | {"update_on": in_days(town, 10)}).status_code == 303
    first, second = enter(town.maker), enter(town.checker)
    desk = f"/fr/operations/plans/{chance.loan_id}"
    unasked = first.post(f"{desk}/publication", data={"update_on": in_days(town, 20)})
    assert (unasked.status_code, sentence(Refusal("plan-not-asked"), "fr") in unescape(unasked.text)) == (409, True)
    shown = ok(borrower, path)
    assert shown.count('name="scenario"') + shown.count("tag--warn") >= len(ScenarioName)
    assert "tribunal" in shown, "a longer term of a proxi loan leads to the court, and that is said"
    assert borrower.post(f"{path}/plan", data={"scenario": "longer"}).status_code == 303
    asked = chance.file().asked_plan
    assert (asked["route"], [use["tool"] for use in asked["tools"]]) == ("judicial", ["carry-forward", "extension"])
    assert f'href="{desk}"' in ok(first, "/fr/operations/plans")
    assert first.post(f"{desk}/publication", data={"update_on": in_days(town, 20)}).status_code == 303
    [approval] = re.findall(r"operations/approvals/(\w+)", ok(second, "/fr/operations"))
    assert second.post(f"/fr/operations/approvals/{approval}").status_code == 303
    assert chance.file().state is State.PROPOSAL
    assert chance.file().promises[-1].promised_on == town.today + timedelta(days=20)
    days = {"on": in_days(town, 0), "opens_on": in_days(town, 14), "closes_on": in_days(town, 25)}
    assert first.post(f"{desk}/moves/vote-opened", data=days, files=PAPER).status_code == 422
    days["opens_on"] = in_days(town, 15)
    assert first.post(f"{desk}/moves/vote-opened", data=days).status_code == 422, "a move needs its paper"
    assert first.post(f"{desk}/moves/vote-opened", data=days, files=PAPER).status_code == 303
    assert chance.file().state is State.VOTE
    assert first.post(f"{desk}/moves/consented", data=days, files=PAPER).status_code == 404


def test_a_lender_reads_confirms_votes_keeps_her_ballot_and_sees_the_outcome(
    enter: Enter, sqlite_town: Town, chance: Chance
) -> None:
    path, lender = called(chance), lender_of(chance)
    browser = enter(lender)
    assert path in ok(browser, "/fr/portfolio")
    for language in LANGUAGES:
        assert "800,00" in ok(browser, path.replace("/fr/", f"/{language}/"))
    assert browser.post(path).status_code == 422
    confirm = browser.post(path, data={"choice": "yes"})
    assert (confirm.status_code, 'name="confirmed"' in confirm.text) == (200, True)
    assert browser.get(f"{path}/ballot").status_code == 404, "what is not confirmed is no ballot"
    assert browser.post(path, data={"choice": "yes", "confirmed": "yes"}).status_code == 303
    ballot = json.loads(browser.get(f"{path}/ballot").content)
    assert "yes" in json.dumps(ballot["body"])
    assert "dépouillement" in ok(browser, path)
    sqlite_town.jump_to(sqlite_town.today + timedelta(days=7))
    result = ok(enter(lender), path)
    assert "Le plan est accepté" in result
    assert "800,00" in result


def test_a_plan_exists_for_its_lenders_and_proxies_alone(enter: Enter, sqlite_town: Town, chance: Chance) -> None:
    path, stranger = called(chance), sqlite_town.citizen("Stranger")
    lender, elsewhere = enter(lender_of(chance)), enter(stranger)
    assert elsewhere.get(path).status_code == 404
    assert lender.post(f"{path}/proxies", data={"holder": "nobody"}).status_code == 404
    assert lender.post(f"{path}/proxies", data={"holder": stranger}).status_code == 303
    assert stranger in ok(lender, path)
    said = {"choice": "no", "voter": lender_of(chance), "confirmed": "yes"}
    assert elsewhere.post(path, data=said).status_code == 303
    [proxy] = re.findall(r"proxies/(\w+)/end", ok(lender, path))
    assert lender.post(f"{path}/proxies/{proxy}/end").status_code == 303
    assert elsewhere.get(path).status_code == 404
    assert elsewhere.get(f"{path}/plan").status_code == 404


def test_votes_and_promises_are_public_without_names(enter: Enter, sqlite_town: Town, chance: Chance) -> None:
    called(chance)
    chance.cast_all(Choice.YES)
    sqlite_town.jump_to(sqlite_town.today + timedelta(days=30))
    shown = ok(enter(), "/fr/votes")
    assert chance.file().vote_id in shown
    assert "non tenue" in shown
    assert chance.book().loan.title not in shown
    assert chance.loan_id not in shown
    assert enter().get("/fr/audit/votes").status_code == 303
    assert chance.file().vote_id in ok(enter(sqlite_town.maker), "/fr/audit/votes")
    files = enter(sqlite_town.maker).get(f"/fr/audit/votes/{chance.file().vote_id}/file")
    assert json.loads(files.content)["format"] == "bxl-vote-auditor/1"
