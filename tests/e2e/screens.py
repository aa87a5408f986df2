"""Photographs every page of the demo into docs/screens: `python -m tests.e2e.screens [--origin URL]`.

Without an origin it starts a demo of its own. Chromium draws each page at 1280 px, some also at 390 px and in dark; the
pictures are brought to a palette so that each stays small.
"""

import argparse
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page

from tests.e2e.kit import Demo, chromium, log_in, running_demo

OUT = Path(__file__).parents[2] / "docs" / "screens"
WIDE, PHONE = 1280, 390
TALLEST = 2600


@dataclass(frozen=True)
class Shot:
    """One page to photograph: `name` of the file, who looks, and its path; `also` names more ways to draw it.

    `hands_in` is the path of a receipt that is given to the page before.
    """

    name: str
    role: str
    path: str
    words: str
    also: tuple[str, ...] = ()
    hands_in: str = ""


def main() -> None:
    """Photograph all pages and write the index."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--origin", help="a demo that runs already")
    origin = parser.parse_args().origin
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        if origin:
            photograph(browser, Demo(origin, Path(folder)))
            return
        with running_demo(Path(folder) / "demo") as demo:
            photograph(browser, demo)


def photograph(browser: Browser, demo: Demo) -> None:
    """All pages of a running demo."""
    sessions = {role: browser.new_context() for role in ("visitor", "citizen", "entrepreneur", "auditor", "operator")}
    for role, context in sessions.items():
        if role != "visitor":
            log_in(context, demo, role).close()
    lines = []
    for shot in shots(sessions, demo):
        for style in ("wide", *shot.also):
            file = _draw(browser, sessions[shot.role], demo, shot, style)
            lines.append(f"| [{file}]({file}) | {shot.words}{'' if style == 'wide' else f', {style}'} |")
    for context in sessions.values():
        context.close()
    (OUT / "README.md").write_text(_INDEX + "\n".join(lines) + "\n", "utf-8")


def shots(sessions: dict[str, BrowserContext], demo: Demo) -> Iterator[Shot]:
    """Every page, found by following the links a person follows."""
    visitor, citizen, entrepreneur = (_open(sessions[r], demo) for r in ("visitor", "citizen", "entrepreneur"))
    yield Shot("home", "visitor", "/fr/", "Home, in French", ("phone", "dark"))
    yield Shot("home-nl", "visitor", "/nl/", "Home, in Dutch")
    yield Shot("offers", "visitor", "/fr/offers", "Open offers")
    offer = _first(visitor, demo, "/fr/offers", "main .card a")
    yield Shot("offer", "visitor", offer, "An offer: project, money, risk", ("phone", "dark"))
    bond = _first(visitor, demo, "/fr/offers", "#bonds .card a")
    yield Shot("bond", "visitor", bond, "The offer of a bond: interest, calendar, sharing, risk", ("phone",))
    yield Shot("board", "citizen", "/fr/board", "The bulletin board: interests to sell or buy units", ("phone",))
    yield Shot("how", "visitor", "/en/how", "How it works, the words, how to verify a receipt")
    yield Shot("rules", "visitor", "/en/rules", "Dated rules in force, with sources and provisional marks")
    yield Shot(
        "statistics", "visitor", "/fr/statistics", "Default rate, vintages, recovery, and the public files", ("phone",)
    )
    yield Shot("log-in", "visitor", "/fr/log-in", "Log in")
    yield Shot("register", "visitor", "/nl/register", "Register as a lender, in Dutch")
    yield Shot("not-found", "visitor", "/fr/nothing-here", "A page that does not exist")
    yield Shot("pledge-form", "citizen", f"{offer}/pledge", "The form of a pledge", ("phone",))
    yield Shot("bond-form", "citizen", f"{bond}/pledge", "The form of a subscription, in units")
    pledge = _pledge(citizen, demo, offer)
    yield Shot("pledge", "citizen", pledge, "A pledge: payment link and reflection clock", ("phone", "dark"))
    yield Shot("portfolio", "citizen", "/fr/portfolio", "A citizen's portfolio", ("phone", "dark"))
    holding = _first(citizen, demo, "/fr/portfolio", "#bonds tbody a")
    yield Shot("bond-holding", "citizen", holding, "A citizen's bond: units, coupons, register", ("phone",))
    for n, name in enumerate(("late", "on-time", "lost")):
        words = f"A loan that is {name.replace('-', ' ')}"
        yield Shot(f"loan-{name}", "citizen", _claim(citizen, demo, n), words, ("phone",) if n == 0 else ())
    yield Shot("receipts", "citizen", "/fr/receipts", "Receipts of every line that is one's own")
    yield Shot("totals", "citizen", "/fr/totals", "A holder's own part in the totals of a closed period")
    receipt = _first(citizen, demo, "/fr/receipts", "main td a")
    words = "A receipt verified in the browser"
    yield Shot("verify", "citizen", "/fr/verify", words, ("phone", "dark"), hands_in=receipt)
    yield Shot("enterprise", "entrepreneur", "/fr/enterprise", "An entrepreneur's page", ("phone",))
    yield Shot("enterprise-loan", "entrepreneur", _first(entrepreneur, demo, "/fr/enterprise", "#loans a"), "Her loan")
    plan = _first(citizen, demo, "/fr/portfolio", "main a[href$='/vote']")
    yield Shot("vote", "citizen", plan, "A plan before its lenders, and the ballot", ("phone",))
    difficulty = _first(entrepreneur, demo, "/fr/enterprise", "#loans a[href$='/difficulty']")
    yield Shot("difficulty", "entrepreneur", difficulty, "What an entrepreneur in difficulty sees", ("phone",))
    yield Shot("votes", "visitor", "/fr/votes", "Votes, and promises of news kept and missed")
    yield Shot("audit-balance", "auditor", "/en/audit", "Trial balance by date")
    yield Shot("audit-journal", "auditor", "/en/audit/entries", "Journal", ("dark",))
    yield Shot("audit-entry", "auditor", "/en/audit/entries/30", "One entry")
    yield Shot("audit-log", "auditor", "/en/audit/log", "Public log")
    yield Shot("audit-bonds", "auditor", "/en/audit/bonds", "Every register of bonds against the units issued")
    yield Shot("audit-exports", "auditor", "/en/audit/exports", "Exports and the offline check")
    yield Shot("audit-exceptions", "auditor", "/en/audit/exceptions", "Exceptions")
    yield Shot("operations", "operator", "/fr/operations", "The operator's desk", ("phone", "dark"))
    operator = _open(sessions["operator"], demo)
    series = _first(operator, demo, "/fr/operations/bonds", "#series tbody a")
    yield Shot("bond-desk", "operator", series, "The desk of a series: register, coupons and redemptions")
    yield Shot("forbidden", "citizen", "/fr/operations", "A page for another role")
    yield Shot("mailbox", "visitor", "/fr/mailbox", "The demonstration's mailbox")


def _pledge(page: Page, demo: Demo, offer: str) -> str:
    """A new pledge, so that its page is seen with everything on it."""
    page.goto(f"{demo.origin}{offer}/pledge")
    page.fill("#amount", "500")
    page.check("#risk")
    page.check("#locked")
    page.click("main form button")
    page.wait_for_selector("main a.button")
    return page.url.removeprefix(demo.origin)


def _claim(page: Page, demo: Demo, n: int) -> str:
    page.goto(f"{demo.origin}/fr/portfolio")
    return page.locator("#claims tbody a").nth(n).get_attribute("href") or ""


def _first(page: Page, demo: Demo, path: str, selector: str) -> str:
    page.goto(f"{demo.origin}{path}")
    return page.locator(selector).first.get_attribute("href") or ""


def _open(context: BrowserContext, demo: Demo) -> Page:
    page = context.new_page()
    page.goto(f"{demo.origin}/fr/")
    return page


def _draw(browser: Browser, session: BrowserContext, demo: Demo, shot: Shot, style: str) -> str:
    width = PHONE if style == "phone" else WIDE
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if style == "dark" else "light",
        storage_state=session.storage_state(),
    )
    page = context.new_page()
    page.goto(f"{demo.origin}{shot.path}")
    if shot.hands_in:
        receipt = context.request.get(f"{demo.origin}{shot.hands_in}").body()
        page.set_input_files("#receipt-files", FilePayload(name="bxl.pdf", mimeType="application/pdf", buffer=receipt))
        page.wait_for_selector("[data-verdict]")
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    context.close()
    cut = picture.crop((0, 0, picture.width, min(picture.height, TALLEST)))
    name = f"{shot.name}.png" if style == "wide" else f"{shot.name}-{style}.png"
    cut.quantize(128, dither=Image.Dither.NONE).save(OUT / name, optimize=True)
    return name


_INDEX = """# The pages

Photographed from the running demo by `python -m tests.e2e.screens`: 1280 px wide, some also at 390 px (phone) and dark.
Long pages are cut.

| Picture | Page |
|---|---|
"""

if __name__ == "__main__":
    main()
