"""The life of an offer.

A published version is never edited: what changes afterwards is the state alone. Publication needs two people.
"""

from contracts.offers.model import OfferState
from ledger.statemachine import Machine, Transition

PUBLISHED = "published"
REVISED = "revised"
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
    ),
)
