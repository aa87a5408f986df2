"""The public loan book: one row a loan, under a pseudonym, so coarse that no row is the only one of its kind.

What was offered is public with the borrower's name beside it. A row with the exact amount, rate, term and day would say
which enterprise is behind; so amounts and rates are bands, progress is stated in steps of five percent, and a row shows
no more of what was agreed than at least five loans have in common: what else it has is `withheld`, in the order of
`LADDER`. Lenders are no part of the file. Exact sums are in the statistics, over all loans.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal

from contracts.statistics.figures import LoanFigures

K = 5
"""How many loans at least have in common what a row shows of the agreement."""
WITHHELD = "withheld"
STEP_PERCENT = 5
_PRINCIPALS = (2_500_000, 5_000_000, 10_000_000, 15_000_000, 25_000_000)
_EUR = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What was agreed, by offer, and the loan's public name."""

    pseudonym: str
    rate_annual: Decimal
    term_years: int
    repayment: str
    sector: str
    scheme: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One loan as text, column by column; `dictionary.toml` says what each column means."""

    loan: str
    risk_class: str
    scheme: str
    vintage: str
    principal_eur: str
    rate_percent: str
    term_years: str
    repayment: str
    sector: str
    state: str
    in_default: str
    repaid_percent: str
    outstanding_percent: str
    lost_percent: str
    recovered_percent: str
    cut_percent: str
    converted_percent: str
    capitalised_percent: str
    first_default: str
    first_default_ground: str
    counted_in: str
    defaulted_in: str


COLUMNS = tuple(field.name for field in fields(Row))
LADDER = ("sector", "repayment", "rate_percent", "principal_eur", "term_years", "scheme", "vintage")
"""What is withheld, one after the other, until five loans look alike."""
_BY_YEAR = ("first_default", "counted_in", "defaulted_in")
"""Columns that tell the vintage, and are withheld with it."""


def loan_book(loans: Iterable[tuple[Profile, LoanFigures]]) -> list[Row]:
    """Every loan that is paid out, in the order of their pseudonyms, which tells nothing."""
    rows = sorted((_row(profile, figures) for profile, figures in loans), key=lambda row: row.loan)
    return sorted(_alike(rows), key=lambda row: row.loan)


def principal_band(cents: int) -> str:
    """Thousands of euro from and to, the upper end not included.

    >>> principal_band(2_499_999), principal_band(2_500_000), principal_band(25_000_000)
    ('0-25000', '25000-50000', '250000+')
    """
    lower = max((edge for edge in _PRINCIPALS if edge <= cents), default=0)
    upper = min((edge for edge in _PRINCIPALS if edge > cents), default=None)
    return f"{lower // _EUR}+" if upper is None else f"{lower // _EUR}-{upper // _EUR}"


def rate_band(rate_annual: Decimal) -> str:
    """Percent a year from and to, half a point wide, the upper end not included.

    >>> rate_band(Decimal("0.0350")), rate_band(Decimal("0.0499")), rate_band(Decimal("0"))
    ('3.5-4.0', '4.5-5.0', '0.0-0.5')
    """
    halves = int(rate_annual * 200)
    return f"{halves // 2}.{halves % 2 * 5}-{(halves + 1) // 2}.{(halves + 1) % 2 * 5}"


def in_steps(part_cents: int, whole_cents: int, *, up: bool) -> str:
    """A part in percent, in steps of five; `up` where more is worse, so that rounding never flatters.

    >>> in_steps(1, 300, up=True), in_steps(299, 300, up=False), in_steps(300, 300, up=False), in_steps(0, 300, up=True)
    ('5', '95', '100', '0')
    """
    scaled = part_cents * 100
    steps = -(-scaled // (whole_cents * STEP_PERCENT)) if up else scaled // (whole_cents * STEP_PERCENT)
    return str(steps * STEP_PERCENT)


def _row(profile: Profile, loan: LoanFigures) -> Row:
    assert loan.disbursed_on is not None, "the file has loans that are paid out"
    amounts, lent, whole = loan.amounts, loan.amounts.lent_cents, loan.amounts.principal_cents
    first = loan.spells[0] if loan.spells else None
    calendar = [window for window in loan.outcomes if (window.ends_on.month, window.ends_on.day) == (12, 31)]
    return Row(
        loan=profile.pseudonym,
        risk_class=loan.risk_class,
        scheme=profile.scheme,
        vintage=str(loan.disbursed_on.year),
        principal_eur=principal_band(lent),
        rate_percent=rate_band(profile.rate_annual),
        term_years=str(profile.term_years),
        repayment=profile.repayment,
        sector=profile.sector,
        state=loan.label.value,
        in_default="yes" if amounts.in_default else "no",
        repaid_percent=in_steps(amounts.repaid_cents, whole, up=False),
        outstanding_percent=in_steps(amounts.outstanding_cents, whole, up=True),
        lost_percent=in_steps(amounts.lost_cents, whole, up=True),
        recovered_percent=in_steps(amounts.recovered_cents, whole, up=False),
        cut_percent=in_steps(amounts.cut_cents, whole, up=True),
        converted_percent=in_steps(amounts.converted_cents, whole, up=True),
        capitalised_percent=in_steps(amounts.capitalised_cents, lent, up=True),
        first_default="" if first is None else str(first.starts_on.year),
        first_default_ground="" if first is None else first.ground.value,
        counted_in=" ".join(str(window.starts_on.year) for window in calendar),
        defaulted_in=" ".join(str(window.starts_on.year) for window in calendar if loan.outcomes[window] is not None),
    )


def _alike(rows: Sequence[Row]) -> list[Row]:
    """The rows with as little withheld as leaves at least `K` of each kind.

    Step by step: rows that have `K` of their kind are done, of the others one more column is withheld. If fewer than
    `K` are left with all of it withheld, the smallest kinds join them; of fewer than `K` loans all is withheld.
    """
    done: list[list[Row]] = []
    left = list(rows)
    for level in range(len(LADDER)):
        kinds: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row in left:
            hidden = _withhold(row, LADDER[:level])
            kinds[tuple(getattr(hidden, name) for name in LADDER)].append(hidden)
        done += [kind for _, kind in sorted(kinds.items()) if len(kind) >= K]
        left = [row for _, kind in sorted(kinds.items()) if len(kind) < K for row in kind]
    done.sort(key=len, reverse=True)
    while 0 < len(left) < K and done:
        left += done.pop()
    return [row for kind in done for row in kind] + [_withhold(row, LADDER) for row in left]


def _withhold(row: Row, names: Sequence[str]) -> Row:
    told = (*names, *_BY_YEAR) if "vintage" in names else names
    return replace(row, **dict.fromkeys(told, WITHHELD))
