"""The modules of the tree, each parsed once for all the rules that read them."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[1]
FLOORS = ("ledger", "contracts", "api", "frontend")

Node = TypeVar("Node", bound=ast.AST)


def sources(*folders: str) -> Iterator[tuple[str, Path]]:
    """The name from the root and the path of each module below these folders, in order."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path


def parsed(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """The name and the tree of each module below these folders."""
    for name, path in sources(*folders):
        yield name, _tree(path)


def nodes(kind: type[Node], *folders: str) -> Iterator[tuple[str, Node]]:
    """Each node of a kind, with the name of its module."""
    for name, path in sources(*folders):
        for node in _nodes(path):
            if isinstance(node, kind):
                yield name, node


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(_tree(path)))
