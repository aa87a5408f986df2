"""Exact arithmetic's two ways out: to whole cents and to a decimal of fixed length, both rounding half up."""

from decimal import Decimal
from fractions import Fraction


def half_up(value: Fraction) -> int:
    """The integer nearest to `value`, halves away from zero.

    >>> half_up(Fraction(5, 2)), half_up(Fraction(-5, 2)), half_up(Fraction(249, 100))
    (3, -3, 2)
    """
    doubled = 2 * abs(value.numerator) + value.denominator
    magnitude = doubled // (2 * value.denominator)
    return magnitude if value >= 0 else -magnitude


def decimal_half_up(value: Fraction, places: int) -> Decimal:
    """`value` as a decimal of `places` decimals.

    >>> decimal_half_up(Fraction(1, 3), 6)
    Decimal('0.333333')
    """
    return Decimal(half_up(value * 10**places)).scaleb(-places)
