"""The tamper drill: whatever SQL alters in a copy of the record, the audit finds; and every column is tried."""

from pathlib import Path

import pytest

from ledger.audit.drill import NOT_COVERED, drill, operational, targets
from ledger.book import Book
from ledger.storage.base import MUTABLE_RECORD_TABLES, RECORD_TABLES, metadata
from tests.full_book import full_book, full_sqlite_book  # noqa: F401 -- fixtures
from tests.products_kit import Town

LEDGER = {
    name
    for name in RECORD_TABLES | MUTABLE_RECORD_TABLES
    if name in vars(__import__("ledger.storage.tables", fromlist=["book"]))
}


def test_x(full_book: Book, tmp_path: Path) -> None:
    report = drill(full_book, tmp_path / "copy.sqlite3", pairs=20, seed=1, within=False)
    assert report.undeclared == []
