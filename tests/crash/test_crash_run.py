"""A short crash run; `make crash-run` is the long one."""

import pytest

from ledger.clock import SystemClock
from tests.conftest import DATABASES, make_book
from tests.crash.run import crash_run
from tests.oracle import check_everything


@pytest.mark.parametrize("database", DATABASES)
def test_writers_killed_at_random_lose_nothing_and_double_nothing(make_engine, database: str) -> None:
    book = make_book(make_engine(database), SystemClock())
    report = crash_run(book, writers=4 if database == "postgresql" else 1, kills=5, entries=3_000, seed=1)
    assert report.is_clean(), report.facts()
    assert (report.kills, report.entries + report.refused) == (5, 3_000)
    check_everything(book)
