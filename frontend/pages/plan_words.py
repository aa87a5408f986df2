"""A plan in plain words: one sentence a tool, in the order in which the plan uses them."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from frontend.i18n import Tongue


def plan_sentences(words: Tongue, body: Mapping[str, Any]) -> list[str]:
    """What the plan's body says, sentence by sentence."""
    return [_sentence(words, use) for use in body["tools"]]


def _sentence(words: Tongue, use: Mapping[str, Any]) -> str:
    tool = str(use["tool"])
    if tool == "holiday":
        return words.text(f"vote.tool-holiday-{use['interest']}", n=use["periods"])
    if tool == "extension":
        return words.text("vote.tool-extension", n=use["periods"])
    if tool == "rate-cut":
        return words.text("vote.tool-rate-cut", rate=words.percent(Decimal(use["rate_annual"])))
    if tool == "better-fortune":
        return words.text("vote.tool-better-fortune", day=words.day(date.fromisoformat(use["expires_on"])))
    if use["amount_cents"] is None:
        return words.text(f"vote.tool-{tool}-all")
    return words.text(f"vote.tool-{tool}", amount=words.money(use["amount_cents"]))
