"""Every page in three languages: it answers, says everything, fits a phone, breaks no rule of content or access."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from tests.e2e.conftest import Enter
from tests.e2e.kit import Demo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
EACH_LANGUAGE = pytest.mark.parametrize("language", ["fr", "nl", "en"])
PAGES = {
    "visitor": [
        "",
        "offers",
        "board",
        "how",
        "rules",
        "statistics",
        "statistics/restructurings",
        "votes",
        "verify",
        "log-in",
        "log-in/sent",
        "register",
        "mailbox",
    ],
    "citizen": ["portfolio", "board", "receipts", "totals", "safeguards"],
    "entrepreneur": ["enterprise"],
    "auditor": [
        "audit",
        "audit/entries",
        "audit/entries/30",
        "audit/log",
        "audit/bonds",
        "audit/exports",
        "audit/votes",
        "audit/ecspr",
        "audit/exceptions",
    ],
    "operator": [
        "operations",
        "operations/plans",
        "operations/bank",
        "operations/estates",
        "operations/fund",
        "operations/bonds",
        "operations/bonds/new/etterbeek",
        "operations/orders",
    ],
}
LINKED = {
    "visitor": [("offers", "main .card a"), ("offers", "#bonds .card a")],
    "citizen": [
        ("portfolio", "#claims tbody a"),
        ("portfolio", "#bonds tbody a"),
        ("portfolio", "#pledges tbody a"),
        ("portfolio", "main a[href$='/vote']"),
    ],
    "entrepreneur": [("enterprise", "#loans a")],
    "auditor": [],
    "operator": [
        ("operations/plans", "main table a"),
        ("operations/fund", "main table a"),
        ("operations/bonds", "#series tbody a"),
        ("operations/orders", "#runs h3 a"),
    ],
}
SCRIPTS = {"verify": "/static/js/verify/page.js", "safeguards": "/static/js/simulation/page.js"}
"""What is reckoned in the browser, so that it never reaches the server."""
ROLES = pytest.mark.parametrize("role", PAGES)
SMALLEST_PHONE = {"width": 320, "height": 640}


def visit(window: BrowserContext, demo: Demo, role: str, language: str) -> Iterator[Page]:
    """Every page of a role, those that lists link to included; any complaint of the browser fails."""
    page = window.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(_said(message)))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for path in _paths(page, demo, role, language):
        answer = page.goto(f"{demo.origin}{path}")
        assert answer is not None
        assert answer.status == 200, path
        yield page
    assert complaints == []


def _paths(page: Page, demo: Demo, role: str, language: str) -> list[str]:
    paths = [f"/{language}/{slug}" for slug in PAGES[role]]
    for slug, selector in LINKED[role]:
        page.goto(f"{demo.origin}/{language}/{slug}")
        links = [link.get_attribute("href") for link in page.locator(selector).all()]
        assert links, f"{slug} links to nothing"
        paths += [link for link in links[:3] if link]
    if role == "citizen":
        page.goto(f"{demo.origin}/{language}/offers")
        first = [page.locator(selector).first.get_attribute("href") for selector in ("main .card a", "#bonds .card a")]
        paths += [f"{link}/pledge" for link in first]
    if role == "operator":
        page.goto(f"{demo.origin}/{language}/offers")
        paths.append(f"{page.locator('main .card a').first.get_attribute('href')}/kiis")
    if role == "entrepreneur":
        page.goto(f"{demo.origin}/{language}/enterprise")
        page.locator("form[action$='/applications'] button").click()
        paths.append(urlsplit(page.url).path)
    return paths


@EACH_LANGUAGE
@ROLES
def test_every_page_answers_in_its_language_and_fits_the_smallest_phone(
    enter: Enter, demo: Demo, role: str, language: str
) -> None:
    for page in visit(enter(role, viewport=SMALLEST_PHONE), demo, role, language):
        assert page.locator("html").get_attribute("lang") == language
        assert page.locator("h1").count() == 1
        assert page.title().endswith("· BXL Invest")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page.url} is wider than a phone"
        for other in ("fr", "nl", "en"):
            alternate = page.locator(f"link[hreflang={other}]").get_attribute("href")
            assert alternate == page.url.removeprefix(demo.origin).replace(f"/{language}/", f"/{other}/", 1)


@ROLES
def test_no_page_carries_a_script_or_a_style_of_its_own_and_two_refer_to_a_script(
    enter: Enter, demo: Demo, role: str
) -> None:
    for page in visit(enter(role, java_script_enabled=False), demo, role, "fr"):
        scripts = [script.get_attribute("src") for script in page.locator("script").all()]
        script = SCRIPTS.get(page.url.rsplit("/", 1)[1])
        assert scripts == ([script] if script else [])
        assert page.locator("script:not(:empty), style, [style], [onclick], [onload]").count() == 0


@ROLES
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_barrier(enter: Enter, demo: Demo, axe: str, role: str, scheme: str) -> None:
    window = enter(role, bypass_csp=True, color_scheme=scheme)
    for page in visit(window, demo, role, "nl" if scheme == "dark" else "fr"):
        page.evaluate(axe)
        found = page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
        )
        barriers = [
            (rule["id"], node["html"][:160], node["failureSummary"])
            for rule in found["violations"]
            if rule["impact"] in {"serious", "critical"}
            for node in rule["nodes"]
        ]
        assert barriers == [], page.url


def test_the_strict_content_policy_is_on_every_answer(enter: Enter, demo: Demo) -> None:
    window = enter("visitor")
    for path in ("/fr/", "/fr/offers", "/nl/nothing-here", "/v1/offers", "/static/img/mark.svg"):
        policy = window.request.get(f"{demo.origin}{path}").headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_the_pledge_form_is_walked_with_the_keyboard_in_the_order_it_is_read(enter: Enter, demo: Demo) -> None:
    page = enter("citizen").new_page()
    page.goto(f"{demo.origin}/en/offers")
    page.goto(f"{demo.origin}{page.locator('main .card a').first.get_attribute('href')}/pledge")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    page.keyboard.press("Enter")
    order: list[str] = []
    while len(order) < 14 and "submit" not in order:
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.type || 'link'"))
    ties = ["is_employee", "is_director", "is_spouse_or_cohabitant", "acts_in_trade"]
    assert order == ["link", "amount", *ties, "shareholding", "risk", "locked", "submit"]
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"


@EACH_LANGUAGE
def test_an_unfinished_pledge_says_what_is_missing_beside_each_field(enter: Enter, demo: Demo, language: str) -> None:
    page = enter("citizen").new_page()
    page.goto(f"{demo.origin}/{language}/offers")
    page.goto(f"{demo.origin}{page.locator('main .card a').first.get_attribute('href')}/pledge")
    page.fill("#amount", "beaucoup")
    page.locator("main form button").click()
    summary = page.locator("[role=alert]")
    assert summary.locator("a").count() == 3
    assert page.locator("#amount").get_attribute("aria-invalid") == "true"
    assert page.locator("#amount").input_value() == "beaucoup"
    summary.locator("a").first.click()
    assert page.evaluate("document.activeElement.id") == "amount"


@EACH_LANGUAGE
def test_a_refused_pledge_says_why_and_changes_nothing(enter: Enter, demo: Demo, language: str) -> None:
    page = enter("citizen").new_page()
    page.goto(f"{demo.origin}/{language}/portfolio")
    before = page.locator("#pledges tbody tr").count()
    page.goto(f"{demo.origin}/{language}/offers")
    page.goto(f"{demo.origin}{page.locator('main .card a').first.get_attribute('href')}/pledge")
    page.fill("#amount", "200")
    page.check("#is_employee")
    page.check("#risk")
    page.check("#locked")
    page.locator("main form button").click()
    assert page.locator("[role=alert] li").count() == 1
    page.goto(f"{demo.origin}/{language}/portfolio")
    assert page.locator("#pledges tbody tr").count() == before


@EACH_LANGUAGE
def test_what_is_missing_or_for_others_is_said_on_a_page(enter: Enter, demo: Demo, language: str) -> None:
    window = enter("citizen")
    page = window.new_page()
    for path, status in (("nothing-here", 404), ("loans/l00000000", 404), ("operations", 403), ("audit", 403)):
        answer = page.goto(f"{demo.origin}/{language}/{path}")
        assert answer is not None
        assert answer.status == status
        assert page.locator("html").get_attribute("lang") == language
        assert page.locator("h1").count() == 1
    stranger = enter("visitor").new_page()
    stranger.goto(f"{demo.origin}/{language}/portfolio")
    assert stranger.url == f"{demo.origin}/{language}/log-in?next=/{language}/portfolio"


def test_the_front_door_opens_in_the_language_of_the_browser(enter: Enter, demo: Demo) -> None:
    for locale, language in (("nl-BE", "nl"), ("en-GB", "en"), ("de-DE", "fr")):
        page = enter("visitor", locale=locale).new_page()
        page.goto(demo.origin)
        assert page.url == f"{demo.origin}/{language}/"


def _said(message: ConsoleMessage) -> str:
    return f"{message.type}: {message.text}"
