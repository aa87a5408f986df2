"""`make mutate`: run the decision's own tests on every mutant, list survivors that `docs/mutation.md` does not explain.

Each mutant lives in a forked process that imports it in place of the module. A mutant is killed by a failing test, by
an error on import, or by not coming to an end.
"""

import argparse
import contextlib
import importlib
import importlib.abc
import importlib.util
import os
import re
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
EXPLAINED = ROOT / "docs" / "mutation.md"
MODULES = ("ledger.judge", "ledger.decide", "ledger.state")
TESTS = sorted((str(path) for path in (ROOT / "tests" / "unit").glob("test_decide*.py")), key=len, reverse=True)
HEAVY = ("pytest", "sqlalchemy", "ledger.storage.tables", "ledger.storage.keys")
LONGEST_SECONDS = 60
OPTIONS = ("-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist", "-o", "addopts=",
           "--import-mode=importlib", "--assert=plain", "-p", "no:hypothesispytest", "-o", "timeout=0")  # fmt: skip


class _Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the mutant's source in place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, name, path, target=None):  # noqa: ARG002 -- the import system's
        if name != self.mutant.module:
            return None
        return importlib.util.spec_from_loader(name, self, origin="mutant")

    def exec_module(self, module) -> None:
        exec(compile(self.mutant.source(), self.mutant.module, "exec"), module.__dict__)


def main() -> int:
    """Run; the exit code says whether there is a survivor that nobody explains."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--only", default="", help="only mutants whose name contains this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    for name in HEAVY:
        importlib.import_module(name)
    assert not set(MODULES) & set(sys.modules)
    made = [mutant for name in MODULES for mutant in mutants(name, _source(name))]
    made = [mutant for mutant in made if asked.only in mutant.name]
    if _survives(None) is False:
        raise SystemExit("the tests fail without any mutant")
    survivors = []
    with ThreadPoolExecutor(asked.jobs) as pool:
        for mutant, alive in zip(made, pool.map(_survives, made), strict=True):
            if alive:
                survivors.append(mutant)
                sys.stderr.write(f"survives: {mutant.line:4} {mutant.name}\n")
    return _report(made, survivors)


def _source(name: str) -> str:
    return (ROOT / (name.replace(".", "/") + ".py")).read_text("utf-8")


def _survives(mutant: Mutant | None) -> bool:
    """Whether all tests pass with this mutant in place, in a process of its own."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os._exit(_in_child(mutant))
        os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _in_child(mutant: Mutant | None) -> int:
    signal.alarm(LONGEST_SECONDS)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    if mutant is not None:
        sys.meta_path.insert(0, _Instead(mutant))
    import pytest

    return int(pytest.main([*OPTIONS, *TESTS]))


def _report(made: Sequence[Mutant], survivors: Sequence[Mutant]) -> int:
    text = EXPLAINED.read_text("utf-8") if EXPLAINED.exists() else ""
    explained = set(re.findall(r"^- `(.+?)`$", text, re.MULTILINE))
    unexplained = [mutant for mutant in survivors if mutant.name not in explained]
    gone = explained - {mutant.name for mutant in survivors}
    lines = [f"{mutant.line:4} {mutant.name}" for mutant in unexplained]
    lines += [f"explained, but no survivor: {name}" for name in sorted(gone)]
    counts = f"{len(made)} mutants, {len(made) - len(survivors)} killed, {len(survivors)} survive"
    sys.stdout.write("\n".join([*lines, f"{counts}, {len(unexplained)} unexplained"]) + "\n")
    return 1 if unexplained else 0


if __name__ == "__main__":
    raise SystemExit(main())
