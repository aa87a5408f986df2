"""Rows of the client account at the bank: the files that came, their statements and lines, and what nobody could place.

    bank_file ── bank_statement ── bank_line      records: as the bank stated them
    suspense_item                                  money in suspense, with its age

What tells who paid stands in `payment_evidence`, encrypted for the person; a file is encrypted under the book's key.
"""

import sqlalchemy as sa

from ledger.storage.base import Blob, Cents, Count, Day, Instant, Json, Text, operational_table, record_table

bank_file = record_table(
    "bank_file",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("sha256", Text, primary_key=True),
    sa.Column("body", Blob, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
)

bank_statement = record_table(
    "bank_statement",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("iban", Text, primary_key=True),
    sa.Column("statement_id", Text, primary_key=True),
    sa.Column("sequence", Count),
    sa.Column("opened_on", Day, nullable=False),
    sa.Column("closed_on", Day, nullable=False),
    sa.Column("opening_cents", Cents, nullable=False),
    sa.Column("closing_cents", Cents, nullable=False),
    sa.Column("message", Text, nullable=False),
    sa.Column("lines", Count, nullable=False),
    sa.Column("digest", Text, nullable=False),
    sa.Column("sha256", Text, nullable=False),
    sa.Column("imported_at", Instant, nullable=False),
)
"""`digest` is over all that the statement says, so that the same statement in another file is known again."""

bank_line = record_table(
    "bank_line",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("line_key", Text, primary_key=True),
    sa.Column("iban", Text, nullable=False),
    sa.Column("statement_id", Text, nullable=False),
    sa.Column("amount_cents", Cents, nullable=False),
    sa.Column("booked_on", Day, nullable=False),
    sa.Column("value_on", Day, nullable=False),
    sa.Column("bank_code", Text, nullable=False),
    sa.Column("servicer_reference", Text, nullable=False),
    sa.Column("handling", Text, nullable=False),
    sa.Column("target", Text),
    sa.Index("bank_line_reference", "book_id", "iban", "servicer_reference"),
)
"""`handling` and `target` say what the line was matched with; its evidence has the key `camt:<line_key>`."""

suspense_item = operational_table(
    "suspense_item",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("item_id", Text, primary_key=True),
    sa.Column("amount_cents", Cents, nullable=False),
    sa.Column("received_on", Day, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("reason", Text, nullable=False),
    sa.Column("proposal", Json, nullable=False),
    sa.Column("sources", Json, nullable=False),
    sa.Column("approval_id", Text),
    sa.Index("suspense_item_state", "book_id", "state", "received_on"),
)
"""`proposal` are the payments that it probably is for; `sources` the lines and items that it is made of."""
