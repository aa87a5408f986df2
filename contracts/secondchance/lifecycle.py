"""The life of a file, one row a kind of move: from where, by what, to where, under which guard, with which entries.

The machine and the page `docs/second-chance.md` are made of these rows. Entries are named by the purpose of their
template; a move without any says so by an empty tuple. Guards are functions of `contracts.secondchance.guards`, called
by the service before the move is recorded. Every move needs a date and evidence (`contracts.moves` adds the actor).
"""

from dataclasses import dataclass

from contracts.secondchance.model import NoteState, State
from ledger.statemachine import Machine, Transition

DUE_MISSED = "due-missed"
ARREARS_CLEARED = "arrears-cleared"
THIRTY_DAYS = "thirty-days-passed"
NINETY_DAYS = "ninety-days-passed"
SIGNALLED = "signalled"
RESOLVED = "resolved"
UNLIKELY_TO_PAY = "unlikely-to-pay"
INSOLVENCY = "insolvency"
PROBATION_BREACHED = "probation-breached"
STANDSTILL_AGREED = "standstill-agreed"
MORATORIUM_GRANTED = "moratorium-granted"
MORATORIUM_EXTENDED = "moratorium-extended"
STANDSTILL_ENDED = "standstill-ended"
DEFAULT_PERSISTS = "default-persists"
PROPOSED = "proposal-published"
REVISED = "proposal-revised"
WITHDRAWN = "proposal-withdrawn"
VOTE_OPENED = "vote-opened"
VOTE_FAILED = "vote-failed"
CONSENTED = "consented"
PASSED_TO_COURT = "passed-to-court"
HOMOLOGATED = "homologated"
HOMOLOGATION_REFUSED = "homologation-refused"
PLAN_MISSED = "plan-payment-missed"
PLAN_REVOKED = "plan-revoked"
PLAN_PERFORMED = "plan-performed"
CURE_PASSED = "cure-period-passed"
REHABILITATED = "rehabilitated"
CLAIMS_REVIVED = "claims-revived"
CALLED = "called-as-a-whole"
RECOVERY_OPENED = "recovery-opened"
DIVIDEND = "dividend-distributed"
PAID_IN_FULL = "paid-in-full"
LOSS_PROVEN = "loss-proven"
CERTIFIED = "loss-certified"
RE_ELIGIBLE = "re-eligible"

TOOLS = ("interest-waived", "interest-capitalised", "claim-reduced", "claim-converted")
"""Purposes of what the tools of a plan post when it comes into effect, one entry a lender."""
REVIVED = ("claim-revived", "capitalisation-undone")
"""What is posted where a plan falls; interest that was waived or capitalised is called again with the old dues."""
RELEASED = ("claim-released",)
"""What is posted once nothing can revive any more what was cut."""

SIGNAL, HELP_ASKED, UPDATE_PROMISED, PLAN_ASKED = "signal", "help-asked", "update-promised", "plan-asked"
_NOTES = (SIGNAL, HELP_ASKED, UPDATE_PROMISED, PLAN_ASKED)
NOTES = Machine(
    "second-chance-notes",
    NoteState,
    NoteState.OPEN,
    tuple(Transition(NoteState.OPEN, event, NoteState.OPEN) for event in _NOTES),
)
"""What is kept of a file besides its state: a move for each thing learnt or promised, in any state."""


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of move: it may happen in any of `sources`, and leads to `target`."""

    sources: tuple[State, ...]
    event: str
    target: State
    guard: str
    entries: tuple[str, ...] = ()


_S = State
_BEFORE_DEFAULT = (_S.PERFORMING, _S.LATE, _S.EARLY_WARNING)
_DECIDING = (_S.STANDSTILL, _S.PROPOSAL, _S.VOTE, _S.HOMOLOGATION_PENDING)
_OPEN = (_S.EARLY_WARNING, _S.DEFAULTED)

STEPS = (
    Step((_S.PERFORMING, _S.CURED), DUE_MISSED, _S.LATE, "check_days_past_due"),
    Step((_S.LATE,), ARREARS_CLEARED, _S.PERFORMING, "check_arrears_cleared"),
    Step((_S.LATE,), THIRTY_DAYS, _S.EARLY_WARNING, "check_days_past_due"),
    Step((_S.PERFORMING, _S.LATE, _S.EARLY_WARNING, _S.CURED), SIGNALLED, _S.EARLY_WARNING, "check_evidence"),
    Step((_S.EARLY_WARNING,), RESOLVED, _S.PERFORMING, "check_arrears_cleared"),
    Step((_S.EARLY_WARNING,), NINETY_DAYS, _S.DEFAULTED, "check_days_past_due"),
    Step((_S.LATE, _S.EARLY_WARNING), PROBATION_BREACHED, _S.DEFAULTED, "check_probation_breached"),
    Step((*_BEFORE_DEFAULT, _S.CURED), UNLIKELY_TO_PAY, _S.DEFAULTED, "check_evidence"),
    Step((*_BEFORE_DEFAULT, *_DECIDING, _S.CURED, _S.PLAN_FAILED), INSOLVENCY, _S.DEFAULTED, "check_evidence"),
    Step((_S.PERFORMING_UNDER_PLAN,), INSOLVENCY, _S.PLAN_FAILED, "check_evidence"),
    Step(_OPEN, STANDSTILL_AGREED, _S.STANDSTILL, "check_standstill"),
    Step((*_OPEN, _S.PROPOSAL), MORATORIUM_GRANTED, _S.STANDSTILL, "check_moratorium"),
    Step((_S.STANDSTILL,), MORATORIUM_EXTENDED, _S.STANDSTILL, "check_moratorium"),
    Step((_S.STANDSTILL,), STANDSTILL_ENDED, _S.EARLY_WARNING, "check_not_in_default"),
    Step(_DECIDING, DEFAULT_PERSISTS, _S.DEFAULTED, "check_in_default"),
    Step((*_OPEN, _S.STANDSTILL), PROPOSED, _S.PROPOSAL, "check_creditor_minimum"),
    Step((_S.PROPOSAL,), REVISED, _S.PROPOSAL, "check_creditor_minimum"),
    Step((_S.PROPOSAL,), WITHDRAWN, _S.EARLY_WARNING, "check_not_in_default"),
    Step((_S.PROPOSAL,), VOTE_OPENED, _S.VOTE, "check_notice"),
    Step((_S.VOTE,), VOTE_FAILED, _S.EARLY_WARNING, "check_not_in_default"),
    Step((_S.VOTE,), CONSENTED, _S.PERFORMING_UNDER_PLAN, "check_accepted", TOOLS),
    Step((_S.VOTE,), PASSED_TO_COURT, _S.HOMOLOGATION_PENDING, "check_accepted"),
    Step((_S.HOMOLOGATION_PENDING,), HOMOLOGATED, _S.PERFORMING_UNDER_PLAN, "check_plan_length", TOOLS),
    Step((_S.HOMOLOGATION_PENDING,), HOMOLOGATION_REFUSED, _S.EARLY_WARNING, "check_not_in_default"),
    Step((_S.PERFORMING_UNDER_PLAN,), PLAN_MISSED, _S.PLAN_FAILED, "check_days_past_due"),
    Step((_S.PERFORMING_UNDER_PLAN,), PLAN_REVOKED, _S.PLAN_FAILED, "check_evidence"),
    Step((_S.PERFORMING_UNDER_PLAN,), PLAN_PERFORMED, _S.CURED, "check_arrears_cleared", RELEASED),
    Step((_S.PERFORMING_UNDER_PLAN, _S.DEFAULTED), CURE_PASSED, _S.CURED, "check_cure"),
    Step((_S.CURED,), REHABILITATED, _S.PERFORMING, "check_arrears_cleared"),
    Step((_S.PLAN_FAILED,), CLAIMS_REVIVED, _S.DEFAULTED, "check_evidence", REVIVED),
    Step((_S.DEFAULTED,), CALLED, _S.ACCELERATED, "check_ground"),
    Step((_S.ACCELERATED,), RECOVERY_OPENED, _S.RECOVERY, "check_evidence"),
    Step((_S.RECOVERY,), DIVIDEND, _S.RECOVERY, "check_evidence", ("instalment-distributed",)),
    Step(
        (*_OPEN, *_DECIDING, _S.PLAN_FAILED, _S.ACCELERATED, _S.RECOVERY),
        PAID_IN_FULL, _S.CURED, "check_nothing_outstanding",
    ),
    Step((_S.RECOVERY,), LOSS_PROVEN, _S.WRITE_OFF, "check_evidence", ("claim-written-off",)),
    Step((_S.WRITE_OFF,), CERTIFIED, _S.TAX_LOSS_CERTIFICATE, "check_evidence"),
    Step((_S.WRITE_OFF,), DIVIDEND, _S.WRITE_OFF, "check_evidence", ("recovery-distributed",)),
    Step(
        (_S.TAX_LOSS_CERTIFICATE,), DIVIDEND, _S.TAX_LOSS_CERTIFICATE, "check_evidence", ("recovery-distributed",)
    ),
    Step((_S.CURED, _S.WRITE_OFF, _S.TAX_LOSS_CERTIFICATE), RE_ELIGIBLE, _S.SECOND_CHANCE, "check_re_eligible"),
)  # fmt: skip

MACHINE = Machine(
    "second-chance",
    State,
    State.PERFORMING,
    tuple(Transition(source, step.event, step.target) for step in STEPS for source in step.sources),
)


def step_for(state: State, event: str) -> Step:
    """The row of a move; refuses `move-not-allowed`."""
    MACHINE.after(state, event)
    return next(step for step in STEPS if step.event == event and state in step.sources)
