"""The seal on PostgreSQL: statement triggers on what is added, row triggers on the head and on the block.

The settings and the inner ORDER BY pin the plans, which are made once for a connection, perhaps while the tables are
empty and every index looks as good: with scans and sorts switched off, only the index that begins with the range's own
column gives that order. For the same reason a row is looked up as the first of a range (`n >= … ORDER BY n LIMIT 1`).
"""

from collections.abc import Iterable

from ledger.storage.seal.belonging import BALANCE_BACK, BELONGINGS, HEAD_BACK, LIMITS


def statements(tables: Iterable[str]) -> Iterable[str]:
    """The functions, and the triggers on the record tables with these names and on the two that posting updates."""
    yield _FINAL
    for table in tables:
        events = "UPDATE OR DELETE OR TRUNCATE"
        yield f"CREATE TRIGGER {table}_final BEFORE {events} ON {table} EXECUTE FUNCTION bxl_final()"
    for table, back in (("balance", BALANCE_BACK), ("head", HEAD_BACK)):
        yield f"CREATE TRIGGER {table}_kept BEFORE DELETE OR TRUNCATE ON {table} EXECUTE FUNCTION bxl_final()"
        yield (
            f"CREATE TRIGGER {table}_forward BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({back})"
            " EXECUTE FUNCTION bxl_final()"
        )
    yield from _balance()
    yield _AT_LAST_BLOCK
    yield "CREATE TRIGGER head_sealed BEFORE INSERT OR UPDATE ON head FOR EACH ROW EXECUTE FUNCTION bxl_at_last_block()"
    yield _OPEN_ENTRY
    yield _guard("entry")
    for table, (number, kind) in BELONGINGS.items():
        kind_of_row = kind.format(row="a", hold="(e.details::json ->> 'hold')::bigint")
        yield _OPEN_ROW.format(table=table, number=number, kind=kind_of_row)
        yield _guard(table)
    yield _OPEN_REQUEST
    yield _guard("request")
    yield _OPEN_ATTESTATION
    yield _guard("attestation")
    yield _SEAL
    yield "CREATE TRIGGER block_seal BEFORE INSERT ON block FOR EACH ROW EXECUTE FUNCTION bxl_seal()"
    yield _PINNED


def _balance() -> Iterable[str]:
    """A balance follows from its posting, its limits and its holds, when it is made and when it moves."""
    yield _AS_RULED
    yield _when_changed("ruled", LIMITS, "bxl_as_ruled")
    yield _AS_HELD
    yield _when_changed("held", ("held_debit", "held_credit"), "bxl_as_held")
    yield (
        "CREATE TRIGGER balance_held_new BEFORE INSERT ON balance FOR EACH ROW"
        " WHEN ((NEW.held_debit, NEW.held_credit) IS DISTINCT FROM (0, 0)) EXECUTE FUNCTION bxl_as_held()"
    )
    yield _AS_POSTED
    yield (
        "CREATE TRIGGER balance_posted AFTER UPDATE ON balance REFERENCING NEW TABLE AS moved"
        " FOR EACH STATEMENT EXECUTE FUNCTION bxl_as_posted()"
    )
    yield _AS_OPENED
    yield (
        "CREATE TRIGGER balance_opened AFTER INSERT ON balance REFERENCING NEW TABLE AS moved"
        " FOR EACH STATEMENT EXECUTE FUNCTION bxl_as_opened()"
    )


def _when_changed(name: str, columns: Iterable[str], function: str) -> str:
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
    return (
        f"CREATE TRIGGER balance_{name} BEFORE UPDATE ON balance FOR EACH ROW"
        f" WHEN (({new}) IS DISTINCT FROM ({old})) EXECUTE FUNCTION {function}()"
    )


def _guard(table: str) -> str:
    return (
        f"CREATE TRIGGER {table}_open AFTER INSERT ON {table} REFERENCING NEW TABLE AS added"
        f" FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_{table}()"
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
        LEFT JOIN LATERAL (
            SELECT * FROM posting WHERE book_id = m.book_id AND account_id = m.account_id AND seq >= m.seq
            ORDER BY seq LIMIT 1
        ) p ON p.seq = m.seq
        WHERE (m.posted, m.last_commitment) IS DISTINCT FROM (coalesce(p.balance_after, 0), p.commitment)
        OR (m.seq > 0 AND p.seq IS NULL)
    ) THEN
        RAISE EXCEPTION 'seal: balance differs from its posting' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
"""

_AS_OPENED = """
CREATE FUNCTION bxl_as_opened() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM moved m
        LEFT JOIN LATERAL (
            SELECT * FROM posting WHERE book_id = m.book_id AND account_id = m.account_id AND seq >= m.seq
            ORDER BY seq LIMIT 1
        ) p ON p.seq = m.seq
        LEFT JOIN LATERAL (
            SELECT * FROM account_rule WHERE book_id = m.book_id AND account_id = m.account_id
            ORDER BY version DESC LIMIT 1
        ) r ON true
        WHERE (m.posted, m.last_commitment) IS DISTINCT FROM (coalesce(p.balance_after, 0), p.commitment)
        OR (m.seq > 0 AND p.seq IS NULL)
        OR (m.minimum, m.maximum, m.closed, m.version) IS DISTINCT FROM (r.minimum, r.maximum, r.closed, r.version)
    ) THEN
        RAISE EXCEPTION 'seal: balance differs from its posting or its limits'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
"""

_AS_HELD = """
CREATE FUNCTION bxl_as_held() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan
    AS $$
DECLARE
    sealed bigint;
    held bigint;
    ended bigint;
BEGIN
    SELECT b.last_n INTO sealed FROM block b WHERE b.book_id = NEW.book_id ORDER BY b.block DESC LIMIT 1;
    SELECT l.hold_n INTO held FROM hold_line l WHERE l.book_id = NEW.book_id
    ORDER BY l.book_id DESC, l.hold_n DESC LIMIT 1;
    SELECT s.n INTO ended FROM hold_step s WHERE s.book_id = NEW.book_id ORDER BY s.book_id DESC, s.n DESC LIMIT 1;
    IF greatest(held, ended) > sealed THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'seal: balance differs from its holds' USING ERRCODE = 'integrity_constraint_violation';
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
        SELECT 1 FROM added a LEFT JOIN LATERAL (
            SELECT b.block FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1
        ) sealed ON true
        WHERE (a.position IS NULL OR a.block IS DISTINCT FROM coalesce(sealed.block, -1) + 1)
        -- a book that is brought in begins with the answers that no block ever sealed
        AND NOT (a.block IS NULL AND a.position IS NULL AND sealed.block IS NULL)
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
CREATE FUNCTION bxl_open_{table}() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min({number}) AS low FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
    ) OR EXISTS (
        SELECT 1 FROM added a LEFT JOIN LATERAL (
            SELECT * FROM entry WHERE book_id = a.book_id AND n >= a.{number} ORDER BY n LIMIT 1
        ) e ON true
        WHERE (e.n = a.{number} AND {kind}) IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such line of an entry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
"""

_OPEN_ATTESTATION = """
CREATE FUNCTION bxl_open_attestation() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT book_id, state_key FROM added) a, LATERAL (
            SELECT fact_key FROM entry WHERE book_id = a.book_id AND fact_key >= a.state_key ORDER BY fact_key LIMIT 1
        ) e WHERE e.fact_key = a.state_key
    ) THEN
        RAISE EXCEPTION 'seal: that state is entered' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
"""

_SEAL = """
CREATE FUNCTION bxl_seal() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
DECLARE
    previous record;
    found record;
    answers record;
    rules record;
    opened bigint;
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
        coalesce(sum(e.lines - 1) FILTER (WHERE e.type NOT IN ('posting/1', 'accounts/1') AND e.lines > 0), 0) AS other,
        count(*) FILTER (WHERE e.type IN ('hold/1', 'period/1') OR e.details::json ->> 'hold' IS NOT NULL) AS headed
    INTO found FROM (
        SELECT * FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n ORDER BY n
    ) e;
    IF found.entries <> NEW.entries OR found.last_n <> NEW.last_n OR found.strangers <> 0
        OR NEW.entries <> NEW.last_n - NEW.first_n + 1
    THEN
        RAISE EXCEPTION 'seal: entries do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT count(*) AS requests, coalesce(min(r.position), 0) AS first, coalesce(max(r.position), -1) AS last
    INTO answers FROM (
        SELECT position FROM request WHERE book_id = NEW.book_id AND block = NEW.block ORDER BY block, position
    ) r;
    IF (NEW.requests, 0, NEW.requests - 1) <> (answers.requests, answers.first, answers.last)
        OR NEW.requests + NEW.entries = 0
    THEN
        RAISE EXCEPTION 'seal: requests do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT count(*) INTO opened FROM (
        SELECT 1 FROM account WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n
        ORDER BY opened_n, line
    ) a;
    SELECT count(s.line) INTO kept FROM (
        SELECT line FROM asset WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n
        ORDER BY opened_n, line
    ) s;
    IF opened + kept <> found.opened THEN
        RAISE EXCEPTION 'seal: accounts do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT count(*) FILTER (WHERE r.version = 1) AS first, count(*) FILTER (WHERE r.version > 1) AS later
    INTO rules FROM (
        SELECT version FROM account_rule
        WHERE book_id = NEW.book_id AND from_n BETWEEN NEW.first_n AND NEW.last_n ORDER BY from_n, account_id
    ) r;
    SELECT (
        SELECT count(*) FROM (
            SELECT 1 FROM hold_line WHERE book_id = NEW.book_id AND hold_n BETWEEN NEW.first_n AND NEW.last_n
            ORDER BY hold_n, line
        ) l
    ) + (
        SELECT count(*) FROM (
            SELECT 1 FROM finding WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n ORDER BY n, line
        ) f
    ) INTO kept;
    IF rules.first <> opened OR rules.later + kept <> found.other THEN
        RAISE EXCEPTION 'seal: holds, limits or findings do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT (
        SELECT count(*) FROM (
            SELECT 1 FROM hold WHERE book_id = NEW.book_id AND hold_n BETWEEN NEW.first_n AND NEW.last_n
            ORDER BY hold_n
        ) h
    ) + (
        SELECT count(*) FROM (
            SELECT 1 FROM hold_step WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n ORDER BY n
        ) s
    ) + (
        SELECT count(*) FROM (
            SELECT 1 FROM period WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n ORDER BY n
        ) p
    ) INTO kept;
    IF kept <> found.headed THEN
        RAISE EXCEPTION 'seal: holds, their ends or periods do not agree'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.postings <> found.postings THEN
        RAISE EXCEPTION 'seal: postings do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT coalesce(sum(part.lines), 0) AS postings, coalesce(bool_or(part.difference <> 0), false) AS unbalanced,
        coalesce(bool_or(part.asset IS NULL), false) AS astray
    INTO found FROM (
        SELECT a.asset, count(*) AS lines, sum(p.debit) - sum(p.credit) AS difference
        FROM (
            SELECT * FROM posting WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n ORDER BY n, line
        ) p LEFT JOIN LATERAL (
            SELECT account_id, asset FROM account WHERE book_id = p.book_id AND account_id >= p.account_id
            ORDER BY account_id LIMIT 1
        ) a ON a.account_id = p.account_id
        GROUP BY p.n, a.asset
    ) part;
    IF NEW.postings <> found.postings THEN
        RAISE EXCEPTION 'seal: postings do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF found.astray THEN
        RAISE EXCEPTION 'seal: a posting to no account' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF found.unbalanced THEN
        RAISE EXCEPTION 'seal: an entry does not balance' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
"""

# Without this, a function would see a temporary table before the record's table of the same name.
_PINNED = """
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace = quote_ident(current_schema())::regnamespace AND starts_with(proname, 'bxl_')
    LOOP
        EXECUTE 'ALTER FUNCTION ' || made.name || ' SET search_path = ' || quote_ident(current_schema()) || ', pg_temp';
    END LOOP;
END $$
"""
