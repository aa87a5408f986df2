"""The town of the product stories, on both databases and on SQLite alone."""

import warnings
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.bootstrap import Wiring
from api.identity.service import open_session_for
from api.mail.transport import KeptMail
from api.security import COOKIE
from api.settings import read_settings
from frontend.site import build_site
from ledger.book import Book
from ledger.clock import FixedClock
from tests.pages_kit import ORIGIN, Enter
from tests.payments_kit import FakeRail
from tests.products_kit import Town, make_town


@pytest.fixture
def town(book: Book, clock: FixedClock) -> Town:
    return make_town(book, clock, quiet_rail())


@pytest.fixture
def sqlite_town(sqlite_book: Book, clock: FixedClock) -> Town:
    """For stories whose outcome the database can't influence."""
    return make_town(sqlite_book, clock, quiet_rail())


@pytest.fixture
def site(sqlite_town: Town, tmp_path: Path) -> FastAPI:
    settings = read_settings({"BXL_DATA": str(tmp_path)})
    return build_site(Wiring(settings, sqlite_town.book, sqlite_town.rail, KeptMail(), None))


@pytest.fixture
def enter(site: FastAPI, sqlite_town: Town) -> Enter:
    """`enter(party)`: a browser in which that party is logged in; without one, nobody is."""

    def entered(party: str | None = None) -> TestClient:
        browser = TestClient(site, ORIGIN, raise_server_exceptions=False, follow_redirects=False)
        browser.headers["Accept"] = "text/html"
        if party is not None:
            with sqlite_town.book.unit_of_work(actor="test") as uow:
                browser.cookies.set(COOKIE, open_session_for(uow, party, "fr").token)
        return browser

    return entered


def quiet_rail() -> FakeRail:
    """The fake shouts that it is one; here that is known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return FakeRail()
