"""A pledge: one citizen's promise to lend to one offer, and the four days in which she may take it back.

Reflection runs from the day of the pledge and ends with the fourth calendar day after it, whether or not the pledge has
been paid (Regulation (EU) 2020/1503, article 22). While its offer is suspended, and for as many days after the offer's
sheet is published again, every pledge may be withdrawn, a firm one too.

The state says where the promise is, the accounts where its money is:

| state | money |
|---|---|
| pledged | none yet |
| paid | 489100, in reflection |
| firm | 489200, committed to the issue |
| converted | 020000, a claim on the borrower; 010000, units of a bond, and what was not needed for them goes back |
| withdrawn, returned | 489400, on its way back; none if it was never paid |
| refunded | none: sent back |
| refund_failed | 489400: the bank sent it back, the lender is asked for an account |
| charged_back | none: the lender's bank took it back |
| lapsed | none: not paid in time |
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from ledger.errors import Refusal


class PledgeState(StrEnum):
    """Where a pledge stands."""

    PLEDGED = "pledged"
    PAID = "paid"
    FIRM = "firm"
    CONVERTED = "converted"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    RETURNED = "returned"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    CHARGED_BACK = "charged_back"


LIVE = frozenset({PledgeState.PLEDGED, PledgeState.PAID, PledgeState.FIRM})
"""States in which the pledge counts against the offer's maximum and the lender's caps, before it is a claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledge:
    """A pledge as it was made; `risk_acknowledged_on` is the day on which the lender confirmed the risk warnings."""

    pledge_id: str
    offer_id: str
    lender: str
    amount_cents: int
    pledged_on: date
    reflection_ends_on: date
    payable_until: date
    language: str
    risk_acknowledged_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PledgeMade:
    """The answer to a new pledge: what to pay, and until when it may be withdrawn."""

    pledge_id: str
    payment_id: str
    reflection_ends_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PledgeWithdrawn:
    """The answer to a withdrawal; `refund_id` is None when nothing had been paid. Asked again, it is the same."""

    pledge_id: str
    refund_id: str | None


def check_can_withdraw(pledge: Pledge, state: PledgeState, *, on: date, is_amended: bool) -> None:
    """Refuses a withdrawal after the reflection period, or of a pledge that is no longer a promise."""
    if not can_withdraw(pledge, state, on=on, is_amended=is_amended):
        raise Refusal("reflection-over", reflection_ends_on=pledge.reflection_ends_on.isoformat(), state=state.value)


def can_withdraw(pledge: Pledge, state: PledgeState, *, on: date, is_amended: bool) -> bool:
    """Whether the pledge may be withdrawn on that date; `is_amended`: its offer's sheet lets every live one be."""
    if is_amended:
        return state in LIVE
    return state in {PledgeState.PLEDGED, PledgeState.PAID} and on <= pledge.reflection_ends_on


def firm_on(pledge: Pledge, paid_on: date) -> date:
    """The first day on which a pledge paid `paid_on` is firm: the day after reflection, or the payment's if later."""
    after_reflection = date.fromordinal(pledge.reflection_ends_on.toordinal() + 1)
    return max(after_reflection, paid_on)


def payment_is_usable(pledge: Pledge, state: PledgeState, *, amount_cents: int, paid_on: date) -> bool:
    """Whether money that arrived for the pledge can still become part of it; if not, it is sent back."""
    return state is PledgeState.PLEDGED and amount_cents == pledge.amount_cents and paid_on <= pledge.payable_until
