"""Operational rows of the worker: how far the business date is asked to move, and which dated jobs have run."""

import sqlalchemy as sa

from ledger.storage.base import Count, Day, Instant, Text, operational_table

date_move = operational_table(
    "date_move",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("seq", Count, primary_key=True, autoincrement=False),
    sa.Column("started_on", Day, nullable=False),
    sa.Column("target_on", Day, nullable=False),
    sa.Column("requested_by", Text, nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
)

dated_job = operational_table(
    "dated_job",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("on_date", Day, primary_key=True),
    sa.Column("job", Text, primary_key=True),
    sa.Column("outcome", Text, nullable=False),
    sa.Column("done_at", Instant, nullable=False),
)
