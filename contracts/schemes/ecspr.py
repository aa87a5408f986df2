"""What Regulation (EU) 2020/1503 asks around a pledge and an offer: periods, thresholds, caps and limits."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from contracts.schemes.rules import rule
from contracts.terms.dates import MONTHS_A_YEAR, add_months
from contracts.terms.exact import half_up
from ledger.errors import Refusal

SCHEME = "ECSPR"


def reflection_ends_on(pledged_on: date) -> date:
    """The last day on which a pledge can be withdrawn freely: the fourth calendar day after it (art. 22).

    It runs from the pledge, not from its payment.

    >>> reflection_ends_on(date(2026, 3, 2))
    datetime.date(2026, 3, 6)
    """
    return pledged_on + timedelta(days=rule(SCHEME, "reflection_calendar_days", pledged_on).integer())


def suspension_ends_on(suspended_on: date) -> date:
    """The last day on which a suspended offer may be opened again: the thirtieth calendar day after it (art. 23(12)).

    >>> suspension_ends_on(date(2026, 3, 2))
    datetime.date(2026, 4, 1)
    """
    return suspended_on + timedelta(days=rule(SCHEME, "suspension_calendar_days", suspended_on).integer())


def reflection_is_over(pledged_on: date, on: date) -> bool:
    """Whether the reflection period of a pledge has ended before `on` begins.

    >>> reflection_is_over(date(2026, 3, 2), date(2026, 3, 6)), reflection_is_over(date(2026, 3, 2), date(2026, 3, 7))
    (False, True)
    """
    return on > reflection_ends_on(pledged_on)


def knowledge_test_ends_on(taken_on: date) -> date:
    """The day from which a knowledge test must be taken again: two years after it (art. 21(4)).

    >>> knowledge_test_ends_on(date(2026, 3, 2))
    datetime.date(2028, 3, 2)
    """
    return add_months(taken_on, MONTHS_A_YEAR * rule(SCHEME, "entry_knowledge_test_years", taken_on).integer())


def loss_simulation_ends_on(seen_on: date) -> date:
    """The day from which the loss simulation must be made again: a year after it (art. 21(5)).

    >>> loss_simulation_ends_on(date(2026, 3, 2))
    datetime.date(2027, 3, 2)
    """
    return add_months(seen_on, MONTHS_A_YEAR * rule(SCHEME, "loss_simulation_years", seen_on).integer())


def owner_year_starts_on(on: date) -> date:
    """The first day of the twelve months that end `on`, over which a project owner's cap is counted (art. 1(2)(c)).

    >>> owner_year_starts_on(date(2026, 3, 2))
    datetime.date(2025, 3, 3)
    """
    return add_months(on, -MONTHS_A_YEAR) + timedelta(days=1)


def check_owner_cap(on: date, *, amount_cents: int, raised_cents: int) -> int:
    """The project owner's cap over twelve months, in cents; refuses `owner-cap-exceeded` (art. 1(2)(c))."""
    cap = rule(SCHEME, "owner_cap_cents", on).integer()
    if raised_cents + amount_cents > cap:
        left = max(0, cap - raised_cents)
        raise Refusal("owner-cap-exceeded", amount_cents=amount_cents, limit_cents=cap, left_cents=left)
    return cap


def check_owner_interest(on: date, *, shareholding: Decimal, is_insider: bool) -> Decimal:
    """The limit on what a project owner may hold of the operator; refuses `owner-has-interest` (art. 8(2)).

    `is_insider` is a manager or an employee of the operator, or whom one of these controls. Whoever holds the limit
    itself is refused: the article speaks of 20 % or more.
    """
    limit = rule(SCHEME, "owner_interest_limit", on).decimal()
    if is_insider or shareholding >= limit:
        raise Refusal("owner-has-interest", limit_percent=f"{(limit * 100).normalize():f}")
    return limit


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
