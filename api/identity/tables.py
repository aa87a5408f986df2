"""Operational rows of log-in: one-time links, how often an address asked, open sessions; of tokens only hashes."""

import sqlalchemy as sa

from ledger.storage.base import Instant, operational_table

login_link = operational_table(
    "login_link",
    sa.Column("book_id", sa.Text, primary_key=True),
    sa.Column("token_hash", sa.Text, primary_key=True),
    sa.Column("party_id", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
)

login_request = operational_table(
    "login_request",
    sa.Column("book_id", sa.Text, primary_key=True),
    sa.Column("address_hash", sa.Text, primary_key=True),
    sa.Column("requested_at", Instant, primary_key=True),
    swept=True,
)

session = operational_table(
    "session",
    sa.Column("book_id", sa.Text, primary_key=True),
    sa.Column("token_hash", sa.Text, primary_key=True),
    sa.Column("party_id", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("closed_at", Instant),
)
