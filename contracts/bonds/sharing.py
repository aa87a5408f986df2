"""How a series is shared between its firm pledges as they stand: read only, to be looked at before it is done.

What two people approve is the digest of the shares that the first of them saw, so that nothing else is carried out.
"""

import hashlib
from collections.abc import Sequence

import sqlalchemy as sa

from contracts.bonds.allotment import Bid, allot
from contracts.bonds.model import AllotmentRule, Series, SeriesState
from contracts.bonds.queries import Allotment, SeriesRecord, allotments
from contracts.offers.queries import places
from contracts.pledges.model import PledgeState
from contracts.pledges.queries import pledges_of_offer
from ledger.errors import Refusal
from ledger.storage.base import json_text


def shares(connection: sa.Connection, book_id: str, series: Series, seed: str) -> list[Allotment]:
    """What each firm pledge gets, in the order in which they were made.

    Refuses `lottery-seed-missing` where lots must be drawn, and `lottery-seed-differs` from the one whose hash is in
    the terms.
    """
    terms, order = series.terms, places(connection, book_id, series.offer_id)
    drawn_with = hashlib.sha256(seed.encode()).hexdigest()
    if terms.allotment is AllotmentRule.LOTTERY and seed and drawn_with != terms.lottery_seed_sha256:
        raise Refusal("lottery-seed-differs", published_sha256=terms.lottery_seed_sha256)
    firm = pledges_of_offer(connection, book_id, series.offer_id, PledgeState.FIRM)
    bids = [
        Bid(
            pledge_id=each.pledge_id,
            holder=each.lender,
            units=each.amount_cents // terms.price_cents,
            place=order[each.pledge_id],
        )
        for each, _ in firm
    ]
    given = allot(terms.allotment, terms.units, bids, seed=seed)
    return [
        Allotment(
            number=number,
            pledge_id=bid.pledge_id,
            holder=bid.holder,
            wanted_units=bid.units,
            units=given[bid.pledge_id],
        )
        for number, bid in enumerate(sorted(bids, key=lambda bid: bid.place), 1)
    ]


def preview(connection: sa.Connection, book_id: str, record: SeriesRecord) -> tuple[list[Allotment], Refusal | None]:
    """What each pledge was allotted, or would be now; or why that can't be known before lots are drawn."""
    if record.state is not SeriesState.OPEN:
        return allotments(connection, book_id, record.series.series_id), None
    try:
        return shares(connection, book_id, record.series, ""), None
    except Refusal as refusal:
        return [], refusal


def shares_sha256(found: Sequence[Allotment]) -> str:
    """The digest of what each pledge gets, in hex."""
    text = json_text([[each.pledge_id, each.holder, each.wanted_units, each.units] for each in found])
    return hashlib.sha256(text.encode()).hexdigest()
