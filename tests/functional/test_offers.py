"""Offers: drafted, published under four eyes, final from then on, and every way in which that is refused."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from contracts.offers import queries, service
from contracts.offers.model import OfferState
from contracts.pledges import service as pledges
from contracts.pledges.model import PledgeState
from ledger import approvals
from ledger.errors import Refusal
from tests.products_kit import DAY, refused


def test_a_published_offer_is_open_to_everybody_with_its_terms_and_its_gauge(town):
    borrower = town.enterprise()
    offer_id = town.draft_offer(borrower)
    with town.book.read() as connection:
        assert queries.open_offers(connection, town.book, town.today) == []
    town.publish(offer_id)
    with town.book.read() as connection:
        [card] = queries.open_offers(connection, town.book, town.today)
        page = queries.offer_page(connection, town.book, offer_id, town.today)
    assert (card.title, card.borrower_name, card.state) == ("Un deuxième four", "Boulangerie Levain", OfferState.OPEN)
    assert (card.rate_annual, card.net_rate_annual, card.rank) == (
        Decimal("0.0350"),
        Decimal("0.02450"),
        "subordinated",
    )
    assert (card.committed_cents, card.received_cents, card.reflection_cents, card.days_left) == (0, 0, 0, 11)
    assert page.schedule.totals.principal_cents == 100_000
    assert "BE/legal_rate@2026-01-01" in {rule.id for rule in page.rules}


def test_an_offer_is_not_published_by_one_person_alone(sqlite_town):
    town = sqlite_town
    offer_id = town.draft_offer(town.enterprise())
    town.inform(offer_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = service.request_publication(uow, offer_id, reason="checked")
    with refused(town, "approval-not-given"), town.book.unit_of_work(actor=town.maker) as uow:
        service.publish_offer(uow, offer_id, on=DAY, approval_id=approval_id)
    with refused(town, "approver-is-requester"), town.book.unit_of_work(actor=town.maker) as uow:
        approvals.approve(uow, approval_id)


def test_what_was_approved_is_what_is_published(sqlite_town):
    town = sqlite_town
    borrower = town.enterprise()
    offer_id = town.draft_offer(borrower)
    town.inform(offer_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = service.request_publication(uow, offer_id, reason="checked")
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        assert service.revise_offer(uow, offer_id, town.draft(borrower, title="Trois fours"), on=DAY) == 2
    town.inform(offer_id)
    with refused(town, "approval-body-changed"), town.book.unit_of_work(actor=town.maker) as uow:
        service.publish_offer(uow, offer_id, on=DAY, approval_id=approval_id)
    town.publish(offer_id)
    assert (town.card(offer_id).title, town.card(offer_id).version) == ("Trois fours", 2)


def test_a_published_offer_is_never_revised(sqlite_town):
    town = sqlite_town
    borrower = town.enterprise()
    offer_id = town.open_offer(borrower)
    with refused(town, "move-not-allowed"), town.book.unit_of_work(actor=town.maker) as uow:
        service.revise_offer(uow, offer_id, town.draft(borrower, title="Other"), on=DAY)


def test_a_draft_keeps_its_borrower(sqlite_town):
    town = sqlite_town
    offer_id = town.draft_offer(town.enterprise())
    other = town.enterprise("Vélo Cargo", number="0403.201.185")
    with refused(town, "offer-borrower-changed"), town.book.unit_of_work(actor=town.maker) as uow:
        service.revise_offer(uow, offer_id, town.draft(other), on=DAY)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"title": " "}, "offer-title-unusable"),
        ({"title": "x" * 121}, "offer-title-unusable"),
        ({"pitch": {"fr": "a", "nl": "b"}}, "offer-text-missing"),
        ({"risks": {"fr": "a", "nl": " ", "en": "c"}}, "offer-text-missing"),
        ({"minimum_cents": 2_000_000}, "offer-amounts-inconsistent"),
        ({"pledge_minimum_cents": 0}, "offer-amounts-inconsistent"),
        ({"closes_on": DAY - timedelta(days=1)}, "offer-dates-inconsistent"),
        ({"rate_annual": Decimal("0.0451")}, "rate-outside-corridor"),
        ({"rate_annual": Decimal("0.0224")}, "rate-outside-corridor"),
        ({"term_years": 6}, "term-not-allowed"),
        ({"closes_on": date(2027, 1, 4)}, "no-rule-for-date"),
        ({"scheme": "winwin"}, "scheme-unknown"),
    ],
)
def test_a_draft_that_cannot_hold_is_refused(sqlite_town, changes, code):
    town = sqlite_town
    borrower = town.enterprise()
    with refused(town, code):
        town.draft_offer(borrower, **changes)


def test_only_an_enterprise_borrows(sqlite_town):
    town = sqlite_town
    ada = town.citizen("Ada")
    with refused(town, "borrower-not-an-enterprise"):
        town.draft_offer(ada)
    with refused(town, "party-unknown"):
        town.draft_offer("eunknown")


def test_the_borrowers_cap_counts_every_open_offer_with_its_maximum(sqlite_town):
    town = sqlite_town
    borrower = town.enterprise()
    town.open_offer(borrower, maximum_cents=20_000_000)
    within = town.draft_offer(borrower, maximum_cents=5_000_000)
    beyond = town.draft_offer(borrower, maximum_cents=5_000_001)
    town.inform(beyond)
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = service.request_publication(uow, beyond, reason="checked")
    town.approve(approval_id)
    with (
        refused(town, "borrower-cap-exceeded", left_cents=5_000_000),
        town.book.unit_of_work(actor=town.maker) as uow,
    ):
        service.publish_offer(uow, beyond, on=DAY, approval_id=approval_id)
    town.publish(within)


def test_an_offer_whose_days_are_over_is_not_published(sqlite_town):
    town = sqlite_town
    offer_id = town.draft_offer(town.enterprise())
    town.inform(offer_id)
    town.jump_to(DAY + timedelta(days=11))
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = service.request_publication(uow, offer_id, reason="late")
    town.approve(approval_id)
    with refused(town, "offer-dates-inconsistent"), town.book.unit_of_work(actor=town.maker) as uow:
        service.publish_offer(uow, offer_id, on=town.today, approval_id=approval_id)


def test_an_unknown_offer_is_said_to_be_unknown(sqlite_town):
    town = sqlite_town
    ada = town.citizen("Ada")
    with refused(town, "offer-not-known"):
        town.pledge("onothing", ada, 50_000)
    with pytest.raises(Refusal, match="offer-not-known"), town.book.read() as connection:
        queries.offer_page(connection, town.book, "onothing", DAY)


def test_a_cancelled_offer_gives_every_pledge_back(town):
    ada, bob, offer_id = town.citizen("Ada"), town.citizen("Bob"), town.open_offer(town.enterprise())
    paid, unpaid = town.pay_pledge(offer_id, ada, 50_000), town.pledge(offer_id, bob, 20_000)
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = service.request_cancellation(uow, offer_id, reason="the borrower asked")
    with refused(town, "approval-not-given"), town.book.unit_of_work(actor=town.maker) as uow:
        pledges.cancel_offer(uow, offer_id, on=DAY, approval_id=approval_id)
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        pledges.cancel_offer(uow, offer_id, on=DAY, approval_id=approval_id)
    town.settle()
    assert town.card(offer_id).state is OfferState.CANCELLED
    assert town.state(paid.pledge_id) is PledgeState.REFUNDED
    assert town.state(unpaid.pledge_id) is PledgeState.LAPSED
    assert (town.balance("580100"), town.balance(f"489400:{ada}")) == (0, 0)
    with refused(town, "offer-closed"):
        town.pledge(offer_id, ada, 50_000)
