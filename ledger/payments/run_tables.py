"""Rows of transfer runs: many transfers that two people approve as one, frozen, then ordered and filed part by part.

    transfer_run ── transfer_run_line      one row a transfer, frozen when the run was planned
      ├──────────── transfer_run_parked    who was owed and is not paid by it, and why
      ├──────────── transfer_run_state     how far it has come; operational, like the orders and files it makes
      └──────────── transfer_run_file      its order files, by number

The first three are records. What became of a run is its moves (`payment_move`).
"""

import sqlalchemy as sa

from ledger.storage.base import Cents, Count, Day, Instant, Text, operational_table, record_table


def _of_run(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["book_id", "run_id"], ["transfer_run.book_id", "transfer_run.run_id"], name=name)


transfer_run = record_table(
    "transfer_run",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("run_id", Text, primary_key=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("planned_on", Day, nullable=False),
    sa.Column("planned_at", Instant, nullable=False),
    sa.Column("actor", Text, nullable=False),
    sa.Column("smallest_cents", Cents, nullable=False),
    sa.Column("lines", Count, nullable=False),
    sa.Column("total_cents", Cents, nullable=False),
    sa.Column("lines_sha256", Text, nullable=False),
    sa.Column("parked", Count, nullable=False),
    sa.Column("parked_cents", Cents, nullable=False),
    sa.CheckConstraint("lines > 0 AND total_cents > 0 AND parked >= 0", name="transfer_run_sums"),
)

transfer_run_line = record_table(
    "transfer_run_line",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("run_id", Text, primary_key=True),
    sa.Column("number", Count, primary_key=True, autoincrement=False),
    sa.Column("order_id", Text, nullable=False),
    sa.Column("reference", Text, nullable=False),
    sa.Column("payee", Text, nullable=False),
    sa.Column("amount_cents", Cents, nullable=False),
    sa.Column("debit", Text, nullable=False),
    sa.Column("iban_last4", Text, nullable=False),
    sa.Column("account_seq", Count, nullable=False),
    sa.CheckConstraint("amount_cents > 0", name="transfer_run_line_amount"),
)
"""`account_seq` is the number of the payee's dated account that was approved; rows are written before their run's."""

transfer_run_parked = record_table(
    "transfer_run_parked",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("run_id", Text, primary_key=True),
    sa.Column("payee", Text, primary_key=True),
    sa.Column("amount_cents", Cents, nullable=False),
    sa.Column("reason", Text, nullable=False),
    sa.Column("parked_at", Instant, nullable=False),
)

transfer_run_state = operational_table(
    "transfer_run_state",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("run_id", Text, primary_key=True),
    sa.Column("state", Text, nullable=False),
    sa.Column("approval_id", Text),
    sa.Column("begun_on", Day),
    sa.Column("begun_at", Instant),
    sa.Column("next_line", Count, nullable=False),
    sa.Column("left_cents", Cents, nullable=False),
    sa.Column("ordered", Count, nullable=False),
    sa.Column("ordered_cents", Cents, nullable=False),
    sa.Column("files", Count, nullable=False),
    sa.Column("filed_line", Count, nullable=False),
    _of_run("transfer_run_state_run"),
    sa.Index("transfer_run_state_state", "book_id", "state"),
)
"""`left_cents` is what is still to be ordered, and kept free by the cash rule; `filed_line` is the last line that the
files of the present turn have come by."""

transfer_run_file = operational_table(
    "transfer_run_file",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("run_id", Text, primary_key=True),
    sa.Column("number", Count, primary_key=True, autoincrement=False),
    sa.Column("batch_id", Text, nullable=False),
    _of_run("transfer_run_file_run"),
)
