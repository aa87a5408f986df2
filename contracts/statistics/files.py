"""The files of the statistics: the same bytes for the same books and the same day.

statistics.json    every figure of the page, exact, with definitions and the data dictionary
loan-book.csv      one row a loan (RFC 4180, UTF-8)
"""

import csv
import io
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files

from contracts.servicing.model import DEFAULTED_AFTER
from contracts.statistics.defaults import CONCESSION_MONTHS
from contracts.statistics.figures import VERSION, DefaultRate, RecoveryPoint, Statistics
from contracts.statistics.loan_book import COLUMNS, WITHHELD, K, Row
from contracts.statistics.rate import WindowRate
from contracts.terms.exact import decimal_half_up
from ledger.storage.base import JSON

_DECIMALS = 6
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
SOURCE = "Regulation (EU) 2020/1503, article 20; Delegated Regulation (EU) 2022/2115, articles 1 to 3"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the loan book: its name, what it holds, and what it means in each language."""

    name: str
    type: str
    meaning: Mapping[str, str]


@cache
def dictionary() -> tuple[Column, ...]:
    """The columns of the loan book, in the order of the file."""
    stated = tomllib.loads(files("contracts.statistics").joinpath("dictionary.toml").read_text("utf-8"))
    assert tuple(stated) == COLUMNS, "the dictionary has every column, in order"
    return tuple(Column(name, row.pop("type"), row) for name, row in stated.items())


def loan_book_csv(rows: Iterable[Row]) -> bytes:
    """The loan book; what a spreadsheet would take for a formula is led by an apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        cells = [str(getattr(row, name)) for name in COLUMNS]
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return out.getvalue().encode()


def statistics_json(figures: Statistics) -> bytes:
    """Every figure: amounts in cents, shares as fractions in text with six decimals, null where there is none."""
    body = {
        "format": f"bxl-statistics/{VERSION}",
        "on": figures.on.isoformat(),
        "source": SOURCE,
        "definitions": _definitions(),
        "default_rate": rate_json(figures.default_rate),
        "default_rate_by_risk_class": {name: rate_json(rate) for name, rate in figures.by_class.items()},
        "totals": asdict(figures.totals),
        "agreed_not_paid_out": {"loans": figures.agreed, "cents": figures.agreed_cents},
        "vintages": [{"year": each.year, **asdict(each.amounts)} for each in figures.vintages],
        "recovery": [_recovery(point) for point in figures.recovery],
        "data_dictionary": [
            {"column": each.name, "type": each.type, "meaning": dict(each.meaning)} for each in dictionary()
        ],
    }
    return (json.dumps(body, ensure_ascii=False, indent=2) + "\n").encode()


def rate_json(rate: DefaultRate) -> dict[str, JSON]:
    """A default rate with its windows; `running` is the year that is not over, which the rate leaves out."""
    return {
        "rate": fraction_text(rate.rate),
        "windows": [window_json(each) for each in rate.windows],
        "running": None if rate.running is None else window_json(rate.running),
    }


def window_json(each: WindowRate) -> dict[str, JSON]:
    """One window: numerator by ground, denominator, rate."""
    return {
        "starts_on": each.window.starts_on.isoformat(),
        "ends_on": each.window.ends_on.isoformat(),
        "loans": each.loans,
        "defaults": each.defaults,
        "grounds": {ground.value: count for ground, count in each.grounds.items()},
        "rate": fraction_text(each.rate),
    }


def fraction_text(value: Fraction | None) -> str | None:
    """A fraction with six decimals, half up.

    >>> fraction_text(Fraction(1, 20)), fraction_text(None)
    ('0.050000', None)
    """
    return None if value is None else str(decimal_half_up(value, _DECIMALS))


def _recovery(point: RecoveryPoint) -> dict[str, JSON]:
    return {
        "months": point.months,
        "loans": point.loans,
        "exposure_cents": point.exposure_cents,
        "recovered_cents": point.recovered_cents,
        "share": fraction_text(point.share),
    }


def _definitions() -> dict[str, JSON]:
    return {
        "default_days_past_due": DEFAULTED_AFTER,
        "materiality_cents": 0,
        "concession_months": CONCESSION_MONTHS,
        "concession": "a plan that cuts principal, makes it shares, or takes more than 1 % of the present value",
        "window": "calendar year",
        "average": "simple mean of the windows that are over and in which a loan counts, since the first loan",
        "numerator": "loans of the denominator with at least one default in the window, by count",
        "denominator": "loans running and not in default at its beginning, with a payment due in it or still unpaid",
        "identity": "lent_cents + capitalised_cents = repaid_cents + outstanding_cents + lost_cents + cut_cents + "
        "converted_cents",
        "capitalised_cents": "called interest that plans in effect made principal",
        "cut_cents": "principal that plans in effect took away, also where it may still be owed again",
        "converted_cents": "principal that became shares; it is not repaid",
        "recovery": "principal received since the first default, of principal outstanding before it; only defaults "
        "that are at least so many months old",
        "loan_book": f"what fewer than {K} loans have in common is {WITHHELD}",
    }
