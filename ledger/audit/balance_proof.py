"""A balance that a stranger can check: every line of a person's account up to entry K, opened, under a checkpoint.

The form of the file is that of `ledger.verify.balance`, which checks it with no database. It tells all that was posted
to the account up to K, and the one posting after it: it is for the holder, and for whom she shows it to.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.audit.lines import Openings, StatedEntry, StatedLine, stated_entries
from ledger.balances import balance
from ledger.book import Book
from ledger.dated import account_id_of, check_known_at
from ledger.errors import Refusal
from ledger.integrator import read_checkpoint
from ledger.log.encoding import b64
from ledger.log.leaf import JSON, canonical_json, lines_path, parse_canonical
from ledger.log.merkle import inclusion_proof
from ledger.log.tiles import LogFolder
from ledger.storage import tables
from ledger.verify.balance import FORMAT


def balance_proof(
    book: Book, account: AccountRef, *, log_dir: Path, on: date | None = None, known_at: int | None = None
) -> Iterator[bytes]:
    """The lines of the file for the balance of `account` on the day `on`, as known at entry `known_at`; without it, at
    the last entry under the published checkpoint.

    Refuses `account-has-no-chain` for an account without a person or an enterprise, `account-unknown`,
    `log-not-published`, `known-at-not-reached`, and `receipt-not-yet-final` where the checkpoint does not cover K.
    """
    if not account.personal:
        raise Refusal("account-has-no-chain", account=str(account))
    published = read_checkpoint(log_dir)
    if published is None:
        raise Refusal("log-not-published", folder=str(log_dir))
    checkpoint, note = published
    size = checkpoint.size
    with book.read() as connection:
        account_id = account_id_of(connection, book.book_id, account)
        if account_id is None:
            raise Refusal("account-unknown", account=str(account), asset=account.asset)
        last = size - 1 if known_at is None else known_at
        check_known_at(connection, book.book_id, last)
        if last >= size:
            raise Refusal("receipt-not-yet-final", n=last, size=size)
        numbers = _entries_of(connection, book.book_id, account_id, size=size)
        counted = [n for n in numbers if n <= last]
        following = numbers[len(counted) : len(counted) + 1]
        stated: dict[str, JSON] = {
            "account": str(account),
            "asset": account.asset,
            "balance": balance(connection, book.book_id, account, on=on, known_at=last),
            "checkpoint": note.decode(),
            "entries": len(counted),
            "format": FORMAT,
            "known_at": last,
            "next": bool(following),
        }
        yield canonical_json(stated if on is None else stated | {"on": on.isoformat()}) + b"\n"
        openings, log = Openings(connection, book.book_id, book.keys), LogFolder(log_dir)
        for n in (*counted, *following):
            [entry] = stated_entries(connection, book.book_id, first_n=n, end_n=n + 1)
            yield canonical_json(_record(entry, account, openings, log, size=size)) + b"\n"


def _entries_of(connection: sa.Connection, book_id: str, account_id: int, *, size: int) -> Sequence[int]:
    p = tables.posting.c
    query = sa.select(p.n).where(p.book_id == book_id, p.account_id == account_id, p.n < size)
    return list(dict.fromkeys(connection.scalars(query.order_by(p.seq))))


def _record(entry: StatedEntry, account: AccountRef, openings: Openings, log: LogFolder, *, size: int) -> JSON:
    """An entry with its header and the account's lines opened; the lines of others stay hidden."""
    n, named = entry.row.n, (str(account), account.asset)
    mine = [s for s in entry.lines[1:] if (s.line["account"], s.line["asset"]) == named]
    opened = (0, *(line.index for line in mine))
    return {
        "entry": parse_canonical(entry.row.bytes),
        "header": _opening(openings, n, entry.lines[0]),
        "inclusion": [b64(step) for step in inclusion_proof(n, size, lambda a, b: log.subtree(a, b, size))],
        "lines": [{"index": line.index, **_opening(openings, n, line)} for line in mine],
        "path": [b64(step) for step in lines_path([line.commitment for line in entry.lines], opened)],
    }


def _opening(openings: Openings, n: int, line: StatedLine) -> dict[str, JSON]:
    return {"line": dict(line.line), "nonce": b64(openings.nonce(n, line))}
