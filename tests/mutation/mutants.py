"""The small changes: one at a time, on the syntax tree of a module.

    comparisons     < and <=, > and >=, == and !=, is and is not, in and not in
    conditions      negated; `and` for `or`; `not` left out
    arithmetic      + for -, += for -=, a sign left out
    constants       a number one higher, a text another one, true for false
    statements      left out: calls, raises, deletions, assignments to attributes and items
    returns         nothing instead of something

Docstrings, annotations, decorators, imports and the arguments of `InvariantError` (which is a defect's own words) are
left as they are.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add,
}  # fmt: skip
_LEFT_OUT = (ast.Expr, ast.Raise, ast.Delete, ast.AugAssign)
_UNTOUCHED = {"decorator_list", "annotation", "returns", "bases"}


@dataclass(frozen=True)
class Mutant:
    """One change: where, what it was and what it is now."""

    module: str
    line: int
    text: str
    was: str
    now: str
    tree: ast.AST
    path: "_Path"
    change: "_Change"

    @property
    def name(self) -> str:
        """How it is listed; stable as long as the line's text is."""
        return f"{self.module}: {self.text} | {self.was} -> {self.now}"

    def source(self) -> str:
        """The module's new source."""
        changed = copy.deepcopy(self.tree)
        _put(changed, self.path, self.change)
        return ast.unparse(ast.fix_missing_locations(changed))


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module."""
    tree, lines = ast.parse(source), source.splitlines()
    for path, node in _nodes(tree, ()):
        for change in _changes(node):
            now = ast.fix_missing_locations(change(copy.deepcopy(node)))
            line = _line(node)
            yield Mutant(module, line, lines[line - 1].strip(), _shown(node), _shown(now), tree, path, change)


_Path = tuple[tuple[str, int | None], ...]
_Change = Callable[[ast.AST], ast.AST]


def _nodes(node: ast.AST, path: _Path) -> Iterator[tuple[_Path, ast.AST]]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "InvariantError":
        return
    for name, value in ast.iter_fields(node):
        if name in _UNTOUCHED or isinstance(value, ast.expr_context):
            continue
        for place, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or _is_apart(child):
                continue
            step = (name, place if isinstance(value, list) else None)
            yield (*path, step), child
            yield from _nodes(child, (*path, step))


def _is_apart(node: ast.AST) -> bool:
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return docstring or isinstance(node, ast.Import | ast.ImportFrom | ast.FormattedValue)


def _put(tree: ast.AST, path: _Path, change: _Change) -> None:
    """Apply `change` to the node at the end of `path`."""
    *way, (name, place) = path
    for step, index in way:
        tree = getattr(tree, step) if index is None else getattr(tree, step)[index]
    if place is None:
        setattr(tree, name, change(getattr(tree, name)))
    else:
        getattr(tree, name)[place] = change(getattr(tree, name)[place])


def _changes(node: ast.AST) -> Iterator[_Change]:  # noqa: C901 -- one case a kind of change
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _SWAPPED:
            yield lambda n: ast.Compare(n.left, [_SWAPPED[type(n.ops[0])]()], n.comparators)
        case ast.BoolOp():
            yield lambda n: ast.BoolOp(_SWAPPED[type(n.op)](), n.values)
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            yield lambda n: ast.BinOp(n.left, _SWAPPED[type(n.op)](), n.right)
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield lambda n: n.operand
        case ast.Constant(value=value) if value is not None and value is not ...:
            yield lambda n: ast.Constant(_other(n.value))
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield lambda _: ast.Return(ast.Constant(None))
        case ast.If() | ast.IfExp() | ast.While():
            yield _negated
        case ast.comprehension(ifs=[_, *_]):
            yield lambda n: ast.comprehension(n.target, n.iter, [ast.UnaryOp(ast.Not(), n.ifs[0])], n.is_async)
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript() | ast.Tuple(elts=[ast.Attribute(), *_])]):
            yield lambda _: ast.Pass()
    if isinstance(node, _LEFT_OUT):
        yield lambda _: ast.Pass()
        if isinstance(node, ast.AugAssign) and type(node.op) in _SWAPPED:
            yield lambda n: ast.AugAssign(n.target, _SWAPPED[type(n.op)](), n.value)


def _negated(node: ast.AST) -> ast.AST:
    changed = copy.copy(node)
    changed.test = ast.UnaryOp(ast.Not(), node.test)
    return changed


def _other(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value + (b"x" if isinstance(value, bytes) else "x")


def _line(node: ast.AST) -> int:
    """Where it begins; a comprehension has no place of its own."""
    return getattr(node, "lineno", 0) or getattr(node.target, "lineno", 1)


def _shown(node: ast.AST) -> str:
    if isinstance(node, ast.If | ast.While):
        return f"if {ast.unparse(node.test)}"
    return " ".join(ast.unparse(node).split())
