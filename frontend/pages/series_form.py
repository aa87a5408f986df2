"""The form of a series' terms: which fields there are, how each is typed, and terms as JSON from what was typed.

A field that is left empty takes its default. A stepped coupon has a rate and, from a later coupon on, others; what is
typed of a call, of a put or of a green label makes one of these only where its first field is filled.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from contracts.bonds.model import AllotmentRule, DrawRule, IssuerKind, Placement
from contracts.bonds.projects import LOOK_BACK_MONTHS
from contracts.offers.model import LANGUAGES
from contracts.schemes.withholding import TaxStatus
from contracts.terms.daycount import DayCount
from contracts.terms.schedule import Every
from frontend.forms import Form, cents_of, count_of, date_of, share_of
from frontend.i18n import Tongue
from ledger.calendars import Roll

PLAIN = Mapping[str, Any]
MOST_STEPS = 4
TEXTS = ("pitch", "use_of_funds", "risks")


@dataclass(frozen=True, slots=True)
class SeriesField:
    """One field: its name in the terms, how it is typed, the values of a choice, and whether it may stay empty."""

    name: str
    kind: str
    values: tuple[str, ...] = ()
    is_optional: bool = False


def _choice(name: str, values: Sequence[str]) -> SeriesField:
    return SeriesField(name, "choice", tuple(values))


def _optional(name: str, kind: str) -> SeriesField:
    return SeriesField(name, kind, is_optional=True)


GROUPS: Mapping[str, tuple[SeriesField, ...]] = {
    "what": (
        SeriesField("issuer", "issuer"),
        _choice("issuer_kind", list(IssuerKind)),
        _choice("placement", list(Placement)),
        SeriesField("title", "text"),
        SeriesField("commune", "text"),
        SeriesField("sector", "text"),
    ),
    "size": (
        SeriesField("nominal_cents", "money"),
        SeriesField("price_percent", "percent-text"),
        SeriesField("units", "count"),
        SeriesField("minimum_units", "count"),
        SeriesField("ceiling_units", "count"),
        SeriesField("smallest_units", "count"),
        _optional("cap_units", "count"),
    ),
    "interest": (
        _choice("months", [str(each.months) for each in Every if each.months]),
        _choice("day_count", list(DayCount)),
        _choice("roll", list(Roll)),
        SeriesField("record_days", "count"),
        _choice("tax_status", list(TaxStatus)),
    ),
    "days": (
        SeriesField("opens_on", "day"),
        SeriesField("closes_on", "day"),
        SeriesField("payment_days", "count"),
        SeriesField("issued_on", "day"),
        SeriesField("matures_on", "day"),
        _optional("first_coupon_on", "day"),
    ),
    "residents": (
        _optional("residents", "text"),
        _optional("resident_margin", "percent"),
        _optional("priority_until_on", "day"),
    ),
    "sharing": (_choice("allotment", list(AllotmentRule)), _optional("lottery_seed_sha256", "text")),
    "early": (
        _optional("call.first_on", "day"),
        _optional("call.notice_days", "count"),
        _optional("call.price_percent", "percent-text"),
        SeriesField("call.draw", "choice", tuple(DrawRule), is_optional=True),
        _optional("put.days", "days"),
        _optional("put.notice_days", "count"),
        _optional("put.price_percent", "percent-text"),
    ),
    "use": (
        _optional("proceeds.projects", "projects"),
        _optional("proceeds.look_back_months", "count"),
        _optional("proceeds.spend_until_on", "day"),
    ),
    "promises": (
        _optional("security", "text"),
        _optional("green.standard", "text"),
        _optional("green.reviewer", "text"),
        _optional("green.factsheet_sha256", "text"),
    ),
}
FIELDS = {each.name: each for group in GROUPS.values() for each in group}
_DEFAULTS = {
    "placement": Placement.PUBLIC.value,
    "sector": "public",
    "price_percent": "100",
    "smallest_units": "1",
    "payment_days": "7",
    "tax_status": TaxStatus.ORDINARY.value,
    "call.notice_days": "15",
    "call.price_percent": "100",
    "call.draw": DrawRule.PRO_RATA.value,
    "put.notice_days": "15",
    "put.price_percent": "100",
    "proceeds.look_back_months": str(LOOK_BACK_MONTHS),
}
_PARTS = {"call": "first_on", "put": "days", "green": "standard", "proceeds": "projects"}
"""Parts of the terms that are there where their first field is."""


def blank(template: PLAIN) -> Form:
    """The form as a template fills it in."""
    return Form(_DEFAULTS | {name: _typed(name, value) for name, value in template.items()})


def stated(form: Form, words: Tongue) -> dict[str, Any]:
    """The terms as JSON by what was typed; a field that can't be read has its error in the form."""
    found: dict[str, Any] = {}
    for name, field in FIELDS.items():
        typed = form.value(name).strip()
        if typed:
            value = _READERS[field.kind](typed)
            if value is None:
                form.errors[name] = words.text(f"bond-desk.error-{field.kind}")
            found[name] = value
        elif not field.is_optional:
            form.errors[name] = words.text("bond-desk.error-empty")
    terms = {name: value for name, value in found.items() if "." not in name}
    terms |= {name: {code: form.value(f"{name}-{code}") for code in LANGUAGES} for name in TEXTS}
    terms["coupons"] = _coupons(form, words)
    for part, first in _PARTS.items():
        if f"{part}.{first}" in found:
            own = {name.partition(".")[2]: value for name, value in found.items() if name.startswith(f"{part}.")}
            terms[part] = own
    if "months" in terms:
        terms["months"] = int(terms["months"])
    return terms


def field_of(field: str) -> str:
    """The input at which a refusal that names a field of the terms is said."""
    return "rate-1" if field == "coupons" else f"{field}.{_PARTS[field]}" if field in _PARTS else field


def _coupons(form: Form, words: Tongue) -> list[dict[str, int | str]]:
    """The first rate, and those from a later coupon on that were typed."""
    steps: list[dict[str, int | str]] = []
    for n in range(1, MOST_STEPS + 1):
        typed, since = form.value(f"rate-{n}").strip(), form.value(f"from-{n}").strip()
        if n > 1 and not typed and not since:
            continue
        share, from_n = share_of(typed), 1 if n == 1 else count_of(since)
        if share is None:
            form.errors[f"rate-{n}"] = words.text("bond-desk.error-percent")
        if from_n is None:
            form.errors[f"from-{n}"] = words.text("bond-desk.error-count")
        steps.append({"from_n": from_n or 0, "rate_annual": str(share)})
    return steps


def _typed(name: str, value: Any) -> str:  # noqa: ANN401 -- a template holds what TOML can say
    """A default of a template, as a person would type it."""
    kind = FIELDS[name].kind
    if kind == "money":
        euro, cents = divmod(int(value), 100)
        return f"{euro},{cents:02}" if cents else str(euro)
    if kind == "percent":
        return f"{(Decimal(value) * 100).normalize():f}".replace(".", ",")
    return str(value)


def _percent(text: str) -> str | None:
    share = share_of(text)
    return None if share is None else str(share)


def _price(text: str) -> str | None:
    """A price in percent of the nominal, which may be above it."""
    cents = cents_of(text.rstrip("% "))
    return None if cents is None else str(Decimal(cents) / 100)


def _day(text: str) -> str | None:
    found = date_of(text)
    return None if found is None else found.isoformat()


def _days(text: str) -> list[str] | None:
    found = [_day(each) for each in text.split(",")]
    return [each for each in found if each] if all(found) else None


def _projects(text: str) -> list[dict[str, object]] | None:
    """A project a line: its short name, what it may have at most, and its title in each language.

    >>> _projects("hall; 600.000; Salle; Zaal; Hall")
    [{'project_id': 'hall', 'earmark_cents': 60000000, 'title': {'fr': 'Salle', 'nl': 'Zaal', 'en': 'Hall'}}]
    >>> _projects("hall; 600.000; Salle") is None
    True
    """
    found: list[dict[str, object]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, *rest = (part.strip() for part in line.split(";"))
        if len(rest) != 1 + len(LANGUAGES) or (cents := cents_of(rest[0])) is None:
            return None
        titles = dict(zip(LANGUAGES, rest[1:], strict=True))
        found.append({"project_id": name, "earmark_cents": cents, "title": titles})
    return found


_READERS: Mapping[str, Callable[[str], object]] = {
    "issuer": str,
    "text": str,
    "choice": str,
    "money": cents_of,
    "count": count_of,
    "percent": _percent,
    "percent-text": _price,
    "day": _day,
    "days": _days,
    "projects": _projects,
}
