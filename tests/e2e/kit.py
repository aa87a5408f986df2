"""What the browser tests share: the demo as `bxl run` starts it, Chromium, people who log in by their mailbox.

A missing Chromium is an error, never a skip.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from frontend.i18n import tongue
from tests.commands import run_bxl

CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MAILBOXES = {
    "citizen": "amelie@citizen.example",
    "entrepreneur": "mehdi@velocanal.example",
    "grocer": "joachim@vrac.example",
    "auditor": "sofia@audit.example",
    "operator": "nadia@operator.example",
    "second operator": "pieter@operator.example",
}
START_SECONDS = 400.0
PATIENCE = 60_000
"""Milliseconds that a page may take to show what the worker does behind it."""


@dataclass(frozen=True)
class Demo:
    """A running demo: its address and its folder."""

    origin: str
    data: Path

    def bxl(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the installation in its environment."""
        return run_bxl(*arguments, env=os.environ | {"BXL_DATA": str(self.data)})


@contextmanager
def running_demo(data: Path) -> Iterator[Demo]:
    """`bxl run` on a folder and a free port, until it has printed its log-ins; ended as Ctrl-C ends it."""
    port = _free_port()
    output = data.with_suffix(".log")
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.cli.main", "run"],
            env=os.environ | {"BXL_DATA": str(data), "BXL_PORT": str(port), "PYTHONUNBUFFERED": "1"},
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await_welcome(process, output)
        yield Demo(f"http://127.0.0.1:{port}", data)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, headless."""
    path = shutil.which("chromium")
    assert path, "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def log_in(context: BrowserContext, demo: Demo, role: str) -> Page:
    """Log in as a person of the demo does: ask for a link, open it in the mailbox, press the button."""
    page = context.new_page()
    page.goto(f"{demo.origin}/fr/mailbox")
    door = page.locator(".doors button", has_text=MAILBOXES[role])
    if door.count():
        door.click()
    else:  # the demo has ready doors for some alone
        page.goto(f"{demo.origin}/fr/log-in")
        page.fill("main input[name=email]", MAILBOXES[role])
        page.locator("main form button").click()
        page.wait_for_load_state()
        page.goto(f"{demo.origin}/fr/mailbox")
    page.wait_for_url("**/fr/mailbox")
    open_first_link(page, MAILBOXES[role])
    return page


def open_first_link(page: Page, address: str) -> None:
    """Open the newest log-in link that was mailed to `address`, and the session behind it."""
    letter = page.locator("article.letter", has_text=address).filter(has=page.locator("a[href*='/log-in/']")).first
    letter.locator("a[href*='/log-in/']").first.click()
    page.locator("main form button").click()
    page.wait_for_load_state()


def shown_euro(cents: int) -> str:
    """An amount as a French page shows it."""
    return tongue("fr").money(cents)


def amount_in(text: str) -> int:
    """The first amount in euro of a text, in cents: `1 234,56 €`, `€ 1.234,56`."""
    found = re.search(r"(\d[\d\s.\u00a0\u202f]*),(\d\d)", text)
    assert found, text
    return int(re.sub(r"\D", "", found[1])) * 100 + int(found[2])


def _await_welcome(process: "subprocess.Popen[bytes]", output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        printed = output.read_text("utf-8")
        if "Ctrl-C" in printed:
            return
        assert process.poll() is None, f"`bxl run` ended:\n{printed}"
        time.sleep(0.2)
    raise AssertionError(f"`bxl run` was not ready in {START_SECONDS:.0f} seconds:\n{output.read_text('utf-8')}")


def _free_port() -> int:
    """A port whose successor is free too: the sandbox takes it."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
