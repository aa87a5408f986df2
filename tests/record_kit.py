"""What tests of the record's resources share: an installation on either database, and short ways to state entries.

desk = record_desk(book, data, parties)     the demo's cast on a book of its own, at a clock that stands still
move("k1", ("550100", 500, 0), ("489100:c17", 0, 500))
desk.post(ENTRIES, who="nadia", json=entries(move(…)))
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from api.bootstrap import Wiring, wire_book
from api.demo.stage import Stage
from contracts.templates import NEVER_LATE
from frontend.site import build_site
from ledger.book import Book
from tests.api_kit import Desk, settings_of
from tests.oracle import TABLES

BOOK = "/v1/books/main"
ENTRIES = f"{BOOK}/entries"
HOLDS = f"{BOOK}/holds"
BANK, CITIZEN = "550100", "489100:c17"
KEPT = ("request", "block", "head")
"""What a kept answer changes: the answer itself, and the block that seals it."""


def enter_cast(book: Book, data: Path) -> dict[str, str]:
    """Register the demo's cast in a book; its members by nickname."""
    wiring = wire_book(settings_of(data), book)
    stage = Stage(wiring)
    stage.enter()
    wiring.close()
    return stage.parties


def record_desk(book: Book, data: Path, parties: dict[str, str]) -> Desk:
    """An installation on a book in which the cast stands."""
    stage = Stage(wire_book(settings_of(data), replace(book, late_refused=NEVER_LATE)), dict(parties))
    return Desk(stage.wiring, stage, build_site(stage.wiring))


def again(desk: Desk) -> Desk:
    """Another process on the same book."""
    wired = desk.wiring
    wiring = Wiring(wired.settings, wired.book, wired.rail, wired.mail, wired.sandbox)
    return Desk(wiring, desk.stage, build_site(wiring))


def move(key: str, *legs: tuple[str, int, int], on: str = "2026-03-02", purpose: str = "test", **more: Any) -> Any:
    """An entry as it is stated; without legs, it has no postings."""
    postings = [{"account": a, **({"debit": d} if d else {}), **({"credit": c} if c else {})} for a, d, c in legs]
    return {"key": key, "effective_on": on, "purpose": purpose, **({"postings": postings} if legs else {}), **more}


def paid(key: str, cents: int, citizen: str = CITIZEN, **more: Any) -> Any:
    """Money arrives at the bank."""
    return move(key, (BANK, cents, 0), (citizen, 0, cents), **more)


def back(key: str, cents: int, citizen: str = CITIZEN, **more: Any) -> Any:
    """Money leaves the bank."""
    return move(key, (citizen, cents, 0), (BANK, 0, cents), **more)


def entries(*stated: Any, **more: Any) -> Any:
    return {"entries": list(stated), **more}


def record_of(book: Book) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the record but for kept answers."""
    kept = [table for table in TABLES if table.name not in KEPT]
    with book.read() as connection:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(
                    sa.select(table).where(table.c.book_id == book.book_id).order_by(*table.primary_key.columns)
                )
            ]
            for table in kept
        }
