"""The one-off tax credit on principal that is definitively lost (ordinance of 17 March 2023, art. 13, and its sisters).

Four conditions hold together: an insolvency of the borrower in the term or within some months of its end; principal
that she cannot repay; a loan that the lender has called; a lender resident in the region. The base of a tax period is
the principal whose loss was established in it, never interest. What a judicial reorganisation took away is lost with
the rest where an insolvency follows, and else in the period where that became final.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

from contracts.schemes.credit import largest_remainder
from contracts.schemes.rules import Anchor, Rule, find_rule, rule
from contracts.terms.dates import add_months
from contracts.terms.exact import half_up
from ledger.errors import InvariantError, Refusal


class LossEvent(StrEnum):
    """What befalls a borrower who cannot repay any more."""

    BANKRUPTCY = "bankruptcy"
    INSOLVENCY = "insolvency"
    DISSOLUTION = "dissolution"
    LIQUIDATION = "liquidation"


class NoLossGround(StrEnum):
    """Which condition does not hold."""

    NO_EVENT = "no-event"
    EVENT_TOO_LATE = "event-too-late"
    NOT_CALLED = "not-called"
    NOT_RESIDENT = "lender-not-resident"
    DEREGISTERED = "deregistered"
    NOT_HERS = "claim-given"


@dataclass(frozen=True, slots=True)
class Loss:
    """Principal whose loss was established on a day, in cents."""

    on: date
    cents: int


@dataclass(frozen=True, slots=True)
class Haircut:
    """Principal that a judicial reorganisation took away on a day; from `final_on` nothing could revive it any more."""

    on: date
    cents: int
    final_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LostLoan:
    """One lender's loan, and what was lost of it. `outstanding_cents`, where it is known, bounds the losses."""

    loan_id: str
    term_ends_on: date
    concluded_on: date | None = None
    event: LossEvent | None = None
    event_on: date | None = None
    called_on: date | None = None
    deregistered_on: date | None = None
    is_resident: bool = True
    is_exemplary: bool = False
    is_given: bool = False
    """Whether the claim came by gift: heirs take over the credit, nobody else does (art. 13)."""
    outstanding_cents: int | None = None
    losses: tuple[Loss, ...] = ()
    haircuts: tuple[Haircut, ...] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class LossCredit:
    """A lender's one-off credit of a tax period, in cents; `grounds` say why lost principal brings nothing."""

    tax_period: int
    credit_cents: int
    base_cents: int
    by_loan: Mapping[str, int]
    rules: tuple[Rule, ...]
    grounds: Mapping[str, NoLossGround]


def loss_credit(scheme: str, tax_period: int, loans: Sequence[LostLoan]) -> LossCredit:
    """The credit over all loans; exact fractions until one rounding half up on the total.

    Refuses `no-rule-for-date`, and `loss-exceeds-outstanding` where more was lost than stood out.

    >>> lost = LostLoan(loan_id="l1", term_ends_on=date(2029, 4, 15), event=LossEvent.BANKRUPTCY,
    ...     event_on=date(2026, 5, 4), called_on=date(2026, 5, 20), losses=(Loss(date(2026, 11, 3), 1_000_000),))
    >>> loss_credit("proxi.B", 2026, [lost]).credit_cents
    300000
    """
    if len({loan.loan_id for loan in loans}) != len(loans):
        raise InvariantError("a loan counts once")
    used: dict[str, Rule] = {}
    exact: dict[str, Fraction] = {}
    grounds: dict[str, NoLossGround] = {}
    bases: dict[str, int] = {}
    for loan in loans:
        _refuse_excess(loan)
        rate, months = loss_rate(scheme, tax_period, loan), _months(scheme, tax_period)
        used |= {row.id: row for row in (rate, months)}
        ground = _ground(loan, tax_period, months)
        base = _base(loan, tax_period, with_event=ground is None)
        is_granted = bool(base) and ground in {None, NoLossGround.NO_EVENT}
        if ground is not None and (_lost_in(loan, tax_period) or (base and not is_granted)):
            grounds[loan.loan_id] = ground
        if is_granted:
            bases[loan.loan_id], exact[loan.loan_id] = base, base * Fraction(rate.decimal())
    exact, used = _capped(scheme, tax_period, bases, exact, used)
    total = half_up(sum(exact.values(), Fraction(0)))
    by_loan = {loan.loan_id: 0 for loan in loans} | largest_remainder(total, exact)
    return LossCredit(tax_period, total, sum(bases.values()), by_loan, tuple(used.values()), grounds)


def _ground(loan: LostLoan, tax_period: int, months: Rule) -> NoLossGround | None:
    if loan.is_given:
        return NoLossGround.NOT_HERS
    if not loan.is_resident:
        return NoLossGround.NOT_RESIDENT
    if loan.deregistered_on is not None and loan.deregistered_on.year == tax_period:
        return NoLossGround.DEREGISTERED
    if loan.event_on is None or loan.event_on.year > tax_period:
        return NoLossGround.NO_EVENT
    if loan.event_on > add_months(loan.term_ends_on, months.integer()):
        return NoLossGround.EVENT_TOO_LATE
    if loan.called_on is None or loan.called_on.year > tax_period:
        return NoLossGround.NOT_CALLED
    return None


def established_in(loan: LostLoan, tax_period: int) -> int:
    """Principal that is lost by the period's facts, whether or not it brings a credit."""
    has_event = loan.event_on is not None and loan.event_on.year <= tax_period
    return _lost_in(loan, tax_period) + _haircuts_in(loan, tax_period, with_event=has_event)


def _base(loan: LostLoan, tax_period: int, *, with_event: bool) -> int:
    """What counts in the period: with an event its losses and haircuts, without one the haircuts alone."""
    lost = _lost_in(loan, tax_period) if with_event else 0
    return lost + _haircuts_in(loan, tax_period, with_event=with_event)


def _haircuts_in(loan: LostLoan, tax_period: int, *, with_event: bool) -> int:
    """With an event, haircuts that were not final before it, with its first loss; else those that became final."""
    if not with_event or loan.event_on is None:
        return sum(each.cents for each in loan.haircuts if each.final_on and each.final_on.year == tax_period)
    first = min((loss.on.year for loss in loan.losses), default=loan.event_on.year)
    open_then = [each for each in loan.haircuts if each.final_on is None or each.final_on >= loan.event_on]
    return sum(each.cents for each in open_then if first == tax_period)


def _lost_in(loan: LostLoan, tax_period: int) -> int:
    return sum(loss.cents for loss in loan.losses if loss.on.year == tax_period)


def _refuse_excess(loan: LostLoan) -> None:
    lost = sum(loss.cents for loss in loan.losses) + sum(cut.cents for cut in loan.haircuts)
    if loan.outstanding_cents is not None and lost > loan.outstanding_cents:
        raise Refusal(
            "loss-exceeds-outstanding", loan_id=loan.loan_id, lost_cents=lost, outstanding_cents=loan.outstanding_cents
        )


def loss_rate(scheme: str, tax_period: int, loan: LostLoan) -> Rule:
    """The dated row of the rate that applies to the loan; refuses `no-rule-for-date`."""
    on, param = date(tax_period, 12, 31), "loss_credit_rate_exemplary" if loan.is_exemplary else "loss_credit_rate"
    row = rule(scheme, param, on)
    if row.anchor is not Anchor.CONCLUSION:
        return row
    if loan.concluded_on is None:
        raise Refusal("terms-field-missing", field="concluded_on")
    return rule(scheme, param, loan.concluded_on)


def _months(scheme: str, tax_period: int) -> Rule:
    return rule(scheme, "loss_event_months_after_term", date(tax_period, 12, 31))


def _capped(
    scheme: str, tax_period: int, bases: Mapping[str, int], exact: dict[str, Fraction], used: dict[str, Rule]
) -> tuple[dict[str, Fraction], dict[str, Rule]]:
    """Where the scheme caps the base, every loan's part is cut in proportion."""
    cap = find_rule(scheme, "loss_credit_base_cap_cents", date(tax_period, 12, 31))
    total = sum(bases.values())
    if cap is None or total <= cap.integer():
        return exact, used
    share = Fraction(cap.integer(), total)
    return {loan_id: cents * share for loan_id, cents in exact.items()}, used | {cap.id: cap}
