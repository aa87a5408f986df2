"""An offer: what an entrepreneur asks of the public, frozen when it is published, and the gauge that counts its money.

The gauge has three shades. `committed` is pledged and not paid yet; `received` is money that has arrived; the part of
it that its lenders may still withdraw is `in_reflection`. Only money that has arrived counts towards the minimum.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from contracts.terms.dates import MONTHS_A_YEAR, add_months
from contracts.terms.daycount import DayCount
from contracts.terms.schedule import Every, RepaymentKind, Terms
from ledger.errors import Refusal

LANGUAGES = ("fr", "nl", "en")
_LONGEST_TITLE = 120
_EARLY, _EXCLUDED = "early_repayment", "excluded"


class OfferState(StrEnum):
    """Where an offer stands."""

    DRAFT = "draft"
    OPEN = "open"
    SUSPENDED = "suspended"
    FUNDED = "funded"
    FAILED = "failed"
    CANCELLED = "cancelled"


STANDING = (OfferState.OPEN, OfferState.SUSPENDED)
"""States of an offer whose pledges stand: it was published and has not ended."""
NOT_DUE = frozenset({"offer-still-open", "offer-has-open-pledges", "offer-withdrawal-open"})
"""Refusals of an end that time alone takes away."""


class Oversubscription(StrEnum):
    """What happens where more is wanted than the maximum."""

    FIRST_COME = "first-come"
    """Pledges are taken in the order in which they are made; the one that would go beyond the maximum is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsOffered:
    """What an offer of a bond series adds: pledges are whole units, and the series' own terms hold, no loan scheme's.

    `unit_cents` is the price of a unit. An issue `of_public_body`, a Region or a commune, is no crowdfunding offer of a
    project owner: neither a key investment information sheet nor a check of the owner is asked for.
    """

    series_id: str
    unit_cents: int
    of_public_body: bool

    def check_pledge(self, amount_cents: int) -> None:
        """Refuses a pledge of anything but whole units."""
        if amount_cents % self.unit_cents:
            raise Refusal("pledge-not-whole-units", unit_cents=self.unit_cents, amount_cents=amount_cents)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferDraft:
    """What is offered: `borrower` is an enterprise's token; `pitch`, `use_of_funds` and `risks` are texts by language.

    Pledges are accepted from `opens_on` to `closes_on`, both included. A pledge may be paid until `payment_days`
    calendar days after it was made. `rate_annual` is a fraction (0.035 is 3.5 %). Up to `priority_until`, included,
    only residents of the commune may pledge; one person pledges up to `pledge_maximum_cents` in all. None: no limit.
    `early_repayment` is whether the deed lets the borrower repay once, in full, before the end (ordinance of 17 March
    2023, art. 6).

    An offer with `units` is of a bond series: `rate_annual` is its first coupon, `term_years` rounded up.
    """

    borrower: str
    title: str
    commune: str
    sector: str
    pitch: Mapping[str, str]
    use_of_funds: Mapping[str, str]
    risks: Mapping[str, str]
    rate_annual: Decimal
    term_years: int
    every: Every
    kind: RepaymentKind
    day_count: DayCount
    minimum_cents: int
    maximum_cents: int
    pledge_minimum_cents: int
    opens_on: date
    closes_on: date
    payment_days: int = 7
    priority_until: date | None = None
    pledge_maximum_cents: int | None = None
    oversubscription: Oversubscription = Oversubscription.FIRST_COME
    scheme: str = "proxi.B"
    early_repayment: bool = False
    units: UnitsOffered | None = None

    def terms(self, principal_cents: int, starts_on: date) -> Terms:
        """The terms of a loan of `principal_cents` on this offer that starts on that date."""
        return Terms(
            principal_cents=principal_cents,
            rate_annual=self.rate_annual,
            starts_on=starts_on,
            first_due_on=add_months(starts_on, self.every.months),
            instalments=self.term_years * MONTHS_A_YEAR // self.every.months,
            every=self.every,
            kind=self.kind,
            day_count=self.day_count,
        )


@dataclass(frozen=True, slots=True)
class Gauge:
    """An offer's money in cents; `in_reflection` is a part of `received`."""

    committed: int
    received: int
    in_reflection: int

    @property
    def firm(self) -> int:
        """Money that has arrived and can no longer be withdrawn."""
        return self.received - self.in_reflection

    @property
    def taken(self) -> int:
        """What counts against the maximum: promised and arrived."""
        return self.committed + self.received


def body_of(draft: OfferDraft) -> dict[str, str | int | dict[str, str] | dict[str, str | int] | None]:
    """The draft as JSON: what is stored, hashed, and approved by two people.

    That early repayment is excluded is stated; the deeds of offers that say nothing of it allow it.
    """
    early = {} if draft.early_repayment else {_EARLY: _EXCLUDED}
    units = {} if draft.units is None else {"units": _body_of_units(draft.units)}
    return {
        **early,
        **units,
        "borrower": draft.borrower,
        "title": draft.title,
        "commune": draft.commune,
        "sector": draft.sector,
        "pitch": dict(draft.pitch),
        "use_of_funds": dict(draft.use_of_funds),
        "risks": dict(draft.risks),
        "rate_annual": str(draft.rate_annual),
        "term_years": draft.term_years,
        "every": draft.every.value,
        "kind": draft.kind.value,
        "day_count": draft.day_count.value,
        "minimum_cents": draft.minimum_cents,
        "maximum_cents": draft.maximum_cents,
        "pledge_minimum_cents": draft.pledge_minimum_cents,
        "opens_on": draft.opens_on.isoformat(),
        "closes_on": draft.closes_on.isoformat(),
        "payment_days": draft.payment_days,
        "priority_until": None if draft.priority_until is None else draft.priority_until.isoformat(),
        "pledge_maximum_cents": draft.pledge_maximum_cents,
        "oversubscription": draft.oversubscription.value,
        "scheme": draft.scheme,
    }


def draft_of(body: Mapping[str, Any]) -> OfferDraft:
    """The draft that `body_of` wrote; one that was written before an offer had a window or a limit has none."""
    return OfferDraft(
        **{
            **body,
            _EARLY: body.get(_EARLY) != _EXCLUDED,
            "rate_annual": Decimal(body["rate_annual"]),
            "every": Every(body["every"]),
            "kind": RepaymentKind(body["kind"]),
            "day_count": DayCount(body["day_count"]),
            "opens_on": date.fromisoformat(body["opens_on"]),
            "closes_on": date.fromisoformat(body["closes_on"]),
            "priority_until": _day(body.get("priority_until")),
            "oversubscription": Oversubscription(body.get("oversubscription", Oversubscription.FIRST_COME)),
            "units": UnitsOffered(**body["units"]) if "units" in body else None,
        }
    )


def _body_of_units(units: UnitsOffered) -> dict[str, str | int]:
    return {
        "series_id": units.series_id,
        "unit_cents": units.unit_cents,
        "of_public_body": units.of_public_body,
    }


def check_draft(draft: OfferDraft) -> None:
    """Refuses an offer whose own figures, dates or texts can't hold."""
    if not draft.title.strip() or len(draft.title) > _LONGEST_TITLE:
        raise Refusal("offer-title-unusable", longest=_LONGEST_TITLE)
    for name, texts in (("pitch", draft.pitch), ("use_of_funds", draft.use_of_funds), ("risks", draft.risks)):
        missing = [language for language in LANGUAGES if not texts.get(language, "").strip()]
        if missing:
            raise Refusal("offer-text-missing", text=name, languages=missing)
    if not 0 < draft.pledge_minimum_cents <= draft.minimum_cents <= draft.maximum_cents:
        raise Refusal(
            "offer-amounts-inconsistent",
            pledge_minimum_cents=draft.pledge_minimum_cents,
            minimum_cents=draft.minimum_cents,
            maximum_cents=draft.maximum_cents,
        )
    most = draft.pledge_maximum_cents
    if most is not None and not draft.pledge_minimum_cents <= most <= draft.maximum_cents:
        raise Refusal("offer-person-limit-inconsistent", limit_cents=most, maximum_cents=draft.maximum_cents)
    if draft.priority_until is not None and not draft.opens_on <= draft.priority_until < draft.closes_on:
        raise Refusal(
            "offer-priority-inconsistent",
            priority_until_on=draft.priority_until.isoformat(),
            opens_on=draft.opens_on.isoformat(),
            closes_on=draft.closes_on.isoformat(),
        )
    if draft.opens_on > draft.closes_on or draft.payment_days < 0:
        raise Refusal(
            "offer-dates-inconsistent", opens_on=draft.opens_on.isoformat(), closes_on=draft.closes_on.isoformat()
        )


def check_accepts(
    draft: OfferDraft, gauge: Gauge, *, state: OfferState, published_on: date | None, amount_cents: int, on: date
) -> None:
    """Refuses a pledge of `amount_cents` made `on` that date: not open, too small, or beyond the maximum."""
    if state is OfferState.DRAFT or on < max(draft.opens_on, published_on or draft.opens_on):
        raise Refusal("offer-not-open-yet", opens_on=draft.opens_on.isoformat())
    if state is OfferState.SUSPENDED:
        raise Refusal("offer-suspended")
    if state is not OfferState.OPEN or on > draft.closes_on:
        raise Refusal("offer-closed", closes_on=draft.closes_on.isoformat())
    if amount_cents < draft.pledge_minimum_cents:
        raise Refusal("pledge-below-minimum", minimum_cents=draft.pledge_minimum_cents, amount_cents=amount_cents)
    if draft.units is not None:
        draft.units.check_pledge(amount_cents)
    remaining = draft.maximum_cents - gauge.taken
    if amount_cents > remaining:
        raise Refusal("offer-cap-exceeded", remaining_cents=remaining, amount_cents=amount_cents)


def check_lender(draft: OfferDraft, *, commune: str | None, pledged_cents: int, amount_cents: int, on: date) -> None:
    """Refuses a pledge for what the offer asks of its lender: not yet her turn, or beyond the limit of one person.

    `commune` is where she lives, None where it is not known; `pledged_cents` what she has in this offer already.
    """
    if draft.priority_until is not None and on <= draft.priority_until and not is_same_commune(commune, draft.commune):
        raise Refusal("offer-priority-for-residents", commune=draft.commune, until_on=draft.priority_until.isoformat())
    most = draft.pledge_maximum_cents
    if most is not None and pledged_cents + amount_cents > most:
        raise Refusal(
            "offer-person-limit-exceeded",
            amount_cents=amount_cents,
            limit_cents=most,
            left_cents=max(0, most - pledged_cents),
        )


def is_same_commune(one: str | None, other: str) -> bool:
    """Whether two spellings name one commune: case, spaces, hyphens and accents do not count.

    >>> is_same_commune("molenbeek saint jean", "Molenbeek-Saint-Jean"), is_same_commune(None, "Jette")
    (True, False)
    """
    return one is not None and _letters(one) == _letters(other)


def outcome(draft: OfferDraft, gauge: Gauge, *, on: date) -> OfferState:
    """How the offer ends `on` that date: funded or failed. Refused before its end, or while a pledge can still change.

    An offer may end before its last day only when its maximum is firm (Regulation (EU) 2020/1503, article 22: the offer
    binds its owner until the end date or the target).
    """
    if on <= draft.closes_on and gauge.firm < draft.maximum_cents:
        raise Refusal("offer-still-open", closes_on=draft.closes_on.isoformat())
    if gauge.committed or gauge.in_reflection:
        raise Refusal(
            "offer-has-open-pledges", committed_cents=gauge.committed, in_reflection_cents=gauge.in_reflection
        )
    return OfferState.FUNDED if gauge.firm >= draft.minimum_cents else OfferState.FAILED


def payable_until(draft: OfferDraft, pledged_on: date) -> date:
    """The last day on which a pledge made `pledged_on` may be paid."""
    return pledged_on + timedelta(days=draft.payment_days)


def days_left(draft: OfferDraft, on: date) -> int:
    """Calendar days on which pledges are still accepted, `on` included; 0 once the last day is over."""
    return max(0, (draft.closes_on - on).days + 1)


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if letter.isalpha())


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
