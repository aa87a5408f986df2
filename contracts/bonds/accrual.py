"""What each holder gets of a coupon or a redemption; pure and exact.

A holder's interest is what her units earned, rounded half up to the cent. The exact total, rounded the same way, may be
some cents more than the sum of the holders' cents: the issuer pays these too, and they are kept for it on an account of
their own. It is never less than the holders are paid.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from contracts.bonds.model import PERCENT, RunLine, SeriesTerms
from contracts.terms.exact import half_up


@dataclass(frozen=True, slots=True)
class Reckoned:
    """The lines of a run in order of holder, and what rounding leaves over."""

    lines: tuple[RunLine, ...]
    rounding_cents: int

    @property
    def interest_cents(self) -> int:
        """The holders' interest, before tax."""
        return sum(line.interest_cents for line in self.lines)

    @property
    def principal_cents(self) -> int:
        """What units are redeemed for."""
        return sum(line.principal_cents for line in self.lines)


def coupon(terms: SeriesTerms, n: int, held: Mapping[str, int], residents: frozenset[str]) -> Reckoned:
    """Coupon `n` of who holds units on its record date; `residents` have the margin."""
    return _reckoned(held, _per_unit(terms, n, None), residents, {}, 0)


def redemption(
    terms: SeriesTerms,
    held: Mapping[str, int],
    redeemed: Mapping[str, int],
    residents: frozenset[str],
    *,
    on: date | None = None,
    price_percent: Fraction = Fraction(PERCENT),
) -> Reckoned:
    """Units that are redeemed at a price, early with what they have accrued until the day `on`."""
    n = coupon_accruing(terms, on) if on else 0
    price = half_up(Fraction(terms.owed_cents) * price_percent / PERCENT)
    units = {holder: count for holder, count in redeemed.items() if count}
    return _reckoned(units, _per_unit(terms, n, on), residents, held, price)


def coupon_accruing(terms: SeriesTerms, on: date) -> int:
    """The number of the coupon in whose period interest accrues on a day; 0 where none does, as on a coupon's own day.

    There the coupon itself pays all that was earned.
    """
    return next((each.n for each in terms.bond.periods if each.opens_on < on < each.closes_on), 0)


def _per_unit(terms: SeriesTerms, n: int, until: date | None) -> tuple[Fraction, Fraction]:
    """What a unit earns, for others and for residents."""
    if n == 0:
        return Fraction(0), Fraction(0)
    return terms.interest(n, resident=False, until=until), terms.interest(n, resident=True, until=until)


def _reckoned(
    earning: Mapping[str, int],
    per_unit: tuple[Fraction, Fraction],
    residents: frozenset[str],
    held: Mapping[str, int],
    price_cents: int,
) -> Reckoned:
    cents: dict[tuple[int, bool], int] = {}
    lines: list[RunLine] = []
    earned = [0, 0]
    for holder, units in sorted(earning.items()):
        resident = holder in residents
        earned[resident] += units
        if (units, resident) not in cents:
            cents[units, resident] = half_up(units * per_unit[resident])
        interest, principal = cents[units, resident], units * price_cents
        if interest + principal:
            line = RunLine(
                number=len(lines) + 1,
                holder=holder,
                units=held.get(holder, units),
                interest_cents=interest,
                redeemed_units=units if price_cents else 0,
                principal_cents=principal,
            )
            lines.append(line)
    exact = half_up(sum((units * each for units, each in zip(earned, per_unit, strict=True)), Fraction(0)))
    rounded = sum(line.interest_cents for line in lines)
    return Reckoned(tuple(lines), max(0, exact - rounded))
