"""The tree of RFC 6962: published vectors, and every proof of every tree up to 130 leaves with mutations."""

import hashlib
import json
from pathlib import Path

import pytest

from ledger.log.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    root_from_inclusion,
    subtree_of,
    verify_consistency,
    verify_inclusion,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "log" / "rfc6962.json").read_text())
LEAVES = [leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"]]
ROOTS = [bytes.fromhex(r) for r in VECTORS["roots"]]
LARGEST = 130
MANY = [leaf_hash(n.to_bytes(4, "big")) for n in range(LARGEST + 1)]


def definition(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 section 2.1 words it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(definition(leaves[:k]), definition(leaves[k:]))


def test_published_roots() -> None:
    assert [root(LEAVES[:n]) for n in range(9)] == ROOTS


@pytest.mark.parametrize("vector", VECTORS["inclusion"])
def test_published_inclusion_proofs(vector: dict) -> None:
    path = [bytes.fromhex(step) for step in vector["path"]]
    index, size = vector["index"], vector["size"]
    assert inclusion_proof(index, size, subtree_of(LEAVES[:size])) == path
    assert verify_inclusion(LEAVES[index], index, size, path, ROOTS[size])


@pytest.mark.parametrize("vector", VECTORS["consistency"])
def test_published_consistency_proofs(vector: dict) -> None:
    path = [bytes.fromhex(step) for step in vector["path"]]
    old, new = vector["old"], vector["new"]
    assert consistency_proof(old, new, subtree_of(LEAVES[:new])) == path
    assert verify_consistency(old_size=old, old_root=ROOTS[old], new_size=new, new_root=ROOTS[new], proof=path)


def test_the_frontier_gives_the_root_of_the_definition_at_every_size() -> None:
    frontier = Frontier()
    assert frontier.root() == EMPTY_ROOT
    for size, leaf in enumerate(MANY, start=1):
        frontier.append(leaf)
        assert frontier.root() == definition(MANY[:size])
        assert Frontier(size, frontier.peaks).root() == frontier.root()


def test_every_inclusion_proof_up_to_130_leaves_holds_and_no_altered_one_does() -> None:
    for size in range(1, LARGEST + 1):
        tree, expected = subtree_of(MANY[:size]), root(MANY[:size])
        for index in range(size):
            proof = inclusion_proof(index, size, tree)
            assert verify_inclusion(MANY[index], index, size, proof, expected)
            assert not verify_inclusion(MANY[index + 1], index, size, proof, expected)
            for altered in altered_proofs(proof, index + size):
                assert not verify_inclusion(MANY[index], index, size, altered, expected)
            for other in {index - 1, index + 1, index ^ 1, size - 1 - index, size} - {index}:
                assert not verify_inclusion(MANY[index], other, size, proof, expected)


def test_every_consistency_proof_up_to_130_leaves_holds_and_no_altered_one_does() -> None:
    roots = [root(MANY[:n]) for n in range(LARGEST + 1)]
    for new in range(1, LARGEST + 1):
        tree = subtree_of(MANY[:new])
        for old in range(1, new + 1):
            proof = consistency_proof(old, new, tree)
            facts = {"old_size": old, "old_root": roots[old], "new_size": new, "new_root": roots[new]}
            assert verify_consistency(**facts, proof=proof)
            for altered in altered_proofs(proof, old + new):
                assert not verify_consistency(**facts, proof=altered)
            assert not verify_consistency(**facts | {"old_root": roots[old - 1]}, proof=proof)
            assert not verify_consistency(**facts | {"new_root": roots[new - 1]}, proof=proof)
            if old > 1:
                assert not verify_consistency(**facts | {"old_size": old - 1}, proof=proof)


def altered_proofs(proof: list[bytes], salt: int) -> list[list[bytes]]:
    """One bit of every hash, one hash less at either end, one more, two swapped, a short hash."""
    altered = [[*proof, MANY[0]], [MANY[0], *proof]]
    for i, step in enumerate(proof):
        flipped = bytearray(step)
        flipped[salt % 32] ^= 1 << salt % 8
        altered.append([*proof[:i], bytes(flipped), *proof[i + 1 :]])
    if proof:
        altered += [proof[1:], proof[:-1], [*proof[:-1], proof[-1][:31]]]
    if len(proof) > 1:
        altered.append([proof[1], proof[0], *proof[2:]])
    return altered


@pytest.mark.parametrize(("index", "size"), [(-1, 1), (0, 0), (1, 1), (5, 3)])
def test_a_leaf_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    assert root_from_inclusion(MANY[0], index, size, []) is None
    with pytest.raises(ValueError, match="no such leaf"):
        inclusion_proof(index, size, subtree_of(MANY[:size]))


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (0, 0)])
def test_nothing_is_consistent_with_an_empty_or_larger_tree(old: int, new: int) -> None:
    assert not verify_consistency(old_size=old, old_root=EMPTY_ROOT, new_size=new, new_root=MANY[0], proof=[])
    with pytest.raises(ValueError, match="old size"):
        consistency_proof(old, new, subtree_of(MANY[:new]))
