"""Votes: claims, proxies, ballots, results; and `vote/1` among the entries whose lines are findings."""
# ruff: noqa: E501 -- triggers are kept as the database shows them

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

DAY = sa.Date().with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Make the tables and their seal; the trigger that takes findings knows one more type. No row is changed."""
    create_vote()
    create_vote_claim()
    create_vote_proxy()
    create_vote_proxy_end()
    create_vote_ballot()
    create_vote_result()
    create_vote_records()
    for statement in SEAL[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """There is no way back from a record."""
    raise RuntimeError("a revision is not taken back: restore a backup")


def create_vote() -> None:
    """What was announced."""
    op.create_table(
        "vote",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("vote_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("announced_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "vote_id"),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sqlite_strict=True,
    )
    op.create_index("vote_subject", "vote", ["book_id", "subject"], unique=False)


def create_vote_claim() -> None:
    """Frozen claims."""
    op.create_table(
        "vote_claim",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("vote_id", sa.Text(), nullable=False),
        sa.Column("voter", sa.Text(), nullable=False),
        sa.Column("class_name", sa.Text(), nullable=False),
        sa.Column("weight_cents", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "vote_id", "voter", "class_name"),
        sa.ForeignKeyConstraint(["book_id", "vote_id"], ["vote.book_id", "vote.vote_id"], name="vote_claim_vote"),
        sa.CheckConstraint("weight_cents > 0", name="vote_claim_weight"),
        sqlite_strict=True,
    )
    op.create_index("vote_claim_voter", "vote_claim", ["book_id", "voter"], unique=False)


def create_vote_proxy() -> None:
    """Who may vote for whom."""
    op.create_table(
        "vote_proxy",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("vote_id", sa.Text(), nullable=False),
        sa.Column("proxy_id", sa.Text(), nullable=False),
        sa.Column("voter", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("valid_from", DAY, nullable=False),
        sa.Column("valid_until", DAY, nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "vote_id", "proxy_id"),
        sa.ForeignKeyConstraint(["book_id", "vote_id"], ["vote.book_id", "vote.vote_id"], name="vote_proxy_vote"),
        sa.CheckConstraint("valid_from <= valid_until", name="vote_proxy_dates"),
        sqlite_strict=True,
    )
    op.create_index("vote_proxy_holder", "vote_proxy", ["book_id", "vote_id", "holder", "voter"], unique=False)


def create_vote_proxy_end() -> None:
    """Proxies that were revoked."""
    op.create_table(
        "vote_proxy_end",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("vote_id", sa.Text(), nullable=False),
        sa.Column("proxy_id", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "vote_id", "proxy_id"),
        sa.ForeignKeyConstraint(
            ["book_id", "vote_id", "proxy_id"],
            ["vote_proxy.book_id", "vote_proxy.vote_id", "vote_proxy.proxy_id"],
            name="vote_proxy_end_proxy",
        ),
        sqlite_strict=True,
    )


def create_vote_ballot() -> None:
    """Sealed ballots."""
    op.create_table(
        "vote_ballot",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("vote_id", sa.Text(), nullable=False),
        sa.Column("voter", sa.Text(), nullable=False),
        sa.Column("class_name", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("fact_key", sa.Text(), nullable=False),
        sa.Column("proxy_id", sa.Text(), nullable=True),
        sa.Column("cast_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "vote_id", "voter", "class_name", "number"),
        sa.ForeignKeyConstraint(
            ["book_id", "vote_id", "voter", "class_name"],
            ["vote_claim.book_id", "vote_claim.vote_id", "vote_claim.voter", "vote_claim.class_name"],
            name="vote_ballot_claim",
        ),
        sa.CheckConstraint("number >= 1", name="vote_ballot_number"),
        sqlite_strict=True,
    )


def create_vote_result() -> None:
    """What votes came to."""
    op.create_table(
        "vote_result",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("vote_id", sa.Text(), nullable=False),
        sa.Column("tally", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "vote_id"),
        sa.ForeignKeyConstraint(["book_id", "vote_id"], ["vote.book_id", "vote.vote_id"], name="vote_result_vote"),
        sqlite_strict=True,
    )


def create_vote_records() -> None:
    """The lists that are published."""
    op.create_table(
        "vote_records",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("vote_id", sa.Text(), nullable=False),
        sa.Column("list_name", sa.Text(), nullable=False),
        sa.Column("part", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("records", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "vote_id", "list_name", "part"),
        sa.ForeignKeyConstraint(
            ["book_id", "vote_id"], ["vote_result.book_id", "vote_result.vote_id"], name="vote_records_result"
        ),
        sa.CheckConstraint("part >= 1", name="vote_records_part"),
        sqlite_strict=True,
    )


SEAL: Mapping[str, tuple[str, ...]] = {
    "sqlite": (
        "DROP TRIGGER finding_new",
        """CREATE TRIGGER finding_new BEFORE INSERT ON finding WHEN NEW.rowid <> -1 OR NEW.n <= (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NOT EXISTS (SELECT 1 FROM entry e WHERE e.book_id = NEW.book_id AND e.n = NEW.n AND e.type IN ('anchor/1', 'erasure/1', 'key/1', 'policy/1', 'state/1', 'totals/1', 'verdict/1', 'vote/1') AND NEW.line BETWEEN 1 AND e.lines - 1) BEGIN SELECT RAISE(ABORT, 'seal: finding rows are final, and belong to an entry of the next block'); END""",
        """CREATE TRIGGER vote_final_update BEFORE UPDATE ON vote BEGIN SELECT RAISE(ABORT, 'seal: vote rows are final'); END""",
        """CREATE TRIGGER vote_final_delete BEFORE DELETE ON vote BEGIN SELECT RAISE(ABORT, 'seal: vote rows are final'); END""",
        """CREATE TRIGGER vote_new BEFORE INSERT ON vote WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM vote t WHERE t.book_id = NEW.book_id AND t.vote_id = NEW.vote_id) BEGIN SELECT RAISE(ABORT, 'seal: vote rows are final'); END""",
        """CREATE TRIGGER vote_ballot_final_update BEFORE UPDATE ON vote_ballot BEGIN SELECT RAISE(ABORT, 'seal: vote_ballot rows are final'); END""",
        """CREATE TRIGGER vote_ballot_final_delete BEFORE DELETE ON vote_ballot BEGIN SELECT RAISE(ABORT, 'seal: vote_ballot rows are final'); END""",
        """CREATE TRIGGER vote_ballot_new BEFORE INSERT ON vote_ballot WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM vote_ballot t WHERE t.book_id = NEW.book_id AND t.vote_id = NEW.vote_id AND t.voter = NEW.voter AND t.class_name = NEW.class_name AND t.number = NEW.number) BEGIN SELECT RAISE(ABORT, 'seal: vote_ballot rows are final'); END""",
        """CREATE TRIGGER vote_claim_final_update BEFORE UPDATE ON vote_claim BEGIN SELECT RAISE(ABORT, 'seal: vote_claim rows are final'); END""",
        """CREATE TRIGGER vote_claim_final_delete BEFORE DELETE ON vote_claim BEGIN SELECT RAISE(ABORT, 'seal: vote_claim rows are final'); END""",
        """CREATE TRIGGER vote_claim_new BEFORE INSERT ON vote_claim WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM vote_claim t WHERE t.book_id = NEW.book_id AND t.vote_id = NEW.vote_id AND t.voter = NEW.voter AND t.class_name = NEW.class_name) BEGIN SELECT RAISE(ABORT, 'seal: vote_claim rows are final'); END""",
        """CREATE TRIGGER vote_proxy_final_update BEFORE UPDATE ON vote_proxy BEGIN SELECT RAISE(ABORT, 'seal: vote_proxy rows are final'); END""",
        """CREATE TRIGGER vote_proxy_final_delete BEFORE DELETE ON vote_proxy BEGIN SELECT RAISE(ABORT, 'seal: vote_proxy rows are final'); END""",
        """CREATE TRIGGER vote_proxy_new BEFORE INSERT ON vote_proxy WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM vote_proxy t WHERE t.book_id = NEW.book_id AND t.vote_id = NEW.vote_id AND t.proxy_id = NEW.proxy_id) BEGIN SELECT RAISE(ABORT, 'seal: vote_proxy rows are final'); END""",
        """CREATE TRIGGER vote_proxy_end_final_update BEFORE UPDATE ON vote_proxy_end BEGIN SELECT RAISE(ABORT, 'seal: vote_proxy_end rows are final'); END""",
        """CREATE TRIGGER vote_proxy_end_final_delete BEFORE DELETE ON vote_proxy_end BEGIN SELECT RAISE(ABORT, 'seal: vote_proxy_end rows are final'); END""",
        """CREATE TRIGGER vote_proxy_end_new BEFORE INSERT ON vote_proxy_end WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM vote_proxy_end t WHERE t.book_id = NEW.book_id AND t.vote_id = NEW.vote_id AND t.proxy_id = NEW.proxy_id) BEGIN SELECT RAISE(ABORT, 'seal: vote_proxy_end rows are final'); END""",
        """CREATE TRIGGER vote_records_final_update BEFORE UPDATE ON vote_records BEGIN SELECT RAISE(ABORT, 'seal: vote_records rows are final'); END""",
        """CREATE TRIGGER vote_records_final_delete BEFORE DELETE ON vote_records BEGIN SELECT RAISE(ABORT, 'seal: vote_records rows are final'); END""",
        """CREATE TRIGGER vote_records_new BEFORE INSERT ON vote_records WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM vote_records t WHERE t.book_id = NEW.book_id AND t.vote_id = NEW.vote_id AND t.list_name = NEW.list_name AND t.part = NEW.part) BEGIN SELECT RAISE(ABORT, 'seal: vote_records rows are final'); END""",
        """CREATE TRIGGER vote_result_final_update BEFORE UPDATE ON vote_result BEGIN SELECT RAISE(ABORT, 'seal: vote_result rows are final'); END""",
        """CREATE TRIGGER vote_result_final_delete BEFORE DELETE ON vote_result BEGIN SELECT RAISE(ABORT, 'seal: vote_result rows are final'); END""",
        """CREATE TRIGGER vote_result_new BEFORE INSERT ON vote_result WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM vote_result t WHERE t.book_id = NEW.book_id AND t.vote_id = NEW.vote_id) BEGIN SELECT RAISE(ABORT, 'seal: vote_result rows are final'); END""",
    ),
    "postgresql": (
        """CREATE TRIGGER vote_final BEFORE UPDATE OR DELETE OR TRUNCATE ON vote EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER vote_ballot_final BEFORE UPDATE OR DELETE OR TRUNCATE ON vote_ballot EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER vote_claim_final BEFORE UPDATE OR DELETE OR TRUNCATE ON vote_claim EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER vote_proxy_final BEFORE UPDATE OR DELETE OR TRUNCATE ON vote_proxy EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER vote_proxy_end_final BEFORE UPDATE OR DELETE OR TRUNCATE ON vote_proxy_end EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER vote_records_final BEFORE UPDATE OR DELETE OR TRUNCATE ON vote_records EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER vote_result_final BEFORE UPDATE OR DELETE OR TRUNCATE ON vote_result EXECUTE FUNCTION bxl_final()""",
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
        WHERE (e.n = a.n AND e.type IN ('anchor/1', 'erasure/1', 'key/1', 'policy/1', 'state/1', 'totals/1', 'verdict/1', 'vote/1') AND a.line BETWEEN 1 AND e.lines - 1) IS NOT TRUE
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
