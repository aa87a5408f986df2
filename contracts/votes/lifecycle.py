"""The life of a vote: announced, then closed with a result, or withdrawn. When it is open follows from its instants."""

from enum import StrEnum

from ledger.statemachine import Machine, Transition

CLOSED = "closed"
WITHDRAWN = "withdrawn"


class VoteState(StrEnum):
    """Where a vote stands."""

    ANNOUNCED = "announced"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


VOTE = Machine(
    "vote",
    VoteState,
    VoteState.ANNOUNCED,
    (
        Transition(VoteState.ANNOUNCED, CLOSED, VoteState.CLOSED),
        Transition(VoteState.ANNOUNCED, WITHDRAWN, VoteState.WITHDRAWN),
    ),
)
