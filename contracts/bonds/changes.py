"""What holders can agree to: later redemption, a lower coupon, less principal; and decisions that change no terms.

A change of coupon or principal holds from the first coupon that is not planned when it takes effect, for the whole of
that coupon's period. An extension adds coupons and moves none. The tools have the names of those of a loan's plan
(`contracts.secondchance.tools`), whose engine replays a loan's schedule and can't be used on a bond.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from contracts.bonds.model import CouponStep, Reduction, SeriesTerms
from contracts.terms.agreed import check_rate
from ledger.errors import Refusal
from ledger.storage.base import JSON


class ChangeKind(StrEnum):
    """What a resolution is about."""

    EXTENSION = "extension"
    RATE_CUT = "rate-cut"
    HAIRCUT = "haircut"
    CONSERVATORY = "conservatory"
    REPRESENTATIVE = "representative"


EXEMPT = frozenset({ChangeKind.CONSERVATORY, ChangeKind.REPRESENTATIVE})
"""Decisions that change no terms: no court confirms them and no class votes by itself (art. 7:175)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A resolution: the new last day, the new rate a year, or the cents of nominal that are given up on each unit.

    `text` says in a sentence what is decided; everybody reads it.
    """

    kind: ChangeKind
    text: str
    matures_on: date | None = None
    rate_annual: Decimal | None = None
    cents_a_unit: int = 0

    def as_json(self) -> dict[str, JSON]:
        """The change as its move keeps it."""
        return {
            "kind": self.kind.value,
            "text": self.text,
            "matures_on": None if self.matures_on is None else self.matures_on.isoformat(),
            "rate_annual": None if self.rate_annual is None else str(self.rate_annual),
            "cents_a_unit": self.cents_a_unit,
        }


def change_of(stated: Mapping[str, JSON]) -> Change:
    """The change that `as_json` wrote."""
    day, rate = stated["matures_on"], stated["rate_annual"]
    return Change(
        kind=ChangeKind(str(stated["kind"])),
        text=str(stated["text"]),
        matures_on=None if day is None else date.fromisoformat(str(day)),
        rate_annual=None if rate is None else Decimal(str(rate)),
        cents_a_unit=int(str(stated["cents_a_unit"])),
    )


def changed(terms: SeriesTerms, change: Change, *, from_n: int) -> SeriesTerms:
    """The terms once the change is in effect from coupon `from_n` on.

    Refuses `coupon-not-known`; `extension-not-later`, and `extension-moves-coupons` where the coupons there are would
    move; `change-is-no-cut` for a rate or a nominal that is not lower, or that a unit does not have.
    """
    match change.kind:
        case ChangeKind.EXTENSION:
            return _extended(terms, change.matures_on)
        case ChangeKind.RATE_CUT:
            return _cut(terms, change.rate_annual, from_n)
        case ChangeKind.HAIRCUT:
            terms.period(from_n)
            if not 0 < change.cents_a_unit < terms.owed_cents:
                raise Refusal("change-is-no-cut", kind=change.kind.value)
            return replace(terms, reductions=(*terms.reductions, Reduction(from_n, change.cents_a_unit)))
        case ChangeKind.CONSERVATORY | ChangeKind.REPRESENTATIVE:
            return terms


def _extended(terms: SeriesTerms, matures_on: date | None) -> SeriesTerms:
    if matures_on is None or matures_on <= terms.matures_on:
        raise Refusal("extension-not-later", matures_on=terms.matures_on.isoformat())
    longer = replace(terms, matures_on=matures_on)
    before, after = terms.bond.periods, longer.bond.periods
    if after[: len(before)] != before:
        raise Refusal("extension-moves-coupons", matures_on=matures_on.isoformat())
    return longer


def _cut(terms: SeriesTerms, rate_annual: Decimal | None, from_n: int) -> SeriesTerms:
    terms.period(from_n)
    if rate_annual is None or Fraction(rate_annual) >= terms.rate(from_n, resident=False):
        raise Refusal("change-is-no-cut", kind=ChangeKind.RATE_CUT.value)
    check_rate(rate_annual)
    kept = tuple(step for step in terms.coupons if step.from_n < from_n)
    return replace(terms, coupons=(*kept, CouponStep(from_n, rate_annual)))
