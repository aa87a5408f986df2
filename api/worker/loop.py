"""The worker's loop: each step on its own, so that one that fails waits and the others go on.

A step answers how much it did. While there is work the loop does not sleep; a step that raises is tried again after a
pause that doubles from one second to one minute.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

logger = structlog.get_logger("bxl.worker")
IDLE_SECONDS = 0.25
_LONGEST_PAUSE = 60.0


@dataclass
class Step:
    """One kind of work: `run` answers how many things it did; `every` is the pause after a run that did nothing, `pace`
    the one after a run that did something.
    """

    name: str
    run: Callable[[], int]
    every: float = IDLE_SECONDS
    pace: float = 0.0
    next_at: float = 0.0
    failures: int = 0


def run_loop(steps: Sequence[Step], stop: threading.Event) -> None:
    """Run the steps in turn until told to stop; a step under way is finished first."""
    while not stop.is_set():
        if not run_round(steps, stop):
            stop.wait(IDLE_SECONDS)


def run_round(steps: Sequence[Step], stop: threading.Event) -> int:
    """One turn through the steps that are due; gives how much was done."""
    done = 0
    for step in steps:
        if stop.is_set():
            break
        if step.next_at <= time.monotonic():
            done += _run(step)
    return done


def run_until_idle(steps: Sequence[Step]) -> None:
    """Turn after turn until nothing is left to do; a failure is raised instead of waited out. For seeding and tests."""
    while sum(step.run() for step in steps):
        pass


def _run(step: Step) -> int:
    try:
        done = step.run()
    except Exception as error:  # one step's failure must not stop the others
        step.failures += 1
        pause = min(2.0 ** (step.failures - 1), _LONGEST_PAUSE)
        step.next_at = time.monotonic() + pause
        logger.warning("step-failed", step=step.name, failures=step.failures, pause=pause, exc_info=error)
        return 0
    step.failures = 0
    step.next_at = time.monotonic() + (step.pace if done else step.every)
    return done
