"""What Regulation (EU) 2020/1503 asks around a pledge: the reflection period and the warning above a threshold."""

from datetime import date, timedelta
from fractions import Fraction

from contracts.schemes.rules import rule
from contracts.terms.exact import half_up

SCHEME = "ECSPR"


def reflection_ends_on(pledged_on: date) -> date:
    """The last day on which a pledge can be withdrawn freely: the fourth calendar day after it (art. 22).

    It runs from the pledge, not from its payment.

    >>> reflection_ends_on(date(2026, 3, 2))
    datetime.date(2026, 3, 6)
    """
    return pledged_on + timedelta(days=rule(SCHEME, "reflection_calendar_days", pledged_on).integer())


def reflection_is_over(pledged_on: date, on: date) -> bool:
    """Whether the reflection period of a pledge has ended before `on` begins.

    >>> reflection_is_over(date(2026, 3, 2), date(2026, 3, 6)), reflection_is_over(date(2026, 3, 2), date(2026, 3, 7))
    (False, True)
    """
    return on > reflection_ends_on(pledged_on)


def warning_threshold_cents(on: date, bearable_loss_cents: int | None = None) -> int:
    """Above this amount a non-sophisticated investor is warned and consents apart (art. 21(7)).

    It is the higher of 1,000 EUR and 5 % of net worth. Net worth itself is never stored: `bearable_loss_cents` is the
    declared result of the loss simulation (10 % of it), of which the threshold is a half. None: no result declared.

    >>> warning_threshold_cents(date(2026, 3, 2)), warning_threshold_cents(date(2026, 3, 2), 500_000)
    (100000, 250000)
    """
    amount = rule(SCHEME, "warning_amount_cents", on).integer()
    if bearable_loss_cents is None:
        return amount
    ratio = Fraction(rule(SCHEME, "warning_share", on).decimal()) / Fraction(
        rule(SCHEME, "loss_simulation_share", on).decimal()
    )
    return max(amount, half_up(bearable_loss_cents * ratio))
