"""From a template and its facts to a mail's subject and text, in French, Dutch or English."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from api.refusals import shown
from ledger.errors import Fact


@dataclass(frozen=True, slots=True)
class Text:
    """A mail's words."""

    subject: str
    body: str


MailFact = Fact | Mapping[str, str]
"""A fact of a mail; what is already in words stands by language."""


def render(template: str, language: str, *, name: str, facts: Mapping[str, MailFact]) -> Text:
    """The mail in words; a missing fact is a defect and raises `KeyError`.

    >>> render("log-in", "en", name="Ada", facts={"link": "https://x/1", "minutes": 15}).subject
    'Your log-in link'
    """
    words = templates()[template][language]
    values = {
        fact: value[language] if isinstance(value, Mapping) else shown(fact, value, language)
        for fact, value in facts.items()
    }
    greeting = templates()["greeting"][language].format(name=name)
    body = f"{greeting}\n\n{words['body'].format(**values)}\n\n{templates()['signature'][language]}\n"
    return Text(words["subject"].format(**values), body)


@cache
def templates() -> Mapping[str, Any]:
    """All templates by name and language."""
    return tomllib.loads(files("api.mail").joinpath("templates.toml").read_text("utf-8"))
