"""The life of a loan and of each of its instalments; a reminder is a move of its instalment: once, and on record."""

from collections.abc import Iterable
from datetime import date

from contracts.loans.model import InstalmentState, LoanState
from contracts.servicing.model import EARLY_WARNING_AFTER, FIRST_REMINDER_DAY, SECOND_REMINDER_DAY, Standing
from ledger.statemachine import Machine, Transition

DISBURSEMENT_ORDERED = "disbursement-ordered"
DISBURSED = "disbursed"
DISBURSEMENT_FAILED = "disbursement-failed"
EARLY_ASKED = "early-repayment-asked"
REPAID_EARLY = "repaid-early"
ACCELERATED = "accelerated"
REPAID = "repaid"
BANKRUPTCY = "bankruptcy"
WRITTEN_OFF = "written-off"
RECOVERY_EXPECTED = "recovery-expected"
RECOVERED = "recovered"
EASED, CONCEDED, REVIVED = "terms-eased", "terms-conceded", "terms-revived"
REBASED = frozenset({EASED, CONCEDED, REVIVED})
"""A plan came into effect, at no great cost to the lenders or as a distressed concession, or it fell. What it changes
of each claim is in the facts; new instalments follow the old."""

CLAIM_PASSED = "claim-passed"
"""A lender's claim passed to her heirs, or by gift; which one, to whom and how much is in the facts."""

CALLED = "called"
FIRST_REMINDER = "first-reminder"
SECOND_REMINDER = "second-reminder"
LENDERS_INFORMED = "lenders-informed"
SETTLED = "settled"
CANCELLED = "cancelled"

LOAN = Machine(
    "loan",
    LoanState,
    LoanState.AGREED,
    (
        Transition(LoanState.AGREED, DISBURSEMENT_ORDERED, LoanState.ORDERED),
        Transition(LoanState.ORDERED, DISBURSED, LoanState.RUNNING),
        Transition(LoanState.ORDERED, DISBURSEMENT_FAILED, LoanState.AGREED),
        Transition(LoanState.RUNNING, DISBURSEMENT_FAILED, LoanState.AGREED),
        *(Transition(LoanState.RUNNING, event, LoanState.RUNNING) for event in (EASED, CONCEDED, REVIVED)),
        Transition(LoanState.BANKRUPT, REVIVED, LoanState.BANKRUPT),
        *(
            Transition(state, CLAIM_PASSED, state)
            for state in (LoanState.RUNNING, LoanState.ACCELERATED, LoanState.BANKRUPT, LoanState.WRITTEN_OFF)
        ),
        Transition(LoanState.RUNNING, EARLY_ASKED, LoanState.RUNNING),
        Transition(LoanState.RUNNING, REPAID_EARLY, LoanState.RUNNING),
        Transition(LoanState.RUNNING, ACCELERATED, LoanState.ACCELERATED),
        Transition(LoanState.BANKRUPT, ACCELERATED, LoanState.BANKRUPT),
        *(
            transition
            for state in (LoanState.RUNNING, LoanState.ACCELERATED)
            for transition in (
                Transition(state, REPAID, LoanState.REPAID),
                Transition(state, BANKRUPTCY, LoanState.BANKRUPT),
            )
        ),
        Transition(LoanState.ACCELERATED, WRITTEN_OFF, LoanState.WRITTEN_OFF),
        Transition(LoanState.BANKRUPT, WRITTEN_OFF, LoanState.WRITTEN_OFF),
        Transition(LoanState.BANKRUPT, REPAID, LoanState.REPAID),
        Transition(LoanState.WRITTEN_OFF, RECOVERY_EXPECTED, LoanState.WRITTEN_OFF),
        Transition(LoanState.WRITTEN_OFF, RECOVERED, LoanState.WRITTEN_OFF),
    ),
)

INSTALMENT = Machine(
    "instalment",
    InstalmentState,
    InstalmentState.SCHEDULED,
    (
        Transition(InstalmentState.SCHEDULED, CALLED, InstalmentState.CALLED),
        Transition(InstalmentState.SCHEDULED, SETTLED, InstalmentState.SETTLED),
        Transition(InstalmentState.SCHEDULED, CANCELLED, InstalmentState.CANCELLED),
        Transition(InstalmentState.CALLED, FIRST_REMINDER, InstalmentState.CALLED),
        Transition(InstalmentState.CALLED, SECOND_REMINDER, InstalmentState.CALLED),
        Transition(InstalmentState.CALLED, LENDERS_INFORMED, InstalmentState.CALLED),
        Transition(InstalmentState.CALLED, SETTLED, InstalmentState.SETTLED),
        Transition(InstalmentState.CALLED, CANCELLED, InstalmentState.CANCELLED),
    ),
)


def steps_due(days: int) -> set[str]:
    """What an instalment that is so many days late asks for by then, done or not."""
    steps = ((FIRST_REMINDER_DAY, FIRST_REMINDER), (SECOND_REMINDER_DAY, SECOND_REMINDER))
    informed = {LENDERS_INFORMED} if days > EARLY_WARNING_AFTER else set()
    return {event for day, event in steps if days >= day} | informed


def standing_of(events: Iterable[tuple[str, date]]) -> Standing:
    """What is known of a loan by its events in order; money that came back from the borrower's bank was not paid out.

    >>> day = date(2026, 3, 2)
    >>> standing_of([(DISBURSED, day), (DISBURSEMENT_FAILED, day)]).disbursed_on is None
    True
    """
    happened: dict[str, date] = {}
    for event, on in events:
        if event == DISBURSEMENT_FAILED:
            happened.pop(DISBURSED, None)
        else:
            happened[event] = on
    return Standing(
        disbursed_on=happened.get(DISBURSED),
        accelerated_on=happened.get(ACCELERATED),
        insolvent_on=happened.get(BANKRUPTCY),
        lost_on=happened.get(WRITTEN_OFF),
        repaid_on=happened.get(REPAID),
    )
