"""The bulletin board: interests to sell or buy units of a series."""
# ruff: noqa: E501 -- triggers are kept as the database shows them

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_DAY = sa.Date().with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Make the table and seal it; no row that stands is touched."""
    create_table()
    for statement in SEAL[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """There is no way back from a record."""
    raise RuntimeError("a revision is not taken back: restore a backup")


def create_table() -> None:
    """What is new."""
    op.create_table(
        "board_notice",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("notice_id", sa.Text(), nullable=False),
        sa.Column("series_id", sa.Text(), nullable=False),
        sa.Column("writer", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("reference_percent", sa.Text(), nullable=True),
        sa.Column("posted_on", _DAY, nullable=False),
        sa.Column("expires_on", _DAY, nullable=False),
        sa.CheckConstraint("units > 0 AND posted_on < expires_on", name="board_notice_units"),
        sa.ForeignKeyConstraint(
            ["book_id", "series_id"], ["series.book_id", "series.series_id"], name="board_notice_series"
        ),
        sa.PrimaryKeyConstraint("book_id", "notice_id"),
        sqlite_strict=True,
    )
    op.create_index("board_notice_expiry", "board_notice", ["book_id", "expires_on"], unique=False)


SEAL: Mapping[str, tuple[str, ...]] = {
    "sqlite": (
        """CREATE TRIGGER board_notice_final_update BEFORE UPDATE ON board_notice BEGIN SELECT RAISE(ABORT, 'seal: board_notice rows are final'); END""",
        """CREATE TRIGGER board_notice_final_delete BEFORE DELETE ON board_notice BEGIN SELECT RAISE(ABORT, 'seal: board_notice rows are final'); END""",
        """CREATE TRIGGER board_notice_new BEFORE INSERT ON board_notice WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM board_notice t WHERE t.book_id = NEW.book_id AND t.notice_id = NEW.notice_id) BEGIN SELECT RAISE(ABORT, 'seal: board_notice rows are final'); END""",
    ),
    "postgresql": (
        """CREATE TRIGGER board_notice_final BEFORE UPDATE OR DELETE OR TRUNCATE ON board_notice EXECUTE FUNCTION bxl_final()""",
    ),
}
