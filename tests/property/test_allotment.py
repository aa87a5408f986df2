"""Every rule of allotment: the units tie to the issue, no order of bids changes anything, and equals are equal."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.bonds.allotment import Bid, allot, draw_order, drawn_units
from contracts.bonds.model import AllotmentRule
from ledger.errors import Refusal

SEED = "twelve white balls"
EACH_RULE = pytest.mark.parametrize("rule", AllotmentRule)
COUNTS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 60)), min_size=1, max_size=12)


def bids_of(counts: list[tuple[int, int]]) -> list[Bid]:
    return [
        Bid(pledge_id=f"p{n}", holder=f"c{holder}", units=units, place=n) for n, (holder, units) in enumerate(counts, 1)
    ]


def by_holder(bids: list[Bid], given_units: dict[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for bid in bids:
        found[bid.holder] = found.get(bid.holder, 0) + given_units[bid.pledge_id]
    return found


@EACH_RULE
@given(counts=COUNTS, units=st.integers(1, 200), order=st.randoms(use_true_random=False))
def test_the_units_tie_to_the_issue_and_the_order_of_bids_changes_nothing(rule, counts, units, order) -> None:
    bids = bids_of(counts)
    found = allot(rule, units, bids, seed=SEED)
    wanted = sum(bid.units for bid in bids)
    assert sum(found.values()) == min(units, wanted)
    assert all(0 <= found[bid.pledge_id] <= bid.units for bid in bids)
    shuffled = list(bids)
    order.shuffle(shuffled)
    assert allot(rule, units, shuffled, seed=SEED) == found


@given(counts=COUNTS, units=st.integers(1, 200))
def test_pro_rata_gives_each_her_exact_share_but_for_less_than_a_unit(counts, units) -> None:
    bids = bids_of(counts)
    wanted = sum(bid.units for bid in bids)
    asked = by_holder(bids, {bid.pledge_id: bid.units for bid in bids})
    found = by_holder(bids, allot(AllotmentRule.PRO_RATA, units, bids))
    if wanted > units:
        assert all(abs(found[holder] * wanted - asked[holder] * units) < wanted for holder in asked)


@given(counts=COUNTS, units=st.integers(1, 200))
def test_small_first_levels_all_so_that_nobody_has_two_more_than_who_is_not_served_in_full(counts, units) -> None:
    bids = bids_of(counts)
    asked = by_holder(bids, {bid.pledge_id: bid.units for bid in bids})
    found = by_holder(bids, allot(AllotmentRule.SMALL_FIRST, units, bids))
    short = [found[holder] for holder in asked if found[holder] < asked[holder]]
    assert all(count <= min(short) + 1 for count in found.values()) if short else True


@given(counts=COUNTS, units=st.integers(1, 200))
def test_first_come_serves_in_full_until_one_bid_is_cut(counts, units) -> None:
    bids = bids_of(counts)
    found = allot(AllotmentRule.FIRST_COME, units, bids)
    kept = [found[bid.pledge_id] - bid.units for bid in bids]
    assert all(later < 0 for earlier, later in pairwise(kept) if earlier < 0)
    assert sum(1 for bid in bids if 0 < found[bid.pledge_id] < bid.units) <= 1


@pytest.mark.parametrize("rule", [AllotmentRule.PRO_RATA, AllotmentRule.SMALL_FIRST, AllotmentRule.LOTTERY])
@given(counts=COUNTS, units=st.integers(1, 200))
def test_who_splits_her_bid_gets_the_same(rule, counts, units) -> None:
    asked = by_holder(bids_of(counts), {bid.pledge_id: bid.units for bid in bids_of(counts)})
    whole = bids_of([(int(holder[1:]), count) for holder, count in asked.items()])
    split = bids_of([(int(holder[1:]), 1) for holder, count in asked.items() for _ in range(count)])
    merged = by_holder(whole, allot(rule, units, whole, seed=SEED))
    assert by_holder(split, allot(rule, units, split, seed=SEED)) == merged


def test_a_lottery_is_drawn_again_from_its_seed_and_every_holder_comes_first_about_as_often() -> None:
    holders = [f"c{n}" for n in range(4)]
    assert draw_order(holders, SEED) == draw_order(reversed(holders), SEED)
    expected = sorted(holders, key=lambda holder: hashlib.sha256(f"{SEED}\n{holder}".encode()).hexdigest())
    assert draw_order(holders, SEED) == expected
    firsts = [draw_order(holders, f"seed {n}")[0] for n in range(4_000)]
    assert all(850 < firsts.count(holder) < 1_150 for holder in holders)
    for draw in (lambda: draw_order(holders, ""), lambda: drawn_units(1, {"c1": 2}, "")):
        with pytest.raises(Refusal) as refused:
            draw()
        assert refused.value == Refusal("lottery-seed-missing")


@given(held=st.dictionaries(st.sampled_from([f"c{n}" for n in range(8)]), st.integers(1, 30), min_size=1))
def test_lots_draw_exactly_so_many_units_and_no_more_than_anybody_has(held) -> None:
    units = sum(held.values()) // 2
    found = drawn_units(units, held, SEED)
    assert sum(found.values()) == units
    assert all(0 <= found[holder] <= held[holder] for holder in held)
    assert drawn_units(units, dict(reversed(list(held.items()))), SEED) == found
