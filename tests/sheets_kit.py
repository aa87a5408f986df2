"""A key investment information sheet that answers every item, for the offers that tests publish."""

from typing import Any

from contracts.offers.kiis import ITEMS, ItemKind


def texts(words: str) -> dict[str, str]:
    return {language: f"{words} ({language})." for language in ("fr", "nl", "en")}


def sheet(**changes: Any) -> dict[str, Any]:
    """Every required item answered; `changes` replace answers, None leaves one open."""
    answers: dict[str, Any] = {item.key: texts(item.key) for item in ITEMS if item.kind is ItemKind.TEXT}
    answers |= {
        "contact": "Rue du Four 1, 1060 Saint-Gilles, bonjour@levain.example",
        "responsible": "Claire Dubois, administratrice",
        "figures": [
            {
                "year": 2025,
                "turnover_cents": 41_200_000,
                "result_cents": -310_000,
                "equity_cents": 5_400_000,
                "debt_cents": 8_100_000,
            }
        ],
        "offers_completed": 0,
        "own_funds_cents": 500_000,
        "information_link": "https://levain.example/oven",
    }
    return answers | changes
