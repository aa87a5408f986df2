"""A refusal in the person's language: its figures as people write them there."""

import pytest

from api.refusals import LOCALES, catalogue, sentence
from ledger.errors import Refusal

STEEP = Refusal(
    "rate-outside-corridor", rate_percent="4.51", floor_percent="2.25", ceiling_percent="4.5", concluded_on="2026-03-02"
)
POOR = Refusal("offer-cap-exceeded", remaining_cents=123_456, amount_cents=200_000)


@pytest.mark.parametrize(
    ("refusal", "language", "parts"),
    [
        (STEEP, "fr", ("4,51\u00a0%", "de 2,25\u00a0% à 4,5\u00a0%", "2 mars 2026")),
        (STEEP, "nl", ("4,51\u00a0%", "2 maart 2026")),
        (STEEP, "en", ("4,51\u00a0%", "from 2,25\u00a0% to 4,5\u00a0%", "2 March 2026")),
        (POOR, "fr", ("234,56\u00a0€", "000,00\u00a0€")),
        (POOR, "nl", ("€\u00a01.234,56", "€\u00a02.000,00")),
        (POOR, "en", ("1.234,56\u00a0€", "2.000,00\u00a0€")),
        (Refusal("term-not-allowed", term_years=4, allowed=("5", "8")), "en", ("4 years", "5, 8")),
    ],
)
def test_figures_are_written_as_the_language_writes_them(refusal: Refusal, language: str, parts: tuple[str]) -> None:
    text = sentence(refusal, language)
    assert [part for part in parts if part not in text] == [], text


def test_no_sentence_shows_an_amount_or_a_date_without_saying_that_it_is_one() -> None:
    """A placeholder for money, a date or a percentage carries the ending that has it formatted."""
    endings = {"amount": "_cents", "minimum": "_cents", "maximum": "_cents", "rate": "_percent", "date": "_on"}
    technical = {"date-malformed"}  # it quotes what was sent
    found = [
        (code, name)
        for code, row in catalogue().items()
        for name in endings
        for language in LOCALES
        if "{" + name + "}" in row.sentences[language] and code not in technical
    ]
    assert found == []
