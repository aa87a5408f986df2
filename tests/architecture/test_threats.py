"""The table of threats names tests, and every one of them is there."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "threats.md"
NAMED = re.compile(r"`([a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "attack or fault" not in line]


def functions_of(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_row_says_who_notices_when_and_by_what_and_names_its_tests() -> None:
    assert len(rows()) > 30
    for row in rows():
        assert len(row) == 5, row
        assert all(row), row
        assert NAMED.sub("", row[4]).split() == [], row


def files() -> list[str]:
    return sorted({file for row in rows() for file, _ in NAMED.findall(row[4])})


@pytest.mark.parametrize("file", files())
def test_every_test_of_the_table_is_there(file: str) -> None:
    named = {name for row in rows() for each, name in NAMED.findall(row[4]) if each == file}
    assert named - functions_of(file) == set()
