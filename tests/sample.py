"""The sample of the format page: a log with every type of entry, its openings, and a receipt.

    python -m tests.sample FOLDER

A sample that is published is never made again: formats change by new samples beside the old ones, which verify for
ever.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from ledger.accounts import AccountRef
from ledger.audit.openings import lines_with, receipt_for
from ledger.clock import FixedClock
from ledger.storage.engine import open_engine
from ledger.storage.schema import create_schema
from tests.conftest import NOON
from tests.every_item import fill
from tests.proof import published_book


def make_sample(folder: Path) -> None:
    """Write `log/`, `openings.jsonl` and the receipt of one line into `folder`, which must be new."""
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as working:
        engine = open_engine(f"sqlite:///{working}/sample.sqlite3")
        create_schema(engine)
        clock = FixedClock(NOON)
        published = published_book(engine, Path(working) / "data", clock)
        fill(published.book, clock)
        published.publish()
        [(n, line)] = lines_with(published.book, key="out:1", account=AccountRef("489100", "c17"))
        receipt = receipt_for(published.book, published.log_dir, n=n, line=line)
        (folder / "receipt.tlog-proof").write_bytes(receipt.proof)
        (folder / "opening.json").write_bytes(receipt.opening)
        (folder / "openings.jsonl").write_bytes(published.bundle().read_bytes())
        shutil.copytree(published.log_dir, folder / "log")
        engine.dispose()


if __name__ == "__main__":
    make_sample(Path(sys.argv[1]))
