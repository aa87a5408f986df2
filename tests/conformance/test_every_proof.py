"""Every proof of every tree up to 260 leaves is accepted, and no changed one is: all of them, none sampled."""

from collections import Counter

import pytest

from ledger.log.merkle import verify_consistency, verify_inclusion
from tests.every_proof import INCLUSION, LARGEST, LEAVES, STRANGER, Path, Proof, every_proof, subtree

PAIRS = LARGEST * (LARGEST + 1) // 2
EMPTY_PATHS = 1 + LARGEST
"""The tree of one leaf, and each tree held against itself."""


def accepts(proof: Proof, path: Path) -> bool:
    """Whether our verifier takes `path` for this proof."""
    if proof.kind == INCLUSION:
        return verify_inclusion(LEAVES[proof.first], proof.first, proof.size, path, subtree(0, proof.size))
    return verify_consistency(
        old_size=proof.first,
        old_root=subtree(0, proof.first),
        new_size=proof.size,
        new_root=subtree(0, proof.size),
        proof=path,
    )


@pytest.fixture(scope="module")
def counted() -> Counter[str]:
    """How many were accepted, and how many of each kind of change were refused."""
    counts: Counter[str] = Counter()
    for proof in every_proof():
        counts["right"] += accepts(proof, proof.path)
        for changed in proof.with_one_bit_changed():
            counts["bits"] += 1
            counts["wrong"] += accepts(proof, changed)
        if proof.path:
            counts["cuts"] += 1
            counts["wrong"] += accepts(proof, proof.path[:-1])
        counts["additions"] += 1
        counts["wrong"] += accepts(proof, (*proof.path, STRANGER))
    return counts


def test_every_right_proof_is_accepted(counted: Counter[str]) -> None:
    assert counted["right"] == 2 * PAIRS == 67_860


def test_no_changed_proof_is_accepted(counted: Counter[str]) -> None:
    assert counted["wrong"] == 0
    assert counted["bits"] == 509_325
    assert counted["cuts"] == 2 * PAIRS - EMPTY_PATHS == 67_599
    assert counted["additions"] == 2 * PAIRS


def test_no_proof_serves_a_neighbour_another_leaf_or_another_root() -> None:
    tried = 0
    for proof in every_proof():
        if proof.kind != INCLUSION or proof.size == 1:
            continue
        leaf, top = LEAVES[proof.first], subtree(0, proof.size)
        neighbour = proof.first ^ 1 if proof.first ^ 1 < proof.size else proof.first - 1
        assert not verify_inclusion(leaf, neighbour, proof.size, proof.path, top)
        assert not verify_inclusion(LEAVES[neighbour], proof.first, proof.size, proof.path, top)
        assert not verify_inclusion(leaf, proof.first, proof.size, proof.path, subtree(0, proof.size - 1))
        tried += 3
    assert tried == 3 * (PAIRS - 1)
