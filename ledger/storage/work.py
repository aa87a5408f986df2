"""What a unit of work looks like to the modules that write inside one; `ledger.book` makes the real one."""

from datetime import date, datetime
from typing import Protocol

import sqlalchemy as sa

from ledger.clock import Clock
from ledger.storage.keys import KeyRing


class Work(Protocol):
    """One database transaction in one book by one actor."""

    connection: sa.Connection
    book_id: str
    clock: Clock
    keys: KeyRing
    actor: str

    def now(self) -> datetime:
        """The machine's instant."""
        ...

    def today(self) -> date:
        """The book's business date."""
        ...

    def new_id(self, prefix: str) -> str:
        """A fresh opaque token."""
        ...
