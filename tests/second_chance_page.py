"""Write `docs/second-chance.md`, the life of a file as its table says; run as `python -m tests.second_chance_page`."""

import inspect
from pathlib import Path

from contracts.secondchance import guards
from contracts.secondchance.lifecycle import MACHINE, STEPS

PAGE = Path(__file__).parents[1] / "docs" / "second-chance.md"
_HEAD = """# Second chance: the life of a file

A loan in difficulty has a file. It moves by rows of one table, each move with its date, its actor and the hash of a
paper; what stands in the last column is what the move posts, one entry a lender. Written by `make docs` from
`contracts/secondchance/lifecycle.py`; the guards are in `guards.py` beside it.

A borrower with a file in any state but `performing` and `second_chance` drafts and publishes no offer
(`contracts/restarts.py`). In `second_chance` it does: for five years lenders are told of the failure, and only those
who agreed ahead to fund second chances may pledge.
"""


def page() -> str:
    """The page as it follows from the table."""
    rows = [
        f"| {', '.join(source.value for source in step.sources)} | {step.event} | {step.target.value} "
        f"| {_rule(step.guard)} | {', '.join(step.entries) or 'none'} |"
        for step in STEPS
    ]
    return "\n".join(
        [
            _HEAD,
            "```mermaid",
            MACHINE.diagram(),
            "```",
            "",
            "| From | Event | To | Guard | Entries |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _rule(guard: str) -> str:
    """The first sentence of a guard, which names its source."""
    said = inspect.getdoc(getattr(guards, guard)) or ""
    return said.splitlines()[0].replace("`", "")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
