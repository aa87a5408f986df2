"""Vectors of RFC 6962: inclusion and consistency, right and wrong."""

from collections.abc import Iterator, Sequence

from ledger.log.encoding import b64
from ledger.log.merkle import consistency_proof, inclusion_proof, leaf_hash, node_hash, root, subtree_of
from tests.log_vectors.base import FORGED, TREE, VERIFIED, Vector, as_json, entry

SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 255, 256, 257)
GROWTH = ((1, 2), (1, 7), (2, 3), (3, 7), (4, 8), (6, 8), (7, 8), (8, 9), (15, 16), (16, 17), (128, 256), (255, 257))
LEAVES = [leaf_hash(entry(number)) for number in range(max(SIZES))]
REWRITTEN = [*LEAVES[:2], leaf_hash(b"entry 2, rewritten"), *LEAVES[3:]]
SIZE, INDEX = 17, 3
OLD, NEW = 11, 17


def proof_vectors() -> Iterator[Vector]:
    """All of them."""
    for size in SIZES:
        for index in sorted({0, size // 2, size - 1}):
            yield _inclusion(f"size-{size}-index-{index}", VERIFIED, "the proof as RFC 6962 has it", index, size)
    yield from _wrong_inclusions()
    for old, new in GROWTH:
        yield _consistency(f"{old}-to-{new}", VERIFIED, "the proof as RFC 6962 has it", (old, new))
    yield _consistency("same-size", VERIFIED, "a tree is a prefix of itself, with an empty path", (9, 9))
    yield from _wrong_consistencies()


def _wrong_inclusions() -> Iterator[Vector]:
    right, path = root(LEAVES[:SIZE]), inclusion_proof(INDEX, SIZE, subtree_of(LEAVES))
    changed = {
        "path-reordered": ("two hashes of the path changed places", [path[1], path[0], *path[2:]]),
        "path-reversed": ("the path from the root down instead of from the leaf up", path[::-1]),
        "path-without-its-first": ("the path lacks its first hash", path[1:]),
        "path-without-its-last": ("the path lacks its last hash", path[:-1]),
        "path-empty": ("there is no path", []),
        "path-with-the-root": ("the root stands at the end of the path", [*path, right]),
        "path-with-a-hash-twice": ("the last hash stands twice", [*path, path[-1]]),
        "path-with-a-short-hash": ("a hash of the path has 31 bytes", [*path[:-1], path[-1][:-1]]),
        "path-with-a-long-hash": ("a hash of the path has 33 bytes", [*path[:-1], path[-1] + b"\x00"]),
    }
    for name, (why, steps) in changed.items():
        yield _inclusion(name, FORGED, why, INDEX, SIZE, path=steps)
    for step in range(len(path)):
        steps = [*path[:step], _flipped(path[step]), *path[step + 1 :]]
        yield _inclusion(f"bit-in-hash-{step}", FORGED, f"one bit of hash {step} of the path is another", path=steps)
    yield _inclusion("bit-in-root", FORGED, "one bit of the root is another", root_hash=_flipped(right))
    yield _inclusion("bit-in-entry", FORGED, "one bit of the entry is another", leaf=_flipped(entry(INDEX)))
    yield _inclusion("other-index", FORGED, "the path is that of entry 3", 2, SIZE, path=path, leaf=entry(INDEX))
    yield _inclusion("index-of-the-size", FORGED, "the last index is one below the size", SIZE, SIZE, path=path)
    yield _inclusion("size-0", FORGED, "a tree of no leaves holds nothing", 0, 0, path=[], root_hash=root([]))
    yield _inclusion("smaller-size", FORGED, "the path is too long for 16", INDEX, 16, path=path, root_hash=right)
    yield _inclusion("larger-size", FORGED, "the path is too short for 33", INDEX, 33, path=path, root_hash=right)
    yield _inclusion(
        "size-of-the-same-shape", VERIFIED, "a path does not bind the size, the checkpoint does", INDEX, 18, path=path,
        root_hash=right,
    )  # fmt: skip
    pair = LEAVES[2] + LEAVES[3]
    yield _inclusion(
        "node-for-an-entry", FORGED, "the two hashes below a node are no entry: entries are hashed after 00, nodes "
        "after 01", 1, 9, leaf=pair, path=path[1:], root_hash=right,
    )  # fmt: skip
    alone = inclusion_proof(16, SIZE, subtree_of(LEAVES))
    yield _inclusion("right-edge-left-out", FORGED, "the one hash of a short path is missing", 16, SIZE, path=[])
    yield _inclusion("right-edge-twice", FORGED, "the one hash of a short path stands twice", 16, SIZE, path=alone * 2)


def _wrong_consistencies() -> Iterator[Vector]:
    path = consistency_proof(OLD, NEW, subtree_of(LEAVES))
    changed = {
        "path-reordered": ("two hashes of the path changed places", [path[1], path[0], *path[2:]]),
        "path-without-its-first": ("the path lacks its first hash", path[1:]),
        "path-without-its-last": ("the path lacks its last hash", path[:-1]),
        "path-empty": ("there is no path", []),
        "path-too-long": ("a hash stands at the end that belongs to nothing", [*path, path[-1]]),
        "path-with-a-short-hash": ("a hash of the path has 31 bytes", [*path[:-1], path[-1][:-1]]),
    }
    for name, (why, steps) in changed.items():
        yield _consistency(name, FORGED, why, path=steps)
    for step in range(len(path)):
        steps = [*path[:step], _flipped(path[step]), *path[step + 1 :]]
        yield _consistency(f"bit-in-hash-{step}", FORGED, f"one bit of hash {step} of the path is another", path=steps)
    old, new = root(LEAVES[:OLD]), root(LEAVES[:NEW])
    rewritten, rewritten_path = root(REWRITTEN[:NEW]), consistency_proof(OLD, NEW, subtree_of(REWRITTEN))
    yield _consistency("bit-in-old-root", FORGED, "one bit of the old root is another", roots=(_flipped(old), new))
    yield _consistency("bit-in-new-root", FORGED, "one bit of the new root is another", roots=(old, _flipped(new)))
    yield _consistency("roots-exchanged", FORGED, "the roots changed places", roots=(new, old))
    yield _consistency(
        "rewritten", FORGED, "entry 2 of the new tree is another", roots=(old, rewritten), path=rewritten_path
    )
    yield _consistency("shrunken", FORGED, "the new tree is the smaller one", (NEW, OLD), roots=(new, old), path=path)
    yield _consistency("from-nothing", FORGED, "size 0 is never published", (0, NEW), roots=(root([]), new), path=[])
    yield _consistency(
        "same-size-with-a-path", FORGED, "between equal sizes the path is empty", (9, 9), path=[root(LEAVES[:9])]
    )
    yield _consistency(
        "same-size-other-root", FORGED, "two roots of one size: a fork", (9, 9),
        roots=(root(LEAVES[:9]), root(REWRITTEN[:9])), path=[],
    )  # fmt: skip
    yield _consistency(
        "power-of-two-with-the-old-root", FORGED, "where the old size is a power of two its root is left out", (8, 9),
        path=[root(LEAVES[:8]), LEAVES[8]],
    )  # fmt: skip
    yield _consistency(
        "node-in-front", FORGED, "a node in front of the path", path=[node_hash(LEAVES[8], LEAVES[9]), *path]
    )


def _inclusion(
    name: str,
    expected: str,
    why: str,
    index: int = INDEX,
    size: int = SIZE,
    *,
    leaf: bytes | None = None,
    path: Sequence[bytes] | None = None,
    root_hash: bytes | None = None,
) -> Vector:
    path = inclusion_proof(index, size, subtree_of(LEAVES)) if path is None else path
    told = {
        "entry": b64(entry(index) if leaf is None else leaf),
        "index": index,
        "size": size,
        "root": b64(root(LEAVES[:size]) if root_hash is None else root_hash),
        "path": [b64(step) for step in path],
    }
    return _vector("inclusion", name, told, expected, why)


def _consistency(
    name: str,
    expected: str,
    why: str,
    sizes: tuple[int, int] = (OLD, NEW),
    *,
    path: Sequence[bytes] | None = None,
    roots: tuple[bytes, bytes] | None = None,
) -> Vector:
    path = consistency_proof(*sizes, subtree_of(LEAVES)) if path is None else path
    old, new = roots or (root(LEAVES[: sizes[0]]), root(LEAVES[: sizes[1]]))
    told = {
        "old_size": sizes[0],
        "old_root": b64(old),
        "new_size": sizes[1],
        "new_root": b64(new),
        "path": [b64(step) for step in path],
    }
    return _vector("consistency", name, told, expected, why)


def _vector(kind: str, name: str, told: dict[str, object], expected: str, why: str) -> Vector:
    return Vector(f"{kind}-{name}", kind, {"proof": (f"{kind}/{name}.json", as_json(told))}, expected, TREE, why)


def _flipped(original: bytes) -> bytes:
    return bytes([original[0] ^ 1, *original[1:]])
