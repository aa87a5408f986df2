"""The statistics of a town's loans: in time, late, bankrupt, lost and recovered, tied to the ledger to the cent."""

import csv
import io
import json
from datetime import date
from fractions import Fraction

import pytest

from contracts.loans import lifecycle
from contracts.statistics import queries
from contracts.statistics.defaults import Ground
from contracts.statistics.files import dictionary, loan_book_csv, statistics_json
from contracts.statistics.loan_book import COLUMNS, K
from ledger import balances
from tests.products_kit import Town
from tests.statistics_kit import FIRST_DUE, LENT, bankrupt, peopled


def published(town: Town, on: date | None = None) -> queries.Published:
    with town.book.read() as connection:
        return queries.publish(connection, town.book, on or town.today)


def test_the_figures_of_a_day_tie_to_the_ledger(town: Town) -> None:
    peopled(town)
    figures = published(town).statistics
    totals = figures.totals
    assert (totals.loans, totals.running, figures.agreed, figures.agreed_cents) == (5, 4, 1, 150_000)
    assert totals.lent_cents == sum(LENT.values()) == totals.repaid_cents + totals.outstanding_cents + totals.lost_cents
    with town.book.read() as connection:
        claims, lost = (
            sum(each.signed for each in balances.balances(connection, town.book.book_id, code_prefix=code))
            for code in ("020000", "022000")
        )
    assert claims == totals.outstanding_cents + figures.agreed_cents
    assert lost == totals.lost_cents - totals.recovered_cents == 400_000
    assert totals.repaid_cents == 2 * 20_000 + 2 * 40_000 + 80_000
    assert (totals.late, totals.in_default, totals.ever_defaulted) == (2, 2, 4)
    assert totals.late_cents == totals.in_default_cents == 300_000 + 320_000
    assert [(each.year, each.amounts) for each in figures.vintages] == [(2026, totals)]


def test_the_default_rate_counts_loans_in_years_and_names_the_grounds(sqlite_town: Town) -> None:
    peopled(sqlite_town)
    rate = published(sqlite_town).statistics.default_rate
    told = [(each.window.starts_on.year, each.loans, each.defaults) for each in rate.windows]
    assert told == [(2026, 0, 0), (2027, 5, 4)]
    grounds = {ground: count for ground, count in rate.windows[1].grounds.items() if count}
    assert grounds == {Ground.PAST_DUE: 2, Ground.INSOLVENCY: 2}
    assert rate.rate == Fraction(4, 5)
    assert (rate.running.loans, rate.running.defaults) == (2, 0)  # steady, and slow, which is out of default
    assert published(sqlite_town).statistics.by_class == {"unrated": rate}


def test_recovery_is_counted_in_months_from_the_default_and_by_those_old_enough(sqlite_town: Town) -> None:
    peopled(sqlite_town)
    points = {each.months: each for each in published(sqlite_town).statistics.recovery}
    assert (points[0].loans, points[0].recovered_cents) == (4, 0)
    assert points[0].exposure_cents == 200_000 + 300_000 + 320_000 + 500_000
    # in its first year, from 6 June 2027, slow has paid two dues; broken's default is not a year old
    assert (points[12].loans, points[12].exposure_cents) == (3, 1_000_000)
    assert points[12].recovered_cents == 80_000 + 100_000
    assert (points[18].loans, points[18].share) == (0, None)


def test_a_past_day_is_stated_as_it_was(sqlite_town: Town) -> None:
    peopled(sqlite_town)
    then = published(sqlite_town, date(2027, 7, 1)).statistics
    assert (then.totals.lost_cents, then.totals.recovered_cents, then.agreed) == (0, 0, 1)
    assert (then.totals.late, then.totals.in_default) == (3, 3)  # slow was late until the next day
    assert then.default_rate.rate is None
    assert (then.default_rate.running.loans, then.default_rate.running.defaults) == (5, 3)
    assert published(sqlite_town, date(2026, 3, 1)).statistics.totals.loans == 0


def test_the_files_are_the_same_to_the_byte_and_name_nobody(sqlite_town: Town) -> None:
    town = sqlite_town
    loans = peopled(town)
    first, second = published(town), published(town)
    assert statistics_json(first.statistics) == statistics_json(second.statistics)
    text = loan_book_csv(first.rows)
    assert text == loan_book_csv(second.rows)
    rows = list(csv.DictReader(io.StringIO(text.decode(), newline="")))
    assert tuple(rows[0]) == COLUMNS == tuple(column.name for column in dictionary())
    assert len(rows) == len({row["loan"] for row in rows}) == K
    assert [row["loan"] for row in rows] == sorted(row["loan"] for row in rows)
    assert {row["vintage"] for row in rows} == {"2026"}
    assert sorted(row["state"] for row in rows) == ["defaulted", "defaulted", "lost", "performing", "performing"]
    [gone] = [row for row in rows if row["state"] == "lost"]
    assert (gone["repaid_percent"], gone["lost_percent"], gone["recovered_percent"]) == ("0", "100", "20")
    assert (gone["first_default"], gone["first_default_ground"]) == ("2027", "insolvency")
    assert (gone["counted_in"], gone["defaulted_in"]) == ("2027", "2027")
    for secret in (*loans.values(), "Firm", "Ada", "Peeters", "Saint-Gilles", "quatri"):
        assert secret not in text.decode()


def test_the_file_of_figures_says_what_it_counts(sqlite_town: Town) -> None:
    peopled(sqlite_town)
    figures = json.loads(statistics_json(published(sqlite_town).statistics))
    assert (figures["format"], figures["on"]) == ("bxl-statistics/2", "2028-06-30")
    assert figures["default_rate"]["rate"] == "0.800000"
    assert figures["default_rate"]["windows"][1]["grounds"]["insolvency"] == 2
    assert figures["definitions"]["default_days_past_due"] == 90
    assert [column["column"] for column in figures["data_dictionary"]] == list(COLUMNS)
    assert figures["recovery"][3] == {
        "months": 12,
        "loans": 3,
        "exposure_cents": 1_000_000,
        "recovered_cents": 180_000,
        "share": "0.180000",
    }


def test_a_book_without_loans_has_statistics_too(sqlite_town: Town) -> None:
    found = published(sqlite_town)
    assert (found.rows, found.statistics.vintages, found.statistics.default_rate.rate) == ((), (), None)
    assert loan_book_csv(found.rows).decode().count("\r\n") == 1


def test_what_every_event_of_a_loan_means_for_the_default_rate_is_decided() -> None:
    """Whoever adds an event to the life of a loan, such as a restructuring, says here whether it is a concession."""
    assert set(queries.GROUND_OF_EVENT) == {move.event for move in lifecycle.LOAN.transitions}


def test_an_event_that_is_a_concession_enters_the_numerator(sqlite_town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town = sqlite_town
    loan_id = town.fund({town.citizen("Ada"): 100_000}, town.enterprise())
    town.jump_to(FIRST_DUE)
    town.pay_due(loan_id, 1)
    town.jump_to(date(2027, 4, 1))
    bankrupt(town, loan_id)
    monkeypatch.setattr(queries, "GROUND_OF_EVENT", queries.GROUND_OF_EVENT | {lifecycle.BANKRUPTCY: Ground.CONCESSION})
    town.jump_to(date(2027, 12, 31))
    [_, window] = published(town).statistics.default_rate.windows
    assert window.grounds[Ground.CONCESSION] == 1
