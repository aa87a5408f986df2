"""Some lives in each run of the tests; `make lives` lives thousands."""

import pytest

from tests.lives.chance import ChanceLife
from tests.lives.life import Life
from tests.lives.naive import split


@pytest.mark.parametrize("seed", range(3, 9))
def test_a_loan_lives_as_the_naive_model_says(make_engine, seed):
    Life(make_engine("postgresql" if seed > 6 else "sqlite"), seed).live()


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_file_lives_to_an_end_and_everything_ties_after_each_step(make_engine, seed):
    ChanceLife(make_engine("postgresql" if seed > 3 else "sqlite"), seed).live()


def test_the_naive_model_shares_whole_cents():
    assert split(10, [1, 1, 1]) == [4, 3, 3]
    assert split(0, [5, 7]) == [0, 0]
    assert sum(split(99_999, [10_001, 33_333, 1])) == 99_999
