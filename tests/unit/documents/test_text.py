"""The wording is complete in three languages, and dates and amounts are written as each of them does."""

import re
import string
import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.resources import files

import pytest

from contracts.documents import text
from contracts.documents.model import LANGUAGES
from contracts.documents.text import wording

HARD = "\u00a0"


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_every_sentence_stands_in_three_languages_with_the_same_placeholders() -> None:
    french, dutch, english = (wording(language) for language in ("fr", "nl", "en"))
    assert french.version == dutch.version == english.version
    assert french.sentences.keys() == dutch.sentences.keys() == english.sentences.keys()
    for key, sentence in french.sentences.items():
        stated = placeholders(sentence)
        assert stated == placeholders(dutch.sentences[key]) == placeholders(english.sentences[key]), key


def test_every_list_has_as_many_items_in_three_languages() -> None:
    french, dutch, english = (wording(language) for language in ("fr", "nl", "en"))
    assert french.lists.keys() == dutch.lists.keys() == english.lists.keys()
    for key, items in french.lists.items():
        assert len(items) == len(dutch.lists[key]) == len(english.lists[key]) > 0, key


def test_no_sentence_is_left_in_another_language() -> None:
    # Names, formats and one-letter words may agree; a whole sentence may not.
    french, dutch, english = (wording(language).sentences for language in ("fr", "nl", "en"))
    for key in french:
        if len(french[key].split()) > 4:
            assert len({french[key], dutch[key], english[key]}) == 3, key


def test_every_character_of_the_wording_and_of_names_has_a_glyph() -> None:
    from reportlab.pdfbase import pdfmetrics

    from contracts.documents import design

    design.register_fonts()
    texts = [files("contracts.documents.wording").joinpath(f"{lang}.toml").read_text("utf-8") for lang in LANGUAGES]
    characters = set("".join(texts)) | set("ńșțğŁẞœÆ₂€№…«»")
    for name in design.FONT_FILES:
        face = pdfmetrics.getFont(name).face
        assert [c for c in sorted(characters - {"\n"}) if ord(c) not in face.charToGlyph] == []


def test_no_sentence_claims_more_than_is_so() -> None:
    for language in LANGUAGES:
        everything = files("contracts.documents.wording").joinpath(f"{language}.toml").read_text("utf-8").lower()
        for claim in ("certified", "certifié conforme", "gecertificeerd", "garanti par", "gegarandeerd"):
            assert claim not in everything


@pytest.mark.parametrize(
    ("language", "shown"),
    [("fr", "12_345,60_€"), ("nl", "€_12.345,60"), ("en", "12.345,60_€")],
)
def test_amounts_are_written_as_in_belgium(language: str, shown: str) -> None:
    assert text.money(1_234_560, language).replace(HARD, "_") == shown


@pytest.mark.parametrize(
    ("language", "first", "second"),
    [
        ("fr", "1er_mars_2026", "11_août_2026"),
        ("nl", "1_maart_2026", "11_augustus_2026"),
        ("en", "1_March_2026", "11_August_2026"),
    ],
)
def test_dates_are_written_out_and_kept_on_one_line(language: str, first: str, second: str) -> None:
    assert text.long_date(date(2026, 3, 1), language).replace(HARD, "_") == first
    assert text.long_date(date(2026, 8, 11), language).replace(HARD, "_") == second


def test_rates_keep_their_decimals_and_lose_none() -> None:
    assert text.percent(Decimal("0.02875"), "fr").replace(HARD, "_") == "2,875_%"
    assert text.percent(Decimal("0.03"), "fr").replace(HARD, "_") == "3_%"
    assert text.percent(Decimal("0.3"), "nl").replace(HARD, "_") == "30_%"


def test_an_instant_is_shown_on_brussels_clocks() -> None:
    assert "12:30:05" in text.instant(datetime(2026, 9, 16, 10, 30, 5, tzinfo=UTC), "fr")


def test_a_sentence_without_its_values_is_a_defect() -> None:
    with pytest.raises(KeyError):
        wording("fr").say("article.payout", begins="x")


def test_the_wording_files_hold_nothing_but_versioned_text() -> None:
    for language in LANGUAGES:
        table = tomllib.loads(files("contracts.documents.wording").joinpath(f"{language}.toml").read_text("utf-8"))
        assert re.fullmatch(r"\d{4}-\d{2}/\d+", table.pop("version"))
        assert all(isinstance(value, str | list) for section in table.values() for value in section.values())
