"""The published vectors of the log: our verifier says of each what its index says, and so do others where they can."""

import json
from collections import Counter

import pytest

from tests.log_vectors import all_files
from tests.log_vectors.base import FOLDER, INDEX
from tests.log_vectors.verdict import verdict_of

ROWS = json.loads((FOLDER / INDEX).read_bytes())
MADE_ELSEWHERE = {"README.md", "rfc6962.json"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_our_verifier_says_of_each_vector_what_the_index_says(row: dict) -> None:
    assert verdict_of(row["kind"], row["files"]) == row["expected"], row["why"]


def test_the_vectors_are_those_that_their_generator_makes() -> None:
    made = all_files()
    for path, content in made.items():
        assert (FOLDER / path).read_bytes() == content, path
    there = {str(file.relative_to(FOLDER)) for file in FOLDER.rglob("*") if file.is_file()}
    assert {path for path in there - made.keys() if not path.startswith("sample")} == MADE_ELSEWHERE


def test_every_kind_of_vector_has_right_and_wrong_ones() -> None:
    counts = Counter((row["kind"], row["expected"]) for row in ROWS)
    for kind in ("inclusion", "consistency", "checkpoint", "receipt", "log"):
        assert counts[kind, "verified"] >= 4
        assert counts[kind, "forged"] >= 12
    assert len({row["name"] for row in ROWS}) == len(ROWS)
