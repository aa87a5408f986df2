"""What Regulation (EU) 2020/1503 asks of a project owner when its offer is published, and what it was found to be.

Article 1(2)(c): no more than five million euro in twelve months, on all platforms. Article 5: no criminal record, not
established in a listed country. Article 8(2): no holder of 20 % or more of the operator, none of its people. The owner
states it, staff records the declaration with its evidence, and the publication keeps the figures it was judged by.
"""

from datetime import date
from typing import cast

from contracts import moves
from contracts.offers.lifecycle import FUNDED, PUBLISHED
from contracts.offers.model import STANDING
from contracts.offers.queries import OfferRecord, newest_drafts, offer_ids
from contracts.parties.model import Attribute
from contracts.parties.queries import attribute_as_of
from contracts.parties.safeguards import OwnerDeclaration
from contracts.schemes.ecspr import check_owner_cap, check_owner_interest, owner_year_starts_on
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.storage.base import JSON


def check_owner(uow: UnitOfWork, record: OfferRecord, on: date) -> dict[str, JSON]:
    """The figures that the publication rests on; the borrower is locked.

    Refuses `owner-declaration-missing`, `owner-not-cleared`, `owner-has-interest` and `owner-cap-exceeded`.
    """
    borrower, most = record.draft.borrower, record.draft.maximum_cents
    stated = attribute_as_of(uow.connection, uow, borrower, Attribute.OWNER_DECLARATION, on)
    if stated is None:
        raise Refusal("owner-declaration-missing", borrower=borrower)
    declared = OwnerDeclaration.from_json(stated)
    if declared.has_criminal_record or declared.is_in_listed_country:
        raise Refusal("owner-not-cleared", borrower=borrower)
    limit = check_owner_interest(
        on,
        shareholding=declared.shareholding,
        is_insider=declared.is_manager_or_employee or declared.is_controlled,
    )
    raised = raised_here_cents(uow, borrower, on) + declared.raised_elsewhere_cents
    cap = check_owner_cap(on, amount_cents=most, raised_cents=raised)
    return {
        "owner_raised_cents": raised,
        "owner_cap_cents": cap,
        "owner_shareholding": str(declared.shareholding),
        "owner_interest_limit": str(limit),
    }


def raised_here_cents(uow: UnitOfWork, borrower: str, on: date) -> int:
    """What the owner's offers published in the twelve months up to `on` raised, or may still raise while they run."""
    starts_on, found = owner_year_starts_on(on), offer_ids(uow.connection, uow.book_id, borrower=borrower)
    drafts = newest_drafts(uow.connection, uow.book_id, found)
    total = 0
    for offer_id, history in moves.moves_of(uow.connection, uow.book_id, found).items():
        published = [move for move in history if move.event == PUBLISHED and move.effective_on >= starts_on]
        if not published:
            continue
        if history[-1].to_state in STANDING:
            total += drafts[offer_id].maximum_cents
        elif history[-1].event == FUNDED:
            total += cast("int", history[-1].facts["firm_cents"])
    return total
