"""The statistics as readers get them: the page in three languages, its files, editions that are kept, the command."""

import html
import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from api import migrations, statistics
from api.bootstrap import Wiring
from api.mail.transport import KeptMail
from api.settings import EMBEDDED_FILE, read_settings
from api.statistics import KEPT_FOR, Editions
from contracts.statistics.files import loan_book_csv, statistics_json
from contracts.statistics.queries import publish
from frontend.i18n import tongue
from frontend.site import build_site
from ledger.clock import FixedClock
from ledger.storage.engine import open_engine
from tests.commands import run_bxl
from tests.conftest import WRAPPING_KEY, MakeEngine, make_book
from tests.functional.conftest import quiet_rail
from tests.products_kit import Town, make_town
from tests.servicing_kit import DAY, Size, served_town
from tests.statistics_kit import FIRST_DUE, LENT, bankrupt, peopled

HEADINGS = {
    "fr": ["Statistiques", "Taux de défaut", "Prêts par année de versement", "Recouvrement après défaut", "Fichiers"],
    "nl": [
        "Statistieken",
        "Wanbetalingspercentage",
        "Leningen per jaar van uitbetaling",
        "Inning na wanbetaling",
        "Bestanden",
    ],
    "en": ["Statistics", "Default rate", "Loans by year of payment", "Recovery after default", "Files"],
}


def browser_of(town: Town, folder: Path) -> TestClient:
    settings = read_settings({"BXL_DATA": str(folder)})
    site = build_site(Wiring(settings, town.book, town.rail, KeptMail(), None))
    return TestClient(site, base_url="http://127.0.0.1:8000")


@pytest.mark.parametrize("language", HEADINGS)
def test_the_page_states_every_figure_in_its_language(sqlite_town: Town, tmp_path: Path, language: str) -> None:
    peopled(sqlite_town)
    page = browser_of(sqlite_town, tmp_path).get(f"/{language}/statistics")
    assert page.status_code == 200
    words, text = tongue(language), page.text
    assert headings(text) == HEADINGS[language]
    for figure in (
        words.percent(Decimal("0.8")),  # four of the five loans that ran in 2027
        words.percent(Decimal("0.18")),  # of what was outstanding a year before
        words.money(sum(LENT.values())),
        words.money(500_000),  # lost
        words.money(100_000),  # recovered
        words.day(date(2028, 6, 30)),
    ):
        assert html.escape(figure) in text
    assert f'href="/{language}/statistics"' in text.partition("<footer")[2]
    assert 'href="/statistics/loan-book.csv"' in text
    assert text.count("<caption") == text.count("<table") == 5
    assert 'role="img"' in text
    assert "Firm" not in text


@pytest.mark.parametrize("language", HEADINGS)
def test_the_page_of_a_book_without_loans_says_that_there_is_no_rate(
    sqlite_town: Town, tmp_path: Path, language: str
) -> None:
    text = browser_of(sqlite_town, tmp_path).get(f"/{language}/statistics").text
    assert html.escape(tongue(language).text("statistics.no-rate"), quote=False) in html.unescape(text)
    assert tongue(language).text("statistics.no-defaults") in html.unescape(text)


def test_the_files_have_the_figures_of_the_page_and_the_page_is_found_without_a_language(
    sqlite_town: Town, tmp_path: Path
) -> None:
    town = sqlite_town
    town.fund({town.citizen("Ada"): 100_000}, town.enterprise())
    browser = browser_of(town, tmp_path)
    with town.book.read() as connection:
        published = publish(connection, town.book, town.today)
    figures, rows = browser.get("/statistics/statistics.json"), browser.get("/statistics/loan-book.csv")
    assert (figures.content, rows.content) == (statistics_json(published.statistics), loan_book_csv(published.rows))
    assert figures.headers["content-type"] == "application/json"
    assert rows.headers["content-type"].startswith("text/csv")
    assert (figures.headers["cache-control"], rows.headers["cache-control"]) == ("no-cache", "no-cache")
    moved = browser.get("/statistics", headers={"Accept-Language": "nl"}, follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (303, "/nl/statistics")


def test_an_edition_is_kept_until_something_happens(sqlite_town: Town) -> None:
    town, editions = sqlite_town, Editions()
    loan_id = town.fund({town.citizen("Ada"): 100_000}, town.enterprise())
    first = editions.current(town.book)
    assert editions.current(town.book) is first
    bankrupt(town, loan_id)  # no entry is posted
    second = editions.current(town.book)
    assert (first.statistics.totals.in_default, second.statistics.totals.in_default) == (0, 1)
    town.jump_to(FIRST_DUE)
    assert editions.current(town.book).statistics.on == FIRST_DUE


def test_many_loans_are_reckoned_again_every_ten_minutes_at_most(
    sqlite_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "FEW_LOANS", 0)
    town, editions = sqlite_town, Editions()
    loan_id = town.fund({town.citizen("Ada"): 100_000}, town.enterprise())
    first = editions.current(town.book)
    bankrupt(town, loan_id)
    town.clock.instant += KEPT_FOR - timedelta(seconds=1)
    assert editions.current(town.book) is first
    town.clock.instant += timedelta(seconds=1)
    assert editions.current(town.book).statistics.totals.in_default == 1


def test_while_one_reader_waits_for_the_next_edition_others_read_the_one_before(sqlite_town: Town) -> None:
    town, editions = sqlite_town, Editions()
    loan_id = town.fund({town.citizen("Ada"): 100_000}, town.enterprise())
    first = editions.current(town.book)
    bankrupt(town, loan_id)
    with editions._making:  # as a reader holds it who is making one
        assert editions.current(town.book) is first
    assert editions.current(town.book) is not first


def test_the_number_of_statements_does_not_grow_with_the_loans(
    make_engine: MakeEngine, count_statements: Callable[[sa.Engine], list[str]]
) -> None:
    counts = []
    for loans in (5, 25):
        engine = make_engine("sqlite")
        town = served_town(engine, Size(loans=loans, lenders=20, borrowers=2))
        statements = count_statements(engine)
        with town.book.read() as connection:
            published = publish(connection, town.book, DAY)
        assert published.statistics.totals.loans == len(published.rows) == loans
        counts.append(len(statements))
    assert counts[0] == counts[1] < 12


def test_the_command_prints_what_the_page_publishes(tmp_path: Path, clock: FixedClock) -> None:
    data = tmp_path / "data"
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "BXL_DATA": str(data)}
    (data / "keys").mkdir(parents=True)
    (data / "keys" / "wrapping.key").write_bytes(WRAPPING_KEY)
    engine = open_engine(f"sqlite:///{data / EMBEDDED_FILE}")
    migrations.upgrade(engine)
    town = make_town(make_book(engine, clock), clock, quiet_rail())
    loan_id = town.fund({town.citizen("Ada"): 100_000}, town.enterprise())
    bankrupt(town, loan_id)
    with town.book.read() as connection:
        published = publish(connection, town.book, town.today)
    engine.dispose()
    on = town.today.isoformat()
    figures = run_bxl("statistics", "--on", on, "--json", env=environment)
    assert (figures.returncode, figures.stdout) == (0, statistics_json(published.statistics).decode())
    rows = run_bxl("statistics", "loan-book", "--on", on, env=environment)
    assert (rows.returncode, rows.stdout) == (0, loan_book_csv(published.rows).decode().replace("\r\n", "\n"))
    told = run_bxl("statistics", "--on", on, env=environment).stdout
    assert "Default rate: none" in told
    assert "total           1         1000.00" in told
    assert "Back within  0 months:   0.00 % (1 defaults)" in told
    later = run_bxl("statistics", "--on", "2199-01-01", "--json", env=environment)
    assert (later.returncode, json.loads(later.stdout)["refusal"]["code"]) == (1, "date-not-reached")


def test_the_rate_of_any_loans_is_computed_without_a_book() -> None:
    paid = [{"due_on": f"{year}-05-01", "settled_on": f"{year}-05-01"} for year in (2025, 2026)]
    loans = [
        {"id": "late", "disbursed_on": "2024-05-01", "dues": [paid[0], {"due_on": "2026-05-01", "amount_cents": 5}]},
        {"id": "eased", "disbursed_on": "2024-06-01", "dues": paid, "concessions": [{"on": "2025-03-01"}]},
        {
            "id": "agreed",
            "risk_class": "A",
            "disbursed_on": "2024-06-01",
            "dues": paid,
            "concessions": [{"on": "2025-03-01", "by_contract": True}],
        },
    ]
    answer = rate({"on": "2026-12-31", "loans": loans})
    assert [(each["loans"], each["defaults"]) for each in answer["windows"]] == [(0, 0), (3, 1), (2, 1)]
    assert (answer["rate"], answer["by_risk_class"]["A"]["rate"]) == ("0.416667", "0.000000")
    assert answer["defaults"]["eased"] == [{"on": "2025-03-01", "until": "2026-03-01", "ground": "concession"}]
    assert answer["defaults"]["late"] == [{"on": "2026-07-31", "until": None, "ground": "past-due"}]
    shifted = rate({"on": "2026-12-31", "first_window_on": "2024-07-01", "loans": loans})
    assert [each["ends_on"] for each in shifted["windows"]] == ["2025-06-30", "2026-06-30"]
    assert rate({"on": "2026-12-31", "loans": [], "more": 1}, code=1)["refusal"]["code"] == "terms-field-unknown"


def rate(asked: dict, code: int = 0) -> dict:
    done = run_bxl("statistics", "default-rate", given=json.dumps(asked))
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def headings(text: str) -> list[str]:
    return [html.unescape(each) for each in re.findall(r"<h[12][^>]*>([^<]+)</h[12]>", text)]
