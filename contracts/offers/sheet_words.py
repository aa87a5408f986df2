"""Changes of a key investment information sheet in words: what the page of an offer and the mails to lenders say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

from contracts.documents.model import Language
from contracts.documents.text import money, wording
from contracts.offers.kiis import BY_KEY, YEAR_FIGURES, Change, ItemKind
from contracts.offers.sheets import PublishedSheet
from ledger.storage.base import JSON


@dataclass(frozen=True, slots=True)
class WordedChange:
    """One answer that changed; `of_language` names the language of a text, `before` or `after` is empty for none."""

    label: str
    of_language: str | None
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class WordedSheet:
    """A published version with what it changed; see `sheets.PublishedSheet`."""

    version: int
    published_on: date
    changes: tuple[WordedChange, ...]


def published_in_words(published: Sequence[PublishedSheet], language: Language) -> list[WordedSheet]:
    """The published versions as a reader of `language` is shown them, the newest first."""
    return [
        WordedSheet(
            each.version.version, each.published_on, tuple(in_words(change, language) for change in each.changes)
        )
        for each in reversed(published)
    ]


def in_words(change: Change, language: Language) -> WordedChange:
    """The change as a reader of `language` is told it.

    >>> in_words(Change("own_funds_cents", None, 500_000, None), "en").before.replace("\u00a0", " ")
    '€ 5 000,00'
    """
    before, after = (_answer(change.key, value, language) for value in (change.before, change.after))
    return WordedChange(wording(language).say(f"kiis.{change.key}"), change.language, before, after)


def _answer(key: str, value: JSON, language: Language) -> str:
    if value is None:
        return ""
    match BY_KEY[key].kind:
        case ItemKind.CENTS:
            return money(cast("int", value), language)
        case ItemKind.YEARS:
            rows = cast("list[Mapping[str, int]]", value)
            return "; ".join(_year(row, language) for row in rows) or wording(language).say("kiis.figures_none")
        case _:
            return str(value)


def _year(row: Mapping[str, int], language: Language) -> str:
    say = wording(language).say
    figures = ", ".join(f"{say(f'kiis.{name}')} {money(row[name], language)}" for name in YEAR_FIGURES)
    return f"{row['year']}: {figures}"
