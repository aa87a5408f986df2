"""Articles 1(2)(c), 5 and 8 of Regulation (EU) 2020/1503 when an offer is published, with the figures it rests on."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from contracts import moves
from contracts.offers import service as offers
from contracts.offers.lifecycle import PUBLISHED
from contracts.offers.owner import raised_here_cents
from contracts.parties import service as parties
from contracts.parties.model import Attribute
from contracts.parties.safeguards import OwnerDeclaration
from tests.products_kit import DAY, refused

CAP = 500_000_000


def declare(town, owner, **facts):
    with town.book.unit_of_work(actor=town.maker) as uow:
        parties.record_attribute(
            uow,
            owner,
            Attribute.OWNER_DECLARATION,
            OwnerDeclaration(**facts).to_json(),
            valid_from=town.today,
            evidence="extracts of 2 March",
        )


def approved(town, owner, **changes):
    offer_id = town.draft_offer(owner, **changes)
    town.inform(offer_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = offers.request_publication(uow, offer_id, reason="checked")
    town.approve(approval_id)
    return offer_id, approval_id


def publish(town, offer_id, approval_id):
    with town.book.unit_of_work(actor=town.maker) as uow:
        offers.publish_offer(uow, offer_id, on=town.today, approval_id=approval_id)


def published_facts(town, offer_id):
    with town.book.read() as connection:
        history = moves.moves_of(connection, town.book.book_id, [offer_id])[offer_id]
    return next(move.facts for move in history if move.event == PUBLISHED)


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ({"has_criminal_record": True}, "owner-not-cleared"),
        ({"is_in_listed_country": True}, "owner-not-cleared"),
        ({"shareholding": Decimal("0.2")}, "owner-has-interest"),
        ({"shareholding": Decimal("0.7")}, "owner-has-interest"),
        ({"is_manager_or_employee": True}, "owner-has-interest"),
        ({"is_controlled": True}, "owner-has-interest"),
        ({"raised_elsewhere_cents": CAP - 1_000_000 + 1}, "owner-cap-exceeded"),
    ],
)
def test_an_owner_who_does_not_pass_is_not_published(sqlite_town, stated, code):
    town = sqlite_town
    owner = town.enterprise()
    offer_id, approval_id = approved(town, owner)
    declare(town, owner, **stated)
    with refused(town, code):
        publish(town, offer_id, approval_id)
    declare(town, owner)
    publish(town, offer_id, approval_id)


def test_without_a_declaration_nothing_is_published(sqlite_town):
    town = sqlite_town
    owner = town.enterprise(declared=False)
    offer_id, approval_id = approved(town, owner)
    with refused(town, "owner-declaration-missing"):
        publish(town, offer_id, approval_id)


def test_a_publication_keeps_the_figures_it_was_judged_by(sqlite_town):
    town = sqlite_town
    owner = town.enterprise()
    declare(town, owner, raised_elsewhere_cents=CAP - 1_000_000, shareholding=Decimal("0.1999"))
    offer_id, approval_id = approved(town, owner)
    publish(town, offer_id, approval_id)
    facts = published_facts(town, offer_id)
    assert (facts["owner_raised_cents"], facts["owner_cap_cents"]) == (CAP - 1_000_000, CAP)
    assert (facts["owner_shareholding"], facts["owner_interest_limit"]) == ("0.1999", "0.20")


def test_the_cap_counts_offers_that_run_by_their_maximum_and_funded_ones_by_what_came(sqlite_town):
    town = sqlite_town
    owner = town.enterprise()
    ada = town.citizen("Ada")
    first = town.open_offer(owner, maximum_cents=1_000_000)
    second = town.open_offer(owner, maximum_cents=2_000_000)
    assert published_facts(town, second)["owner_raised_cents"] == 1_000_000
    town.pay_pledge(first, ada, 150_000)
    failed = town.open_offer(owner, maximum_cents=500_000)
    town.go_to(DAY + timedelta(days=12))
    assert [town.card(each).state for each in (first, second, failed)] == ["funded", "failed", "failed"]
    third = town.open_offer(owner)
    assert published_facts(town, third)["owner_raised_cents"] == 150_000
    with town.book.unit_of_work(actor=town.maker) as uow:
        last_day, day_after = date(2027, 3, 1), date(2027, 3, 2)  # the twelve months of the first offer end between
        assert raised_here_cents(uow, owner, last_day) == 150_000 + 1_000_000
        assert raised_here_cents(uow, owner, day_after) == 1_000_000
