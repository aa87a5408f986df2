"""One turn of a worker in a process of its own, for tests that kill it: `DATABASE SANDBOX`."""

import sys

from api.rails.mollie import MollieRail
from ledger.book import open_book
from ledger.clock import FixedClock
from ledger.payments.calls import send_due_calls
from ledger.payments.inbox import process_inbox
from ledger.payments.sweep import sweep
from ledger.storage.engine import open_engine
from tests.conftest import NOON, make_keys


def main(database: str, sandbox: str) -> None:
    """Send, sweep, process."""
    clock = FixedClock(NOON)
    book = open_book(open_engine(database), "main", clock=clock, keys=make_keys())
    rail = MollieRail("test_" + "k" * 30, sandbox)
    send_due_calls(book, rail)
    sweep(book, rail)
    process_inbox(book, rail)


if __name__ == "__main__":
    main(*sys.argv[1:])
