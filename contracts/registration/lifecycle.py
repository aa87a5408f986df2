"""The life of an agreement in the Fund's register; an object is `register:<loan>:<pledge>`."""

from enum import StrEnum

from ledger.statemachine import Machine, Transition

FILED, REGISTERED, REFUSED, DEREGISTERED = "filed", "registered", "refused", "deregistered"


class RegisterState(StrEnum):
    """Where an agreement stands with the Fund."""

    NOT_FILED = "not_filed"
    FILED = "filed"
    REGISTERED = "registered"
    REFUSED = "refused"
    DEREGISTERED = "deregistered"


TO_FILE = frozenset({RegisterState.NOT_FILED, RegisterState.REFUSED})
"""States of an agreement that is to be filed."""
ANSWERABLE = frozenset({RegisterState.FILED, RegisterState.REGISTERED})
"""States of an agreement of which the Fund may have something to say."""

REGISTRATION = Machine(
    "registration",
    RegisterState,
    RegisterState.NOT_FILED,
    (
        Transition(RegisterState.NOT_FILED, FILED, RegisterState.FILED),
        Transition(RegisterState.FILED, REGISTERED, RegisterState.REGISTERED),
        Transition(RegisterState.FILED, REFUSED, RegisterState.REFUSED),
        Transition(RegisterState.REFUSED, FILED, RegisterState.FILED),
        Transition(RegisterState.REGISTERED, DEREGISTERED, RegisterState.DEREGISTERED),
    ),
)


def register_id(loan_id: str, pledge_id: str) -> str:
    """What moves of an agreement in the register go by."""
    return f"register:{loan_id}:{pledge_id}"
