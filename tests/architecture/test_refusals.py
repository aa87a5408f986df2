"""Every refusal has its sentences, every sentence its refusal, and every placeholder its fact."""

import ast
import re
import string
from collections.abc import Iterator

import pytest

from api.refusals import LOCALES, catalogue
from tests.trees import FLOORS, nodes

KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")


def raised() -> Iterator[tuple[str, str, frozenset[str] | None]]:
    """Where a literal code is refused: place, code, names of the facts (None where they are passed on as a mapping)."""
    for path, call in nodes(ast.Call, *FLOORS):
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        code = call.args[0] if call.args else None
        if name == "Refusal" and isinstance(code, ast.Constant) and isinstance(code.value, str):
            facts = {keyword.arg for keyword in call.keywords}
            named = None if None in facts else frozenset(fact for fact in facts if fact)
            yield f"{path}:{call.lineno}", code.value, named


def patterns() -> list[re.Pattern[str]]:
    """Codes that are put together: `Refusal(f"lender-ineligible-{...}")` stands for every code of that form."""
    found = []
    for _, call in nodes(ast.Call, *FLOORS):
        if call.args and getattr(call.func, "id", "") == "Refusal" and isinstance(call.args[0], ast.JoinedStr):
            parts = (
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[a-z0-9-]+"
                for part in call.args[0].values
            )
            found.append(re.compile("".join(parts)))
    return found


def test_every_code_that_is_refused_is_kebab_case_and_has_a_row() -> None:
    rows = catalogue()
    unknown = [f"{place} {code}" for place, code, _ in raised() if code not in rows or not KEBAB.fullmatch(code)]
    assert unknown == []


def test_every_row_belongs_to_a_refusal() -> None:
    words = {node.value for _, node in nodes(ast.Constant, *FLOORS) if isinstance(node.value, str)}
    built = patterns()
    idle = [code for code in catalogue() if code not in words and not any(p.fullmatch(code) for p in built)]
    assert idle == []


def test_every_placeholder_is_a_fact_wherever_the_code_is_refused() -> None:
    rows = catalogue()
    missing = []
    for place, code, facts in raised():
        if code in rows and facts is not None:
            for language, sentence in rows[code].sentences.items():
                wanted = {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
                missing += [f"{place} {code} {language} {name}" for name in sorted(wanted - facts)]
    assert missing == []


@pytest.mark.parametrize("language", LOCALES)
def test_every_sentence_is_written_and_ends(language: str) -> None:
    for code, row in catalogue().items():
        sentence = row.sentences[language]
        assert sentence.strip() == sentence != "", code
        assert sentence[-1] in ".!?" or ":" in sentence, code


def test_the_languages_of_a_sentence_name_the_same_facts_and_differ() -> None:
    for code, row in catalogue().items():
        facts = {
            language: {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
            for language, sentence in row.sentences.items()
        }
        assert facts["fr"] == facts["nl"] == facts["en"], code
        assert len(set(row.sentences.values())) == len(LOCALES), code


def test_every_status_says_that_the_request_was_not_done() -> None:
    assert {code: row.status for code, row in catalogue().items() if not 400 <= row.status < 600} == {}
