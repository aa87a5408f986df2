"""Mandates and direct debits."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_DAY = sa.Date().with_variant(sa.Text(), "sqlite")
_ACTIVE = sa.text("state = 'active'")


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "mandate",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("mandate_id", sa.Text(), nullable=False),
        sa.Column("debtor", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("iban_last4", sa.Text(), nullable=False),
        sa.Column("signed_on", _DAY, nullable=False),
        sa.Column("last_used_on", _DAY, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "mandate_id"),
        sqlite_strict=True,
    )
    op.create_index("mandate_debtor", "mandate", ["book_id", "debtor"], unique=False)
    columns = ["book_id", "debtor"]
    op.create_index("mandate_active", "mandate", columns, unique=True, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE)
    op.create_table(
        "debit_order",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("debit_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("mandate_id", sa.Text(), nullable=False),
        sa.Column("debtor", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("credit", sa.Text(), nullable=False),
        sa.Column("announced_on", _DAY, nullable=False),
        sa.Column("collect_on", _DAY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=True),
        sa.Column("booked_on", _DAY, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "debit_id"),
        sqlite_strict=True,
    )
    for name in ("state", "batch_id", "reference"):
        index = f"debit_order_{name.removesuffix('_id')}"
        op.create_index(index, "debit_order", ["book_id", name], unique=False)


def downgrade() -> None:
    """There is no way back from a record."""
    raise RuntimeError("a revision is not taken back: restore a backup")
