"""What an officer types is taken the Belgian way or not at all. Scenario 28."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.bootstrap import Wiring
from api.identity.service import open_session_for
from api.mail.transport import KeptMail
from api.security import COOKIE
from api.settings import read_settings
from frontend.site import build_site
from tests.products_kit import Town

ORIGIN = "http://127.0.0.1:8000"


@pytest.mark.parametrize("language", ["nl", "fr", "en"])
def test_28_an_officer_who_types_1_234_50_is_refused_and_not_read_as_1_23(
    sqlite_town: Town, tmp_path: Path, language: str
) -> None:
    settings = read_settings({"BXL_DATA": str(tmp_path)})
    wiring = Wiring(settings, sqlite_town.book, sqlite_town.rail, KeptMail(), None)
    officer = TestClient(build_site(wiring), ORIGIN, follow_redirects=False, headers={"Accept": "text/html"})
    with sqlite_town.book.unit_of_work(actor="test") as uow:
        officer.cookies.set(COOKIE, open_session_for(uow, sqlite_town.maker, language).token)

    def record(amount: str) -> tuple[int, str]:
        answer = officer.post(
            f"/{language}/operations/settlements",
            data={"reference": "1234567.2611.03", "amount": amount},
            files={"evidence": ("statement.xml", b"<Document/>")},
            headers={"Origin": ORIGIN},
        )
        return answer.status_code, re.sub(r"\s+", " ", answer.text)

    before = sqlite_town.entries()
    status, page = record("1,234.50")
    assert (status, 'value="1,234.50"' in page, "1.234,50." in page) == (422, True, True)
    status, page = record("1.234,50")
    assert status == 409  # read as 1,234.50 euro, which the provider does not hold
    assert sqlite_town.entries() == before
