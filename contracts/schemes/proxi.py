"""The proxi loan, regime B: who may lend to whom, how much, at what rate and for how long.

Every condition is checked against the rows in force on the date of conclusion, and a check that passes returns the rows
it rests on, so that whoever shows its outcome can also show which of them are provisional. Tax residence is not among
the conditions: it decides the tax credit only (`contracts.schemes.credit`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from contracts.schemes.credit import credit_by_year as credit_by_year
from contracts.schemes.credit import tax_credit as tax_credit
from contracts.schemes.rules import Rule, rule
from contracts.terms.dates import MONTHS_A_YEAR, add_months
from contracts.terms.schedule import Every, RepaymentKind, Terms
from ledger.errors import Refusal

SCHEME = "proxi.B"


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
    SHAREHOLDER = "shareholder"
    BORROWER = "borrower"


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
    shareholding: Decimal = Decimal(0)
    """Fraction of the borrower's shares, direct and indirect, together with the spouse."""
    is_proxi_borrower: bool = False
    """Borrower of a running proxi loan."""


@dataclass(frozen=True, slots=True)
class ProxiApplication:
    """One lender's part of one loan, with what both already have: all amounts in cents, this part not included.

    `lender_concluded_cents` counts what the lender concludes in the calendar year of `concluded_on`, on every platform.
    """

    concluded_on: date
    rate_annual: Decimal
    term_years: int
    repayment: str
    amount_cents: int
    lender: LenderFacts = field(default_factory=LenderFacts)
    lender_concluded_cents: int = 0
    lender_outstanding_cents: int = 0
    borrower_outstanding_cents: int = 0


def check(application: ProxiApplication) -> tuple[Rule, ...]:
    """All conditions of one lender's part; returns every rule used, or raises the first refusal.

    >>> application = ProxiApplication(date(2026, 3, 2), Decimal("0.0350"), 5, "month", 50_000)
    >>> [row.id for row in check(application) if row.is_provisional][:2]
    ['BE/legal_rate@2026-01-01', 'proxi.B/rate_floor_of_legal_rate@2024-03-01']
    """
    on = application.concluded_on
    conditions = check_conditions(
        concluded_on=on,
        rate_annual=application.rate_annual,
        term_years=application.term_years,
        repayment=application.repayment,
    )
    return (
        *conditions,
        *check_lender(application.lender, concluded_on=on),
        *check_lender_caps(
            concluded_on=on,
            amount_cents=application.amount_cents,
            concluded_cents=application.lender_concluded_cents,
            outstanding_cents=application.lender_outstanding_cents,
        ),
        *check_borrower_cap(
            on=on, amount_cents=application.amount_cents, outstanding_cents=application.borrower_outstanding_cents
        ),
    )


def check_conditions(*, concluded_on: date, rate_annual: Decimal, term_years: int, repayment: str) -> tuple[Rule, ...]:
    """The loan's own conditions, before any lender: rate, term, form of repayment.

    Refuses `rate-outside-corridor`, `term-not-allowed`, `repayment-not-allowed`, `no-rule-for-date`.
    """
    corridor = rate_corridor(concluded_on)
    terms, forms = rule(SCHEME, "term_years", concluded_on), rule(SCHEME, "repayment_forms", concluded_on)
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


def rate_corridor(concluded_on: date) -> Corridor:
    """The rates allowed on a date: from half the legal rate to the legal rate; refuses `no-rule-for-date`.

    >>> corridor = rate_corridor(date(2026, 3, 2))
    >>> corridor.floor, corridor.ceiling
    (Decimal('0.02250'), Decimal('0.04500'))
    """
    legal = rule("BE", "legal_rate", concluded_on)
    floor = rule(SCHEME, "rate_floor_of_legal_rate", concluded_on)
    ceiling = rule(SCHEME, "rate_ceiling_of_legal_rate", concluded_on)
    return Corridor(
        floor=legal.decimal() * floor.decimal(),
        ceiling=legal.decimal() * ceiling.decimal(),
        rules=(legal, floor, ceiling),
    )


def check_lender(lender: LenderFacts, *, concluded_on: date) -> tuple[Rule, ...]:
    """Whether this person may lend to this borrower; refuses `lender-ineligible-…` (see `LenderBar`)."""
    limit = rule(SCHEME, "shareholding_limit", concluded_on)
    bars = (
        (not lender.is_natural_person, LenderBar.NOT_A_NATURAL_PERSON),
        (lender.acts_in_trade, LenderBar.ACTS_IN_TRADE),
        (lender.is_employee, LenderBar.EMPLOYEE),
        (lender.is_spouse_or_cohabitant, LenderBar.SPOUSE),
        (lender.is_director, LenderBar.DIRECTOR),
        (lender.is_proxi_borrower, LenderBar.BORROWER),
    )
    for applies, bar in bars:
        if applies:
            raise Refusal(f"lender-ineligible-{bar.value}")
    if lender.shareholding > limit.decimal():
        raise Refusal(
            f"lender-ineligible-{LenderBar.SHAREHOLDER.value}",
            share_percent=_percent(lender.shareholding),
            limit_percent=_percent(limit.decimal()),
        )
    return (limit,)


def check_lender_caps(
    *, concluded_on: date, amount_cents: int, concluded_cents: int, outstanding_cents: int
) -> tuple[Rule, ...]:
    """The lender's two caps, `amount_cents` added: concluded in the calendar year, and outstanding at any time.

    Refuses `lender-cap-exceeded` and `lender-stock-cap-exceeded`, with what is still possible.
    """
    flow = rule(SCHEME, "lender_flow_cap_cents", concluded_on)
    stock = rule(SCHEME, "lender_stock_cap_cents", concluded_on)
    if concluded_cents + amount_cents > flow.integer():
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
    return (flow, stock)


def check_borrower_cap(*, on: date, amount_cents: int, outstanding_cents: int) -> tuple[Rule, ...]:
    """The borrower's cap on principal granted and not repaid; refuses `borrower-cap-exceeded`."""
    cap = rule(SCHEME, "borrower_stock_cap_cents", on)
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
