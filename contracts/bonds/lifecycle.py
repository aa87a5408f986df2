"""The life of a series, of each run that pays its holders, and of the proceeds."""

from contracts.bonds.model import RunState, SeriesState
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

PART_PAID = "part-paid"
PAID = "paid"

_S, _R = SeriesState, RunState

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

PROCEEDS = Machine(
    "proceeds",
    ProceedsState,
    ProceedsState.OPEN,
    tuple(Transition(ProceedsState.OPEN, kind.value, ProceedsState.OPEN) for kind in UseKind),
)
"""What became of the proceeds, a move each time; the amounts themselves stand in the ledger."""
