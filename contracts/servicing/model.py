"""Days past due, arrears, what was expected and what came, and the word for it: one reckoning for all that has dues.

A `Position` is either a whole loan or one lender's claim on it: the same dues, the same dates, other amounts. Every
figure is asked for a date and counts what had its date of effect by the end of that day.

Days past due count from the oldest unpaid due date: on the due date itself it is 0, on the next day 1. A payment on the
due date is therefore never late.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

EARLY_WARNING_AFTER = 30
DEFAULTED_AFTER = 90
"""Days past due beyond which a loan counts as in default (Delegated Regulation (EU) 2022/2115)."""
NOTICE_DAYS = (14, 3)
"""Days before a due date on which a debtor is told of it."""
FIRST_REMINDER_DAY = 3
SECOND_REMINDER_DAY = 10


class Label(StrEnum):
    """The state of a claim in one word, from its dues, the date, and what is known of the debtor."""

    PERFORMING = "performing"
    LATE = "late"
    EARLY_WARNING = "early_warning"
    DEFAULTED = "defaulted"
    LOST = "lost"
    REPAID = "repaid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One amount owed on a date; `settled_on` is the date of effect of its payment, if it was paid.

    A plan that changes the terms asks for new dues from a day on (`asked_from`) and drops the old ones (`dropped_on`).
    """

    n: int
    due_on: date
    interest_cents: int
    principal_cents: int
    settled_on: date | None = None
    asked_from: date | None = None
    dropped_on: date | None = None

    @property
    def total_cents(self) -> int:
        """Interest and principal together, before tax."""
        return self.interest_cents + self.principal_cents

    def is_asked(self, on: date) -> bool:
        """Whether the terms of that day ask for it."""
        return (self.asked_from is None or self.asked_from <= on) and not _by(self.dropped_on, on)

    def is_settled(self, on: date) -> bool:
        """Whether it was paid by the end of that day."""
        return self.settled_on is not None and self.settled_on <= on


@dataclass(frozen=True, slots=True)
class Recovery:
    """Principal that came on a day after the debt was lost."""

    on: date
    cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of the debt as a whole: dates of paying out, of claiming all, insolvency, loss, last payment."""

    disbursed_on: date | None = None
    accelerated_on: date | None = None
    insolvent_on: date | None = None
    lost_on: date | None = None
    repaid_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A debt, or one creditor's part of it: principal, dues in order, standing, and what came after its loss.

    `changes` are principal that plans have added or, below zero, taken away, with their days.
    """

    principal_cents: int
    dues: tuple[Due, ...]
    standing: Standing
    recoveries: tuple[Recovery, ...] = ()
    changes: tuple[tuple[date, int], ...] = ()

    def settled(self, on: date) -> list[Due]:
        """The dues that were paid."""
        return [due for due in self.dues if due.is_settled(on)]

    def overdue(self, on: date) -> list[Due]:
        """The dues past their date and unpaid, in order; none before the money is paid out, none once it is lost."""
        if not _by(self.standing.disbursed_on, on) or _by(self.standing.lost_on, on):
            return []
        return [due for due in self.dues if due.due_on < on and not due.is_settled(on) and due.is_asked(on)]

    def days_past_due(self, on: date) -> int:
        """Days since the oldest unpaid due date."""
        unpaid = self.overdue(on)
        return (on - min(due.due_on for due in unpaid)).days if unpaid else 0

    def overdue_cents(self, on: date) -> int:
        """What is past its date and unpaid."""
        return sum(due.total_cents for due in self.overdue(on))

    def expected_cents(self, on: date) -> int:
        """What the schedule had due by then, paid or not."""
        return sum(due.total_cents for due in self.dues if due.due_on <= on and due.is_asked(on))

    def received_principal_cents(self, on: date) -> int:
        """Principal repaid, after its loss or before."""
        return sum(due.principal_cents for due in self.settled(on)) + self.recovered_cents(on)

    def recovered_cents(self, on: date) -> int:
        """Principal that came after it was lost."""
        return sum(each.cents for each in self.recoveries if each.on <= on)

    def received_interest_cents(self, on: date) -> int:
        """Interest paid, before tax."""
        return sum(due.interest_cents for due in self.settled(on))

    def lost_cents(self, on: date) -> int:
        """Principal definitively lost, less what came after that."""
        return self._unpaid_principal(on) if _by(self.standing.lost_on, on) else 0

    def outstanding_cents(self, on: date) -> int:
        """Principal lent, not repaid and not lost."""
        return 0 if _by(self.standing.lost_on, on) else self._unpaid_principal(on)

    def next_due(self, on: date) -> Due | None:
        """The next amount to be expected; none once the debtor is insolvent."""
        if _by(self.standing.insolvent_on, on):
            return None
        coming = (due for due in self.dues if due.due_on >= on and not due.is_settled(on) and due.is_asked(on))
        return next(coming, None)

    def label(self, on: date) -> Label:
        """The word for it."""
        days = self.days_past_due(on)
        if _by(self.standing.lost_on, on):
            return Label.LOST
        if _by(self.standing.repaid_on, on):
            return Label.REPAID
        ended = _by(self.standing.insolvent_on, on) or _by(self.standing.accelerated_on, on)
        if ended or days > DEFAULTED_AFTER:
            return Label.DEFAULTED
        if days > EARLY_WARNING_AFTER:
            return Label.EARLY_WARNING
        return Label.LATE if days else Label.PERFORMING

    def _unpaid_principal(self, on: date) -> int:
        changed = sum(cents for day, cents in self.changes if day <= on)
        return self.principal_cents + changed - self.received_principal_cents(on)


def _by(event_on: date | None, on: date) -> bool:
    return event_on is not None and event_on <= on
