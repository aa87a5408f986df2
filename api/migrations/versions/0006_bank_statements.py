"""The client account's statements and lines, items in suspense; what the payer of a bank transfer states."""
# ruff: noqa: E501 -- triggers are kept as the database shows them

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_DAY = sa.Date().with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Make the tables and seal the records among them; payments keep their rows, of which none is by transfer."""
    op.add_column("payment", sa.Column("structured_reference", sa.Text(), nullable=True))
    op.create_index("payment_structured_reference", "payment", ["book_id", "structured_reference"], unique=True)
    create_tables()
    for statement in SEAL[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """There is no way back from a record."""
    raise RuntimeError("a revision is not taken back: restore a backup")


def create_tables() -> None:
    """What is new."""
    op.create_table(
        "bank_file",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "sha256"),
        sqlite_strict=True,
    )
    op.create_table(
        "bank_statement",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("iban", sa.Text(), nullable=False),
        sa.Column("statement_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("opened_on", _DAY, nullable=False),
        sa.Column("closed_on", _DAY, nullable=False),
        sa.Column("opening_cents", sa.BigInteger(), nullable=False),
        sa.Column("closing_cents", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "iban", "statement_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "bank_line",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("line_key", sa.Text(), nullable=False),
        sa.Column("iban", sa.Text(), nullable=False),
        sa.Column("statement_id", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("booked_on", _DAY, nullable=False),
        sa.Column("value_on", _DAY, nullable=False),
        sa.Column("bank_code", sa.Text(), nullable=False),
        sa.Column("servicer_reference", sa.Text(), nullable=False),
        sa.Column("handling", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "line_key"),
        sqlite_strict=True,
    )
    op.create_index("bank_line_reference", "bank_line", ["book_id", "iban", "servicer_reference"], unique=False)
    op.create_table(
        "suspense_item",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("received_on", _DAY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposal", sa.Text(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("approval_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "item_id"),
        sqlite_strict=True,
    )
    op.create_index("suspense_item_state", "suspense_item", ["book_id", "state", "received_on"], unique=False)


SEAL: Mapping[str, tuple[str, ...]] = {
    "sqlite": (
        """CREATE TRIGGER bank_file_final_update BEFORE UPDATE ON bank_file BEGIN SELECT RAISE(ABORT, 'seal: bank_file rows are final'); END""",
        """CREATE TRIGGER bank_file_final_delete BEFORE DELETE ON bank_file BEGIN SELECT RAISE(ABORT, 'seal: bank_file rows are final'); END""",
        """CREATE TRIGGER bank_file_new BEFORE INSERT ON bank_file WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM bank_file t WHERE t.book_id = NEW.book_id AND t.sha256 = NEW.sha256) BEGIN SELECT RAISE(ABORT, 'seal: bank_file rows are final'); END""",
        """CREATE TRIGGER bank_line_final_update BEFORE UPDATE ON bank_line BEGIN SELECT RAISE(ABORT, 'seal: bank_line rows are final'); END""",
        """CREATE TRIGGER bank_line_final_delete BEFORE DELETE ON bank_line BEGIN SELECT RAISE(ABORT, 'seal: bank_line rows are final'); END""",
        """CREATE TRIGGER bank_line_new BEFORE INSERT ON bank_line WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM bank_line t WHERE t.book_id = NEW.book_id AND t.line_key = NEW.line_key) BEGIN SELECT RAISE(ABORT, 'seal: bank_line rows are final'); END""",
        """CREATE TRIGGER bank_statement_final_update BEFORE UPDATE ON bank_statement BEGIN SELECT RAISE(ABORT, 'seal: bank_statement rows are final'); END""",
        """CREATE TRIGGER bank_statement_final_delete BEFORE DELETE ON bank_statement BEGIN SELECT RAISE(ABORT, 'seal: bank_statement rows are final'); END""",
        """CREATE TRIGGER bank_statement_new BEFORE INSERT ON bank_statement WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM bank_statement t WHERE t.book_id = NEW.book_id AND t.iban = NEW.iban AND t.statement_id = NEW.statement_id) BEGIN SELECT RAISE(ABORT, 'seal: bank_statement rows are final'); END""",
    ),
    "postgresql": (
        """CREATE TRIGGER bank_file_final BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_file EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER bank_line_final BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_line EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER bank_statement_final BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_statement EXECUTE FUNCTION bxl_final()""",
    ),
}
