"""Commands of `bxl`, and programs of tests, in processes of their own, forked from one that has everything imported.

A command imports for a second what it then uses for a tenth; a fork saves that second, hundreds of times. Whoever tries
how a command starts, meets a terminal or ends with its parent starts Python itself.
"""

import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[1]
STREAMS = ("in", "out", "err")
KITS = ("tests.conftest", "tests.bridges_kit", "tests.keychanges", "tests.proof", "api.rails.mollie")
"""What programs of the tests import."""


def run_bxl(
    *arguments: object, env: Mapping[str, str] | None = None, cwd: Path | None = None, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `bxl` with these arguments to its end; as `subprocess.run` gives it, in text."""
    return _run("bxl", "", arguments, env, cwd or Path.cwd(), given or "")


def run_module(module: str, *arguments: object, crash_at: str = "") -> subprocess.CompletedProcess[str]:
    """Run a module of the tests as `python -m` does, from the project's folder; it kills itself at `crash_at`."""
    return _run(module, "", arguments, {**os.environ, "BXL_CRASH_AT": crash_at}, ROOT, "")


def run_program(source: str, *arguments: object, crash_at: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program as `python -c` does, from the project's folder; it kills itself at `crash_at`."""
    return _run("-c", source, arguments, {**os.environ, "BXL_CRASH_AT": crash_at}, ROOT, "")


def _run(
    name: str, source: str, arguments: tuple[object, ...], env: Mapping[str, str] | None, folder: Path, given: str
) -> subprocess.CompletedProcess[str]:
    texts = [str(argument) for argument in arguments]
    asked = {
        "name": name,
        "source": source,
        "arguments": texts,
        "environment": dict(os.environ if env is None else env),
        "folder": str(folder),
    }
    code, out, err = _parent().run(asked, given)
    return subprocess.CompletedProcess([name, *texts], code, out, err)


@cache
def _parent() -> "_Parent":
    return _Parent()


class _Parent:
    """The process that forks; it ends when its input does, which is when this process ends."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._folder = tempfile.TemporaryDirectory()  # it stays as long as this process
        command = [sys.executable, "-m", "tests.commands", self._folder.name]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BXL_")}
        self._process = subprocess.Popen(command, cwd=ROOT, env=kept, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, asked: dict[str, object], given: str) -> tuple[int, str, str]:
        """The exit code, the output and the errors of one command."""
        folder = Path(self._folder.name)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._turn:
            (folder / "in").write_text(given, encoding="utf-8")
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            out, err = ((folder / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return code, out, err


def _serve(folder: Path) -> None:
    from api.cli.main import COMMANDS

    for module in (*(module for module, _, _ in COMMANDS.values()), *KITS):
        importlib.import_module(module)
    while line := sys.stdin.buffer.readline():
        child = os.fork()
        if child == 0:
            _become(folder, json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(folder: Path, asked: dict) -> NoReturn:
    """Be a new process that runs what is asked for."""
    from ledger import crash

    for number, name in enumerate(STREAMS):
        mode = os.O_RDONLY if name == "in" else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(folder / name, mode), number)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)  # noqa: SIM115 -- they stay open
        for number in range(3)
    )
    os.chdir(asked["folder"])
    sys.path.insert(0, asked["folder"])  # where `python -m` looks first
    os.environ.clear()
    os.environ.update(asked["environment"])
    crash._armed = os.environ.get("BXL_CRASH_AT", "")  # it was read when the module was imported
    sys.argv = [asked["name"], *asked["arguments"]]
    _start(asked["name"], asked["source"])
    sys.exit()  # the end of Python closes what is open


def _start(name: str, source: str) -> None:
    from api.cli.main import main

    if name == "bxl":
        main()
    elif source:
        exec(compile(source, name, "exec"), {"__name__": "__main__"})
    else:
        runpy.run_module(name, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
