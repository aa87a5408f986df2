"""A process that posts until it is killed: `python -m tests.crash.worker URL WRITER WRITERS FIRST COUNT SEED`.

Posts its entries from number FIRST in groups of 1 to 200 through a group writer, with one in twenty of another writer's
among them, and prints `key number` or `key refusal-code` once the commit has returned.
"""

import os
import random
import sys

from ledger.book import open_book
from ledger.clock import SystemClock
from ledger.errors import Refusal
from ledger.state import Replayed, Result
from ledger.storage.engine import open_engine
from ledger.writer import GroupWriter
from tests.conftest import make_keys
from tests.crash.work import key_of, request_of

MOST = 200


def main(url: str, writer: int, writers: int, first: int, count: int, seed: int) -> None:
    """Post and acknowledge."""
    chance = random.Random(seed)
    at_work = GroupWriter(open_book(open_engine(url), "main", clock=SystemClock(), keys=make_keys()))
    while first < count:
        group = [(writer, number) for number in range(first, min(first + chance.randint(1, MOST), count))]
        first = group[-1][1] + 1
        others = [other for other in range(writers) if other != writer] or [writer]
        group += [(chance.choice(others), chance.randrange(first)) for _ in range(len(group) // 20)]
        futures = [(key_of(*each), at_work.submit(request_of(*each))) for each in group]
        told = "".join(f"{key} {said(future.result())}\n" for key, future in futures).encode()
        while told:
            told = told[os.write(sys.stdout.fileno(), told) :]
    at_work.close()


def said(result: Result) -> str:
    """The number of the entry, or the code of the refusal."""
    if isinstance(result, Replayed):
        kept = result.outcome
        return str(kept["done"][0]["n"] if "done" in kept else kept["refused"])
    return result.code if isinstance(result, Refusal) else str(result[0].n)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
