"""When a loan is in default: from its dues and what is known of it, by rule and by nobody's judgement.

| ground | begins | lasts | Delegated Regulation (EU) 2022/2115 |
|---|---|---|---|
| past-due | on the day on which a due is more than 90 days late | until none is | art. 1(1)(b) |
| insolvency | on the day of the bankruptcy or a similar protection | until repaid or lost | art. 1(1)(a), 1(2)(b) |
| acceleration | on the day of the notice by which everything is claimed | until repaid or lost | art. 1(1)(a) |
| concession | on the day on which a distressed one was made | twelve months | art. 1(1)(a), 1(2)(a) |
| loss | on the day on which the loss is proven | for good | art. 1(1)(a) |

Every unpaid cent is material. A concession is distressed where a plan cuts principal, makes it shares, or takes more
than 1 % of the present value of what the lenders were to have (`contracts.secondchance.proposal`): it lowers the
obligation. One that only puts payments off is none; days past due are counted on the changed schedule (art. 1(3)),
which is the one that the position holds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from contracts.servicing.model import DEFAULTED_AFTER, Due, Position
from contracts.terms.dates import add_months

_LATE = timedelta(days=DEFAULTED_AFTER + 1)
CONCESSION_MONTHS = 12
"""For how long a loan counts as in default after a concession: the EBA's probation after a distressed restructuring."""


class Ground(StrEnum):
    """Why a loan is in default; of two that begin on one day the first here is the one that is named."""

    ACCELERATION = "acceleration"
    CONCESSION = "concession"
    INSOLVENCY = "insolvency"
    LOSS = "loss"
    PAST_DUE = "past-due"


@dataclass(frozen=True, slots=True)
class Concession:
    """More time to pay or less to pay, since a day; `by_contract` where the agreement gave the right to it."""

    on: date
    by_contract: bool = False


@dataclass(frozen=True, slots=True)
class Spell:
    """Days on which a loan is in default, from `starts_on` until the day before `until` (None: for good)."""

    starts_on: date
    ground: Ground
    until: date | None = None

    def covers(self, day: date) -> bool:
        """Whether the loan is in default at the end of that day."""
        return self.starts_on <= day and (self.until is None or day < self.until)


def spells(position: Position, concessions: Iterable[Concession], on: date) -> tuple[Spell, ...]:
    """Every default that has begun by the end of the day `on`, in order; those of several grounds may overlap.

    >>> from contracts.servicing.model import Standing
    >>> due = Due(n=1, due_on=date(2026, 1, 1), interest_cents=0, principal_cents=100, settled_on=date(2026, 6, 1))
    >>> standing = Standing(disbursed_on=date(2025, 1, 1))
    >>> [spell] = spells(Position(principal_cents=100, dues=(due,), standing=standing), [], date(2026, 12, 31))
    >>> spell.starts_on, spell.until, (spell.starts_on - due.due_on).days
    (datetime.date(2026, 4, 2), datetime.date(2026, 6, 1), 91)
    """
    standing = position.standing
    if standing.disbursed_on is None or standing.disbursed_on > on:
        return ()
    ends_on = standing.lost_on or standing.repaid_on
    found = _past_due(position.dues, paid_out_on=standing.disbursed_on, lost_on=standing.lost_on)
    if standing.insolvent_on is not None:
        found.append(Spell(standing.insolvent_on, Ground.INSOLVENCY, ends_on))
    if standing.accelerated_on is not None:
        found.append(Spell(standing.accelerated_on, Ground.ACCELERATION, ends_on))
    if standing.lost_on is not None:
        found.append(Spell(standing.lost_on, Ground.LOSS))
    found += [
        Spell(each.on, Ground.CONCESSION, add_months(each.on, CONCESSION_MONTHS))
        for each in concessions
        if not each.by_contract
    ]
    begun = [spell for spell in found if spell.starts_on <= on]
    return tuple(sorted(begun, key=lambda spell: (spell.starts_on, spell.ground)))


def is_in_default(found: Sequence[Spell], day: date) -> bool:
    """Whether any of the spells covers that day."""
    return any(spell.covers(day) for spell in found)


def _past_due(dues: Iterable[Due], *, paid_out_on: date, lost_on: date | None) -> list[Spell]:
    """The days on which some due is more than 90 days late, without a gap where one due's follow another's."""
    late = (due for due in dues if due.total_cents and (due.settled_on is None or due.settled_on > due.due_on + _LATE))
    found: list[Spell] = []
    for due in sorted(late, key=lambda each: each.due_on):
        starts_on = max(due.due_on + _LATE, paid_out_on, due.asked_from or date.min)
        until = min((day for day in (due.settled_on, due.dropped_on, lost_on) if day is not None), default=None)
        if until is not None and until <= starts_on:
            continue
        last = found[-1] if found else None
        if last is None or (last.until is not None and last.until < starts_on):
            found.append(Spell(starts_on, Ground.PAST_DUE, until))
        elif last.until is not None and (until is None or until > last.until):
            found[-1] = Spell(last.starts_on, Ground.PAST_DUE, until)
    return found
