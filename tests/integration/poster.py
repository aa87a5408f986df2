"""A process that posts, to be killed or to compete: `python -m tests.integration.poster URL FIRST COUNT`.

Posts entries `p<FIRST>`… one per unit of work, and prints each key once its commit has returned.
"""

import sys

from ledger.book import open_book
from ledger.clock import SystemClock
from ledger.storage.engine import open_engine
from tests.conftest import make_keys
from tests.entries import paid


def main(url: str, first: int, count: int) -> None:
    book = open_book(open_engine(url), "main", clock=SystemClock(), keys=make_keys())
    for number in range(first, first + count):
        with book.unit_of_work(actor="s1") as unit:
            unit.post(paid(f"p{number}", 1, citizen=f"c{number % 3}"))
            unit.emit("posted", f"p{number}", {"number": number})
        sys.stdout.write(f"p{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
