"""What people type: dates in any usual writing, amounts in the Belgian one alone, errors beside their field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from api.refusals import sentence
from frontend.i18n import LANGUAGES
from ledger.errors import Refusal

_AMOUNT = re.compile(r"(?P<whole>\d{1,3}(?:\.\d{3})+|\d+)(?:,(?P<cents>\d{1,2}))?", re.ASCII)
_SPACES = re.compile(r"[\s\u00a0\u202f'’€]")  # noqa: RUF001 -- the apostrophes people group thousands with
_MOST_DIGITS = 12


@dataclass
class Form:
    """A form on its way back to its page: what was typed, and what is wrong with it, in the order of the fields.

    `target` names one of several forms of a page; the identifiers of its fields begin with it.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    general: list[str] = field(default_factory=list)
    target: str = ""

    @property
    def has_errors(self) -> bool:
        """Whether the page must show its error summary."""
        return bool(self.errors or self.general)

    def id_of(self, name: str) -> str:
        """The identifier of a field on the page."""
        return f"{self.target}-{name}" if self.target else name

    def value(self, name: str) -> str:
        """What was typed into `name`."""
        return self.values.get(name, "")


def refused(refusal: Refusal, language: str, form: Form, fields: Mapping[str, str]) -> Form:
    """The form with a refusal's sentence at the field that `fields` names for its code, else in the summary alone."""
    form = Form(form.values, target=form.target)
    name = fields.get(refusal.code, "")
    if refusal.code == "text-malformed":
        name = str(refusal.facts["field"])
    if name in form.values:
        form.errors[name] = sentence(refusal, language)
    else:
        form.general.append(sentence(refusal, language))
    return form


def cents_of(text: str) -> int | None:
    """An amount in euro as cents, or None where it is not written the Belgian way, in any of the languages.

    A comma stands before the cents, and a dot or a space between groups of three digits and nowhere else. Whatever a
    reader from elsewhere could take for another amount is refused, never guessed.

    >>> [cents_of(t) for t in ("500", "€ 1.000", "1.234,50", "1 000,5", "0,05")]
    [50000, 100000, 123450, 100050, 5]
    >>> [cents_of(t) for t in ("1,234.50", "1234.50", "12,345", "1.23", "1.00.0", "-5", "")]
    [None, None, None, None, None, None, None]
    """
    found = _AMOUNT.fullmatch(_SPACES.sub("", text))
    if found is None or len(found["whole"]) > _MOST_DIGITS:
        return None
    return int(found["whole"].replace(".", "")) * 100 + int((found["cents"] or "0").ljust(2, "0"))


def count_of(text: str) -> int | None:
    """A whole number, with its thousands grouped in the Belgian way or not, or None.

    >>> [count_of(t) for t in ("5", "1.000", "2 500", "1,5", "-3", "")]
    [5, 1000, 2500, None, None, None]
    """
    cents = None if "," in text else cents_of(text)
    return None if cents is None else cents // 100


def share_of(text: str) -> Decimal | None:
    """A percentage from 0 to 100 as a fraction, or None.

    >>> [str(share_of(t)) for t in ("10", "2,5 %", "101", "x")]
    ['0.10', '0.025', 'None', 'None']
    """
    found = re.fullmatch(r"\d{1,3}(?:[.,]\d{1,4})?", _SPACES.sub("", text).rstrip("%"), re.ASCII)
    share = Decimal(found[0].replace(",", ".")).scaleb(-2) if found else None
    return share if share is not None and share <= 1 else None


def date_of(text: str) -> date | None:
    """A date from a date field (2026-03-02) or typed in the Belgian way (2/3/2026), or None.

    >>> date_of("2026-03-02") == date_of(" 2/3/2026 "), date_of("31/2/2026")
    (True, None)
    """
    text = text.strip()
    found = re.fullmatch(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})", text)
    try:
        return date(int(found[3]), int(found[2]), int(found[1])) if found else date.fromisoformat(text)
    except ValueError:
        return None


def own_path(target: str, fallback: str) -> str:
    r"""`target` when it is a path of our own pages, else `fallback`: a log-in never sends anybody elsewhere.

    >>> own_path("/fr/portfolio", "/fr/"), own_path("//evil.example/fr/", "/fr/"), own_path("/api/v1/offers", "/fr/")
    ('/fr/portfolio', '/fr/', '/fr/')
    >>> own_path("//[", "/fr/"), own_path("/fr/\r\nX: y", "/fr/"), own_path("/fr/\\evil.example", "/fr/")
    ('/fr/', '/fr/', '/fr/')
    """
    is_own = target.startswith(tuple(f"/{code}/" for code in LANGUAGES))
    return target if is_own and target.isprintable() and "\\" not in target else fallback
