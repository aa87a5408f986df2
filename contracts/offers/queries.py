"""Read models of offers, for pages, the JSON API and the products above."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from contracts import moves
from contracts.offers import tables as t
from contracts.offers.lifecycle import MACHINE, PUBLISHED, PUBLISHED_AGAIN, SUSPENDED
from contracts.offers.model import Gauge, OfferDraft, OfferState, Oversubscription, days_left, draft_of
from contracts.offers.sheets import sheet_to_publish
from contracts.parties.queries import Keeper, display_name
from contracts.schemes.rules import Rule, rule
from contracts.schemes.withholding import HolderKind, net_rate_annual
from contracts.terms.schedule import Every, RepaymentKind, Schedule, schedule
from ledger.errors import Refusal
from ledger.storage import bulk

EXAMPLE_CENTS = 100_000
"""The example shown to lenders: 1,000 EUR."""
RANK = "subordinated"
"""A proxi loan ranks behind all present and future debts of its borrower (ordinance of 17 March 2023)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferCard:
    """An offer in a list.

    `committed_cents` is pledged and not paid; `received_cents` is all money that has arrived, and `reflection_cents`
    the part of it that may still be withdrawn. `net_rate_annual` is after withholding tax on the date asked for.
    `series_id` is the bond series whose units are offered; None for a loan.
    """

    offer_id: str
    borrower: str
    title: str
    borrower_name: str
    commune: str
    sector: str
    rate_annual: Decimal
    net_rate_annual: Decimal
    term_years: int
    repayment: RepaymentKind
    every: Every
    minimum_cents: int
    maximum_cents: int
    committed_cents: int
    received_cents: int
    reflection_cents: int
    opens_on: date
    closes_on: date
    days_left: int
    state: OfferState
    rank: str
    version: int
    priority_until: date | None
    pledge_maximum_cents: int | None
    oversubscription: Oversubscription
    series_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferPage:
    """An offer in full; `schedule` is that of 1,000 EUR lent today, texts are by language, `rules` what it rests on."""

    card: OfferCard
    pitch: Mapping[str, str]
    use_of_funds: Mapping[str, str]
    risks: Mapping[str, str]
    schedule: Schedule
    rules: list[Rule]
    pledge_minimum_cents: int
    early_repayment: bool
    remaining_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRecord:
    """An offer as the products work with it: its newest version, its state, and since when it is public.

    `suspended_on` is the day of its last suspension; `withdraw_until` the last day on which whoever had pledged before
    its sheet was published again may withdraw for that. Both are None where it never happened.
    """

    offer_id: str
    version: int
    body_hash: str
    draft: OfferDraft
    state: OfferState
    published_on: date | None
    suspended_on: date | None
    withdraw_until: date | None
    rule_ids: tuple[str, ...]

    @property
    def is_of_public_body(self) -> bool:
        """Whether it offers bonds of a Region or a commune, which is no crowdfunding of a project owner."""
        return self.draft.units is not None and self.draft.units.of_public_body

    def sheet_lets_withdraw(self, on: date) -> bool:
        """Whether the sheet's amendment lets every pledge be withdrawn on that day, those that are firm included."""
        is_open = self.withdraw_until is not None and on <= self.withdraw_until
        return self.state is OfferState.SUSPENDED or (self.state is OfferState.OPEN and is_open)


def open_offers(connection: sa.Connection, keeper: Keeper, on: date) -> list[OfferCard]:
    """Every offer of a loan that accepts pledges on that date; the one that closes first stands first."""
    found = offers(connection, keeper, on, state=OfferState.OPEN)
    cards = [card for card in found if card.opens_on <= on and card.series_id is None]
    return sorted((card for card in cards if card.days_left), key=lambda card: (card.closes_on, card.offer_id))


def offers(
    connection: sa.Connection,
    keeper: Keeper,
    on: date,
    *,
    state: OfferState | None = None,
    borrower: str | None = None,
) -> list[OfferCard]:
    """Every offer, newest first; of one `state` or one `borrower` if given."""
    found = offer_ids(connection, keeper.book_id, state, borrower=borrower)
    return [offer_card(connection, keeper, offer_id, on) for offer_id in found]


def offer_ids(
    connection: sa.Connection, book_id: str, state: OfferState | None = None, *, borrower: str | None = None
) -> Sequence[str]:
    """Every offer's id, newest first; of one `state` or one `borrower` if given."""
    c = t.offer.c
    query = sa.select(c.offer_id).where(c.book_id == book_id).order_by(c.drafted_on.desc(), c.offer_id)
    if borrower is not None:
        query = query.where(c.borrower == borrower)
    if state is not None:
        query = query.where(moves.in_state(book_id, MACHINE, c.offer_id, state))
    return connection.execute(query).scalars().all()


def offer_card(connection: sa.Connection, keeper: Keeper, offer_id: str, on: date) -> OfferCard:
    """One offer as in a list; refuses `offer-not-known`."""
    return _card(connection, keeper, offer_id, on)[1]


def offer_page(connection: sa.Connection, keeper: Keeper, offer_id: str, on: date) -> OfferPage:
    """One offer in full; refuses `offer-not-known`."""
    record, card = _card(connection, keeper, offer_id, on)
    draft = record.draft
    return OfferPage(
        card=card,
        pitch=draft.pitch,
        use_of_funds=draft.use_of_funds,
        risks=draft.risks,
        schedule=schedule(draft.terms(EXAMPLE_CENTS, on)),
        rules=[_rule(rule_id) for rule_id in record.rule_ids],
        pledge_minimum_cents=draft.pledge_minimum_cents,
        early_repayment=draft.early_repayment,
        remaining_cents=max(0, draft.maximum_cents - card.committed_cents - card.received_cents),
    )


def published_page(connection: sa.Connection, keeper: Keeper, offer_id: str, on: date) -> OfferPage:
    """One offer as everybody may read it; a draft answers as one that does not exist (`offer-not-known`)."""
    page = offer_page(connection, keeper, offer_id, on)
    if page.card.state is OfferState.DRAFT:
        raise Refusal("offer-not-known", offer_id=offer_id)
    return page


def offer_record(connection: sa.Connection, book_id: str, offer_id: str) -> OfferRecord:
    """The offer's newest version and state; refuses `offer-not-known`."""
    v = t.offer_version.c
    newest = sa.select(t.offer_version).where(v.book_id == book_id, v.offer_id == offer_id)
    row = connection.execute(newest.order_by(v.version.desc()).limit(1)).one_or_none()
    if row is None:
        raise Refusal("offer-not-known", offer_id=offer_id)
    history = moves.moves_of(connection, book_id, [offer_id])[offer_id]
    last = {move.event: move for move in history}
    again = last.get(PUBLISHED_AGAIN)
    return OfferRecord(
        offer_id=offer_id,
        version=row.version,
        body_hash=row.body_hash,
        draft=draft_of(row.body),
        state=OfferState(history[-1].to_state) if history else MACHINE.initial,
        published_on=last[PUBLISHED].effective_on if PUBLISHED in last else None,
        suspended_on=last[SUSPENDED].effective_on if SUSPENDED in last else None,
        withdraw_until=None if again is None else date.fromisoformat(str(again.facts["withdraw_until_on"])),
        rule_ids=tuple(row.rules),
    )


def newest_drafts(connection: sa.Connection, book_id: str, offer_ids: Iterable[str]) -> dict[str, OfferDraft]:
    """What the newest version of each of the offers says, by offer."""
    v = t.offer_version.c
    chosen = bulk.among(connection, v.offer_id, offer_ids)
    query = sa.select(v.offer_id, v.body).where(v.book_id == book_id, chosen).order_by(v.offer_id, v.version)
    bodies = {row.offer_id: row.body for row in connection.execute(query)}
    return {offer_id: draft_of(body) for offer_id, body in bodies.items()}


def open_offer_ids(
    connection: sa.Connection, book_id: str, *, of_series: bool, state: OfferState = OfferState.OPEN
) -> list[str]:
    """The open (or suspended) offers of bond series, or those of loans, newest first."""
    found = offer_ids(connection, book_id, state)
    drafts = newest_drafts(connection, book_id, found)
    return [offer_id for offer_id in found if (drafts[offer_id].units is not None) == of_series]


def places(connection: sa.Connection, book_id: str, offer_id: str) -> dict[str, int]:
    """The place of each of the offer's pledges in the order in which they were made, a day's own included."""
    c = t.offer_count.c
    query = sa.select(c.pledge_id, sa.func.min(c.sequence).label("place")).group_by(c.pledge_id)
    rows = connection.execute(query.where(c.book_id == book_id, c.offer_id == offer_id))
    return {row.pledge_id: row.place for row in rows}


def gauge(connection: sa.Connection, book_id: str, offer_id: str) -> Gauge:
    """The offer's money, summed from its count."""
    c = t.offer_count.c
    columns = (c.committed_change, c.received_change, c.in_reflection_change)
    query = sa.select(*(sa.func.coalesce(sa.func.sum(column), 0) for column in columns))
    row = connection.execute(query.where(c.book_id == book_id, c.offer_id == offer_id)).one()
    committed, received, in_reflection = (int(value) for value in row)
    return Gauge(committed=committed, received=received, in_reflection=in_reflection)


def publication_body(connection: sa.Connection, book_id: str, offer_id: str) -> dict[str, str | int]:
    """What two people approve when an offer is published: the version by the hash of all it states, and its sheet.

    Refuses `kiis-…` while there is no sheet to publish it with; a public body's bonds have none, version 0.
    """
    record = offer_record(connection, book_id, offer_id)
    is_without = record.is_of_public_body
    sheet_version = 0 if is_without else sheet_to_publish(connection, book_id, offer_id, record.version).version
    return {
        "offer_id": offer_id,
        "version": record.version,
        "body_hash": record.body_hash,
        "kiis_version": sheet_version,
    }


def _card(connection: sa.Connection, keeper: Keeper, offer_id: str, on: date) -> tuple[OfferRecord, OfferCard]:
    record = offer_record(connection, keeper.book_id, offer_id)
    draft, money = record.draft, gauge(connection, keeper.book_id, offer_id)
    net, _ = net_rate_annual(draft.rate_annual, HolderKind.RESIDENT_INDIVIDUAL, on)
    card = OfferCard(
        offer_id=offer_id,
        borrower=draft.borrower,
        title=draft.title,
        borrower_name=display_name(connection, keeper, draft.borrower),
        commune=draft.commune,
        sector=draft.sector,
        rate_annual=draft.rate_annual,
        net_rate_annual=net,
        term_years=draft.term_years,
        repayment=draft.kind,
        every=draft.every,
        minimum_cents=draft.minimum_cents,
        maximum_cents=draft.maximum_cents,
        committed_cents=money.committed,
        received_cents=money.received,
        reflection_cents=money.in_reflection,
        opens_on=draft.opens_on,
        closes_on=draft.closes_on,
        days_left=days_left(draft, on),
        state=record.state,
        rank=RANK,
        version=record.version,
        priority_until=draft.priority_until,
        pledge_maximum_cents=draft.pledge_maximum_cents,
        oversubscription=draft.oversubscription,
        series_id=None if draft.units is None else draft.units.series_id,
    )
    return record, card


def _rule(rule_id: str) -> Rule:
    """The dated row that an id names: `scheme/param@valid_from`."""
    name, _, valid_from = rule_id.partition("@")
    scheme, _, param = name.partition("/")
    return rule(scheme, param, date.fromisoformat(valid_from))
