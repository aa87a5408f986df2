"""A loan in difficulty from the first word to a vote that an auditor recomputes, in a browser at phone width."""

import json
import subprocess
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, FilePayload, Page, expect

from tests.e2e.conftest import Enter
from tests.e2e.kit import PATIENCE, Demo, open_first_link

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
BAKER = "yasmine@fournil.example"
PHONE = {"width": 390, "height": 844}
BARRIERS = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"


class People:
    """Who takes part, each in a window of her own; pages that people read on a phone are checked by axe."""

    def __init__(self, enter: Enter, demo: Demo, axe: str) -> None:
        self.demo, self.axe = demo, axe
        roles = ("visitor", "citizen", "operator", "second operator", "auditor")
        self.windows: dict[str, BrowserContext] = {
            role: enter(role, viewport=PHONE, bypass_csp=True, accept_downloads=True) for role in roles
        }
        self.pages: dict[str, Page] = {role: window.new_page() for role, window in self.windows.items()}
        page = self.pages["baker"] = self.pages.pop("visitor")
        page.goto(f"{demo.origin}/fr/log-in")
        page.fill("#email", BAKER)
        page.locator("main form button").click()
        page.goto(f"{demo.origin}/fr/mailbox")
        open_first_link(page, BAKER)

    def go(self, role: str, path: str) -> Page:
        page = self.pages[role]
        page.goto(path if path.startswith("http") else f"{self.demo.origin}/fr/{path}")
        return page

    def check(self, role: str) -> None:
        page = self.pages[role]
        assert page.locator("[role=alert]").count() == 0, page.locator("[role=alert]").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
        page.evaluate(self.axe)
        found = page.evaluate(BARRIERS)["violations"]
        assert [rule["id"] for rule in found if rule["impact"] in {"serious", "critical"}] == [], page.url

    @property
    def today(self) -> date:
        answer = self.windows["operator"].request.get(f"{self.demo.origin}/v1/business-date")
        return date.fromisoformat(answer.json()["today"])

    def move_to(self, day: date) -> None:
        page = self.go("operator", "operations")
        page.fill("#day-to_on", day.isoformat())
        page.locator("#day form", has=page.locator("#day-to_on")).locator("button").click()
        expect(page.locator("#day .big")).to_be_visible(timeout=PATIENCE * 3)
        assert self.today == day

    def download(self, role: str, selector: str, folder: Path) -> Path:
        with self.pages[role].expect_download() as started:
            self.pages[role].locator(selector).first.click()
        path = folder / started.value.suggested_filename
        started.value.save_as(path)
        return path


@pytest.fixture(scope="module")
def people(enter: Enter, demo: Demo, axe: str) -> People:
    return People(enter, demo, axe)


def test_a_plan_is_asked_for_published_voted_on_a_phone_and_recomputed(people: People, tmp_path: Path) -> None:
    loan = ask(people)
    publish(people, loan)
    opens_on = people.today + timedelta(days=15)
    people.move_to(opens_on)
    ballot = vote(people, loan, tmp_path)
    people.move_to(opens_on + timedelta(days=2))
    page = people.go("citizen", f"loans/{loan}/vote")
    expect(page.locator("#result")).to_contain_text("Le plan est accepté")
    people.check("citizen")
    recompute(people, loan, ballot, tmp_path)


def ask(people: People) -> str:
    """The baker says that it goes badly, sees the ways out, and asks for a longer term; gives the loan."""
    page = people.go("baker", "enterprise")
    page.locator("#loans a[href*='/difficulty']").first.click()
    page.fill("#cash-on_hand", "4.000")
    page.fill("#cash-receipts", "21.000")
    page.fill("#cash-expenses", "20.800")
    page.locator("#cash button").click()
    expect(page.locator("#ways article")).to_have_count(4)
    people.check("baker")
    longer = page.locator("#ways article", has_text="Rembourser plus longtemps")
    expect(longer).to_contain_text("tribunal")
    longer.locator("button").click()
    expect(page.locator("#file .note--good")).to_be_visible()
    people.check("baker")
    return page.url.split("/loans/")[1].split("/")[0]


def publish(people: People, loan: str) -> None:
    """One officer asks to publish, another approves, and the lenders are called."""
    page = people.go("operator", f"operations/plans/{loan}")
    people.check("operator")
    page.fill("#publication-update_on", (people.today + timedelta(days=30)).isoformat())
    page.locator("#publication button").click()
    second = people.go("second operator", "operations")
    second.locator("#approvals article", has_text="Soumettre un plan").locator("button").click()
    page = people.go("operator", f"operations/plans/{loan}")
    move = page.locator("details", has=page.locator("form[action$='/vote-opened']"))
    move.locator("summary").click()
    days = {"on": 0, "opens_on": 15, "closes_on": 17}
    for name, after in days.items():
        page.fill(f"#vote-opened-{name}", (people.today + timedelta(days=after)).isoformat())
    notice = FilePayload(name="notice.txt", mimeType="text/plain", buffer=b"notice of the vote")
    page.set_input_files("#vote-opened-evidence", notice)
    move.locator("button").click()
    expect(page.locator("#file")).to_contain_text("Les prêteurs votent")


def vote(people: People, loan: str, folder: Path) -> Path:
    """The lender follows her mail to the plan, votes, confirms, keeps her ballot, and verifies its receipt."""
    box = people.go("citizen", "mailbox")
    letter = box.locator("article.letter", has_text="vous êtes appelé à voter").first
    letter.locator(f"a[href$='/loans/{loan}/vote']").click()
    page = people.pages["citizen"]
    people.check("citizen")
    page.locator("input[type=radio][value=yes]").first.check()
    page.locator("#ballot form button").first.click()
    people.check("citizen")
    page.locator("#confirm form button").click()
    expect(page.locator("#ballot .note--good")).to_be_visible()
    people.check("citizen")
    receipt = [verified_file(people, f"loans/{loan}/vote/{name}") for name in ("ballot.tlog-proof", "opening.json")]
    ballot = people.download("citizen", "a[href$='/vote/ballot']", folder)
    page = people.go("citizen", "verify")
    page.set_input_files("#receipt-files", receipt)
    expect(page.locator("[data-verdict]")).to_have_attribute("data-verdict", "incomplete")
    assert page.locator("[data-verdict]").inner_text(), "the policy is the site's own; all else passed"
    return ballot


def verified_file(people: People, path: str) -> FilePayload:
    """A file of the receipt, once the log has taken the ballot."""
    page, address = people.pages["citizen"], f"{people.demo.origin}/fr/{path}"
    for _ in range(40):
        answer = people.windows["citizen"].request.get(address)
        if answer.ok:
            return FilePayload(name=path.rpartition("/")[2], mimeType="text/plain", buffer=answer.body())
        page.reload()
    raise AssertionError(answer.text())


def recompute(people: People, loan: str, ballot: Path, folder: Path) -> None:
    """The auditor takes both files and recomputes the result; so does the lender with her own ballot."""
    people.go("auditor", "audit/votes")
    people.check("auditor")
    public = people.download("auditor", "main a[href*='/fr/votes/']", folder)
    opened = people.download("auditor", "main a[href*='/audit/votes/']", folder)
    assert json.loads(public.read_text("utf-8"))["spec"]["subject"] == f"loan:{loan}"
    for more in (("--auditor", str(opened)), ("--ballot", str(ballot))):
        done: subprocess.CompletedProcess[str] = people.demo.bxl("verify", "vote", str(public), *more)
        assert done.returncode == 0, done.stdout + done.stderr
