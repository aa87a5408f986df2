"""The provider's books: chargebacks, what has left each payment, movements and settlements of the balance."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

DAY = sa.Date().with_variant(sa.Text(), "sqlite")
LEFT = """
INSERT INTO payment_outflow (book_id, payment_id, left_cents, excess_cents)
SELECT book_id, payment_id, CAST(sum(amount_cents) AS BIGINT), 0 FROM refund
WHERE state IN ('sent', 'refunded') GROUP BY book_id, payment_id
"""


def upgrade() -> None:
    """Add the tables, and count what refunds have taken so far; no row of the record is changed."""
    create_chargeback()
    create_movement()
    create_settlement()
    op.create_table(
        "payment_outflow",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("left_cents", sa.BigInteger(), nullable=False),
        sa.Column("excess_cents", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "payment_id"),
        sqlite_strict=True,
    )
    op.execute(LEFT)


def downgrade() -> None:
    """There is no way back from a record."""
    raise RuntimeError("a revision is not taken back: restore a backup")


def create_chargeback() -> None:
    """What payers' banks took back."""
    op.create_table(
        "chargeback",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("debit", sa.Text(), nullable=False),
        sa.Column("excess_cents", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("received_on", DAY, nullable=False),
        sa.Column("reversed_on", DAY, nullable=True),
        sa.PrimaryKeyConstraint("book_id", "provider_id"),
        sqlite_strict=True,
    )
    op.create_index("chargeback_payment", "chargeback", ["book_id", "payment_id"])
    op.create_index("chargeback_state", "chargeback", ["book_id", "state"])


def create_movement() -> None:
    """Movements of the provider's balance."""
    op.create_table(
        "provider_movement",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("initial_cents", sa.BigInteger(), nullable=False),
        sa.Column("fee_cents", sa.BigInteger(), nullable=False),
        sa.Column("result_cents", sa.BigInteger(), nullable=False),
        sa.Column("moved_at", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("covered_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "provider_id"),
        sqlite_strict=True,
    )
    op.create_index("provider_movement_state", "provider_movement", ["book_id", "state"])
    op.create_index("provider_movement_moved", "provider_movement", ["book_id", "moved_at"])


def create_settlement() -> None:
    """Payouts of the provider's balance, and the cover of their fees."""
    op.create_table(
        "provider_settlement",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fee_cents", sa.BigInteger(), nullable=False),
        sa.Column("created_on", DAY, nullable=False),
        sa.Column("out_on", DAY, nullable=True),
        sa.Column("booked_on", DAY, nullable=True),
        sa.Column("cover_booked_on", DAY, nullable=True),
        sa.PrimaryKeyConstraint("book_id", "reference"),
        sqlite_strict=True,
    )
    op.create_index("provider_settlement_state", "provider_settlement", ["book_id", "state"])
