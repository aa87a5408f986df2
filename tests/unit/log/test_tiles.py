"""Tiles, bundles and the right edge, on disk as the specification says."""

from pathlib import Path

import pytest

from ledger.errors import Refusal
from ledger.integrator import _append
from ledger.log.files import write_atomically, write_once
from ledger.log.merkle import consistency_proof, inclusion_proof, leaf_hash, root, subtree_of
from ledger.log.tiles import Edge, LogFolder, encode_bundle, parse_bundle, tile_path, width_at


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 999, 256, "tile/0/999"),
        (0, 1000, 256, "tile/0/x001/000"),
        (1, 1234067, 256, "tile/1/x001/x234/067"),
        ("entries", 273, 112, "tile/entries/273.p/112"),
        (63, 0, 1, "tile/63/000.p/1"),
    ],
)
def test_paths(level: int | str, index: int, width: int, path: str) -> None:
    assert tile_path(level, index, width) == path


def test_the_specifications_example_of_70000_entries() -> None:
    widths = {
        level: [width_at(level, index, 70_000) for index in range(-(-(70_000 >> 8 * level) // 256))]
        for level in range(4)
    }
    assert (widths[0].count(256), widths[0][-1], len(widths[0])) == (273, 112, 274)
    assert (widths[1], widths[2], widths[3]) == ([256, 17], [1], [])


def test_the_edge_gives_root_and_tiles_at_every_size_around_the_borders() -> None:
    leaves = [leaf_hash(n.to_bytes(4, "big")) for n in range(66_000)]
    edge, checked = Edge(), {1, 2, 255, 256, 257, 511, 512, 513, 1023, 65_535, 65_536, 65_537, 65_793, 66_000}
    full: dict[tuple[int, int], bytes] = {}
    for leaf in leaves:
        for level, index, content in edge.append(leaf):
            assert (level, index) not in full
            full[level, index] = content
        if edge.size in checked:
            assert edge.root() == root(leaves[: edge.size])
            assert edge.copy().root() == edge.root()
            for level, index, width, content in edge.partial_tiles():
                assert width == width_at(level, index, edge.size) == len(content) // 32
    assert full[0, 3] == b"".join(leaves[768:1024])
    assert full[1, 0] == b"".join(root(leaves[at : at + 256]) for at in range(0, 65_536, 256))
    assert set(full) == {(0, i) for i in range(257)} | {(1, 0)}


def entries(count: int) -> list[bytes]:
    return [b"entry %d" % n for n in range(count)]


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700, 66_000])
def test_a_folder_serves_every_proof_of_its_size(tmp_path: Path, size: int) -> None:
    log = LogFolder(tmp_path)
    _append(log, Edge(), entries(size))
    leaves = [leaf_hash(entry) for entry in entries(size)]
    assert log.position() == size
    assert log.edge(size).root() == root(leaves)

    def subtree(start: int, end: int) -> bytes:
        return log.subtree(start, end, size)

    held = subtree_of(leaves)
    for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
        assert inclusion_proof(index, size, subtree) == inclusion_proof(index, size, held)
        assert log.entry(index, size) == b"entry %d" % index
    for old in {1, size // 3, size // 2, size - 1} - {0}:
        assert consistency_proof(old, size, subtree) == consistency_proof(old, size, held)


def test_a_full_tile_stands_in_for_the_partial_ones_it_replaced(tmp_path: Path) -> None:
    log, edge = LogFolder(tmp_path), Edge()
    _append(log, edge, entries(300)[:200])
    _append(log, edge, entries(300)[200:])
    early = log.subtree(0, 200, 200)
    for path in ("tile/0/000.p/200", "tile/entries/000.p/200"):
        (tmp_path / path).unlink()
    assert log.subtree(0, 200, 200) == early == root(leaf_hash(e) for e in entries(200))
    assert log.bundle(0, 200) == entries(200)


def test_the_edge_is_computed_from_below_where_a_higher_tile_is_missing(tmp_path: Path) -> None:
    log = LogFolder(tmp_path)
    _append(log, Edge(), entries(700))
    (tmp_path / "tile/1/000.p/2").unlink()
    assert log.edge(700).root() == root(leaf_hash(e) for e in entries(700))


def test_a_missing_or_cut_file_is_refused_by_name(tmp_path: Path) -> None:
    log = LogFolder(tmp_path)
    _append(log, Edge(), entries(10))
    tile, bundle = tmp_path / "tile/0/000.p/10", tmp_path / "tile/entries/000.p/10"
    tile.write_bytes(tile.read_bytes()[:-1])
    with pytest.raises(Refusal) as refused:
        log.hashes(0, 0, 10)
    assert refused.value == Refusal("tile-malformed", file="tile/0/000.p/10")
    bundle.write_bytes(bundle.read_bytes()[:-1])
    with pytest.raises(Refusal) as refused:
        log.bundle(0, 10)
    assert refused.value == Refusal("bundle-malformed", file="tile/entries/000.p/10")
    tile.unlink()
    with pytest.raises(Refusal) as refused:
        log.hashes(0, 0, 10)
    assert refused.value == Refusal("log-file-missing", file="tile/0/000")


def test_bundles_come_back_as_they_went_in() -> None:
    several = [b"", b"a", b"x" * 65_535]
    assert parse_bundle(encode_bundle(several), 3, file="f") == several
    for wrong in (encode_bundle(several) + b"\x00", encode_bundle(several)[:-1], b"\x00"):
        with pytest.raises(Refusal, match="bundle-malformed"):
            parse_bundle(wrong, 3, file="f")
    with pytest.raises(Refusal, match="entry-too-long"):
        encode_bundle([b"x" * 65_536])


def test_a_file_is_replaced_whole_and_leaves_no_trace_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b"
    write_atomically(target, b"one")
    write_atomically(target, b"two", mode=0o600)
    inode = target.stat().st_ino
    write_once(target, b"two")
    assert target.stat().st_ino == inode
    write_once(target, b"three")
    assert target.read_bytes() == b"three"
    assert [p.name for p in target.parent.iterdir()] == ["b"]
