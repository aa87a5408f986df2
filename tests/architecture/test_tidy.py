"""The tree keeps the rules of STYLE that a program can read."""

import ast
import re
import tokenize

import pytest

from api.refusals import catalogue
from tests.trees import FLOORS, ROOT, nodes, parsed, sources

PRODUCTS = ("offers", "pledges", "loans")
PRODUCT_FILES = ("model", "lifecycle", "postings", "tables", "queries", "service")
LONGEST_FILE, LONGEST_FUNCTION = 500, 70

# Where a float is a length on paper or a share of a screen, and never an amount.
DRAWING = ("contracts/documents/", "frontend/charts.py")
SECONDS = re.compile(r"second|interval|wait|due: float", re.IGNORECASE)
EXCEPTION = re.compile(r"noqa|type: ignore|TODO|FIXME|XXX")
TRANSACTIONS = {"ledger/storage/engine.py", "ledger/storage/schema.py"}


def test_no_float_comes_near_money() -> None:
    found = []
    for name, tree in parsed("ledger", "contracts", "api/v1", "api/webhooks", "api/rails"):
        if name.startswith(DRAWING):
            continue
        lines = (ROOT / name).read_text("utf-8").splitlines()
        for node in ast.walk(tree):
            if SECONDS.search(lines[getattr(node, "lineno", 1) - 1]):
                continue
            is_literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
            is_name = isinstance(node, ast.Name) and node.id == "float" and not is_refused(node, tree)
            is_column = isinstance(node, ast.Attribute) and node.attr in {"Float", "Numeric", "REAL", "Double"}
            if is_literal or is_name or is_column:
                found.append(f"{name}:{node.lineno}")
    assert found == []


def is_refused(node: ast.Name, tree: ast.Module) -> bool:
    """`isinstance(value, float)` is how a float is kept out."""
    return any(
        isinstance(call, ast.Call) and getattr(call.func, "id", "") == "isinstance" and node in ast.walk(call)
        for call in ast.walk(tree)
    )


def test_amounts_are_not_divided_with_a_slash() -> None:
    exact = re.compile(r"Decimal|Fraction")
    found = [
        f"{name}:{node.lineno}"
        for name, node in nodes(ast.BinOp, *FLOORS)
        if not name.startswith(DRAWING)
        and isinstance(node.op, ast.Div)
        and re.search(r"_cents\b", ast.unparse(node.left))
        and not exact.search(ast.unparse(node))
    ]
    assert found == []


def test_nothing_commits_but_the_unit_of_work() -> None:
    found = [
        f"{name}:{node.lineno} {node.func.attr}"
        for name, node in nodes(ast.Call, *FLOORS)
        if name not in TRANSACTIONS
        # decide commits to lines, and import rule 5 keeps it pure; the writer's commit goes along with its statements
        and name not in {"ledger/decide.py", "ledger/storage/postgresql.py"}
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"commit", "rollback", "begin", "begin_nested", "begin_twophase"}
    ]
    assert found == []


def test_write_transactions_are_opened_by_the_book_and_the_batch_edges_only() -> None:
    assert users_of("write_transaction") <= {
        "ledger/book.py",
        "ledger/integrator.py",
        "ledger/writer.py",
        "ledger/audit/imports.py",
        "ledger/audit/log_import.py",
    }
    assert users_of("schema_transaction") == {"api/migrations/__init__.py"}


def users_of(function: str) -> set[str]:
    """The modules that use this name."""
    return {name for name, node in nodes(ast.Name, *FLOORS) if node.id == function and isinstance(node.ctx, ast.Load)}


def test_every_module_says_what_it_is_for() -> None:
    assert [name for name, tree in parsed(*FLOORS, "tests") if not ast.get_docstring(tree)] == []


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_product_has_the_same_six_files(product: str) -> None:
    present = {path.stem for path in (ROOT / "contracts" / product).glob("*.py")}
    assert set(PRODUCT_FILES) - present == set()


def test_every_refusal_is_tried_by_a_test() -> None:
    tests = "\n".join(
        path.read_text("utf-8") for name, path in sources("tests") if not name.startswith("tests/architecture")
    )
    tests += "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.txt"))
    assert sorted(set(catalogue()) - set(re.findall(r"[a-z0-9-]+", tests))) == []


def test_no_file_and_no_function_grows_past_its_limit() -> None:
    found = []
    for name, path in sources(*FLOORS):
        if "/versions/" in name:
            continue
        if (lines := path.read_text("utf-8").count("\n")) > LONGEST_FILE:
            found.append(f"{name}: {lines} lines")
    for kind in (ast.FunctionDef, ast.AsyncFunctionDef):
        for name, node in nodes(kind, *FLOORS):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > LONGEST_FUNCTION and "/versions/" not in name:
                found.append(f"{name}:{node.lineno} {node.name}: {length} lines")
    assert found == []


def test_every_exception_to_a_rule_names_it_and_gives_a_reason() -> None:
    found = []
    for name, path in sources(*FLOORS, "tests"):
        if not EXCEPTION.search(path.read_text("utf-8")):
            continue
        with path.open("rb") as file:
            comments = [t for t in tokenize.tokenize(file.readline) if t.type == tokenize.COMMENT]
        for comment in comments:
            text = comment.string
            if "noqa" in text and not re.search(r"noqa: [A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)* +-- \w", text):
                found.append(f"{name}:{comment.start[0]} {text}")
            if "type: ignore" in text and not re.search(r"type: ignore\[[a-z, -]+\] +# \w", text):
                found.append(f"{name}:{comment.start[0]} {text}")
            if re.search(r"\b(TODO|FIXME|XXX)\b", text):
                found.append(f"{name}:{comment.start[0]} {text}")
    assert found == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_locks_hold_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert "://" not in text
    pins = re.findall(r"^[a-z0-9][^\n]*==[^\n]*$", text, re.MULTILINE)
    assert len(pins) > 40
    assert [pin for pin in pins if not pin.endswith("\\")] == []


def test_every_page_is_built_on_the_base_that_says_where_no_real_money_moves() -> None:
    folder = ROOT / "frontend/templates"
    pages = [path for path in folder.rglob("*.html") if path.parent.name not in {"parts", "macros"}]
    others = [path for path in pages if not path.read_text("utf-8").lstrip().startswith('{% extends "')]
    assert [path.name for path in others] == ["base.html"]
    assert 'class="sandbox"' in others[0].read_text("utf-8")
    opened = {name for name, path in sources(*FLOORS) if "<!doctype html>" in path.read_text("utf-8").lower()}
    played = {"api/rails/sandbox/bank/page.py", "api/rails/sandbox/checkout.py"}
    assert opened == played | {"frontend/pages/trouble.py"}  # shown where even the base can't be made


def test_every_paper_decides_on_its_watermark() -> None:
    calls = [
        (name, {keyword.arg for keyword in node.keywords})
        for name, tree in parsed("contracts", "api", "frontend")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Paper"
    ]
    assert len(calls) >= 3
    assert [name for name, given in calls if "watermark" not in given] == []
