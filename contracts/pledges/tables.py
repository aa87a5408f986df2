"""Rows of the pledges: the pledge as it was made. Insert-only; its state is its newest move (`contracts.moves`)."""

import sqlalchemy as sa

from ledger.storage.base import Cents, Day, Text, record_table

pledge = record_table(
    "pledge",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("pledge_id", Text, primary_key=True),
    sa.Column("offer_id", Text, nullable=False),
    sa.Column("lender", Text, nullable=False),
    sa.Column("amount_cents", Cents, nullable=False),
    sa.Column("pledged_on", Day, nullable=False),
    sa.Column("reflection_ends_on", Day, nullable=False),
    sa.Column("payable_until", Day, nullable=False),
    sa.Column("language", Text, nullable=False),
    sa.Column("risk_acknowledged_on", Day, nullable=False),
    sa.ForeignKeyConstraint(["book_id", "offer_id"], ["offer.book_id", "offer.offer_id"], name="pledge_offer"),
    sa.Index("pledge_by_offer", "book_id", "offer_id", "pledged_on", "pledge_id"),
    sa.Index("pledge_by_lender", "book_id", "lender", "pledged_on"),
    sa.CheckConstraint("amount_cents > 0", name="pledge_amount"),
)
