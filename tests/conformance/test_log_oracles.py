"""Code that others wrote judges ours: rfc8785 the canonical JSON, pymerkle the root."""

import string
import unicodedata

import pymerkle
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger.log.leaf import canonical_json, parse_canonical
from ledger.log.merkle import leaf_hash, root

KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).map(lambda t: unicodedata.normalize("NFC", t))
SCALARS = st.one_of(TEXTS, st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1))
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=5) | st.dictionaries(KEYS, v, max_size=5), max_leaves=25)


@given(VALUES)
def test_canonical_json_is_that_of_rfc8785(value: object) -> None:
    encoded = canonical_json(value)
    assert encoded == rfc8785.dumps(value)
    assert parse_canonical(encoded) == value


def test_every_ascii_character_is_written_as_rfc8785_writes_it() -> None:
    for code in range(128):
        value = {chr(code): chr(code) + string.ascii_letters}
        assert canonical_json(value) == rfc8785.dumps(value)


def test_roots_are_those_of_pymerkle() -> None:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    leaves = []
    for n in range(1, 400):
        entry = b"entry %d" % n
        tree.append_entry(entry)
        leaves.append(leaf_hash(entry))
        assert root(leaves) == tree.get_root(n)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=70))
def test_roots_of_any_entries_are_those_of_pymerkle(entries: list[bytes]) -> None:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for entry in entries:
        tree.append_entry(entry)
    assert root(map(leaf_hash, entries)) == tree.get_root()
