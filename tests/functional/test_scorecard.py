"""The scorecard of a town with three plans: one kept, one fallen and lost, one refused; page, files, command."""

import csv
import html
import io
import json
import warnings
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result
from starlette.testclient import TestClient

from api import bootstrap, migrations
from api.bootstrap import Wiring
from api.cli.scorecard import restructurings_command
from api.mail.transport import KeptMail
from api.settings import EMBEDDED_FILE, read_settings
from api.statistics import Editions
from contracts.loans import service as loans
from contracts.secondchance import service
from contracts.secondchance.model import Route, Signal, State
from contracts.secondchance.tools import Tool, Use
from contracts.statistics.restructurings import Reckoned, reckon_scorecard
from contracts.statistics.scorecard import Assumed, Outcome
from contracts.terms.dates import add_months
from contracts.votes.tally import Choice
from frontend.i18n import LANGUAGES, tongue
from frontend.site import build_site
from ledger.clock import FixedClock
from ledger.storage.engine import open_engine
from tests.chance_kit import NOTICE, Chance, late_loan
from tests.commands import run_bxl
from tests.conftest import NOON, WRAPPING_KEY, make_book
from tests.functional.conftest import quiet_rail
from tests.products_kit import EVIDENCE, Town, make_town

NUMBERS = {"kept": "0403.199.702", "lost": "0200.362.210", "refused": "0202.239.951"}
PLAN = (Use(tool=Tool.WAIVER), Use(tool=Tool.CARRY_FORWARD))


class Story(NamedTuple):
    """The books, read by every test and changed by none, and the three files."""

    town: Town
    data: Path
    chances: dict[str, Chance]
    effect_on: date


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    data = tmp_path_factory.mktemp("scorecard") / "data"
    (data / "keys").mkdir(parents=True)
    (data / "keys" / "wrapping.key").write_bytes(WRAPPING_KEY)
    engine = open_engine(f"sqlite:///{data / EMBEDDED_FILE}")
    migrations.upgrade(engine)
    clock = FixedClock(NOON)
    town = make_town(make_book(engine, clock), clock, quiet_rail())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        chances, effect_on = live(town)
    yield Story(town, data, chances, effect_on)
    engine.dispose()


def live(town: Town) -> tuple[dict[str, Chance], date]:
    """Three loans of 1,000 EUR miss their first due of March 2027; plans are counted in April; the end is in 2029."""
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    offers = {}
    for name, number in NUMBERS.items():
        offers[name] = town.open_offer(town.enterprise(f"Firm {name}", number=number), maximum_cents=100_000)
        town.pay_pledge(offers[name], ada, 60_000)
        town.pay_pledge(offers[name], bob, 40_000)
    town.go_to(town.today + timedelta(days=5))
    chances = {name: Chance(town, town.loan_of(offer_id)) for name, offer_id in offers.items()}
    for chance in chances.values():
        town.disburse(chance.loan_id)
    town.jump_to(chances["kept"].book().instalments[0].due_on)
    town.jump_to(town.today + timedelta(days=31))
    for chance in chances.values():
        chance.open()
        chance.observe()
        chance.do(service.publish_plan, chance.plan(*PLAN))
        chance.call_vote()
    town.jump_to(town.today + NOTICE)
    for name, chance in chances.items():
        chance.cast_all(Choice.NO if name == "refused" else Choice.YES)
    effect_on = town.today + timedelta(days=1)
    town.jump_to(effect_on)
    next_on = chances["kept"].book().instalments[5].due_on
    town.jump_to(next_on)
    town.pay_due(chances["kept"].loan_id, 6)
    for n in (1, 2):
        town.pay_due(chances["refused"].loan_id, n)
    town.jump_to(next_on + timedelta(days=10))
    chances["lost"].do(service.fail_plan, is_revoked=False)
    town.jump_to(date(2028, 6, 1))
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.record_bankruptcy(uow, chances["lost"].loan_id, on=town.today, evidence=EVIDENCE)
    town.jump_to(date(2028, 9, 1))
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.write_off(uow, chances["lost"].loan_id, on=town.today, evidence=EVIDENCE)
    town.settle()
    town.jump_to(date(2029, 6, 1))
    return chances, effect_on


def reckoned(story: Story, on: date | None = None) -> Reckoned:
    with story.town.book.read() as connection:
        return reckon_scorecard(connection, story.town.book, on or story.town.today)


def test_every_plan_in_effect_is_counted_at_each_mark_from_moves_and_dues(story: Story) -> None:
    card = reckoned(story).scorecard
    assert (story.effect_on, card.plans, set(card.by_route)) == (date(2027, 4, 23), 2, {Route.VOLUNTARY})
    six, twelve, twenty_four = card.totals
    told = [{outcome: n for outcome, n in each.outcomes.items() if n} for each in card.totals]
    assert told == [
        {Outcome.ON_TIME: 2},
        {Outcome.DEFAULTED_AGAIN: 1, Outcome.ON_TIME: 1},
        {Outcome.LOST: 1, Outcome.LATE: 1},
    ]
    assert [each.redefaulted for each in card.totals] == [0, 1, 1]
    assert (six.states, twelve.states) == (
        {State.PERFORMING_UNDER_PLAN: 2},
        {State.PERFORMING_UNDER_PLAN: 1, State.DEFAULTED: 1},
    )
    kept, lost = story.chances["kept"].book(), story.chances["lost"].book()
    first, second = (kept.instalments[n].total_cents for n in (5, 6))
    assert [lost.instalments[n].total_cents for n in (5, 6)] == [first, second]
    assert (six.asked_cents, six.paid_cents) == (0, 0)
    assert (twelve.asked_cents, twelve.paid_cents, twelve.paid_share) == (2 * first, first, Fraction(1, 2))
    assert (twenty_four.asked_cents, twenty_four.paid_cents) == (2 * (first + second), first)


def test_a_past_day_knows_only_what_had_happened(story: Story) -> None:
    before = story.effect_on - timedelta(days=1)
    assert reckoned(story, before).scorecard.plans == 0
    half = date(2027, 10, 23)
    assert [each.plans for each in reckoned(story, half - timedelta(days=1)).scorecard.totals] == [0, 0, 0]
    assert [each.plans for each in reckoned(story, half).scorecard.totals] == [2, 0, 0]
    assert [each.cases for each in reckoned(story, date(2028, 8, 31)).scorecard.errors] == [0, 0, 0]


def test_a_plan_that_was_accepted_and_lost_counts_against_what_it_promised(story: Story) -> None:
    errors = {each.assumed: each for each in reckoned(story).scorecard.errors}
    [shown] = story.chances["lost"].file().plans
    expected = {name: sum(each[name]["cents"] for each in shown.figures.values()) for name in Assumed}
    assert [(errors[name].cases, errors[name].expected_cents) for name in (Assumed.AFTER, Assumed.BANKRUPT)] == [
        (1, expected[Assumed.AFTER]),
        (1, expected[Assumed.BANKRUPT]),
    ]
    assert expected[Assumed.AFTER] > expected[Assumed.BANKRUPT] > 0
    assert errors[Assumed.AFTER].received_cents == errors[Assumed.BANKRUPT].received_cents == 0
    assert errors[Assumed.AFTER].error == -1
    assert errors[Assumed.REFUSED].cases == 0, "the debt of the plan that was refused is not over"


@pytest.fixture
def browser(story: Story) -> TestClient:
    settings = read_settings({"BXL_DATA": str(story.data)})
    site = build_site(Wiring(settings, story.town.book, story.town.rail, KeptMail(), None))
    return TestClient(site, base_url="http://127.0.0.1:8000")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_states_it_in_every_language_and_names_nobody(browser: TestClient, language: str) -> None:
    page = browser.get(f"/{language}/statistics/restructurings")
    words, text = tongue(language), html.unescape(page.text)
    assert page.status_code == 200
    assert words.text("scorecard.error-less", share=words.percent(1, 0)) in text
    for outcome in Outcome:
        assert words.text(f"scorecard.outcome-{outcome}") in text
    assert text.count("<caption") == text.count("<table") == 2
    assert 'href="/statistics/restructurings.csv"' in text
    assert "Firm" not in text
    assert f'href="/{language}/statistics/restructurings"' in browser.get(f"/{language}/statistics").text


def test_the_files_name_each_plan_by_a_pseudonym_of_its_own(browser: TestClient, story: Story) -> None:
    body = browser.get("/statistics/restructurings.json").json()
    assert (body["format"], body["plans_in_effect"]) == ("bxl-restructurings/1", 2)
    assert [each["paid_share"] for each in body["marks"]][:2] == [None, "0.500000"]
    rows = list(csv.DictReader(io.StringIO(browser.get("/statistics/restructurings.csv").text)))
    assert sorted(row["outcome_24"] for row in rows) == ["late", "lost"]
    assert sorted(row["paid_percent_12"] for row in rows) == ["0", "100"]
    names = {row["plan"] for row in rows}
    loans_file = browser.get("/statistics/loan-book.csv").text
    assert len(names) == 2
    assert not any(name in loans_file for name in names)
    assert not any(chance.loan_id in names for chance in story.chances.values())


def test_the_command_prints_what_the_page_offers(
    story: Story, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "SystemClock", lambda: story.town.clock)
    environment = {"BXL_DATA": str(story.data)}

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(restructurings_command, arguments, env=environment)

    told = run("--json")
    assert (told.exit_code, told.stdout_bytes) == (0, browser.get("/statistics/restructurings.json").content)
    assert run("--csv").stdout_bytes == browser.get("/statistics/restructurings.csv").content
    shown = run().stdout
    assert "2 plans in effect" in shown
    assert "plans accepted: -100.00 % in 1 case" in shown
    assert "0 plans in effect" in run("--on", "2027-04-22").stdout
    assert run("--json", "--csv").exit_code == 2
    early = run_bxl("statistics", "restructurings", "--on", "2199-01-01", "--json", env=environment)
    assert (early.returncode, json.loads(early.stdout)["refusal"]["code"]) == (1, "date-not-reached")


def test_a_move_of_a_file_that_posts_nothing_makes_a_new_edition(sqlite_town: Town) -> None:
    chance = Chance(sqlite_town, sqlite_town.fund({sqlite_town.citizen("Ada"): 100_000}, sqlite_town.enterprise()))
    chance.open()
    editions = Editions()
    first = editions.current(sqlite_town.book)
    chance.do(service.report_insolvency)
    assert editions.current(sqlite_town.book) is not first


def test_a_second_plan_that_is_distressed_is_a_default_again_of_the_first(sqlite_town: Town) -> None:
    town, chance = sqlite_town, late_loan(sqlite_town, (150_000,))
    chance.observe()
    assert chance.accept(chance.plan(Use(tool=Tool.CARRY_FORWARD))) is State.PERFORMING_UNDER_PLAN
    first_on = town.today
    town.jump_to(add_months(town.today, 3))
    assert chance.do(service.cure) is State.CURED
    signal = {"is_material": False, "update_on": town.today + timedelta(days=10)}
    chance.do(service.note_signal, Signal.SELF_REPORT, **signal)
    cut = Use(tool=Tool.HAIRCUT, amount_cents=20_000)
    assert chance.accept(chance.plan(cut)) is State.PERFORMING_UNDER_PLAN
    town.jump_to(add_months(first_on, 6))
    with town.book.read() as connection:
        card = reckon_scorecard(connection, town.book, town.today).scorecard
    six = card.totals[0]
    assert (card.plans, six.plans, six.redefaulted) == (2, 1, 1)
    assert six.outcomes[Outcome.DEFAULTED_AGAIN] == 1
