"""Every inclusion and consistency proof of the trees of 1 to 260 leaves, and what can be done to a proof.

One bit is changed in each hash of each path, a different one from hash to hash, so that every place of a hash has its
turn; besides, each path loses its last hash, and gains one.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from ledger.log.merkle import HASH_SIZE, consistency_ranges, inclusion_ranges, leaf_hash, root

LARGEST = 260
BITS = 8 * HASH_SIZE
STRIDE = 7
"""The bit that is changed moves on by this from proof to proof; it shares no factor with the number of bits."""
INCLUSION, CONSISTENCY = 0, 1
STRANGER = hashlib.sha256(b"a hash that belongs to no path").digest()

Path = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """An inclusion proof of leaf `first`, or a consistency proof from size `first`, in the tree of `size`."""

    number: int
    kind: int
    first: int
    size: int
    path: Path

    def with_one_bit_changed(self) -> Iterator[Path]:
        """The paths in which one bit of one hash is another: as many as it has hashes."""
        for step, original in enumerate(self.path):
            bit = (self.number * STRIDE + step) % BITS
            changed = bytearray(original)
            changed[bit // 8] ^= 1 << bit % 8
            yield (*self.path[:step], bytes(changed), *self.path[step + 1 :])


def entry(number: int) -> bytes:
    """Leaf `number` of every tree."""
    return b"entry %d" % number


LEAVES = [leaf_hash(entry(number)) for number in range(LARGEST)]


@cache
def subtree(start: int, end: int) -> bytes:
    """The root over leaves `start` to `end`."""
    return root(LEAVES[start:end])


def every_proof() -> Iterator[Proof]:
    """All of them: as many of each kind as there are pairs of a size and a number below or up to it."""
    number = 0
    for size in range(1, LARGEST + 1):
        for index in range(size):
            yield Proof(number, INCLUSION, index, size, _path(inclusion_ranges(index, size)))
            number += 1
        for old in range(1, size + 1):
            yield Proof(number, CONSISTENCY, old, size, _path(consistency_ranges(old, size)))
            number += 1


def _path(ranges: list[tuple[int, int]]) -> Path:
    return tuple(subtree(start, end) for start, end in ranges)
