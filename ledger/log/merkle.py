"""The Merkle tree of RFC 6962 (section 2.1): hashes, proofs, and a frontier that appends with O(log n) memory.

Every function works on *leaf hashes* (`leaf_hash` of the entry's bytes). A proof is the list of subtree roots that RFC
6962 names; which subtrees those are does not depend on where the hashes are kept, so a proof is built from a function
`subtree(start, end)` that may read a list or tiles on disk.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
_sha256 = hashlib.sha256

Subtree = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(00 || entry)."""
    return _sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(01 || left || right)."""
    return _sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """The Merkle tree hash over leaf hashes; SHA-256 of nothing for an empty tree.

    >>> root([]).hex()[:16]
    'e3b0c44298fc1c14'
    """
    level = list(leaves)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:  # a last one without a partner goes up as it is, which is how RFC 6962 splits
        pairs = zip(level[::2], level[1::2], strict=False)
        odd = level[-1:] if len(level) & 1 else []
        level = [_sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0]


class Frontier:
    """The roots of the perfect subtrees that make up a tree, largest first: all that is needed to append to it."""

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if len(peaks) != size.bit_count():
            raise ValueError("a frontier has one hash per set bit of its size")
        self.size = size
        self._peaks = list(peaks)

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """The subtree roots, largest subtree first."""
        return tuple(self._peaks)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        carry, position = leaf, self.size
        while position & 1:
            carry = _sha256(b"\x01" + self._peaks.pop() + carry).digest()
            position >>= 1
        self._peaks.append(carry)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree so far."""
        if not self._peaks:
            return EMPTY_ROOT
        top = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            top = node_hash(peak, top)
        return top

    def copy(self) -> "Frontier":
        """An independent frontier at the same size."""
        return Frontier(self.size, self._peaks)


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The subtrees `[start, end)` whose roots prove that leaf `index` is in the tree of `size`, deepest first."""
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    ranges: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(old_size: int, new_size: int) -> list[tuple[int, int]]:
    """The subtrees whose roots prove that the tree of `old_size` is a prefix of the tree of `new_size`."""
    if not 0 < old_size <= new_size:
        raise ValueError("a consistency proof needs 0 < old size <= new size")
    ranges: list[tuple[int, int]] = []
    start, end, whole = 0, new_size, True
    while old_size != end:
        middle = start + split(end - start)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start, whole = middle, False
    if not whole:
        ranges.append((start, end))
    return ranges[::-1]


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """The inclusion proof of leaf `index` in the tree of `size`."""
    return [subtree(start, end) for start, end in inclusion_ranges(index, size)]


def consistency_proof(old_size: int, new_size: int, subtree: Subtree) -> list[bytes]:
    """The consistency proof between two sizes; empty when they are equal."""
    return [subtree(start, end) for start, end in consistency_ranges(old_size, new_size)]


def subtree_of(leaves: Sequence[bytes]) -> Subtree:
    """`subtree` over leaf hashes that are held in memory."""
    return lambda start, end: root(leaves[start:end])


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2), or None if its length can't be right."""
    if not 0 <= index < size or any(len(step) != HASH_SIZE for step in proof):
        return None
    position, last, result = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return None
        if position & 1 or position == last:
            result = node_hash(step, result)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            result = node_hash(result, step)
        position, last = position >> 1, last >> 1
    return result if last == 0 else None


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> bool:
    """Whether `proof` shows that `leaf` stands at `index` in the tree of `size` with `expected_root`."""
    return root_from_inclusion(leaf, index, size, proof) == expected_root


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether `proof` shows that the old tree is a prefix of the new one (RFC 9162, section 2.1.4.2)."""
    if not 0 < old_size <= new_size or any(len(step) != HASH_SIZE for step in proof):
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    steps = list(proof)
    if old_size & (old_size - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, step)
        position, last = position >> 1, last >> 1
    return last == 0 and (old, new) == (old_root, new_root)


def split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1
