"""Money is a count of an asset's smallest unit; rates are `Decimal`; rounding and splitting have names.

Floats never come near an amount, and nothing rounds without saying how.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from ledger.errors import InvariantError, Refusal

MAX_MINOR = 2**53 - 1
"""Largest debit or credit of one posting: the largest integer that RFC 8785 (JSON canonicalization) carries exactly."""

_ASSET_CODE = re.compile(r"[A-Z]([A-Z0-9-]{0,22}[A-Z0-9])?")
_MAX_SCALE = 9


@dataclass(frozen=True, slots=True)
class Asset:
    """What a balance counts: `code` and `scale`, the number of decimals between the unit and its smallest part."""

    code: str
    scale: int

    def __post_init__(self) -> None:
        if not is_asset_code(self.code):
            raise Refusal("asset-code-malformed", asset=self.code)
        if not 0 <= self.scale <= _MAX_SCALE:
            raise Refusal("asset-scale-out-of-range", asset=self.code, scale=self.scale)


def is_asset_code(text: str) -> bool:
    """Whether `text` can name an asset: capitals, digits and hyphens, at most 24, a letter first and no hyphen last."""
    return _ASSET_CODE.fullmatch(text) is not None


EUR = Asset("EUR", 2)


def round_half_up(value: Decimal) -> int:
    """The integer nearest to `value`, halves away from zero: the rounding of every cent in the project.

    >>> round_half_up(Decimal("2.5")), round_half_up(Decimal("-2.5")), round_half_up(Decimal("2.4"))
    (3, -3, 2)
    """
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` in proportion to `weights` by largest remainder; ties go to the earlier weight.

    The parts sum to `total` exactly and each is within one unit of its exact share. `total` may be negative;
    weights are non-negative and not all zero unless `total` is zero.

    >>> allocate(100, [1, 1, 1])
    [34, 33, 33]
    >>> allocate(0, [0, 0])
    [0, 0]
    """
    weight_sum = sum(weights)
    if min(weights, default=0) < 0:
        raise InvariantError("a weight is negative")
    if weight_sum == 0:
        if total != 0:
            raise InvariantError("nothing to split the amount over")
        return [0] * len(weights)
    sign = -1 if total < 0 else 1
    parts = [divmod(abs(total) * weight, weight_sum) for weight in weights]
    missing = abs(total) - sum(share for share, _ in parts)
    by_remainder = sorted(range(len(parts)), key=lambda i: (-parts[i][1], i))
    extra = set(by_remainder[:missing])
    return [sign * (share + (i in extra)) for i, (share, _) in enumerate(parts)]
