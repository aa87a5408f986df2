"""The life of a pledge, from the promise to the claim or back to the citizen."""

from contracts.pledges.model import PledgeState
from ledger.statemachine import Machine, Transition

PAID = "paid"
REFLECTION_OVER = "reflection-over"
ISSUED = "issued"
NOT_ALLOTTED = "not-allotted"
WITHDRAWN = "withdrawn"
NOT_PAID_IN_TIME = "not-paid-in-time"
CAMPAIGN_FAILED = "campaign-failed"
PAID_TOO_LATE = "paid-too-late"
REFUND_SENT = "refund-sent"
REFUND_FAILED = "refund-failed"
CHARGED_BACK = "charged-back"
WON_BACK_IN_REFLECTION = "won-back-in-reflection"
WON_BACK_FIRM = "won-back-firm"

_S = PledgeState

MACHINE = Machine(
    "pledge",
    PledgeState,
    PledgeState.PLEDGED,
    (
        Transition(_S.PLEDGED, PAID, _S.PAID),
        Transition(_S.PLEDGED, WITHDRAWN, _S.WITHDRAWN),
        Transition(_S.PLEDGED, NOT_PAID_IN_TIME, _S.LAPSED),
        Transition(_S.PLEDGED, CAMPAIGN_FAILED, _S.LAPSED),
        Transition(_S.PLEDGED, PAID_TOO_LATE, _S.RETURNED),
        Transition(_S.PAID, WITHDRAWN, _S.WITHDRAWN),
        Transition(_S.PAID, REFLECTION_OVER, _S.FIRM),
        Transition(_S.PAID, CAMPAIGN_FAILED, _S.RETURNED),
        Transition(_S.FIRM, WITHDRAWN, _S.WITHDRAWN),
        Transition(_S.FIRM, ISSUED, _S.CONVERTED),
        Transition(_S.FIRM, CAMPAIGN_FAILED, _S.RETURNED),
        Transition(_S.FIRM, NOT_ALLOTTED, _S.RETURNED),
        Transition(_S.LAPSED, PAID_TOO_LATE, _S.RETURNED),
        Transition(_S.WITHDRAWN, PAID_TOO_LATE, _S.WITHDRAWN),
        Transition(_S.WITHDRAWN, REFUND_SENT, _S.REFUNDED),
        Transition(_S.RETURNED, REFUND_SENT, _S.REFUNDED),
        Transition(_S.REFUNDED, REFUND_FAILED, _S.REFUND_FAILED),
        Transition(_S.WITHDRAWN, REFUND_FAILED, _S.REFUND_FAILED),
        Transition(_S.RETURNED, REFUND_FAILED, _S.REFUND_FAILED),
        Transition(_S.REFUND_FAILED, REFUND_SENT, _S.REFUNDED),
        Transition(_S.PAID, CHARGED_BACK, _S.CHARGED_BACK),
        Transition(_S.FIRM, CHARGED_BACK, _S.CHARGED_BACK),
        Transition(_S.CHARGED_BACK, WON_BACK_IN_REFLECTION, _S.PAID),
        Transition(_S.CHARGED_BACK, WON_BACK_FIRM, _S.FIRM),
        Transition(_S.CHARGED_BACK, CAMPAIGN_FAILED, _S.RETURNED),
    ),
)
