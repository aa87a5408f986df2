"""The lender's tests on their page: answered before a pledge, computed in the browser, consent above the threshold."""

import json
import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frontend
from contracts.pledges import knowledge, safeguards
from contracts.schemes.ecspr import warning_threshold_cents
from tests.pages_kit import Enter
from tests.products_kit import DAY

SCRIPTS = Path(next(iter(frontend.__path__))) / "static" / "js" / "simulation"
DECLARED = {name: words[0] for name, words in knowledge.DECLARED.items()}


def standing(town, lender):
    with town.book.read() as connection:
        return safeguards.standing(connection, town.book, lender, DAY)


def test_whoever_has_not_taken_the_test_is_led_to_it_and_back_to_the_pledge(enter: Enter, sqlite_town) -> None:
    town = sqlite_town
    ada, offer_id = town.citizen("Ada", safe=False), town.open_offer(town.enterprise())
    browser, pledge = enter(ada), f"/fr/offers/{offer_id}/pledge"
    there = browser.get(pledge)
    assert (there.status_code, there.headers["location"]) == (303, f"/fr/safeguards?then={pledge}")
    assert f'action="/fr/safeguards/test?then={pledge}"' in browser.get(there.headers["location"]).text
    taken = browser.post(f"/fr/safeguards/test?then={pledge}", data={**knowledge.RIGHT, **DECLARED})
    assert taken.headers["location"] == f"/fr/safeguards?then={pledge}"
    seen = browser.post(f"/fr/safeguards/simulation?then={pledge}", data={"seen": "yes", "bearable": ""})
    assert seen.headers["location"] == pledge
    assert browser.get(pledge).status_code == 200
    assert "2 mars 2028" in browser.get("/fr/safeguards").text.replace("\u00a0", " ")


def test_the_way_back_never_leads_elsewhere(enter: Enter, sqlite_town) -> None:
    browser = enter(sqlite_town.citizen("Ada"))
    answer = browser.post("/fr/safeguards/simulation?then=https://evil.example/fr/", data={"seen": "yes"})
    assert answer.headers["location"] == "/fr/safeguards"


def test_a_failed_test_shows_its_warning_and_counts_once_it_is_confirmed(enter: Enter, sqlite_town) -> None:
    town = sqlite_town
    ada = town.citizen("Ada", safe=False)
    browser, wrong = enter(ada), dict.fromkeys(knowledge.RIGHT, "a") | DECLARED
    empty = browser.post("/fr/safeguards/test", data={**wrong, "rank": ""})
    assert (empty.status_code, 'id="test-rank-error"' in empty.text) == (422, True)
    failed = browser.post("/fr/safeguards/test", data=wrong)
    assert failed.status_code == 409
    assert 'name="acknowledged"' in failed.text
    assert standing(town, ada).test is None
    assert browser.post("/fr/safeguards/test", data={**wrong, "acknowledged": "yes"}).status_code == 303
    assert standing(town, ada).test.is_passed is False


def test_an_amount_above_the_threshold_asks_for_warning_and_consent_on_the_form(enter: Enter, sqlite_town) -> None:
    town = sqlite_town
    browser, offer_id = enter(town.citizen("Ada")), town.open_offer(town.enterprise())
    path = f"/fr/offers/{offer_id}/pledge"
    form = {"amount": "1.000,01", "risk": "yes", "locked": "yes", "shareholding": "0"}
    assert 'name="consents"' not in browser.get(path).text
    asked = browser.post(path, data=form)
    assert asked.status_code == 409
    assert 'name="warned"' in asked.text
    assert 'name="consents"' in asked.text
    half = browser.post(path, data={**form, "warned": "yes"})
    assert half.status_code == 409
    assert browser.post(path, data={**form, "warned": "yes", "consents": "yes"}).status_code == 303
    assert town.card(offer_id).committed_cents == 100_001


def test_the_amounts_of_the_simulation_have_no_name_and_the_script_sends_nothing(enter: Enter, sqlite_town) -> None:
    page = enter(sqlite_town.citizen("Ada")).get("/fr/safeguards").text
    for name in ("income", "assets", "commitments", "keep"):
        [tag] = re.findall(rf'<input[^>]*id="simulation-{name}"[^>]*>', page)
        assert "name=" not in tag
    sources = "".join(path.read_text("utf-8") for path in SCRIPTS.iterdir())
    for way_out in (
        "fetch",
        "XMLHttpRequest",
        "sendBeacon",
        "WebSocket",
        "Storage",
        "cookie",
        "http",
        "src",
        "import(",
    ):
        assert way_out not in sources, way_out


def test_the_result_is_kept_only_as_it_is_sent(enter: Enter, sqlite_town) -> None:
    town = sqlite_town
    ada = town.citizen("Ada", safe=False)
    browser = enter(ada)
    assert browser.post("/fr/safeguards/simulation", data={"seen": ""}).status_code == 422
    assert browser.post("/fr/safeguards/simulation", data={"seen": "yes", "bearable": "1,234.5"}).status_code == 422
    assert standing(town, ada).simulation is None
    sent = {"seen": "yes", "bearable": "5000,00", "income": "90000"}
    assert browser.post("/fr/safeguards/simulation", data=sent).status_code == 303
    assert standing(town, ada).simulation.bearable_loss_cents == 500_000
    assert standing(town, ada).threshold_cents == warning_threshold_cents(DAY, 500_000) == 250_000


def in_node(expression: str) -> object:
    node = shutil.which("node")
    assert node, "node is missing: apt-get install nodejs"
    script = (
        f'import {{ bearableLoss, centsOf }} from "{SCRIPTS / "loss.js"}"; console.log(JSON.stringify({expression}))'
    )
    ran = subprocess.run([node, "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 10**10)] * 3), min_size=50, max_size=50))
def test_the_browser_computes_a_tenth_of_the_net_worth_to_the_cent(figures) -> None:
    found = in_node(f"{json.dumps(figures)}.map((each) => bearableLoss(...each))")
    exact = [Fraction(income + assets - commitments, 10) for income, assets, commitments in figures]
    assert found == [max(0, int((share + Fraction(1, 2)) // 1)) for share in exact]


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("1.234,50", 123_450),
        ("€ 1 000,5", 100_050),
        ("", 0),
        ("0,05", 5),
        ("1,234.50", None),
        ("-5", None),
        ("x", None),
    ],
)
def test_the_browser_reads_amounts_as_the_server_does(typed: str, cents: int | None) -> None:
    assert in_node(f"centsOf({json.dumps(typed)})") == cents
