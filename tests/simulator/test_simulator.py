"""Whatever statement fails, whatever commit is lost or unknown: nothing is lost, nothing is done twice."""

import os
import random

import pytest

from tests.conftest import DATABASES
from tests.simulator.faults import COMMIT_KINDS, STATEMENT_KINDS
from tests.simulator.run import COMMITS, LONGEST, simulate


@pytest.fixture
def seed() -> int:
    """`BXL_SIMULATOR_SEED`, or a new one, which is printed."""
    chosen = int(os.environ.get("BXL_SIMULATOR_SEED") or random.randrange(10**6))
    print(f"BXL_SIMULATOR_SEED={chosen}")  # noqa: T201 -- pytest shows it with the failure
    return chosen


@pytest.mark.parametrize("database", DATABASES)
def test_every_statement_fails_in_turn_and_the_book_is_as_if_nothing_had_happened(make_engine, database, seed) -> None:
    life = simulate(lambda: make_engine(database), seed)
    assert life.statements <= LONGEST
    for kind in STATEMENT_KINDS:
        assert life.struck[kind] > 5
    for kind in COMMIT_KINDS:
        assert life.struck[kind] == COMMITS
