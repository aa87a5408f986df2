"""A short crash run; `make crash-run` is the long one."""

from pathlib import Path

import pytest

from ledger.clock import SystemClock
from tests.conftest import DATABASES, make_book
from tests.crash.log import POINTS, crash_log
from tests.crash.run import crash_run
from tests.oracle import check_everything


@pytest.mark.parametrize("database", DATABASES)
def test_writers_killed_at_random_lose_nothing_and_double_nothing(make_engine, database: str) -> None:
    book = make_book(make_engine(database), SystemClock())
    report = crash_run(book, writers=4 if database == "postgresql" else 1, kills=5, entries=3_000, seed=1)
    assert report.is_clean(), report.facts()
    assert (report.kills, report.entries + report.refused) == (5, 3_000)
    check_everything(book)


@pytest.mark.parametrize("database", DATABASES)
def test_a_log_whose_processes_are_killed_at_every_named_point_holds_each_entry_once(
    make_engine, tmp_path: Path, database: str
) -> None:
    rounds = 2 * len(POINTS)
    report = crash_log(make_engine(database), tmp_path / "data", rounds=rounds, seed=1)
    assert report.is_clean(), report.facts()
    assert report.kills >= rounds
    assert set(report.killed_at) == set(POINTS)
