"""Some lives in each run of the tests; `make lives` lives thousands."""

import pytest

from tests.lives.life import Life
from tests.lives.naive import split


@pytest.mark.parametrize("seed", range(3, 9))
def test_a_loan_lives_as_the_naive_model_says(make_engine, seed):
    Life(make_engine("postgresql" if seed > 6 else "sqlite"), seed).live()


def test_the_naive_model_shares_whole_cents():
    assert split(10, [1, 1, 1]) == [4, 3, 3]
    assert split(0, [5, 7]) == [0, 0]
    assert sum(split(99_999, [10_001, 33_333, 1])) == 99_999
