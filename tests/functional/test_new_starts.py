"""Who may raise money again after a failure, whose money it may be, and to whose account it is never paid."""

import html
from datetime import timedelta

import pytest

from contracts import kiis
from contracts.loans import service as loans
from contracts.offers import service as offers
from contracts.offers.model import OfferState
from contracts.pledges import safeguards
from contracts.restarts import told_until
from contracts.secondchance import service
from contracts.secondchance.history import beginning_again
from contracts.secondchance.model import Signal
from frontend.i18n import LANGUAGES, tongue
from ledger.payments.bank import configure_bank
from ledger.payments.iso20022.model import Account
from tests.chance_kit import NEW_START, Chance, lost_loan
from tests.pages_kit import Enter
from tests.products_kit import DESK, FIRM_IBAN, Town, refused
from tests.sheets_kit import sheet, texts

OTHER_NUMBER = "0200.362.210"


@pytest.fixture
def starter(sqlite_town: Town) -> str:
    """An enterprise whose loan was lost and that may borrow again since today."""
    borrower = sqlite_town.enterprise()
    lost_loan(sqlite_town, borrower).do(service.begin_again, **NEW_START)
    return borrower


def join(town: Town, lender: str, *, joins: bool = True, days: int = 0) -> None:
    with town.book.unit_of_work(actor=lender) as uow:
        safeguards.join_pool(uow, lender, joins=joins, on=town.today + timedelta(days=days))


def ask(town: Town, offer_id: str) -> str:
    with town.book.unit_of_work(actor=town.maker) as uow:
        return offers.request_publication(uow, offer_id, reason="checked")


def publish(town: Town, offer_id: str, approval_id: str) -> None:
    with town.book.unit_of_work(actor=town.maker) as uow:
        offers.publish_offer(uow, offer_id, on=town.today, approval_id=approval_id)


def amend(town: Town, offer_id: str) -> None:
    """Suspend an open offer by a new version of its sheet, and issue that."""
    with town.book.unit_of_work(actor=town.maker) as uow:
        kiis.write_sheet(uow, offer_id, sheet(own_funds_cents=700_050, fees=texts("zero")), on=town.today)
    kiis.issue_sheet(town.book, DESK, offer_id, actor=town.maker)
    town.settle()


def test_a_file_in_difficulty_bars_draft_request_and_publication_until_it_is_resolved(sqlite_town: Town) -> None:
    town, borrower = sqlite_town, sqlite_town.enterprise()
    chance = Chance(town, town.fund({town.citizen("Ada"): 100_000}, borrower))
    chance.open()
    asked, suspended = town.draft_offer(borrower), town.open_offer(borrower)
    town.inform(asked)
    amend(town, suspended)
    approved = {offer_id: ask(town, offer_id) for offer_id in (asked, suspended)}
    for approval_id in approved.values():
        town.approve(approval_id)
    signal = {"is_material": False, "update_on": town.today + timedelta(days=14)}
    chance.do(service.note_signal, Signal.LEASE_ENDED, **signal)
    with refused(town, "earlier-loan-unresolved", loan_id=chance.loan_id):
        town.draft_offer(borrower)
    for offer_id, approval_id in approved.items():
        with refused(town, "earlier-loan-unresolved", loan_id=chance.loan_id):
            ask(town, offer_id)
        with refused(town, "earlier-loan-unresolved", loan_id=chance.loan_id):
            publish(town, offer_id, approval_id)
    town.draft_offer(town.enterprise("Firm other", number=OTHER_NUMBER))
    chance.do(service.resolve_warning)
    for offer_id, approval_id in approved.items():
        publish(town, offer_id, approval_id)


def test_an_open_offer_takes_no_pledge_and_becomes_no_loan_while_another_loan_is_in_difficulty(
    sqlite_town: Town,
) -> None:
    town, borrower = sqlite_town, sqlite_town.enterprise()
    chance = Chance(town, town.fund({town.citizen("Ada"): 100_000}, borrower))
    chance.open()
    bob, cem = town.citizen("Bob"), town.citizen("Cem")
    funded, empty = town.open_offer(borrower), town.open_offer(borrower)
    town.pay_pledge(funded, bob, 100_000)
    ends_on = town.card(funded).closes_on
    signal = {"is_material": False, "update_on": town.today + timedelta(days=14)}
    chance.do(service.note_signal, Signal.LEASE_ENDED, **signal)
    with refused(town, "earlier-loan-unresolved", loan_id=chance.loan_id):
        town.pledge(funded, cem, 10_000)
    town.jump_to(ends_on + timedelta(days=1))
    assert (town.card(funded).state, town.card(empty).state) == (OfferState.OPEN, OfferState.FAILED)
    with refused(town, "earlier-loan-unresolved", loan_id=chance.loan_id), town.book.unit_of_work(actor="t") as uow:
        offers.end_offer(uow, funded, on=town.today)
    chance.do(service.resolve_warning)
    town.jump_to(town.today + timedelta(days=1))
    assert town.card(funded).state is OfferState.FUNDED


def test_a_lost_loan_bars_its_borrower_until_a_new_start_is_allowed(sqlite_town: Town) -> None:
    town, borrower = sqlite_town, sqlite_town.enterprise()
    chance = lost_loan(town, borrower)
    with refused(town, "earlier-loan-unresolved", loan_id=chance.loan_id):
        town.draft_offer(borrower)
    with refused(town, "not-re-eligible", ground="bad-faith"):
        chance.do(service.begin_again, **NEW_START | {"in_good_faith": False})
    with refused(town, "earlier-loan-unresolved", loan_id=chance.loan_id):
        town.draft_offer(borrower)
    chance.do(service.begin_again, **NEW_START)
    town.open_offer(borrower)


def test_only_who_agreed_by_that_day_and_still_does_lends_to_an_enterprise_that_begins_again(
    sqlite_town: Town, starter: str
) -> None:
    town, bob = sqlite_town, sqlite_town.citizen("Bob")
    other = town.open_offer(town.enterprise("Firm other", number=OTHER_NUMBER))
    offer_id = town.open_offer(starter)
    town.pledge(other, bob, 10_000)
    with refused(town, "second-chance-consent-needed"):
        town.pledge(offer_id, bob, 10_000)
    join(town, bob, days=1)
    with refused(town, "second-chance-consent-needed"):
        town.pledge(offer_id, bob, 10_000)
    join(town, bob)
    town.pledge(offer_id, bob, 10_000)
    join(town, bob, joins=False)
    with refused(town, "second-chance-consent-needed"):
        town.pledge(offer_id, bob, 10_000)


def test_the_pool_is_asked_for_as_long_as_the_failure_is_told(sqlite_town: Town, starter: str) -> None:
    town, bob = sqlite_town, sqlite_town.citizen("Bob")
    with town.book.read() as connection:
        until_on = told_until(connection, town.book.book_id, starter, town.today)
        assert until_on == town.today.replace(year=town.today.year + 5)
        for day, is_told in ((until_on - timedelta(days=1), True), (until_on, False)):
            assert safeguards.needs_pool(connection, town.book, bob, borrower=starter, on=day) is is_told
            assert beginning_again(connection, town.book.book_id, day) == ({starter} if is_told else set())


def test_pages_flag_the_offer_and_ask_for_the_consent_before_the_pledge(
    sqlite_town: Town, starter: str, enter: Enter
) -> None:
    town, bob = sqlite_town, sqlite_town.citizen("Bob")
    other = town.open_offer(town.enterprise("Firm other", number=OTHER_NUMBER))
    offer_id, browser = town.open_offer(starter), enter(bob)
    for language in LANGUAGES:
        words = tongue(language)
        pages = {each: html.unescape(browser.get(f"/{language}/offers/{each}").text) for each in (offer_id, other)}
        assert words.text("offer.pool") in pages[offer_id]
        assert words.text("offer.pool") not in pages[other]
        for listed in (f"/{language}/", f"/{language}/offers"):
            assert html.unescape(browser.get(listed).text).count(words.text("offer.second-chance")) == 1
        form = f"/{language}/offers/{offer_id}/pledge"
        sent = browser.get(form)
        assert (sent.status_code, sent.headers["location"]) == (
            303,
            f"/{language}/safeguards?then={form}#second-chances",
        )
        typed = {
            "amount": "100",
            "shareholding": "0",
            "risk": "yes",
            "locked": "yes",
            "once": f"once-{language}-0123456",
        }
        said = browser.post(form, data=typed)
        assert said.status_code == 403
        assert words.text("safeguards.title") in html.unescape(said.text)
        to_agree = f"/{language}/safeguards/second-chances?then={form}"
        assert words.text("safeguards.pool-agree") in html.unescape(browser.get(f"/{language}/safeguards").text)
        assert browser.post(to_agree, data={"agrees": "yes"}).headers["location"] == form
        assert browser.get(form).status_code == 200
        since = words.text("safeguards.pool-since", day=words.day(town.today))
        assert since in html.unescape(browser.get(f"/{language}/safeguards").text)
        browser.post(to_agree)
        assert since not in html.unescape(browser.get(f"/{language}/safeguards").text)


def test_a_new_loan_is_never_paid_to_a_lender_of_an_old_one_nor_to_the_client_account(sqlite_town: Town) -> None:
    town, borrower = sqlite_town, sqlite_town.enterprise()
    ada, bob, client_iban = town.citizen("Ada"), town.citizen("Bob"), "BE71096123456769"
    own = {ada: "BE60096900000070", bob: "BE82001900013768"}
    for lender, iban in own.items():
        town.give_iban(lender, iban)
    town.fund({ada: 100_000}, borrower)
    offer_id = town.open_offer(borrower, maximum_cents=100_000)
    town.pay_pledge(offer_id, bob, 100_000)
    town.go_to(town.today + timedelta(days=5))
    new_loan = town.loan_of(offer_id)
    with town.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, Account("Client account", client_iban, "GKCCBEBB"))
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = loans.request_disbursement(uow, new_loan, on=town.today, reason="agreed")
    town.approve(approval_id)
    for iban in (own[ada], client_iban):
        town.give_iban(borrower, iban)
        with refused(town, "old-debt-from-new-loan"), town.book.unit_of_work(actor=town.maker) as uow:
            loans.request_disbursement(uow, new_loan, on=town.today, reason="agreed")
        with refused(town, "old-debt-from-new-loan"), town.book.unit_of_work(actor=town.maker) as uow:
            loans.order_disbursement(uow, new_loan, approval_id=approval_id, on=town.today)
    town.give_iban(borrower, own[bob])  # a lender of this very loan is owed no old debt
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.request_disbursement(uow, new_loan, on=town.today, reason="agreed")
    town.give_iban(borrower, FIRM_IBAN)
    town.disburse(new_loan)
