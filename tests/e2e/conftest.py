"""One demo and one log-in per person for the browser tests of a file, one Chromium for all of them; seeded once."""

import fcntl
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, StorageState

from tests.e2e.kit import Demo, chromium, log_in, running_demo

HERE = Path(__file__).parent
Enter = Callable[..., BrowserContext]


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of a demo that has run and was ended, made once for all processes of a test run."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    with (shared / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "demo").exists():
            with running_demo(shared / "demo-making"):
                pass
            (shared / "demo-making").rename(shared / "demo")
    return shared / "demo"


@pytest.fixture(scope="module")
def demo(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo of the file's own, from where the seeded one was ended."""
    data = tmp_path_factory.mktemp("demo") / "data"
    shutil.copytree(seeded, data)
    (data / "sandbox.port").unlink()  # two copies would ask for the same one
    with running_demo(data) as running:
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
