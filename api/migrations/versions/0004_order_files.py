"""Order files for the bank, the client account, payee checks; transfers that come back and may be ordered again."""
# ruff: noqa: S608 -- names come from this file

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_DAY = sa.Date().with_variant(sa.Text(), "sqlite")
_KEPT = (
    "book_id, order_id, reference, payee, amount_cents, iban_last4, debit, kind, state, approval_id, ordered_on,"
    " booked_on, statement_reference"
)
_STANDING = sa.text("state IN ('ordered', 'booked')")


def upgrade() -> None:
    """Make the tables; transfers keep their rows, and what a payee reads of them is their reference."""
    if op.get_bind().dialect.name == "sqlite":
        rebuild_transfers()
    else:
        alter_transfers()
    op.create_index(
        "transfer_order_reference",
        "transfer_order",
        ["book_id", "reference"],
        unique=True,
        sqlite_where=_STANDING,
        postgresql_where=_STANDING,
    )
    op.create_index("transfer_order_batch", "transfer_order", ["book_id", "batch_id"], unique=False)
    create_tables()


def downgrade() -> None:
    """There is no way back from a record."""
    raise RuntimeError("a revision is not taken back: restore a backup")


def alter_transfers() -> None:
    """PostgreSQL: new columns stand at the end."""
    for statement in (
        "ALTER TABLE transfer_order DROP CONSTRAINT transfer_order_reference",
        "ALTER TABLE transfer_order ADD COLUMN text TEXT, ADD COLUMN batch_id TEXT, ADD COLUMN reason TEXT",
        "UPDATE transfer_order SET text = reference",
        "ALTER TABLE transfer_order ALTER COLUMN text SET NOT NULL",
    ):
        op.get_bind().exec_driver_sql(statement)


def rebuild_transfers() -> None:
    """SQLite: a constraint goes, so the table is made anew and filled."""
    op.create_table(
        "transfer_order_rebuilt",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("payee", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("iban_last4", sa.Text(), nullable=True),
        sa.Column("debit", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("approval_id", sa.Text(), nullable=False),
        sa.Column("ordered_on", _DAY, nullable=False),
        sa.Column("booked_on", _DAY, nullable=True),
        sa.Column("statement_reference", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "order_id"),
        sqlite_strict=True,
    )
    for statement in (
        f"INSERT INTO transfer_order_rebuilt SELECT {_KEPT}, reference, NULL, NULL FROM transfer_order ORDER BY rowid",
        "DROP TABLE transfer_order",
        "ALTER TABLE transfer_order_rebuilt RENAME TO transfer_order",
    ):
        op.get_bind().exec_driver_sql(statement)
    op.create_index("transfer_order_state", "transfer_order", ["book_id", "state"], unique=False)


def create_tables() -> None:
    """What is new."""
    op.create_table(
        "order_batch",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("total_cents", sa.BigInteger(), nullable=False),
        sa.Column("execute_on", _DAY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("approval_id", sa.Text(), nullable=True),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.Column("submitted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "batch_id"),
        sqlite_strict=True,
    )
    op.create_index("order_batch_state", "order_batch", ["book_id", "state"], unique=False)
    op.create_table(
        "bank_account",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("iban", sa.Text(), nullable=False),
        sa.Column("bic", sa.Text(), nullable=True),
        sa.Column("creditor_identifier", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("book_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "payee_check",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("payee", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("overridden_by", sa.Text(), nullable=True),
        sa.Column("overridden_at", sa.BigInteger(), nullable=True),
        sa.Column("override_reason", sa.Text(), nullable=True),
        sa.Column("approval_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "payee", "account", "sequence"),
        sqlite_strict=True,
    )
