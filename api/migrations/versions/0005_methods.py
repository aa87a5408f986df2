"""The method that a payment was made with, which says for how long the provider gives it back."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column; of payments from before it is not known, so their refunds are tried at the provider."""
    op.get_bind().exec_driver_sql("ALTER TABLE payment ADD COLUMN method TEXT")


def downgrade() -> None:
    """There is no way back from a record."""
    raise RuntimeError("a revision is not taken back: restore a backup")
