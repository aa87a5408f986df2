"""Rows of the offers: the offer, its versions, and the append-only count of its money.

    offer ── offer_version     what is offered; a draft may be revised by a new version, the published one is final
      └───── offer_count       what each pledge added to or took from the gauge, in order

All are insert-only. The state is the offer's newest move (`contracts.moves`).
"""

import sqlalchemy as sa

from ledger.storage.base import Cents, Count, Day, Json, Text, record_table

offer = record_table(
    "offer",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("offer_id", Text, primary_key=True),
    sa.Column("borrower", Text, nullable=False),
    sa.Column("drafted_on", Day, nullable=False),
    sa.Index("offer_borrower", "book_id", "borrower"),
    locked=True,
)

offer_version = record_table(
    "offer_version",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("offer_id", Text, primary_key=True),
    sa.Column("version", Count, primary_key=True, autoincrement=False),
    sa.Column("body", Json, nullable=False),
    sa.Column("body_hash", Text, nullable=False),
    sa.Column("rules", Json, nullable=False),
    sa.ForeignKeyConstraint(["book_id", "offer_id"], ["offer.book_id", "offer.offer_id"], name="offer_version_offer"),
)

offer_count = record_table(
    "offer_count",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("offer_id", Text, primary_key=True),
    sa.Column("sequence", Count, primary_key=True, autoincrement=False),
    sa.Column("pledge_id", Text, nullable=False),
    sa.Column("committed_change", Cents, nullable=False),
    sa.Column("received_change", Cents, nullable=False),
    sa.Column("in_reflection_change", Cents, nullable=False),
    sa.ForeignKeyConstraint(["book_id", "offer_id"], ["offer.book_id", "offer.offer_id"], name="offer_count_offer"),
)
