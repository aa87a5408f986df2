"""The life of an offer.

A published version is never edited: what changes afterwards is the state alone, and its key investment information
sheet. A new version of the sheet suspends the offer until that is published under four eyes as the first one was
(Regulation (EU) 2020/1503, article 23(8) and (12)).
"""

from contracts.offers.model import OfferState
from ledger.statemachine import Machine, Transition

PUBLISHED = "published"
REVISED = "revised"
SUSPENDED = "suspended"
PUBLISHED_AGAIN = "published-again"
FUNDED = "funded"
FAILED = "failed"
CANCELLED = "cancelled"

MACHINE = Machine(
    "offer",
    OfferState,
    OfferState.DRAFT,
    (
        Transition(OfferState.DRAFT, REVISED, OfferState.DRAFT),
        Transition(OfferState.DRAFT, PUBLISHED, OfferState.OPEN),
        Transition(OfferState.DRAFT, CANCELLED, OfferState.CANCELLED),
        Transition(OfferState.OPEN, FUNDED, OfferState.FUNDED),
        Transition(OfferState.OPEN, FAILED, OfferState.FAILED),
        Transition(OfferState.OPEN, CANCELLED, OfferState.CANCELLED),
        Transition(OfferState.OPEN, SUSPENDED, OfferState.SUSPENDED),
        Transition(OfferState.SUSPENDED, PUBLISHED_AGAIN, OfferState.OPEN),
        Transition(OfferState.SUSPENDED, CANCELLED, OfferState.CANCELLED),
    ),
)
