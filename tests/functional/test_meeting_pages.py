"""A meeting of bondholders on its pages: called from the form, voted, kept as a file, counted, called again."""

import json
from datetime import date, timedelta
from html import unescape

import pytest

from contracts.bonds.model import ResolutionState
from frontend.i18n import LANGUAGES, tongue
from tests.bonds_kit import Desk, bond_desk
from tests.meetings_kit import found, go_to_count
from tests.pages_kit import Enter
from tests.products_kit import Town

PAPER = {"evidence": ("call.pdf", b"the holders are called", "application/pdf")}
PLAIN = {"resident_margin": "0", "residents": "", "priority_until_on": None}


@pytest.fixture
def desk(sqlite_town: Town) -> Desk:
    return bond_desk(sqlite_town)


def days(from_on: date) -> dict[str, str]:
    return {
        "opens_on": (from_on + timedelta(days=15)).isoformat(),
        "last_on": (from_on + timedelta(days=21)).isoformat(),
    }


def test_holders_are_called_vote_keep_their_ballot_and_see_the_count(desk: Desk, enter: Enter) -> None:
    town, words = desk.town, tongue("fr")
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    series_id = desk.issue({ada: 3, bob: 7}, **PLAIN)
    town.jump_to(town.today + timedelta(days=10))
    path, form = f"/fr/bonds/{series_id}/meeting", f"/fr/operations/bonds/{series_id}/meeting"
    maker, holder, public = enter(town.maker), enter(ada), enter()
    assert words.text("meeting.none") in unescape(public.get(path).text)
    called = {"kind": "haircut", "text": "300 EUR de moins", "amount": "300"} | days(town.today)
    assert public.post(form, data=called, files=PAPER).status_code in {303, 401}
    assert maker.post(form, data=called | {"amount": "x"}, files=PAPER).status_code == 422
    early = maker.post(form, data=called | {"opens_on": town.today.isoformat()}, files=PAPER)
    assert (early.status_code, "call-opens_on-error" in early.text) == (422, True)
    assert maker.post(form, data=called, files=PAPER).status_code == 303
    town.settle()
    assert next(body["path"] for kind, body in town.mails if kind == "meeting-called") == path.removeprefix("/fr")

    for language in LANGUAGES:
        page = public.get(f"/{language}/bonds/{series_id}/meeting/1")
        cut = tongue(language).money(30_000)
        assert tongue(language).text("meeting.change-haircut", amount=cut) in unescape(page.text)
    assert 'name="choice"' not in holder.get(f"{path}/1").text  # not open yet
    town.jump_to(town.today + timedelta(days=15))
    holder = enter(ada)
    page = unescape(holder.get(f"{path}/1").text)
    assert words.text("meeting.weight", amount=words.money(300_000)) in page
    assert 'name="choice"' not in public.get(f"{path}/1").text
    assert holder.post(f"{path}/1", data={}).status_code == 422
    shown = holder.post(f"{path}/1", data={"choice": "yes"})
    assert (shown.status_code, words.text("meeting.confirm-yes") in unescape(shown.text)) == (200, True)
    assert holder.get(f"{path}/1/ballot").status_code == 404
    assert holder.post(f"{path}/1", data={"choice": "yes", "confirmed": "yes"}).status_code == 303
    kept = json.loads(holder.get(f"{path}/1/ballot").content)
    assert kept["body"]["parts"] == [["yes", 300_000]]
    assert f"{path}/1/ballot.tlog-proof" in holder.get(f"{path}/1").text

    assert go_to_count(desk, series_id, 1).state is ResolutionState.ADJOURNED
    page = unescape(public.get(f"{path}/1").text)
    assert words.text("meeting.state-adjourned") in page
    assert words.money(300_000) in page
    assert enter(town.maker).post(f"{form}/1/again", data=days(town.today), files=PAPER).status_code == 303
    town.jump_to(town.today + timedelta(days=15))
    enter(ada).post(f"{path}/1", data={"choice": "yes", "confirmed": "yes"})
    assert go_to_count(desk, series_id, 1).state is ResolutionState.HOMOLOGATION
    assert enter(town.maker).post(f"{form}/1/court", data={"approved": "yes"}, files=PAPER).status_code == 303
    town.run_jobs()
    assert found(desk, series_id, 1).state is ResolutionState.IN_EFFECT
    page = unescape(public.get(f"{path}/1").text)
    assert words.text("meeting.state-in_effect") in page
    assert f"/fr/votes/{found(desk, series_id, 1).vote_ids[0]}/file" in page
    listed = unescape(public.get("/fr/votes").text)
    assert listed.count(f'href="{path}/1"') == 2  # both meetings
    assert words.text("meeting.outcome-no-quorum") in listed
