"""The life of a series, of each run that pays its holders, of each resolution of a meeting, and of the proceeds."""

from contracts.bonds.model import ResolutionState, RunState, SeriesState
from contracts.bonds.projects import ProceedsState, UseKind
from ledger.statemachine import Machine, Transition

REGION_CLEARED = "region-cleared"
OPENED = "opened"
ALLOTTED = "allotted"
FAILED = "failed"
ISSUED = "issued"
CALL_ANNOUNCED = "call-announced"
PUT_NOTIFIED = "put-notified"
PROCEEDS_ORDERED = "proceeds-ordered"
REDEEMED = "redeemed"
MEETING_CALLED = "meeting-called"
TERMS_CHANGED = "terms-changed"

PUT_TO_VOTE = "put-to-vote"
CALLED_AGAIN = "called-again"
QUORUM_MISSING = "quorum-missing"
ADOPTED = "adopted"
TO_COURT = "to-court"
HOMOLOGATED = "homologated"
HOMOLOGATION_REFUSED = "homologation-refused"
REJECTED = "rejected"
IN_EFFECT = "in-effect"

PART_PAID = "part-paid"
PAID = "paid"

_S, _R, _V = SeriesState, RunState, ResolutionState

SERIES = Machine(
    "series",
    SeriesState,
    SeriesState.DRAFT,
    (
        Transition(_S.DRAFT, REGION_CLEARED, _S.DRAFT),
        Transition(_S.DRAFT, OPENED, _S.OPEN),
        Transition(_S.OPEN, ALLOTTED, _S.ALLOTTED),
        Transition(_S.OPEN, FAILED, _S.FAILED),
        Transition(_S.ALLOTTED, ISSUED, _S.RUNNING),
        Transition(_S.RUNNING, PROCEEDS_ORDERED, _S.RUNNING),
        Transition(_S.RUNNING, CALL_ANNOUNCED, _S.RUNNING),
        Transition(_S.RUNNING, PUT_NOTIFIED, _S.RUNNING),
        Transition(_S.RUNNING, MEETING_CALLED, _S.RUNNING),
        Transition(_S.RUNNING, TERMS_CHANGED, _S.RUNNING),
        Transition(_S.RUNNING, REDEEMED, _S.REDEEMED),
    ),
)

RUN = Machine(
    "run",
    RunState,
    RunState.CALLED,
    (
        Transition(_R.CALLED, PART_PAID, _R.PAYING),
        Transition(_R.CALLED, PAID, _R.PAID),
        Transition(_R.PAYING, PART_PAID, _R.PAYING),
        Transition(_R.PAYING, PAID, _R.PAID),
    ),
)

RESOLUTION = Machine(
    "resolution",
    ResolutionState,
    ResolutionState.NEW,
    (
        Transition(_V.NEW, PUT_TO_VOTE, _V.PUT),
        Transition(_V.PUT, QUORUM_MISSING, _V.ADJOURNED),
        Transition(_V.ADJOURNED, CALLED_AGAIN, _V.PUT),
        Transition(_V.PUT, REJECTED, _V.REJECTED),
        Transition(_V.PUT, ADOPTED, _V.ADOPTED),
        Transition(_V.PUT, TO_COURT, _V.HOMOLOGATION),
        Transition(_V.HOMOLOGATION, HOMOLOGATED, _V.ADOPTED),
        Transition(_V.HOMOLOGATION, HOMOLOGATION_REFUSED, _V.REJECTED),
        Transition(_V.ADOPTED, IN_EFFECT, _V.IN_EFFECT),
    ),
)

PROCEEDS = Machine(
    "proceeds",
    ProceedsState,
    ProceedsState.OPEN,
    tuple(Transition(ProceedsState.OPEN, kind.value, ProceedsState.OPEN) for kind in UseKind),
)
"""What became of the proceeds, a move each time; the amounts themselves stand in the ledger."""
