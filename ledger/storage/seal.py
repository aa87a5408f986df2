"""The seal in the database itself: what SQL alone, without this program, may not do to the record.

    every record table       no UPDATE, no DELETE, no TRUNCATE; no INSERT OR REPLACE either
    balance                  no DELETE; never goes back; it is what the posting of its `seq` left; limits stay
    head                     no DELETE; never goes back; it stands at the last block and the last account
    entry, posting, account  nothing may be added to what a block has sealed, nor beyond what the next one will seal
    block                    numbers and hashes continue the block before; the range is gapless; counts agree; every
                             entry balances per asset

`entry` refers to `block` by a foreign key checked at commit, and `block` is inserted last: a commit without its seal
fails. On PostgreSQL every one of these triggers first locks the book's `head`, which posting holds anyway; otherwise a
second writer could slip a line under a block that is not committed yet. The block's trigger reads its own range by
index only, whatever the size of the tables (its plan is pinned).

An administrator who drops the triggers is beyond this; the audit and the witnesses catch that.
"""
# ruff: noqa: S608 -- the names come from the metadata, never from a caller

from collections.abc import Iterable

import sqlalchemy as sa

from ledger.storage.base import MUTABLE_RECORD_TABLES, RECORD_TABLES, metadata

_JOURNAL = (
    "account",
    "account_rule",
    "approval_given",
    "approval_request",
    "asset",
    "block",
    "book",
    "entry",
    "posting",
)


_NUMBERED = {"entry": "n", "posting": "n", "account": "opened_n", "asset": "opened_n", "account_rule": "from_n"}
"""The tables whose rows belong to an entry, and the column that holds its number."""


def statements(dialect: str) -> list[str]:
    """The DDL of the seal on every record table known to the metadata, for "sqlite" or "postgresql"."""
    tables = sorted(RECORD_TABLES)
    return list(_sqlite(tables) if dialect == "sqlite" else _postgresql(tables))


def _sqlite(tables: Iterable[str]) -> Iterable[str]:
    for table in tables:
        for verb in ("update", "delete"):
            yield _sqlite_refusal(table, f"final_{verb}", f"BEFORE {verb.upper()}", f"{table} rows are final")
    for table in sorted(MUTABLE_RECORD_TABLES):
        yield _sqlite_refusal(table, "kept", "BEFORE DELETE", f"{table} rows are kept")
    yield _sqlite_refusal("head", "forward", "BEFORE UPDATE", "head moves forward only", when=_HEAD_BACK)
    yield _sqlite_refusal("head", "sealed", "BEFORE UPDATE", "head is at the last block", when=_SQLITE_ASTRAY)
    back = _BALANCE_BACK.format(differs="IS NOT")
    yield _sqlite_refusal("balance", "forward", "BEFORE UPDATE", "balance moves forward only", when=back)
    yield _sqlite_refusal(
        "balance", "posted", "BEFORE UPDATE", "balance differs from its posting", when=_SQLITE_UNPOSTED
    )
    for table in _JOURNAL:
        # the delete trigger stops INSERT OR REPLACE only where the connection has recursive_triggers on
        for number, columns in enumerate(_unique_keys(metadata.tables[table])):
            same = " AND ".join(f"t.{column} = NEW.{column}" for column in columns)
            exists = f"EXISTS (SELECT 1 FROM {table} t WHERE {same})"
            yield _sqlite_refusal(table, f"new_{number}", "BEFORE INSERT", f"{table} rows are final", when=exists)
    next_block = "NEW.block <> coalesce((SELECT max(block) FROM block WHERE book_id = NEW.book_id), -1) + 1"
    yield _sqlite_refusal("entry", "next", "BEFORE INSERT", "entry belongs to the next block", when=next_block)
    for table, column in _NUMBERED.items():
        sealed = _SQLITE_SEALED.format(column=column)
        yield _sqlite_refusal(table, "open", "BEFORE INSERT", "sealed already", when=sealed)
        missing = f"NOT EXISTS (SELECT 1 FROM entry WHERE book_id = NEW.book_id AND n = NEW.{column})"
        if table != "entry":
            yield _sqlite_refusal(table, "entered", "BEFORE INSERT", "no such entry", when=missing)
    yield from (
        _sqlite_refusal("block", f"seal_{name}", "BEFORE INSERT", message, when=condition)
        for name, message, condition in _SQLITE_BLOCK
    )


def _sqlite_refusal(table: str, name: str, event: str, message: str, *, when: str = "") -> str:
    condition = f" WHEN {when}" if when else ""
    return (
        f"CREATE TRIGGER {table}_{name} {event} ON {table}{condition} BEGIN SELECT RAISE(ABORT, 'seal: {message}'); END"
    )


def _unique_keys(table: sa.Table) -> Iterable[list[str]]:
    for constraint in sorted(
        table.constraints, key=lambda c: (not isinstance(c, sa.PrimaryKeyConstraint), str(c.name))
    ):
        if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint):
            yield [column.name for column in constraint.columns]
    for index in sorted(table.indexes, key=lambda i: str(i.name)):
        if index.unique:
            yield [column.name for column in index.columns]


_HEAD_BACK = (
    "NEW.next_n < OLD.next_n OR NEW.next_block < OLD.next_block OR NEW.next_account < OLD.next_account"
    " OR NEW.last_booked_at < OLD.last_booked_at OR NEW.book_id <> OLD.book_id"
)
_BALANCE_BACK = (
    "NEW.seq < OLD.seq OR NEW.account_id <> OLD.account_id OR NEW.book_id <> OLD.book_id"
    " OR NEW.minimum {differs} OLD.minimum OR NEW.maximum {differs} OLD.maximum"
)

_SQLITE_SEALED = "NEW.{column} <= (SELECT max(last_n) FROM block WHERE book_id = NEW.book_id)"
_SQLITE_LAST = "(SELECT {column} FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1)"
_SQLITE_ENTRIES = "FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n"
_SQLITE_OPENED = "FROM {table} WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n"
_SQLITE_ASTRAY = (
    "(NEW.next_block - 1, NEW.next_n - 1, NEW.last_hash, NEW.last_booked_at) IS NOT"
    " (SELECT block, last_n, hash, sealed_at FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1)"
    " OR NEW.next_account <> coalesce((SELECT max(account_id) FROM account WHERE book_id = NEW.book_id), 0) + 1"
)
_SQLITE_UNPOSTED = (
    "(NEW.posted, NEW.last_commitment) IS NOT (SELECT balance_after, commitment FROM posting"
    " WHERE book_id = NEW.book_id AND account_id = NEW.account_id AND seq = NEW.seq)"
)
_SQLITE_BLOCK = (
    ("number", "block out of order", f"NEW.block <> coalesce({_SQLITE_LAST.format(column='block')}, -1) + 1"),
    ("first", "a gap before the block", f"NEW.first_n <> coalesce({_SQLITE_LAST.format(column='last_n')}, -1) + 1"),
    ("prev", "not after that block", f"NEW.prev_hash <> coalesce({_SQLITE_LAST.format(column='hash')}, zeroblob(32))"),
    (
        "entries",
        "entries do not agree",
        (
            "(NEW.entries, NEW.last_n, 1) IS NOT (SELECT count(*), coalesce(max(n), NEW.first_n - 1),"
            f" coalesce(min(block = NEW.block), 1) {_SQLITE_ENTRIES}) OR NEW.entries <> NEW.last_n - NEW.first_n + 1"
        ),
    ),
    (
        "postings",
        "postings do not agree",
        (
            "NEW.postings <> (SELECT count(*) FROM posting INDEXED BY posting_line"
            " WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n)"
            f" OR NEW.postings <> (SELECT coalesce(sum(lines - 1), 0) {_SQLITE_ENTRIES} AND type = 'posting/1')"
        ),
    ),
    (
        "opened",
        "accounts do not agree",
        (
            f"(SELECT coalesce(sum(lines - 1), 0) {_SQLITE_ENTRIES} AND type = 'accounts/1') <>"
            f" (SELECT count(*) {_SQLITE_OPENED.format(table='account')})"
            f" + (SELECT count(line) {_SQLITE_OPENED.format(table='asset')})"
        ),
    ),
    (
        "balanced",
        "an entry does not balance",
        (
            "EXISTS (SELECT 1 FROM posting p INDEXED BY posting_line"
            " CROSS JOIN account a ON a.book_id = p.book_id AND a.account_id = p.account_id"
            " WHERE p.book_id = NEW.book_id AND p.n BETWEEN NEW.first_n AND NEW.last_n"
            " GROUP BY p.n, a.asset HAVING sum(p.debit) <> sum(p.credit))"
        ),
    ),
)


def _postgresql(tables: Iterable[str]) -> Iterable[str]:
    yield _FINAL
    for table in tables:
        events = "UPDATE OR DELETE OR TRUNCATE"
        yield f"CREATE TRIGGER {table}_final BEFORE {events} ON {table} EXECUTE FUNCTION bxl_final()"
    for table, back in (("balance", _BALANCE_BACK.format(differs="IS DISTINCT FROM")), ("head", _HEAD_BACK)):
        yield f"CREATE TRIGGER {table}_kept BEFORE DELETE OR TRUNCATE ON {table} EXECUTE FUNCTION bxl_final()"
        yield (
            f"CREATE TRIGGER {table}_forward BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({back})"
            " EXECUTE FUNCTION bxl_final()"
        )
    yield _AS_POSTED
    yield (
        "CREATE TRIGGER balance_posted AFTER UPDATE ON balance REFERENCING NEW TABLE AS moved"
        " FOR EACH STATEMENT EXECUTE FUNCTION bxl_as_posted()"
    )
    yield _AT_LAST_BLOCK
    yield "CREATE TRIGGER head_sealed BEFORE UPDATE ON head FOR EACH ROW EXECUTE FUNCTION bxl_at_last_block()"
    yield _OPEN_ENTRY
    yield _guard("entry", "bxl_open_entry")
    for column in ("n", "opened_n", "from_n"):
        yield _OPEN_ROW.format(number=column)
    for table, column in _NUMBERED.items():
        if table != "entry":
            yield _guard(table, f"bxl_open_{column}")
    yield _SEAL
    yield "CREATE TRIGGER block_seal BEFORE INSERT ON block FOR EACH ROW EXECUTE FUNCTION bxl_seal()"


def _guard(table: str, function: str) -> str:
    return (
        f"CREATE TRIGGER {table}_open AFTER INSERT ON {table} REFERENCING NEW TABLE AS added"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
    )


_FINAL = """
CREATE FUNCTION bxl_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        MESSAGE = 'seal: ' || TG_TABLE_NAME || ' rows are final', ERRCODE = 'integrity_constraint_violation';
END $$
"""

_AS_POSTED = """
CREATE FUNCTION bxl_as_posted() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM moved m
        LEFT JOIN posting p ON p.book_id = m.book_id AND p.account_id = m.account_id AND p.seq = m.seq
        WHERE (m.posted, m.last_commitment) IS DISTINCT FROM (p.balance_after, p.commitment)
    ) THEN
        RAISE EXCEPTION 'seal: balance differs from its posting' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
"""

_AT_LAST_BLOCK = """
CREATE FUNCTION bxl_at_last_block() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan
    AS $$
DECLARE
    latest record;
    opened bigint;
BEGIN
    SELECT b.block, b.last_n, b.hash, b.sealed_at INTO latest FROM block b
    WHERE b.book_id = NEW.book_id ORDER BY b.block DESC LIMIT 1;
    SELECT a.account_id INTO opened FROM account a WHERE a.book_id = NEW.book_id ORDER BY a.account_id DESC LIMIT 1;
    IF (NEW.next_block - 1, NEW.next_n - 1, NEW.last_hash, NEW.last_booked_at)
        IS DISTINCT FROM (latest.block, latest.last_n, latest.hash, latest.sealed_at)
        OR NEW.next_account <> coalesce(opened, 0) + 1
    THEN
        RAISE EXCEPTION 'seal: head is at the last block' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
"""

_OPEN_ENTRY = """
CREATE FUNCTION bxl_open_entry() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (
            SELECT book_id, min(n) AS low, min(block) AS first, max(block) AS last FROM added GROUP BY book_id
        ) a
        LEFT JOIN LATERAL (
            SELECT b.block, b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1
        ) sealed ON true
        WHERE a.low <= sealed.last_n OR a.first <> coalesce(sealed.block, -1) + 1 OR a.last <> a.first
    ) THEN
        RAISE EXCEPTION 'seal: sealed already' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
"""

_OPEN_ROW = """
CREATE FUNCTION bxl_open_{number}() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min({number}) AS low, max({number}) AS high FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
        OR a.high > coalesce((SELECT e.n FROM entry e WHERE e.book_id = a.book_id ORDER BY e.n DESC LIMIT 1), -1)
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such entry' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
"""

# The settings and the inner ORDER BY pin the plan: with scans and sorts switched off, only the index that begins with
# the range's own column gives that order, so each query reads the block's own range, whenever it was planned.
_SEAL = """
CREATE FUNCTION bxl_seal() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
DECLARE
    previous record;
    found record;
    opened bigint;
BEGIN
    PERFORM 1 FROM head WHERE book_id = NEW.book_id FOR UPDATE;
    SELECT * INTO previous FROM block b WHERE b.book_id = NEW.book_id ORDER BY b.block DESC LIMIT 1;
    IF NEW.block <> coalesce(previous.block, -1) + 1 THEN
        RAISE EXCEPTION 'seal: block out of order' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.first_n <> coalesce(previous.last_n, -1) + 1 THEN
        RAISE EXCEPTION 'seal: a gap before the block' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.prev_hash <> coalesce(previous.hash, decode(repeat('00', 32), 'hex')) THEN
        RAISE EXCEPTION 'seal: not after that block' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT count(*) AS entries, coalesce(max(e.n), NEW.first_n - 1) AS last_n,
        count(*) FILTER (WHERE e.block <> NEW.block) AS strangers,
        coalesce(sum(e.lines - 1) FILTER (WHERE e.type = 'posting/1'), 0) AS postings,
        coalesce(sum(e.lines - 1) FILTER (WHERE e.type = 'accounts/1'), 0) AS opened
    INTO found FROM (
        SELECT * FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n ORDER BY n
    ) e;
    IF found.entries <> NEW.entries OR found.last_n <> NEW.last_n OR found.strangers <> 0
        OR NEW.entries <> NEW.last_n - NEW.first_n + 1
    THEN
        RAISE EXCEPTION 'seal: entries do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT (
        SELECT count(*) FROM (
            SELECT 1 FROM account WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n
            ORDER BY opened_n, line
        ) a
    ) + (
        SELECT count(s.line) FROM (
            SELECT line FROM asset WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n
            ORDER BY opened_n, line
        ) s
    ) INTO opened;
    IF opened <> found.opened THEN
        RAISE EXCEPTION 'seal: accounts do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.postings <> found.postings THEN
        RAISE EXCEPTION 'seal: postings do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT coalesce(sum(part.lines), 0) AS postings, coalesce(bool_or(part.difference <> 0), false) AS unbalanced
    INTO found FROM (
        SELECT count(*) AS lines, sum(p.debit) - sum(p.credit) AS difference
        FROM (
            SELECT * FROM posting WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n ORDER BY n, line
        ) p JOIN account a ON a.book_id = p.book_id AND a.account_id = p.account_id
        GROUP BY p.n, a.asset
    ) part;
    IF NEW.postings <> found.postings THEN
        RAISE EXCEPTION 'seal: postings do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF found.unbalanced THEN
        RAISE EXCEPTION 'seal: an entry does not balance' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
"""
