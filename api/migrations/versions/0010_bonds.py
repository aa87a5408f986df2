"""Series of bonds: their terms, who was allotted what, and the runs that pay the holders."""
# ruff: noqa: E501 -- triggers are kept as the database shows them

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_DAY = sa.Date().with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Make the four tables and seal them; no row that stands is touched."""
    create_tables()
    for statement in SEAL[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """There is no way back from a record."""
    raise RuntimeError("a revision is not taken back: restore a backup")


def create_tables() -> None:
    """What is new."""
    op.create_table(
        "series",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("series_id", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("drafted_on", _DAY, nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.ForeignKeyConstraint(["book_id", "offer_id"], ["offer.book_id", "offer.offer_id"], name="series_offer"),
        sa.PrimaryKeyConstraint("book_id", "series_id"),
        sa.UniqueConstraint("book_id", "offer_id", name="series_offer_once"),
        sqlite_strict=True,
    )
    op.create_index("series_issuer", "series", ["book_id", "issuer"], unique=False)
    op.create_table(
        "series_allotment",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("series_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("pledge_id", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("wanted_units", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("units >= 0 AND units <= wanted_units", name="series_allotment_units"),
        sa.ForeignKeyConstraint(
            ["book_id", "series_id"], ["series.book_id", "series.series_id"], name="series_allotment_series"
        ),
        sa.PrimaryKeyConstraint("book_id", "series_id", "number"),
        sa.UniqueConstraint("book_id", "pledge_id", name="series_allotment_pledge_once"),
        sqlite_strict=True,
    )
    op.create_table(
        "series_run",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("series_id", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("coupon", sa.BigInteger(), nullable=False),
        sa.Column("record_on", _DAY, nullable=False),
        sa.Column("paid_on", _DAY, nullable=False),
        sa.Column("known_at", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("interest_cents", sa.BigInteger(), nullable=False),
        sa.Column("principal_cents", sa.BigInteger(), nullable=False),
        sa.Column("rounding_cents", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "interest_cents >= 0 AND principal_cents >= 0 AND rounding_cents >= 0", name="series_run_amounts"
        ),
        sa.ForeignKeyConstraint(
            ["book_id", "series_id"], ["series.book_id", "series.series_id"], name="series_run_series"
        ),
        sa.PrimaryKeyConstraint("book_id", "series_id", "run"),
        sqlite_strict=True,
    )
    op.create_table(
        "series_line",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("series_id", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("interest_cents", sa.BigInteger(), nullable=False),
        sa.Column("redeemed_units", sa.BigInteger(), nullable=False),
        sa.Column("principal_cents", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("interest_cents >= 0 AND principal_cents >= 0", name="series_line_amounts"),
        sa.ForeignKeyConstraint(
            ["book_id", "series_id", "run"],
            ["series_run.book_id", "series_run.series_id", "series_run.run"],
            name="series_line_run",
        ),
        sa.PrimaryKeyConstraint("book_id", "series_id", "run", "number"),
        sqlite_strict=True,
    )


SEAL: Mapping[str, tuple[str, ...]] = {
    "sqlite": (
        """CREATE TRIGGER series_final_update BEFORE UPDATE ON series BEGIN SELECT RAISE(ABORT, 'seal: series rows are final'); END""",
        """CREATE TRIGGER series_final_delete BEFORE DELETE ON series BEGIN SELECT RAISE(ABORT, 'seal: series rows are final'); END""",
        """CREATE TRIGGER series_new BEFORE INSERT ON series WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM series t WHERE t.book_id = NEW.book_id AND t.series_id = NEW.series_id) OR EXISTS (SELECT 1 FROM series t WHERE t.book_id = NEW.book_id AND t.offer_id = NEW.offer_id) BEGIN SELECT RAISE(ABORT, 'seal: series rows are final'); END""",
        """CREATE TRIGGER series_allotment_final_update BEFORE UPDATE ON series_allotment BEGIN SELECT RAISE(ABORT, 'seal: series_allotment rows are final'); END""",
        """CREATE TRIGGER series_allotment_final_delete BEFORE DELETE ON series_allotment BEGIN SELECT RAISE(ABORT, 'seal: series_allotment rows are final'); END""",
        """CREATE TRIGGER series_allotment_new BEFORE INSERT ON series_allotment WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM series_allotment t WHERE t.book_id = NEW.book_id AND t.series_id = NEW.series_id AND t.number = NEW.number) OR EXISTS (SELECT 1 FROM series_allotment t WHERE t.book_id = NEW.book_id AND t.pledge_id = NEW.pledge_id) BEGIN SELECT RAISE(ABORT, 'seal: series_allotment rows are final'); END""",
        """CREATE TRIGGER series_line_final_update BEFORE UPDATE ON series_line BEGIN SELECT RAISE(ABORT, 'seal: series_line rows are final'); END""",
        """CREATE TRIGGER series_line_final_delete BEFORE DELETE ON series_line BEGIN SELECT RAISE(ABORT, 'seal: series_line rows are final'); END""",
        """CREATE TRIGGER series_line_new BEFORE INSERT ON series_line WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM series_line t WHERE t.book_id = NEW.book_id AND t.series_id = NEW.series_id AND t.run = NEW.run AND t.number = NEW.number) BEGIN SELECT RAISE(ABORT, 'seal: series_line rows are final'); END""",
        """CREATE TRIGGER series_run_final_update BEFORE UPDATE ON series_run BEGIN SELECT RAISE(ABORT, 'seal: series_run rows are final'); END""",
        """CREATE TRIGGER series_run_final_delete BEFORE DELETE ON series_run BEGIN SELECT RAISE(ABORT, 'seal: series_run rows are final'); END""",
        """CREATE TRIGGER series_run_new BEFORE INSERT ON series_run WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM series_run t WHERE t.book_id = NEW.book_id AND t.series_id = NEW.series_id AND t.run = NEW.run) BEGIN SELECT RAISE(ABORT, 'seal: series_run rows are final'); END""",
    ),
    "postgresql": (
        """CREATE TRIGGER series_final BEFORE UPDATE OR DELETE OR TRUNCATE ON series EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER series_allotment_final BEFORE UPDATE OR DELETE OR TRUNCATE ON series_allotment EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER series_line_final BEFORE UPDATE OR DELETE OR TRUNCATE ON series_line EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER series_run_final BEFORE UPDATE OR DELETE OR TRUNCATE ON series_run EXECUTE FUNCTION bxl_final()""",
    ),
}
