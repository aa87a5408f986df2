"""Terms of a series as JSON, and the templates from which terms are made."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any, cast

from contracts.bonds.model import (
    AllotmentRule,
    CallTerms,
    CouponStep,
    DrawRule,
    GreenLabel,
    IssuerKind,
    MeetingRules,
    Placement,
    PutTerms,
    Reduction,
    SeriesTerms,
)
from contracts.bonds.projects import LOOK_BACK_MONTHS, ProceedsTerms, Project
from contracts.schemes.withholding import TaxStatus
from contracts.terms.daycount import DayCount
from ledger.calendars import Roll
from ledger.errors import Refusal

Plain = str | int | bool | None | Sequence["Plain"] | Mapping[str, "Plain"]
"""What JSON can say."""

_DAYS = ("issued_on", "matures_on", "opens_on", "closes_on", "first_coupon_on", "priority_until_on")
_COUNTS = (
    "nominal_cents", "units", "minimum_units", "ceiling_units", "months", "record_days", "payment_days",
    "smallest_units", "cap_units",
)  # fmt: skip
_RATES = ("price_percent", "resident_margin")
_OWN_FORM = ("notice_days", "homologation_below", "by_class")
_TEXTS = ("pitch", "use_of_funds", "risks")


def body_of(terms: SeriesTerms) -> dict[str, Plain]:
    """The terms as JSON: what is stored and hashed."""
    return cast("dict[str, Plain]", _plain(asdict(terms)))


def terms_of(body: Mapping[str, Any]) -> SeriesTerms:
    """The terms that `body_of` wrote, or that somebody states in its form.

    Refuses `series-field-unknown`, and `series-field-malformed` by the name of the field.
    """
    known = {each.name for each in fields(SeriesTerms)}
    for name in body:
        if name not in known:
            raise Refusal("series-field-unknown", field=name[:40])
    values: dict[str, Any] = {name: _read(name, value) for name, value in body.items() if value is not None}
    try:
        return SeriesTerms(**values)
    except TypeError as error:
        raise Refusal("series-field-malformed", field=str(error).rpartition(":")[2].strip()) from error


def from_template(name: str, **stated: Plain) -> SeriesTerms:
    """Terms of a kind, with what the issue states in place of the defaults; refuses `series-template-unknown`."""
    if name not in templates():
        raise Refusal("series-template-unknown", template=name[:40], known=sorted(templates()))
    return terms_of({**templates()[name], **stated})


@cache
def templates() -> Mapping[str, Mapping[str, Plain]]:
    """The defaults of every kind of issue there is, by its name."""
    return tomllib.loads(files("contracts.bonds").joinpath("templates.toml").read_text("utf-8"))


def _plain(value: object) -> Plain:
    match value:
        case Enum():
            return str(value.value)
        case date():
            return value.isoformat()
        case Decimal() | Fraction():
            return str(value)
        case dict():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case str() | int() | None:
            return value
        case _:
            raise AssertionError(f"no terms hold {value!r}")


def _read(name: str, value: Any) -> Any:  # noqa: ANN401 -- what somebody states, whose form is checked here
    try:
        return _READERS.get(name, str)(value)
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise Refusal("series-field-malformed", field=name) from error


def _coupons(value: Sequence[Mapping[str, Any]]) -> tuple[CouponStep, ...]:
    return tuple(CouponStep(_count(each["from_n"]), _fraction(each["rate_annual"])) for each in value)


def _call(value: Mapping[str, Any]) -> CallTerms:
    return CallTerms(date.fromisoformat(value["first_on"]), *_notice(value), DrawRule(value["draw"]))


def _put(value: Mapping[str, Any]) -> PutTerms:
    return PutTerms(tuple(map(date.fromisoformat, value["days"])), *_notice(value))


def _meeting(value: Mapping[str, Any]) -> MeetingRules:
    shares = {name: _fraction(share) for name, share in value.items() if name not in _OWN_FORM}
    below = Fraction(value["homologation_below"])
    by_class = bool(value.get("by_class", True))
    return MeetingRules(notice_days=_count(value["notice_days"]), homologation_below=below, by_class=by_class, **shares)


def _green(value: Mapping[str, str]) -> GreenLabel:
    return GreenLabel(**value)


def _proceeds(value: Mapping[str, Any]) -> ProceedsTerms:
    last = value.get("spend_until_on")
    return ProceedsTerms(
        projects=tuple(
            Project(str(each["project_id"]), _texts(each["title"]), _count(each["earmark_cents"]))
            for each in value.get("projects", ())
        ),
        look_back_months=_count(value.get("look_back_months", LOOK_BACK_MONTHS)),
        spend_until_on=None if last is None else date.fromisoformat(last),
    )


def _reductions(value: Sequence[Mapping[str, Any]]) -> tuple[Reduction, ...]:
    return tuple(Reduction(_count(each["from_n"]), _count(each["cents"])) for each in value)


def _texts(value: Mapping[str, str]) -> dict[str, str]:
    return {language: str(text) for language, text in value.items()}


def _notice(value: Mapping[str, Any]) -> tuple[int, Decimal]:
    return _count(value["notice_days"]), _fraction(value["price_percent"])


def _count(value: object) -> int:
    if type(value) is not int:
        raise TypeError("a whole number is wanted")
    return value


def _fraction(value: object) -> Decimal:
    """A decimal written as text: what is written as a number may have gone through a float."""
    if not isinstance(value, str):
        raise TypeError("a decimal is written as text")
    return Decimal(value)


_READERS: Mapping[str, Callable[[Any], object]] = {
    **dict.fromkeys(_DAYS, date.fromisoformat),
    **dict.fromkeys(_RATES, _fraction),
    **dict.fromkeys(_COUNTS, _count),
    **dict.fromkeys(_TEXTS, _texts),
    "issuer_kind": IssuerKind,
    "placement": Placement,
    "day_count": DayCount,
    "roll": Roll,
    "allotment": AllotmentRule,
    "tax_status": TaxStatus,
    "coupons": _coupons,
    "call": _call,
    "put": _put,
    "meeting": _meeting,
    "green": _green,
    "proceeds": _proceeds,
    "reductions": _reductions,
}
"""How a field is read; one that is not named is a text."""
