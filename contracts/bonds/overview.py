"""Read models of series for people: a card in a list, the page of a series, and what still keeps it from opening.

A coupon is shown as a holder of an example has it: before tax, the tax, and after it, of a resident individual, by the
rates that are known for the day of payment. An example is worth about 1,000 EUR of nominal, in whole units.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from contracts.bonds import queries as q
from contracts.bonds.model import SeriesState, SeriesTerms
from contracts.bonds.service import refuse_unless_cleared
from contracts.offers.model import OfferState
from contracts.offers.queries import OfferCard, offer_card, publication_body
from contracts.parties.queries import Keeper
from contracts.schemes.rules import Rule
from contracts.schemes.withholding import HolderKind, withholding, withholding_rule
from contracts.terms.exact import half_up
from contracts.terms.taeg import rate_of
from ledger.errors import Refusal

EXAMPLE_CENTS = 100_000
"""The nominal that an example is about: 1,000 EUR."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponLine:
    """One coupon of so many units, to the cent; `rate_annual` is a fraction with its margin, where it has one."""

    n: int
    record_on: date
    paid_on: date
    rate_annual: Decimal
    gross_cents: int
    tax_cents: int

    @property
    def net_cents(self) -> int:
        """What the holder is paid."""
        return self.gross_cents - self.tax_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class Earnings:
    """What an example earns if it is kept to the end: its coupons, and its yearly yield before and after tax."""

    coupons: tuple[CouponLine, ...]
    gross_yield: Decimal
    net_yield: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesCard:
    """A series in a list; `net_rate_annual` is its first coupon after withholding tax."""

    series_id: str
    terms: SeriesTerms
    state: SeriesState
    offer: OfferCard
    net_rate_annual: Decimal

    @property
    def rate_annual(self) -> Decimal:
        """The first coupon, as a fraction a year."""
        return self.terms.coupons[0].rate_annual

    @property
    def resident_rate_annual(self) -> Decimal:
        """The same for who has the margin."""
        return self.rate_annual + self.terms.resident_margin

    @property
    def remaining_units(self) -> int:
        """How many may still be subscribed."""
        taken = self.offer.committed_cents + self.offer.received_cents
        return max(0, self.terms.ceiling_units - taken // self.terms.price_cents)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPage:
    """A series in full; `of_residents` is None where residents have no margin, `tax` the rule of the first coupon."""

    card: SeriesCard
    example_units: int
    of_others: Earnings
    of_residents: Earnings | None
    tax: Rule


def series_cards(connection: sa.Connection, keeper: Keeper, on: date, *wanted: SeriesState) -> list[SeriesCard]:
    """The series in one of the `wanted` states, or all, in order of draft."""
    found = q.series_ids(connection, keeper.book_id, *wanted)
    return [series_card(connection, keeper, series_id, on) for series_id in found]


def subscribable(connection: sa.Connection, keeper: Keeper, on: date) -> list[SeriesCard]:
    """Every series that accepts subscriptions on that date; the one that closes first stands first."""
    cards = series_cards(connection, keeper, on, SeriesState.OPEN)
    open_now = [card for card in cards if card.offer.opens_on <= on and card.offer.days_left]
    open_now = [card for card in open_now if card.offer.state is OfferState.OPEN]
    return sorted(open_now, key=lambda card: (card.offer.closes_on, card.series_id))


def series_card(connection: sa.Connection, keeper: Keeper, series_id: str, on: date) -> SeriesCard:
    """One series in a list; refuses `series-not-known`."""
    record = q.series_record(connection, keeper.book_id, series_id)
    terms = record.series.terms
    tax = _tax_rule(terms, terms.bond.periods[0].paid_on)
    return SeriesCard(
        series_id=series_id,
        terms=terms,
        state=record.state,
        offer=offer_card(connection, keeper, record.series.offer_id, on),
        net_rate_annual=terms.coupons[0].rate_annual * (1 - tax.decimal()),
    )


def series_page(connection: sa.Connection, keeper: Keeper, series_id: str, on: date) -> SeriesPage:
    """One series in full; refuses `series-not-known`."""
    card = series_card(connection, keeper, series_id, on)
    terms, units = card.terms, example_units(card.terms)
    return SeriesPage(
        card=card,
        example_units=units,
        of_others=earnings(terms, units, resident=False),
        of_residents=earnings(terms, units, resident=True) if terms.resident_margin else None,
        tax=_tax_rule(terms, terms.bond.periods[0].paid_on),
    )


def example_units(terms: SeriesTerms) -> int:
    """How many units an example has: about 1,000 EUR of nominal, and no fewer or more than one person may have."""
    units = max(terms.smallest_units, -(-EXAMPLE_CENTS // terms.nominal_cents))
    return min(units, terms.cap_units or terms.ceiling_units)


def earnings(terms: SeriesTerms, units: int, *, resident: bool) -> Earnings:
    """What a resident individual earns with so many units; refuses `no-rule-for-date`, `yield-out-of-range`."""
    coupons = tuple(coupon_lines(terms, units, resident=resident))
    start = (terms.issued_on, -units * terms.price_cents)
    end = (terms.bond.periods[-1].paid_on, units * terms.owed_cents)
    return Earnings(
        coupons=coupons,
        gross_yield=rate_of([start, *((each.paid_on, each.gross_cents) for each in coupons), end]),
        net_yield=rate_of([start, *((each.paid_on, each.net_cents) for each in coupons), end]),
    )


def coupon_lines(terms: SeriesTerms, units: int, *, resident: bool) -> Iterator[CouponLine]:
    """The coupons of so many units, of a resident individual; refuses `no-rule-for-date`."""
    for period in terms.bond.periods:
        gross = half_up(units * terms.interest(period.n, resident=resident))
        kept = withholding(gross, HolderKind.RESIDENT_INDIVIDUAL, period.paid_on, terms.tax_status)
        rate = terms.rate(period.n, resident=resident)
        yield CouponLine(
            n=period.n,
            record_on=terms.record_on(period.paid_on),
            paid_on=period.paid_on,
            rate_annual=Decimal(rate.numerator) / Decimal(rate.denominator),
            gross_cents=gross,
            tax_cents=kept.tax_cents,
        )


def gate(connection: sa.Connection, book_id: str, record: q.SeriesRecord) -> list[Refusal]:
    """What keeps a draft from being opened, as the refusals that opening it would meet; nothing: two people decide."""
    found = []
    for check in (
        lambda: refuse_unless_cleared(record),
        lambda: publication_body(connection, book_id, record.series.offer_id),
    ):
        try:
            check()
        except Refusal as refusal:
            found.append(refusal)
    return found


def _tax_rule(terms: SeriesTerms, on: date) -> Rule:
    return withholding_rule(HolderKind.RESIDENT_INDIVIDUAL, on, terms.tax_status)
