"""Attesting the record: what the journal's hashes do not cover is digested row by row, and the log commits to it.

    row ── SHA-256 ──> attestation ── RFC 6962 root, relation by relation ──> state/1 entry ──> public log

Entries bind accounts, postings, holds, limits, periods and findings by their commitments; blocks bind answers. Other
rows of the record (approvals, the outbox, parties, products, evidence of payments) are attested: `attest` digests
those that are new since the last time and enters one finding with a line for each relation,

    {"relation": "party", "root": "...", "rows": 17}      rows attested so far; the root is over those that are new
    {"block": 41, "hash": "..."}                          the last block before

A digest is SHA-256 of the row as compact JSON with sorted keys: all its columns but the book, bytes in base64, days as
ISO text, instants in microseconds, flags as 0 or 1, JSON as its text; what is absent is left out.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa

from ledger.book import Book, UnitOfWork
from ledger.facts import Finding
from ledger.log.encoding import b64
from ledger.log.leaf import JSON, STATE
from ledger.log.merkle import Frontier, leaf_hash
from ledger.storage import bulk, tables
from ledger.storage.base import RECORD_TABLES, json_text, metadata
from ledger.storage.scan import Row, fetch, scan

PAGE = 1_000
OLD_ANSWERS = "state:answers-kept-before-blocks-sealed-them"
HASHED = frozenset({
    "account", "account_rule", "asset", "attestation", "block", "entry", "finding", "hold", "hold_line", "hold_step",
    "period", "period_balance", "posting",
})  # fmt: skip
"""Record tables that the hashes of entries and blocks cover; an attestation is covered by the root it is under."""
PARTS = {"request": "block IS NULL"}
"""Of a table that blocks seal, the rows that none does."""
_UNSEALED = "SELECT 1 FROM request WHERE book_id = ? AND block IS NULL LIMIT 1"
_LAST_BLOCK = "SELECT block, hash FROM block WHERE book_id = ? ORDER BY block DESC LIMIT 1"
_STANDS = "SELECT n FROM entry WHERE book_id = ? AND fact_key = ?"
_COUNT = "SELECT count(*) FROM attestation WHERE book_id = ? AND relation = ?"
_ROWS = "SELECT count(*) FROM {relation} WHERE book_id = ? AND {part}"


class Digested(NamedTuple):
    """A row by its key, and its digest."""

    row_key: str
    digest: bytes


def daily_key(on: date) -> str:
    """The fact key of a business date's state."""
    return f"state:{on.isoformat()}"


def attest(unit: UnitOfWork, *, key: str) -> int:
    """Attest all rows that are new, under a state/1 entry with fact key `key`; gives how many they are.

    Where that entry stands already, or nothing is new since the last state, nothing happens. The entry is posted when
    the unit of work ends.
    """
    connection, book_id = unit.connection, unit.book_id
    if fetch(connection, _STANDS, (book_id, key)):
        return 0
    attested = {relation: _attest_relation(connection, book_id, relation, key) for relation in relations()}
    new = sum(count for count, _, _ in attested.values())
    if not new:
        return 0
    lines: list[Mapping[str, JSON]] = [
        {"relation": relation, "root": b64(root), "rows": total} for relation, (_, total, root) in attested.items()
    ]
    [(block, block_hash)] = fetch(connection, _LAST_BLOCK, (book_id,))
    lines.append({"block": block, "hash": b64(block_hash)})
    unit.post(Finding(key, STATE, lines, actor=unit.actor))
    return new


def attest_old_answers(book: Book) -> int:
    """Attest what was answered before blocks sealed answers, once, after an upgrade; gives how many rows were new."""
    with book.read() as connection:
        old = fetch(connection, _UNSEALED, (book.book_id,))
        if not old or fetch(connection, _STANDS, (book.book_id, OLD_ANSWERS)):
            return 0
    with book.unit_of_work(actor="system:upgrade") as unit:
        return attest(unit, key=OLD_ANSWERS)


def relations() -> list[str]:
    """The names of the tables whose rows are attested, in order."""
    return sorted(RECORD_TABLES - HASHED)


def digested(connection: sa.Connection, book_id: str, relation: str) -> Iterator[list[Digested]]:
    """The rows of a relation by their keys, in pages; of `request`, those that no block seals."""
    table = metadata.tables[relation]
    columns = [column.name for column in table.columns if column.name != "book_id"]
    keys = [columns.index(name) for name in key_columns(table)]
    order = [columns[i] for i in keys]
    page: list[Digested] = []
    for row in scan(connection, table, book_id, columns, order=order, where=PARTS.get(relation, "")):
        page.append(Digested(json_text([_plain(row[i]) for i in keys]), digest_of(columns, row)))
        if len(page) == PAGE:
            yield page
            page = []
    yield page


def key_columns(table: sa.Table) -> list[str]:
    """The columns of a table's key without the book; the book's own row has none."""
    return [column.name for column in table.primary_key.columns if column.name != "book_id"]


def digest_of(columns: Sequence[str], row: Row) -> bytes:
    """The digest of one row."""
    told = {name: _plain(value) for name, value in zip(columns, row, strict=True) if value is not None}
    return hashlib.sha256(json_text(told).encode()).digest()


def kept_digests(connection: sa.Connection, book_id: str, relation: str, keys: Sequence[str]) -> dict[str, bytes]:
    """The attested digests of these rows."""
    if not keys:
        return {}
    listed: Any = json_text(list(keys))
    among = "SELECT value FROM json_each(?)"
    if connection.dialect.name == "postgresql":
        listed, among = list(keys), "SELECT unnest(?::text[])"
    statement = f"SELECT row_key, digest FROM attestation WHERE book_id = ? AND relation = ? AND row_key IN ({among})"  # noqa: S608 -- one of two texts above
    return dict(fetch(connection, statement, (book_id, relation, listed)))


def count_kept(connection: sa.Connection, book_id: str, relation: str) -> int:
    """How many rows of a relation are attested."""
    count: int = fetch(connection, _COUNT, (book_id, relation))[0][0]
    return count


def _attest_relation(connection: sa.Connection, book_id: str, relation: str, key: str) -> tuple[int, int, bytes]:
    """Attest the relation's new rows; gives their number, the number of all, and the root over the new ones.

    Rows are only ever added, so a relation with as many rows as are attested has none that is new and is not read.
    """
    kept = count_kept(connection, book_id, relation)
    rows_of_relation = _ROWS.format(relation=relation, part=PARTS.get(relation, "TRUE"))
    if fetch(connection, rows_of_relation, (book_id,)) == [(kept,)]:
        return 0, kept, Frontier().root()
    new = 0
    for page in digested(connection, book_id, relation):
        known = kept_digests(connection, book_id, relation, [row.row_key for row in page])
        rows = [(relation, row.row_key, row.digest, key) for row in page if row.row_key not in known]
        bulk.insert_rows(connection, tables.attestation, book_id, ("relation", "row_key", "digest", "state_key"), rows)
        new += len(rows)
    frontier = Frontier()
    if new:
        where, values = "state_key = ? AND relation = ?", (key, relation)
        stored = scan(
            connection, tables.attestation, book_id, ("digest",), order=("row_key",), where=where, values=values
        )
        for (digest,) in stored:
            frontier.append(leaf_hash(digest))
    return new, kept + new, frontier.root()


def _plain(value: object) -> Any:  # noqa: ANN401 -- text or a number
    return b64(value) if isinstance(value, bytes) else value
