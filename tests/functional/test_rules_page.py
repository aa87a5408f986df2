"""The page of the rules in force: every scheme on it on any date, with its rows or with the word that it has none."""

from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.bootstrap import Wiring
from api.mail.transport import KeptMail
from api.settings import read_settings
from frontend.site import build_site
from tests.products_kit import Town


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("fr", "Aucune règle de ce régime n"),
        ("nl", "geldt geen enkele regel van dit stelsel"),
        ("en", "No rule of this scheme is in force on"),
    ],
)
def test_a_scheme_without_a_rule_on_the_day_says_so(
    sqlite_town: Town, tmp_path: Path, language: str, sentence: str
) -> None:
    town = sqlite_town
    settings = read_settings({"BXL_DATA": str(tmp_path)})
    site = build_site(Wiring(settings, town.book, town.rail, KeptMail(), None))
    browser = TestClient(site, base_url="http://127.0.0.1:8000")
    assert sentence not in browser.get(f"/{language}/rules").text
    town.clock.instant -= timedelta(days=365 * 8)  # before the first proxi loan, after the first Coup de Pouce loan
    page = browser.get(f"/{language}/rules")
    assert page.status_code == 200
    assert page.text.count(sentence) == 6  # the proxi, European, insolvency and labels rules, the programme's own
