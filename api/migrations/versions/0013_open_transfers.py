"""Open transfers are counted and summed in their index alone, by run and by file, however many there are."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_COLUMNS = ["book_id", "state", "approval_id", "batch_id", "amount_cents"]


def upgrade() -> None:
    """Make the index of states anew; no row is touched."""
    op.drop_index("transfer_order_state", "transfer_order")
    op.create_index("transfer_order_state", "transfer_order", _COLUMNS, unique=False)


def downgrade() -> None:
    """There is no way back from a record."""
    raise RuntimeError("a revision is not taken back: restore a backup")
