"""What supervisors would call the loan on a day, derived from its dues and from what happened: nothing is typed.

`ecspr_default` is the statutory one (Delegated Regulation (EU) 2022/2115); the banks' labels are for information. They
are found by walking through the days, so that what is learnt late, with its true date, gives the same label.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

from contracts.schemes.rules import rule
from contracts.secondchance.guards import SUPERVISORS, probation_ends_on
from contracts.secondchance.model import Concession
from contracts.servicing.model import DEFAULTED_AFTER, Position
from contracts.terms.dates import add_months

_DAY = timedelta(days=1)


class BankLabel(StrEnum):
    """A loan's class in a bank's reports (Implementing Regulation (EU) 2021/451, annex V)."""

    PERFORMING = "performing"
    PERFORMING_FORBORNE = "performing-forborne"
    NON_PERFORMING = "non-performing"
    NON_PERFORMING_FORBORNE = "non-performing-forborne"


@dataclass(frozen=True, slots=True)
class Past:
    """What happened to a debt besides its dues; `unlikely_on` is the day on which payment became unlikely."""

    concessions: tuple[Concession, ...] = ()
    unlikely_on: date | None = None


def ecspr_default(position: Position, past: Past, on: date) -> bool:
    """Whether the loan counts as in default: more than 90 days past due, insolvent, or a distressed concession."""
    insolvent_on = position.standing.insolvent_on
    is_insolvent = insolvent_on is not None and insolvent_on <= on
    conceded = any(each.is_distressed and each.on <= on for each in past.concessions)
    return position.days_past_due(on) > DEFAULTED_AFTER or is_insolvent or conceded


def material_days(position: Position, on: date, *, is_retail: bool) -> int:
    """Days in a row, up to `on`, on which arrears exceeded both thresholds (Delegated Regulation (EU) 2018/171)."""
    days = 0
    while _is_material(position, on - days * _DAY, is_retail=is_retail):
        days += 1
    return days


def bank_label(position: Position, past: Past, on: date, *, is_retail: bool = True) -> BankLabel:
    """The label on a day; PERFORMING before the money is paid out."""
    start = position.standing.disbursed_on
    walk = _Walk(position, past, is_retail=is_retail)
    while start is not None and start <= on:
        walk.live(start)
        start += _DAY
    return walk.label


class _Walk:
    """The label, day after day."""

    def __init__(self, position: Position, past: Past, *, is_retail: bool) -> None:
        self._position, self._past, self._is_retail = position, past, is_retail
        self._material = 0
        self._not_performing_since: date | None = None
        self._clean_since: date | None = None
        self._probation_until: date | None = None
        self._is_forborne = False

    @property
    def label(self) -> BankLabel:
        if self._not_performing_since is not None:
            return BankLabel.NON_PERFORMING_FORBORNE if self._is_forborne else BankLabel.NON_PERFORMING
        return BankLabel.PERFORMING_FORBORNE if self._is_forborne else BankLabel.PERFORMING

    def live(self, day: date) -> None:
        self._material = self._material + 1 if _is_material(self._position, day, is_retail=self._is_retail) else 0
        is_clean = self._position.overdue_cents(day) == 0
        self._clean_since = (self._clean_since or day) if is_clean else None
        conceded = [each for each in self._past.concessions if each.on == day]
        triggered = self._triggers(day, conceded)
        self._is_forborne = self._is_forborne or bool(conceded)
        if triggered:
            self._not_performing_since = self._not_performing_since or day
            self._probation_until = None
        elif self._not_performing_since is not None:
            self._leave_default(day)
        elif conceded:
            self._probation_until = probation_ends_on(day)
        elif self._probation_until is not None and day >= self._probation_until and is_clean:
            self._is_forborne, self._probation_until = False, None

    def _triggers(self, day: date, conceded: Sequence[Concession]) -> bool:
        limit = rule(SUPERVISORS, "default_days_past_due", day).integer()
        on_probation = self._probation_until is not None
        most_days = rule(SUPERVISORS, "probation_days_past_due", day).integer()
        breached = on_probation and (bool(conceded) or self._position.days_past_due(day) > most_days)
        insolvent_on = self._position.standing.insolvent_on
        is_unlikely = any(each is not None and each <= day for each in (self._past.unlikely_on, insolvent_on))
        return self._material > limit or is_unlikely or breached or any(each.is_distressed for each in conceded)

    def _leave_default(self, day: date) -> None:
        param = "distressed_cure_months" if self._is_forborne else "cure_months"
        months = rule(SUPERVISORS, param, day).integer()
        last = max((each.on for each in self._past.concessions if each.on <= day), default=date.min)
        if self._clean_since is None or self._not_performing_since is None:
            return
        if day >= add_months(max(self._clean_since, self._not_performing_since, last), months):
            self._not_performing_since = None
            self._probation_until = probation_ends_on(day) if self._is_forborne else None


def _is_material(position: Position, day: date, *, is_retail: bool) -> bool:
    overdue = position.overdue_cents(day)
    if not overdue:
        return False
    limit = rule(SUPERVISORS, "materiality_retail_cents" if is_retail else "materiality_other_cents", day).integer()
    share = Fraction(rule(SUPERVISORS, "materiality_share", day).decimal())
    exposure = position.outstanding_cents(day)
    return overdue > limit and overdue > share * exposure
