"""Rows of payments. Moves and evidence are records (insert-only); the rest is operational and may change.

`payment`, `refund`, `chargeback` and `transfer_order` keep the state for queries; `payment_move` is its history and the
guard against two writers: (object, sequence) is unique.
"""

import sqlalchemy as sa

from ledger.storage.base import Blob, Cents, Count, Day, Flag, Instant, Json, Text, operational_table, record_table

payment_terms = operational_table(
    "payment_terms",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("public_url", Text, nullable=False),
    sa.Column("webhook_url", Text, nullable=False),
    sa.Column("mode", Text, nullable=False),
)

payment = operational_table(
    "payment",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("payment_id", Text, primary_key=True),
    sa.Column("reference", Text, nullable=False),
    sa.Column("payer", Text, nullable=False),
    sa.Column("amount_cents", Cents, nullable=False),
    sa.Column("credit", Text, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("requested_on", Day, nullable=False),
    sa.Column("provider_id", Text),
    sa.Column("checkout_url", Text),
    sa.Column("paid_on", Day),
    sa.Column("method", Text),
    sa.Column("structured_reference", Text),
    sa.UniqueConstraint("book_id", "provider_id", name="payment_provider_id"),
    sa.Index("payment_reference", "book_id", "reference"),
    sa.Index("payment_state", "book_id", "state"),
    sa.Index("payment_structured_reference", "book_id", "structured_reference", unique=True),
)
"""`structured_reference` is what the payer of a bank transfer states; such a payment is not known to the provider."""

refund = operational_table(
    "refund",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("refund_id", Text, primary_key=True),
    sa.Column("payment_id", Text, nullable=False),
    sa.Column("reference", Text, nullable=False),
    sa.Column("amount_cents", Cents, nullable=False),
    sa.Column("debit", Text, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("requested_on", Day, nullable=False),
    sa.Column("provider_id", Text),
    sa.Column("sent_on", Day),
    sa.UniqueConstraint("book_id", "provider_id", name="refund_provider_id"),
    sa.Index("refund_payment", "book_id", "payment_id"),
    sa.Index("refund_reference", "book_id", "reference"),
    sa.Index("refund_state", "book_id", "state"),
)

chargeback = operational_table(
    "chargeback",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("provider_id", Text, primary_key=True),
    sa.Column("payment_id", Text, nullable=False),
    sa.Column("amount_cents", Cents, nullable=False),
    sa.Column("debit", Text, nullable=False),
    sa.Column("excess_cents", Cents, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("reason_code", Text),
    sa.Column("received_on", Day, nullable=False),
    sa.Column("reversed_on", Day),
    sa.Index("chargeback_payment", "book_id", "payment_id"),
    sa.Index("chargeback_state", "book_id", "state"),
)
"""`debit` is whose money was taken, apart from `excess_cents`, which the payer had received already."""

payment_outflow = operational_table(
    "payment_outflow",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("payment_id", Text, primary_key=True),
    sa.Column("left_cents", Cents, nullable=False),
    sa.Column("excess_cents", Cents, nullable=False),
)
"""What refunds and chargebacks have taken of a payment so far, and how much of it is more than was paid."""

provider_movement = operational_table(
    "provider_movement",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("provider_id", Text, primary_key=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("initial_cents", Cents, nullable=False),
    sa.Column("fee_cents", Cents, nullable=False),
    sa.Column("result_cents", Cents, nullable=False),
    sa.Column("moved_at", Instant, nullable=False),
    sa.Column("subject", Text),
    sa.Column("state", Text, nullable=False),
    sa.Column("covered_by", Text),
    sa.Index("provider_movement_state", "book_id", "state"),
    sa.Index("provider_movement_moved", "book_id", "moved_at"),
)
"""A movement of the provider's balance: `result_cents` is `initial_cents` less `fee_cents`, where the kind is known.

`subject` is the payment, refund, chargeback or settlement that it is of; `covered_by` the settlement with which the
platform made good its fee.
"""

provider_settlement = operational_table(
    "provider_settlement",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("reference", Text, primary_key=True),
    sa.Column("provider_id", Text),
    sa.Column("amount_cents", Cents, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("fee_cents", Cents, nullable=False),
    sa.Column("created_on", Day, nullable=False),
    sa.Column("out_on", Day),
    sa.Column("booked_on", Day),
    sa.Column("cover_booked_on", Day),
    sa.Index("provider_settlement_state", "book_id", "state"),
)
"""A payout of the provider's balance; `fee_cents` is what the platform covers with it.

`provider_id` is null where staff recorded it from the bank statement alone.
"""

provider_call = operational_table(
    "provider_call",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("call_id", Text, primary_key=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("idempotency_key", Text, nullable=False),
    sa.Column("body", Blob, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("first_sent_at", Instant),
    sa.Column("next_at", Instant),
    sa.Column("outcome", Text),
    sa.Index("provider_call_due", "book_id", "next_at"),
)
"""A call's id is the id of the payment or refund it is about. `next_at` is null once nothing more is to be done."""

payment_inbox = operational_table(
    "payment_inbox",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("provider_id", Text, primary_key=True),
    sa.Column("seen", Count, nullable=False),
    sa.Column("dirty", Flag, nullable=False),
    sa.Column("listed", Flag, nullable=False),
    sa.Column("misses", sa.Integer, nullable=False),
    sa.Column("first_seen_at", Instant, nullable=False),
    sa.Column("last_seen_at", Instant, nullable=False),
    sa.Column("next_at", Instant, nullable=False),
    sa.Index("payment_inbox_due", "book_id", "dirty", "next_at"),
)
"""`listed`: the provider's own list named the id, so it is worth fetching although no payment here knows it yet."""

payment_case = operational_table(
    "payment_case",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("subject", Text, primary_key=True),
    sa.Column("code", Text, primary_key=True),
    sa.Column("payment_id", Text),
    sa.Column("facts", Json, nullable=False),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("closed_at", Instant),
    sa.Column("closed_by", Text),
    sa.Column("closing_reason", Text),
)

payment_move = record_table(
    "payment_move",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("object_id", Text, primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("machine", Text, nullable=False),
    sa.Column("from_state", Text),
    sa.Column("to_state", Text, nullable=False),
    sa.Column("event", Text, nullable=False),
    sa.Column("actor", Text, nullable=False),
    sa.Column("moved_at", Instant, nullable=False),
    sa.Column("fact_key", Text),
)

payment_evidence = record_table(
    "payment_evidence",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("fact_key", Text, primary_key=True),
    sa.Column("body", Blob, nullable=False),
    sa.Column("sha256", Text, nullable=False),
    sa.Column("kept_at", Instant, nullable=False),
)
"""What the provider stated, in canonical JSON, for each posted fact; the entry's header holds its hash.

The body is encrypted under the key of the person it is about; rows from before that hold it in clear.
"""

transfer_order = operational_table(
    "transfer_order",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("order_id", Text, primary_key=True),
    sa.Column("reference", Text, nullable=False),
    sa.Column("payee", Text, nullable=False),
    sa.Column("amount_cents", Cents, nullable=False),
    sa.Column("iban_last4", Text),
    sa.Column("debit", Text, nullable=False),
    sa.Column("kind", Text, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("approval_id", Text, nullable=False),
    sa.Column("ordered_on", Day, nullable=False),
    sa.Column("booked_on", Day),
    sa.Column("statement_reference", Text),
    sa.Column("text", Text, nullable=False),
    sa.Column("batch_id", Text),
    sa.Column("reason", Text),
    sa.Index("transfer_order_state", "book_id", "state", "approval_id", "batch_id", "amount_cents"),
    sa.Index("transfer_order_batch", "book_id", "batch_id"),
)
"""What is open, and what of a run waits for its file, is counted and summed in the index of states alone."""
_c = transfer_order.c
transfer_stands = _c.state.in_(sa.bindparam("stands", ("ordered", "booked"), expanding=True, literal_execute=True))
"""A transfer that has not come back: for a statement, in which SQLite finds the index only if its condition is text."""
sa.Index(
    "transfer_order_reference",
    _c.book_id,
    _c.reference,
    unique=True,
    sqlite_where=_c.state.in_(("ordered", "booked")),
    postgresql_where=_c.state.in_(("ordered", "booked")),
)
"""One reference has one transfer that has not come back."""

order_batch = operational_table(
    "order_batch",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("batch_id", Text, primary_key=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("file", Blob, nullable=False),
    sa.Column("sha256", Text, nullable=False),
    sa.Column("count", Count, nullable=False),
    sa.Column("total_cents", Cents, nullable=False),
    sa.Column("execute_on", Day, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("made_by", Text, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("approval_id", Text),
    sa.Column("released_at", Instant),
    sa.Column("submitted_at", Instant),
    sa.Index("order_batch_state", "book_id", "state"),
)
"""Order files, whose bytes name people and are encrypted under the book's key; `sha256` is of the plain bytes."""

bank_account = operational_table(
    "bank_account",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("iban", Text, nullable=False),
    sa.Column("bic", Text),
    sa.Column("creditor_identifier", Text),
)
"""The client account that orders are paid from and debits are collected to."""

payee_check = operational_table(
    "payee_check",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("payee", Text, primary_key=True),
    sa.Column("account", Text, primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("result", Text, nullable=False),
    sa.Column("sealed", Blob, nullable=False),
    sa.Column("checked_at", Instant, nullable=False),
    sa.Column("reason", Text),
    sa.Column("overridden_by", Text),
    sa.Column("overridden_at", Instant),
    sa.Column("override_reason", Text),
    sa.Column("approval_id", Text),
)
"""What was said of a payee's account: by the bank before a transfer, or by a transfer that came back (`returned`).

`account` is a keyed hash of the number; `sealed` the name and number that were tested, under the payee's key.
"""

mandate = operational_table(
    "mandate",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("mandate_id", Text, primary_key=True),
    sa.Column("debtor", Text, nullable=False),
    sa.Column("scheme", Text, nullable=False),
    sa.Column("sealed", Blob, nullable=False),
    sa.Column("iban_last4", Text, nullable=False),
    sa.Column("signed_on", Day, nullable=False),
    sa.Column("last_used_on", Day),
    sa.Column("state", Text, nullable=False),
    sa.Column("document_id", Text),
    sa.Column("reason", Text),
    sa.Index("mandate_debtor", "book_id", "debtor"),
)
sa.Index(
    "mandate_active",
    mandate.c.book_id,
    mandate.c.debtor,
    unique=True,
    sqlite_where=mandate.c.state == "active",
    postgresql_where=mandate.c.state == "active",
)
"""A debtor has one mandate at a time; name and account number are `sealed` under the debtor's key."""

debit_order = operational_table(
    "debit_order",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("debit_id", Text, primary_key=True),
    sa.Column("payment_id", Text, nullable=False),
    sa.Column("reference", Text, nullable=False),
    sa.Column("mandate_id", Text, nullable=False),
    sa.Column("debtor", Text, nullable=False),
    sa.Column("amount_cents", Cents, nullable=False),
    sa.Column("credit", Text, nullable=False),
    sa.Column("announced_on", Day, nullable=False),
    sa.Column("collect_on", Day, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("batch_id", Text),
    sa.Column("booked_on", Day),
    sa.Column("reason", Text),
    sa.Index("debit_order_state", "book_id", "state"),
    sa.Index("debit_order_batch", "book_id", "batch_id"),
    sa.Index("debit_order_reference", "book_id", "reference"),
)

transfer_gate = operational_table(
    "transfer_gate",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("passed", Count, nullable=False),
)
"""One row a book, counted up by whoever reads or spends the client account: its lock makes the cash rule hold."""
