"""Every refusal's HTTP status and its sentence in French, Dutch and English, read from the TOML files beside this one.

A row is `["code"]` with `status`, `fr`, `nl`, `en`. Facts fill `{name}`; `x_cents` is shown as euro, `x_on` (ISO date)
as a date of the language, `x_percent` (decimal text) with its sign; English is written as Belgium writes it. A code
without a row is a defect that a test finds.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

from ledger.errors import Fact, Refusal

LOCALES = {"fr": "fr_BE", "nl": "nl_BE", "en": "en_BE"}


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """What the edges need to know of one code."""

    status: int
    sentences: Mapping[str, str]


def sentence(refusal: Refusal, language: str) -> str:
    """The refusal in words of `language` (fr, nl or en)."""
    row = catalogue()[refusal.code]
    return row.sentences[language].format(**{n: shown(n, v, language) for n, v in refusal.facts.items()})


def status(refusal: Refusal) -> int:
    """The HTTP status of the refusal (4xx)."""
    return catalogue()[refusal.code].status


@cache
def catalogue() -> Mapping[str, CatalogueRow]:
    """All rows by code."""
    rows: dict[str, CatalogueRow] = {}
    for file in sorted(files("api.refusals").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            for code, row in tomllib.loads(file.read_text("utf-8")).items():
                rows[code] = CatalogueRow(row["status"], {lang: row[lang] for lang in LOCALES})
    return rows


def shown(name: str, value: Fact, language: str) -> str:
    """A fact as a person of `language` reads it."""
    if name.endswith("_cents") and isinstance(value, int):
        return format_currency(Decimal(value).scaleb(-2), "EUR", locale=LOCALES[language])
    if name.endswith("_on") and isinstance(value, str):
        return format_date(date.fromisoformat(value), format="long", locale=LOCALES[language])
    if name.endswith("_percent") and isinstance(value, str):
        return f"{format_decimal(Decimal(value), locale=LOCALES[language], decimal_quantization=False)}\u00a0%"
    if isinstance(value, list | tuple):
        return ", ".join(value)
    return str(value)
