"""The sum tree of a period: every path of small trees, and the attacks that broke other proofs of liabilities."""

import dataclasses
import hashlib
import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import Refusal
from ledger.log.leaf import canonical_json
from ledger.log.sumtree import (
    MAX_CENTS,
    SHARES,
    Holding,
    Proof,
    Sum,
    SumTree,
    group_of,
    leaf_of,
    node_of,
    parse_proof,
    seed_of,
    totals_lines,
    verify,
)

SEED = seed_of(b"n" * 32)
PERIOD = "2026-03-31"
LARGEST = 23


def holding(number: int, cents: int, **changes: object) -> Holding:
    head = hashlib.sha256(f"line of {number}".encode()).digest()
    stated = {"account": f"489100:c{number}", "asset": "EUR", "group": "489100-credit", "period": PERIOD}
    return Holding(**(stated | {"cents": cents, "v": number + 1, "head": head} | changes))


def holdings(count: int) -> list[Holding]:
    return [holding(number, number * 977 % 1_000) for number in range(count)]


def holds(tree: SumTree, proof: Proof) -> bool:
    return verify(proof, root=tree.root, leaves=tree.leaves)


def definition(leaves: list[Sum]) -> Sum:
    """The tree as the format page words it, top down."""
    if len(leaves) == 1:
        return leaves[0]
    half = len(leaves) // 2
    left, right = definition(leaves[:half]), definition(leaves[half:])
    bound = left.cents.to_bytes(8, "big") + left.hash + right.cents.to_bytes(8, "big") + right.hash
    return Sum(left.cents + right.cents, hashlib.sha256(b"bxl-sum-node/1\x00" + bound).digest())


@pytest.mark.parametrize("count", range(1, LARGEST + 1))
def test_every_account_of_every_small_tree_is_proven_and_nothing_else(count: int) -> None:
    accounts = holdings(count)
    tree = SumTree(SEED, reversed(accounts))
    assert tree.accounts == count
    assert tree.leaves == 1 << (SHARES * count - 1).bit_length()
    assert tree.root.cents == sum(each.cents for each in accounts)
    seen = set()
    for each in accounts:
        proof = tree.prove(each)
        assert holds(tree, proof)
        assert parse_proof(proof.encode()) == proof
        assert json.loads(proof.encode())["format"] == "bxl-share/1"
        seen |= {share.index for share in proof.shares}
        for share, at in itertools.product(range(SHARES), range(tree.leaves.bit_length() - 1)):
            assert not holds(tree, with_step(proof, share, at, cents=1))
            assert not holds(tree, with_step(proof, share, at, flip=0x80))
    assert len(seen) == SHARES * count


def with_step(proof: Proof, share: int, at: int, *, cents: int = 0, flip: int = 0) -> Proof:
    """The proof with one subtree beside a path worth more, or with another last byte in its hash."""
    path = list(proof.shares[share].path)
    found = path[at]
    path[at] = Sum(found.cents + cents, found.hash[:-1] + bytes([found.hash[-1] ^ flip]))
    return with_share(proof, share, path=tuple(path))


def with_share(proof: Proof, share: int, **changes: object) -> Proof:
    shares = list(proof.shares)
    shares[share] = dataclasses.replace(shares[share], **changes)
    return dataclasses.replace(proof, shares=tuple(shares))


def test_the_tree_is_the_one_of_the_format_page() -> None:
    accounts = holdings(5)
    proofs = [SumTree(SEED, accounts).prove(each) for each in accounts]
    placed = {
        share.index: leaf_of(proof.holding, number, share.cents, share.nonce)
        for proof in proofs
        for number, share in enumerate(proof.shares, start=1)
    }
    [padding] = set(range(16)) - placed.keys()
    beside = next(s for proof in proofs for s in proof.shares if s.index == padding ^ 1)
    leaves = [placed.get(index, beside.path[0]) for index in range(16)]
    assert definition(leaves) == SumTree(SEED, accounts).root
    assert beside.path[0].cents == 0


# attacks


def test_a_total_that_is_too_small_fools_everybody_in_maxwells_tree_and_nobody_in_this_one() -> None:
    """Two customers are owed 90 and 80; the operator publishes 90 (Hu, Zhang, Guo, 2019)."""
    a, b = holding(1, 90), holding(2, 80)

    def maxwell(left: Sum, right: Sum, total: int) -> Sum:
        return Sum(total, hashlib.sha256(total.to_bytes(8, "big") + left.hash + right.hash).digest())

    leaf_a, leaf_b = (leaf_of(each, 1, each.cents, b"n" * 32) for each in (a, b))
    published = maxwell(leaf_a, leaf_b, 90)
    shown_to_a = maxwell(leaf_a, leaf_b._replace(cents=0), 90 + 0)
    shown_to_b = maxwell(leaf_a._replace(cents=10), leaf_b, 10 + 80)
    assert shown_to_a == shown_to_b == published
    assert node_of(leaf_a, leaf_b._replace(cents=0)) != node_of(leaf_a._replace(cents=10), leaf_b)

    tree = SumTree(SEED, [a, b])
    understated = tree.root._replace(cents=90)
    for each in (a, b):
        proof = tree.prove(each)
        assert holds(tree, proof)
        assert not verify(proof, root=understated, leaves=tree.leaves)
        for share, step in itertools.product(range(SHARES), range(3)):
            less = with_step(proof, share, step, cents=90 - tree.root.cents)
            assert not verify(less, root=understated, leaves=tree.leaves)


def test_no_sum_is_negative_and_none_runs_over() -> None:
    refused = Refusal("totals-malformed", reason="cents that are negative or do not fit in 64 bits")
    for cents in (-1, 2**64):
        with pytest.raises(Refusal) as found:
            leaf_of(holding(1, 1), 1, cents, b"n" * 32)
        assert found.value == refused
    with pytest.raises(Refusal) as found:
        node_of(Sum(2**64 - 1, b"l" * 32), Sum(1, b"r" * 32))
    assert found.value == refused
    with pytest.raises(Refusal) as found:
        node_of(Sum(2, b"l" * 32), Sum(-1, b"r" * 32))
    assert found.value == refused
    for accounts in ([holding(1, -5)], [holding(1, MAX_CENTS + 1)], [holding(1, MAX_CENTS), holding(2, 1)], []):
        with pytest.raises(Refusal) as found:
            SumTree(SEED, accounts)
        assert found.value.code == "totals-malformed"
    assert SumTree(SEED, [holding(1, MAX_CENTS)]).root.cents == MAX_CENTS


def test_a_share_of_less_than_nothing_proves_nothing() -> None:
    tree = SumTree(SEED, holdings(3))
    proof = tree.prove(holding(1, 977))
    more = with_share(proof, 0, cents=proof.shares[0].cents + proof.shares[1].cents + 1)
    assert not holds(tree, with_share(more, 1, cents=-1))
    beyond = with_step(proof, 0, 2, cents=2**64)
    assert not holds(tree, beyond)


@pytest.mark.parametrize(
    "changes",
    [
        {"account": "489100:c2"},
        {"asset": "LOAN-7"},
        {"group": "489100-debit"},
        {"period": "2026-04-30"},
        {"cents": 976},
        {"v": 3},
        {"head": bytes(32)},
    ],
)
def test_a_leaf_binds_all_that_it_states(changes: dict) -> None:
    """So no leaf is shown to two holders, and none is used for another period or another balance."""
    tree = SumTree(SEED, holdings(3))
    proof = tree.prove(holding(1, 977))
    assert holds(tree, proof)
    assert not holds(tree, dataclasses.replace(proof, holding=dataclasses.replace(proof.holding, **changes)))


def test_two_accounts_alike_have_leaves_of_their_own() -> None:
    accounts = [holding(1, 50), holding(1, 50, account="489100:c2")]
    tree = SumTree(SEED, accounts)
    first, second = (tree.prove(each) for each in accounts)
    assert not {share.index for share in first.shares} & {share.index for share in second.shares}
    assert tree.root.cents == 100
    assert not holds(tree, dataclasses.replace(first, shares=second.shares))


def test_shares_are_three_apart_and_in_their_places() -> None:
    tree = SumTree(SEED, [holding(1, 0), holding(2, 9)])
    proof = tree.prove(holding(1, 0))
    one, two, three = proof.shares
    for shares in ((one, one, one), (one, two), (one, two, two), (two, one, three), (), (one, two, three, one)):
        assert not holds(tree, dataclasses.replace(proof, shares=shares))


@pytest.mark.parametrize("leaves", [0, 1, 4, 7, 9, 16])
def test_a_path_has_as_many_steps_as_the_tree_is_deep(leaves: int) -> None:
    tree = SumTree(SEED, holdings(2))
    assert tree.leaves == 8
    assert not verify(tree.prove(holding(1, 977)), root=tree.root, leaves=leaves)


def test_a_place_beyond_the_leaves_proves_nothing() -> None:
    tree = SumTree(SEED, holdings(2))
    proof = tree.prove(holding(1, 977))
    assert not holds(tree, with_share(proof, 1, index=proof.shares[1].index + tree.leaves))


def test_hashes_stand_in_full() -> None:
    tree = SumTree(SEED, holdings(2))
    proof = tree.prove(holding(1, 977))
    short = Sum(proof.shares[0].path[0].cents, proof.shares[0].path[0].hash[:8])
    assert not holds(tree, with_share(proof, 0, path=(short, *proof.shares[0].path[1:])))
    for at in range(32):
        changed = bytearray(tree.root.hash)
        changed[at] ^= 1
        assert not verify(proof, root=Sum(tree.root.cents, bytes(changed)), leaves=tree.leaves)


# what is hidden


def test_no_two_periods_share_a_nonce_a_place_or_a_share() -> None:
    march, april = (SumTree(seed_of(bytes([n]) * 32), holdings(9)) for n in (3, 4))
    before, after = (tree.prove(holding(7, 7 * 977 % 1_000)) for tree in (march, april))
    assert not {share.nonce for share in before.shares} & {share.nonce for share in after.shares}
    assert {share.cents for share in before.shares} != {share.cents for share in after.shares}
    assert march.root.cents == april.root.cents
    assert march.root.hash != april.root.hash


def test_what_stands_beside_a_path_is_rarely_a_whole_balance() -> None:
    accounts = [holding(number, 100_000 + number) for number in range(40)]
    tree = SumTree(SEED, accounts)
    whole = {each.cents for each in accounts}
    beside = [share.path[0].cents for each in accounts for share in tree.prove(each).shares]
    assert not whole & set(beside)


def test_an_account_with_nothing_and_padding_are_worth_nothing_both_behind_a_nonce() -> None:
    accounts = [holding(number, 0) for number in range(3)]
    tree = SumTree(SEED, accounts)
    assert tree.root.cents == 0
    proofs = [tree.prove(each) for each in accounts]
    assert all(holds(tree, proof) for proof in proofs)
    beside = [share.path[0].hash for proof in proofs for share in proof.shares]
    assert len(set(beside)) == len(beside)


# files


@given(st.lists(st.integers(0, MAX_CENTS // 40), min_size=1, max_size=40), st.binary(min_size=32, max_size=32))
@settings(max_examples=40, deadline=None)
def test_any_balances_add_up_and_are_proven(balances: list[int], nonce: bytes) -> None:
    accounts = [holding(number, cents) for number, cents in enumerate(balances)]
    tree = SumTree(seed_of(nonce), accounts)
    assert tree.root.cents == sum(balances)
    assert all(holds(tree, tree.prove(each)) for each in accounts)


def flipped(encoded: bytes, position: int, bit: int) -> bytes:
    changed = bytearray(encoded)
    changed[position] ^= 1 << bit
    return bytes(changed)


def is_accepted(tree: SumTree, encoded: bytes) -> bool:
    try:
        return holds(tree, parse_proof(encoded))
    except Refusal as refusal:
        return refusal.code != "totals-proof-malformed"


def test_every_bit_of_a_path_file_counts() -> None:
    tree = SumTree(SEED, holdings(4))
    encoded = tree.prove(holding(1, 977)).encode()
    assert holds(tree, parse_proof(encoded))
    accepted = [
        (position, bit)
        for position, bit in itertools.product(range(len(encoded)), range(8))
        if is_accepted(tree, flipped(encoded, position, bit))
    ]
    assert accepted == []


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "bxl-share/2"},
        {"more": 1},
        {"account": 'c1","asset":"EUR'},
        {"account": 7},
        {"v": -1},
        {"cents": True},
        {"head": "AAAA"},
        {"shares": []},
        {"shares": [1, 2, 3]},
        {"shares": {}},
    ],
)
def test_a_path_file_of_another_form_is_refused(changes: dict) -> None:
    stated = json.loads(SumTree(SEED, holdings(2)).prove(holding(1, 977)).encode())
    with pytest.raises(Refusal) as found:
        parse_proof(canonical_json(stated | changes))
    assert found.value.code == "totals-proof-malformed"


@pytest.mark.parametrize(
    "changes", [{"path": "AAAA"}, {"nonce": "AAAA"}, {"path": "A" * 53}, {"index": "1"}, {"more": 1}]
)
def test_a_share_of_another_form_is_refused(changes: dict) -> None:
    stated = json.loads(SumTree(SEED, holdings(2)).prove(holding(1, 977)).encode())
    stated["shares"][1] |= changes
    with pytest.raises(Refusal) as found:
        parse_proof(canonical_json(stated))
    assert found.value.code == "totals-proof-malformed"


def test_a_group_is_a_code_and_a_side() -> None:
    balances = {"489100:c1": -5, "489100:c2": 5, "489100:c3": 0, "020000:c1": 7}
    groups = [group_of(account, signed) for account, signed in balances.items()]
    assert groups == ["489100-credit", "489100-debit", "489100-credit", "020000-debit"]


def test_the_lines_are_one_a_group_and_asset_in_order() -> None:
    loan = holding(1, 7, asset="LOAN-1", account="020000:c1", group="020000-debit")
    lines = totals_lines(SEED, [holding(2, 3), loan, holding(1, 4, group="489100-debit"), holding(3, 5)], 17)
    assert [(line["asset"], line["group"], line["accounts"], line["sum"]) for line in lines] == [
        ("EUR", "489100-credit", 2, 8),
        ("EUR", "489100-debit", 1, 4),
        ("LOAN-1", "020000-debit", 1, 7),
    ]
    assert {line["at"] for line in lines} == {17}
    assert {line["period"] for line in lines} == {PERIOD}
