"""The whole story of a loan, told by the people in it, in a browser that runs no scripts."""

import hashlib
import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from playwright.sync_api import APIResponse, BrowserContext, Locator, Page, expect

from api.timestamps import read_certificates
from contracts.documents.authority import root_certificate
from contracts.documents.verify import verify_pdf_signatures
from contracts.pledges import knowledge
from tests.e2e.conftest import Enter
from tests.e2e.kit import PATIENCE, Demo, amount_in, open_first_link, shown_euro
from tests.sheets_kit import sheet

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
TEXT = {"fr": "Un établi de plus.", "nl": "Nog een werkbank.", "en": "One more bench."}
TITLE = "Un troisième établi"
_keys = itertools.count(1)


class Teller:
    """The people of the story, each in a window without scripts; `today` is the demo's date."""

    def __init__(self, enter: Enter, demo: Demo) -> None:
        self.demo = demo
        self.windows: dict[str, BrowserContext] = {
            role: enter(role, java_script_enabled=False)
            for role in ("citizen", "grocer", "operator", "second operator")
        }
        self.pages: dict[str, Page] = {role: window.new_page() for role, window in self.windows.items()}

    @property
    def today(self) -> date:
        answer = self.windows["operator"].request.get(f"{self.demo.origin}/v1/business-date")
        return date.fromisoformat(answer.json()["today"])

    def go(self, role: str, path: str) -> Page:
        page = self.pages[role]
        page.goto(f"{self.demo.origin}/fr/{path}")
        return page

    def post(self, role: str, path: str, body: dict[str, object]) -> APIResponse:
        key = {"Idempotency-Key": f"story-{next(_keys):08d}"}
        answer = self.windows[role].request.post(f"{self.demo.origin}/v1/{path}", data=body, headers=key)
        assert answer.ok, answer.text()
        return answer

    def move_to(self, day: date) -> None:
        """The operator moves the date; the page follows the days by itself until the last is over."""
        page = self.go("operator", "operations")
        page.fill("#day-to_on", day.isoformat())
        page.locator("#day form", has=page.locator("#day-to_on")).locator("button").click()
        expect(page.locator("#day .big")).to_be_visible(timeout=PATIENCE * 3)
        assert self.today == day

    def approve(self) -> None:
        """The second operator approves everything that waits for her."""
        page = self.go("second operator", "operations")
        while page.locator("#approvals form button").count():
            page.locator("#approvals form button").first.click()
            assert page.locator(".errors").count() == 0, page.locator(".errors").inner_text()

    def settle_at_the_bank(self, evidence: Path) -> None:
        """The provider's money reaches the bank, and the operator records it from the statement."""
        page = self.go("operator", "operations")
        standing = amount_in(page.locator("#settlements .figures dd").first.inner_text())
        if not standing:
            return
        page.fill("#settlement-amount", f"{standing / 100:.2f}")
        page.fill("#settlement-reference", f"1234.{self.today:%y%m}.{next(_keys):02d}")
        page.set_input_files("#settlement-evidence", evidence)
        page.locator("#settlements form button").click()
        assert page.locator(".errors").count() == 0, page.locator(".errors").inner_text()

    def confirm_transfers(self, evidence: Path) -> None:
        page = self.go("operator", "operations")
        while page.locator("#transfers article").count():
            order = page.locator("#transfers article").first
            order.locator("input[name=reference]").fill(f"extrait {next(_keys)}")
            order.locator("input[type=file]").set_input_files(evidence)
            order.locator("button").click()
            assert page.locator(".errors").count() == 0, page.locator(".errors").inner_text()


@pytest.fixture
def teller(enter: Enter, demo: Demo) -> Teller:
    return Teller(enter, demo)


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    paper = tmp_path / "extrait.pdf"
    paper.write_bytes(b"%PDF-1.4 a bank statement\n")
    return paper


def test_a_loan_from_its_offer_to_its_loss(teller: Teller, demo: Demo, evidence: Path, tmp_path: Path) -> None:
    offer_id = publish_an_offer(teller)
    read_the_offer(teller, offer_id)
    pledge_and_pay(teller, offer_id)
    somebody_else_pledges(teller, demo, offer_id)
    the_new_account_is_verified(teller, evidence)
    teller.move_to(teller.today + timedelta(days=6))
    loan = the_offer_has_become_a_loan(teller)
    pay_the_loan_out(teller, evidence)
    teller.move_to(teller.today + timedelta(days=31))
    the_entrepreneur_pays(teller)
    portfolio_shows_what_came(teller, loan)
    a_receipt_proves_it(teller, demo, loan, tmp_path)
    teller.move_to(teller.today + timedelta(days=36))
    the_borrower_is_shown_late(teller, loan)
    the_loss_is_stated(teller, loan, evidence)


def publish_an_offer(teller: Teller, title: str = TITLE) -> str:
    """Drafted through the API, published by two people on the desk."""
    who = teller.windows["grocer"].request.get(f"{teller.demo.origin}/v1/sessions/current").json()
    today = teller.today
    draft = {
        "borrower": who["party_id"],
        "title": title,
        "commune": "Molenbeek-Saint-Jean",
        "sector": "Réparation de vélos",
        "pitch": TEXT,
        "use_of_funds": TEXT,
        "risks": TEXT,
        "rate_annual": "0.04",
        "term_years": 5,
        "every": "month",
        "repayment": "annuity",
        "minimum_cents": 100_000,
        "maximum_cents": 120_000,
        "pledge_minimum_cents": 10_000,
        "opens_on": today.isoformat(),
        "closes_on": (today + timedelta(days=20)).isoformat(),
    }
    offer_id = str(teller.post("operator", "offers", draft).json()["offer_id"])
    assert teller.pages["citizen"].request.get(f"{teller.demo.origin}/fr/offers/{offer_id}").status == 404
    assert teller.post("operator", f"offers/{offer_id}/kiis", {"answers": sheet()}).ok
    assert teller.post("operator", f"offers/{offer_id}/kiis/issue", {}).ok
    desk = teller.go("operator", "operations")
    desk.locator("#offers article", has_text=title).locator("button").click()
    own = desk.locator("#approvals article", has_text=title)
    expect(own).to_contain_text("vous : une autre personne doit approuver".replace(" :", "\u00a0:"))
    assert own.locator("button").count() == 0
    teller.approve()
    return offer_id


def read_the_offer(teller: Teller, offer_id: str) -> None:
    page = teller.go("citizen", "offers")
    page.locator(".card", has_text=TITLE).locator("a").click()
    assert page.url.endswith(f"/fr/offers/{offer_id}")
    expect(page.locator("#money")).to_contain_text("4,00\u00a0%")
    expect(page.locator("#risk .is-you")).to_contain_text("Vous et les autres prêteurs")
    assert page.locator("#money svg[role=img]").count() == 1
    assert page.locator("#money details tbody tr").count() == 60
    expect(page.locator("#money")).to_contain_text("Année de revenus")
    expect(page.locator("#money .provisional").first).to_be_visible()


def pledge_and_pay(teller: Teller, offer_id: str) -> None:
    page = teller.go("citizen", f"offers/{offer_id}")
    page.locator("aside a.button").click()
    make_pledge(page, "500")
    expect(page.locator(".clock .is-today")).to_contain_text("promesse")
    pay(page)
    expect(page.locator("aside")).to_contain_text("en réflexion")
    expect(page.locator("#clock")).to_contain_text("Encore 4 jours")


def somebody_else_pledges(teller: Teller, demo: Demo, offer_id: str) -> None:
    """A new lender registers, logs in by her mail, and brings the campaign to its maximum."""
    window = teller.windows["citizen"].browser
    assert window is not None
    context = window.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{demo.origin}/nl/register")
    for name, value in {
        "given_name": "Noor",
        "family_name": "Janssens",
        "email": "noor@citizen.example",
        "commune": "Evere",
        "iban": "BE71 0961 2345 6769",
    }.items():
        page.fill(f"#{name}", value)
    page.check("#private")
    page.locator("main form button").click()
    page.goto(f"{demo.origin}/nl/mailbox")
    open_first_link(page, "noor@citizen.example")
    expect(page.locator("h1")).to_have_text("Mijn beleggingen")
    page.goto(f"{demo.origin}/nl/offers/{offer_id}/pledge")
    take_the_tests(page)
    make_pledge(page, "700")
    pay(page)
    context.close()


def the_new_account_is_verified(teller: Teller, evidence: Path) -> None:
    """Nothing is paid to the new lender before somebody has seen whose account it is."""
    desk = teller.go("operator", "operations")
    account = desk.locator("#accounts article", has_text="Noor Janssens")
    account.locator("button").click()
    expect(desk.locator(".errors a")).to_have_attribute("href", re.compile("#account-c.*-evidence"))
    account.locator("input[type=file]").set_input_files(evidence)
    account.locator("button").click()
    expect(account).to_have_count(0)


def the_offer_has_become_a_loan(teller: Teller) -> str:
    """Reflection is over, the maximum is firm: the offer is closed and its agreement signed."""
    page = teller.go("citizen", "portfolio")
    expect(page.locator("#pledges tr", has_text=TITLE)).to_contain_text("devenue un prêt")
    page.locator("#claims tr", has_text=TITLE).locator("a").click()
    loan = page.url.rpartition("/")[2]
    expect(page.locator("#events-h + ol")).to_contain_text(shown_euro(120_000))
    link = page.locator("aside a", has_text="Contrat de prêt signé")
    ask_again_until(page, link)
    pdf = teller.windows["citizen"].request.get(f"{teller.demo.origin}{link.get_attribute('href')}").body()
    root = root_certificate(teller.demo.data / "keys").public_bytes(Encoding.DER)
    certificates = read_certificates(teller.demo.data / "sandbox-timestamps.pem")
    stamps = [certificate.public_bytes(Encoding.DER) for certificate in certificates]
    with ThreadPoolExecutor(1) as beside:  # the browser's own loop runs in this thread, and pyHanko wants one too
        borrower, lender = beside.submit(
            verify_pdf_signatures, pdf, roots_der=[root], timestamp_roots_der=stamps
        ).result()
    assert (borrower.intact, borrower.trusted, lender.intact, lender.trusted) == (True, True, True, True)
    return loan


def pay_the_loan_out(teller: Teller, evidence: Path) -> None:
    desk = teller.go("operator", "operations")
    desk.locator("#disbursements article", has_text=TITLE).locator("button").click()
    teller.settle_at_the_bank(evidence)
    teller.approve()
    teller.confirm_transfers(evidence)
    page = teller.go("operator", "operations")
    assert page.locator("#disbursements article", has_text=TITLE).count() == 0


def the_entrepreneur_pays(teller: Teller) -> None:
    page = teller.go("grocer", "enterprise")
    due = page.locator("#dues article", has_text=TITLE)
    expect(due).to_contain_text("Échéance 1")
    due.locator("a.button").click()
    at_checkout(page)
    expect(page.locator("#dues article", has_text=TITLE)).to_have_count(0, timeout=PATIENCE)


def portfolio_shows_what_came(teller: Teller, loan: str) -> None:
    """Gross, tax and net add up to the cent, in the portfolio and on the loan's page."""
    page = teller.go("citizen", "portfolio")
    cells = page.locator("#claims tbody tr", has_text=TITLE).locator("td").all_inner_texts()
    _, expected, principal, interest, tax, net = [amount_in(cell) for cell in cells[:6]]
    assert expected == principal + interest > 0
    assert tax == round(interest * 0.3)
    assert net == principal + interest - tax
    page.goto(f"{teller.demo.origin}/fr/loans/{loan}")
    row = page.locator("#instalments tbody tr").first
    assert [amount_in(cell) for cell in row.locator("td").all_inner_texts()[:4]] == [principal, interest, tax, net]


def a_receipt_proves_it(teller: Teller, demo: Demo, loan: str, folder: Path) -> None:
    page = teller.go("citizen", f"loans/{loan}")
    link = page.locator("#instalments tbody tr").first.locator("a")
    ask_again_until(page, link)
    receipt = folder / "receipt.pdf"
    receipt.write_bytes(teller.windows["citizen"].request.get(f"{demo.origin}{link.get_attribute('href')}").body())
    passed = demo.bxl("verify", "receipt", str(receipt))
    assert passed.returncode == 0, passed.stdout + passed.stderr
    changed = bytearray(receipt.read_bytes())
    changed[len(changed) // 2] ^= 1
    receipt.write_bytes(changed)
    assert demo.bxl("verify", "receipt", str(receipt)).returncode == 1


def the_borrower_is_shown_late(teller: Teller, loan: str) -> None:
    page = teller.go("citizen", "portfolio")
    row = page.locator("#claims tbody tr", has_text=TITLE)
    expect(row).to_contain_text("jours de retard")
    page.goto(f"{teller.demo.origin}/fr/loans/{loan}")
    expect(page.locator(".note--bad")).to_contain_text("en retard depuis")
    assert amount_in(page.locator(".note--bad").inner_text()) > 0
    expect(page.locator("#events-h + ol")).to_contain_text("Premier rappel")


def the_loss_is_stated(teller: Teller, loan: str, evidence: Path) -> None:
    for key in ("bankruptcy", "write-off"):
        desk = teller.go("operator", "operations")
        form = desk.locator(f"form[action$='/loans/{loan}/{key}']")
        if not form.is_visible():
            desk.locator("details", has=form).locator("summary").click()
        form.locator("input[name=on]").fill(teller.today.isoformat())
        form.locator("input[type=file]").set_input_files(evidence)
        form.locator("button").click()
        assert desk.locator(".errors").count() == 0, desk.locator(".errors").inner_text()
    page = teller.go("citizen", f"loans/{loan}")
    expect(page.locator(".note--bad")).to_contain_text("Perte établie")
    losses = [amount_in(text) for text in page.locator("#lenders tbody td.is-bad").all_inner_texts()]
    assert len(losses) == 2
    assert sum(losses) == amount_in(page.locator(".note--bad").inner_text())
    own = page.locator("#lenders tbody tr", has_text="vous").locator("td.is-bad").inner_text()
    assert f"Votre perte\u00a0: {own}" in page.locator(".note--bad").inner_text()
    journal = teller.go("operator", "audit/entries")
    journal.locator("tr", has_text="claim-written-off").first.locator("a").click()
    expect(journal.locator("#entry")).to_contain_text(hashlib.sha256(evidence.read_bytes()).hexdigest())


def test_a_pledge_is_taken_back_within_its_reflection_and_refunded(teller: Teller) -> None:
    offer_id = publish_an_offer(teller, title="Un banc d'essai")
    page = teller.go("citizen", f"offers/{offer_id}")
    page.locator("aside a.button").click()
    make_pledge(page, "250")
    pay(page)
    page.locator("#clock form button").click()
    expect(page.locator("aside")).to_contain_text("remboursée", timeout=PATIENCE)
    expect(page.locator("aside")).to_contain_text("renvoyés le")
    assert page.locator("#clock").count() == 0


def take_the_tests(page: Page) -> None:
    """Whoever pledges for the first time answers the knowledge test and confirms the loss simulation before."""
    expect(page).to_have_url(re.compile(r"/safeguards\?then="))
    for name, choice in (knowledge.RIGHT | {name: words[0] for name, words in knowledge.DECLARED.items()}).items():
        page.select_option(f"#test-{name}", choice)
    page.locator("#test form button").click()
    page.check("#simulation-seen")
    page.locator("#simulation form button").click()
    expect(page.locator("#amount")).to_be_visible()


def make_pledge(page: Page, euro: str) -> None:
    page.fill("#amount", euro)
    page.check("#risk")
    page.check("#locked")
    page.locator("main form button[type=submit]").click()


def pay(page: Page) -> None:
    """Follow the payment link, pay on the provider's page, come back, and wait until the money shows."""
    link = page.locator("main a.button")
    expect(link).to_be_visible(timeout=PATIENCE)
    link.click()
    at_checkout(page)
    expect(page.locator("#clock form button")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("main a.button")).to_have_count(0, timeout=PATIENCE)


def ask_again_until(page: Page, wanted: Locator) -> None:
    """Load the page again until it shows what the worker or the signer is still making."""
    for _ in range(PATIENCE // 1000):
        if wanted.count():
            return
        page.wait_for_timeout(1000)
        page.reload()
    expect(wanted).to_be_visible()


def at_checkout(page: Page) -> None:
    """Pay on the provider's page, which sends the payer back to ours."""
    page.locator("button.pay").click()
    page.wait_for_url("**?back=*")
