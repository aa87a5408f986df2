"""Runs of transfers: many that two people approve as one, frozen line by line, with their parts and files."""
# ruff: noqa: E501 -- triggers are kept as the database shows them

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_DAY = sa.Date().with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Make the five tables and seal those of the record; no row that stands is touched."""
    create_tables()
    for statement in SEAL[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """There is no way back from a record."""
    raise RuntimeError("a revision is not taken back: restore a backup")


def create_tables() -> None:
    """What is new."""
    op.create_table(
        "transfer_run",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("planned_on", _DAY, nullable=False),
        sa.Column("planned_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("smallest_cents", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("total_cents", sa.BigInteger(), nullable=False),
        sa.Column("lines_sha256", sa.Text(), nullable=False),
        sa.Column("parked", sa.BigInteger(), nullable=False),
        sa.Column("parked_cents", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("lines > 0 AND total_cents > 0 AND parked >= 0", name="transfer_run_sums"),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "run_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "transfer_run_line",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("payee", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("debit", sa.Text(), nullable=False),
        sa.Column("iban_last4", sa.Text(), nullable=False),
        sa.Column("account_seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_cents > 0", name="transfer_run_line_amount"),
        sa.PrimaryKeyConstraint("book_id", "run_id", "number"),
        sqlite_strict=True,
    )
    op.create_table(
        "transfer_run_parked",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("payee", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("parked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "run_id", "payee"),
        sqlite_strict=True,
    )
    op.create_table(
        "transfer_run_state",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("approval_id", sa.Text(), nullable=True),
        sa.Column("begun_on", _DAY, nullable=True),
        sa.Column("begun_at", sa.BigInteger(), nullable=True),
        sa.Column("next_line", sa.BigInteger(), nullable=False),
        sa.Column("left_cents", sa.BigInteger(), nullable=False),
        sa.Column("ordered", sa.BigInteger(), nullable=False),
        sa.Column("ordered_cents", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("filed_line", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id", "run_id"], ["transfer_run.book_id", "transfer_run.run_id"], name="transfer_run_state_run"
        ),
        sa.PrimaryKeyConstraint("book_id", "run_id"),
        sqlite_strict=True,
    )
    op.create_index("transfer_run_state_state", "transfer_run_state", ["book_id", "state"], unique=False)
    op.create_table(
        "transfer_run_file",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id", "run_id"], ["transfer_run.book_id", "transfer_run.run_id"], name="transfer_run_file_run"
        ),
        sa.PrimaryKeyConstraint("book_id", "run_id", "number"),
        sqlite_strict=True,
    )


SEAL: Mapping[str, tuple[str, ...]] = {
    "sqlite": (
        """CREATE TRIGGER transfer_run_final_update BEFORE UPDATE ON transfer_run BEGIN SELECT RAISE(ABORT, 'seal: transfer_run rows are final'); END""",
        """CREATE TRIGGER transfer_run_final_delete BEFORE DELETE ON transfer_run BEGIN SELECT RAISE(ABORT, 'seal: transfer_run rows are final'); END""",
        """CREATE TRIGGER transfer_run_new BEFORE INSERT ON transfer_run WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM transfer_run t WHERE t.book_id = NEW.book_id AND t.run_id = NEW.run_id) BEGIN SELECT RAISE(ABORT, 'seal: transfer_run rows are final'); END""",
        """CREATE TRIGGER transfer_run_line_final_update BEFORE UPDATE ON transfer_run_line BEGIN SELECT RAISE(ABORT, 'seal: transfer_run_line rows are final'); END""",
        """CREATE TRIGGER transfer_run_line_final_delete BEFORE DELETE ON transfer_run_line BEGIN SELECT RAISE(ABORT, 'seal: transfer_run_line rows are final'); END""",
        """CREATE TRIGGER transfer_run_line_new BEFORE INSERT ON transfer_run_line WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM transfer_run_line t WHERE t.book_id = NEW.book_id AND t.run_id = NEW.run_id AND t.number = NEW.number) BEGIN SELECT RAISE(ABORT, 'seal: transfer_run_line rows are final'); END""",
        """CREATE TRIGGER transfer_run_parked_final_update BEFORE UPDATE ON transfer_run_parked BEGIN SELECT RAISE(ABORT, 'seal: transfer_run_parked rows are final'); END""",
        """CREATE TRIGGER transfer_run_parked_final_delete BEFORE DELETE ON transfer_run_parked BEGIN SELECT RAISE(ABORT, 'seal: transfer_run_parked rows are final'); END""",
        """CREATE TRIGGER transfer_run_parked_new BEFORE INSERT ON transfer_run_parked WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM transfer_run_parked t WHERE t.book_id = NEW.book_id AND t.run_id = NEW.run_id AND t.payee = NEW.payee) BEGIN SELECT RAISE(ABORT, 'seal: transfer_run_parked rows are final'); END""",
    ),
    "postgresql": (
        """CREATE TRIGGER transfer_run_final BEFORE UPDATE OR DELETE OR TRUNCATE ON transfer_run EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER transfer_run_line_final BEFORE UPDATE OR DELETE OR TRUNCATE ON transfer_run_line EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER transfer_run_parked_final BEFORE UPDATE OR DELETE OR TRUNCATE ON transfer_run_parked EXECUTE FUNCTION bxl_final()""",
    ),
}
