"""Withholding tax on interest (précompte mobilier, roerende voorheffing), kept from each payment by dated rates."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from contracts.schemes.rules import Rule, rule
from contracts.terms.exact import half_up


class HolderKind(StrEnum):
    """The tax status of who receives interest; the rate of each is a dated rule, and a kind without one is refused."""

    RESIDENT_INDIVIDUAL = "resident-individual"
    NON_RESIDENT_INDIVIDUAL = "non-resident-individual"
    LEGAL_PERSON = "legal-person"
    EXEMPT = "exempt"


class TaxStatus(StrEnum):
    """How the interest of a paper is taxed: as any other, or at a rate that the law gave to one issue alone."""

    ORDINARY = "ordinary"
    STATE_NOTE_2023 = "state-note-2023"


_INDIVIDUALS = frozenset({HolderKind.RESIDENT_INDIVIDUAL, HolderKind.NON_RESIDENT_INDIVIDUAL})


@dataclass(frozen=True, slots=True)
class Withholding:
    """Interest of one holder: gross = tax + net, and the rule the tax follows from."""

    gross_cents: int
    tax_cents: int
    net_cents: int
    rule: Rule


def withholding(
    interest_cents: int, holder_kind: HolderKind, on: date, status: TaxStatus = TaxStatus.ORDINARY
) -> Withholding:
    """The tax on interest attributed on a date, rounded half up to the cent; refuses `no-rule-for-date`.

    `status` is that of the paper; a rate of its own is one of individuals.

    >>> kept = withholding(1_045, HolderKind.RESIDENT_INDIVIDUAL, date(2026, 6, 2))
    >>> kept.gross_cents, kept.tax_cents, kept.net_cents
    (1045, 314, 731)
    """
    row = withholding_rule(holder_kind, on, status)
    tax = tax_at(Fraction(row.decimal()), interest_cents)
    return Withholding(interest_cents, tax, interest_cents - tax, row)


def tax_at(rate: Fraction, interest_cents: int) -> int:
    """The tax at a rate of `withholding_rule`, rounded half up to the cent; for many holders taxed alike."""
    return half_up(interest_cents * rate)


def net_rate_annual(rate_annual: Decimal, holder_kind: HolderKind, on: date) -> tuple[Decimal, Rule]:
    """The nominal rate after withholding tax, as it stands on a date, with the rule it follows from.

    >>> net_rate_annual(Decimal("0.0350"), HolderKind.RESIDENT_INDIVIDUAL, date(2026, 3, 2))[0]
    Decimal('0.024500')
    """
    row = withholding_rule(holder_kind, on)
    return rate_annual * (1 - row.decimal()), row


def withholding_rule(holder_kind: HolderKind, on: date, status: TaxStatus = TaxStatus.ORDINARY) -> Rule:
    """The row that taxes such a holder's interest on a date; refuses `no-rule-for-date`."""
    is_special = status is not TaxStatus.ORDINARY and holder_kind in _INDIVIDUALS
    named = status.value if is_special else holder_kind.value
    return rule("BE", f"withholding_{named.replace('-', '_')}", on)
