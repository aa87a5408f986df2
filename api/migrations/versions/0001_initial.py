"""The first schema: every table, and the seal on the record."""
# ruff: noqa: E501 -- triggers are kept as the database shows them

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables and their indexes, then the triggers of the dialect at hand."""
    create_tables()
    for statement in SEAL[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """There is no way back from a record."""
    raise RuntimeError("the first revision is not taken back: restore a backup")


def create_tables() -> None:  # noqa: PLR0915 -- one statement a table
    """Every table, parents before children."""
    op.create_table(
        "book",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("policy_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "date_move",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("started_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("target_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "seq"),
        sqlite_strict=True,
    )
    op.create_table(
        "dated_job",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("on_date", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "on_date", "job"),
        sqlite_strict=True,
    )
    op.create_table(
        "document",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("supersedes", sa.Text(), nullable=True),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["book_id", "supersedes"], ["document.book_id", "document.document_id"]),
        sa.PrimaryKeyConstraint("book_id", "document_id"),
        sa.UniqueConstraint("book_id", "supersedes", name="document_superseded_once"),
        sqlite_strict=True,
    )
    op.create_index("document_by_subject", "document", ["book_id", "subject", "stored_at"], unique=False)
    op.create_table(
        "login_link",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "token_hash"),
        sqlite_strict=True,
    )
    op.create_table(
        "login_request",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "address_hash", "requested_at"),
        sqlite_strict=True,
    )
    op.create_table(
        "mail",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "key"),
        sqlite_strict=True,
    )
    op.create_table(
        "party",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "party_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "payment",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("payer", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("credit", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("requested_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("checkout_url", sa.Text(), nullable=True),
        sa.Column("paid_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "payment_id"),
        sa.UniqueConstraint("book_id", "provider_id", name="payment_provider_id"),
        sqlite_strict=True,
    )
    op.create_index("payment_reference", "payment", ["book_id", "reference"], unique=False)
    op.create_index("payment_state", "payment", ["book_id", "state"], unique=False)
    op.create_table(
        "payment_case",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("closing_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "subject", "code"),
        sqlite_strict=True,
    )
    op.create_table(
        "payment_evidence",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("fact_key", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "fact_key"),
        sqlite_strict=True,
    )
    op.create_table(
        "payment_inbox",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("dirty", sa.Boolean(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "provider_id"),
        sqlite_strict=True,
    )
    op.create_index("payment_inbox_due", "payment_inbox", ["book_id", "dirty", "next_at"], unique=False)
    op.create_table(
        "payment_move",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("moved_at", sa.BigInteger(), nullable=False),
        sa.Column("fact_key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "object_id", "sequence"),
        sqlite_strict=True,
    )
    op.create_table(
        "payment_terms",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("public_url", sa.Text(), nullable=False),
        sa.Column("webhook_url", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("book_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "provider_call",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_sent_at", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "call_id"),
        sqlite_strict=True,
    )
    op.create_index("provider_call_due", "provider_call", ["book_id", "next_at"], unique=False)
    op.create_table(
        "refund",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("refund_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("debit", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("requested_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("sent_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "refund_id"),
        sa.UniqueConstraint("book_id", "provider_id", name="refund_provider_id"),
        sqlite_strict=True,
    )
    op.create_index("refund_payment", "refund", ["book_id", "payment_id"], unique=False)
    op.create_index("refund_reference", "refund", ["book_id", "reference"], unique=False)
    op.create_index("refund_state", "refund", ["book_id", "state"], unique=False)
    op.create_table(
        "session",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "token_hash"),
        sqlite_strict=True,
    )
    op.create_table(
        "transfer_gate",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("passed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "transfer_order",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("payee", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("iban_last4", sa.Text(), nullable=True),
        sa.Column("debit", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("approval_id", sa.Text(), nullable=False),
        sa.Column("ordered_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("booked_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("statement_reference", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "order_id"),
        sa.UniqueConstraint("book_id", "reference", name="transfer_order_reference"),
        sqlite_strict=True,
    )
    op.create_index("transfer_order_state", "transfer_order", ["book_id", "state"], unique=False)
    op.create_table(
        "approval_request",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("approval_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "approval_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "asset",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("scale", sa.BigInteger(), nullable=False),
        sa.Column("opened_n", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("commitment", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("scale BETWEEN 0 AND 9", name="asset_scale"),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "asset"),
        sa.UniqueConstraint("book_id", "opened_n", "line", name="asset_opened"),
        sqlite_strict=True,
    )
    op.create_table(
        "block",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_n", sa.BigInteger(), nullable=False),
        sa.Column("last_n", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("postings", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "block"),
        sa.UniqueConstraint("book_id", "last_n", name="block_last_n"),
        sqlite_strict=True,
    )
    op.create_table(
        "business_date",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("current_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "checkpoint",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "size"),
        sqlite_strict=True,
    )
    op.create_table(
        "head",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("next_n", sa.BigInteger(), nullable=False),
        sa.Column("next_block", sa.BigInteger(), nullable=False),
        sa.Column("next_account", sa.BigInteger(), nullable=False),
        sa.Column("last_hash", sa.LargeBinary(), nullable=False),
        sa.Column("last_booked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "move",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=False),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("effective_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("fact_key", sa.Text(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("moved_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("sequence >= 1", name="move_sequence"),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "object_id", "sequence"),
        sqlite_strict=True,
    )
    op.create_index("move_machine", "move", ["book_id", "machine", "object_id", "sequence"], unique=False)
    op.create_table(
        "offer",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Text(), nullable=False),
        sa.Column("borrower", sa.Text(), nullable=False),
        sa.Column("drafted_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "offer_id"),
        sqlite_strict=True,
    )
    op.create_index("offer_borrower", "offer", ["book_id", "borrower"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "topic", "key"),
        sqlite_strict=True,
    )
    op.create_table(
        "party_attribute",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("valid_from", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["book_id", "party_id"], ["party.book_id", "party.party_id"]),
        sa.PrimaryKeyConstraint("book_id", "party_id", "name", "about", "seq"),
        sqlite_strict=True,
    )
    op.create_table(
        "party_iban",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("valid_from", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["book_id", "party_id"], ["party.book_id", "party.party_id"]),
        sa.PrimaryKeyConstraint("book_id", "party_id", "seq"),
        sqlite_strict=True,
    )
    op.create_table(
        "party_identity",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["book_id", "party_id"], ["party.book_id", "party.party_id"]),
        sa.PrimaryKeyConstraint("book_id", "party_id", "seq"),
        sqlite_strict=True,
    )
    op.create_table(
        "party_lookup",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["book_id", "party_id"], ["party.book_id", "party.party_id"]),
        sa.PrimaryKeyConstraint("book_id", "kind", "digest"),
        sqlite_strict=True,
    )
    op.create_table(
        "request",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "key"),
        sqlite_strict=True,
    )
    op.create_table(
        "subject_key",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "owner"),
        sqlite_strict=True,
    )
    op.create_table(
        "account",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("personal", sa.Boolean(), nullable=False),
        sa.Column("opened_n", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["book_id", "asset"], ["asset.book_id", "asset.asset"], name="account_asset"),
        sa.PrimaryKeyConstraint("book_id", "account_id"),
        sa.UniqueConstraint("book_id", "code", "owner", "asset", name="account_identity"),
        sa.UniqueConstraint("book_id", "opened_n", "line", name="account_opened"),
        sqlite_strict=True,
    )
    op.create_table(
        "approval_given",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("approval_id", sa.Text(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id", "approval_id"],
            ["approval_request.book_id", "approval_request.approval_id"],
            name="approval_given_request",
        ),
        sa.PrimaryKeyConstraint("book_id", "approval_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "entry",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("effective_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("booked_at", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("fact_key", sa.Text(), nullable=True),
        sa.Column("body_hash", sa.LargeBinary(), nullable=True),
        sa.Column("evidence", sa.LargeBinary(), nullable=True),
        sa.Column("reverses", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("approvals", sa.Text(), nullable=True),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("header_commitment", sa.LargeBinary(), nullable=True),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "type <> 'posting/1' OR (lines >= 3 AND fact_key IS NOT NULL AND body_hash IS NOT NULL AND effective_on IS NOT NULL AND purpose IS NOT NULL AND header_commitment IS NOT NULL)",
            name="entry_posting_complete",
        ),
        sa.ForeignKeyConstraint(
            ["book_id", "block"],
            ["block.book_id", "block.block"],
            name="entry_sealed",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("book_id", "n"),
        sa.UniqueConstraint("book_id", "fact_key", name="entry_fact_key"),
        sa.UniqueConstraint("book_id", "reverses", name="entry_reverses_once"),
        sqlite_strict=True,
    )
    op.create_index("entry_block", "entry", ["book_id", "block"], unique=False)
    op.create_table(
        "loan",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("loan_id", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Text(), nullable=False),
        sa.Column("borrower", sa.Text(), nullable=False),
        sa.Column("principal_cents", sa.BigInteger(), nullable=False),
        sa.Column("agreed_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["book_id", "offer_id"], ["offer.book_id", "offer.offer_id"], name="loan_offer"),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "loan_id"),
        sa.UniqueConstraint("book_id", "offer_id", name="loan_offer_once"),
        sqlite_strict=True,
    )
    op.create_index("loan_borrower", "loan", ["book_id", "borrower"], unique=False)
    op.create_table(
        "offer_count",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("pledge_id", sa.Text(), nullable=False),
        sa.Column("committed_change", sa.BigInteger(), nullable=False),
        sa.Column("received_change", sa.BigInteger(), nullable=False),
        sa.Column("in_reflection_change", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["book_id", "offer_id"], ["offer.book_id", "offer.offer_id"], name="offer_count_offer"),
        sa.PrimaryKeyConstraint("book_id", "offer_id", "sequence"),
        sqlite_strict=True,
    )
    op.create_table(
        "offer_version",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id", "offer_id"], ["offer.book_id", "offer.offer_id"], name="offer_version_offer"
        ),
        sa.PrimaryKeyConstraint("book_id", "offer_id", "version"),
        sqlite_strict=True,
    )
    op.create_table(
        "outbox_delivery",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'delivered', 'given-up')", name="outbox_delivery_state"),
        sa.ForeignKeyConstraint(
            ["book_id", "topic", "key"], ["outbox.book_id", "outbox.topic", "outbox.key"], name="outbox_delivery_row"
        ),
        sa.PrimaryKeyConstraint("book_id", "topic", "key"),
        sqlite_strict=True,
    )
    op.create_index("outbox_delivery_due", "outbox_delivery", ["book_id", "state", "next_at"], unique=False)
    op.create_table(
        "party_iban_check",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("verified_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id", "party_id", "seq"], ["party_iban.book_id", "party_iban.party_id", "party_iban.seq"]
        ),
        sa.PrimaryKeyConstraint("book_id", "party_id", "seq"),
        sqlite_strict=True,
    )
    op.create_table(
        "pledge",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("pledge_id", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Text(), nullable=False),
        sa.Column("lender", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("pledged_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("reflection_ends_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("payable_until", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("risk_acknowledged_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.CheckConstraint("amount_cents > 0", name="pledge_amount"),
        sa.ForeignKeyConstraint(["book_id", "offer_id"], ["offer.book_id", "offer.offer_id"], name="pledge_offer"),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "pledge_id"),
        sqlite_strict=True,
    )
    op.create_index("pledge_by_lender", "pledge", ["book_id", "lender", "pledged_on"], unique=False)
    op.create_index("pledge_by_offer", "pledge", ["book_id", "offer_id", "pledged_on", "pledge_id"], unique=False)
    op.create_table(
        "account_rule",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("minimum", sa.BigInteger(), nullable=True),
        sa.Column("maximum", sa.BigInteger(), nullable=True),
        sa.Column("from_n", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id", "account_id"], ["account.book_id", "account.account_id"], name="account_rule_account"
        ),
        sa.PrimaryKeyConstraint("book_id", "account_id", "version"),
        sqlite_strict=True,
    )
    op.create_table(
        "balance",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("posted", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("minimum", sa.BigInteger(), nullable=True),
        sa.Column("maximum", sa.BigInteger(), nullable=True),
        sa.Column("last_commitment", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("maximum IS NULL OR posted <= maximum", name="balance_maximum"),
        sa.CheckConstraint("minimum IS NULL OR posted >= minimum", name="balance_minimum"),
        sa.ForeignKeyConstraint(
            ["book_id", "account_id"], ["account.book_id", "account.account_id"], name="balance_account"
        ),
        sa.PrimaryKeyConstraint("book_id", "account_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "instalment",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("loan_id", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("instalment_id", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("days", sa.BigInteger(), nullable=False),
        sa.Column("interest_cents", sa.BigInteger(), nullable=False),
        sa.Column("principal_cents", sa.BigInteger(), nullable=False),
        sa.Column("outstanding_cents", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("interest_cents >= 0 AND principal_cents >= 0", name="instalment_amounts"),
        sa.ForeignKeyConstraint(["book_id", "loan_id"], ["loan.book_id", "loan.loan_id"], name="instalment_loan"),
        sa.PrimaryKeyConstraint("book_id", "loan_id", "n"),
        sa.UniqueConstraint("book_id", "instalment_id", name="instalment_identity"),
        sqlite_strict=True,
    )
    op.create_index("instalment_due", "instalment", ["book_id", "due_on"], unique=False)
    op.create_table(
        "loan_claim",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("loan_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("pledge_id", sa.Text(), nullable=False),
        sa.Column("lender", sa.Text(), nullable=False),
        sa.Column("principal_cents", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("principal_cents > 0", name="loan_claim_principal"),
        sa.ForeignKeyConstraint(["book_id", "loan_id"], ["loan.book_id", "loan.loan_id"], name="loan_claim_loan"),
        sa.PrimaryKeyConstraint("book_id", "loan_id", "number"),
        sa.UniqueConstraint("book_id", "pledge_id", name="loan_claim_pledge_once"),
        sqlite_strict=True,
    )
    op.create_index("loan_claim_by_lender", "loan_claim", ["book_id", "lender"], unique=False)
    op.create_table(
        "posting",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("debit", sa.BigInteger(), nullable=False),
        sa.Column("credit", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("effective_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "(debit = 0 AND credit BETWEEN 1 AND 9007199254740991) OR (credit = 0 AND debit BETWEEN 1 AND 9007199254740991)",
            name="posting_one_side",
        ),
        sa.CheckConstraint("seq >= 1 AND line >= 1", name="posting_counts"),
        sa.ForeignKeyConstraint(
            ["book_id", "account_id"], ["account.book_id", "account.account_id"], name="posting_account"
        ),
        sa.PrimaryKeyConstraint("book_id", "account_id", "seq"),
        sqlite_strict=True,
    )
    op.create_index("posting_effective", "posting", ["book_id", "account_id", "effective_on", "seq"], unique=False)
    op.create_index("posting_line", "posting", ["book_id", "n", "line"], unique=True)


SEAL: Mapping[str, tuple[str, ...]] = {
    "sqlite": (
        """CREATE TRIGGER account_final_update BEFORE UPDATE ON account BEGIN SELECT RAISE(ABORT, 'seal: account rows are final'); END""",
        """CREATE TRIGGER account_final_delete BEFORE DELETE ON account BEGIN SELECT RAISE(ABORT, 'seal: account rows are final'); END""",
        """CREATE TRIGGER account_rule_final_update BEFORE UPDATE ON account_rule BEGIN SELECT RAISE(ABORT, 'seal: account_rule rows are final'); END""",
        """CREATE TRIGGER account_rule_final_delete BEFORE DELETE ON account_rule BEGIN SELECT RAISE(ABORT, 'seal: account_rule rows are final'); END""",
        """CREATE TRIGGER approval_given_final_update BEFORE UPDATE ON approval_given BEGIN SELECT RAISE(ABORT, 'seal: approval_given rows are final'); END""",
        """CREATE TRIGGER approval_given_final_delete BEFORE DELETE ON approval_given BEGIN SELECT RAISE(ABORT, 'seal: approval_given rows are final'); END""",
        """CREATE TRIGGER approval_request_final_update BEFORE UPDATE ON approval_request BEGIN SELECT RAISE(ABORT, 'seal: approval_request rows are final'); END""",
        """CREATE TRIGGER approval_request_final_delete BEFORE DELETE ON approval_request BEGIN SELECT RAISE(ABORT, 'seal: approval_request rows are final'); END""",
        """CREATE TRIGGER asset_final_update BEFORE UPDATE ON asset BEGIN SELECT RAISE(ABORT, 'seal: asset rows are final'); END""",
        """CREATE TRIGGER asset_final_delete BEFORE DELETE ON asset BEGIN SELECT RAISE(ABORT, 'seal: asset rows are final'); END""",
        """CREATE TRIGGER block_final_update BEFORE UPDATE ON block BEGIN SELECT RAISE(ABORT, 'seal: block rows are final'); END""",
        """CREATE TRIGGER block_final_delete BEFORE DELETE ON block BEGIN SELECT RAISE(ABORT, 'seal: block rows are final'); END""",
        """CREATE TRIGGER book_final_update BEFORE UPDATE ON book BEGIN SELECT RAISE(ABORT, 'seal: book rows are final'); END""",
        """CREATE TRIGGER book_final_delete BEFORE DELETE ON book BEGIN SELECT RAISE(ABORT, 'seal: book rows are final'); END""",
        """CREATE TRIGGER document_final_update BEFORE UPDATE ON document BEGIN SELECT RAISE(ABORT, 'seal: document rows are final'); END""",
        """CREATE TRIGGER document_final_delete BEFORE DELETE ON document BEGIN SELECT RAISE(ABORT, 'seal: document rows are final'); END""",
        """CREATE TRIGGER entry_final_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'seal: entry rows are final'); END""",
        """CREATE TRIGGER entry_final_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'seal: entry rows are final'); END""",
        """CREATE TRIGGER instalment_final_update BEFORE UPDATE ON instalment BEGIN SELECT RAISE(ABORT, 'seal: instalment rows are final'); END""",
        """CREATE TRIGGER instalment_final_delete BEFORE DELETE ON instalment BEGIN SELECT RAISE(ABORT, 'seal: instalment rows are final'); END""",
        """CREATE TRIGGER loan_final_update BEFORE UPDATE ON loan BEGIN SELECT RAISE(ABORT, 'seal: loan rows are final'); END""",
        """CREATE TRIGGER loan_final_delete BEFORE DELETE ON loan BEGIN SELECT RAISE(ABORT, 'seal: loan rows are final'); END""",
        """CREATE TRIGGER loan_claim_final_update BEFORE UPDATE ON loan_claim BEGIN SELECT RAISE(ABORT, 'seal: loan_claim rows are final'); END""",
        """CREATE TRIGGER loan_claim_final_delete BEFORE DELETE ON loan_claim BEGIN SELECT RAISE(ABORT, 'seal: loan_claim rows are final'); END""",
        """CREATE TRIGGER move_final_update BEFORE UPDATE ON move BEGIN SELECT RAISE(ABORT, 'seal: move rows are final'); END""",
        """CREATE TRIGGER move_final_delete BEFORE DELETE ON move BEGIN SELECT RAISE(ABORT, 'seal: move rows are final'); END""",
        """CREATE TRIGGER offer_final_update BEFORE UPDATE ON offer BEGIN SELECT RAISE(ABORT, 'seal: offer rows are final'); END""",
        """CREATE TRIGGER offer_final_delete BEFORE DELETE ON offer BEGIN SELECT RAISE(ABORT, 'seal: offer rows are final'); END""",
        """CREATE TRIGGER offer_count_final_update BEFORE UPDATE ON offer_count BEGIN SELECT RAISE(ABORT, 'seal: offer_count rows are final'); END""",
        """CREATE TRIGGER offer_count_final_delete BEFORE DELETE ON offer_count BEGIN SELECT RAISE(ABORT, 'seal: offer_count rows are final'); END""",
        """CREATE TRIGGER offer_version_final_update BEFORE UPDATE ON offer_version BEGIN SELECT RAISE(ABORT, 'seal: offer_version rows are final'); END""",
        """CREATE TRIGGER offer_version_final_delete BEFORE DELETE ON offer_version BEGIN SELECT RAISE(ABORT, 'seal: offer_version rows are final'); END""",
        """CREATE TRIGGER outbox_final_update BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'seal: outbox rows are final'); END""",
        """CREATE TRIGGER outbox_final_delete BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'seal: outbox rows are final'); END""",
        """CREATE TRIGGER party_final_update BEFORE UPDATE ON party BEGIN SELECT RAISE(ABORT, 'seal: party rows are final'); END""",
        """CREATE TRIGGER party_final_delete BEFORE DELETE ON party BEGIN SELECT RAISE(ABORT, 'seal: party rows are final'); END""",
        """CREATE TRIGGER party_attribute_final_update BEFORE UPDATE ON party_attribute BEGIN SELECT RAISE(ABORT, 'seal: party_attribute rows are final'); END""",
        """CREATE TRIGGER party_attribute_final_delete BEFORE DELETE ON party_attribute BEGIN SELECT RAISE(ABORT, 'seal: party_attribute rows are final'); END""",
        """CREATE TRIGGER party_iban_final_update BEFORE UPDATE ON party_iban BEGIN SELECT RAISE(ABORT, 'seal: party_iban rows are final'); END""",
        """CREATE TRIGGER party_iban_final_delete BEFORE DELETE ON party_iban BEGIN SELECT RAISE(ABORT, 'seal: party_iban rows are final'); END""",
        """CREATE TRIGGER party_iban_check_final_update BEFORE UPDATE ON party_iban_check BEGIN SELECT RAISE(ABORT, 'seal: party_iban_check rows are final'); END""",
        """CREATE TRIGGER party_iban_check_final_delete BEFORE DELETE ON party_iban_check BEGIN SELECT RAISE(ABORT, 'seal: party_iban_check rows are final'); END""",
        """CREATE TRIGGER party_identity_final_update BEFORE UPDATE ON party_identity BEGIN SELECT RAISE(ABORT, 'seal: party_identity rows are final'); END""",
        """CREATE TRIGGER party_identity_final_delete BEFORE DELETE ON party_identity BEGIN SELECT RAISE(ABORT, 'seal: party_identity rows are final'); END""",
        """CREATE TRIGGER payment_evidence_final_update BEFORE UPDATE ON payment_evidence BEGIN SELECT RAISE(ABORT, 'seal: payment_evidence rows are final'); END""",
        """CREATE TRIGGER payment_evidence_final_delete BEFORE DELETE ON payment_evidence BEGIN SELECT RAISE(ABORT, 'seal: payment_evidence rows are final'); END""",
        """CREATE TRIGGER payment_move_final_update BEFORE UPDATE ON payment_move BEGIN SELECT RAISE(ABORT, 'seal: payment_move rows are final'); END""",
        """CREATE TRIGGER payment_move_final_delete BEFORE DELETE ON payment_move BEGIN SELECT RAISE(ABORT, 'seal: payment_move rows are final'); END""",
        """CREATE TRIGGER pledge_final_update BEFORE UPDATE ON pledge BEGIN SELECT RAISE(ABORT, 'seal: pledge rows are final'); END""",
        """CREATE TRIGGER pledge_final_delete BEFORE DELETE ON pledge BEGIN SELECT RAISE(ABORT, 'seal: pledge rows are final'); END""",
        """CREATE TRIGGER posting_final_update BEFORE UPDATE ON posting BEGIN SELECT RAISE(ABORT, 'seal: posting rows are final'); END""",
        """CREATE TRIGGER posting_final_delete BEFORE DELETE ON posting BEGIN SELECT RAISE(ABORT, 'seal: posting rows are final'); END""",
        """CREATE TRIGGER request_final_update BEFORE UPDATE ON request BEGIN SELECT RAISE(ABORT, 'seal: request rows are final'); END""",
        """CREATE TRIGGER request_final_delete BEFORE DELETE ON request BEGIN SELECT RAISE(ABORT, 'seal: request rows are final'); END""",
        """CREATE TRIGGER balance_kept BEFORE DELETE ON balance BEGIN SELECT RAISE(ABORT, 'seal: balance rows are kept'); END""",
        """CREATE TRIGGER head_kept BEFORE DELETE ON head BEGIN SELECT RAISE(ABORT, 'seal: head rows are kept'); END""",
        """CREATE TRIGGER head_forward BEFORE UPDATE ON head WHEN NEW.next_n < OLD.next_n OR NEW.next_block < OLD.next_block OR NEW.next_account < OLD.next_account OR NEW.last_booked_at < OLD.last_booked_at OR NEW.book_id <> OLD.book_id BEGIN SELECT RAISE(ABORT, 'seal: head moves forward only'); END""",
        """CREATE TRIGGER head_sealed BEFORE UPDATE ON head WHEN (NEW.next_block - 1, NEW.next_n - 1, NEW.last_hash, NEW.last_booked_at) IS NOT (SELECT block, last_n, hash, sealed_at FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NEW.next_account <> coalesce((SELECT max(account_id) FROM account WHERE book_id = NEW.book_id), 0) + 1 BEGIN SELECT RAISE(ABORT, 'seal: head is at the last block'); END""",
        """CREATE TRIGGER balance_forward BEFORE UPDATE ON balance WHEN NEW.seq < OLD.seq OR NEW.account_id <> OLD.account_id OR NEW.book_id <> OLD.book_id OR NEW.minimum IS NOT OLD.minimum OR NEW.maximum IS NOT OLD.maximum BEGIN SELECT RAISE(ABORT, 'seal: balance moves forward only'); END""",
        """CREATE TRIGGER balance_posted BEFORE UPDATE ON balance WHEN (NEW.posted, NEW.last_commitment) IS NOT (SELECT balance_after, commitment FROM posting WHERE book_id = NEW.book_id AND account_id = NEW.account_id AND seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'seal: balance differs from its posting'); END""",
        """CREATE TRIGGER account_new_0 BEFORE INSERT ON account WHEN EXISTS (SELECT 1 FROM account t WHERE t.book_id = NEW.book_id AND t.account_id = NEW.account_id) BEGIN SELECT RAISE(ABORT, 'seal: account rows are final'); END""",
        """CREATE TRIGGER account_new_1 BEFORE INSERT ON account WHEN EXISTS (SELECT 1 FROM account t WHERE t.book_id = NEW.book_id AND t.code = NEW.code AND t.owner = NEW.owner AND t.asset = NEW.asset) BEGIN SELECT RAISE(ABORT, 'seal: account rows are final'); END""",
        """CREATE TRIGGER account_new_2 BEFORE INSERT ON account WHEN EXISTS (SELECT 1 FROM account t WHERE t.book_id = NEW.book_id AND t.opened_n = NEW.opened_n AND t.line = NEW.line) BEGIN SELECT RAISE(ABORT, 'seal: account rows are final'); END""",
        """CREATE TRIGGER account_rule_new_0 BEFORE INSERT ON account_rule WHEN EXISTS (SELECT 1 FROM account_rule t WHERE t.book_id = NEW.book_id AND t.account_id = NEW.account_id AND t.version = NEW.version) BEGIN SELECT RAISE(ABORT, 'seal: account_rule rows are final'); END""",
        """CREATE TRIGGER approval_given_new_0 BEFORE INSERT ON approval_given WHEN EXISTS (SELECT 1 FROM approval_given t WHERE t.book_id = NEW.book_id AND t.approval_id = NEW.approval_id) BEGIN SELECT RAISE(ABORT, 'seal: approval_given rows are final'); END""",
        """CREATE TRIGGER approval_request_new_0 BEFORE INSERT ON approval_request WHEN EXISTS (SELECT 1 FROM approval_request t WHERE t.book_id = NEW.book_id AND t.approval_id = NEW.approval_id) BEGIN SELECT RAISE(ABORT, 'seal: approval_request rows are final'); END""",
        """CREATE TRIGGER asset_new_0 BEFORE INSERT ON asset WHEN EXISTS (SELECT 1 FROM asset t WHERE t.book_id = NEW.book_id AND t.asset = NEW.asset) BEGIN SELECT RAISE(ABORT, 'seal: asset rows are final'); END""",
        """CREATE TRIGGER asset_new_1 BEFORE INSERT ON asset WHEN EXISTS (SELECT 1 FROM asset t WHERE t.book_id = NEW.book_id AND t.opened_n = NEW.opened_n AND t.line = NEW.line) BEGIN SELECT RAISE(ABORT, 'seal: asset rows are final'); END""",
        """CREATE TRIGGER block_new_0 BEFORE INSERT ON block WHEN EXISTS (SELECT 1 FROM block t WHERE t.book_id = NEW.book_id AND t.block = NEW.block) BEGIN SELECT RAISE(ABORT, 'seal: block rows are final'); END""",
        """CREATE TRIGGER block_new_1 BEFORE INSERT ON block WHEN EXISTS (SELECT 1 FROM block t WHERE t.book_id = NEW.book_id AND t.last_n = NEW.last_n) BEGIN SELECT RAISE(ABORT, 'seal: block rows are final'); END""",
        """CREATE TRIGGER book_new_0 BEFORE INSERT ON book WHEN EXISTS (SELECT 1 FROM book t WHERE t.book_id = NEW.book_id) BEGIN SELECT RAISE(ABORT, 'seal: book rows are final'); END""",
        """CREATE TRIGGER entry_new_0 BEFORE INSERT ON entry WHEN EXISTS (SELECT 1 FROM entry t WHERE t.book_id = NEW.book_id AND t.n = NEW.n) BEGIN SELECT RAISE(ABORT, 'seal: entry rows are final'); END""",
        """CREATE TRIGGER entry_new_1 BEFORE INSERT ON entry WHEN EXISTS (SELECT 1 FROM entry t WHERE t.book_id = NEW.book_id AND t.fact_key = NEW.fact_key) BEGIN SELECT RAISE(ABORT, 'seal: entry rows are final'); END""",
        """CREATE TRIGGER entry_new_2 BEFORE INSERT ON entry WHEN EXISTS (SELECT 1 FROM entry t WHERE t.book_id = NEW.book_id AND t.reverses = NEW.reverses) BEGIN SELECT RAISE(ABORT, 'seal: entry rows are final'); END""",
        """CREATE TRIGGER posting_new_0 BEFORE INSERT ON posting WHEN EXISTS (SELECT 1 FROM posting t WHERE t.book_id = NEW.book_id AND t.account_id = NEW.account_id AND t.seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'seal: posting rows are final'); END""",
        """CREATE TRIGGER posting_new_1 BEFORE INSERT ON posting WHEN EXISTS (SELECT 1 FROM posting t WHERE t.book_id = NEW.book_id AND t.n = NEW.n AND t.line = NEW.line) BEGIN SELECT RAISE(ABORT, 'seal: posting rows are final'); END""",
        """CREATE TRIGGER entry_next BEFORE INSERT ON entry WHEN NEW.block <> coalesce((SELECT max(block) FROM block WHERE book_id = NEW.book_id), -1) + 1 BEGIN SELECT RAISE(ABORT, 'seal: entry belongs to the next block'); END""",
        """CREATE TRIGGER entry_open BEFORE INSERT ON entry WHEN NEW.n <= (SELECT max(last_n) FROM block WHERE book_id = NEW.book_id) BEGIN SELECT RAISE(ABORT, 'seal: sealed already'); END""",
        """CREATE TRIGGER posting_open BEFORE INSERT ON posting WHEN NEW.n <= (SELECT max(last_n) FROM block WHERE book_id = NEW.book_id) BEGIN SELECT RAISE(ABORT, 'seal: sealed already'); END""",
        """CREATE TRIGGER posting_entered BEFORE INSERT ON posting WHEN NOT EXISTS (SELECT 1 FROM entry WHERE book_id = NEW.book_id AND n = NEW.n) BEGIN SELECT RAISE(ABORT, 'seal: no such entry'); END""",
        """CREATE TRIGGER account_open BEFORE INSERT ON account WHEN NEW.opened_n <= (SELECT max(last_n) FROM block WHERE book_id = NEW.book_id) BEGIN SELECT RAISE(ABORT, 'seal: sealed already'); END""",
        """CREATE TRIGGER account_entered BEFORE INSERT ON account WHEN NOT EXISTS (SELECT 1 FROM entry WHERE book_id = NEW.book_id AND n = NEW.opened_n) BEGIN SELECT RAISE(ABORT, 'seal: no such entry'); END""",
        """CREATE TRIGGER asset_open BEFORE INSERT ON asset WHEN NEW.opened_n <= (SELECT max(last_n) FROM block WHERE book_id = NEW.book_id) BEGIN SELECT RAISE(ABORT, 'seal: sealed already'); END""",
        """CREATE TRIGGER asset_entered BEFORE INSERT ON asset WHEN NOT EXISTS (SELECT 1 FROM entry WHERE book_id = NEW.book_id AND n = NEW.opened_n) BEGIN SELECT RAISE(ABORT, 'seal: no such entry'); END""",
        """CREATE TRIGGER account_rule_open BEFORE INSERT ON account_rule WHEN NEW.from_n <= (SELECT max(last_n) FROM block WHERE book_id = NEW.book_id) BEGIN SELECT RAISE(ABORT, 'seal: sealed already'); END""",
        """CREATE TRIGGER account_rule_entered BEFORE INSERT ON account_rule WHEN NOT EXISTS (SELECT 1 FROM entry WHERE book_id = NEW.book_id AND n = NEW.from_n) BEGIN SELECT RAISE(ABORT, 'seal: no such entry'); END""",
        """CREATE TRIGGER block_seal_number BEFORE INSERT ON block WHEN NEW.block <> coalesce((SELECT block FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1), -1) + 1 BEGIN SELECT RAISE(ABORT, 'seal: block out of order'); END""",
        """CREATE TRIGGER block_seal_first BEFORE INSERT ON block WHEN NEW.first_n <> coalesce((SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1), -1) + 1 BEGIN SELECT RAISE(ABORT, 'seal: a gap before the block'); END""",
        """CREATE TRIGGER block_seal_prev BEFORE INSERT ON block WHEN NEW.prev_hash <> coalesce((SELECT hash FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1), zeroblob(32)) BEGIN SELECT RAISE(ABORT, 'seal: not after that block'); END""",
        """CREATE TRIGGER block_seal_entries BEFORE INSERT ON block WHEN (NEW.entries, NEW.last_n, 1) IS NOT (SELECT count(*), coalesce(max(n), NEW.first_n - 1), coalesce(min(block = NEW.block), 1) FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n) OR NEW.entries <> NEW.last_n - NEW.first_n + 1 BEGIN SELECT RAISE(ABORT, 'seal: entries do not agree'); END""",
        """CREATE TRIGGER block_seal_postings BEFORE INSERT ON block WHEN NEW.postings <> (SELECT count(*) FROM posting INDEXED BY posting_line WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n) OR NEW.postings <> (SELECT coalesce(sum(lines - 1), 0) FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n AND type = 'posting/1') BEGIN SELECT RAISE(ABORT, 'seal: postings do not agree'); END""",
        """CREATE TRIGGER block_seal_opened BEFORE INSERT ON block WHEN (SELECT coalesce(sum(lines - 1), 0) FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n AND type = 'accounts/1') <> (SELECT count(*) FROM account WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n) + (SELECT count(line) FROM asset WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n) BEGIN SELECT RAISE(ABORT, 'seal: accounts do not agree'); END""",
        """CREATE TRIGGER block_seal_balanced BEFORE INSERT ON block WHEN EXISTS (SELECT 1 FROM posting p INDEXED BY posting_line CROSS JOIN account a ON a.book_id = p.book_id AND a.account_id = p.account_id WHERE p.book_id = NEW.book_id AND p.n BETWEEN NEW.first_n AND NEW.last_n GROUP BY p.n, a.asset HAVING sum(p.debit) <> sum(p.credit)) BEGIN SELECT RAISE(ABORT, 'seal: an entry does not balance'); END""",
    ),
    "postgresql": (
        """
CREATE FUNCTION bxl_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        MESSAGE = 'seal: ' || TG_TABLE_NAME || ' rows are final', ERRCODE = 'integrity_constraint_violation';
END $$
""",
        """CREATE TRIGGER account_final BEFORE UPDATE OR DELETE OR TRUNCATE ON account EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER account_rule_final BEFORE UPDATE OR DELETE OR TRUNCATE ON account_rule EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER approval_given_final BEFORE UPDATE OR DELETE OR TRUNCATE ON approval_given EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER approval_request_final BEFORE UPDATE OR DELETE OR TRUNCATE ON approval_request EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER asset_final BEFORE UPDATE OR DELETE OR TRUNCATE ON asset EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER block_final BEFORE UPDATE OR DELETE OR TRUNCATE ON block EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER book_final BEFORE UPDATE OR DELETE OR TRUNCATE ON book EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER document_final BEFORE UPDATE OR DELETE OR TRUNCATE ON document EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER entry_final BEFORE UPDATE OR DELETE OR TRUNCATE ON entry EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER instalment_final BEFORE UPDATE OR DELETE OR TRUNCATE ON instalment EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER loan_final BEFORE UPDATE OR DELETE OR TRUNCATE ON loan EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER loan_claim_final BEFORE UPDATE OR DELETE OR TRUNCATE ON loan_claim EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER move_final BEFORE UPDATE OR DELETE OR TRUNCATE ON move EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER offer_final BEFORE UPDATE OR DELETE OR TRUNCATE ON offer EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER offer_count_final BEFORE UPDATE OR DELETE OR TRUNCATE ON offer_count EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER offer_version_final BEFORE UPDATE OR DELETE OR TRUNCATE ON offer_version EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER outbox_final BEFORE UPDATE OR DELETE OR TRUNCATE ON outbox EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER party_final BEFORE UPDATE OR DELETE OR TRUNCATE ON party EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER party_attribute_final BEFORE UPDATE OR DELETE OR TRUNCATE ON party_attribute EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER party_iban_final BEFORE UPDATE OR DELETE OR TRUNCATE ON party_iban EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER party_iban_check_final BEFORE UPDATE OR DELETE OR TRUNCATE ON party_iban_check EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER party_identity_final BEFORE UPDATE OR DELETE OR TRUNCATE ON party_identity EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER payment_evidence_final BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_evidence EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER payment_move_final BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_move EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER pledge_final BEFORE UPDATE OR DELETE OR TRUNCATE ON pledge EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER posting_final BEFORE UPDATE OR DELETE OR TRUNCATE ON posting EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER request_final BEFORE UPDATE OR DELETE OR TRUNCATE ON request EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER balance_kept BEFORE DELETE OR TRUNCATE ON balance EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER balance_forward BEFORE UPDATE ON balance FOR EACH ROW WHEN (NEW.seq < OLD.seq OR NEW.account_id <> OLD.account_id OR NEW.book_id <> OLD.book_id OR NEW.minimum IS DISTINCT FROM OLD.minimum OR NEW.maximum IS DISTINCT FROM OLD.maximum) EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER head_kept BEFORE DELETE OR TRUNCATE ON head EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER head_forward BEFORE UPDATE ON head FOR EACH ROW WHEN (NEW.next_n < OLD.next_n OR NEW.next_block < OLD.next_block OR NEW.next_account < OLD.next_account OR NEW.last_booked_at < OLD.last_booked_at OR NEW.book_id <> OLD.book_id) EXECUTE FUNCTION bxl_final()""",
        """
CREATE FUNCTION bxl_as_posted() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM moved m
        LEFT JOIN posting p ON p.book_id = m.book_id AND p.account_id = m.account_id AND p.seq = m.seq
        WHERE (m.posted, m.last_commitment) IS DISTINCT FROM (p.balance_after, p.commitment)
    ) THEN
        RAISE EXCEPTION 'seal: balance differs from its posting' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER balance_posted AFTER UPDATE ON balance REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION bxl_as_posted()""",
        """
CREATE FUNCTION bxl_at_last_block() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan
    AS $$
DECLARE
    latest record;
    opened bigint;
BEGIN
    SELECT b.block, b.last_n, b.hash, b.sealed_at INTO latest FROM block b
    WHERE b.book_id = NEW.book_id ORDER BY b.block DESC LIMIT 1;
    SELECT a.account_id INTO opened FROM account a WHERE a.book_id = NEW.book_id ORDER BY a.account_id DESC LIMIT 1;
    IF (NEW.next_block - 1, NEW.next_n - 1, NEW.last_hash, NEW.last_booked_at)
        IS DISTINCT FROM (latest.block, latest.last_n, latest.hash, latest.sealed_at)
        OR NEW.next_account <> coalesce(opened, 0) + 1
    THEN
        RAISE EXCEPTION 'seal: head is at the last block' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
""",
        """CREATE TRIGGER head_sealed BEFORE UPDATE ON head FOR EACH ROW EXECUTE FUNCTION bxl_at_last_block()""",
        """
CREATE FUNCTION bxl_open_entry() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (
            SELECT book_id, min(n) AS low, min(block) AS first, max(block) AS last FROM added GROUP BY book_id
        ) a
        LEFT JOIN LATERAL (
            SELECT b.block, b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1
        ) sealed ON true
        WHERE a.low <= sealed.last_n OR a.first <> coalesce(sealed.block, -1) + 1 OR a.last <> a.first
    ) THEN
        RAISE EXCEPTION 'seal: sealed already' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER entry_open AFTER INSERT ON entry REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_entry()""",
        """
CREATE FUNCTION bxl_open_n() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min(n) AS low, max(n) AS high FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
        OR a.high > coalesce((SELECT e.n FROM entry e WHERE e.book_id = a.book_id ORDER BY e.n DESC LIMIT 1), -1)
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such entry' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """
CREATE FUNCTION bxl_open_opened_n() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min(opened_n) AS low, max(opened_n) AS high FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
        OR a.high > coalesce((SELECT e.n FROM entry e WHERE e.book_id = a.book_id ORDER BY e.n DESC LIMIT 1), -1)
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such entry' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """
CREATE FUNCTION bxl_open_from_n() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min(from_n) AS low, max(from_n) AS high FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
        OR a.high > coalesce((SELECT e.n FROM entry e WHERE e.book_id = a.book_id ORDER BY e.n DESC LIMIT 1), -1)
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such entry' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER posting_open AFTER INSERT ON posting REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_n()""",
        """CREATE TRIGGER account_open AFTER INSERT ON account REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_opened_n()""",
        """CREATE TRIGGER asset_open AFTER INSERT ON asset REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_opened_n()""",
        """CREATE TRIGGER account_rule_open AFTER INSERT ON account_rule REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_from_n()""",
        """
CREATE FUNCTION bxl_seal() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
DECLARE
    previous record;
    found record;
    opened bigint;
BEGIN
    PERFORM 1 FROM head WHERE book_id = NEW.book_id FOR UPDATE;
    SELECT * INTO previous FROM block b WHERE b.book_id = NEW.book_id ORDER BY b.block DESC LIMIT 1;
    IF NEW.block <> coalesce(previous.block, -1) + 1 THEN
        RAISE EXCEPTION 'seal: block out of order' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.first_n <> coalesce(previous.last_n, -1) + 1 THEN
        RAISE EXCEPTION 'seal: a gap before the block' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.prev_hash <> coalesce(previous.hash, decode(repeat('00', 32), 'hex')) THEN
        RAISE EXCEPTION 'seal: not after that block' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT count(*) AS entries, coalesce(max(e.n), NEW.first_n - 1) AS last_n,
        count(*) FILTER (WHERE e.block <> NEW.block) AS strangers,
        coalesce(sum(e.lines - 1) FILTER (WHERE e.type = 'posting/1'), 0) AS postings,
        coalesce(sum(e.lines - 1) FILTER (WHERE e.type = 'accounts/1'), 0) AS opened
    INTO found FROM (
        SELECT * FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n ORDER BY n
    ) e;
    IF found.entries <> NEW.entries OR found.last_n <> NEW.last_n OR found.strangers <> 0
        OR NEW.entries <> NEW.last_n - NEW.first_n + 1
    THEN
        RAISE EXCEPTION 'seal: entries do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT (
        SELECT count(*) FROM (
            SELECT 1 FROM account WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n
            ORDER BY opened_n, line
        ) a
    ) + (
        SELECT count(s.line) FROM (
            SELECT line FROM asset WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n
            ORDER BY opened_n, line
        ) s
    ) INTO opened;
    IF opened <> found.opened THEN
        RAISE EXCEPTION 'seal: accounts do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.postings <> found.postings THEN
        RAISE EXCEPTION 'seal: postings do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT coalesce(sum(part.lines), 0) AS postings, coalesce(bool_or(part.difference <> 0), false) AS unbalanced
    INTO found FROM (
        SELECT count(*) AS lines, sum(p.debit) - sum(p.credit) AS difference
        FROM (
            SELECT * FROM posting WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n ORDER BY n, line
        ) p JOIN account a ON a.book_id = p.book_id AND a.account_id = p.account_id
        GROUP BY p.n, a.asset
    ) part;
    IF NEW.postings <> found.postings THEN
        RAISE EXCEPTION 'seal: postings do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF found.unbalanced THEN
        RAISE EXCEPTION 'seal: an entry does not balance' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
""",
        """CREATE TRIGGER block_seal BEFORE INSERT ON block FOR EACH ROW EXECUTE FUNCTION bxl_seal()""",
    ),
}
