"""The tables of the record.

    book ─ asset ─ account ─ account_rule        what may be posted to; rules change by new rows
                      │
    block ─ entry ─ posting                      what was posted; `block` is the seal, written last
              ├ hold ─ hold_line, hold_step      amounts reserved, and what became of them
              ├ period, period_balance           what is closed, and the balances that bound every scan
              └ finding, attestation             what looks at the whole record found
    balance, head                                the two that posting updates
    request, outbox, approval_…                  what else belongs to a commit
    subject_key, outbox_delivery, business_date, checkpoint   operational

Every column of the record is committed to by a hash, derivable from such columns, or on the short list of the audit.
"""

import sqlalchemy as sa

from ledger.storage.base import Blob, Cents, Count, Day, Flag, Instant, Json, Text, operational_table, record_table

MAX_CENTS = 2**53 - 1

book = record_table(
    "book",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("origin", Text, nullable=False),
    sa.Column("policy_hash", Blob, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

asset = record_table(
    "asset",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("asset", Text, primary_key=True),
    sa.Column("scale", Count, nullable=False),
    # the accounts/1 entry and line that opened it; EUR comes with the book, in entry 0, which has no lines
    sa.Column("opened_n", Count, nullable=False),
    sa.Column("line", Count),
    sa.Column("commitment", Blob),
    sa.UniqueConstraint("book_id", "opened_n", "line", name="asset_opened"),
    sa.CheckConstraint("scale BETWEEN 0 AND 9", name="asset_scale"),
)

account = record_table(
    "account",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("account_id", Count, primary_key=True, autoincrement=False),
    sa.Column("code", Text, nullable=False),
    sa.Column("owner", Text, nullable=False),
    sa.Column("asset", Text, nullable=False),
    sa.Column("personal", Flag, nullable=False),
    sa.Column("opened_n", Count, nullable=False),
    sa.Column("line", Count, nullable=False),
    sa.Column("commitment", Blob, nullable=False),
    sa.UniqueConstraint("book_id", "code", "owner", "asset", name="account_identity"),
    sa.UniqueConstraint("book_id", "opened_n", "line", name="account_opened"),
    sa.ForeignKeyConstraint(["book_id", "asset"], ["asset.book_id", "asset.asset"], name="account_asset"),
)

account_rule = record_table(
    "account_rule",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("account_id", Count, primary_key=True, autoincrement=False),
    sa.Column("version", Count, primary_key=True, autoincrement=False),
    sa.Column("minimum", Cents),
    sa.Column("maximum", Cents),
    sa.Column("from_n", Count, nullable=False),
    sa.Column("closed", Flag, nullable=False),
    sa.Column("commitment", Blob),  # of line 1 of its rules/1 entry; the first version is in its account's line
    sa.Index("account_rule_entry", "book_id", "from_n", "account_id"),
    sa.ForeignKeyConstraint(
        ["book_id", "account_id"], ["account.book_id", "account.account_id"], name="account_rule_account"
    ),
    sa.CheckConstraint("version >= 1 AND (version = 1) = (commitment IS NULL)", name="account_rule_committed"),
)

balance = operational_table(
    "balance",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("account_id", Count, primary_key=True, autoincrement=False),
    sa.Column("posted", Cents, nullable=False),  # signed: debits minus credits
    sa.Column("seq", Count, nullable=False),  # number of postings so far
    sa.Column("minimum", Cents),
    sa.Column("maximum", Cents),
    sa.Column("last_commitment", Blob),
    # what open holds reserve; it counts against the limits as if the worse half were posted
    sa.Column("held_debit", Cents, nullable=False),
    sa.Column("held_credit", Cents, nullable=False),
    sa.Column("closed", Flag, nullable=False),
    sa.Column("version", Count, nullable=False),  # of the limits
    sa.CheckConstraint("minimum IS NULL OR posted - held_credit >= minimum", name="balance_minimum"),
    sa.CheckConstraint("maximum IS NULL OR posted + held_debit <= maximum", name="balance_maximum"),
    sa.CheckConstraint("held_debit >= 0 AND held_credit >= 0", name="balance_held"),
    sa.ForeignKeyConstraint(
        ["book_id", "account_id"], ["account.book_id", "account.account_id"], name="balance_account"
    ),
    postgresql_with={"fillfactor": 50},  # room on the page for the next version of a row: no index is touched
)

head = operational_table(
    "head",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("next_n", Count, nullable=False),
    sa.Column("next_block", Count, nullable=False),
    sa.Column("next_account", Count, nullable=False),
    sa.Column("last_hash", Blob, nullable=False),
    sa.Column("last_booked_at", Instant, nullable=False),
    sa.Column("closed_on", Day),  # the last day of the last closed period
    postgresql_with={"fillfactor": 10},
)

block = record_table(
    "block",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("block", Count, primary_key=True, autoincrement=False),
    sa.Column("first_n", Count, nullable=False),
    sa.Column("last_n", Count, nullable=False),
    sa.Column("entries", Count, nullable=False),
    sa.Column("postings", Count, nullable=False),
    sa.Column("root", Blob, nullable=False),
    sa.Column("prev_hash", Blob, nullable=False),
    sa.Column("hash", Blob, nullable=False),
    sa.Column("sealed_at", Instant, nullable=False),
    sa.Column("requests", Count, nullable=False),  # answers kept; a block may hold nothing else
)

entry = record_table(
    "entry",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("n", Count, primary_key=True, autoincrement=False),
    sa.Column("block", Count, nullable=False),
    sa.Column("type", Text, nullable=False),
    sa.Column("effective_on", Day),
    sa.Column("booked_at", Instant, nullable=False),
    sa.Column("purpose", Text),
    sa.Column("fact_key", Text),
    sa.Column("body_hash", Blob),
    sa.Column("evidence", Blob),
    sa.Column("reverses", Count),  # number of the entry that this one mirrors
    sa.Column("actor", Text, nullable=False),
    sa.Column("approvals", Json),
    sa.Column("lines", Count, nullable=False),  # header included; 0 for genesis
    sa.Column("header_commitment", Blob),
    sa.Column("bytes", Blob, nullable=False),
    sa.Column("leaf", Blob, nullable=False),
    sa.Column("details", Json),  # members of the header that only some types have
    sa.UniqueConstraint("book_id", "fact_key", name="entry_fact_key"),
    sa.UniqueConstraint("book_id", "reverses", name="entry_reverses_once"),
    sa.Index("entry_block", "book_id", "block"),  # SQLite looks here when the block arrives
    # checked at commit: this is what makes a commit without its block fail
    sa.ForeignKeyConstraint(
        ["book_id", "block"],
        ["block.book_id", "block.block"],
        name="entry_sealed",
        deferrable=True,
        initially="DEFERRED",
    ),
    sa.CheckConstraint(
        "type <> 'posting/1' OR (lines >= 3 AND fact_key IS NOT NULL AND body_hash IS NOT NULL"
        " AND effective_on IS NOT NULL AND purpose IS NOT NULL AND header_commitment IS NOT NULL)",
        name="entry_posting_complete",
    ),
)

posting = record_table(
    "posting",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("account_id", Count, primary_key=True, autoincrement=False),
    sa.Column("seq", Count, primary_key=True, autoincrement=False),
    sa.Column("n", Count, nullable=False),
    sa.Column("line", Count, nullable=False),  # 1...; line 0 is the entry's header
    sa.Column("debit", Cents, nullable=False),
    sa.Column("credit", Cents, nullable=False),
    sa.Column("balance_after", Cents, nullable=False),
    sa.Column("effective_on", Day, nullable=False),
    sa.Column("commitment", Blob, nullable=False),
    sa.Column("restates", Day),  # last day of the period, closed at posting, that the date of effect falls in
    sa.Index("posting_line", "book_id", "n", "line", unique=True),
    # covers the scan of a balance by date; its account is checked by the block's trigger, once for the whole batch
    sa.Index("posting_effective", "book_id", "account_id", "effective_on", "n", "debit", "credit"),
    sa.Index(
        "posting_late",
        "book_id",
        "account_id",
        "n",
        sqlite_where=sa.text("restates IS NOT NULL"),
        postgresql_where=sa.text("restates IS NOT NULL"),
    ),
    sa.CheckConstraint(
        f"(debit = 0 AND credit BETWEEN 1 AND {MAX_CENTS}) OR (credit = 0 AND debit BETWEEN 1 AND {MAX_CENTS})",
        name="posting_one_side",
    ),
    sa.CheckConstraint("seq >= 1 AND line >= 1", name="posting_counts"),
)

request = record_table(
    "request",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("key", Text, primary_key=True),
    sa.Column("actor", Text, nullable=False),
    sa.Column("body_hash", Blob, nullable=False),
    sa.Column("outcome", Json, nullable=False),
    sa.Column("at", Instant, nullable=False),
    # its place under a block's seal; absent for what was answered before blocks sealed answers
    sa.Column("block", Count),
    sa.Column("position", Count),
    sa.Index("request_sealed", "book_id", "block", "position", unique=True),
    # checked at commit, like that of entries
    sa.ForeignKeyConstraint(
        ["book_id", "block"],
        ["block.book_id", "block.block"],
        name="request_block",
        deferrable=True,
        initially="DEFERRED",
    ),
)

hold = record_table(
    "hold",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("hold_n", Count, primary_key=True, autoincrement=False),  # the number of its entry
    sa.Column("expires_at", Instant),
    sa.Index("hold_expiry", "book_id", "expires_at"),
)

hold_line = record_table(
    "hold_line",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("hold_n", Count, primary_key=True, autoincrement=False),
    sa.Column("line", Count, primary_key=True, autoincrement=False),
    sa.Column("account_id", Count, nullable=False),
    sa.Column("debit", Cents, nullable=False),
    sa.Column("credit", Cents, nullable=False),
    sa.Column("commitment", Blob, nullable=False),
    sa.ForeignKeyConstraint(["book_id", "hold_n"], ["hold.book_id", "hold.hold_n"], name="hold_line_hold"),
    sa.ForeignKeyConstraint(
        ["book_id", "account_id"], ["account.book_id", "account.account_id"], name="hold_line_account"
    ),
    sa.CheckConstraint(
        f"(debit = 0 AND credit BETWEEN 1 AND {MAX_CENTS}) OR (credit = 0 AND debit BETWEEN 1 AND {MAX_CENTS})",
        name="hold_line_one_side",
    ),
)

hold_step = record_table(
    "hold_step",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("hold_n", Count, primary_key=True, autoincrement=False),
    sa.Column("step", Count, primary_key=True, autoincrement=False),
    sa.Column("kind", Text, nullable=False),  # part, rest, void, expired; all but `part` are the last
    sa.Column("n", Count, nullable=False),  # the entry that made the step
    sa.Index("hold_step_entry", "book_id", "n", unique=True),
    sa.Index(
        "hold_step_final",
        "book_id",
        "hold_n",
        unique=True,
        sqlite_where=sa.text("kind <> 'part'"),
        postgresql_where=sa.text("kind <> 'part'"),
    ),
    sa.ForeignKeyConstraint(["book_id", "hold_n"], ["hold.book_id", "hold.hold_n"], name="hold_step_hold"),
    sa.CheckConstraint("kind IN ('part', 'rest', 'void', 'expired')", name="hold_step_kind"),
)

period = record_table(
    "period",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("until_on", Day, primary_key=True),
    sa.Column("since_on", Day),  # absent for the first: it has no beginning
    sa.Column("n", Count, nullable=False),  # the entry that closed it
    sa.UniqueConstraint("book_id", "until_on", "n", name="period_closing"),
    sa.Index("period_entry", "book_id", "n", unique=True),
)

period_balance = record_table(
    "period_balance",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("account_id", Count, primary_key=True, autoincrement=False),
    sa.Column("until_on", Day, primary_key=True),
    sa.Column("n", Count, nullable=False),  # the entry that closed the period
    sa.Column("posted", Cents, nullable=False),  # signed, by date of effect, of the entries before `n`
    sa.ForeignKeyConstraint(
        ["book_id", "until_on", "n"], ["period.book_id", "period.until_on", "period.n"], name="period_balance_period"
    ),
    sa.ForeignKeyConstraint(
        ["book_id", "account_id"], ["account.book_id", "account.account_id"], name="period_balance_account"
    ),
)

finding = record_table(
    "finding",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("n", Count, primary_key=True, autoincrement=False),
    sa.Column("line", Count, primary_key=True, autoincrement=False),
    sa.Column("body", Json, nullable=False),
    sa.Column("commitment", Blob, nullable=False),
)

attestation = record_table(
    "attestation",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("relation", Text, primary_key=True),
    sa.Column("row_key", Text, primary_key=True),  # the row's key as a JSON array, without the book
    sa.Column("digest", Blob, nullable=False),  # SHA-256 of the row
    sa.Column("state_key", Text, nullable=False),  # fact key of the state/1 entry whose findings cover it
    sa.Index("attestation_state", "book_id", "state_key", "relation", "row_key", unique=True),
)

outbox = record_table(
    "outbox",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("topic", Text, primary_key=True),
    sa.Column("key", Text, primary_key=True),
    sa.Column("body", Json, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("position", Count, nullable=False),  # order among the rows of one instant
)

outbox_delivery = operational_table(
    "outbox_delivery",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("topic", Text, primary_key=True),
    sa.Column("key", Text, primary_key=True),
    sa.Column("state", Text, nullable=False),  # waiting, delivered, given-up
    sa.Column("attempts", Count, nullable=False),
    sa.Column("next_at", Instant, nullable=False),
    sa.Column("last_error", Text),
    sa.Column("delivered_at", Instant),
    sa.Index("outbox_delivery_due", "book_id", "state", "next_at"),
    sa.ForeignKeyConstraint(
        ["book_id", "topic", "key"], ["outbox.book_id", "outbox.topic", "outbox.key"], name="outbox_delivery_row"
    ),
    sa.CheckConstraint("state IN ('waiting', 'delivered', 'given-up')", name="outbox_delivery_state"),
)

approval_request = record_table(
    "approval_request",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("approval_id", Text, primary_key=True),
    sa.Column("action", Text, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Column("body_hash", Blob, nullable=False),
    sa.Column("reason", Text, nullable=False),
    sa.Column("requested_by", Text, nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    locked=True,
)

approval_given = record_table(
    "approval_given",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("approval_id", Text, primary_key=True),
    sa.Column("approver", Text, nullable=False),
    sa.Column("given_at", Instant, nullable=False),
    sa.ForeignKeyConstraint(
        ["book_id", "approval_id"],
        ["approval_request.book_id", "approval_request.approval_id"],
        name="approval_given_request",
    ),
)

subject_key = operational_table(
    "subject_key",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("owner", Text, primary_key=True),  # "" is the book itself
    sa.Column("wrapped", Blob, nullable=False),  # empty where the key was destroyed
    sa.Column("created_at", Instant, nullable=False),
)

business_date = operational_table(
    "business_date",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("current_on", Day, nullable=False),
)

checkpoint = operational_table(
    "checkpoint",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("size", Count, primary_key=True, autoincrement=False),
    sa.Column("root", Blob, nullable=False),
    sa.Column("note", Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)
