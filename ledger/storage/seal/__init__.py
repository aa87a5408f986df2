"""The seal in the database itself: what SQL alone, without this program, may not do to the record.

    every record table       no UPDATE, no DELETE, no TRUNCATE; no INSERT OR REPLACE either, by a key or a row's place
    balance                  no DELETE; never goes back; it is what the posting of its `seq` left; limits are those of
                             the newest rule; what is held changes only where a hold or its end is being booked
    head                     no DELETE; never goes back; it stands at the last block, account and closed period
    rows of an entry         nothing may be added to what a block has sealed, nor under an entry of another kind, nor
                             at a line that the entry does not have
    attestation              nothing may be added to a state that is entered
    request                  belongs to the next block, at a place of its own
    block                    numbers and hashes continue the block before; the range is gapless; each entry has the
                             rows it says; every entry balances per asset; it seals something

`entry` and `request` refer to `block` by a foreign key checked at commit, and `block` is inserted last: a commit
without its seal fails. On PostgreSQL every one of these triggers first locks the book's `head`, which posting holds
anyway; otherwise a second writer could slip a line under a block that is not committed yet. Its functions look for
tables in the schema they were made in and nowhere else, so that a temporary table of the same name fools none. The
block's trigger reads its own range by index only, whatever the size of the tables (its plan is pinned). On SQLite a
connection that does not check foreign keys enters nothing.

An administrator who drops the triggers is beyond this; the audit and the witnesses catch that. `ledger.storage.grants`
keeps the program itself from being one.
"""

from ledger.storage.base import RECORD_TABLES
from ledger.storage.seal import postgresql, sqlite


def statements(dialect: str) -> list[str]:
    """The DDL of the seal on every record table known to the metadata, for "sqlite" or "postgresql"."""
    made = {"sqlite": sqlite.statements, "postgresql": postgresql.statements}[dialect]
    return list(made(sorted(RECORD_TABLES)))
