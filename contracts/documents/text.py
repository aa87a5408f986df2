"""Words of a paper: versioned wording per language, and dates, amounts and rates as the language writes them.

Legal wording is data, not a translation string: each language's file carries a version, and a paper names the version
it was made with. A change of meaning makes a new version; a paper that was issued keeps the bytes it has.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal

from contracts.documents.model import Language
from ledger.clock import BRUSSELS

LOCALES: Mapping[Language, str] = {"fr": "fr_BE", "nl": "nl_BE", "en": "en_BE"}

_NARROW_SPACE, _HARD_SPACE = "\u202f", "\u00a0"


@dataclass(frozen=True, slots=True)
class Wording:
    """One language's sentences by `section.key`, and the version of the whole."""

    language: Language
    version: str
    sentences: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]

    def say(self, key: str, /, **values: str) -> str:
        """The sentence `key` with its placeholders filled; a missing value is a defect and raises KeyError."""
        return self.sentences[key].format(**values) if values else self.sentences[key]

    def items(self, key: str) -> tuple[str, ...]:
        """The list `key`, in its order."""
        return self.lists[key]


@cache
def wording(language: Language) -> Wording:
    """The wording in force of `language`."""
    table = tomllib.loads(files("contracts.documents.wording").joinpath(f"{language}.toml").read_text("utf-8"))
    sentences: dict[str, str] = {}
    lists: dict[str, tuple[str, ...]] = {}
    version = table.pop("version")
    for section, entries in table.items():
        for key, value in entries.items():
            if isinstance(value, list):
                lists[f"{section}.{key}"] = tuple(value)
            else:
                sentences[f"{section}.{key}"] = " ".join(value.split(" ")).strip()
    return Wording(language, version, sentences, lists)


def money(cents: int, language: Language) -> str:
    """An amount in euro, kept on one line.

    >>> money(123456, "fr").replace("\u00a0", "_")
    '1_234,56_€'
    """
    return _hard(format_currency(Decimal(cents).scaleb(-2), "EUR", locale=LOCALES[language]))


def figure(cents: int, language: Language) -> str:
    """An amount for a column of figures, without the currency sign."""
    return _hard(format_decimal(Decimal(cents).scaleb(-2), format="#,##0.00", locale=LOCALES[language]))


def number(value: int, language: Language) -> str:
    """A count."""
    return _hard(format_decimal(value, format="#,##0", locale=LOCALES[language]))


def percent(rate: Decimal, language: Language) -> str:
    """A rate given as a fraction, with at most three decimals.

    >>> percent(Decimal("0.02875"), "nl").replace("\u00a0", "_")
    '2,875_%'
    """
    return format_decimal(rate * 100, format="0.###", locale=LOCALES[language]) + _HARD_SPACE + "%"


def long_date(day: date, language: Language) -> str:
    """A date in a sentence: 1er mars 2026, 1 maart 2026, 1 March 2026."""
    text = format_date(day, format="d MMMM yyyy", locale=LOCALES[language]).replace(" ", _HARD_SPACE)
    return text.replace("1", "1er", 1) if language == "fr" and day.day == 1 else text


def short_date(day: date) -> str:
    """A date in a table, in the form that Belgium writes in all its languages: 02/03/2026."""
    return f"{day.day:02}/{day.month:02}/{day.year}"


def month(day: date, language: Language) -> str:
    """A month under a chart."""
    return format_date(day, format="LLL yy", locale=LOCALES[language])


def instant(moment: datetime, language: Language) -> str:
    """An instant as Brussels clocks showed it."""
    local = moment.astimezone(BRUSSELS)
    return _hard(format_datetime(local, format="d MMMM yyyy, HH:mm:ss", locale=LOCALES[language]))


def _hard(text: str) -> str:
    return text.replace(_NARROW_SPACE, _HARD_SPACE)
