"""The words of a loan in difficulty: its state, signals, routes, and what a file says; frozen values, nothing computed.

A *file* is opened for one loan. Its state is what its newest move says; labels of supervisors are derived from dues and
dates (`contracts.secondchance.labels`) and are never stored.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class State(StrEnum):
    """Where a file stands."""

    PERFORMING = "performing"
    LATE = "late"
    EARLY_WARNING = "early_warning"
    STANDSTILL = "standstill"
    PROPOSAL = "proposal"
    VOTE = "vote"
    HOMOLOGATION_PENDING = "homologation_pending"
    PERFORMING_UNDER_PLAN = "performing_under_plan"
    CURED = "cured"
    DEFAULTED = "defaulted"
    PLAN_FAILED = "plan_failed"
    ACCELERATED = "accelerated"
    RECOVERY = "recovery"
    WRITE_OFF = "write_off"
    TAX_LOSS_CERTIFICATE = "tax_loss_certificate"
    SECOND_CHANCE = "second_chance"


class NoteState(StrEnum):
    """Notes of a file are always open."""

    OPEN = "open"


class Signal(StrEnum):
    """What tells early of a difficulty (Code of Economic Law, art. XX.21 to XX.29, and the debtor's own word)."""

    MISSED_DUE = "missed-due"
    DEFAULT_JUDGMENT = "default-judgment"
    SOCIAL_OR_TAX_ARREARS = "social-or-tax-arrears"
    LEASE_ENDED = "lease-ended"
    SEIZURE = "seizure"
    ACCOUNTS_LATE = "accounts-late"
    ALARM_BELL = "alarm-bell"
    SELF_REPORT = "self-report"


class Route(StrEnum):
    """By which way a plan binds the lenders.

    VOLUNTARY: by agreement of the lenders, as their contract lets them decide. AMICABLE: an agreement of art. XX.64 and
    XX.65. JUDICIAL: a reorganisation that a court homologates, private or public; it alone may change a proxi loan's
    term, rate and amount without losing the scheme (ordinance of 17 March 2023, art. 6, 12 and 13).
    """

    VOLUNTARY = "voluntary"
    AMICABLE = "amicable"
    JUDICIAL = "judicial"


class Procedure(StrEnum):
    """Which rules of vote a reorganisation follows."""

    SME = "sme"
    LARGE = "large"


class Ground(StrEnum):
    """Why a loan may be called as a whole (ordinance of 17 March 2023, art. 7)."""

    BANKRUPTCY = "bankruptcy"
    INSOLVENCY = "insolvency"
    DISSOLUTION = "dissolution"
    ACTIVITY_STOPPED = "activity-stopped"
    PROVISIONAL_ADMINISTRATION = "provisional-administration"
    ARREARS = "arrears"
    DEREGISTRATION = "deregistration"
    DEATH = "death"


@dataclass(frozen=True, slots=True)
class Size:
    """A debtor's size in one financial year: full-time equivalents, and cents."""

    employees: int
    turnover_cents: int
    balance_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CashPosition:
    """What a borrower says of her cash when she asks for help, in cents: on hand, and expected in a month."""

    on_hand_cents: int
    receipts_cents: int
    expenses_cents: int

    @property
    def affordable_cents(self) -> int:
        """What she can pay a month without touching what is on hand."""
        return max(0, self.receipts_cents - self.expenses_cents)


@dataclass(frozen=True, slots=True)
class Promise:
    """When the next news was promised, and when it came; None: not yet."""

    promised_on: date
    kept_on: date | None

    def is_missed(self, on: date) -> bool:
        """Whether news came after the promised day, or has not come and the day is over."""
        return (self.kept_on or on) > self.promised_on


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay of the court from `starts_on` (included) to `ends_on` (excluded)."""

    starts_on: date
    ends_on: date


@dataclass(frozen=True, slots=True)
class CreditorPart:
    """What a plan pays one creditor of her principal in money, in cents; shares that she is given do not count."""

    holder: str
    principal_cents: int
    paid_cents: int


@dataclass(frozen=True, slots=True)
class Concession:
    """A change of terms that a lender would not have agreed to but for the debtor's difficulty."""

    on: date
    is_distressed: bool
