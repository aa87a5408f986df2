"""Splitting an amount by largest remainder, for any amount and any weights."""

import itertools
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ledger.money import allocate

WEIGHTS = st.lists(st.integers(0, 10**12), min_size=1, max_size=40).filter(any)
TOTALS = st.integers(-(10**15), 10**15)


@given(TOTALS, WEIGHTS)
def test_the_parts_are_the_whole(total: int, weights: list[int]) -> None:
    assert sum(allocate(total, weights)) == total


@given(TOTALS, WEIGHTS)
def test_each_part_is_within_one_of_its_exact_share_and_on_its_side(total: int, weights: list[int]) -> None:
    for part, weight in zip(allocate(total, weights), weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1
        assert part * total >= 0
        assert weight or part == 0


@given(TOTALS, WEIGHTS)
def test_a_larger_weight_never_gets_less(total: int, weights: list[int]) -> None:
    parts = sorted(zip(weights, map(abs, allocate(total, weights)), strict=True))
    assert all(low[1] <= high[1] for low, high in itertools.pairwise(parts) if low[0] < high[0])


@given(st.integers(0, 10**15), WEIGHTS)
def test_splitting_a_debt_is_the_mirror_of_splitting_a_claim(total: int, weights: list[int]) -> None:
    assert allocate(-total, weights) == [-part for part in allocate(total, weights)]
