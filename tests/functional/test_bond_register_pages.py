"""The desk of a series that is out: its sharing, register and runs, decided by two; and what the auditor sees."""

import hashlib
from datetime import timedelta

import pytest

from contracts.bonds import decisions
from contracts.bonds.lifecycle import CALL_ANNOUNCED, PUT_NOTIFIED
from contracts.bonds.model import SeriesState
from contracts.bonds.standing import register_totals
from ledger import approvals
from tests.bonds_kit import Desk, bond_desk
from tests.oracle import check_everything
from tests.pages_kit import Enter
from tests.products_kit import DAY, refused

PAPER = {"evidence": ("declaration.pdf", b"signed by both", "application/pdf")}
SEED = "twelve white balls"


@pytest.fixture
def desk(sqlite_town) -> Desk:
    return bond_desk(sqlite_town)


def pending(desk: Desk) -> list[str]:
    book = desk.town.book
    with book.read() as connection:
        return [each.approval_id for each in approvals.pending(connection, book.book_id, now=book.clock.now())]


def approve_last(enter: Enter, desk: Desk) -> int:
    """The second officer approves what waits, on the desk; the page's answer."""
    [waiting] = pending(desk)
    browser = enter(desk.town.checker)
    assert "Salle de sport" in browser.get("/fr/operations").text, "the desk says which series it is about"
    return browser.post(f"/fr/operations/approvals/{waiting}").status_code


def test_two_people_share_a_series_by_lots_as_they_have_seen_it(enter: Enter, desk: Desk) -> None:
    town = desk.town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    bound = hashlib.sha256(SEED.encode()).hexdigest()
    series_id = desk.opened(allotment="lottery", lottery_seed_sha256=bound)
    page = f"/fr/operations/bonds/{series_id}"
    desk.subscribe(series_id, ada, 8)
    town.go_to(DAY + timedelta(days=2))
    desk.subscribe(series_id, bob, 8)
    town.go_to(DAY + timedelta(days=6))
    assert enter(town.maker).post(f"{page}/allotment", data={"seed": SEED}).status_code == 303, "one pledge is firm"
    town.go_to(DAY + timedelta(days=8))
    [waiting] = pending(desk)
    with refused(town, "allotment-changed"), town.book.unit_of_work(actor=town.checker) as uow:
        approvals.approve(uow, waiting)  # another pledge has become firm since
        decisions.do_approved(uow, waiting)
    assert desk.record(series_id).state is SeriesState.OPEN
    town.go_to(DAY + timedelta(days=18))  # the request has lapsed
    maker = enter(town.maker)
    assert "16" in maker.get(page).text
    for seed in ("", "another"):
        answer = maker.post(f"{page}/allotment", data={"seed": seed})
        assert 'id="allotment-seed-error"' in answer.text, seed
    assert maker.post(f"{page}/allotment", data={"seed": SEED}).status_code == 303
    assert approve_last(enter, desk) == 303
    assert desk.record(series_id).state is SeriesState.ALLOTTED
    assert maker.post(f"{page}/allotment", data={"seed": SEED}).status_code == 409
    with refused(town, "series-not-open"), town.book.unit_of_work(actor=town.maker) as uow:
        decisions.request_allotment(uow, series_id, seed=SEED, reason="again")
    town.go_to(desk.record(series_id).series.terms.issued_on)
    assert sorted(desk.register(series_id).values()) == [2, 8]


def test_the_sharing_that_follows_by_itself_is_shown_before(enter: Enter, desk: Desk) -> None:
    town = desk.town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    series_id = desk.opened(allotment="first-come")
    for who, units in ((ada, 7), (bob, 6)):
        desk.subscribe(series_id, who, units)
    town.go_to(DAY + timedelta(days=6))
    page = enter(town.maker).get(f"/en/operations/bonds/{series_id}").text
    assert "3.000,00" in page, "three of Bob's six come back"
    town.go_to(desk.record(series_id).series.terms.issued_on)
    assert desk.register(series_id) == dict(sorted({ada: 7, bob: 3}.items()))


def test_a_running_series_is_served_from_its_desk_and_the_auditor_sees_that_it_is_even(
    enter: Enter, desk: Desk
) -> None:
    town = desk.town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    day = desk.town.today
    early = (day + timedelta(days=120)).isoformat()
    series_id = desk.issue(
        {ada: 6, bob: 3},
        call={"first_on": early, "notice_days": 15, "price_percent": "100", "draw": "pro-rata"},
        put={"days": [early], "notice_days": 15, "price_percent": "100"},
    )
    page = f"/en/operations/bonds/{series_id}"
    maker = enter(town.maker)
    shown = maker.get(page).text
    for said in ("Ada Peeters", "Bob Peeters", "2 holders have 9 units; 9 are outstanding", "to come"):
        assert said in shown, said

    sold = {"seller": ada, "buyer": "bob2@citizens.example", "units": "2", "on": town.today.isoformat()}
    stranger = maker.post(f"{page}/transfer", data=sold | {"buyer": "nobody@citizens.example"}, files=PAPER)
    assert (stranger.status_code, 'id="transfer-buyer-error"' in stranger.text) == (409, True)
    blank = maker.post(f"{page}/transfer", data={})
    assert [f'id="transfer-{name}-error"' in blank.text for name in ("seller", "buyer", "units", "on", "evidence")] == [
        True
    ] * 5
    assert maker.post(f"{page}/transfer", data=sold, files=PAPER).status_code == 303
    assert approve_last(enter, desk) == 303
    assert desk.register(series_id) == dict(sorted({ada: 4, bob: 5}.items()))

    late = maker.post(f"{page}/call", data={"on": "2026-03-24"})
    assert 'id="call-on-error"' in late.text
    put = {"holder": bob, "units": "1", "on": early}
    assert maker.post(f"{page}/put", data=put | {"units": "9"}, files=PAPER).status_code == 409
    assert maker.post(f"{page}/put", data=put, files=PAPER).status_code == 303
    assert desk.record(series_id).moved(PUT_NOTIFIED)
    later = (day + timedelta(days=150)).isoformat()
    assert maker.post(f"{page}/call", data={"on": later, "units": "4"}).status_code == 303
    assert not desk.record(series_id).moved(CALL_ANNOUNCED)
    assert approve_last(enter, desk) == 303
    assert desk.record(series_id).moved(CALL_ANNOUNCED)

    with town.book.read() as connection:
        [total] = register_totals(connection, town.book.book_id)
    assert (total.allotted, total.outstanding, total.held.units, total.holders) == (9, 9, 9, 2)
    assert total.is_even
    audited = enter(town.checker).get("/en/audit/bonds").text
    assert "exactly those that the issuer has issued" in audited
    assert enter(ada).get("/en/audit/bonds").status_code == 403
    check_everything(town.book)
