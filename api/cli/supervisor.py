"""One parent for the processes of an installation: starts them, restarts one that dies, ends them together.

Each child runs in its own session, so that Ctrl-C in a terminal reaches the parent alone, and holds the read end of a
pipe whose other end only the parent has: a parent that is killed without warning takes its children with it (see
`end_with_parent`).
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

SUPERVISED = "BXL_SUPERVISED"
GRACE_SECONDS = 10.0
RESTARTS = 3
RESTART_WINDOW_SECONDS = 60.0
_POLL_SECONDS = 0.2


class Stopped(Exception):  # noqa: N818 -- an ending, not an error
    """The parent was told to stop while it waited for a child."""


class ChildGone(Exception):  # noqa: N818 -- an ending to report, in one line
    """A child died too often to be restarted."""


@dataclass
class Child:
    """One process of the installation: its name in messages, and the arguments after `bxl`."""

    name: str
    arguments: Sequence[str]
    quiet: bool = False
    process: subprocess.Popen[bytes] | None = None
    deaths: list[float] = field(default_factory=list)


class Supervisor:
    """Holds the children from start to end."""

    def __init__(self, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self.environment = {**os.environ, **environment, SUPERVISED: "1"}
        self.say = say
        self.children: list[Child] = []
        self.stopping = threading.Event()

    def start(self, name: str, *arguments: str, quiet: bool = False) -> Child:
        """Start `bxl <arguments>` and look after it from now on; `quiet` drops what it prints, not its errors."""
        child = Child(name, arguments, quiet)
        self._spawn(child)
        self.children.append(child)
        return child

    def run_once(self, name: str, *arguments: str) -> bytes:
        """Run `bxl <arguments>` to its end and give what it printed; raises `Stopped` or `ChildGone`."""
        child = Child(name, arguments)
        self._spawn(child, stdout=subprocess.PIPE)
        assert child.process is not None
        assert child.process.stdout is not None
        printed: list[bytes] = []
        reader = threading.Thread(
            target=lambda pipe: printed.append(pipe.read()), args=(child.process.stdout,), daemon=True
        )
        reader.start()
        while child.process.poll() is None:
            self.check()
            if self.stopping.wait(_POLL_SECONDS):
                child.process.send_signal(signal.SIGTERM)
                _await_end(child.process, GRACE_SECONDS)
                raise Stopped
        reader.join()
        if child.process.returncode:
            raise ChildGone(f"The {name} failed ({_ending(child.process.returncode)}); stopping.")
        return b"".join(printed)

    def stop_on_signals(self) -> None:
        """Let Ctrl-C and `kill` end the watch in order."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stopping.set())

    def watch(self) -> None:
        """Wait until told to stop; restart what dies, and raise `ChildGone` when it keeps dying."""
        while not self.stopping.wait(_POLL_SECONDS):
            self.check()

    def check(self) -> None:
        """Restart every child that has ended; raises `ChildGone` when one keeps ending."""
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                self._restart(child, child.process.returncode)

    def end(self) -> None:
        """Ask every child to end, last started first, and kill what does not within the grace time."""
        deadline = time.monotonic() + GRACE_SECONDS
        for child in reversed(self.children):
            if child.process and child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        for child in reversed(self.children):
            if child.process:
                _await_end(child.process, max(0.1, deadline - time.monotonic()))

    def _spawn(self, child: Child, *, stdout: int | None = None) -> None:
        child.process = subprocess.Popen(  # noqa: S603 -- our own interpreter and our own command
            [sys.executable, "-m", "api.cli.main", *child.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL if child.quiet else stdout,
            env=self.environment,
            start_new_session=True,
        )

    def _restart(self, child: Child, code: int) -> None:
        now = time.monotonic()
        child.deaths = [d for d in child.deaths if now - d < RESTART_WINDOW_SECONDS] + [now]
        ending = _ending(code)
        if len(child.deaths) > RESTARTS:
            raise ChildGone(f"The {child.name} ended {len(child.deaths)} times within a minute ({ending}); stopping.")
        self.say(f"The {child.name} ended ({ending}); starting it again.")
        self._spawn(child)


def end_with_parent() -> None:
    """In a supervised child: end when the parent's end of the pipe closes."""
    if os.environ.pop(SUPERVISED, None) != "1":
        return
    threading.Thread(target=_await_parent, name="parent-watch", daemon=True).start()


def _await_parent() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _await_end(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
