"""What an offer asks of its lenders: residents first, a limit for one person, first come first served; caps in a race.

The races are run on both databases: ten threads, or two tabs, never pass a cap by a cent.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from contracts.offers.model import OfferState, Oversubscription, body_of, draft_of
from contracts.parties import service as parties
from contracts.parties.model import Attribute
from ledger.errors import Refusal
from tests.pages_kit import Enter
from tests.products_kit import DAY, refused

THREADS = 10


def lives_in(town, lender, commune, *, since=DAY):
    with town.book.unit_of_work(actor=lender) as uow:
        parties.record_attribute(uow, lender, Attribute.COMMUNE, commune, valid_from=since, evidence="form")


def race(town, wishes):
    """Every (offer, lender, cents) at once; how many were taken, and the codes of those that were refused."""

    def wish(each):
        try:
            town.pledge(*each)
        except Refusal as refusal:
            return refusal.code
        return None

    with ThreadPoolExecutor(THREADS) as pool:
        codes = list(pool.map(wish, wishes))
    return codes.count(None), {code for code in codes if code}


def test_residents_come_first_and_then_everybody(sqlite_town):
    town = sqlite_town
    offer_id = town.open_offer(town.enterprise(), priority_until=DAY + timedelta(days=3))
    ada, bob, eve = town.citizen("Ada"), town.citizen("Bob"), town.citizen("Eve")
    lives_in(town, ada, "saint gilles")
    lives_in(town, bob, "Schaerbeek")
    town.pledge(offer_id, ada, 50_000)
    until = (DAY + timedelta(days=3)).isoformat()
    for lender in (bob, eve):
        with refused(town, "offer-priority-for-residents", commune="Saint-Gilles", until_on=until):
            town.pledge(offer_id, lender, 50_000)
    town.go_to(DAY + timedelta(days=3))
    with refused(town, "offer-priority-for-residents"):
        town.pledge(offer_id, bob, 50_000)
    town.go_to(DAY + timedelta(days=4))
    town.pledge(offer_id, bob, 50_000)
    town.pledge(offer_id, eve, 50_000)


def test_whoever_moves_away_is_a_resident_no_more(sqlite_town):
    town = sqlite_town
    offer_id = town.open_offer(town.enterprise(), priority_until=DAY + timedelta(days=5))
    ada = town.citizen("Ada")
    lives_in(town, ada, "Saint-Gilles")
    lives_in(town, ada, "Jette", since=DAY + timedelta(days=1))
    town.go_to(DAY + timedelta(days=1))
    with refused(town, "offer-priority-for-residents"):
        town.pledge(offer_id, ada, 50_000)


def test_one_person_pledges_up_to_her_limit_over_all_her_pledges(sqlite_town):
    town = sqlite_town
    offer_id, ada, bob = (
        town.open_offer(town.enterprise(), pledge_maximum_cents=60_000), town.citizen("Ada"), town.citizen("Bob"),
    )  # fmt: skip
    first = town.pledge(offer_id, ada, 40_000)
    with refused(town, "offer-person-limit-exceeded", left_cents=20_000, limit_cents=60_000):
        town.pledge(offer_id, ada, 20_001)
    town.pledge(offer_id, ada, 20_000)
    town.pledge(offer_id, bob, 60_000)
    town.withdraw(first.pledge_id)
    town.pledge(offer_id, ada, 40_000)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"pledge_maximum_cents": 9_999}, "offer-person-limit-inconsistent"),
        ({"pledge_maximum_cents": 1_000_001}, "offer-person-limit-inconsistent"),
        ({"priority_until": DAY - timedelta(days=1)}, "offer-priority-inconsistent"),
        ({"priority_until": DAY + timedelta(days=10)}, "offer-priority-inconsistent"),
    ],
)
def test_terms_that_cannot_hold_are_refused(sqlite_town, changes, code):
    town = sqlite_town
    borrower = town.enterprise()
    with refused(town, code):
        town.draft_offer(borrower, **changes)


def test_an_offer_from_before_there_were_such_terms_reads_as_one_without(sqlite_town):
    draft = sqlite_town.draft("e1", priority_until=DAY, pledge_maximum_cents=60_000)
    assert draft_of(body_of(draft)) == draft
    body = {
        name: value
        for name, value in body_of(draft).items()
        if name not in {"priority_until", "pledge_maximum_cents", "oversubscription"}
    }
    old = draft_of(body)
    assert (old.priority_until, old.pledge_maximum_cents) == (None, None)
    assert old.oversubscription is Oversubscription.FIRST_COME


def test_the_offers_page_says_what_it_asks_of_its_lenders(enter: Enter, sqlite_town):
    town = sqlite_town
    offer_id = town.open_offer(town.enterprise(), priority_until=DAY + timedelta(days=3), pledge_maximum_cents=60_000)
    page = enter().get(f"/en/offers/{offer_id}").text.replace("\u00a0", " ")
    assert "Until 5 March 2026 the offer is reserved for residents of Saint-Gilles." in page
    assert "At most € 600 a person." in page or "At most 600 € a person." in page
    assert "in the order in which they are made" in page


def test_ten_threads_never_pass_an_offers_maximum_by_a_cent(town):
    offer_id = town.open_offer(town.enterprise(), maximum_cents=100_000)
    lenders = [town.citizen(f"L{n}") for n in range(THREADS)]
    taken, codes = race(town, [(offer_id, lender, 33_333) for lender in lenders])
    assert (taken, codes) == (3, {"offer-cap-exceeded"})
    assert town.card(offer_id).committed_cents == 99_999
    assert town.card(offer_id).state is OfferState.OPEN


def test_ten_threads_never_pass_a_lenders_cap_over_two_offers_by_a_cent(town):
    """50,000 EUR a calendar year: three times a third, rounded up, is a cent too much."""
    one = town.open_offer(town.enterprise(), maximum_cents=12_000_000)
    other = town.open_offer(town.enterprise("Roue Libre", number="0202.239.951"), maximum_cents=12_000_000)
    ada = town.citizen("Ada")
    taken, codes = race(town, [((one, other)[n % 2], ada, 1_666_667) for n in range(THREADS)])
    assert (taken, codes) == (2, {"lender-cap-exceeded"})
    assert town.card(one).committed_cents + town.card(other).committed_cents == 2 * 1_666_667
    town.pledge(one, ada, 5_000_000 - 2 * 1_666_667)


def test_two_tabs_never_pass_the_limit_of_one_person_by_a_cent(town):
    offer_id = town.open_offer(town.enterprise(), pledge_maximum_cents=60_000)
    ada = town.citizen("Ada")
    taken, codes = race(town, [(offer_id, ada, 30_001)] * 2)
    assert (taken, codes) == (1, {"offer-person-limit-exceeded"})
    assert town.card(offer_id).committed_cents == 30_001
