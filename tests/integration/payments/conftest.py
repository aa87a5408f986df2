"""A running sandbox, and shops whose provider it is."""

from collections.abc import Iterator

import pytest

from api.rails.sandbox.control import SandboxControl
from api.rails.sandbox.server import SandboxServer
from ledger.book import Book
from ledger.clock import FixedClock
from tests.payments_kit import DAY, Shop, sandbox_rail


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    server = SandboxServer()
    server.start()
    yield server
    server.close()


@pytest.fixture
def control(sandbox: SandboxServer) -> SandboxControl:
    control = SandboxControl(sandbox.base)
    control.set_date(DAY)
    return control


@pytest.fixture
def shop(book: Book, clock: FixedClock, sandbox: SandboxServer, control: SandboxControl) -> Shop:
    """On both databases; no webhook reaches it."""
    return Shop(book, sandbox_rail(sandbox.base, clock=clock), clock, control).configure()


@pytest.fixture
def sqlite_shop(sqlite_book: Book, clock: FixedClock, sandbox: SandboxServer, control: SandboxControl) -> Shop:
    """On SQLite; no webhook reaches it."""
    return Shop(sqlite_book, sandbox_rail(sandbox.base, clock=clock), clock, control).configure()
