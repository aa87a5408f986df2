"""What amounts at points in time are worth at one rate, and the rate at which they are worth nothing together.

Rates are per unit of time and compound once a unit; a unit is whatever the times are counted in. What is paid out is
negative. Powers are no fractions: values are decimals of 40 digits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from ledger.errors import Refusal

LOWEST_RATE, HIGHEST_RATE = Decimal("-0.99"), Decimal(1_000_000)
_PRECISION = 40
_STEP = Decimal("1e-20")

Flow = tuple[Fraction, Fraction]
"""A point in time, counted from the day of the valuation, and an amount."""


@dataclass(frozen=True, slots=True)
class Worth:
    """A present value, and how fast it changes with the rate."""

    value: Decimal
    slope: Decimal


def worth(flows: Sequence[Flow], rate: Decimal) -> Worth:
    """What `flows` are worth at point 0 and at `rate`, which is above -1.

    >>> worth([(Fraction(1), Fraction(105)), (Fraction(2), Fraction(105))], Decimal("0.05")).value
    Decimal('195.2380952380952380952380952380952380952')
    """
    with localcontext() as context:
        context.prec = _PRECISION
        return _worth(_decimals(flows), rate)


def internal_rate(flows: Sequence[Flow]) -> Decimal:
    """The rate at which `flows` are worth nothing together, to 20 decimals.

    Refuses `yield-out-of-range` where no rate from -99 % to 100,000,000 % does it, or where every rate does.

    >>> internal_rate([(Fraction(0), Fraction(-100)), (Fraction(2), Fraction(121))]).quantize(Decimal("1e-18"))
    Decimal('0.100000000000000000')
    """
    with localcontext() as context:
        context.prec = _PRECISION
        return _solve(_decimals(flows))


def _solve(flows: Sequence[tuple[Decimal, Decimal]]) -> Decimal:
    """Newton's method from zero, kept inside a bracket: where a step leaves it, its middle is taken instead."""
    low, high = LOWEST_RATE, HIGHEST_RATE
    if not _worth(flows, low).value >= 0 >= _worth(flows, high).value or not any(t for t, _ in flows):
        raise Refusal("yield-out-of-range")
    rate, step = Decimal(0), Decimal(1)
    while abs(step) > _STEP and high - low > _STEP:
        excess = _worth(flows, rate)
        low, high = (rate, high) if excess.value >= 0 else (low, rate)
        following = rate - excess.value / excess.slope if excess.slope else high
        if not low <= following <= high:
            following = (low + high) / 2
        step, rate = following - rate, following
    return rate


def _worth(flows: Sequence[tuple[Decimal, Decimal]], rate: Decimal) -> Worth:
    base = 1 + rate
    values = [(t, amount * base**-t) for t, amount in flows]
    value = sum((value for _, value in values), Decimal(0))
    return Worth(value, -sum((t * value for t, value in values), Decimal(0)) / base)


def _decimals(flows: Sequence[Flow]) -> list[tuple[Decimal, Decimal]]:
    return [(_decimal(t), _decimal(amount)) for t, amount in flows if amount]


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
