"""A process that replaces the wrapping key, to be killed: `python -m tests.integration.rewrapper URL FILE`."""

import sys
from pathlib import Path

from ledger.book import open_book
from ledger.clock import SystemClock
from ledger.rewrap import rewrap
from ledger.storage.engine import open_engine
from ledger.storage.keys import KeyRing
from ledger.storage.wrapping import WrappingFile


def main(url: str, path: str) -> None:
    file = WrappingFile(Path(path))
    keys = KeyRing("main", file.path.read_bytes(), file=file)
    rewrap(open_book(open_engine(url), "main", clock=SystemClock(), keys=keys))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
