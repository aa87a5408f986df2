"""The conditions of a scheme: who may lend to whom, how much, at what rate and for how long.

Every condition is checked against the scheme's rows in force on the date of conclusion, and a check that passes returns
the rows it rests on, so that whoever shows its outcome can also show which of them are provisional. Tax residence is no
condition: it decides the tax credit only (`contracts.schemes.credit`).

Which of two regimes a proxi loan belongs to goes by its registration. A loan that was concluded under the one and
registered under the other has no row on its date of conclusion, and is refused rather than judged by another's rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from contracts.schemes.rules import Rule, rule, rule_of_those_that_have_it
from contracts.terms.dates import MONTHS_A_YEAR, add_months
from contracts.terms.schedule import Every, RepaymentKind, Terms
from ledger.errors import Refusal

PROXI_A, PROXI_B = "proxi.A", "proxi.B"
REGIME_B_FROM = date(2024, 3, 1)
"""Entry into force of the government order of 8 February 2024: loans registered from then on are of regime B."""


@dataclass(frozen=True, slots=True)
class Corridor:
    """The lowest and highest nominal rate a year on a date, and the rules they follow from."""

    floor: Decimal
    ceiling: Decimal
    rules: tuple[Rule, ...]


class LenderBar(StrEnum):
    """Why a lender cannot lend; each is also the end of a refusal's code, `lender-ineligible-…`."""

    NOT_A_NATURAL_PERSON = "not-a-natural-person"
    ACTS_IN_TRADE = "acts-in-trade"
    EMPLOYEE = "employee"
    SPOUSE = "spouse"
    DIRECTOR = "director"
    FOUNDER = "founder"
    SHAREHOLDER = "shareholder"
    BORROWER = "borrower"


class BorrowerBar(StrEnum):
    """Why an enterprise cannot borrow; each is also the end of a refusal's code, `borrower-ineligible-…`."""

    NOT_AN_SME = "not-an-sme"
    OUTSIDE_REGION = "outside-region"
    SECTOR = "sector"
    FOSSIL_FUELS = "fossil-fuels"
    USE_OF_FUNDS = "use-of-funds"
    CONDUCT = "conduct"


@dataclass(frozen=True, slots=True)
class LenderFacts:
    """What the scheme asks of a lender in relation to this borrower, on the date of conclusion."""

    is_natural_person: bool = True
    acts_in_trade: bool = False
    is_employee: bool = False
    is_spouse_or_cohabitant: bool = False
    """Spouse or legal cohabitant of the borrower who is self-employed."""
    is_director: bool = False
    """Director or manager of the borrower, or the spouse or legal cohabitant of one."""
    is_founder: bool = False
    shareholding: Decimal = Decimal(0)
    """Fraction of the borrower's shares, direct and indirect, together with the spouse."""
    is_proxi_borrower: bool = False
    """Borrower of a running proxi loan."""


@dataclass(frozen=True, slots=True)
class BorrowerFacts:
    """What the scheme asks of the enterprise, at conclusion and, for most of it, during the whole term."""

    is_sme: bool = True
    """Fewer than 250 full-time equivalents, and a turnover up to 50 M EUR or a balance sheet up to 43 M EUR."""
    is_established_in_region: bool = True
    """Registered, with an active establishment unit in the scheme's region."""
    is_in_excluded_sector: bool = False
    is_in_fossil_fuels: bool = False
    """Prospection, extraction, processing, transport or storage of fossil fuels."""
    funds_serve_activity: bool = True
    """The money serves the enterprise's own activity only: no dividend, no purchase of shares."""
    has_declared_conduct: bool = True
    """The sworn declaration on law, fundamental rights, corruption and tax havens is filed, and nothing belies it."""


@dataclass(frozen=True, slots=True)
class Application:
    """One lender's part of one loan, with what both already have: all amounts in cents, this part not included.

    `lender_concluded_cents` counts what the lender concludes in the calendar year of `concluded_on`, on every platform
    and over both regimes of the proxi loan. `registered_on` is None while the loan is not registered.
    """

    scheme: str
    concluded_on: date
    rate_annual: Decimal
    term_years: int
    repayment: str
    amount_cents: int
    lender: LenderFacts = field(default_factory=LenderFacts)
    lender_concluded_cents: int = 0
    lender_outstanding_cents: int = 0
    borrower: BorrowerFacts = field(default_factory=BorrowerFacts)
    borrower_outstanding_cents: int = 0
    registered_on: date | None = None


def check(application: Application) -> tuple[Rule, ...]:
    """All conditions of one lender's part; returns every rule used, or raises the first refusal.

    >>> application = Application(PROXI_B, date(2026, 3, 2), Decimal("0.0350"), 5, "month", 50_000)
    >>> [row.id for row in check(application) if row.is_provisional][:2]
    ['BE/legal_rate@2026-01-01', 'proxi.B/rate_floor_of_legal_rate@2024-03-01']
    """
    on, scheme = application.concluded_on, application.scheme
    check_registration(scheme, concluded_on=on, registered_on=application.registered_on)
    conditions = check_conditions(
        scheme,
        concluded_on=on,
        rate_annual=application.rate_annual,
        term_years=application.term_years,
        repayment=application.repayment,
    )
    return (
        *conditions,
        *check_lender(scheme, application.lender, concluded_on=on),
        *check_lender_caps(
            scheme,
            concluded_on=on,
            amount_cents=application.amount_cents,
            concluded_cents=application.lender_concluded_cents,
            outstanding_cents=application.lender_outstanding_cents,
        ),
        *check_borrower(scheme, application.borrower, on=on),
        *check_borrower_cap(
            scheme,
            on=on,
            amount_cents=application.amount_cents,
            outstanding_cents=application.borrower_outstanding_cents,
        ),
    )


def regime(scheme: str, registered_on: date | None) -> str:
    """The scheme whose rules a loan of `scheme` keeps, by the date of its registration.

    >>> regime("proxi.B", date(2024, 2, 29)), regime("winwin", date(2024, 2, 29)), regime("proxi.A", None)
    ('proxi.A', 'winwin', 'proxi.A')
    """
    if registered_on is None or scheme not in {PROXI_A, PROXI_B}:
        return scheme
    return PROXI_A if registered_on < REGIME_B_FROM else PROXI_B


def check_registration(scheme: str, *, concluded_on: date, registered_on: date | None) -> None:
    """A loan is registered once it is concluded, and keeps the rules of its regime.

    Refuses `registered-before-concluded` and `regime-differs`.
    """
    if registered_on is not None and registered_on < concluded_on:
        raise Refusal(
            "registered-before-concluded",
            registered_on=registered_on.isoformat(),
            concluded_on=concluded_on.isoformat(),
        )
    if registered_on is not None and regime(scheme, registered_on) != scheme:
        raise Refusal(
            "regime-differs",
            scheme=scheme,
            regime=regime(scheme, registered_on),
            registered_on=registered_on.isoformat(),
        )


def check_conditions(
    scheme: str, *, concluded_on: date, rate_annual: Decimal, term_years: int, repayment: str
) -> tuple[Rule, ...]:
    """The loan's own conditions, before any lender: rate, term, form of repayment.

    Refuses `rate-outside-corridor`, `term-not-allowed`, `repayment-not-allowed`, `no-rule-for-date`.
    """
    corridor = rate_corridor(scheme, concluded_on)
    terms, forms = rule(scheme, "term_years", concluded_on), rule(scheme, "repayment_forms", concluded_on)
    if not corridor.floor <= rate_annual <= corridor.ceiling:
        raise Refusal(
            "rate-outside-corridor",
            rate_percent=_percent(rate_annual),
            floor_percent=_percent(corridor.floor),
            ceiling_percent=_percent(corridor.ceiling),
            concluded_on=concluded_on.isoformat(),
        )
    if term_years not in terms.members():
        raise Refusal("term-not-allowed", term_years=term_years, allowed=_words(terms))
    if repayment not in forms.members():
        raise Refusal("repayment-not-allowed", repayment=repayment, allowed=_words(forms))
    return (*corridor.rules, terms, forms)


def rate_corridor(scheme: str, concluded_on: date) -> Corridor:
    """The rates allowed on a date: from half the legal rate to the legal rate; refuses `no-rule-for-date`.

    >>> corridor = rate_corridor(PROXI_B, date(2026, 3, 2))
    >>> corridor.floor, corridor.ceiling
    (Decimal('0.02250'), Decimal('0.04500'))
    """
    legal = rule("BE", "legal_rate", concluded_on)
    floor = rule(scheme, "rate_floor_of_legal_rate", concluded_on)
    ceiling = rule(scheme, "rate_ceiling_of_legal_rate", concluded_on)
    return Corridor(
        floor=legal.decimal() * floor.decimal(),
        ceiling=legal.decimal() * ceiling.decimal(),
        rules=(legal, floor, ceiling),
    )


def check_lender(scheme: str, lender: LenderFacts, *, concluded_on: date) -> tuple[Rule, ...]:
    """Whether this person may lend to this borrower; refuses `lender-ineligible-…` (see `LenderBar`)."""
    bars, limit = rule(scheme, "lender_bars", concluded_on), rule(scheme, "shareholding_limit", concluded_on)
    for bar, applies in (
        (LenderBar.NOT_A_NATURAL_PERSON, not lender.is_natural_person),
        (LenderBar.ACTS_IN_TRADE, lender.acts_in_trade),
        (LenderBar.EMPLOYEE, lender.is_employee),
        (LenderBar.SPOUSE, lender.is_spouse_or_cohabitant),
        (LenderBar.DIRECTOR, lender.is_director),
        (LenderBar.FOUNDER, lender.is_founder),
        (LenderBar.BORROWER, lender.is_proxi_borrower),
    ):
        if applies and bar in bars.members():
            raise Refusal(f"lender-ineligible-{bar.value}")
    if lender.shareholding > limit.decimal():
        raise Refusal(
            f"lender-ineligible-{LenderBar.SHAREHOLDER.value}",
            share_percent=_percent(lender.shareholding),
            limit_percent=_percent(limit.decimal()),
        )
    return (bars, limit)


def check_borrower(scheme: str, borrower: BorrowerFacts, *, on: date) -> tuple[Rule, ...]:
    """Whether this enterprise may borrow under the scheme; refuses `borrower-ineligible-…` (see `BorrowerBar`)."""
    bars = rule(scheme, "borrower_bars", on)
    for bar, applies in (
        (BorrowerBar.NOT_AN_SME, not borrower.is_sme),
        (BorrowerBar.OUTSIDE_REGION, not borrower.is_established_in_region),
        (BorrowerBar.SECTOR, borrower.is_in_excluded_sector),
        (BorrowerBar.FOSSIL_FUELS, borrower.is_in_fossil_fuels),
        (BorrowerBar.USE_OF_FUNDS, not borrower.funds_serve_activity),
        (BorrowerBar.CONDUCT, not borrower.has_declared_conduct),
    ):
        if applies and bar in bars.members():
            raise Refusal(f"borrower-ineligible-{bar.value}")
    return (bars,)


def check_lender_caps(
    scheme: str, *, concluded_on: date, amount_cents: int, concluded_cents: int, outstanding_cents: int
) -> tuple[Rule, ...]:
    """The lender's caps, `amount_cents` added: concluded in the calendar year, where there is one, and outstanding.

    Refuses `lender-cap-exceeded` and `lender-stock-cap-exceeded`, with what is still possible.
    """
    flow = rule_of_those_that_have_it(scheme, "lender_flow_cap_cents", concluded_on)
    stock = rule(scheme, "lender_stock_cap_cents", concluded_on)
    if flow is not None and concluded_cents + amount_cents > flow.integer():
        raise Refusal(
            "lender-cap-exceeded",
            amount_cents=amount_cents,
            limit_cents=flow.integer(),
            left_cents=max(0, flow.integer() - concluded_cents),
            year=concluded_on.year,
        )
    if outstanding_cents + amount_cents > stock.integer():
        raise Refusal(
            "lender-stock-cap-exceeded",
            amount_cents=amount_cents,
            limit_cents=stock.integer(),
            left_cents=max(0, stock.integer() - outstanding_cents),
        )
    return (stock,) if flow is None else (flow, stock)


def check_borrower_cap(scheme: str, *, on: date, amount_cents: int, outstanding_cents: int) -> tuple[Rule, ...]:
    """The borrower's cap on principal granted and not repaid; refuses `borrower-cap-exceeded`."""
    cap = rule(scheme, "borrower_stock_cap_cents", on)
    if outstanding_cents + amount_cents > cap.integer():
        raise Refusal(
            "borrower-cap-exceeded",
            amount_cents=amount_cents,
            limit_cents=cap.integer(),
            left_cents=max(0, cap.integer() - outstanding_cents),
        )
    return (cap,)


def term_in_years(terms: Terms) -> int:
    """The whole years from start to last instalment; refuses `term-not-whole-years`.

    >>> from contracts.terms.schedule import Every
    >>> five = (50_000, Decimal("0.035"), date(2026, 3, 2), date(2026, 4, 2), 60, Every.MONTH, RepaymentKind.ANNUITY)
    >>> term_in_years(Terms(*five))
    5
    """
    term_years = terms.ends_on.year - terms.starts_on.year
    if add_months(terms.starts_on, MONTHS_A_YEAR * term_years) != terms.ends_on:
        raise Refusal("term-not-whole-years", starts_on=terms.starts_on.isoformat(), ends_on=terms.ends_on.isoformat())
    return term_years


def repayment_form(kind: RepaymentKind, every: Every) -> str:
    """How the scheme calls a form of repayment: `bullet`, or the frequency of the instalments.

    Article 6 names no capitalised interest and no period counted in days: these go by names of their own, which no rule
    allows. Interest added to the debt would moreover count as attributed, hence taxed, long before it is paid.
    """
    if kind is RepaymentKind.BULLET_CAPITALISED:
        return kind.value
    return "bullet" if kind is RepaymentKind.BULLET and every.months else every.value


def provisional(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Those of `rules` whose figures must be shown with reserve."""
    return tuple(row for row in rules if row.is_provisional)


def _percent(rate: Decimal) -> str:
    """A rate as a number of percent without needless zeros.

    >>> _percent(Decimal("0.02250"))
    '2.25'
    """
    return f"{(rate * 100).normalize():f}"


def _words(row: Rule) -> tuple[str, ...]:
    return tuple(str(member) for member in row.members())
