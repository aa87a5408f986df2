"""An enterprise that begins again: its next offer tells what became of the loan before it, for five years."""

import html
from datetime import date, timedelta

import pytest

from contracts.secondchance import service
from contracts.secondchance.history import EarlierFailure, disclosed_failures
from frontend.i18n import LANGUAGES, tongue
from tests.chance_kit import NEW_START, Chance, lost_loan
from tests.pages_kit import Enter
from tests.products_kit import Town


def told(town: Town, borrower: str, on: date) -> list[EarlierFailure]:
    with town.book.read() as connection:
        return disclosed_failures(connection, town.book.book_id, borrower, on)


@pytest.fixture
def failed(sqlite_town: Town) -> Chance:
    return lost_loan(sqlite_town, sqlite_town.enterprise())


def test_the_next_offer_tells_it_in_every_language_until_five_years_are_over(
    failed: Chance, sqlite_town: Town, enter: Enter
) -> None:
    town, borrower, began_on = sqlite_town, failed.book().loan.borrower, failed.town.today
    assert told(town, borrower, town.today) == [], "it may not borrow again yet"
    town.jump_to(town.today + timedelta(days=20))
    failed.do(service.begin_again, **NEW_START)
    until_on = date(2031, town.today.month, town.today.day)
    [failure] = told(town, borrower, until_on - timedelta(days=1))
    assert failure == EarlierFailure(
        began_on=began_on, lent_cents=100_000, not_repaid_cents=100_000, again_on=town.today, until_on=until_on
    )
    assert told(town, borrower, until_on) == []
    other = town.enterprise("Firm other", number="0200.362.210")
    assert told(town, other, town.today) == []
    offers = {each: town.open_offer(each) for each in (borrower, other)}
    browser = enter()
    for language in LANGUAGES:
        words = tongue(language)
        pages = {each: html.unescape(browser.get(f"/{language}/offers/{offers[each]}").text) for each in offers}
        lost = words.text("offer.history-lost", lent=words.money(100_000), amount=words.money(100_000))
        again = words.text("offer.history-again", day=words.day(town.today), until=words.day(until_on))
        assert lost in pages[borrower]
        assert again in pages[borrower]
        assert words.text("offer.history") not in pages[other]
