"""One turn of a worker on a storm's book, in a process of its own that may be killed: `DATABASE SANDBOX INSTANT`."""

import hashlib
import sys
from datetime import datetime

from api.rails.mollie import MollieRail
from api.settings import SANDBOX_KEY
from ledger.book import open_book
from ledger.clock import FixedClock
from ledger.payments.calls import send_due_calls
from ledger.payments.inbox import process_inbox
from ledger.payments.sweep import sweep
from ledger.storage.engine import open_engine
from ledger.storage.keys import KeyRing

STORM_BOOK = "storm"


def main(database: str, sandbox: str, instant: str) -> None:
    """Send, sweep, process."""
    clock = FixedClock(datetime.fromisoformat(instant))
    book = open_book(open_engine(database), STORM_BOOK, clock=clock, keys=keys_of_storm())
    rail = MollieRail(SANDBOX_KEY, sandbox)
    send_due_calls(book, rail)
    sweep(book, rail)
    process_inbox(book, rail)


def keys_of_storm() -> KeyRing:
    """Keys that two processes have: there is nobody to keep them from."""
    return KeyRing(STORM_BOOK, digest("storm"), fresh=digest)


def digest(text: str) -> bytes:
    """The SHA-256 of a text."""
    return hashlib.sha256(text.encode()).digest()


if __name__ == "__main__":
    main(*sys.argv[1:])
