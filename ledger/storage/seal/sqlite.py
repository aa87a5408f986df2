"""The seal on SQLite: one trigger a table for new rows, since each trigger costs as much as a question."""
# ruff: noqa: S608 -- the names come from the metadata, never from a caller

from collections.abc import Iterable

from ledger.storage.base import MUTABLE_RECORD_TABLES, metadata
from ledger.storage.seal.belonging import BALANCE_BACK, BELONGINGS, HEAD_BACK, LIMITS, unique_keys

_KEPT_ONCE = ("outbox",)
"""Where a second row of the same key is left out and refused to nobody: the first one stands."""


def statements(tables: Iterable[str]) -> Iterable[str]:
    """The triggers on the record tables with these names, and on the two that posting updates."""
    for table in tables:
        for verb in ("update", "delete"):
            yield _trigger(table, f"final_{verb}", f"BEFORE {verb.upper()}", f"{table} rows are final")
        yield _guard(table)
    for table in sorted(MUTABLE_RECORD_TABLES):
        yield _trigger(table, "kept", "BEFORE DELETE", f"{table} rows are kept")
    yield _trigger("balance", "new", "BEFORE INSERT", _MOVES_RIGHT, when=_any(*_new_keys("balance"), *_BALANCE_NEW))
    yield _trigger("balance", "moved", "BEFORE UPDATE", _MOVES_RIGHT, when=_any(*_BALANCE_MOVED))
    yield _trigger("head", "new", "BEFORE INSERT", _STANDS_RIGHT, when=_any(*_new_keys("head"), _ASTRAY))
    yield _trigger("head", "moved", "BEFORE UPDATE", _STANDS_RIGHT, when=_any(_PLACE_CHANGED, HEAD_BACK, _ASTRAY))
    for name, message, condition in _BLOCK:
        yield _trigger("block", f"seal_{name}", "BEFORE INSERT", message, when=condition)


def _guard(table: str) -> str:
    """What a new row may not be: in the place of another, under a seal, of no entry or of another kind of entry."""
    refused = [*_new_keys(table)]
    message = f"{table} rows are final"
    if table in BELONGINGS:
        number, kind = BELONGINGS[table]
        kind = kind.format(row="NEW", hold="json_extract(e.details, '$.hold')")
        refused.append(f"NEW.{number} <= {_last('last_n')}")
        entry = f"SELECT 1 FROM entry e WHERE e.book_id = NEW.book_id AND e.n = NEW.{number} AND {kind}"
        refused.append(f"NOT EXISTS ({entry})")
        message += ", and belong to an entry of the next block"
    elif table in _OPEN:
        refused += _OPEN[table]
        message += ", and belong to the next block"
    if table in _KEPT_ONCE:
        when = _any(*refused)
        return f"CREATE TRIGGER {table}_new BEFORE INSERT ON {table} WHEN {when} BEGIN SELECT RAISE(IGNORE); END"
    return _trigger(table, "new", "BEFORE INSERT", message, when=_any(*refused))


def _new_keys(table: str) -> Iterable[str]:
    """Whether a row says where it is to be stored, or stands in the place of another by any unique key.

    A key that holds the entry's number needs no question: the number is beyond the last block, and what stands there
    is not sealed yet.
    """
    yield "NEW.rowid <> -1"  # -1 is what SQLite gives where none is stated
    number = BELONGINGS[table].number if table in BELONGINGS else None
    for columns, where in unique_keys(metadata.tables[table]):
        if number not in columns:
            same = " AND ".join(f"t.{column} = NEW.{column}" for column in columns)
            only = f" AND t.{where} AND NEW.{where}" if where else ""
            yield f"EXISTS (SELECT 1 FROM {table} t WHERE {same}{only})"


def _trigger(table: str, name: str, event: str, message: str, *, when: str = "") -> str:
    condition = f" WHEN {when}" if when else ""
    return (
        f"CREATE TRIGGER {table}_{name} {event} ON {table}{condition} BEGIN SELECT RAISE(ABORT, 'seal: {message}'); END"
    )


def _any(*conditions: str) -> str:
    return " OR ".join(conditions)


def _last(column: str) -> str:
    return f"(SELECT {column} FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1)"


def _row(row: str, names: Iterable[str]) -> str:
    return f"({', '.join(f'{row}.{name}' for name in names)})"


_UNCHECKED = "(SELECT foreign_keys FROM pragma_foreign_keys) = 0"
_OPEN = {
    "entry": [f"NEW.n <= {_last('last_n')}", f"NEW.block <> coalesce({_last('block')}, -1) + 1", _UNCHECKED],
    # a book that is brought in begins with the answers that no block ever sealed
    "request": [
        (
            f"(NEW.block IS NOT coalesce({_last('block')}, -1) + 1 OR NEW.position IS NULL)"
            f" AND NOT (NEW.block IS NULL AND NEW.position IS NULL AND {_last('block')} IS NULL)"
        ),
        _UNCHECKED,
    ],
    "attestation": ["EXISTS (SELECT 1 FROM entry WHERE book_id = NEW.book_id AND fact_key = NEW.state_key)"],
}
"""What else a new row may not be, where it belongs to a block or to an entry that is still to come."""

_MOVES_RIGHT = "balance follows from its posting, its limits and its holds, and moves forward only"
_STANDS_RIGHT = "head is at the last block, and moves forward only"
_PLACE_CHANGED = "NEW.rowid <> OLD.rowid"  # UPDATE OR REPLACE would push out the row that stands there
_POSTED = ("seq", "posted", "last_commitment")
_HELD = ("held_debit", "held_credit")
_NOT_AS_POSTED = (
    "(NEW.posted, NEW.last_commitment) IS NOT (SELECT balance_after, commitment FROM posting"
    " WHERE book_id = NEW.book_id AND account_id = NEW.account_id AND seq = NEW.seq)"
)
_NOT_AS_RULED = (
    f"{_row('NEW', LIMITS)} IS NOT (SELECT {', '.join(LIMITS)} FROM account_rule"
    " WHERE book_id = NEW.book_id AND account_id = NEW.account_id ORDER BY version DESC LIMIT 1)"
)
_NO_HOLD_BOOKED = (
    f"NOT EXISTS (SELECT 1 FROM hold_line WHERE book_id = NEW.book_id AND hold_n > {_last('last_n')})"
    f" AND NOT EXISTS (SELECT 1 FROM hold_step WHERE book_id = NEW.book_id AND n > {_last('last_n')})"
)
_BALANCE_NEW = (
    f"({_row('NEW', _POSTED)} IS NOT (0, 0, NULL) AND {_NOT_AS_POSTED})",
    _NOT_AS_RULED,
    f"({_row('NEW', _HELD)} IS NOT (0, 0) AND {_NO_HOLD_BOOKED})",
)
_BALANCE_MOVED = (
    _PLACE_CHANGED,
    BALANCE_BACK,
    f"({_row('NEW', _POSTED)} IS NOT {_row('OLD', _POSTED)} AND {_NOT_AS_POSTED})",
    f"({_row('NEW', LIMITS)} IS NOT {_row('OLD', LIMITS)} AND {_NOT_AS_RULED})",
    f"({_row('NEW', _HELD)} IS NOT {_row('OLD', _HELD)} AND {_NO_HOLD_BOOKED})",
)
_ASTRAY = (
    "(NEW.next_block - 1, NEW.next_n - 1, NEW.last_hash, NEW.last_booked_at) IS NOT"
    " (SELECT block, last_n, hash, sealed_at FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1)"
    " OR NEW.next_account <> coalesce((SELECT max(account_id) FROM account WHERE book_id = NEW.book_id), 0) + 1"
    " OR NEW.closed_on IS NOT (SELECT max(until_on) FROM period WHERE book_id = NEW.book_id)"
)

_ENTRIES = "FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n"


def _lines(types: str) -> str:
    return f"(SELECT coalesce(sum(lines - 1), 0) {_ENTRIES} AND lines > 0 AND type {types})"


def _rows(table: str, *, what: str = "*", more: str = "") -> str:
    number = BELONGINGS[table].number
    where = f"book_id = NEW.book_id AND {number} BETWEEN NEW.first_n AND NEW.last_n{more}"
    return f"(SELECT count({what}) FROM {table} WHERE {where})"


_POSTING_LINES = _lines("= 'posting/1'")
_OPENING_LINES = _lines("= 'accounts/1'")
_OTHER_LINES = _lines("NOT IN ('posting/1', 'accounts/1')")
_HEADED = "(type IN ('hold/1', 'period/1') OR json_extract(details, '$.hold') IS NOT NULL)"
_ENTRIES_DIFFER = (
    "(NEW.entries, NEW.last_n, 1) IS NOT (SELECT count(*), coalesce(max(n), NEW.first_n - 1),"
    f" coalesce(min(block = NEW.block), 1) {_ENTRIES}) OR NEW.entries <> NEW.last_n - NEW.first_n + 1"
)
_REQUESTS_DIFFER = (
    "(NEW.requests, NEW.requests - 1, 0) IS NOT (SELECT count(*), coalesce(max(position), -1),"
    " coalesce(min(position), 0) FROM request WHERE book_id = NEW.book_id AND block = NEW.block)"
    " OR NEW.requests + NEW.entries = 0"
)
_POSTINGS_DIFFER = (
    "NEW.postings <> (SELECT count(*) FROM posting INDEXED BY posting_line"
    " WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n)"
    f" OR NEW.postings <> {_POSTING_LINES}"
)
_ACCOUNTS_DIFFER = (
    f"{_OPENING_LINES} <> {_rows('account')} + {_rows('asset', what='line')}"
    f" OR {_rows('account')} <> {_rows('account_rule', more=' AND version = 1')}"
)
_OTHERS_DIFFER = (
    f"{_OTHER_LINES} <> {_rows('hold_line')} + {_rows('account_rule', more=' AND version > 1')} + {_rows('finding')}"
)
_HOLDS_DIFFER = (
    f"(SELECT count(*) {_ENTRIES} AND {_HEADED}) <> {_rows('hold')} + {_rows('period')} + {_rows('hold_step')}"
)
_UNBALANCED = (
    "EXISTS (SELECT 1 FROM posting p INDEXED BY posting_line"
    " LEFT JOIN account a ON a.book_id = p.book_id AND a.account_id = p.account_id"
    " WHERE p.book_id = NEW.book_id AND p.n BETWEEN NEW.first_n AND NEW.last_n"
    " GROUP BY p.n, a.asset HAVING sum(p.debit) <> sum(p.credit) OR a.asset IS NULL)"
)
_BLOCK = (
    ("number", "block out of order", f"NEW.block <> coalesce({_last('block')}, -1) + 1"),
    ("first", "a gap before the block", f"NEW.first_n <> coalesce({_last('last_n')}, -1) + 1"),
    ("prev", "not after that block", f"NEW.prev_hash <> coalesce({_last('hash')}, zeroblob(32))"),
    ("entries", "entries do not agree", _ENTRIES_DIFFER),
    ("requests", "requests do not agree", _REQUESTS_DIFFER),
    ("postings", "postings do not agree", _POSTINGS_DIFFER),
    ("opened", "accounts do not agree", _ACCOUNTS_DIFFER),
    ("other", "holds, limits or findings do not agree", _OTHERS_DIFFER),
    ("headed", "holds, their ends or periods do not agree", _HOLDS_DIFFER),
    ("balanced", "an entry does not balance, or posts to no account", _UNBALANCED),
)
