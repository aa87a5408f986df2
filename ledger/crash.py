"""Named crash points: places where a test kills the process to prove that nothing is lost or done twice.

`BXL_CRASH_AT=<name>` makes the process kill itself with SIGKILL when it reaches that point; unset, a point costs one
comparison. The names are listed in `CRASH_POINTS`, so a test can walk through all of them.
"""

import os
import signal

CRASH_POINTS = (
    "posting.before-seal",
    "posting.after-seal",
    "posting.after-commit",
    "integrator.after-bundles",
    "integrator.after-tiles",
    "signer.after-state",
    "signer.after-sign",
    "signer.after-publish",
    "witnesses.before-publish",
    "witnesses.after-publish",
    "witness.after-store",
    "policies.after-texts",
    "policies.after-opening",
    "file.before-commit",
    "files.before-commit",
    "call.before-send",
    "call.after-send",
    "inbox.after-fetch",
    "relay.before-effect",
    "relay.after-effect",
    "bridge.after-hold",
    "bridge.after-entry",
    "rewrap.after-file",
    "rewrap.before-commit",
    "rewrap.after-commit",
)

_armed = os.environ.get("BXL_CRASH_AT", "")


def is_armed(point: str) -> bool:
    """Whether the process is to die at `point`: what is usually one step then stops there."""
    return point == _armed


def reach(point: str) -> None:
    """Die here, without any clean-up, if this `point` is the armed one."""
    if point == _armed:
        os.kill(os.getpid(), signal.SIGKILL)
