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

_GUARDED = (
    "account",
    "account_rule",
    "approval_given",
    "approval_request",
    "asset",
    "attestation",
    "block",
    "book",
    "entry",
    "finding",
    "hold",
    "hold_line",
    "hold_step",
    "period",
    "period_balance",
    "posting",
    "request",
)
"""The ledger's own record tables, which INSERT OR REPLACE may not touch on any connection."""

_NUMBERED = {
    "entry": "n",
    "posting": "n",
    "account": "opened_n",
    "asset": "opened_n",
    "account_rule": "from_n",
    "hold": "hold_n",
    "hold_line": "hold_n",
    "hold_step": "n",
    "period": "n",
    "period_balance": "n",
    "finding": "n",
}
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
    yield _sqlite_refusal("balance", "forward", "BEFORE UPDATE", "balance moves forward only", when=_BALANCE_BACK)
    yield _sqlite_refusal(
        "balance", "posted", "BEFORE UPDATE", "balance differs from its posting", when=_SQLITE_UNPOSTED
    )
    yield _sqlite_refusal("balance", "ruled", "BEFORE UPDATE", "balance differs from its limits", when=_SQLITE_UNRULED)
    for table in _GUARDED:
        refused = list(_sqlite_guards(table))
        if refused:
            message = f"{table} rows are final, and belong to an entry of the next block"
            yield _sqlite_refusal(table, "new", "BEFORE INSERT", message, when=" OR ".join(refused))
    yield from (
        _sqlite_refusal("block", f"seal_{name}", "BEFORE INSERT", message, when=condition)
        for name, message, condition in _SQLITE_BLOCK
    )


def _sqlite_guards(table: str) -> Iterable[str]:
    """What a new row may not be: in the place of another by any unique key, under a seal, of no entry.

    One trigger a table asks all of it, since each trigger costs as much as a question. A key that holds the entry's
    number needs no question: the number is beyond the last block, and what stands there is not sealed yet.
    """
    number = _NUMBERED.get(table)
    if number is not None:
        yield f"NEW.{number} <= {_SQLITE_LAST.format(column='last_n')}"
        if table != "entry":
            yield f"NOT EXISTS (SELECT 1 FROM entry WHERE book_id = NEW.book_id AND n = NEW.{number})"
    if table == "entry":
        yield f"NEW.block <> coalesce({_SQLITE_LAST.format(column='block')}, -1) + 1"
    if table == "request":
        last = _SQLITE_LAST.format(column="block")
        sealed = f"NEW.block IS coalesce({last}, -1) + 1 AND NEW.position IS NOT NULL"
        # a book that is brought in begins with the answers that no block ever sealed
        unsealed = f"NEW.block IS NULL AND NEW.position IS NULL AND {last} IS NULL"
        yield f"NOT ({sealed} OR {unsealed})"
    for columns, where in _unique_keys(metadata.tables[table]):
        if number not in columns:
            same = " AND ".join(f"t.{column} = NEW.{column}" for column in columns)
            only = f" AND t.{where} AND NEW.{where}" if where else ""
            yield f"EXISTS (SELECT 1 FROM {table} t WHERE {same}{only})"


def _sqlite_refusal(table: str, name: str, event: str, message: str, *, when: str = "") -> str:
    condition = f" WHEN {when}" if when else ""
    return (
        f"CREATE TRIGGER {table}_{name} {event} ON {table}{condition} BEGIN SELECT RAISE(ABORT, 'seal: {message}'); END"
    )


def _unique_keys(table: sa.Table) -> Iterable[tuple[list[str], str]]:
    """The columns of each unique key, and the condition of a partial one."""
    for constraint in sorted(
        table.constraints, key=lambda c: (not isinstance(c, sa.PrimaryKeyConstraint), str(c.name))
    ):
        if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint):
            yield [column.name for column in constraint.columns], ""
    for index in sorted(table.indexes, key=lambda i: str(i.name)):
        if index.unique:
            where = index.dialect_options["sqlite"]["where"]
            yield [column.name for column in index.columns], "" if where is None else str(where)


_HEAD_BACK = (
    "NEW.next_n < OLD.next_n OR NEW.next_block < OLD.next_block OR NEW.next_account < OLD.next_account"
    " OR NEW.last_booked_at < OLD.last_booked_at OR NEW.book_id <> OLD.book_id OR NEW.closed_on < OLD.closed_on"
    " OR (NEW.closed_on IS NULL AND OLD.closed_on IS NOT NULL)"
)
_BALANCE_BACK = (
    "NEW.seq < OLD.seq OR NEW.account_id <> OLD.account_id OR NEW.book_id <> OLD.book_id OR NEW.version < OLD.version"
)
_LIMITS = ("minimum", "maximum", "closed", "version")

_SQLITE_LAST = "(SELECT {column} FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1)"
_SQLITE_ENTRIES = "FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n"
_SQLITE_COUNT = (
    "(SELECT count({what}) FROM {table} WHERE book_id = NEW.book_id AND {number} BETWEEN NEW.first_n AND NEW.last_n)"
)
_SQLITE_ASTRAY = (
    "(NEW.next_block - 1, NEW.next_n - 1, NEW.last_hash, NEW.last_booked_at) IS NOT"
    " (SELECT block, last_n, hash, sealed_at FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1)"
    " OR NEW.next_account <> coalesce((SELECT max(account_id) FROM account WHERE book_id = NEW.book_id), 0) + 1"
    " OR NEW.closed_on IS NOT (SELECT max(until_on) FROM period WHERE book_id = NEW.book_id)"
)
_SQLITE_UNPOSTED = (
    "(NEW.seq, NEW.posted, NEW.last_commitment) IS NOT (OLD.seq, OLD.posted, OLD.last_commitment)"
    " AND (NEW.posted, NEW.last_commitment) IS NOT (SELECT balance_after, commitment FROM posting"
    " WHERE book_id = NEW.book_id AND account_id = NEW.account_id AND seq = NEW.seq)"
)
_SQLITE_UNRULED = (
    f"({', '.join(f'NEW.{name}' for name in _LIMITS)}) IS NOT ({', '.join(f'OLD.{name}' for name in _LIMITS)})"
    f" AND ({', '.join(f'NEW.{name}' for name in _LIMITS)}) IS NOT (SELECT {', '.join(_LIMITS)} FROM account_rule"
    " WHERE book_id = NEW.book_id AND account_id = NEW.account_id ORDER BY version DESC LIMIT 1)"
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
        "requests",
        "requests do not agree",
        (
            "NEW.requests <> (SELECT count(*) FROM request WHERE book_id = NEW.book_id AND block = NEW.block)"
            " OR NEW.requests + NEW.entries = 0"
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
            f" {_SQLITE_COUNT.format(what='*', table='account', number='opened_n')}"
            f" + {_SQLITE_COUNT.format(what='line', table='asset', number='opened_n')}"
        ),
    ),
    (
        "other",
        "holds, limits or findings do not agree",
        (
            f"(SELECT coalesce(sum(lines - 1), 0) {_SQLITE_ENTRIES} AND type NOT IN ('posting/1', 'accounts/1')"
            " AND lines > 0) <>"
            f" {_SQLITE_COUNT.format(what='*', table='hold_line', number='hold_n')}"
            f" + {_SQLITE_COUNT.format(what='commitment', table='account_rule', number='from_n')}"
            f" + {_SQLITE_COUNT.format(what='*', table='finding', number='n')}"
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
    for table, back in (("balance", _BALANCE_BACK), ("head", _HEAD_BACK)):
        yield f"CREATE TRIGGER {table}_kept BEFORE DELETE OR TRUNCATE ON {table} EXECUTE FUNCTION bxl_final()"
        yield (
            f"CREATE TRIGGER {table}_forward BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({back})"
            " EXECUTE FUNCTION bxl_final()"
        )
    yield _AS_RULED
    old, new = (", ".join(f"{row}.{name}" for name in _LIMITS) for row in ("OLD", "NEW"))
    yield (
        f"CREATE TRIGGER balance_ruled BEFORE UPDATE ON balance FOR EACH ROW WHEN (({new}) IS DISTINCT FROM ({old}))"
        " EXECUTE FUNCTION bxl_as_ruled()"
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
    for column in sorted(set(_NUMBERED.values())):
        yield _OPEN_ROW.format(number=column)
    for table, column in _NUMBERED.items():
        if table != "entry":
            yield _guard(table, f"bxl_open_{column}")
    yield _OPEN_REQUEST
    yield _guard("request", "bxl_open_request")
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
        WHERE (m.posted, m.last_commitment) IS DISTINCT FROM (coalesce(p.balance_after, 0), p.commitment)
    ) THEN
        RAISE EXCEPTION 'seal: balance differs from its posting' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
"""

_AS_RULED = """
CREATE FUNCTION bxl_as_ruled() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan
    AS $$
DECLARE
    latest record;
BEGIN
    SELECT r.minimum, r.maximum, r.closed, r.version INTO latest FROM account_rule r
    WHERE r.book_id = NEW.book_id AND r.account_id = NEW.account_id
    ORDER BY r.book_id DESC, r.account_id DESC, r.version DESC LIMIT 1;
    IF (NEW.minimum, NEW.maximum, NEW.closed, NEW.version)
        IS DISTINCT FROM (latest.minimum, latest.maximum, latest.closed, latest.version)
    THEN
        RAISE EXCEPTION 'seal: balance differs from its limits' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
"""

_OPEN_REQUEST = """
CREATE FUNCTION bxl_open_request() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM added a WHERE (a.position IS NULL OR a.block IS DISTINCT FROM coalesce((
            SELECT b.block FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1
        ), -1) + 1)
        -- a book that is brought in begins with the answers that no block ever sealed
        AND NOT (a.block IS NULL AND a.position IS NULL
            AND NOT EXISTS (SELECT 1 FROM block b WHERE b.book_id = a.book_id))
    ) THEN
        RAISE EXCEPTION 'seal: a request belongs to the next block' USING ERRCODE = 'integrity_constraint_violation';
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
    closed date;
BEGIN
    SELECT b.block, b.last_n, b.hash, b.sealed_at INTO latest FROM block b
    WHERE b.book_id = NEW.book_id ORDER BY b.block DESC LIMIT 1;
    SELECT a.account_id INTO opened FROM account a WHERE a.book_id = NEW.book_id ORDER BY a.account_id DESC LIMIT 1;
    SELECT p.until_on INTO closed FROM period p WHERE p.book_id = NEW.book_id ORDER BY p.until_on DESC LIMIT 1;
    IF (NEW.next_block - 1, NEW.next_n - 1, NEW.last_hash, NEW.last_booked_at)
        IS DISTINCT FROM (latest.block, latest.last_n, latest.hash, latest.sealed_at)
        OR NEW.next_account <> coalesce(opened, 0) + 1 OR NEW.closed_on IS DISTINCT FROM closed
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
    kept bigint;
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
        coalesce(sum(e.lines - 1) FILTER (WHERE e.type = 'accounts/1'), 0) AS opened,
        coalesce(sum(e.lines - 1) FILTER (WHERE e.type NOT IN ('posting/1', 'accounts/1') AND e.lines > 0), 0) AS other
    INTO found FROM (
        SELECT * FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n ORDER BY n
    ) e;
    IF found.entries <> NEW.entries OR found.last_n <> NEW.last_n OR found.strangers <> 0
        OR NEW.entries <> NEW.last_n - NEW.first_n + 1
    THEN
        RAISE EXCEPTION 'seal: entries do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT count(*) INTO kept FROM (
        SELECT 1 FROM request WHERE book_id = NEW.book_id AND block = NEW.block ORDER BY block, position
    ) r;
    IF NEW.requests <> kept OR NEW.requests + NEW.entries = 0 THEN
        RAISE EXCEPTION 'seal: requests do not agree' USING ERRCODE = 'integrity_constraint_violation';
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
    ) INTO kept;
    IF kept <> found.opened THEN
        RAISE EXCEPTION 'seal: accounts do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT (
        SELECT count(*) FROM (
            SELECT 1 FROM hold_line WHERE book_id = NEW.book_id AND hold_n BETWEEN NEW.first_n AND NEW.last_n
            ORDER BY hold_n, line
        ) l
    ) + (
        SELECT count(r.commitment) FROM (
            SELECT commitment FROM account_rule
            WHERE book_id = NEW.book_id AND from_n BETWEEN NEW.first_n AND NEW.last_n ORDER BY from_n, account_id
        ) r
    ) + (
        SELECT count(*) FROM (
            SELECT 1 FROM finding WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n ORDER BY n, line
        ) f
    ) INTO kept;
    IF kept <> found.other THEN
        RAISE EXCEPTION 'seal: holds, limits or findings do not agree' USING ERRCODE = 'integrity_constraint_violation';
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
