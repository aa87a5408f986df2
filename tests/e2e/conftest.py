"""One demo and one log-in per person for the browser tests of a file, one Chromium for all of them."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, StorageState

from tests.e2e.kit import Demo, chromium, log_in, running_demo

HERE = Path(__file__).parent
Enter = Callable[..., BrowserContext]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for one file: while it runs, its event loop is the process's own, and no test after may meet it."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def enter(browser: Browser, demo: Demo) -> Iterator[Enter]:
    """`enter("citizen")`: a browser window in which that person is logged in; `enter("visitor")`: nobody is."""
    states: dict[str, StorageState] = {}
    opened: list[BrowserContext] = []

    def entered(role: str, **options: object) -> BrowserContext:
        if role != "visitor" and role not in states:
            context = browser.new_context()
            log_in(context, demo, role)
            states[role] = context.storage_state()
            context.close()
        window = browser.new_context(storage_state=states.get(role), **options)  # type: ignore[arg-type]  # passed on
        opened.append(window)
        return window

    yield entered
    for window in opened:
        window.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, installed from the committed lock."""
    script = HERE / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        assert npm, "npm is missing: apt-get install npm"
        subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE, check=True, timeout=120)
    return script.read_text("utf-8")
