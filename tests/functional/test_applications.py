"""An entrepreneur applies: answers, missing list, submission, what staff makes of it; on the pages and below them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from contracts.offers import applications as service
from contracts.offers.application import BORROWER_FACTS, FLAGS, ITEMS, OWNER_FACTS, missing_answers
from contracts.offers.queries import offer_record
from contracts.parties.model import Attribute
from contracts.parties.queries import attribute_as_of
from contracts.parties.safeguards import OwnerDeclaration
from contracts.schemes.conditions import BorrowerFacts
from ledger.errors import Refusal
from tests.pages_kit import Enter
from tests.products_kit import DAY, refused

TEXTS = {"fr": "Un four.", "nl": "Een oven.", "en": "An oven."}


def answers(**changes):
    facts = {name: getattr(BorrowerFacts(), name) for name in BORROWER_FACTS}
    owner = dict.fromkeys(OWNER_FACTS, False)
    return {
        "title": "Un deuxième four",
        "commune": "Saint-Gilles",
        "sector": "food",
        "pitch": TEXTS,
        "use_of_funds": TEXTS,
        "risks": TEXTS,
        "rate_annual": "0.035",
        "term_years": 5,
        "every": "year",
        "kind": "linear",
        "minimum_cents": 100_000,
        "maximum_cents": 1_000_000,
        "pledge_minimum_cents": 10_000,
        "shareholding": "0",
        "raised_elsewhere_cents": 0,
        **facts,
        **owner,
        **changes,
    }


def applied(town, owner, **changes):
    with town.book.unit_of_work(actor=owner) as uow:
        application_id = service.start_application(uow, owner, on=DAY)
        service.write_application(uow, application_id, answers(**changes), on=DAY)
    return application_id


def act(town, who, do, application_id, **facts):
    with town.book.unit_of_work(actor=who) as uow:
        return do(uow, application_id, on=DAY, **facts)


def view(town, application_id):
    with town.book.read() as connection:
        return service.application(connection, town.book, application_id)


def test_an_accepted_application_becomes_a_draft_and_the_owners_declaration(town):
    owner = town.enterprise(declared=False)
    application_id = applied(town, owner, raised_elsewhere_cents=700_000, shareholding="0.05")
    act(town, owner, service.submit_application, application_id)
    dates = {"opens_on": DAY, "closes_on": DAY + timedelta(days=10)}
    offer_id = act(town, town.maker, service.accept_application, application_id, **dates)
    with town.book.read() as connection:
        record = offer_record(connection, town.book.book_id, offer_id)
        declared = attribute_as_of(connection, town.book, owner, Attribute.OWNER_DECLARATION, DAY)
    assert record.draft == town.draft(owner, rate_annual=Decimal("0.035"))
    stated = OwnerDeclaration(shareholding=Decimal("0.05"), raised_elsewhere_cents=700_000)
    assert OwnerDeclaration.from_json(declared) == stated
    now = view(town, application_id)
    assert (now.state, now.offer_id, now.submitted_on) == ("accepted", offer_id, DAY)
    town.publish(offer_id)


def test_it_says_what_is_missing_and_is_not_submitted_before(sqlite_town):
    town = sqlite_town
    owner = town.enterprise()
    application_id = applied(town, owner, is_sme=None, pitch={"fr": "Un four."}, every=None)
    assert view(town, application_id).missing == ("pitch-nl", "pitch-en", "every", "is_sme")
    with refused(town, "application-incomplete", items=["pitch-nl", "pitch-en", "every", "is_sme"]):
        act(town, owner, service.submit_application, application_id)


@pytest.mark.parametrize("name", [name for name in ITEMS if name not in {"pitch", "use_of_funds", "risks"}])
def test_every_item_is_asked_for(name):
    assert missing_answers(answers(**{name: None})) == (name,)


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ({"is_sme": False}, "borrower-ineligible-not-an-sme"),
        ({"is_established_in_region": False}, "borrower-ineligible-outside-region"),
        ({"is_in_excluded_sector": True}, "borrower-ineligible-sector"),
        ({"is_in_fossil_fuels": True}, "borrower-ineligible-fossil-fuels"),
        ({"funds_serve_activity": False}, "borrower-ineligible-use-of-funds"),
        ({"has_declared_conduct": False}, "borrower-ineligible-conduct"),
        ({"rate_annual": "0.0451"}, "rate-outside-corridor"),
        ({"term_years": 6}, "term-not-allowed"),
        ({"maximum_cents": 25_000_001}, "borrower-cap-exceeded"),
    ],
)
def test_what_the_scheme_does_not_allow_is_said_at_submission(sqlite_town, stated, code):
    town = sqlite_town
    owner = town.enterprise()
    application_id = applied(town, owner, **stated)
    with refused(town, code):
        act(town, owner, service.submit_application, application_id)


def test_staff_gives_it_back_with_a_reason_and_it_comes_again(sqlite_town):
    town = sqlite_town
    owner = town.enterprise()
    application_id = applied(town, owner)
    act(town, owner, service.submit_application, application_id)
    with refused(town, "application-reason-missing"):
        act(town, town.maker, service.return_application, application_id, reason=" ")
    with refused(town, "move-not-allowed"), town.book.unit_of_work(actor=owner) as uow:
        service.write_application(uow, application_id, answers(), on=DAY)
    act(town, town.maker, service.return_application, application_id, reason="Which oven?")
    assert (view(town, application_id).state, view(town, application_id).reason) == ("draft", "Which oven?")
    with town.book.unit_of_work(actor=owner) as uow:
        service.write_application(uow, application_id, answers(title="Le four à bois"), on=DAY)
    act(town, owner, service.submit_application, application_id)
    act(town, town.maker, service.decline_application, application_id, reason="No wood in town.")
    now = view(town, application_id)
    assert (now.state, now.reason, now.answers["title"]) == ("declined", "No wood in town.", "Le four à bois")
    with refused(town, "move-not-allowed"):
        act(town, owner, service.withdraw_application, application_id)


def test_what_an_application_states_stands_sealed_under_the_enterprises_key(sqlite_town):
    town = sqlite_town
    owner = town.enterprise()
    first, second = applied(town, owner), applied(town, owner, title="Un autre four")
    act(town, owner, service.withdraw_application, second)
    with town.book.read() as connection:
        rows = repr(connection.exec_driver_sql("select facts from move where machine = 'application'").all())
        found = service.applications(connection, town.book, borrower=owner)
    assert "four" not in rows
    assert [(each.application_id, each.state) for each in found] == [(first, "draft"), (second, "withdrawn")]


@pytest.mark.parametrize(
    "values",
    [
        {"colour": "blue"},
        {"title": 7},
        {"title": "x" * 121},
        {"pitch": {"de": "Ein Ofen."}},
        {"is_sme": "yes"},
        {"every": "week"},
        {"rate_annual": "much"},
        {"rate_annual": "1.5"},
        {"minimum_cents": -1},
        {"term_years": True},
    ],
)
def test_an_answer_that_cannot_be_read_is_refused(sqlite_town, values):
    town = sqlite_town
    owner = town.enterprise()
    application_id = applied(town, owner)
    with refused(town, "application-item-malformed"), town.book.unit_of_work(actor=owner) as uow:
        service.write_application(uow, application_id, values, on=DAY)


def test_only_an_enterprise_applies_and_nothing_unknown_is_found(sqlite_town):
    town = sqlite_town
    ada = town.citizen("Ada")
    with refused(town, "borrower-not-an-enterprise"), town.book.unit_of_work(actor=ada) as uow:
        service.start_application(uow, ada, on=DAY)
    with pytest.raises(Refusal, match="application-not-known"):
        view(town, "e1:application:1")


def typed():
    form = {}
    for name, value in answers().items():
        if isinstance(value, dict):
            form |= {f"{name}-{code}": text for code, text in value.items()}
        elif name in FLAGS:
            form[name] = "yes" if value else "no"
        elif name.endswith("_cents"):
            form[name] = str(value // 100)
        else:
            form[name] = {"rate_annual": "3,5"}.get(name, str(value))
    return form


def test_the_whole_way_on_the_pages(enter: Enter, sqlite_town):
    town = sqlite_town
    owner = town.enterprise()
    browser, desk = enter(owner), enter(town.maker)
    path = browser.post("/fr/enterprise/applications").headers["location"]
    assert "réponses" in browser.get(path).text
    wrong = browser.post(path, data=typed() | {"minimum_cents": "1,000.00"})
    assert (wrong.status_code, 'id="minimum_cents-error"' in wrong.text) == (422, True)
    assert browser.post(path, data=typed() | {"is_sme": ""}).status_code == 303
    assert 'href="#is_sme"' in browser.get(path).text
    assert browser.post(f"{path}/submission").status_code == 409
    assert browser.post(path, data=typed()).status_code == 303
    assert browser.post(f"{path}/submission").status_code == 303
    assert "Un deuxième four" in desk.get("/fr/operations").text
    assert "Un deuxième four" in browser.get("/fr/enterprise").text
    theirs = path.replace("/enterprise/", "/operations/")
    assert "3,5" in desk.get(theirs).text
    empty = desk.post(f"{theirs}/return", data={"reason": ""})
    assert (empty.status_code, 'id="decide-reason-error"' in empty.text) == (422, True)
    undated = desk.post(f"{theirs}/acceptance", data={"opens_on": "", "closes_on": "x"})
    assert undated.status_code == 422
    dates = {"opens_on": DAY.isoformat(), "closes_on": (DAY + timedelta(days=9)).isoformat()}
    accepted = desk.post(f"{theirs}/acceptance", data=dates)
    assert accepted.status_code == 303
    assert accepted.headers["location"].endswith("/kiis")
    assert desk.get(accepted.headers["location"]).status_code == 200
    assert "Acceptée" in browser.get(path).text


def test_an_application_is_given_back_declined_or_withdrawn_on_the_pages(enter: Enter, sqlite_town):
    town = sqlite_town
    owner = town.enterprise()
    browser, desk = enter(owner), enter(town.maker)
    paths = [f"/fr/enterprise/applications/{applied(town, owner)}" for _ in range(3)]
    for path in paths:
        assert browser.post(f"{path}/submission").status_code == 303
    back, declined, withdrawn = (path.replace("/enterprise/", "/operations/") for path in paths)
    assert desk.post(f"{back}/return", data={"reason": "Quel four ?"}).status_code == 303
    assert desk.post(f"{declined}/refusal", data={"reason": "Pas ici."}).status_code == 303
    assert browser.post(f"{paths[2]}/withdrawal").status_code == 303
    pages = [browser.get(path).text for path in paths]
    assert ["Brouillon" in pages[0], "Refusée" in pages[1], "Retirée" in pages[2]] == [True] * 3
    assert "Quel four ?" in pages[0]
    assert desk.post(f"{withdrawn}/refusal", data={"reason": "Trop tard."}).status_code == 409


def test_somebody_elses_application_does_not_exist(enter: Enter, sqlite_town):
    town = sqlite_town
    owner, other = town.enterprise(), town.enterprise("Vélo Cargo", number="0403.201.185")
    path = f"/fr/enterprise/applications/{applied(town, owner)}"
    assert enter(other).get(path).status_code == 404
    assert enter(other).post(path, data=typed()).status_code == 404
    assert enter(other).post(f"{path}/submission").status_code == 404
    assert enter(town.citizen("Ada")).get(path).status_code == 403
    assert enter(owner).post(path.replace("/enterprise/", "/operations/") + "/acceptance").status_code == 403
