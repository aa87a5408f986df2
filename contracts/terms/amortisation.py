"""A debt that is repaid period by period: what each period's instalment is, and what may change on the way.

The debt is stepped through: changes are stated with their date inside the current period, then the period is closed,
which gives its instalment. Interest is rounded half up once a period, on what was outstanding on each of its days; a
part of a period is what the day count gives from the period's opening to the part's end, less the same to its
beginning, so that the parts of a period are the period whatever the convention, and no day is counted twice.

The constant part (an annuity's total, a linear loan's principal) is solved for all periods left that repay principal,
at the rate and on the debt then known; it is solved again after every change. In the period of a change the principal
is what it would be had the whole debt run through it at the new rate, and the interest is what really accrued.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import Any, Self, assert_never

from contracts.terms.agreed import MAX_INSTALMENTS, RateConvention, RepaymentKind, Terms
from contracts.terms.dates import years
from contracts.terms.daycount import DayCount, days, year_fraction
from contracts.terms.exact import half_up
from ledger.errors import InvariantError, Refusal

_EFFECTIVE_DECIMALS = 30
_PRECISION = 50


@dataclass(frozen=True, slots=True)
class Instalment:
    """One instalment; `days` are those of the day count, `outstanding_cents` is the principal that is left after it.

    `capitalised_cents` is interest added to the debt so far, which is due with the last.
    """

    n: int
    due_on: date
    days: int
    interest_cents: int
    principal_cents: int
    total_cents: int
    outstanding_cents: int
    capitalised_cents: int = 0


class Amortisation:
    """The debt at one point of its life; nothing is owed before the first `move`.

    `n` is the current period, `opens_on` (included) to `closes_on` (excluded); past the last there is none.
    """

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.last = terms.instalments
        self.n = 1
        self.opens_on = terms.starts_on
        self.balance_cents = 0
        self._carried_cents = 0
        self.rate_annual = terms.rate_annual
        self._capitalised_cents = 0
        self._no_principal = set(range(1, terms.principal_grace + 1))
        self._no_interest = set(range(1, terms.interest_grace + 1))
        self._to_capitalise: set[int] = set()
        self._moves: list[tuple[date, int]] = []
        self._rates = [(self.opens_on, terms.rate_annual)]
        self._constant_cents: int | None = None

    @classmethod
    def resumed(cls, terms: Terms, state: Mapping[str, Any]) -> Self:
        """The debt where `to_state` left it."""
        plan = cls(terms)
        plan.last, plan.n, plan.balance_cents = state["last"], state["n"], state["balance_cents"]
        plan.opens_on, plan.rate_annual = date.fromisoformat(state["opens_on"]), Decimal(state["rate_annual"])
        plan._carried_cents, plan._capitalised_cents = state["carried_cents"], state["capitalised_cents"]
        plan._no_principal, plan._no_interest = set(state["no_principal"]), set(state["no_interest"])
        plan._to_capitalise = set(state["to_capitalise"])
        plan._moves = [(date.fromisoformat(on), cents) for on, cents in state["moves"]]
        plan._rates = [(date.fromisoformat(on), Decimal(rate)) for on, rate in state["rates"]]
        plan._constant_cents = state["constant_cents"]
        return plan

    def to_state(self) -> dict[str, Any]:
        """Where the debt stands, in JSON, so that it can go on from there."""
        return {
            "last": self.last,
            "n": self.n,
            "opens_on": self.opens_on.isoformat(),
            "balance_cents": self.balance_cents,
            "rate_annual": str(self.rate_annual),
            "carried_cents": self._carried_cents,
            "capitalised_cents": self._capitalised_cents,
            "no_principal": sorted(self._no_principal),
            "no_interest": sorted(self._no_interest),
            "to_capitalise": sorted(self._to_capitalise),
            "moves": [[on.isoformat(), cents] for on, cents in self._moves],
            "rates": [[on.isoformat(), str(rate)] for on, rate in self._rates],
            "constant_cents": self._constant_cents,
        }

    def pass_until(self, on: date) -> None:
        """Close every period whose instalment is due by that day."""
        while not self.is_over and min(self.closes_on, self.due_on) <= on:
            self.close()

    @property
    def is_over(self) -> bool:
        """Whether the last period was closed."""
        return self.n > self.last

    @property
    def closes_on(self) -> date:
        """Where the current period ends, for interest."""
        return self.terms.paid_on(self.n) if self.terms.adjusted else self.terms.due_on(self.n)

    @property
    def due_on(self) -> date:
        """When the current period's instalment is due."""
        return self.terms.paid_on(self.n)

    def move(self, on: date, cents: int) -> None:
        """What is owed grows by `cents`, which are paid out that day, or shrinks where they are negative."""
        self._check_inside(on)
        self._moves.append((on, cents))
        self.balance_cents += cents
        self._constant_cents = None

    def change_rate(self, on: date, rate_annual: Decimal) -> None:
        """Another annual rate from that day on."""
        self._check_inside(on)
        if on == self._rates[-1][0]:
            self._rates.pop()
        self._rates.append((on, rate_annual))
        self.rate_annual = rate_annual
        self._constant_cents = None

    def set_last(self, last: int) -> None:
        """More or fewer periods: `last` is the number of the last, the current one at least.

        Refuses `instalments-out-of-range`.
        """
        if not self.n <= last <= MAX_INSTALMENTS:
            raise Refusal("instalments-out-of-range", instalments=last, limit=MAX_INSTALMENTS)
        self.last = last
        self._constant_cents = None

    def defer(self, periods: Sequence[int], *, interest: bool, capitalise: bool = False) -> None:
        """No principal is due in `periods`, and with `interest` none either: it is due, without interest, after them.

        With `capitalise` the interest of each period is added to the debt at its end instead, and bears interest.
        Refuses `grace-too-long` where they include the last, which is always due.
        """
        if any(n >= self.last for n in periods):
            raise Refusal("grace-too-long", grace=len(periods), instalments=self.last - self.n + 1)
        self._no_principal.update(periods)
        self._no_interest.update(periods if interest else ())
        self._to_capitalise.update(periods if capitalise else ())
        self._constant_cents = None

    def carry(self, interest_cents: int) -> None:
        """Interest that was due is to be due with the next instalment instead, itself without interest."""
        self._carried_cents += interest_cents

    def accrued_cents(self, on: date) -> int:
        """Interest that is not due yet: what accrued until `on` in the current period, and what is kept for later."""
        accrued = 0 if self.is_over or on <= self.opens_on else half_up(self._interest(min(on, self.closes_on)))
        return accrued + self._carried_cents + self._capitalised_cents

    def close(self) -> Instalment:
        """End the current period; refuses `annuity-below-interest` where a constant total can't pay its interest."""
        return self._close(self.closes_on, self.due_on, is_last=self.n == self.last)

    def end(self, on: date) -> Instalment:
        """End the whole debt within the current period: all that is owed is due that day, and no more accrues."""
        self._check_inside(on)
        self.set_last(self.n)
        return self._close(on, on, is_last=True)

    def _close(self, closes_on: date, due_on: date, *, is_last: bool) -> Instalment:
        interest = half_up(self._interest(closes_on))
        principal = self.balance_cents if is_last else min(self.balance_cents, self._principal(interest))
        due_interest = self._due_interest(interest, is_last=is_last)
        self.balance_cents -= principal
        if self.n in self._to_capitalise and not is_last:
            self.balance_cents, self._carried_cents = self.balance_cents + self._carried_cents, 0
            self._constant_cents = None
        row = Instalment(
            self.n,
            due_on,
            days(self.terms.day_count, self.opens_on, closes_on, matures_on=self._matures_on),
            due_interest,
            principal,
            due_interest + principal,
            self.balance_cents,
            self._capitalised_cents,
        )
        self._open_next(closes_on)
        return row

    @property
    def _matures_on(self) -> date:
        return self.terms.due_on(self.last)

    def _open_next(self, on: date) -> None:
        self.n += 1
        self.opens_on, self._rates, self._moves = on, [(on, self.rate_annual)], []

    def _check_inside(self, on: date) -> None:
        if self.is_over or not self.opens_on <= on < self.closes_on:
            raise InvariantError("a change lies inside the current period")

    def _due_interest(self, interest: int, *, is_last: bool) -> int:
        """What is due of the interest that accrued; the rest is kept for later, added to the debt or not."""
        if self.terms.kind is RepaymentKind.BULLET_CAPITALISED:
            self._capitalised_cents += interest
            if not is_last:
                return 0
            interest, self._capitalised_cents = self._capitalised_cents, 0
        self._carried_cents += interest
        if self.n in self._no_interest and not is_last:
            return 0
        due, self._carried_cents = self._carried_cents, 0
        return due

    def _principal(self, interest: int) -> int:
        """The part of an instalment that is not the last by which the debt shrinks."""
        kind = self.terms.kind
        if self.n in self._no_principal or kind in {RepaymentKind.BULLET, RepaymentKind.BULLET_CAPITALISED}:
            return 0
        is_changed = self._constant_cents is None and len(self._moves) + len(self._rates) > 1
        if self._constant_cents is None:
            self._constant_cents = self._solve()
        constant = self._constant_cents
        if kind is RepaymentKind.LINEAR:
            return constant
        notional = half_up(self.balance_cents * self._period_rate(self.n)) if is_changed else interest
        if constant < notional:
            raise Refusal("annuity-below-interest", instalment=self.n, total_cents=constant, interest_cents=notional)
        return constant - notional

    def _solve(self) -> int:
        paying = [n for n in range(self.n, self.last + 1) if n not in self._no_principal]
        match self.terms.kind:
            case RepaymentKind.ANNUITY:
                factor = _annuity_factor(self._period_rate(n) for n in paying)
                return self._in_units(self.balance_cents * factor)
            case RepaymentKind.LINEAR:
                return self._in_units(Fraction(self.balance_cents, len(paying)))
            case RepaymentKind.BULLET | RepaymentKind.BULLET_CAPITALISED:
                return 0
            case _:
                assert_never(self.terms.kind)

    def _in_units(self, cents: Fraction) -> int:
        unit = self.terms.unit_cents
        return half_up(cents) if unit == 1 else unit * half_up(cents / unit)

    def _interest(self, until: date) -> Fraction:
        """What accrued from the opening to `until`, exactly."""
        moved = sum(cents for _, cents in self._moves)
        base = self.balance_cents - moved + self._capitalised_cents
        total = base * self._growth(self.opens_on, until) if base else Fraction(0)
        for on, cents in self._moves:
            total += cents * self._growth(on, until)
        return total

    def _growth(self, start: date, end: date) -> Fraction:
        """By what share a debt of the current period grows from `start` to `end`."""
        if end == self.closes_on and start == self.opens_on and len(self._rates) == 1:
            return self._period_rate(self.n)
        is_effective = self.terms.rate_convention is RateConvention.EFFECTIVE
        grown = Fraction(1)
        for (since, rate), until in zip(self._rates, [*(on for on, _ in self._rates[1:]), end], strict=True):
            opens, closes = max(since, start), min(until, end)
            if opens < closes and is_effective:
                grown *= 1 + _effective(rate, self._length(self.n) * self._share(opens, closes))
            elif opens < closes:
                grown += Fraction(rate) * (self._fraction_to(closes) - self._fraction_to(opens))
        return grown - 1

    def _share(self, opens: date, closes: date) -> Fraction:
        return Fraction((closes - opens).days, (self.closes_on - self.opens_on).days)

    def _fraction_to(self, day: date) -> Fraction:
        return self._fraction(self.opens_on, day)

    def _fraction(self, opens: date, closes: date) -> Fraction:
        matures_on = self._matures_on if self.terms.day_count is DayCount.THIRTY_E_360_ISDA else None
        return year_fraction(self.terms.day_count, opens, closes, period=self.terms.grid, matures_on=matures_on)

    def _period_rate(self, n: int) -> Fraction:
        """The rate of the whole period `n`, at the annual rate of today."""
        if self.terms.rate_convention is RateConvention.EFFECTIVE:
            return _effective(self.rate_annual, self._length(n))
        opens, closes = self._ends_of(n)
        return Fraction(self.rate_annual) * self._fraction(opens, closes)

    def _length(self, n: int) -> Fraction:
        """A period in years, where the rate is effective: a regular one is its share of the year, whatever its days."""
        opens, closes = self._ends_of(n)
        regular_opening = self.terms.due_on(n - 1) if n > 1 else self.terms.starts_on
        if (n > 1 or self.terms.first_period_is_regular) and (self.terms.adjusted or opens == regular_opening):
            return Fraction(1, self.terms.every.a_year)
        if self.terms.every.days:
            return Fraction((closes - opens).days, self.terms.every.days * self.terms.every.a_year)
        return years(opens, closes)

    def _ends_of(self, n: int) -> tuple[date, date]:
        date_of = self.terms.paid_on if self.terms.adjusted else self.terms.due_on
        return self.opens_on if n == self.n else date_of(n - 1), date_of(n)


@lru_cache(maxsize=1024)
def _effective(rate_annual: Decimal, length: Fraction) -> Fraction:
    """(1 + rate)^length - 1, to 30 decimals: a root is no fraction."""
    with localcontext() as context:
        context.prec = _PRECISION
        grown = (1 + rate_annual) ** (Decimal(length.numerator) / Decimal(length.denominator))
        return Fraction((grown - 1).quantize(Decimal(1).scaleb(-_EFFECTIVE_DECIMALS)))


def _annuity_factor(rates: Iterator[Fraction]) -> Fraction:
    """The constant total that repays 1 over periods with these rates.

    The debt after all periods, growth minus factor times annuity, is zero; the loop is Horner's.
    Numerators and denominators are kept apart, since reducing such long fractions at every step is what costs time.
    """
    growth, annuity, scale = 1, 0, 1
    for rate in rates:
        up, down = rate.denominator + rate.numerator, rate.denominator
        growth, annuity, scale = growth * up, annuity * up + scale * down, scale * down
    return Fraction(growth, annuity)
