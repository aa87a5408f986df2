"""Which word may follow which. Labels are derived from dues and dates; this table checks that they move lawfully."""

from contracts.servicing.model import Label
from ledger.statemachine import Machine, Transition

ONE_DAY = "due-missed"
THIRTY_DAYS = "thirty-days-passed"
NINETY_DAYS = "ninety-days-passed"
ARREARS_CLEARED = "arrears-cleared"
BACK_UNDER_THIRTY = "back-under-thirty-days"
BACK_UNDER_NINETY = "back-under-ninety-days"
INSOLVENCY = "insolvency"
ACCELERATION = "acceleration"
LOSS_PROVEN = "loss-proven"
FULLY_REPAID = "fully-repaid"

MACHINE = Machine(
    "servicing",
    Label,
    Label.PERFORMING,
    (
        Transition(Label.PERFORMING, ONE_DAY, Label.LATE),
        Transition(Label.LATE, THIRTY_DAYS, Label.EARLY_WARNING),
        Transition(Label.EARLY_WARNING, NINETY_DAYS, Label.DEFAULTED),
        Transition(Label.EARLY_WARNING, BACK_UNDER_THIRTY, Label.LATE),
        Transition(Label.DEFAULTED, BACK_UNDER_THIRTY, Label.LATE),
        Transition(Label.DEFAULTED, BACK_UNDER_NINETY, Label.EARLY_WARNING),
        *(
            Transition(label, ARREARS_CLEARED, Label.PERFORMING)
            for label in (Label.LATE, Label.EARLY_WARNING, Label.DEFAULTED)
        ),
        *(
            Transition(label, event, Label.DEFAULTED)
            for label in (Label.PERFORMING, Label.LATE, Label.EARLY_WARNING)
            for event in (INSOLVENCY, ACCELERATION)
        ),
        *(
            Transition(label, FULLY_REPAID, Label.REPAID)
            for label in (Label.PERFORMING, Label.LATE, Label.EARLY_WARNING, Label.DEFAULTED)
        ),
        Transition(Label.DEFAULTED, LOSS_PROVEN, Label.LOST),
    ),
)
