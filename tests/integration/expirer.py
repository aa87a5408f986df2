"""A process that ends expired holds, to be killed: `python -m tests.integration.expirer URL`; prints how many."""

import sys

from ledger.book import open_book
from ledger.clock import SystemClock
from ledger.holds import expire_due
from ledger.storage.engine import open_engine
from tests.conftest import make_keys

if __name__ == "__main__":
    book = open_book(open_engine(sys.argv[1]), "main", clock=SystemClock(), keys=make_keys())
    sys.stdout.write(str(expire_due(book, limit=2)))
