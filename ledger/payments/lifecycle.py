"""Life cycles of payments, refunds, chargebacks, provider calls, transfer orders, runs of them, and order files.

Money is the stronger fact: `paid` is reachable from every other state of a payment, because a provider that reports
money after `expired` has the money.
"""

from ledger.payments.model import (
    BatchState,
    CallState,
    ChargebackState,
    DebitState,
    MandateState,
    PaymentState,
    RefundState,
    RunState,
    SuspenseState,
    TransferState,
)
from ledger.statemachine import Machine, Transition

_P, _R, _C, _T, _B = PaymentState, RefundState, CallState, TransferState, BatchState
_M, _D = MandateState, DebitState
_UNPAID = (_P.REQUESTED, _P.OPEN, _P.FAILED, _P.CANCELED, _P.EXPIRED, _P.REJECTED)
_ENDINGS = {"failed": _P.FAILED, "canceled": _P.CANCELED, "expired": _P.EXPIRED}

PAYMENT = Machine(
    "payment",
    PaymentState,
    _P.REQUESTED,
    [
        Transition(_P.REQUESTED, "opened", _P.OPEN),
        Transition(_P.REJECTED, "opened", _P.OPEN),
        Transition(_P.REQUESTED, "rejected", _P.REJECTED),
        *(Transition(source, event, target) for source in _UNPAID[:2] for event, target in _ENDINGS.items()),
        *(Transition(source, "paid", _P.PAID) for source in _UNPAID),
    ],
)

REFUND = Machine(
    "refund",
    RefundState,
    _R.REQUESTED,
    [
        Transition(_R.REQUESTED, "queued", _R.QUEUED),
        Transition(_R.REQUESTED, "rejected", _R.REJECTED),
        *(Transition(source, "sent", _R.SENT) for source in (_R.REQUESTED, _R.QUEUED, _R.REJECTED)),
        *(Transition(source, "by-bank", _R.BY_BANK) for source in (_R.REQUESTED, _R.REJECTED, _R.FAILED)),
        Transition(_R.BY_BANK, "arrived", _R.ARRIVED),
        Transition(_R.ARRIVED, "came-back", _R.BY_BANK),
        Transition(_R.SENT, "refunded", _R.REFUNDED),
        *(Transition(source, "failed", _R.FAILED) for source in (_R.REQUESTED, _R.QUEUED, _R.SENT, _R.REFUNDED)),
    ],
)

CALL = Machine(
    "provider-call",
    CallState,
    _C.PLANNED,
    [
        *(Transition(source, "sent", _C.SENT) for source in (_C.PLANNED, _C.SENT, _C.UNKNOWN)),
        Transition(_C.SENT, "unknown", _C.UNKNOWN),
        Transition(_C.SENT, "postponed", _C.PLANNED),
        Transition(_C.SENT, "done", _C.DONE),
        Transition(_C.SENT, "rejected", _C.REJECTED),
    ],
)

TRANSFER = Machine(
    "transfer",
    TransferState,
    _T.ORDERED,
    [
        Transition(_T.ORDERED, "booked", _T.BOOKED),
        Transition(_T.ORDERED, "rejected", _T.REJECTED),
        Transition(_T.BOOKED, "returned", _T.RETURNED),
    ],
)

TRANSFER_RUN = Machine(
    "transfer-run",
    RunState,
    RunState.PLANNED,
    [
        Transition(RunState.PLANNED, "begun", RunState.ORDERING),
        Transition(RunState.PLANNED, "discarded", RunState.DISCARDED),
        Transition(RunState.ORDERING, "ordered", RunState.ORDERED),
    ],
)

BATCH = Machine(
    "order-batch",
    BatchState,
    _B.MADE,
    [
        Transition(_B.MADE, "discarded", _B.DISCARDED),
        Transition(_B.MADE, "released", _B.RELEASED),
        Transition(_B.RELEASED, "submitted", _B.SUBMITTED),
        Transition(_B.SUBMITTED, "accepted", _B.ACCEPTED),
        Transition(_B.SUBMITTED, "rejected", _B.REJECTED),
    ],
)

SUSPENSE_ITEM = Machine(
    "suspense-item",
    SuspenseState,
    SuspenseState.OPEN,
    [
        Transition(SuspenseState.OPEN, "assigned", SuspenseState.ASSIGNED),
        Transition(SuspenseState.OPEN, "divided", SuspenseState.DIVIDED),
        Transition(SuspenseState.OPEN, "returned", SuspenseState.RETURNED),
    ],
)

CHARGEBACK = Machine(
    "chargeback",
    ChargebackState,
    ChargebackState.RECEIVED,
    [Transition(ChargebackState.RECEIVED, "reversed", ChargebackState.REVERSED)],
)

MANDATE = Machine(
    "mandate",
    MandateState,
    _M.ACTIVE,
    [
        Transition(_M.ACTIVE, "revoked", _M.REVOKED),
        Transition(_M.ACTIVE, "lapsed", _M.LAPSED),
        Transition(_M.ACTIVE, "blocked", _M.BLOCKED),
    ],
)

DEBIT = Machine(
    "debit",
    DebitState,
    _D.ORDERED,
    [
        Transition(_D.ORDERED, "collected", _D.COLLECTED),
        Transition(_D.ORDERED, "rejected", _D.REJECTED),
        Transition(_D.COLLECTED, "returned", _D.RETURNED),
    ],
)
