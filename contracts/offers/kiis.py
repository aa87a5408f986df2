"""The key investment information sheet (KIIS) of an offer as data: which items it has, what is missing, what changed.

Annex I of Regulation (EU) 2020/1503 divides the sheet into parts A to I. What the offer itself states (amounts, dates,
rate, term) is read from the offer when the sheet is drawn and is never typed twice; the items here are the rest, which
the project owner answers. A sheet is kept in versions: the moves of one machine, each with the whole sheet.

    empty ── written ──> written ── issued ──> issued ── written ──> written …

Only an issued version has papers: one in each language, each of six A4 pages at most (article 23(7)).
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.offers.model import LANGUAGES
from ledger.errors import Refusal
from ledger.statemachine import Machine, Transition
from ledger.storage.base import JSON

WRITTEN, ISSUED = "written", "issued"
MOST_YEARS = 3
"""Key annual figures are those of the last three years (Annex I, part A(e))."""
YEAR_FIGURES = ("turnover_cents", "result_cents", "equity_cents", "debt_cents")
LONGEST_TEXT, LONGEST_LINE = 2_000, 200
_LINK = re.compile(r"https://[^\s<>\"]{4,190}")
_SERIALS = 10**8
_LARGEST = 2**53


class SheetState(StrEnum):
    """Where the sheet of an offer stands."""

    EMPTY = "empty"
    WRITTEN = "written"
    ISSUED = "issued"


MACHINE = Machine(
    "kiis",
    SheetState,
    SheetState.EMPTY,
    (
        Transition(SheetState.EMPTY, WRITTEN, SheetState.WRITTEN),
        Transition(SheetState.WRITTEN, WRITTEN, SheetState.WRITTEN),
        Transition(SheetState.WRITTEN, ISSUED, SheetState.ISSUED),
        Transition(SheetState.ISSUED, WRITTEN, SheetState.WRITTEN),
    ),
)


class ItemKind(StrEnum):
    """What answers an item: a text in each language, one line, a link, an amount, a count, or figures by year."""

    TEXT = "text"
    LINE = "line"
    LINK = "link"
    CENTS = "cents"
    COUNT = "count"
    YEARS = "years"


@dataclass(frozen=True, slots=True)
class Item:
    """One question of the sheet; `part` is its part of Annex I. An item that is not `required` may stay open."""

    key: str
    part: str
    kind: ItemKind
    required: bool = True


ITEMS = (
    Item("contact", "A", ItemKind.LINE),
    Item("ownership", "A", ItemKind.TEXT),
    Item("management", "A", ItemKind.TEXT),
    Item("responsible", "A", ItemKind.LINE),
    Item("activities", "A", ItemKind.TEXT),
    Item("statements_link", "A", ItemKind.LINK, required=False),
    Item("figures", "A", ItemKind.YEARS),
    Item("offers_completed", "B", ItemKind.COUNT),
    Item("own_funds_cents", "B", ItemKind.CENTS),
    Item("capital_changes", "B", ItemKind.TEXT),
    Item("risk_project", "C", ItemKind.TEXT),
    Item("risk_sector", "C", ItemKind.TEXT),
    Item("risk_default", "C", ItemKind.TEXT),
    Item("risk_return", "C", ItemKind.TEXT),
    Item("risk_other", "C", ItemKind.TEXT, required=False),
    Item("security", "G", ItemKind.TEXT),
    Item("past_defaults", "G", ItemKind.TEXT),
    Item("fees", "H", ItemKind.TEXT),
    Item("information_link", "H", ItemKind.LINK),
)
BY_KEY: Mapping[str, Item] = {item.key: item for item in ITEMS}
Sheet = Mapping[str, JSON]
"""Answers by the key of their item; texts by language, amounts in cents, years as rows of `year` and YEAR_FIGURES."""


@dataclass(frozen=True, slots=True)
class Missing:
    """An item without its answer; for a text the `languages` in which it is missing."""

    key: str
    part: str
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What one answer was and is; `language` names that of a text, `before` or `after` is None where there was none."""

    key: str
    language: str | None
    before: JSON
    after: JSON


def checked_sheet(values: Mapping[str, JSON]) -> dict[str, JSON]:
    """The answers in their one form, those left open dropped; refuses `kiis-item-unknown`, `kiis-item-malformed`.

    >>> checked_sheet({"contact": " 1, rue du Four ", "risk_other": {"fr": "", "nl": "", "en": ""}})
    {'contact': '1, rue du Four'}
    """
    unknown = sorted(set(values) - set(BY_KEY))
    if unknown:
        raise Refusal("kiis-item-unknown", item=unknown[0][:40])
    answers = {item.key: _checked(item, values[item.key]) for item in ITEMS if values.get(item.key) is not None}
    return {key: answer for key, answer in answers.items() if answer not in ("", {})}


def missing_items(sheet: Sheet) -> tuple[Missing, ...]:
    """Every required item that is not answered, in the order of the sheet; an optional text is whole or absent.

    >>> [item.key for item in missing_items({"contact": "x", "ownership": {"fr": "x"}})][:2]
    ['ownership', 'management']
    """
    return tuple(found for item in ITEMS if (found := _missing(item, sheet)) is not None)


def changes(before: Sheet, after: Sheet) -> tuple[Change, ...]:
    """What differs between two versions, in the order of the sheet.

    >>> changes({"contact": "x"}, {"contact": "y", "fees": {"fr": "0"}})
    (Change(key='contact', language=None, before='x', after='y'), Change(key='fees', language='fr', before=None, after='0'))
    """  # noqa: E501 -- the answer is one line
    return tuple(
        Change(key, language, old, new)
        for key, language in _places()
        if (old := _answer(before, key, language)) != (new := _answer(after, key, language))
    )


def offer_identifier(lei: str, offer_id: str, taken: Iterable[str]) -> str:
    """The identifier of an offer: the provider's LEI and eight digits of its own (Regulation (EU) 2022/2119, art. 3).

    The digits follow from the offer, and go on to the next free number where another offer has them already.

    >>> first = offer_identifier("969500BXLINVEST00060", "o1", ())
    >>> int(offer_identifier("969500BXLINVEST00060", "o1", (first,))[20:]) - int(first[20:])
    1
    """
    known = frozenset(taken)
    serial = int.from_bytes(hashlib.sha256(offer_id.encode()).digest()[:8]) % _SERIALS
    while (identifier := f"{lei}{serial:08d}") in known:
        serial = (serial + 1) % _SERIALS
    return identifier


def _checked(item: Item, value: JSON) -> JSON:
    match item.kind:
        case ItemKind.TEXT:
            return _texts(item, value)
        case ItemKind.LINE | ItemKind.LINK:
            text = value.strip() if isinstance(value, str) else None
            is_link = item.kind is ItemKind.LINK
            if text is None or len(text) > LONGEST_LINE or not text.isprintable():
                raise Refusal("kiis-item-malformed", item=item.key)
            if text and is_link and not _LINK.fullmatch(text):
                raise Refusal("kiis-item-malformed", item=item.key)
            return text
        case ItemKind.CENTS | ItemKind.COUNT:
            if not _is_whole(value, least=0):
                raise Refusal("kiis-item-malformed", item=item.key)
            return value
        case ItemKind.YEARS:
            return _years(item, value)


def _texts(item: Item, value: JSON) -> dict[str, JSON]:
    if not isinstance(value, Mapping) or not set(value) <= set(LANGUAGES):
        raise Refusal("kiis-item-malformed", item=item.key)
    texts: dict[str, JSON] = {}
    for language in LANGUAGES:
        text = value.get(language, "")
        if not isinstance(text, str) or len(text) > LONGEST_TEXT:
            raise Refusal("kiis-item-malformed", item=item.key)
        if text.strip():
            texts[language] = " ".join(text.split())
    return texts


def _years(item: Item, value: JSON) -> list[JSON]:
    """At most three years, newest first; an empty list says that there are no figures yet."""
    rows: Sequence[JSON] = value if isinstance(value, list | tuple) else (None,)
    if len(rows) > MOST_YEARS:
        raise Refusal("kiis-item-malformed", item=item.key)
    found: dict[int, JSON] = {}
    for row in rows:
        if not isinstance(row, Mapping) or set(row) != {"year", *YEAR_FIGURES}:
            raise Refusal("kiis-item-malformed", item=item.key)
        year = row["year"]
        if not isinstance(year, int) or not all(_is_whole(row[name], least=-_LARGEST) for name in row):
            raise Refusal("kiis-item-malformed", item=item.key)
        found[year] = dict(row)
    return [found[year] for year in sorted(found, reverse=True)]


def _is_whole(value: JSON, *, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < _LARGEST


def _missing(item: Item, sheet: Sheet) -> Missing | None:
    answer = sheet.get(item.key)
    if item.kind is not ItemKind.TEXT:
        return Missing(item.key, item.part) if answer is None and item.required else None
    texts = answer if isinstance(answer, Mapping) else {}
    languages = tuple(language for language in LANGUAGES if not texts.get(language))
    is_open = languages and (item.required or texts)
    return Missing(item.key, item.part, languages) if is_open else None


def _places() -> Iterable[tuple[str, str | None]]:
    for item in ITEMS:
        for language in LANGUAGES if item.kind is ItemKind.TEXT else (None,):
            yield item.key, language


def _answer(sheet: Sheet, key: str, language: str | None) -> JSON:
    answer = sheet.get(key)
    if language is None:
        return answer
    return answer.get(language) if isinstance(answer, Mapping) else None
