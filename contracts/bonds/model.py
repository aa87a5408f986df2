"""A series of bonds: its terms as data, and what the terms alone decide.

A series is issued once and counted in units of one nominal. Everything that may differ from one issue to the next is a
field; `templates.toml` holds terms ready to choose. What a coupon is worth follows from `contracts.terms.bonds`.

| issuer | may open when |
|---|---|
| Region, public issue | the federal Minister of Finance approved terms and calendar (special finance act, art. 49) |
| Region, private issue | it has informed the Minister beforehand, and the day is on record (same article) |
| commune, cooperative, company | two people have approved the offer, like any other |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cached_property

from contracts.bonds.projects import ProceedsTerms, check_proceeds
from contracts.offers.model import LANGUAGES, is_same_commune
from contracts.schemes.withholding import TaxStatus
from contracts.terms.agreed import check_rate
from contracts.terms.bonds import BondTerms, CouponPeriod
from contracts.terms.daycount import DayCount
from contracts.votes.rules import MeetingRules as VoteTerms
from ledger.calendars import Roll, add_target_days
from ledger.errors import Refusal
from ledger.money import MAX_MINOR, Asset

FREE, PLEDGED, FROZEN = "010000", "012000", "013000"
"""Codes of a holder's units: at her disposal, pledged to a creditor, frozen."""
HELD = (FREE, PLEDGED, FROZEN)
PERCENT = 100
REFLECTION_DAYS = 4
"""Regulation (EU) 2020/1503, article 22; every subscription has it, whoever issues."""
MOST_UNITS = 100_000_000
_LONGEST_NOTICE = 366


class IssuerKind(StrEnum):
    """Who issues; only a Region needs another authority's word."""

    REGION = "region"
    COMMUNE = "commune"
    COOPERATIVE = "cooperative"
    COMPANY = "company"


PUBLIC_BODIES = frozenset({IssuerKind.REGION, IssuerKind.COMMUNE})
"""Issuers whose bonds are no crowdfunding offer: no key information sheet and no check of a project owner."""


class Placement(StrEnum):
    """To whom a Region issues (special finance act, art. 49): a public issue is approved, a private one announced."""

    PUBLIC = "public"
    PRIVATE = "private"


class AllotmentRule(StrEnum):
    """How units are shared where more are asked for than there are; see `contracts.bonds.allotment`."""

    FIRST_COME = "first-come"
    PRO_RATA = "pro-rata"
    SMALL_FIRST = "small-first"
    LOTTERY = "lottery"


class DrawRule(StrEnum):
    """Whose units a call takes where it takes a part of the issue."""

    PRO_RATA = "pro-rata"
    LOTTERY = "lottery"


class SeriesState(StrEnum):
    """Where a series stands."""

    DRAFT = "draft"
    OPEN = "open"
    ALLOTTED = "allotted"
    RUNNING = "running"
    FAILED = "failed"
    REDEEMED = "redeemed"


class ResolutionState(StrEnum):
    """Where a resolution of a meeting of bondholders stands."""

    NEW = "new"
    PUT = "put"
    ADJOURNED = "adjourned"
    HOMOLOGATION = "homologation"
    ADOPTED = "adopted"
    IN_EFFECT = "in_effect"
    REJECTED = "rejected"


class Block(StrEnum):
    """Why a holder can't dispose of units."""

    PLEDGE = "pledge"
    FREEZE = "freeze"


class RunKind(StrEnum):
    """Why holders are paid: a coupon, or a redemption at the end, by the issuer's call, or as a holder asked."""

    COUPON = "coupon"
    MATURITY = "maturity"
    CALL = "call"
    PUT = "put"


class RunState(StrEnum):
    """Where a run stands: its funds are asked of the issuer, part of the holders are paid, all are."""

    CALLED = "called"
    PAYING = "paying"
    PAID = "paid"


@dataclass(frozen=True, slots=True)
class CouponStep:
    """From coupon number `from_n` on, the rate a year, as a fraction."""

    from_n: int
    rate_annual: Decimal


@dataclass(frozen=True, slots=True)
class Reduction:
    """What holders gave up of each unit, in cents: it bears no interest from coupon `from_n` on and is never repaid."""

    from_n: int
    cents: int


@dataclass(frozen=True, slots=True)
class CallTerms:
    """The issuer may redeem early from `first_on`, with so many days' notice, at a price in percent plus accrued."""

    first_on: date
    notice_days: int = 15
    price_percent: Decimal = Decimal(100)
    draw: DrawRule = DrawRule.PRO_RATA


@dataclass(frozen=True, slots=True)
class PutTerms:
    """A holder may ask for redemption on one of these days, with so many days' notice, at a price plus accrued."""

    days: tuple[date, ...]
    notice_days: int = 15
    price_percent: Decimal = Decimal(100)


@dataclass(frozen=True, slots=True)
class MeetingRules:
    """The meeting of bondholders, by default as the companies code has it (art. 7:161 to 7:176); shares are fractions.

    `homologation_below` is the share of all outstanding below which an approval needs the court of appeal. `by_class`:
    where rights differ, the conditions hold in each class.
    """

    notice_days: int = 15
    holders_may_call: Decimal = Decimal("0.2")
    first_quorum: Decimal = Decimal("0.5")
    second_quorum: Decimal = Decimal(0)
    majority: Decimal = Decimal("0.75")
    homologation_below: Fraction = Fraction(1, 3)
    by_class: bool = True

    def for_vote(self, *, has_classes: bool, exempt: bool) -> VoteTerms:
        """The same as a vote has them; refuses `meeting-rules-malformed`."""
        return VoteTerms(
            notice_days=self.notice_days,
            quorum_first=Fraction(self.first_quorum),
            quorum_second=Fraction(self.second_quorum),
            majority=Fraction(self.majority),
            homologation_below=self.homologation_below,
            class_conflict=self.by_class and has_classes,
            exempt=exempt,
        )


@dataclass(frozen=True, slots=True)
class GreenLabel:
    """What a label promises: `standard` is `EuGB` (Regulation (EU) 2023/2631) or an ICMA principle's name.

    `factsheet_sha256` is the hash of the paper published before the issue, `reviewer` who looked at it from outside.
    """

    standard: str
    reviewer: str
    factsheet_sha256: str


@dataclass(frozen=True, kw_only=True)
class SeriesTerms:
    """The terms of an issue; amounts in cents, rates and margins as fractions a year, prices in percent of nominal.

    `units` are issued at most; fewer than `minimum_units` and the issue fails; `ceiling_units` may be subscribed.
    `resident_margin` is added for holders who on the record date live in `residents`: a commune by its name, or the
    Region as `BE-BRU`. Until `priority_until_on` only residents of its commune may subscribe. `cap_units` is the most
    of one person. The record date lies `record_days` days of TARGET before a payment. `lottery_seed_sha256` binds the
    issuer to a seed before anybody subscribes. `reductions` are none at the issue: a meeting of the holders makes them.
    """

    issuer: str
    issuer_kind: IssuerKind
    title: str
    commune: str
    pitch: Mapping[str, str]
    use_of_funds: Mapping[str, str]
    risks: Mapping[str, str]
    nominal_cents: int
    units: int
    minimum_units: int
    ceiling_units: int
    coupons: tuple[CouponStep, ...]
    issued_on: date
    matures_on: date
    months: int
    day_count: DayCount
    opens_on: date
    closes_on: date
    placement: Placement = Placement.PUBLIC
    sector: str = "public"
    price_percent: Decimal = Decimal(100)
    first_coupon_on: date | None = None
    roll: Roll = Roll.FOLLOWING
    record_days: int = 1
    payment_days: int = 7
    smallest_units: int = 1
    cap_units: int | None = None
    residents: str = ""
    resident_margin: Decimal = Decimal(0)
    priority_until_on: date | None = None
    allotment: AllotmentRule = AllotmentRule.PRO_RATA
    lottery_seed_sha256: str = ""
    call: CallTerms | None = None
    put: PutTerms | None = None
    security: str = ""
    tax_status: TaxStatus = TaxStatus.ORDINARY
    meeting: MeetingRules = field(default_factory=MeetingRules)
    green: GreenLabel | None = None
    proceeds: ProceedsTerms = field(default_factory=ProceedsTerms)
    reductions: tuple[Reduction, ...] = ()

    @cached_property
    def bond(self) -> BondTerms:
        """The bond as its mathematics has it, at the rate of its first coupon; refuses what `BondTerms` refuses."""
        return BondTerms(
            self.nominal_cents,
            self.coupons[0].rate_annual,
            self.issued_on,
            self.matures_on,
            self.months,
            self.day_count,
            self.first_coupon_on,
            self.roll,
        )

    @property
    def price_cents(self) -> int:
        """What a unit costs; the terms were checked to make whole cents."""
        return int(self.nominal_cents * self.price_percent) // PERCENT

    @property
    def owed_cents(self) -> int:
        """What a unit is redeemed for at par: the nominal, less what holders gave up of it."""
        return self.nominal_cents - sum(each.cents for each in self.reductions)

    def period(self, n: int) -> CouponPeriod:
        """Coupon number `n`; refuses `coupon-not-known`."""
        if not 1 <= n <= len(self.bond.periods):
            raise Refusal("coupon-not-known", n=n, coupons=len(self.bond.periods))
        return self.bond.periods[n - 1]

    def rate(self, n: int, *, resident: bool) -> Fraction:
        """The rate a year of coupon `n`."""
        step = max((each for each in self.coupons if each.from_n <= n), key=lambda each: each.from_n)
        return Fraction(step.rate_annual) + (Fraction(self.resident_margin) if resident else 0)

    def interest(self, n: int, *, resident: bool, until: date | None = None) -> Fraction:
        """What one unit earns in coupon `n`'s period, exactly in cents; of a part of it, until a day."""
        period = self.period(n)
        years = self.bond.interest_years(period, until or period.closes_on)
        given_up = sum(each.cents for each in self.reductions if each.from_n <= n)
        return (self.nominal_cents - given_up) * years * self.rate(n, resident=resident)

    def record_on(self, paid_on: date) -> date:
        """The day at whose close a holder must be in the register to be paid on `paid_on`."""
        return add_target_days(paid_on, -self.record_days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A series as it was drafted, with the offer through which it is subscribed."""

    series_id: str
    offer_id: str
    terms: SeriesTerms

    @property
    def asset(self) -> Asset:
        """What the register counts: whole units."""
        return series_asset(self.series_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A coupon or a redemption: the register as it stood at the close of `record_on` and known at entry `known_at`.

    `coupon` is the number of the coupon that is paid, or in whose period redeemed units have accrued; 0 where none is.
    `rounding_cents` is what the exact total of the interest is more than the holders' cents; the issuer pays both.
    """

    series_id: str
    run: str
    kind: RunKind
    coupon: int
    record_on: date
    paid_on: date
    known_at: int
    lines: int
    interest_cents: int
    principal_cents: int
    rounding_cents: int

    @property
    def due_cents(self) -> int:
        """What the issuer is asked for."""
        return self.interest_cents + self.principal_cents + self.rounding_cents

    @property
    def run_id(self) -> str:
        """What moves of the run go by."""
        return f"{self.series_id}:{self.run}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One holder's part of a run, before tax: of `units` held on the record date, `redeemed_units` are redeemed."""

    number: int
    holder: str
    units: int
    interest_cents: int
    redeemed_units: int
    principal_cents: int


def series_asset(series_id: str) -> Asset:
    """The asset in which a series' units are counted."""
    return Asset(f"BOND-{series_id.upper()}", 0)


def check_terms(terms: SeriesTerms) -> None:
    """Refuses terms that make no issue: `series-…` by what is at fault, and what `BondTerms` refuses."""
    _check_sizes(terms)
    _check_coupons(terms)
    _check_days(terms)
    _check_early_redemption(terms)
    check_proceeds(terms.proceeds, issued_on=terms.issued_on)
    _check_meeting(terms)
    if terms.green and not (terms.green.standard and terms.green.reviewer and terms.green.factsheet_sha256):
        raise Refusal("series-label-incomplete", standard=terms.green.standard)
    texts = (terms.pitch, terms.use_of_funds, terms.risks)
    missing = sorted({language for text in texts for language in LANGUAGES if not text.get(language, "").strip()})
    if missing:
        raise Refusal("offer-text-missing", text="series", languages=missing)


def _check_sizes(terms: SeriesTerms) -> None:
    sizes = {"minimum_units": terms.minimum_units, "units": terms.units, "ceiling_units": terms.ceiling_units}
    if not 0 < terms.smallest_units <= terms.minimum_units <= terms.units <= terms.ceiling_units <= MOST_UNITS:
        raise Refusal("series-sizes-inconsistent", smallest_units=terms.smallest_units, **sizes)
    if terms.cap_units is not None and terms.cap_units < terms.smallest_units:
        raise Refusal("series-sizes-inconsistent", smallest_units=terms.smallest_units, **sizes)
    price = terms.nominal_cents * Fraction(terms.price_percent) / PERCENT
    if price.denominator != 1 or price <= 0:
        raise Refusal("series-price-not-whole-cents", price_percent=str(terms.price_percent))
    if terms.ceiling_units * max(terms.price_cents, terms.nominal_cents) > MAX_MINOR:
        raise Refusal("principal-out-of-range", principal_cents=terms.ceiling_units * terms.price_cents)
    if terms.allotment is AllotmentRule.LOTTERY and not terms.lottery_seed_sha256:
        raise Refusal("lottery-seed-missing")


def _check_coupons(terms: SeriesTerms) -> None:
    numbers = [step.from_n for step in terms.coupons]
    if not numbers or numbers[0] != 1 or numbers != sorted(set(numbers)):
        raise Refusal("series-coupons-malformed", from_n=[str(n) for n in numbers])
    for rate in (*(step.rate_annual for step in terms.coupons), terms.resident_margin):
        check_rate(rate)
    if numbers[-1] > len(terms.bond.periods):
        raise Refusal("coupon-not-known", n=numbers[-1], coupons=len(terms.bond.periods))
    if not terms.residents and (terms.resident_margin or terms.priority_until_on):
        raise Refusal("series-residents-not-named")
    if terms.priority_until_on and not is_same_commune(terms.residents, terms.commune):
        raise Refusal("series-residents-not-named")


def _check_days(terms: SeriesTerms) -> None:
    last_money_on = terms.closes_on + timedelta(days=max(terms.payment_days, REFLECTION_DAYS))
    if not (terms.opens_on <= terms.closes_on and last_money_on < terms.issued_on) or terms.payment_days < 0:
        raise Refusal(
            "series-dates-inconsistent",
            opens_on=terms.opens_on.isoformat(),
            closes_on=terms.closes_on.isoformat(),
            issued_on=terms.issued_on.isoformat(),
        )
    first_record_on = terms.record_on(terms.bond.periods[0].paid_on)
    if terms.record_days < 1 or first_record_on < terms.issued_on:
        raise Refusal("series-record-date-unusable", record_days=terms.record_days)


def _check_meeting(terms: SeriesTerms) -> None:
    terms.meeting.for_vote(has_classes=False, exempt=False)
    if not 0 <= terms.meeting.holders_may_call <= 1:
        raise Refusal("meeting-rules-malformed", member="holders_may_call")
    if terms.reductions:
        raise Refusal("series-field-unknown", field="reductions")


def _check_early_redemption(terms: SeriesTerms) -> None:
    days = [*([terms.call.first_on] if terms.call else []), *(terms.put.days if terms.put else ())]
    if any(not terms.issued_on < day < terms.matures_on for day in days):
        raise Refusal("redemption-day-unusable", redeem_on=min(days).isoformat())
    for each in (terms.call, terms.put):
        if each and not (0 <= each.notice_days <= _LONGEST_NOTICE and each.price_percent > 0):
            raise Refusal("redemption-notice-unusable", notice_days=each.notice_days)
        if each and (terms.nominal_cents * Fraction(each.price_percent) / PERCENT).denominator != 1:
            raise Refusal("series-price-not-whole-cents", price_percent=str(each.price_percent))
