"""Whoever has to pay may do it by transfer: the page says what to fill in, in words and as a code to scan."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.bootstrap import Wiring
from api.identity.service import open_session_for
from api.mail.transport import KeptMail
from api.security import COOKIE
from api.settings import read_settings
from frontend.charts import transfer_code
from frontend.site import build_site
from ledger.payments.bank import configure_bank
from ledger.payments.iso20022.model import Account
from ledger.payments.references import checked_reference
from ledger.payments.transfer_code import transfer_code_text
from tests.products_kit import Town

IBAN = "BE71096123456769"
CODES = {"fr": "Code de paiement", "nl": "Betaalcode", "en": "Payment code"}


@pytest.fixture
def page_of(sqlite_town: Town, tmp_path: Path) -> Callable[[str, str], str]:
    """`page_of(party, path)`: a page as that party sees it."""
    settings = read_settings({"BXL_DATA": str(tmp_path)})
    site = build_site(Wiring(settings, sqlite_town.book, sqlite_town.rail, KeptMail(), None))

    def shown(party: str, path: str) -> str:
        browser = TestClient(site, "http://127.0.0.1:8000", headers={"Accept": "text/html"})
        with sqlite_town.book.unit_of_work(actor="test") as uow:
            browser.cookies.set(COOKIE, open_session_for(uow, party, "fr").token)
        answer = browser.get(path)
        assert answer.status_code == 200
        return answer.text

    return shown


def open_bank(town: Town) -> None:
    with town.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, Account("BXL Invest, derdenrekening", IBAN))


def assert_it_asks_for(page: str, amount_cents: int, language: str) -> None:
    """The words are all there, and the code says the same."""
    stated = re.search(r"\+\+\+[0-9/]{14}\+\+\+", page)
    assert stated is not None
    reference = checked_reference(stated[0])
    assert reference is not None
    assert ("BE71 0961 2345 6769" in page, "BXL Invest, derdenrekening" in page) == (True, True)
    code = transfer_code_text(
        name="BXL Invest, derdenrekening", iban=IBAN, amount_cents=amount_cents, reference=reference
    )
    assert str(transfer_code(code, CODES[language])) in page


@pytest.mark.parametrize("language", CODES)
def test_a_pledge_may_be_paid_by_a_transfer_that_the_page_spells_out(
    sqlite_town: Town, page_of: Callable[[str, str], str], language: str
) -> None:
    town = sqlite_town
    open_bank(town)
    ada = town.citizen("Ada")
    pledge_id = town.pledge(town.open_offer(town.enterprise()), ada, 20_000).pledge_id
    assert_it_asks_for(page_of(ada, f"/{language}/pledges/{pledge_id}"), 20_000, language)


def test_without_an_account_at_a_bank_no_transfer_is_asked_for(
    sqlite_town: Town, page_of: Callable[[str, str], str]
) -> None:
    ada = sqlite_town.citizen("Ada")
    pledge_id = sqlite_town.pledge(sqlite_town.open_offer(sqlite_town.enterprise()), ada, 20_000).pledge_id
    assert "+++" not in page_of(ada, f"/fr/pledges/{pledge_id}")


def test_a_due_may_be_paid_by_a_transfer_that_the_page_spells_out(
    sqlite_town: Town, page_of: Callable[[str, str], str]
) -> None:
    town = sqlite_town
    borrower = town.enterprise()
    loan_id = town.fund({town.citizen("Ada"): 60_000, town.citizen("Bob"): 60_000}, borrower)
    first = town.loan(loan_id).instalments[0]
    open_bank(town)
    town.jump_to(first.due_on)
    assert_it_asks_for(page_of(borrower, "/nl/enterprise"), first.total_cents, "nl")
