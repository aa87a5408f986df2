"""Rows of parties. What tells who someone is stands in sealed columns, encrypted under the party's own key."""

import sqlalchemy as sa

from ledger.storage.base import Blob, Day, Instant, Text, operational_table, record_table

party = record_table(
    "party",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("party_id", Text, primary_key=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("registered_at", Instant, nullable=False),
    sa.Column("actor", Text, nullable=False),
    locked=True,
)


def _of_party() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["book_id", "party_id"], [party.c.book_id, party.c.party_id])


party_identity = record_table(
    "party_identity",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("party_id", Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("sealed", Blob, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("actor", Text, nullable=False),
    _of_party(),
)

# Found again without being readable: HMAC-SHA-256 under the book's key. Operational: an erasure can remove the row.
party_lookup = operational_table(
    "party_lookup",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("kind", Text, primary_key=True),
    sa.Column("digest", Blob, primary_key=True),
    sa.Column("party_id", Text, nullable=False),
    _of_party(),
    swept=True,
)

party_attribute = record_table(
    "party_attribute",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("party_id", Text, primary_key=True),
    sa.Column("name", Text, primary_key=True),
    sa.Column("about", Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("sealed", Blob, nullable=False),
    sa.Column("valid_from", Day, nullable=False),
    sa.Column("evidence", Text, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("actor", Text, nullable=False),
    _of_party(),
)

party_iban = record_table(
    "party_iban",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("party_id", Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("sealed", Blob, nullable=False),
    sa.Column("valid_from", Day, nullable=False),
    sa.Column("evidence", Text, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("actor", Text, nullable=False),
    _of_party(),
)

party_iban_check = record_table(
    "party_iban_check",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("party_id", Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("evidence", Text, nullable=False),
    sa.Column("verified_at", Instant, nullable=False),
    sa.Column("actor", Text, nullable=False),
    sa.ForeignKeyConstraint(
        ["book_id", "party_id", "seq"], [party_iban.c.book_id, party_iban.c.party_id, party_iban.c.seq]
    ),
)
