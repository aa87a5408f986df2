"""Every mail that a product can ask for has its words in three languages, with the facts it is given."""

import ast
import string
from functools import cache
from pathlib import Path

import pytest

from api.mail.render import render, templates
from contracts.events import MAIL_TEMPLATES

LANGUAGES = ("fr", "nl", "en")
OWN = {"log-in", "welcome"}


def test_every_template_is_asked_for_and_every_wish_has_its_words() -> None:
    assert set(templates()) - {"greeting", "signature"} == MAIL_TEMPLATES | OWN


@pytest.mark.parametrize("template", sorted(MAIL_TEMPLATES | OWN))
def test_a_template_names_the_same_facts_in_every_language(template: str) -> None:
    named = {language: placeholders(template, language) for language in LANGUAGES}
    assert named["fr"] == named["nl"] == named["en"]


def test_facts_are_shown_as_people_read_them() -> None:
    facts = {"title": "Four", "amount_cents": 123_450, "on_on": "2026-04-07", "link": "https://x.example/fr/loans/l1"}
    text = render("refund-sent", "fr", name="Amélie Dubois", facts=facts)
    assert text.body.startswith("Bonjour Amélie Dubois,\n\n")
    assert "7 avril 2026" in text.body
    assert "1\u202f234,50" in text.body
    assert text.body.endswith("BXL Invest\n")


@pytest.mark.parametrize("template", sorted(MAIL_TEMPLATES))
def test_no_template_wants_a_fact_that_its_product_does_not_give(template: str) -> None:
    wanted = placeholders(template, "en") - {"link"}
    given = facts_emitted().get(template)
    assert given is not None, f"nobody emits {template}"
    assert wanted <= given


def placeholders(template: str, language: str) -> set[str]:
    words = templates()[template][language]
    found = string.Formatter().parse(words["subject"] + words["body"])
    return {name for _, name, _, _ in found if name}


@cache
def facts_emitted() -> dict[str, set[str]]:
    """Which fact names stand, as literals, in the files that name a template, or are given with every loan's mail."""
    found: dict[str, set[str]] = {}
    folder = Path(__file__).parents[2] / "contracts"
    of_every_loan = literals(folder / "loans/steps.py")
    for path in folder.rglob("*.py"):
        given = literals(path)
        for template in MAIL_TEMPLATES & given:
            if path.name != "events.py":
                found.setdefault(template, set()).update(given | of_every_loan)
    return found


def literals(path: Path) -> set[str]:
    """The texts and the names of keywords in a file."""
    tree = ast.parse(path.read_text("utf-8"))
    texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return texts | {k.arg for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords if k.arg}
