"""What posting asks of a database and gives it to write, the same for both dialects."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from ledger.accounts import AccountRef


class Wanted(NamedTuple):
    """What a batch names: accounts, fact keys, idempotency keys."""

    accounts: Sequence[AccountRef]
    fact_keys: Sequence[str]
    request_keys: Sequence[str]


class Found(NamedTuple):
    """What exists of it, as plain rows in the order of the statements' columns; `head` is locked.

    head      next_n, next_block, next_account, last_hash, last_booked_at (microseconds), closed_on, business date,
              wrapped book key
    accounts  account_id, code, owner, asset, personal, posted, seq, minimum, maximum, last_commitment, held_debit,
              held_credit, closed, version, wrapped key of the owner
    known     fact_key, n, body_hash
    requests  key, actor, body_hash, outcome (text)
    """

    head: Sequence[tuple[Any, ...]]
    accounts: Sequence[tuple[Any, ...]]
    known: Sequence[tuple[Any, ...]]
    requests: Sequence[tuple[Any, ...]]


class Inserts(NamedTuple):
    """Rows of one table."""

    table: sa.Table
    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]


class Updates(NamedTuple):
    """Rows of one table that stand, with their key among the `columns`: they get all other values.

    Every row is found through the key's own index, whatever the planner thinks of the table's size.
    """

    table: sa.Table
    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]


class Replacement(NamedTuple):
    """New values of `columns` in the one row that a book has in `table`."""

    table: sa.Table
    columns: Sequence[str]
    values: Sequence[Any]


Change = Inserts | Updates | Replacement
Changes = Sequence[Change]
"""Statements to run, in order."""
