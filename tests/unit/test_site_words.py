"""The words of the pages: complete in three languages, all of them used, and every state has its own."""

import re
import string
from datetime import date
from itertools import chain
from pathlib import Path

import pytest

import frontend
from contracts.loans.lifecycle import INSTALMENT, LOAN
from contracts.loans.model import InstalmentState
from contracts.offers.model import OfferState
from contracts.pledges.model import PledgeState
from contracts.schemes.rules import rules_in_force, schemes
from contracts.servicing.model import Label
from contracts.terms.schedule import Every
from frontend.i18n import LANGUAGES, catalogue, tongue
from frontend.pages.series_form import FIELDS
from frontend.words import LABEL_KINDS
from tests.papers import OFFERED

HOME = Path(next(iter(frontend.__path__)))
SOURCES = [*sorted(HOME.glob("templates/**/*.html")), *sorted(HOME.glob("**/*.py"))]
KEY = r"[a-z][a-z-]*\.[A-Za-z0-9_-]*[A-Za-z0-9_]"
WHOLE = re.compile(rf"""["']({KEY})["']""")
BEGINNING = re.compile(rf"""f?["']({KEY}-|[a-z][a-z-]*\.)(?:["'] ~|\{{)""")
OF_A_VOTE = re.compile(r'say ~ "\.([a-z-]+)"')
"""Keys of a macro that every vote shares: each stands with the words of a plan's vote and of a meeting."""
EACH_LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)


def used() -> tuple[set[str], set[str]]:
    """Keys that templates and pages name in full, and beginnings of those they put together."""
    text = "\n".join(source.read_text("utf-8") for source in SOURCES)
    known = {key.partition(".")[0] for key in catalogue("fr")}
    whole = {key for key in WHOLE.findall(text) if key.partition(".")[0] in known}
    beginnings = {key for key in BEGINNING.findall(text) if key.partition(".")[0] in known}
    for key in OF_A_VOTE.findall(text):
        keys = {f"vote.{key}", f"meeting.{key}"}
        beginnings, whole = (beginnings | keys, whole) if key.endswith("-") else (beginnings, whole | keys)
    return whole, beginnings | {"loan-event.", "verifier."}  # events of a loan and a script bring keys of their own


def forms_of(key: str) -> set[str]:
    return {key, f"{key}-one", f"{key}-other"}


def test_the_three_languages_have_the_same_keys_and_the_same_places_for_facts() -> None:
    french = catalogue("fr")
    for language in LANGUAGES:
        words = catalogue(language)
        assert words.keys() == french.keys()
        for key, text in words.items():
            assert text.strip() == text != "", key
            assert _places(text) == _places(french[key]), f"{key} in {language}"


def test_every_key_that_a_page_names_has_words() -> None:
    words = catalogue("fr").keys()
    whole, _ = used()
    # a field of the bond's form has the name of the part of the terms that it states
    endings = {".html", ".css", ".svg", ".tsv"}
    missing = {key for key in whole - FIELDS.keys() if not forms_of(key) & words and Path(key).suffix not in endings}
    assert not missing


def test_no_words_are_kept_that_no_page_uses() -> None:
    whole, beginnings = used()
    named = set(chain.from_iterable(map(forms_of, whole)))
    unused = {key for key in catalogue("fr") if key not in named and not key.startswith(tuple(beginnings))}
    assert not unused


def test_a_key_without_words_is_never_shown() -> None:
    with pytest.raises(AssertionError, match="no words for"):
        tongue("fr").text("site.no-such-key")


@EACH_LANGUAGE
def test_every_state_and_every_event_has_words(language: str) -> None:
    words = tongue(language)
    wanted = [
        *(f"state.pledge-{state}" for state in PledgeState),
        *(f"pledge.lead-{state}" for state in PledgeState),
        *(f"state.offer-{state}" for state in OfferState),
        *(f"state.label-{label}" for label in Label),
        *(f"state.label-{label}-meaning" for label in Label),
        *(f"state.instalment-{state}" for state in [*InstalmentState, "late"]),
        *(f"offers.kind-{kind}" for kind in OFFERED),
        *(f"offers.every-{every}" for every in Every if every.months),
        *(f"loan-event.{move.event}" for move in [*LOAN.transitions, *INSTALMENT.transitions]),
    ]
    assert [key for key in wanted if not words.has(key)] == []
    assert LABEL_KINDS.keys() == set(Label)


@EACH_LANGUAGE
def test_every_dated_rule_has_a_name(language: str) -> None:
    words = tongue(language)
    for scheme in schemes():
        assert words.has(f"rules.scheme-{scheme.replace('.', '_')}")
        for on in (date(2023, 12, 31), date(2026, 3, 2)):  # some rows are of one year only
            for rule in rules_in_force(scheme, on):
                assert words.has(f"rules.param-{rule.param}")


def test_french_puts_a_space_that_does_not_break_before_high_punctuation() -> None:
    for key, text in catalogue("fr").items():
        assert not re.search(r"\w[ ]?[;:?!»](?:\s|$)", text.replace("\u00a0", "")) or "\u00a0" in text, key
        assert "'" not in text, key


def test_zero_is_singular_in_french_only() -> None:
    said = [tongue(language).text("portfolio.days-late", n=0) for language in LANGUAGES]
    assert said == ["0 jour de retard", "0 dagen te laat", "0 days late"]


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
