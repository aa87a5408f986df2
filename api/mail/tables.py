"""Operational rows of mail: what was written to whom and whether it left. Address and text are sealed under the
recipient's own key, so that an erasure makes them unreadable with everything else about the person.
"""

import sqlalchemy as sa

from ledger.storage.base import Instant, operational_table

mail = operational_table(
    "mail",
    sa.Column("book_id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("party_id", sa.Text, nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # written, sent, kept (no delivery configured), undeliverable
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("written_at", Instant, nullable=False),
    sa.Column("next_attempt_at", Instant, nullable=False),
    sa.Column("sent_at", Instant),
)
