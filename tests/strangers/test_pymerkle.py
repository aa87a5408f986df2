"""Pymerkle, a library of its own making, comes to the signed root from the entries of the published log."""

import pymerkle
import pytest

from ledger.log.tiles import LogFolder
from tests.strangers.material import Material


def root_of(material: Material) -> bytes:
    """The root over the entries as pymerkle has it."""
    tree, size = pymerkle.InmemoryTree(algorithm="sha256"), material.head.size
    for index in range(-(-size // 256)):
        for entry in LogFolder(material.path("log")).bundle(index, size):
            tree.append_entry(entry)
    return tree.get_root(size)


def test_pymerkle_comes_to_the_signed_root(original: Material) -> None:
    assert root_of(original) == original.head.root


@pytest.mark.parametrize("old", [b"posting/1", b"11:00", b'"n":7'])
def test_pymerkle_comes_to_another_root_when_an_entry_is_changed(material: Material, old: bytes) -> None:
    file = material.path("log/tile/entries/000")
    content = file.read_bytes()
    file.write_bytes(content.replace(old, old[:-1] + b"8", 1))
    assert file.read_bytes() != content
    assert root_of(material) != material.head.root
