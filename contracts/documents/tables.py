"""Rows of papers: what is known of each, and its bytes encrypted under the key of the person it is about."""

import sqlalchemy as sa

from ledger.storage.base import Blob, Instant, Text, record_table

document = record_table(
    "document",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("document_id", Text, primary_key=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("language", Text, nullable=False),
    sa.Column("subject", Text, nullable=False),
    sa.Column("reference", Text, nullable=False),
    sa.Column("sha256", Blob, nullable=False),
    sa.Column("sealed", Blob, nullable=False),
    sa.Column("supersedes", Text, nullable=True),
    sa.Column("stored_at", Instant, nullable=False),
    sa.Column("actor", Text, nullable=False),
    sa.UniqueConstraint("book_id", "supersedes", name="document_superseded_once"),
    sa.ForeignKeyConstraint(["book_id", "supersedes"], ["document.book_id", "document.document_id"]),
    sa.Index("document_by_subject", "book_id", "subject", "stored_at"),
)
