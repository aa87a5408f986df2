"""The record of a book as a file that rebuilds it, block by block and byte by byte, in an empty database.

    {"log": …}        the book: name, origin, policy hash, instants; how many blocks and entries, the last block's hash
    {"key": …}        the live subject keys, encrypted under the file's own key
    {"row": …}        each row of the record that no entry tells of, and the digests under which states attest them
    {"block": …}      its instant and hash, followed by
    {"entry": …}      each entry: what was asked for, its commitments, its public bytes
    {"answer": …}     each answer that the block seals
    {"end": …}        a code over all lines, under the file's own key

Whoever has the file and its key has the whole record: both are made readable by their owner only. What is no record
(sessions, deliveries, calls and payments under way) and the keys that sign the log are not in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, BinaryIO

import sqlalchemy as sa

from ledger.audit.lines import CHUNK, StatedEntry, stated_entries
from ledger.audit.log_fields import ANSWER, BLOCK, END, ENTRY, FORMAT, KEY, LOG, ROW, Mac, record_line
from ledger.audit.log_items import stated_item
from ledger.audit.log_rows import row_records
from ledger.book import Book
from ledger.errors import Refusal
from ledger.lines import GENESIS, instant_text, outcome_text
from ledger.log.encoding import b64
from ledger.log.leaf import JSON, parse_canonical
from ledger.storage import tables
from ledger.storage.dates import read_business_date
from ledger.storage.keys import DESTROYED, KeyRing


def write_log(book: Book, out: BinaryIO, transport_key: bytes) -> int:
    """Write the whole record in one snapshot; returns the number of entries.

    `transport_key` has 32 bytes: subject keys are encrypted and the file is authenticated under it.
    """
    mac, count = Mac(transport_key), 0
    with book.read() as connection:
        for kind, record in _records(connection, book, KeyRing(book.book_id, transport_key)):
            line = record_line(kind, record)
            mac.add(line)
            out.write(line)
            count += kind == ENTRY
    out.write(record_line(END, {"mac": mac.text()}))
    return count


def _records(connection: sa.Connection, book: Book, transport: KeyRing) -> Iterator[tuple[str, Mapping[str, JSON]]]:
    book_id = book.book_id
    yield LOG, _header(connection, book_id)
    for key in _keys(connection, book, transport):
        yield KEY, key
    for stated in row_records(connection, book_id):
        yield ROW, stated
    entries = groupby(stated_entries(connection, book_id), key=lambda entry: entry.row.block)
    following = next(entries, None)
    for block, answers in _blocks(connection, book_id):
        yield BLOCK, _block(block)
        if following is not None and following[0] == block.block:
            for entry in following[1]:
                yield ENTRY, _entry(connection, book_id, entry)
            following = next(entries, None)
        for row in answers:
            yield ANSWER, _answer(row)


def _header(connection: sa.Connection, book_id: str) -> Mapping[str, JSON]:
    row = connection.execute(sa.select(tables.book).where(tables.book.c.book_id == book_id)).one()
    head = connection.execute(sa.select(tables.head).where(tables.head.c.book_id == book_id)).one()
    business_on = read_business_date(connection, book_id)
    dated: dict[str, JSON] = {} if business_on is None else {"business_on": business_on.isoformat()}
    return dated | {
        "blocks": head.next_block,
        "book": book_id,
        "created_at": instant_text(row.created_at),
        "format": FORMAT,
        "hash": b64(head.last_hash),
        "name": row.name,
        "origin": row.origin,
        "policy": b64(row.policy_hash),
        "size": head.next_n,
    }


def _keys(connection: sa.Connection, book: Book, transport: KeyRing) -> Iterator[Mapping[str, JSON]]:
    """The book's own key first; the order of text differs from database to database, so it is made here.

    Of a person who was erased it is said that there was a key.
    """
    table = tables.subject_key
    rows = connection.execute(sa.select(table).where(table.c.book_id == book.book_id)).all()
    for row in sorted(rows, key=lambda row: str(row.owner)):
        sealed = transport.wrap(row.owner, book.keys.unwrap(row.owner, row.wrapped)) if row.wrapped else DESTROYED
        yield {"created_at": instant_text(row.created_at), "owner": row.owner, "sealed": b64(sealed)}


def _blocks(connection: sa.Connection, book_id: str) -> Iterator[tuple[sa.Row[Any], list[sa.Row[Any]]]]:
    """Every block with the answers that it seals, read in pages."""
    table, following = tables.block, 0
    while True:
        where = (table.c.book_id == book_id, table.c.block >= following)
        page = connection.execute(sa.select(table).where(*where).order_by(table.c.block).limit(CHUNK)).all()
        if not page:
            return
        answers = _answers(connection, book_id, page[0].block, page[-1].block)
        for block in page:
            yield block, [answer for answer in answers if answer.block == block.block] if block.requests else []
        following = page[-1].block + 1


def _answers(connection: sa.Connection, book_id: str, first: int, last: int) -> Sequence[sa.Row[Any]]:
    """The answers that these blocks seal, in order."""
    table = tables.request
    where = (table.c.book_id == book_id, table.c.block.between(first, last))
    return connection.execute(sa.select(table).where(*where).order_by(table.c.block, table.c.position)).all()


def _block(row: sa.Row[Any]) -> Mapping[str, JSON]:
    return {
        "answers": row.requests,
        "at": instant_text(row.sealed_at),
        "block": row.block,
        "entries": row.entries,
        "hash": b64(row.hash),
    }


def _answer(row: sa.Row[Any]) -> Mapping[str, JSON]:
    """The outcome is text, since it may hold what canonical JSON has no form for."""
    outcome = outcome_text(row.outcome)
    return {"actor": row.actor, "body": b64(row.body_hash), "key": row.key, "outcome": outcome}


def _entry(connection: sa.Connection, book_id: str, entry: StatedEntry) -> Mapping[str, JSON]:
    row = entry.row
    stated: dict[str, JSON] = {
        "commitments": [b64(line.commitment) for line in entry.lines],
        "n": row.n,
        "public": parse_canonical(row.bytes),
    }
    if row.type != GENESIS:
        stated["item"] = stated_item(entry, lambda n: _key_of(connection, book_id, n))
    if row.body_hash is not None:
        stated["body"] = b64(row.body_hash)
    return stated


def _key_of(connection: sa.Connection, book_id: str, n: int) -> str:
    table = tables.entry
    key = connection.scalar(sa.select(table.c.fact_key).where(table.c.book_id == book_id, table.c.n == n))
    if key is None:
        raise Refusal("row-differs", table="entry", column="fact_key", n=n)
    return str(key)
