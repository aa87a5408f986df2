"""The page /verify has words in three languages for all that its script can say."""

import re
from pathlib import Path

import pytest

import frontend
from frontend.i18n import LANGUAGES
from frontend.verifier import REFUSED, script_words

SCRIPTS = Path(next(iter(frontend.__path__))) / "static" / "js" / "verify"
SOURCE = "\n".join(path.read_text("utf-8") for path in sorted(SCRIPTS.glob("*.js")))
LONGEST_SCRIPT = 400
ONLY_WRAPPED = {"base64-malformed", "bytes-not-canonical", "value-not-canonical"}
"""Refusals that the script turns into those of the file they were found in."""
FORBIDDEN = re.compile(r"\beval\b|\bFunction\(|innerHTML|insertAdjacentHTML|XMLHttpRequest|WebSocket|sendBeacon")
EACH_LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)


def names(pattern: str) -> set[str]:
    found = set(re.findall(pattern, SOURCE))
    assert found, pattern
    return found


@EACH_LANGUAGE
def test_whatever_the_script_can_say_has_words(language: str) -> None:
    words = script_words(language)
    wanted = {f"step-{name}" for name in names(r'report\.check\("([a-z-]+)"')}
    wanted |= {f"detail-{name}" for name in names(r'report\.check\("([a-z-]+)"')}
    wanted |= {f"why-{key}" for key in names(r'leaveOpen\("[a-z]+", "([a-z0-9-]+)"')}
    wanted |= {f"why-{key}" for key in names(r'missing\.push\(\{ key: "([a-z-]+)"')}
    wanted |= {f"not-{key}" for key in names(r'notChecked\.push\(\{ key: "([a-z-]+)"')}
    wanted |= {f"notice-{key}" for key in names(r'showNotice\(result, "([a-z-]+)"')}
    wanted |= {f"says-{name}" for name in names(r'\["([a-z]+)", (?:word|amount|account|day|instant|origin)')}
    wanted |= {f"verdict-{verdict}" for verdict in ("verified", "forged", "incomplete")}
    wanted |= {f"mark-{state}" for state in ("passed", "failed", "open")}
    assert wanted - words.keys() == set()


@EACH_LANGUAGE
def test_whatever_a_check_fails_with_is_explained(language: str) -> None:
    words = script_words(language)
    thrown = names(r'new Refusal\(\s*"([a-z0-9-]+)"') - ONLY_WRAPPED
    assert {code for code in thrown if not {f"why-{code}", f"refusal-{code}"} & words.keys()} == set()
    assert set(REFUSED) - thrown == set()


def test_no_script_grows_past_its_limit_reaches_out_or_makes_code_of_text() -> None:
    for path in SCRIPTS.glob("*.js"):
        text = path.read_text("utf-8")
        assert text.count("\n") < LONGEST_SCRIPT, path.name
        assert all(len(line) <= 120 for line in text.splitlines()), path.name
        assert not FORBIDDEN.search(text), path.name
        assert not re.search(r"https?://", text), path.name
    assert SOURCE.count("fetch(") == 1
