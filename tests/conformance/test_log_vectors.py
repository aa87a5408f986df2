"""The published vectors of the log: our verifier says of each what its index says, and so do others where they can."""

import importlib.util
import json
from collections import Counter
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature

from tests.log_vectors import all_files
from tests.log_vectors.base import FOLDER, INDEX
from tests.log_vectors.verdict import verdict_of

ROWS = json.loads((FOLDER / INDEX).read_bytes())
MADE_ELSEWHERE = {"README.md", "rfc6962.json", "sumtree.json"}
OURS_ALONE = {"policy-crlf", "policy-no-newline-at-the-end"}
"""The second verifier does not mind how the lines of a policy end: entry 0 has the hash of the whole file."""
WHOLE = [
    row
    for row in ROWS
    if row["kind"] in {"checkpoint", "receipt", "log"}
    and "policy" in row["files"]
    and (row["kind"] != "log" or "openings" in row["files"])
    and row["name"] not in OURS_ALONE
]
_spec = importlib.util.spec_from_file_location(
    "second_verifier_of_vectors", Path(__file__).with_name("second_verifier.py")
)
second_verifier = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(second_verifier)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_our_verifier_says_of_each_vector_what_the_index_says(row: dict) -> None:
    assert verdict_of(row["kind"], row["files"]) == row["expected"], row["why"]


@pytest.mark.parametrize("row", WHOLE, ids=lambda row: row["name"])
def test_the_second_verifier_says_the_same(row: dict) -> None:
    assert second_accepts(row["kind"], row["files"]) == (row["expected"] == "verified"), row["why"]


def second_accepts(kind: str, names: dict[str, str]) -> bool:
    """Whether the second verifier finds nothing wrong."""
    files = {role: FOLDER / name for role, name in names.items()}
    policy = files["policy"].read_bytes()
    try:
        if kind == "checkpoint":
            note = files["checkpoint"].read_bytes().decode()
            second_verifier.check_form(note)
            second_verifier.check_signatures(note, policy.decode())
        elif kind == "receipt":
            second_verifier.verify(files["proof"].read_bytes(), files["opening"].read_bytes(), policy)
        else:
            second_verifier.replay(files["log"], files["openings"].read_bytes(), policy)
    except (AssertionError, InvalidSignature, LookupError, TypeError, ValueError):
        return False
    return True


def test_the_vectors_are_those_that_their_generator_makes() -> None:
    made = all_files()
    for path, content in made.items():
        assert (FOLDER / path).read_bytes() == content, path
    there = {str(file.relative_to(FOLDER)) for file in FOLDER.rglob("*") if file.is_file()}
    assert {path for path in there - made.keys() if not path.startswith("sample")} <= MADE_ELSEWHERE


def test_every_kind_of_vector_has_right_and_wrong_ones() -> None:
    counts = Counter((row["kind"], row["expected"]) for row in ROWS)
    for kind in ("inclusion", "consistency", "checkpoint", "receipt", "log"):
        assert counts[kind, "verified"] >= 4
        assert counts[kind, "forged"] >= 12
    assert len({row["name"] for row in ROWS}) == len(ROWS)
