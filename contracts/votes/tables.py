"""Rows of votes, all insert-only: what was announced, frozen claims, proxies, sealed ballots, what came of it.

vote ── vote_claim             a voter's weight in a class, frozen
  ├──── vote_proxy             who may vote for whom, until when; vote_proxy_end where it was revoked
  ├──── vote_ballot            every ballot, sealed under the voter's key; the one with the highest number counts
  └──── vote_result, vote_records    tally and result; the published lists, in parts
"""

import sqlalchemy as sa

from ledger.storage.base import Blob, Cents, Count, Day, Instant, Json, Text, record_table


def _of_vote(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["book_id", "vote_id"], ["vote.book_id", "vote.vote_id"], name=name)


vote = record_table(
    "vote",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("vote_id", Text, primary_key=True),
    sa.Column("subject", Text, nullable=False),
    sa.Column("spec", Json, nullable=False),
    sa.Column("announced_at", Instant, nullable=False),
    sa.Column("actor", Text, nullable=False),
    sa.Index("vote_subject", "book_id", "subject"),
    locked=True,
)

vote_claim = record_table(
    "vote_claim",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("vote_id", Text, primary_key=True),
    sa.Column("voter", Text, primary_key=True),
    sa.Column("class_name", Text, primary_key=True),
    sa.Column("weight_cents", Cents, nullable=False),
    _of_vote("vote_claim_vote"),
    sa.Index("vote_claim_voter", "book_id", "voter"),
    sa.CheckConstraint("weight_cents > 0", name="vote_claim_weight"),
)

vote_proxy = record_table(
    "vote_proxy",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("vote_id", Text, primary_key=True),
    sa.Column("proxy_id", Text, primary_key=True),
    sa.Column("voter", Text, nullable=False),
    sa.Column("holder", Text, nullable=False),
    sa.Column("valid_from", Day, nullable=False),
    sa.Column("valid_until", Day, nullable=False),
    sa.Column("evidence", Text, nullable=False),
    sa.Column("given_at", Instant, nullable=False),
    sa.Column("actor", Text, nullable=False),
    _of_vote("vote_proxy_vote"),
    sa.Index("vote_proxy_holder", "book_id", "vote_id", "holder", "voter"),
    sa.CheckConstraint("valid_from <= valid_until", name="vote_proxy_dates"),
)

vote_proxy_end = record_table(
    "vote_proxy_end",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("vote_id", Text, primary_key=True),
    sa.Column("proxy_id", Text, primary_key=True),
    sa.Column("revoked_at", Instant, nullable=False),
    sa.Column("actor", Text, nullable=False),
    sa.ForeignKeyConstraint(
        ["book_id", "vote_id", "proxy_id"],
        ["vote_proxy.book_id", "vote_proxy.vote_id", "vote_proxy.proxy_id"],
        name="vote_proxy_end_proxy",
    ),
)

vote_ballot = record_table(
    "vote_ballot",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("vote_id", Text, primary_key=True),
    sa.Column("voter", Text, primary_key=True),
    sa.Column("class_name", Text, primary_key=True),
    sa.Column("number", Count, primary_key=True, autoincrement=False),
    sa.Column("sealed", Blob, nullable=False),
    sa.Column("commitment", Blob, nullable=False),
    sa.Column("fact_key", Text, nullable=False),
    sa.Column("proxy_id", Text),
    sa.Column("cast_at", Instant, nullable=False),
    sa.Column("actor", Text, nullable=False),
    sa.ForeignKeyConstraint(
        ["book_id", "vote_id", "voter", "class_name"],
        ["vote_claim.book_id", "vote_claim.vote_id", "vote_claim.voter", "vote_claim.class_name"],
        name="vote_ballot_claim",
    ),
    sa.CheckConstraint("number >= 1", name="vote_ballot_number"),
)

vote_result = record_table(
    "vote_result",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("vote_id", Text, primary_key=True),
    sa.Column("tally", Json, nullable=False),
    sa.Column("result", Json, nullable=False),
    sa.Column("closed_at", Instant, nullable=False),
    sa.Column("actor", Text, nullable=False),
    _of_vote("vote_result_vote"),
)

vote_records = record_table(
    "vote_records",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("vote_id", Text, primary_key=True),
    sa.Column("list_name", Text, primary_key=True),
    sa.Column("part", Count, primary_key=True, autoincrement=False),
    sa.Column("records", Text, nullable=False),
    sa.ForeignKeyConstraint(
        ["book_id", "vote_id"], ["vote_result.book_id", "vote_result.vote_id"], name="vote_records_result"
    ),
    sa.CheckConstraint("part >= 1", name="vote_records_part"),
)
