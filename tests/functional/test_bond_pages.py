"""Bonds on their pages: drafted from a template, kept shut by the gate, opened by two, subscribed in units."""

import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from contracts.bonds.model import SeriesState
from contracts.bonds.overview import earnings, example_units
from contracts.bonds.queries import series_ids, series_record
from contracts.offers.service import PUBLISH
from frontend.i18n import LANGUAGES
from ledger import approvals
from ledger.payments.model import PaymentView
from ledger.payments.queries import payments_for, still_to_pay
from tests.bonds_kit import Desk, bond_desk
from tests.camt_kit import Move
from tests.pages_kit import Enter
from tests.products_kit import Town

TEXTS = {f"{name}-{code}": f"{name} {code}." for name in ("pitch", "use_of_funds", "risks") for code in LANGUAGES}
PAPER = {"evidence": ("approval.pdf", b"approved", "application/pdf")}


@pytest.fixture
def desk(sqlite_town) -> Desk:
    return bond_desk(sqlite_town)


def typed(desk: Desk, browser: TestClient, template: str, **changes: str) -> dict[str, str]:
    """The form as its template filled it in, with what staff adds."""
    page = browser.get(f"/fr/operations/bonds/new/{template}").text
    filled = dict(re.findall(r'name="([^"]+)"\s+type="[^"]+"\s+value="([^"]*)"', page))
    chosen = re.findall(r'<select id="[^"]+" name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL)
    filled |= {name: value for name, body in chosen for value in re.findall(r'value="([^"]*)" selected', body)}
    day = desk.town.today
    return (
        filled
        | TEXTS
        | {
            "issuer": desk.issuer,
            "title": "Salle de sport",
            "commune": "Etterbeek",
            "nominal_cents": "1.000",
            "units": "10",
            "minimum_units": "5",
            "ceiling_units": "40",
            "rate-1": "4",
            "residents": "Etterbeek",
            "opens_on": day.isoformat(),
            "closes_on": (day + timedelta(days=10)).isoformat(),
            "issued_on": (day + timedelta(days=20)).isoformat(),
            "matures_on": (day + timedelta(days=20)).replace(year=day.year + 2).isoformat(),
        }
        | changes
    )


def draft(desk: Desk, browser: TestClient, template: str, **changes: str) -> str:
    answer = browser.post(f"/fr/operations/bonds/new/{template}", data=typed(desk, browser, template, **changes))
    assert answer.status_code == 303, re.findall(r"<li>(.*?)</li>", answer.text, re.DOTALL)
    return answer.headers["location"].rpartition("/")[2]


def pending(town: Town) -> list[str]:
    with town.book.read() as connection:
        waiting = approvals.pending(connection, town.book.book_id, now=town.clock.now())
    return [each.approval_id for each in waiting if each.action == PUBLISH]


def test_staff_fills_a_template_and_two_people_open_the_series(enter: Enter, desk: Desk) -> None:
    town = desk.town
    maker = enter(town.maker)
    assert "5.000" in maker.get("/fr/operations/bonds").text
    series_id = draft(desk, maker, "etterbeek")
    terms = desk.record(series_id).series.terms
    assert (terms.nominal_cents, terms.cap_units, terms.months, str(terms.resident_margin)) == (100_000, 5, 6, "0.005")
    page = f"/fr/operations/bonds/{series_id}"
    offer = f"/fr/offers/{desk.record(series_id).series.offer_id}"
    assert "Rien ne manque" in maker.get(page).text
    assert enter().get(offer).status_code == 404
    assert maker.post(f"{page}/opening").status_code == 303
    assert "attend" in maker.get(page).text
    [approval_id] = pending(town)
    path = f"/fr/operations/approvals/{approval_id}"
    assert maker.post(path).status_code == 403
    assert desk.record(series_id).state is SeriesState.DRAFT
    assert enter(town.checker).post(path).status_code == 303
    assert desk.record(series_id).state is SeriesState.OPEN
    assert enter().get(offer).status_code == 200
    assert "Salle de sport" in enter().get("/fr/offers").text


def test_a_public_issue_of_the_region_stays_shut_without_the_federal_approval(enter: Enter, desk: Desk) -> None:
    browser = enter(desk.town.maker)
    series_id = draft(desk, browser, "state-note", nominal_cents="100", residents="")
    page = f"/fr/operations/bonds/{series_id}"
    assert "Il manque 1 chose" in browser.get(page).text
    assert browser.post(f"{page}/opening").status_code == 409
    assert pending(desk.town) == []
    refused = browser.post(f"{page}/clearance", data={"reference": " ", "on": "2026-03-02"}, files=PAPER)
    assert (refused.status_code, "clearance-reference-error" in refused.text) == (422, True)
    assert browser.post(f"{page}/clearance", data={"reference": "A-1", "on": "2026-03-02"}).status_code == 422
    given = {"reference": "BUD/2026/17", "on": "2/3/2026"}
    assert browser.post(f"{page}/clearance", data=given, files=PAPER).status_code == 303
    assert "Rien ne manque" in browser.get(page).text
    assert "BUD/2026/17" in browser.get(f"/fr/offers/{desk.record(series_id).series.offer_id}").text


def test_a_companys_bond_needs_its_key_information_sheet(enter: Enter, desk: Desk) -> None:
    browser = enter(desk.town.maker)
    series_id = draft(desk, browser, "cooperative", nominal_cents="250", residents="")
    page = f"/fr/operations/bonds/{series_id}"
    offer_id = desk.record(series_id).series.offer_id
    assert f"/fr/offers/{offer_id}/kiis" in browser.get(page).text
    desk.town.inform(offer_id)
    assert "Rien ne manque" in browser.get(page).text


def test_what_cannot_be_read_is_said_at_its_field_and_nothing_is_kept(enter: Enter, desk: Desk) -> None:
    browser = enter(desk.town.maker)
    form = typed(desk, browser, "etterbeek")
    wrong = {"units": "1,5", "title": "", "rate-1": "quatre", "put.days": "2027-13-01"}
    for name, text in wrong.items():
        answer = browser.post("/fr/operations/bonds/new/etterbeek", data=form | {name: text})
        assert (answer.status_code, f'id="{name}-error"' in answer.text) == (422, True), name
    answer = browser.post("/fr/operations/bonds/new/etterbeek", data=form | {"from-2": "3"})
    assert 'id="rate-2-error"' in answer.text
    answer = browser.post("/fr/operations/bonds/new/etterbeek", data=form | {"minimum_units": "11"})
    assert (answer.status_code, "ne vont pas ensemble" in answer.text) == (422, True)
    assert browser.get("/fr/operations/bonds/new/lottery-ticket").status_code == 422
    with desk.town.book.read() as connection:
        assert list(series_ids(connection, desk.town.book.book_id)) == []


def test_everything_that_can_be_typed_reaches_the_terms(enter: Enter, desk: Desk) -> None:
    browser, day = enter(desk.town.maker), desk.town.today
    stepped = {"from-2": "3", "rate-2": "4,5", "price_percent": "99,50"}
    call = {"call.first_on": "2027-06-01", "call.draw": "lottery"}
    put = {"put.days": "2027-05-03, 2027-09-01", "put.notice_days": "20"}
    green = {"green.standard": "EuGB", "green.reviewer": "Vigie", "green.factsheet_sha256": "ab" * 32}
    series_id = draft(desk, browser, "etterbeek", **(stepped | call | put | green | {"security": "Une hypothèque."}))
    with desk.town.book.read() as connection:
        terms = series_record(connection, desk.town.book.book_id, series_id).series.terms
    assert [(step.from_n, str(step.rate_annual)) for step in terms.coupons] == [(1, "0.04"), (3, "0.045")]
    assert terms.price_cents == 99_500
    assert terms.call is not None
    assert (terms.call.notice_days, terms.call.draw) == (15, "lottery")
    assert terms.put is not None
    assert (len(terms.put.days), terms.put.notice_days) == (2, 20)
    assert terms.green is not None
    assert terms.green.reviewer == "Vigie"
    page = browser.get(f"/en/offers/{desk.record(series_id).series.offer_id}").text
    for said in ("EuGB", "Vigie", "Une hypothèque.", "20 days", "99,50", "small requests are served in full"):
        assert said in page, said
    assert day.year == terms.issued_on.year


def test_the_page_of_a_series_shows_what_a_thousand_euro_earn_after_tax(enter: Enter, desk: Desk) -> None:
    series_id = desk.opened()
    terms = desk.record(series_id).series.terms
    assert example_units(terms) == 1
    others, residents = (earnings(terms, 1, resident=each) for each in (False, True))
    assert [(line.gross_cents, line.tax_cents, line.net_cents) for line in others.coupons] == [(2_000, 600, 1_400)] * 2
    assert [line.net_cents for line in residents.coupons] == [2_250 - 675] * 2
    assert others.gross_yield > others.net_yield
    for language in LANGUAGES:
        page = enter().get(f"/{language}/offers/{desk.record(series_id).series.offer_id}").text
        for said in ("14,00", "15,75", "Etterbeek"):
            assert said in page, (language, said)


def asked(town: Town, pledge_id: str, *, by_transfer: bool) -> PaymentView:
    with town.book.read() as connection:
        view = still_to_pay(payments_for(connection, town.book.book_id, f"pledge:{pledge_id}"), by_transfer=by_transfer)
    assert view is not None
    return view


def subscription(browser: TestClient, offer_id: str, **changes: str) -> dict[str, str]:
    page = browser.get(f"/fr/offers/{offer_id}/pledge").text
    once = re.search(r'name="once" value="([^"]+)"', page)
    assert once is not None
    assert 'name="amount"' not in page
    return {"once": once[1], "units": "2", "risk": "yes", "locked": "yes"} | changes


def test_a_citizen_subscribes_in_units_and_the_price_follows(enter: Enter, desk: Desk) -> None:
    town, ada = desk.town, desk.town.citizen("Ada")
    series_id = desk.opened(cap_units=3)
    offer_id = desk.record(series_id).series.offer_id
    browser, path = enter(ada), f"/fr/offers/{offer_id}/pledge"
    for units in ("", "0", "1,5", "deux"):
        answer = browser.post(path, data=subscription(browser, offer_id, units=units))
        assert (answer.status_code, 'id="units-error"' in answer.text) == (422, True), units
    beyond = browser.post(path, data=subscription(browser, offer_id, units="4", warned="yes", consents="yes"))
    assert (beyond.status_code, 'id="units-error"' in beyond.text) == (409, True)
    warned = browser.post(path, data=subscription(browser, offer_id))
    assert (warned.status_code, 'name="consents"' in warned.text) == (409, True)
    made = browser.post(path, data=subscription(browser, offer_id, warned="yes", consents="yes"))
    assert made.status_code == 303
    pledge_id = made.headers["location"].rpartition("/")[2]
    page = browser.get(f"/fr/pledges/{pledge_id}").text
    assert "Votre souscription" in page
    assert "2 titres" in page
    town.pay(asked(town, pledge_id, by_transfer=False).payment_id)
    town.go_to(desk.record(series_id).series.terms.closes_on + timedelta(days=1))
    assert "renvoyé" in enter(ada).get(f"/fr/pledges/{pledge_id}").text


def test_a_transfer_with_a_wrong_amount_is_shown_to_its_sender_as_being_matched(enter: Enter, desk: Desk) -> None:
    town, ada, bob = desk.town, desk.town.citizen("Ada"), desk.town.citizen("Bob")
    series_id = desk.opened()
    pledge_id = town.pledge(desk.record(series_id).series.offer_id, ada, 100_000).pledge_id
    desk.receive(Move(90_000, ogm=asked(town, pledge_id, by_transfer=True).structured_reference))
    for path in ("portfolio", f"pledges/{pledge_id}"):
        page = enter(ada).get(f"/fr/{path}").text
        assert "900,00" in page, path
        assert "une personne le vérifie" in page, path
    assert "900,00" not in enter(bob).get("/fr/portfolio").text
