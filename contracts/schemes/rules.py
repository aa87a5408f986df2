"""Dated rules: what a scheme's parameter was worth on a date, from where, and how sure that is.

The rows are in `data/*.toml`. A row holds from `valid_from` (included) to `valid_to` (excluded; open if absent),
and two rows of one parameter never overlap. A date without a row is refused, `no-rule-for-date`: no rule is ever
carried over from the last year that was known. The rows are checked when they are loaded; a malformed file stops the
process.

`anchor` names the date that selects the row: the conclusion of the loan, the attribution of the interest, the tax
period, any time. `status` is `confirmed` where the text in force was read, and `provisional` where it was not or where
its continuation is not confirmed; every figure that follows from a provisional row must say so.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files
from itertools import pairwise

from ledger.errors import InvariantError, Refusal

RuleValue = int | Decimal | tuple[int, ...] | tuple[str, ...]


class Anchor(StrEnum):
    """The date that selects the row of a rule."""

    CONCLUSION = "conclusion"
    ATTRIBUTION = "attribution"
    TAX_PERIOD = "tax-period"
    EVENT = "event"
    ANY_TIME = "any-time"


class Confidence(StrEnum):
    """How well the source supports the value."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class RuleStatus(StrEnum):
    """Whether a figure that follows from the rule may be shown without reserve."""

    CONFIRMED = "confirmed"
    PROVISIONAL = "provisional"


@dataclass(frozen=True, slots=True)
class Rule:
    """One dated row. `unit` says what `value` counts: cents, a fraction, years, calendar days, a set of words."""

    scheme: str
    param: str
    value: RuleValue
    unit: str
    anchor: Anchor
    source: str
    confidence: Confidence
    status: RuleStatus
    valid_from: date
    valid_to: date | None

    @property
    def id(self) -> str:
        """A stable name for the row.

        >>> rule("BE", "legal_rate", date(2026, 3, 2)).id
        'BE/legal_rate@2026-01-01'
        """
        return f"{self.scheme}/{self.param}@{self.valid_from.isoformat()}"

    @property
    def is_provisional(self) -> bool:
        """Whether figures that follow from it must be shown with reserve."""
        return self.status is RuleStatus.PROVISIONAL

    def covers(self, on: date) -> bool:
        """Whether the row holds on `on`."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)

    def integer(self) -> int:
        """The value of a rule that is a whole number."""
        if isinstance(self.value, int):
            return self.value
        raise InvariantError(f"{self.id} is not a whole number")

    def decimal(self) -> Decimal:
        """The value of a rule that is a fraction."""
        if isinstance(self.value, Decimal):
            return self.value
        raise InvariantError(f"{self.id} is not a fraction")

    def members(self) -> tuple[int | str, ...]:
        """The value of a rule that is a set."""
        if isinstance(self.value, tuple):
            return self.value
        raise InvariantError(f"{self.id} is not a set")


def rule(scheme: str, param: str, on: date) -> Rule:
    """The row of `scheme` and `param` on a date; refuses `no-rule-for-date`."""
    found = find_rule(scheme, param, on)
    if found is None:
        raise Refusal("no-rule-for-date", scheme=scheme, param=param, wanted_on=on.isoformat())
    return found


def find_rule(scheme: str, param: str, on: date) -> Rule | None:
    """The row of `scheme` and `param` on a date, where a scheme may well have none: a cap that only some know."""
    return next((row for row in _rows().get((scheme, param), ()) if row.covers(on)), None)


def rule_of_those_that_have_it(scheme: str, param: str, on: date) -> Rule | None:
    """The row on a date; None where `scheme` never has such a parameter. Where it has one, refuses like `rule`."""
    return rule(scheme, param, on) if (scheme, param) in _rows() else None


def rules_in_force(scheme: str, on: date) -> tuple[Rule, ...]:
    """All rows of `scheme` on a date, by parameter; none where it has none."""
    return tuple(row for (name, _), rows in sorted(_rows().items()) if name == scheme for row in rows if row.covers(on))


def rules_of(scheme: str, on: date) -> tuple[Rule, ...]:
    """All rows of `scheme` on a date, by parameter; refuses `scheme-unknown` and `no-rule-for-date`."""
    if scheme not in schemes():
        raise Refusal("scheme-unknown", scheme=scheme, known=schemes())
    found = rules_in_force(scheme, on)
    if not found:
        raise Refusal("no-rule-for-date", scheme=scheme, param="*", wanted_on=on.isoformat())
    return found


def schemes(param: str | None = None) -> tuple[str, ...]:
    """The names of all schemes that have rows, or rows of one parameter."""
    return tuple(sorted({scheme for scheme, name in _rows() if param in {None, name}}))


def load(texts: Iterable[str]) -> Mapping[tuple[str, str], tuple[Rule, ...]]:
    """The rows of rule files, checked and in order of date; a malformed file is an `InvariantError`."""
    rows: dict[tuple[str, str], list[Rule]] = defaultdict(list)
    for text in texts:
        table = tomllib.loads(text, parse_float=Decimal)
        if set(table) != {"scheme", "rule"}:
            raise InvariantError(f"a rule file holds `scheme` and `rule`, not {sorted(table)}")
        for raw in table["rule"]:
            row = _row(str(table["scheme"]), raw)
            rows[row.scheme, row.param].append(row)
    return {key: _without_overlap(found) for key, found in rows.items()}


@cache
def _rows() -> Mapping[tuple[str, str], tuple[Rule, ...]]:
    folder = files("contracts.schemes").joinpath("data")
    return load(file.read_text("utf-8") for file in sorted(folder.iterdir(), key=lambda f: f.name))


_COLUMNS = {"param", "value", "unit", "anchor", "source", "confidence", "status", "valid_from"}


def _row(scheme: str, raw: Mapping[str, object]) -> Rule:
    name = f"{scheme}/{raw.get('param')}"
    if set(raw) - {"valid_to"} != _COLUMNS:
        raise InvariantError(f"{name}: columns missing or unknown: {sorted(_COLUMNS ^ (set(raw) - {'valid_to'}))}")
    valid_from, valid_to = raw["valid_from"], raw.get("valid_to")
    if type(valid_from) is not date or not (valid_to is None or type(valid_to) is date):
        raise InvariantError(f"{name}: valid_from and valid_to are dates")
    if valid_to is not None and valid_to <= valid_from:
        raise InvariantError(f"{name}: ends before it begins")
    for column in ("param", "unit", "source"):
        if not isinstance(raw[column], str) or not raw[column]:
            raise InvariantError(f"{name}: {column} is text")
    try:
        anchor, confidence = Anchor(str(raw["anchor"])), Confidence(str(raw["confidence"]))
        status = RuleStatus(str(raw["status"]))
    except ValueError as error:
        raise InvariantError(f"{name}: {error}") from error
    param, unit, source = str(raw["param"]), str(raw["unit"]), str(raw["source"])
    value = _value(name, raw["value"])
    return Rule(scheme, param, value, unit, anchor, source, confidence, status, valid_from, valid_to)


def _value(name: str, value: object) -> RuleValue:
    """Whole numbers, decimals, and sets of whole numbers or words; never text that code would have to parse."""
    if isinstance(value, Decimal) and value.is_finite():
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, list) and value and len(set(value)) == len(value):
        if all(type(member) is int for member in value):
            return tuple(int(member) for member in value)
        if all(type(member) is str for member in value):
            return tuple(str(member) for member in value)
    raise InvariantError(f"{name}: a value is a number or a set, not {value!r}")


def _without_overlap(rows: Sequence[Rule]) -> tuple[Rule, ...]:
    ordered = sorted(rows, key=lambda row: row.valid_from)
    for earlier, later in pairwise(ordered):
        if earlier.valid_to is None or later.valid_from < earlier.valid_to:
            raise InvariantError(f"{earlier.id} and {later.id} overlap")
    return tuple(ordered)
