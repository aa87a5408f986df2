"""The import rules of pyproject.toml hold."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.trees import FLOORS, ROOT, nodes


def test_the_import_contracts_are_kept() -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken" in result.stdout


def test_every_contract_of_the_architecture_is_there() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    numbers = [int(contract["name"].partition(".")[0]) for contract in contracts]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 11
    assert contracts[0]["layers"] == ["frontend", "api", "contracts", "ledger"]


def test_the_foreign_referees_are_run_and_never_imported() -> None:
    found = [
        f"{path}:{node.lineno}"
        for kind in (ast.Import, ast.ImportFrom)
        for path, node in nodes(kind, *FLOORS)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if name.split(".")[0] in {"beancount", "beanquery"}
    ]
    assert found == []
