"""An installation for every test: copied from one whose cast has entered, with a payment sandbox of its own."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from api import bootstrap
from api.bootstrap import create_book, wire_book
from api.demo.stage import Stage
from api.demo.story import BEGINS_ON, OVEN
from api.rails.sandbox.server import SandboxServer
from frontend.site import build_site
from ledger.book import open_book
from ledger.clock import FixedClock
from tests.api_kit import Desk, settings_of
from tests.conftest import (
    DATABASES,
    NOON,
    MakeEngine,
    MakeTemplate,
    Template,
    close_template,
    make_book,
    make_keys,
)
from tests.oracle import check_everything
from tests.record_kit import enter_cast, record_desk


@pytest.fixture(scope="session")
def entered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], dict[str, str]]:
    """A data folder in which everybody is registered and one offer is open."""
    data = tmp_path_factory.mktemp("entered") / "data"
    settings = settings_of(data)
    stage = Stage(wire_book(settings, create_book(settings, business_date=BEGINS_ON)))
    stage.enter()
    stage.offer("oven", OVEN)
    stage.wiring.book.engine.dispose()
    return data, stage.parties, stage.offers


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    server = SandboxServer(0)
    server.start()
    yield server
    server.close()


@pytest.fixture
def desk(
    tmp_path: Path, entered: tuple[Path, dict[str, str], dict[str, str]], sandbox: SandboxServer
) -> Iterator[Desk]:
    """Staff types what the bank's statements say."""
    yield from _desk(tmp_path, entered, sandbox, BXL_BANK="none")


@pytest.fixture
def banked(
    tmp_path: Path, entered: tuple[Path, dict[str, str], dict[str, str]], sandbox: SandboxServer
) -> Iterator[Desk]:
    """The sandbox plays the bank too."""
    yield from _desk(tmp_path, entered, sandbox)


def _desk(
    tmp_path: Path, entered: tuple[Path, dict[str, str], dict[str, str]], sandbox: SandboxServer, **more: str
) -> Iterator[Desk]:
    template, parties, offers = entered
    data = tmp_path / "data"
    shutil.copytree(template, data)
    settings = settings_of(data, BXL_SANDBOX=sandbox.base, **more)
    wiring = wire_book(settings, bootstrap.open_book(settings))
    assert wiring.sandbox is not None
    wiring.sandbox.set_date(BEGINS_ON)
    wiring.sandbox.drop_webhooks()
    yield Desk(wiring, Stage(wiring, dict(parties), dict(offers)), build_site(wiring))
    wiring.close()
    check_everything(wiring.book)
    wiring.book.engine.dispose()


Entered = Callable[[str], tuple[Template, dict[str, str]]]


@pytest.fixture(scope="session")
def cast_entered(make_template: MakeTemplate, tmp_path_factory: pytest.TempPathFactory) -> Entered:
    """A database of a kind with a book in which the cast is registered, and who is who."""

    @cache
    def entered(database: str) -> tuple[Template, dict[str, str]]:
        engine, template = make_template(database, "cast")
        parties = enter_cast(make_book(engine, FixedClock(NOON)), tmp_path_factory.mktemp("data"))
        close_template(engine)
        return template, parties

    return entered


@pytest.fixture(params=DATABASES)
def record(
    request: pytest.FixtureRequest, make_engine: MakeEngine, cast_entered: Entered, clock: FixedClock, tmp_path: Path
) -> Iterator[Desk]:
    """The cast on a fresh book on either database, for the resources of the record."""
    template, parties = cast_entered(request.param)
    book = open_book(make_engine(request.param, template), "main", clock=clock, keys=make_keys())
    desk = record_desk(book, tmp_path / "data", parties)
    yield desk
    desk.wiring.close()
    check_everything(desk.wiring.book)
