"""Rows of the bonds: the series, who was allotted what, and the runs that pay the holders with their frozen lines.

    series ── series_allotment    one row a pledge, frozen when the subscription was closed
      └────── series_run          a coupon or a redemption: its record date, and up to which entry the register counts
                └── series_line   what each holder gets of it, frozen with the run
    board_notice                  an interest to sell or buy units, as it was written

All are insert-only. Who holds how many units is a position in the ledger, in the series' asset; what became of a series
or of a run is its moves (`contracts.moves`).
"""

import sqlalchemy as sa

from ledger.storage.base import Cents, Count, Day, Json, Text, record_table

series = record_table(
    "series",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("series_id", Text, primary_key=True),
    sa.Column("issuer", Text, nullable=False),
    sa.Column("offer_id", Text, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Column("body_hash", Text, nullable=False),
    sa.Column("drafted_on", Day, nullable=False),
    sa.UniqueConstraint("book_id", "offer_id", name="series_offer_once"),
    sa.ForeignKeyConstraint(["book_id", "offer_id"], ["offer.book_id", "offer.offer_id"], name="series_offer"),
    sa.Index("series_issuer", "book_id", "issuer"),
    locked=True,
)

series_allotment = record_table(
    "series_allotment",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("series_id", Text, primary_key=True),
    sa.Column("number", Count, primary_key=True, autoincrement=False),
    sa.Column("pledge_id", Text, nullable=False),
    sa.Column("holder", Text, nullable=False),
    sa.Column("wanted_units", Count, nullable=False),
    sa.Column("units", Count, nullable=False),
    sa.UniqueConstraint("book_id", "pledge_id", name="series_allotment_pledge_once"),
    sa.ForeignKeyConstraint(
        ["book_id", "series_id"], ["series.book_id", "series.series_id"], name="series_allotment_series"
    ),
    sa.CheckConstraint("units >= 0 AND units <= wanted_units", name="series_allotment_units"),
)

series_run = record_table(
    "series_run",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("series_id", Text, primary_key=True),
    sa.Column("run", Text, primary_key=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("coupon", Count, nullable=False),
    sa.Column("record_on", Day, nullable=False),
    sa.Column("paid_on", Day, nullable=False),
    sa.Column("known_at", Count, nullable=False),
    sa.Column("lines", Count, nullable=False),
    sa.Column("interest_cents", Cents, nullable=False),
    sa.Column("principal_cents", Cents, nullable=False),
    sa.Column("rounding_cents", Cents, nullable=False),
    sa.ForeignKeyConstraint(["book_id", "series_id"], ["series.book_id", "series.series_id"], name="series_run_series"),
    sa.CheckConstraint(
        "interest_cents >= 0 AND principal_cents >= 0 AND rounding_cents >= 0", name="series_run_amounts"
    ),
)

series_line = record_table(
    "series_line",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("series_id", Text, primary_key=True),
    sa.Column("run", Text, primary_key=True),
    sa.Column("number", Count, primary_key=True, autoincrement=False),
    sa.Column("holder", Text, nullable=False),
    sa.Column("units", Count, nullable=False),
    sa.Column("interest_cents", Cents, nullable=False),
    sa.Column("redeemed_units", Count, nullable=False),
    sa.Column("principal_cents", Cents, nullable=False),
    sa.ForeignKeyConstraint(
        ["book_id", "series_id", "run"],
        ["series_run.book_id", "series_run.series_id", "series_run.run"],
        name="series_line_run",
    ),
    sa.CheckConstraint("interest_cents >= 0 AND principal_cents >= 0", name="series_line_amounts"),
)

board_notice = record_table(
    "board_notice",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("notice_id", Text, primary_key=True),
    sa.Column("series_id", Text, nullable=False),
    sa.Column("writer", Text, nullable=False),
    sa.Column("side", Text, nullable=False),
    sa.Column("units", Count, nullable=False),
    sa.Column("reference_percent", Text),
    sa.Column("posted_on", Day, nullable=False),
    sa.Column("expires_on", Day, nullable=False),
    sa.ForeignKeyConstraint(
        ["book_id", "series_id"], ["series.book_id", "series.series_id"], name="board_notice_series"
    ),
    sa.Index("board_notice_expiry", "book_id", "expires_on"),
    sa.CheckConstraint("units > 0 AND posted_on < expires_on", name="board_notice_units"),
)
