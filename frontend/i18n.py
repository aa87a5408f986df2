"""Words and figures in French, Dutch and English.

Words come from `locale/<language>/*.toml`: a key is `<file>.<name>`, and all three languages hold the same keys (a test
compares them, and compares them with the keys the templates use). Figures, dates and percentages are written by Babel
in the Belgian form of each language. A key that does not exist is a defect and raises; no page shows a bare key.
"""

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_currency, format_decimal, format_percent

from ledger.clock import BRUSSELS

LANGUAGES: Mapping[str, str] = {"fr": "Français", "nl": "Nederlands", "en": "English"}
LOCALES: Mapping[str, str] = {"fr": "fr_BE", "nl": "nl_BE", "en": "en_BE"}

_NO_BREAK = "\u00a0"


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Every key of `language` with its words."""
    words: dict[str, str] = {}
    for file in sorted((files("frontend") / "locale" / language).iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            area = file.name.removesuffix(".toml")
            words |= {f"{area}.{name}": text for name, text in tomllib.loads(file.read_text("utf-8")).items()}
    return words


def plural_form(language: str, n: int) -> str:
    """`one` or `other`: French says "0 jour", Dutch and English say "0 dagen", "0 days".

    >>> plural_form("fr", 0), plural_form("en", 0), plural_form("nl", 1)
    ('one', 'other', 'one')
    """
    return "one" if Locale.parse(LOCALES[language]).plural_form(n) == "one" else "other"


class Tongue:
    """One language: its words, and how it writes money, dates and percentages."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.locale = LOCALES[language]

    def text(self, key: str, /, **facts: object) -> str:
        """The words of `key` with `facts` in their places; a number `n` chooses between `key-one` and `key-other`."""
        words = catalogue(self.language)
        if key not in words:
            n = facts.get("n")
            assert isinstance(n, int), f"no words for {key} in {self.language}"
            key = f"{key}-{plural_form(self.language, n)}"
        return words[key].format(**facts) if facts else words[key]

    def has(self, key: str) -> bool:
        """Whether `key` has words."""
        return key in catalogue(self.language)

    def money(self, cents: int) -> str:
        """Euro with two decimals.

        >>> Tongue("nl").money(-123456).split()
        ['€', '-1.234,56']
        """
        return format_currency(Decimal(cents).scaleb(-2), "EUR", locale=self.locale)

    def money_round(self, cents: int) -> str:
        """Euro without decimals where the amount is whole, with two where it is not."""
        if cents % 100:
            return self.money(cents)
        return format_currency(
            Decimal(cents) / 100, "EUR", format=self._whole_euro(), locale=self.locale, currency_digits=False
        )

    def units(self, minor: int, scale: int) -> str:
        """A count of an asset's smallest unit as a plain decimal figure, without currency."""
        return format_decimal(Decimal(minor).scaleb(-scale), format=f"#,##0.{'0' * scale}", locale=self.locale)

    def number(self, value: int | Decimal) -> str:
        """A plain figure with the language's separators."""
        return format_decimal(value, locale=self.locale)

    def percent(self, fraction: Decimal, digits: int = 2) -> str:
        """A fraction as a percentage with `digits` decimals.

        >>> Tongue("en").percent(Decimal("0.045"))
        '4,50%'
        """
        pattern = Locale.parse(self.locale).percent_formats[None].pattern.replace("#,##0", f"#,##0.{'0' * digits}")
        return format_percent(fraction, format=pattern, locale=self.locale)

    def day(self, on: date) -> str:
        """A date in words: 2 mars 2026, 2 maart 2026, 2 March 2026."""
        return format_date(on, format="long", locale=self.locale).replace(" ", _NO_BREAK)

    def short_day(self, on: date) -> str:
        """A date in figures, as tables show it: 02/03/2026."""
        return format_date(on, format="dd/MM/yyyy", locale=self.locale)

    def day_and_month(self, on: date) -> str:
        """A date without its year, as the reflection clock shows it: 6 mars."""
        return str(format_skeleton("MMMd", on, locale=self.locale))

    def month(self, on: date) -> str:
        """A month in words: mars 2026."""
        return str(format_skeleton("yMMMM", on, locale=self.locale))

    def instant(self, at: datetime) -> str:
        """An instant on Brussels clocks, to the second."""
        local = at.astimezone(BRUSSELS)
        return f"{self.short_day(local.date())}{_NO_BREAK}{format_time(local, 'HH:mm:ss', locale=self.locale)}"

    def _whole_euro(self) -> str:
        return str(Locale.parse(self.locale).currency_formats["standard"].pattern).replace(".00", "")


@cache
def tongue(language: str) -> Tongue:
    """The `Tongue` of a language code (fr, nl, en)."""
    return Tongue(language)
