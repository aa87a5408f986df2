"""A process that sends between two books, to be killed: `python -m tests.integration.bridger URL ID CENTS INTO`."""

import sys

from ledger.book import Book, open_book
from ledger.bridges import send
from ledger.clock import SystemClock
from ledger.storage.engine import open_engine
from tests.bridges_kit import DESTINATION, SOURCE, transfer
from tests.conftest import make_keys


def main(url: str, transfer_id: str, cents: int, into: str) -> None:
    engine = open_engine(url)

    def opened(book_id: str) -> Book:
        return open_book(engine, book_id, clock=SystemClock(), keys=make_keys(book_id))

    outcome = send(opened(SOURCE), opened(DESTINATION), transfer(transfer_id, cents, into=into), actor="s1")
    sys.stdout.write(outcome.value)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
