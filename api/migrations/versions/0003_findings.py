"""More types of entry whose lines are findings: the seal of the table `finding` made anew."""
# ruff: noqa: E501 -- triggers are kept as the database shows them

from collections.abc import Mapping

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the trigger's text anew; no row of the record is changed."""
    for statement in SEAL[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """There is no way back from a record."""
    raise RuntimeError("a revision is not taken back: restore a backup")


SEAL: Mapping[str, tuple[str, ...]] = {
    "sqlite": (
        "DROP TRIGGER finding_new",
        """CREATE TRIGGER finding_new BEFORE INSERT ON finding WHEN NEW.rowid <> -1 OR NEW.n <= (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NOT EXISTS (SELECT 1 FROM entry e WHERE e.book_id = NEW.book_id AND e.n = NEW.n AND e.type IN ('anchor/1', 'erasure/1', 'key/1', 'policy/1', 'state/1', 'totals/1', 'verdict/1') AND NEW.line BETWEEN 1 AND e.lines - 1) BEGIN SELECT RAISE(ABORT, 'seal: finding rows are final, and belong to an entry of the next block'); END""",
    ),
    "postgresql": (
        """
CREATE OR REPLACE FUNCTION bxl_open_finding() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min(n) AS low FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
    ) OR EXISTS (
        SELECT 1 FROM added a LEFT JOIN LATERAL (
            SELECT * FROM entry WHERE book_id = a.book_id AND n >= a.n ORDER BY n LIMIT 1
        ) e ON true
        WHERE (e.n = a.n AND e.type IN ('anchor/1', 'erasure/1', 'key/1', 'policy/1', 'state/1', 'totals/1', 'verdict/1') AND a.line BETWEEN 1 AND e.lines - 1) IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such line of an entry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
        """,
        # a function that is made anew has lost its search path
        """
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
""",
    ),
}
