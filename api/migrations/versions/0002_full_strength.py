"""Holds, versions of limits, closed periods, findings, attestations; answers under the seal; the seal made anew."""
# ruff: noqa: E501, S608 -- triggers are kept as the database shows them; names come from this file

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the seal off, change and add tables, and seal them again; no row of the record is changed."""
    dialect = op.get_bind().dialect.name
    for statement in unsealing(dialect):
        op.get_bind().exec_driver_sql(statement)
    if dialect == "sqlite":
        rebuild_tables()
    else:
        alter_tables()
    create_indexes()
    create_tables()
    for statement in SEAL[dialect]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """There is no way back from a record."""
    raise RuntimeError("a revision is not taken back: restore a backup")


def unsealing(dialect: str) -> Iterable[str]:
    """Statements that drop the triggers of the revision before."""
    if dialect == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%''seal: %'"
        names = op.get_bind().exec_driver_sql(query).scalars().all()
        return [f"DROP TRIGGER {name}" for name in names]
    functions = ("final", "as_posted", "at_last_block", "open_entry", "open_n", "open_opened_n", "open_from_n", "seal")
    return [f"DROP FUNCTION bxl_{name}() CASCADE" for name in functions]


def alter_tables() -> None:
    """PostgreSQL: new columns stand at the end; what is there already has no holds, is open, at its first limits."""
    for statement in (
        "ALTER TABLE balance SET (fillfactor = 50)",
        "ALTER TABLE head SET (fillfactor = 10)",
        "ALTER TABLE account_rule ADD COLUMN closed BOOLEAN NOT NULL DEFAULT false, ADD COLUMN commitment BYTEA",
        "ALTER TABLE account_rule ALTER COLUMN closed DROP DEFAULT",
        (
            "ALTER TABLE account_rule ADD CONSTRAINT account_rule_committed"
            " CHECK (version >= 1 AND (version = 1) = (commitment IS NULL))"
        ),
        (
            "ALTER TABLE balance ADD COLUMN held_debit BIGINT NOT NULL DEFAULT 0,"
            " ADD COLUMN held_credit BIGINT NOT NULL DEFAULT 0, ADD COLUMN closed BOOLEAN NOT NULL DEFAULT false,"
            " ADD COLUMN version BIGINT NOT NULL DEFAULT 1"
        ),
        (
            "ALTER TABLE balance ALTER COLUMN held_debit DROP DEFAULT, ALTER COLUMN held_credit DROP DEFAULT,"
            " ALTER COLUMN closed DROP DEFAULT, ALTER COLUMN version DROP DEFAULT"
        ),
        "ALTER TABLE balance DROP CONSTRAINT balance_minimum, DROP CONSTRAINT balance_maximum",
        (
            "ALTER TABLE balance"
            " ADD CONSTRAINT balance_minimum CHECK (minimum IS NULL OR posted - held_credit >= minimum),"
            " ADD CONSTRAINT balance_maximum CHECK (maximum IS NULL OR posted + held_debit <= maximum),"
            " ADD CONSTRAINT balance_held CHECK (held_debit >= 0 AND held_credit >= 0)"
        ),
        "ALTER TABLE head ADD COLUMN closed_on DATE",
        "ALTER TABLE block DROP CONSTRAINT block_last_n, ADD COLUMN requests BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE block ALTER COLUMN requests DROP DEFAULT",
        "ALTER TABLE entry ADD COLUMN details TEXT",
        "ALTER TABLE posting DROP CONSTRAINT posting_account, ADD COLUMN restates DATE",
        "DROP INDEX posting_effective",
        "ALTER TABLE request ADD COLUMN block BIGINT, ADD COLUMN position BIGINT",
        (
            "ALTER TABLE request ADD CONSTRAINT request_block FOREIGN KEY (book_id, block)"
            " REFERENCES block (book_id, block) DEFERRABLE INITIALLY DEFERRED"
        ),
    ):
        op.get_bind().exec_driver_sql(statement)


def rebuild_tables() -> None:
    """SQLite: two tables get a column; five are made anew and filled, since their constraints change."""
    for statement in (
        "ALTER TABLE head ADD COLUMN closed_on TEXT",
        "ALTER TABLE entry ADD COLUMN details TEXT",
    ):
        op.get_bind().exec_driver_sql(statement)
    rebuild_account_rule()
    rebuild_balance()
    rebuild_block()
    rebuild_posting()
    rebuild_request()


def replace_table(name: str, columns: str, added: str) -> None:
    """Fill `<name>_rebuilt` with the rows of `name` and the values `added`, and put it in its place."""
    for statement in (
        f"INSERT INTO {name}_rebuilt SELECT {columns}, {added} FROM {name} ORDER BY rowid",
        f"DROP TABLE {name}",
        f"ALTER TABLE {name}_rebuilt RENAME TO {name}",
    ):
        op.get_bind().exec_driver_sql(statement)


def rebuild_account_rule() -> None:
    """Limits with the flag of a closed account and the commitment of their entry."""
    op.create_table(
        "account_rule_rebuilt",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("minimum", sa.BigInteger(), nullable=True),
        sa.Column("maximum", sa.BigInteger(), nullable=True),
        sa.Column("from_n", sa.BigInteger(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("version >= 1 AND (version = 1) = (commitment IS NULL)", name="account_rule_committed"),
        sa.ForeignKeyConstraint(
            ["book_id", "account_id"], ["account.book_id", "account.account_id"], name="account_rule_account"
        ),
        sa.PrimaryKeyConstraint("book_id", "account_id", "version"),
        sqlite_strict=True,
    )
    replace_table("account_rule", "book_id, account_id, version, minimum, maximum, from_n", "0, NULL")


def rebuild_balance() -> None:
    """Balances with what is held, which counts against the limits."""
    op.create_table(
        "balance_rebuilt",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("posted", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("minimum", sa.BigInteger(), nullable=True),
        sa.Column("maximum", sa.BigInteger(), nullable=True),
        sa.Column("last_commitment", sa.LargeBinary(), nullable=True),
        sa.Column("held_debit", sa.BigInteger(), nullable=False),
        sa.Column("held_credit", sa.BigInteger(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("held_debit >= 0 AND held_credit >= 0", name="balance_held"),
        sa.CheckConstraint("maximum IS NULL OR posted + held_debit <= maximum", name="balance_maximum"),
        sa.CheckConstraint("minimum IS NULL OR posted - held_credit >= minimum", name="balance_minimum"),
        sa.ForeignKeyConstraint(
            ["book_id", "account_id"], ["account.book_id", "account.account_id"], name="balance_account"
        ),
        sa.PrimaryKeyConstraint("book_id", "account_id"),
        sqlite_strict=True,
    )
    columns = "book_id, account_id, posted, seq, minimum, maximum, last_commitment"
    replace_table("balance", columns, "0, 0, 0, 1")


def rebuild_block() -> None:
    """Blocks that may seal answers only, so that two of them may end at one entry."""
    op.create_table(
        "block_rebuilt",
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
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "block"),
        sqlite_strict=True,
    )
    columns = "book_id, block, first_n, last_n, entries, postings, root, prev_hash, hash, sealed_at"
    replace_table("block", columns, "0")


def rebuild_posting() -> None:
    """Postings with the period they restate, and without a foreign key to the account: the block's seal looks there."""
    op.create_table(
        "posting_rebuilt",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("debit", sa.BigInteger(), nullable=False),
        sa.Column("credit", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("effective_on", sa.Text(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("restates", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(debit = 0 AND credit BETWEEN 1 AND 9007199254740991) OR (credit = 0 AND debit BETWEEN 1 AND 9007199254740991)",
            name="posting_one_side",
        ),
        sa.CheckConstraint("seq >= 1 AND line >= 1", name="posting_counts"),
        sa.PrimaryKeyConstraint("book_id", "account_id", "seq"),
        sqlite_strict=True,
    )
    columns = "book_id, account_id, seq, n, line, debit, credit, balance_after, effective_on, commitment"
    replace_table("posting", columns, "NULL")
    op.create_index("posting_line", "posting", ["book_id", "n", "line"], unique=True)


def rebuild_request() -> None:
    """Answers with their place under a block's seal; those of before have none."""
    op.create_table(
        "request_rebuilt",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.ForeignKeyConstraint(
            ["book_id", "block"],
            ["block.book_id", "block.block"],
            name="request_block",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("book_id", "key"),
        sqlite_strict=True,
    )
    replace_table("request", "book_id, key, actor, body_hash, outcome, at", "NULL, NULL")


def create_indexes() -> None:
    """Indexes on the tables that were there."""
    op.create_index("account_rule_entry", "account_rule", ["book_id", "from_n", "account_id"], unique=False)
    columns = ["book_id", "account_id", "effective_on", "n", "debit", "credit"]
    op.create_index("posting_effective", "posting", columns, unique=False)
    late = sa.text("restates IS NOT NULL")
    columns = ["book_id", "account_id", "n"]
    op.create_index("posting_late", "posting", columns, unique=False, sqlite_where=late, postgresql_where=late)
    op.create_index("request_sealed", "request", ["book_id", "block", "position"], unique=True)


def create_tables() -> None:
    """Every new table, parents before children."""
    create_hold_tables()
    create_period_tables()
    op.create_table(
        "finding",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "n", "line"),
        sqlite_strict=True,
    )
    op.create_table(
        "attestation",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("row_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("state_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "relation", "row_key"),
        sqlite_strict=True,
    )
    columns = ["book_id", "state_key", "relation", "row_key"]
    op.create_index("attestation_state", "attestation", columns, unique=True)


def create_hold_tables() -> None:
    """Amounts reserved, and what became of them."""
    op.create_table(
        "hold",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("hold_n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("book_id", "hold_n"),
        sqlite_strict=True,
    )
    op.create_index("hold_expiry", "hold", ["book_id", "expires_at"], unique=False)
    op.create_table(
        "hold_line",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("hold_n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("debit", sa.BigInteger(), nullable=False),
        sa.Column("credit", sa.BigInteger(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "(debit = 0 AND credit BETWEEN 1 AND 9007199254740991) OR (credit = 0 AND debit BETWEEN 1 AND 9007199254740991)",
            name="hold_line_one_side",
        ),
        sa.ForeignKeyConstraint(
            ["book_id", "account_id"], ["account.book_id", "account.account_id"], name="hold_line_account"
        ),
        sa.ForeignKeyConstraint(["book_id", "hold_n"], ["hold.book_id", "hold.hold_n"], name="hold_line_hold"),
        sa.PrimaryKeyConstraint("book_id", "hold_n", "line"),
        sqlite_strict=True,
    )
    op.create_table(
        "hold_step",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("hold_n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('part', 'rest', 'void', 'expired')", name="hold_step_kind"),
        sa.ForeignKeyConstraint(["book_id", "hold_n"], ["hold.book_id", "hold.hold_n"], name="hold_step_hold"),
        sa.PrimaryKeyConstraint("book_id", "hold_n", "step"),
        sqlite_strict=True,
    )
    op.create_index("hold_step_entry", "hold_step", ["book_id", "n"], unique=True)
    last, columns = sa.text("kind <> 'part'"), ["book_id", "hold_n"]
    op.create_index("hold_step_final", "hold_step", columns, unique=True, sqlite_where=last, postgresql_where=last)


def create_period_tables() -> None:
    """What is closed, and the balances at its end."""
    op.create_table(
        "period",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("until_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("since_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"]),
        sa.PrimaryKeyConstraint("book_id", "until_on"),
        sa.UniqueConstraint("book_id", "until_on", "n", name="period_closing"),
        sqlite_strict=True,
    )
    op.create_index("period_entry", "period", ["book_id", "n"], unique=True)
    op.create_table(
        "period_balance",
        sa.Column("book_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until_on", sa.Date().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("posted", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id", "account_id"], ["account.book_id", "account.account_id"], name="period_balance_account"
        ),
        sa.ForeignKeyConstraint(
            ["book_id", "until_on", "n"],
            ["period.book_id", "period.until_on", "period.n"],
            name="period_balance_period",
        ),
        sa.PrimaryKeyConstraint("book_id", "account_id", "until_on"),
        sqlite_strict=True,
    )


SEAL: Mapping[str, tuple[str, ...]] = {
    "sqlite": (
        """CREATE TRIGGER account_final_update BEFORE UPDATE ON account BEGIN SELECT RAISE(ABORT, 'seal: account rows are final'); END""",
        """CREATE TRIGGER account_final_delete BEFORE DELETE ON account BEGIN SELECT RAISE(ABORT, 'seal: account rows are final'); END""",
        """CREATE TRIGGER account_new BEFORE INSERT ON account WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM account t WHERE t.book_id = NEW.book_id AND t.account_id = NEW.account_id) OR EXISTS (SELECT 1 FROM account t WHERE t.book_id = NEW.book_id AND t.code = NEW.code AND t.owner = NEW.owner AND t.asset = NEW.asset) OR NEW.opened_n <= (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NOT EXISTS (SELECT 1 FROM entry e WHERE e.book_id = NEW.book_id AND e.n = NEW.opened_n AND e.type = 'accounts/1' AND NEW.line BETWEEN 1 AND e.lines - 1) BEGIN SELECT RAISE(ABORT, 'seal: account rows are final, and belong to an entry of the next block'); END""",
        """CREATE TRIGGER account_rule_final_update BEFORE UPDATE ON account_rule BEGIN SELECT RAISE(ABORT, 'seal: account_rule rows are final'); END""",
        """CREATE TRIGGER account_rule_final_delete BEFORE DELETE ON account_rule BEGIN SELECT RAISE(ABORT, 'seal: account_rule rows are final'); END""",
        """CREATE TRIGGER account_rule_new BEFORE INSERT ON account_rule WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM account_rule t WHERE t.book_id = NEW.book_id AND t.account_id = NEW.account_id AND t.version = NEW.version) OR NEW.from_n <= (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NOT EXISTS (SELECT 1 FROM entry e WHERE e.book_id = NEW.book_id AND e.n = NEW.from_n AND e.type = CASE NEW.version WHEN 1 THEN 'accounts/1' ELSE 'rules/1' END) BEGIN SELECT RAISE(ABORT, 'seal: account_rule rows are final, and belong to an entry of the next block'); END""",
        """CREATE TRIGGER approval_given_final_update BEFORE UPDATE ON approval_given BEGIN SELECT RAISE(ABORT, 'seal: approval_given rows are final'); END""",
        """CREATE TRIGGER approval_given_final_delete BEFORE DELETE ON approval_given BEGIN SELECT RAISE(ABORT, 'seal: approval_given rows are final'); END""",
        """CREATE TRIGGER approval_given_new BEFORE INSERT ON approval_given WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM approval_given t WHERE t.book_id = NEW.book_id AND t.approval_id = NEW.approval_id) BEGIN SELECT RAISE(ABORT, 'seal: approval_given rows are final'); END""",
        """CREATE TRIGGER approval_request_final_update BEFORE UPDATE ON approval_request BEGIN SELECT RAISE(ABORT, 'seal: approval_request rows are final'); END""",
        """CREATE TRIGGER approval_request_final_delete BEFORE DELETE ON approval_request BEGIN SELECT RAISE(ABORT, 'seal: approval_request rows are final'); END""",
        """CREATE TRIGGER approval_request_new BEFORE INSERT ON approval_request WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM approval_request t WHERE t.book_id = NEW.book_id AND t.approval_id = NEW.approval_id) BEGIN SELECT RAISE(ABORT, 'seal: approval_request rows are final'); END""",
        """CREATE TRIGGER asset_final_update BEFORE UPDATE ON asset BEGIN SELECT RAISE(ABORT, 'seal: asset rows are final'); END""",
        """CREATE TRIGGER asset_final_delete BEFORE DELETE ON asset BEGIN SELECT RAISE(ABORT, 'seal: asset rows are final'); END""",
        """CREATE TRIGGER asset_new BEFORE INSERT ON asset WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM asset t WHERE t.book_id = NEW.book_id AND t.asset = NEW.asset) OR NEW.opened_n <= (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NOT EXISTS (SELECT 1 FROM entry e WHERE e.book_id = NEW.book_id AND e.n = NEW.opened_n AND ((e.type = 'accounts/1' AND NEW.line BETWEEN 1 AND e.lines - 1) OR (e.type = 'genesis/1' AND NEW.line IS NULL))) BEGIN SELECT RAISE(ABORT, 'seal: asset rows are final, and belong to an entry of the next block'); END""",
        """CREATE TRIGGER attestation_final_update BEFORE UPDATE ON attestation BEGIN SELECT RAISE(ABORT, 'seal: attestation rows are final'); END""",
        """CREATE TRIGGER attestation_final_delete BEFORE DELETE ON attestation BEGIN SELECT RAISE(ABORT, 'seal: attestation rows are final'); END""",
        """CREATE TRIGGER attestation_new BEFORE INSERT ON attestation WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM attestation t WHERE t.book_id = NEW.book_id AND t.relation = NEW.relation AND t.row_key = NEW.row_key) OR EXISTS (SELECT 1 FROM attestation t WHERE t.book_id = NEW.book_id AND t.state_key = NEW.state_key AND t.relation = NEW.relation AND t.row_key = NEW.row_key) OR EXISTS (SELECT 1 FROM entry WHERE book_id = NEW.book_id AND fact_key = NEW.state_key) BEGIN SELECT RAISE(ABORT, 'seal: attestation rows are final, and belong to the next block'); END""",
        """CREATE TRIGGER block_final_update BEFORE UPDATE ON block BEGIN SELECT RAISE(ABORT, 'seal: block rows are final'); END""",
        """CREATE TRIGGER block_final_delete BEFORE DELETE ON block BEGIN SELECT RAISE(ABORT, 'seal: block rows are final'); END""",
        """CREATE TRIGGER block_new BEFORE INSERT ON block WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM block t WHERE t.book_id = NEW.book_id AND t.block = NEW.block) BEGIN SELECT RAISE(ABORT, 'seal: block rows are final'); END""",
        """CREATE TRIGGER book_final_update BEFORE UPDATE ON book BEGIN SELECT RAISE(ABORT, 'seal: book rows are final'); END""",
        """CREATE TRIGGER book_final_delete BEFORE DELETE ON book BEGIN SELECT RAISE(ABORT, 'seal: book rows are final'); END""",
        """CREATE TRIGGER book_new BEFORE INSERT ON book WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM book t WHERE t.book_id = NEW.book_id) BEGIN SELECT RAISE(ABORT, 'seal: book rows are final'); END""",
        """CREATE TRIGGER document_final_update BEFORE UPDATE ON document BEGIN SELECT RAISE(ABORT, 'seal: document rows are final'); END""",
        """CREATE TRIGGER document_final_delete BEFORE DELETE ON document BEGIN SELECT RAISE(ABORT, 'seal: document rows are final'); END""",
        """CREATE TRIGGER document_new BEFORE INSERT ON document WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM document t WHERE t.book_id = NEW.book_id AND t.document_id = NEW.document_id) OR EXISTS (SELECT 1 FROM document t WHERE t.book_id = NEW.book_id AND t.supersedes = NEW.supersedes) BEGIN SELECT RAISE(ABORT, 'seal: document rows are final'); END""",
        """CREATE TRIGGER entry_final_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'seal: entry rows are final'); END""",
        """CREATE TRIGGER entry_final_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'seal: entry rows are final'); END""",
        """CREATE TRIGGER entry_new BEFORE INSERT ON entry WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM entry t WHERE t.book_id = NEW.book_id AND t.n = NEW.n) OR EXISTS (SELECT 1 FROM entry t WHERE t.book_id = NEW.book_id AND t.fact_key = NEW.fact_key) OR EXISTS (SELECT 1 FROM entry t WHERE t.book_id = NEW.book_id AND t.reverses = NEW.reverses) OR NEW.n <= (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NEW.block <> coalesce((SELECT block FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1), -1) + 1 OR (SELECT foreign_keys FROM pragma_foreign_keys) = 0 BEGIN SELECT RAISE(ABORT, 'seal: entry rows are final, and belong to the next block'); END""",
        """CREATE TRIGGER finding_final_update BEFORE UPDATE ON finding BEGIN SELECT RAISE(ABORT, 'seal: finding rows are final'); END""",
        """CREATE TRIGGER finding_final_delete BEFORE DELETE ON finding BEGIN SELECT RAISE(ABORT, 'seal: finding rows are final'); END""",
        """CREATE TRIGGER finding_new BEFORE INSERT ON finding WHEN NEW.rowid <> -1 OR NEW.n <= (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NOT EXISTS (SELECT 1 FROM entry e WHERE e.book_id = NEW.book_id AND e.n = NEW.n AND e.type IN ('state/1', 'verdict/1') AND NEW.line BETWEEN 1 AND e.lines - 1) BEGIN SELECT RAISE(ABORT, 'seal: finding rows are final, and belong to an entry of the next block'); END""",
        """CREATE TRIGGER hold_final_update BEFORE UPDATE ON hold BEGIN SELECT RAISE(ABORT, 'seal: hold rows are final'); END""",
        """CREATE TRIGGER hold_final_delete BEFORE DELETE ON hold BEGIN SELECT RAISE(ABORT, 'seal: hold rows are final'); END""",
        """CREATE TRIGGER hold_new BEFORE INSERT ON hold WHEN NEW.rowid <> -1 OR NEW.hold_n <= (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NOT EXISTS (SELECT 1 FROM entry e WHERE e.book_id = NEW.book_id AND e.n = NEW.hold_n AND e.type = 'hold/1') BEGIN SELECT RAISE(ABORT, 'seal: hold rows are final, and belong to an entry of the next block'); END""",
        """CREATE TRIGGER hold_line_final_update BEFORE UPDATE ON hold_line BEGIN SELECT RAISE(ABORT, 'seal: hold_line rows are final'); END""",
        """CREATE TRIGGER hold_line_final_delete BEFORE DELETE ON hold_line BEGIN SELECT RAISE(ABORT, 'seal: hold_line rows are final'); END""",
        """CREATE TRIGGER hold_line_new BEFORE INSERT ON hold_line WHEN NEW.rowid <> -1 OR NEW.hold_n <= (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NOT EXISTS (SELECT 1 FROM entry e WHERE e.book_id = NEW.book_id AND e.n = NEW.hold_n AND e.type = 'hold/1' AND NEW.line BETWEEN 1 AND e.lines - 1) BEGIN SELECT RAISE(ABORT, 'seal: hold_line rows are final, and belong to an entry of the next block'); END""",
        """CREATE TRIGGER hold_step_final_update BEFORE UPDATE ON hold_step BEGIN SELECT RAISE(ABORT, 'seal: hold_step rows are final'); END""",
        """CREATE TRIGGER hold_step_final_delete BEFORE DELETE ON hold_step BEGIN SELECT RAISE(ABORT, 'seal: hold_step rows are final'); END""",
        """CREATE TRIGGER hold_step_new BEFORE INSERT ON hold_step WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM hold_step t WHERE t.book_id = NEW.book_id AND t.hold_n = NEW.hold_n AND t.step = NEW.step) OR EXISTS (SELECT 1 FROM hold_step t WHERE t.book_id = NEW.book_id AND t.hold_n = NEW.hold_n AND t.kind <> 'part' AND NEW.kind <> 'part') OR NEW.n <= (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NOT EXISTS (SELECT 1 FROM entry e WHERE e.book_id = NEW.book_id AND e.n = NEW.n AND e.type IN ('posting/1', 'release/1') AND json_extract(e.details, '$.hold') = NEW.hold_n) BEGIN SELECT RAISE(ABORT, 'seal: hold_step rows are final, and belong to an entry of the next block'); END""",
        """CREATE TRIGGER instalment_final_update BEFORE UPDATE ON instalment BEGIN SELECT RAISE(ABORT, 'seal: instalment rows are final'); END""",
        """CREATE TRIGGER instalment_final_delete BEFORE DELETE ON instalment BEGIN SELECT RAISE(ABORT, 'seal: instalment rows are final'); END""",
        """CREATE TRIGGER instalment_new BEFORE INSERT ON instalment WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM instalment t WHERE t.book_id = NEW.book_id AND t.loan_id = NEW.loan_id AND t.n = NEW.n) OR EXISTS (SELECT 1 FROM instalment t WHERE t.book_id = NEW.book_id AND t.instalment_id = NEW.instalment_id) BEGIN SELECT RAISE(ABORT, 'seal: instalment rows are final'); END""",
        """CREATE TRIGGER loan_final_update BEFORE UPDATE ON loan BEGIN SELECT RAISE(ABORT, 'seal: loan rows are final'); END""",
        """CREATE TRIGGER loan_final_delete BEFORE DELETE ON loan BEGIN SELECT RAISE(ABORT, 'seal: loan rows are final'); END""",
        """CREATE TRIGGER loan_new BEFORE INSERT ON loan WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM loan t WHERE t.book_id = NEW.book_id AND t.loan_id = NEW.loan_id) OR EXISTS (SELECT 1 FROM loan t WHERE t.book_id = NEW.book_id AND t.offer_id = NEW.offer_id) BEGIN SELECT RAISE(ABORT, 'seal: loan rows are final'); END""",
        """CREATE TRIGGER loan_claim_final_update BEFORE UPDATE ON loan_claim BEGIN SELECT RAISE(ABORT, 'seal: loan_claim rows are final'); END""",
        """CREATE TRIGGER loan_claim_final_delete BEFORE DELETE ON loan_claim BEGIN SELECT RAISE(ABORT, 'seal: loan_claim rows are final'); END""",
        """CREATE TRIGGER loan_claim_new BEFORE INSERT ON loan_claim WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM loan_claim t WHERE t.book_id = NEW.book_id AND t.loan_id = NEW.loan_id AND t.number = NEW.number) OR EXISTS (SELECT 1 FROM loan_claim t WHERE t.book_id = NEW.book_id AND t.pledge_id = NEW.pledge_id) BEGIN SELECT RAISE(ABORT, 'seal: loan_claim rows are final'); END""",
        """CREATE TRIGGER move_final_update BEFORE UPDATE ON move BEGIN SELECT RAISE(ABORT, 'seal: move rows are final'); END""",
        """CREATE TRIGGER move_final_delete BEFORE DELETE ON move BEGIN SELECT RAISE(ABORT, 'seal: move rows are final'); END""",
        """CREATE TRIGGER move_new BEFORE INSERT ON move WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM move t WHERE t.book_id = NEW.book_id AND t.object_id = NEW.object_id AND t.sequence = NEW.sequence) BEGIN SELECT RAISE(ABORT, 'seal: move rows are final'); END""",
        """CREATE TRIGGER offer_final_update BEFORE UPDATE ON offer BEGIN SELECT RAISE(ABORT, 'seal: offer rows are final'); END""",
        """CREATE TRIGGER offer_final_delete BEFORE DELETE ON offer BEGIN SELECT RAISE(ABORT, 'seal: offer rows are final'); END""",
        """CREATE TRIGGER offer_new BEFORE INSERT ON offer WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM offer t WHERE t.book_id = NEW.book_id AND t.offer_id = NEW.offer_id) BEGIN SELECT RAISE(ABORT, 'seal: offer rows are final'); END""",
        """CREATE TRIGGER offer_count_final_update BEFORE UPDATE ON offer_count BEGIN SELECT RAISE(ABORT, 'seal: offer_count rows are final'); END""",
        """CREATE TRIGGER offer_count_final_delete BEFORE DELETE ON offer_count BEGIN SELECT RAISE(ABORT, 'seal: offer_count rows are final'); END""",
        """CREATE TRIGGER offer_count_new BEFORE INSERT ON offer_count WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM offer_count t WHERE t.book_id = NEW.book_id AND t.offer_id = NEW.offer_id AND t.sequence = NEW.sequence) BEGIN SELECT RAISE(ABORT, 'seal: offer_count rows are final'); END""",
        """CREATE TRIGGER offer_version_final_update BEFORE UPDATE ON offer_version BEGIN SELECT RAISE(ABORT, 'seal: offer_version rows are final'); END""",
        """CREATE TRIGGER offer_version_final_delete BEFORE DELETE ON offer_version BEGIN SELECT RAISE(ABORT, 'seal: offer_version rows are final'); END""",
        """CREATE TRIGGER offer_version_new BEFORE INSERT ON offer_version WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM offer_version t WHERE t.book_id = NEW.book_id AND t.offer_id = NEW.offer_id AND t.version = NEW.version) BEGIN SELECT RAISE(ABORT, 'seal: offer_version rows are final'); END""",
        """CREATE TRIGGER outbox_final_update BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'seal: outbox rows are final'); END""",
        """CREATE TRIGGER outbox_final_delete BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'seal: outbox rows are final'); END""",
        """CREATE TRIGGER outbox_new BEFORE INSERT ON outbox WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM outbox t WHERE t.book_id = NEW.book_id AND t.topic = NEW.topic AND t.key = NEW.key) BEGIN SELECT RAISE(IGNORE); END""",
        """CREATE TRIGGER party_final_update BEFORE UPDATE ON party BEGIN SELECT RAISE(ABORT, 'seal: party rows are final'); END""",
        """CREATE TRIGGER party_final_delete BEFORE DELETE ON party BEGIN SELECT RAISE(ABORT, 'seal: party rows are final'); END""",
        """CREATE TRIGGER party_new BEFORE INSERT ON party WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM party t WHERE t.book_id = NEW.book_id AND t.party_id = NEW.party_id) BEGIN SELECT RAISE(ABORT, 'seal: party rows are final'); END""",
        """CREATE TRIGGER party_attribute_final_update BEFORE UPDATE ON party_attribute BEGIN SELECT RAISE(ABORT, 'seal: party_attribute rows are final'); END""",
        """CREATE TRIGGER party_attribute_final_delete BEFORE DELETE ON party_attribute BEGIN SELECT RAISE(ABORT, 'seal: party_attribute rows are final'); END""",
        """CREATE TRIGGER party_attribute_new BEFORE INSERT ON party_attribute WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM party_attribute t WHERE t.book_id = NEW.book_id AND t.party_id = NEW.party_id AND t.name = NEW.name AND t.about = NEW.about AND t.seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'seal: party_attribute rows are final'); END""",
        """CREATE TRIGGER party_iban_final_update BEFORE UPDATE ON party_iban BEGIN SELECT RAISE(ABORT, 'seal: party_iban rows are final'); END""",
        """CREATE TRIGGER party_iban_final_delete BEFORE DELETE ON party_iban BEGIN SELECT RAISE(ABORT, 'seal: party_iban rows are final'); END""",
        """CREATE TRIGGER party_iban_new BEFORE INSERT ON party_iban WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM party_iban t WHERE t.book_id = NEW.book_id AND t.party_id = NEW.party_id AND t.seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'seal: party_iban rows are final'); END""",
        """CREATE TRIGGER party_iban_check_final_update BEFORE UPDATE ON party_iban_check BEGIN SELECT RAISE(ABORT, 'seal: party_iban_check rows are final'); END""",
        """CREATE TRIGGER party_iban_check_final_delete BEFORE DELETE ON party_iban_check BEGIN SELECT RAISE(ABORT, 'seal: party_iban_check rows are final'); END""",
        """CREATE TRIGGER party_iban_check_new BEFORE INSERT ON party_iban_check WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM party_iban_check t WHERE t.book_id = NEW.book_id AND t.party_id = NEW.party_id AND t.seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'seal: party_iban_check rows are final'); END""",
        """CREATE TRIGGER party_identity_final_update BEFORE UPDATE ON party_identity BEGIN SELECT RAISE(ABORT, 'seal: party_identity rows are final'); END""",
        """CREATE TRIGGER party_identity_final_delete BEFORE DELETE ON party_identity BEGIN SELECT RAISE(ABORT, 'seal: party_identity rows are final'); END""",
        """CREATE TRIGGER party_identity_new BEFORE INSERT ON party_identity WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM party_identity t WHERE t.book_id = NEW.book_id AND t.party_id = NEW.party_id AND t.seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'seal: party_identity rows are final'); END""",
        """CREATE TRIGGER payment_evidence_final_update BEFORE UPDATE ON payment_evidence BEGIN SELECT RAISE(ABORT, 'seal: payment_evidence rows are final'); END""",
        """CREATE TRIGGER payment_evidence_final_delete BEFORE DELETE ON payment_evidence BEGIN SELECT RAISE(ABORT, 'seal: payment_evidence rows are final'); END""",
        """CREATE TRIGGER payment_evidence_new BEFORE INSERT ON payment_evidence WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM payment_evidence t WHERE t.book_id = NEW.book_id AND t.fact_key = NEW.fact_key) BEGIN SELECT RAISE(ABORT, 'seal: payment_evidence rows are final'); END""",
        """CREATE TRIGGER payment_move_final_update BEFORE UPDATE ON payment_move BEGIN SELECT RAISE(ABORT, 'seal: payment_move rows are final'); END""",
        """CREATE TRIGGER payment_move_final_delete BEFORE DELETE ON payment_move BEGIN SELECT RAISE(ABORT, 'seal: payment_move rows are final'); END""",
        """CREATE TRIGGER payment_move_new BEFORE INSERT ON payment_move WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM payment_move t WHERE t.book_id = NEW.book_id AND t.object_id = NEW.object_id AND t.sequence = NEW.sequence) BEGIN SELECT RAISE(ABORT, 'seal: payment_move rows are final'); END""",
        """CREATE TRIGGER period_final_update BEFORE UPDATE ON period BEGIN SELECT RAISE(ABORT, 'seal: period rows are final'); END""",
        """CREATE TRIGGER period_final_delete BEFORE DELETE ON period BEGIN SELECT RAISE(ABORT, 'seal: period rows are final'); END""",
        """CREATE TRIGGER period_new BEFORE INSERT ON period WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM period t WHERE t.book_id = NEW.book_id AND t.until_on = NEW.until_on) OR NEW.n <= (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NOT EXISTS (SELECT 1 FROM entry e WHERE e.book_id = NEW.book_id AND e.n = NEW.n AND e.type = 'period/1') BEGIN SELECT RAISE(ABORT, 'seal: period rows are final, and belong to an entry of the next block'); END""",
        """CREATE TRIGGER period_balance_final_update BEFORE UPDATE ON period_balance BEGIN SELECT RAISE(ABORT, 'seal: period_balance rows are final'); END""",
        """CREATE TRIGGER period_balance_final_delete BEFORE DELETE ON period_balance BEGIN SELECT RAISE(ABORT, 'seal: period_balance rows are final'); END""",
        """CREATE TRIGGER period_balance_new BEFORE INSERT ON period_balance WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM period_balance t WHERE t.book_id = NEW.book_id AND t.account_id = NEW.account_id AND t.until_on = NEW.until_on) OR NEW.n <= (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NOT EXISTS (SELECT 1 FROM entry e WHERE e.book_id = NEW.book_id AND e.n = NEW.n AND e.type = 'period/1') BEGIN SELECT RAISE(ABORT, 'seal: period_balance rows are final, and belong to an entry of the next block'); END""",
        """CREATE TRIGGER pledge_final_update BEFORE UPDATE ON pledge BEGIN SELECT RAISE(ABORT, 'seal: pledge rows are final'); END""",
        """CREATE TRIGGER pledge_final_delete BEFORE DELETE ON pledge BEGIN SELECT RAISE(ABORT, 'seal: pledge rows are final'); END""",
        """CREATE TRIGGER pledge_new BEFORE INSERT ON pledge WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM pledge t WHERE t.book_id = NEW.book_id AND t.pledge_id = NEW.pledge_id) BEGIN SELECT RAISE(ABORT, 'seal: pledge rows are final'); END""",
        """CREATE TRIGGER posting_final_update BEFORE UPDATE ON posting BEGIN SELECT RAISE(ABORT, 'seal: posting rows are final'); END""",
        """CREATE TRIGGER posting_final_delete BEFORE DELETE ON posting BEGIN SELECT RAISE(ABORT, 'seal: posting rows are final'); END""",
        """CREATE TRIGGER posting_new BEFORE INSERT ON posting WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM posting t WHERE t.book_id = NEW.book_id AND t.account_id = NEW.account_id AND t.seq = NEW.seq) OR NEW.n <= (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NOT EXISTS (SELECT 1 FROM entry e WHERE e.book_id = NEW.book_id AND e.n = NEW.n AND e.type = 'posting/1' AND NEW.line BETWEEN 1 AND e.lines - 1) BEGIN SELECT RAISE(ABORT, 'seal: posting rows are final, and belong to an entry of the next block'); END""",
        """CREATE TRIGGER request_final_update BEFORE UPDATE ON request BEGIN SELECT RAISE(ABORT, 'seal: request rows are final'); END""",
        """CREATE TRIGGER request_final_delete BEFORE DELETE ON request BEGIN SELECT RAISE(ABORT, 'seal: request rows are final'); END""",
        """CREATE TRIGGER request_new BEFORE INSERT ON request WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM request t WHERE t.book_id = NEW.book_id AND t.key = NEW.key) OR EXISTS (SELECT 1 FROM request t WHERE t.book_id = NEW.book_id AND t.block = NEW.block AND t.position = NEW.position) OR (NEW.block IS NOT coalesce((SELECT block FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1), -1) + 1 OR NEW.position IS NULL) AND NOT (NEW.block IS NULL AND NEW.position IS NULL AND (SELECT block FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) IS NULL) OR (SELECT foreign_keys FROM pragma_foreign_keys) = 0 BEGIN SELECT RAISE(ABORT, 'seal: request rows are final, and belong to the next block'); END""",
        """CREATE TRIGGER balance_kept BEFORE DELETE ON balance BEGIN SELECT RAISE(ABORT, 'seal: balance rows are kept'); END""",
        """CREATE TRIGGER head_kept BEFORE DELETE ON head BEGIN SELECT RAISE(ABORT, 'seal: head rows are kept'); END""",
        """CREATE TRIGGER balance_new BEFORE INSERT ON balance WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM balance t WHERE t.book_id = NEW.book_id AND t.account_id = NEW.account_id) OR ((NEW.seq, NEW.posted, NEW.last_commitment) IS NOT (0, 0, NULL) AND (NEW.posted, NEW.last_commitment) IS NOT (SELECT balance_after, commitment FROM posting WHERE book_id = NEW.book_id AND account_id = NEW.account_id AND seq = NEW.seq)) OR (NEW.minimum, NEW.maximum, NEW.closed, NEW.version) IS NOT (SELECT minimum, maximum, closed, version FROM account_rule WHERE book_id = NEW.book_id AND account_id = NEW.account_id ORDER BY version DESC LIMIT 1) OR ((NEW.held_debit, NEW.held_credit) IS NOT (0, 0) AND NOT EXISTS (SELECT 1 FROM hold_line WHERE book_id = NEW.book_id AND hold_n > (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1)) AND NOT EXISTS (SELECT 1 FROM hold_step WHERE book_id = NEW.book_id AND n > (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1))) BEGIN SELECT RAISE(ABORT, 'seal: balance follows from its posting, its limits and its holds, and moves forward only'); END""",
        """CREATE TRIGGER balance_moved BEFORE UPDATE ON balance WHEN NEW.rowid <> OLD.rowid OR NEW.seq < OLD.seq OR NEW.account_id <> OLD.account_id OR NEW.book_id <> OLD.book_id OR NEW.version < OLD.version OR ((NEW.seq, NEW.posted, NEW.last_commitment) IS NOT (OLD.seq, OLD.posted, OLD.last_commitment) AND (NEW.posted, NEW.last_commitment) IS NOT (SELECT balance_after, commitment FROM posting WHERE book_id = NEW.book_id AND account_id = NEW.account_id AND seq = NEW.seq)) OR ((NEW.minimum, NEW.maximum, NEW.closed, NEW.version) IS NOT (OLD.minimum, OLD.maximum, OLD.closed, OLD.version) AND (NEW.minimum, NEW.maximum, NEW.closed, NEW.version) IS NOT (SELECT minimum, maximum, closed, version FROM account_rule WHERE book_id = NEW.book_id AND account_id = NEW.account_id ORDER BY version DESC LIMIT 1)) OR ((NEW.held_debit, NEW.held_credit) IS NOT (OLD.held_debit, OLD.held_credit) AND NOT EXISTS (SELECT 1 FROM hold_line WHERE book_id = NEW.book_id AND hold_n > (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1)) AND NOT EXISTS (SELECT 1 FROM hold_step WHERE book_id = NEW.book_id AND n > (SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1))) BEGIN SELECT RAISE(ABORT, 'seal: balance follows from its posting, its limits and its holds, and moves forward only'); END""",
        """CREATE TRIGGER head_new BEFORE INSERT ON head WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM head t WHERE t.book_id = NEW.book_id) OR (NEW.next_block - 1, NEW.next_n - 1, NEW.last_hash, NEW.last_booked_at) IS NOT (SELECT block, last_n, hash, sealed_at FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NEW.next_account <> coalesce((SELECT max(account_id) FROM account WHERE book_id = NEW.book_id), 0) + 1 OR NEW.closed_on IS NOT (SELECT max(until_on) FROM period WHERE book_id = NEW.book_id) BEGIN SELECT RAISE(ABORT, 'seal: head is at the last block, and moves forward only'); END""",
        """CREATE TRIGGER head_moved BEFORE UPDATE ON head WHEN NEW.rowid <> OLD.rowid OR NEW.next_n < OLD.next_n OR NEW.next_block < OLD.next_block OR NEW.next_account < OLD.next_account OR NEW.last_booked_at < OLD.last_booked_at OR NEW.book_id <> OLD.book_id OR NEW.closed_on < OLD.closed_on OR (NEW.closed_on IS NULL AND OLD.closed_on IS NOT NULL) OR (NEW.next_block - 1, NEW.next_n - 1, NEW.last_hash, NEW.last_booked_at) IS NOT (SELECT block, last_n, hash, sealed_at FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NEW.next_account <> coalesce((SELECT max(account_id) FROM account WHERE book_id = NEW.book_id), 0) + 1 OR NEW.closed_on IS NOT (SELECT max(until_on) FROM period WHERE book_id = NEW.book_id) BEGIN SELECT RAISE(ABORT, 'seal: head is at the last block, and moves forward only'); END""",
        """CREATE TRIGGER block_seal_number BEFORE INSERT ON block WHEN NEW.block <> coalesce((SELECT block FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1), -1) + 1 BEGIN SELECT RAISE(ABORT, 'seal: block out of order'); END""",
        """CREATE TRIGGER block_seal_first BEFORE INSERT ON block WHEN NEW.first_n <> coalesce((SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1), -1) + 1 BEGIN SELECT RAISE(ABORT, 'seal: a gap before the block'); END""",
        """CREATE TRIGGER block_seal_prev BEFORE INSERT ON block WHEN NEW.prev_hash <> coalesce((SELECT hash FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1), zeroblob(32)) BEGIN SELECT RAISE(ABORT, 'seal: not after that block'); END""",
        """CREATE TRIGGER block_seal_entries BEFORE INSERT ON block WHEN (NEW.entries, NEW.last_n, 1) IS NOT (SELECT count(*), coalesce(max(n), NEW.first_n - 1), coalesce(min(block = NEW.block), 1) FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n) OR NEW.entries <> NEW.last_n - NEW.first_n + 1 BEGIN SELECT RAISE(ABORT, 'seal: entries do not agree'); END""",
        """CREATE TRIGGER block_seal_requests BEFORE INSERT ON block WHEN (NEW.requests, NEW.requests - 1, 0) IS NOT (SELECT count(*), coalesce(max(position), -1), coalesce(min(position), 0) FROM request WHERE book_id = NEW.book_id AND block = NEW.block) OR NEW.requests + NEW.entries = 0 BEGIN SELECT RAISE(ABORT, 'seal: requests do not agree'); END""",
        """CREATE TRIGGER block_seal_postings BEFORE INSERT ON block WHEN NEW.postings <> (SELECT count(*) FROM posting INDEXED BY posting_line WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n) OR NEW.postings <> (SELECT coalesce(sum(lines - 1), 0) FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n AND lines > 0 AND type = 'posting/1') BEGIN SELECT RAISE(ABORT, 'seal: postings do not agree'); END""",
        """CREATE TRIGGER block_seal_opened BEFORE INSERT ON block WHEN (SELECT coalesce(sum(lines - 1), 0) FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n AND lines > 0 AND type = 'accounts/1') <> (SELECT count(*) FROM account WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n) + (SELECT count(line) FROM asset WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n) OR (SELECT count(*) FROM account WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n) <> (SELECT count(*) FROM account_rule WHERE book_id = NEW.book_id AND from_n BETWEEN NEW.first_n AND NEW.last_n AND version = 1) BEGIN SELECT RAISE(ABORT, 'seal: accounts do not agree'); END""",
        """CREATE TRIGGER block_seal_other BEFORE INSERT ON block WHEN (SELECT coalesce(sum(lines - 1), 0) FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n AND lines > 0 AND type NOT IN ('posting/1', 'accounts/1')) <> (SELECT count(*) FROM hold_line WHERE book_id = NEW.book_id AND hold_n BETWEEN NEW.first_n AND NEW.last_n) + (SELECT count(*) FROM account_rule WHERE book_id = NEW.book_id AND from_n BETWEEN NEW.first_n AND NEW.last_n AND version > 1) + (SELECT count(*) FROM finding WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n) BEGIN SELECT RAISE(ABORT, 'seal: holds, limits or findings do not agree'); END""",
        """CREATE TRIGGER block_seal_headed BEFORE INSERT ON block WHEN (SELECT count(*) FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n AND (type IN ('hold/1', 'period/1') OR json_extract(details, '$.hold') IS NOT NULL)) <> (SELECT count(*) FROM hold WHERE book_id = NEW.book_id AND hold_n BETWEEN NEW.first_n AND NEW.last_n) + (SELECT count(*) FROM period WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n) + (SELECT count(*) FROM hold_step WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n) BEGIN SELECT RAISE(ABORT, 'seal: holds, their ends or periods do not agree'); END""",
        """CREATE TRIGGER block_seal_balanced BEFORE INSERT ON block WHEN EXISTS (SELECT 1 FROM posting p INDEXED BY posting_line LEFT JOIN account a ON a.book_id = p.book_id AND a.account_id = p.account_id WHERE p.book_id = NEW.book_id AND p.n BETWEEN NEW.first_n AND NEW.last_n GROUP BY p.n, a.asset HAVING sum(p.debit) <> sum(p.credit) OR a.asset IS NULL) BEGIN SELECT RAISE(ABORT, 'seal: an entry does not balance, or posts to no account'); END""",
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
        """CREATE TRIGGER attestation_final BEFORE UPDATE OR DELETE OR TRUNCATE ON attestation EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER block_final BEFORE UPDATE OR DELETE OR TRUNCATE ON block EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER book_final BEFORE UPDATE OR DELETE OR TRUNCATE ON book EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER document_final BEFORE UPDATE OR DELETE OR TRUNCATE ON document EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER entry_final BEFORE UPDATE OR DELETE OR TRUNCATE ON entry EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER finding_final BEFORE UPDATE OR DELETE OR TRUNCATE ON finding EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER hold_final BEFORE UPDATE OR DELETE OR TRUNCATE ON hold EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER hold_line_final BEFORE UPDATE OR DELETE OR TRUNCATE ON hold_line EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER hold_step_final BEFORE UPDATE OR DELETE OR TRUNCATE ON hold_step EXECUTE FUNCTION bxl_final()""",
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
        """CREATE TRIGGER period_final BEFORE UPDATE OR DELETE OR TRUNCATE ON period EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER period_balance_final BEFORE UPDATE OR DELETE OR TRUNCATE ON period_balance EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER pledge_final BEFORE UPDATE OR DELETE OR TRUNCATE ON pledge EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER posting_final BEFORE UPDATE OR DELETE OR TRUNCATE ON posting EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER request_final BEFORE UPDATE OR DELETE OR TRUNCATE ON request EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER balance_kept BEFORE DELETE OR TRUNCATE ON balance EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER balance_forward BEFORE UPDATE ON balance FOR EACH ROW WHEN (NEW.seq < OLD.seq OR NEW.account_id <> OLD.account_id OR NEW.book_id <> OLD.book_id OR NEW.version < OLD.version) EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER head_kept BEFORE DELETE OR TRUNCATE ON head EXECUTE FUNCTION bxl_final()""",
        """CREATE TRIGGER head_forward BEFORE UPDATE ON head FOR EACH ROW WHEN (NEW.next_n < OLD.next_n OR NEW.next_block < OLD.next_block OR NEW.next_account < OLD.next_account OR NEW.last_booked_at < OLD.last_booked_at OR NEW.book_id <> OLD.book_id OR NEW.closed_on < OLD.closed_on OR (NEW.closed_on IS NULL AND OLD.closed_on IS NOT NULL)) EXECUTE FUNCTION bxl_final()""",
        """
CREATE FUNCTION bxl_as_ruled() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan
    AS $$
DECLARE
    latest record;
BEGIN
    SELECT r.minimum, r.maximum, r.closed, r.version INTO latest FROM account_rule r
    WHERE r.book_id = NEW.book_id AND r.account_id = NEW.account_id
    ORDER BY r.book_id DESC, r.account_id DESC, r.version DESC LIMIT 1;
    IF (NEW.minimum, NEW.maximum, NEW.closed, NEW.version)
        IS DISTINCT FROM (latest.minimum, latest.maximum, latest.closed, latest.version)
    THEN
        RAISE EXCEPTION 'seal: balance differs from its limits' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
""",
        """CREATE TRIGGER balance_ruled BEFORE UPDATE ON balance FOR EACH ROW WHEN ((NEW.minimum, NEW.maximum, NEW.closed, NEW.version) IS DISTINCT FROM (OLD.minimum, OLD.maximum, OLD.closed, OLD.version)) EXECUTE FUNCTION bxl_as_ruled()""",
        """
CREATE FUNCTION bxl_as_held() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan
    AS $$
DECLARE
    sealed bigint;
    held bigint;
    ended bigint;
BEGIN
    SELECT b.last_n INTO sealed FROM block b WHERE b.book_id = NEW.book_id ORDER BY b.block DESC LIMIT 1;
    SELECT l.hold_n INTO held FROM hold_line l WHERE l.book_id = NEW.book_id
    ORDER BY l.book_id DESC, l.hold_n DESC LIMIT 1;
    SELECT s.n INTO ended FROM hold_step s WHERE s.book_id = NEW.book_id ORDER BY s.book_id DESC, s.n DESC LIMIT 1;
    IF greatest(held, ended) > sealed THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'seal: balance differs from its holds' USING ERRCODE = 'integrity_constraint_violation';
END $$
""",
        """CREATE TRIGGER balance_held BEFORE UPDATE ON balance FOR EACH ROW WHEN ((NEW.held_debit, NEW.held_credit) IS DISTINCT FROM (OLD.held_debit, OLD.held_credit)) EXECUTE FUNCTION bxl_as_held()""",
        """CREATE TRIGGER balance_held_new BEFORE INSERT ON balance FOR EACH ROW WHEN ((NEW.held_debit, NEW.held_credit) IS DISTINCT FROM (0, 0)) EXECUTE FUNCTION bxl_as_held()""",
        """
CREATE FUNCTION bxl_as_posted() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM moved m
        LEFT JOIN LATERAL (
            SELECT * FROM posting WHERE book_id = m.book_id AND account_id = m.account_id AND seq >= m.seq
            ORDER BY seq LIMIT 1
        ) p ON p.seq = m.seq
        WHERE (m.posted, m.last_commitment) IS DISTINCT FROM (coalesce(p.balance_after, 0), p.commitment)
        OR (m.seq > 0 AND p.seq IS NULL)
    ) THEN
        RAISE EXCEPTION 'seal: balance differs from its posting' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER balance_posted AFTER UPDATE ON balance REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION bxl_as_posted()""",
        """
CREATE FUNCTION bxl_as_opened() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM moved m
        LEFT JOIN LATERAL (
            SELECT * FROM posting WHERE book_id = m.book_id AND account_id = m.account_id AND seq >= m.seq
            ORDER BY seq LIMIT 1
        ) p ON p.seq = m.seq
        LEFT JOIN LATERAL (
            SELECT * FROM account_rule WHERE book_id = m.book_id AND account_id = m.account_id
            ORDER BY version DESC LIMIT 1
        ) r ON true
        WHERE (m.posted, m.last_commitment) IS DISTINCT FROM (coalesce(p.balance_after, 0), p.commitment)
        OR (m.seq > 0 AND p.seq IS NULL)
        OR (m.minimum, m.maximum, m.closed, m.version) IS DISTINCT FROM (r.minimum, r.maximum, r.closed, r.version)
    ) THEN
        RAISE EXCEPTION 'seal: balance differs from its posting or its limits'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER balance_opened AFTER INSERT ON balance REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION bxl_as_opened()""",
        """
CREATE FUNCTION bxl_at_last_block() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan
    AS $$
DECLARE
    latest record;
    opened bigint;
    closed date;
BEGIN
    SELECT b.block, b.last_n, b.hash, b.sealed_at INTO latest FROM block b
    WHERE b.book_id = NEW.book_id ORDER BY b.block DESC LIMIT 1;
    SELECT a.account_id INTO opened FROM account a WHERE a.book_id = NEW.book_id ORDER BY a.account_id DESC LIMIT 1;
    SELECT p.until_on INTO closed FROM period p WHERE p.book_id = NEW.book_id ORDER BY p.until_on DESC LIMIT 1;
    IF (NEW.next_block - 1, NEW.next_n - 1, NEW.last_hash, NEW.last_booked_at)
        IS DISTINCT FROM (latest.block, latest.last_n, latest.hash, latest.sealed_at)
        OR NEW.next_account <> coalesce(opened, 0) + 1 OR NEW.closed_on IS DISTINCT FROM closed
    THEN
        RAISE EXCEPTION 'seal: head is at the last block' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
""",
        """CREATE TRIGGER head_sealed BEFORE INSERT OR UPDATE ON head FOR EACH ROW EXECUTE FUNCTION bxl_at_last_block()""",
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
CREATE FUNCTION bxl_open_posting() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min(n) AS low FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
    ) OR EXISTS (
        SELECT 1 FROM added a LEFT JOIN LATERAL (
            SELECT * FROM entry WHERE book_id = a.book_id AND n >= a.n ORDER BY n LIMIT 1
        ) e ON true
        WHERE (e.n = a.n AND e.type = 'posting/1' AND a.line BETWEEN 1 AND e.lines - 1) IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such line of an entry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER posting_open AFTER INSERT ON posting REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_posting()""",
        """
CREATE FUNCTION bxl_open_account() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min(opened_n) AS low FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
    ) OR EXISTS (
        SELECT 1 FROM added a LEFT JOIN LATERAL (
            SELECT * FROM entry WHERE book_id = a.book_id AND n >= a.opened_n ORDER BY n LIMIT 1
        ) e ON true
        WHERE (e.n = a.opened_n AND e.type = 'accounts/1' AND a.line BETWEEN 1 AND e.lines - 1) IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such line of an entry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER account_open AFTER INSERT ON account REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_account()""",
        """
CREATE FUNCTION bxl_open_asset() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min(opened_n) AS low FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
    ) OR EXISTS (
        SELECT 1 FROM added a LEFT JOIN LATERAL (
            SELECT * FROM entry WHERE book_id = a.book_id AND n >= a.opened_n ORDER BY n LIMIT 1
        ) e ON true
        WHERE (e.n = a.opened_n AND ((e.type = 'accounts/1' AND a.line BETWEEN 1 AND e.lines - 1) OR (e.type = 'genesis/1' AND a.line IS NULL))) IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such line of an entry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER asset_open AFTER INSERT ON asset REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_asset()""",
        """
CREATE FUNCTION bxl_open_account_rule() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min(from_n) AS low FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
    ) OR EXISTS (
        SELECT 1 FROM added a LEFT JOIN LATERAL (
            SELECT * FROM entry WHERE book_id = a.book_id AND n >= a.from_n ORDER BY n LIMIT 1
        ) e ON true
        WHERE (e.n = a.from_n AND e.type = CASE a.version WHEN 1 THEN 'accounts/1' ELSE 'rules/1' END) IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such line of an entry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER account_rule_open AFTER INSERT ON account_rule REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_account_rule()""",
        """
CREATE FUNCTION bxl_open_hold() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min(hold_n) AS low FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
    ) OR EXISTS (
        SELECT 1 FROM added a LEFT JOIN LATERAL (
            SELECT * FROM entry WHERE book_id = a.book_id AND n >= a.hold_n ORDER BY n LIMIT 1
        ) e ON true
        WHERE (e.n = a.hold_n AND e.type = 'hold/1') IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such line of an entry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER hold_open AFTER INSERT ON hold REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_hold()""",
        """
CREATE FUNCTION bxl_open_hold_line() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min(hold_n) AS low FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
    ) OR EXISTS (
        SELECT 1 FROM added a LEFT JOIN LATERAL (
            SELECT * FROM entry WHERE book_id = a.book_id AND n >= a.hold_n ORDER BY n LIMIT 1
        ) e ON true
        WHERE (e.n = a.hold_n AND e.type = 'hold/1' AND a.line BETWEEN 1 AND e.lines - 1) IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such line of an entry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER hold_line_open AFTER INSERT ON hold_line REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_hold_line()""",
        """
CREATE FUNCTION bxl_open_hold_step() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min(n) AS low FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
    ) OR EXISTS (
        SELECT 1 FROM added a LEFT JOIN LATERAL (
            SELECT * FROM entry WHERE book_id = a.book_id AND n >= a.n ORDER BY n LIMIT 1
        ) e ON true
        WHERE (e.n = a.n AND e.type IN ('posting/1', 'release/1') AND (e.details::json ->> 'hold')::bigint = a.hold_n) IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such line of an entry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER hold_step_open AFTER INSERT ON hold_step REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_hold_step()""",
        """
CREATE FUNCTION bxl_open_period() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min(n) AS low FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
    ) OR EXISTS (
        SELECT 1 FROM added a LEFT JOIN LATERAL (
            SELECT * FROM entry WHERE book_id = a.book_id AND n >= a.n ORDER BY n LIMIT 1
        ) e ON true
        WHERE (e.n = a.n AND e.type = 'period/1') IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such line of an entry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER period_open AFTER INSERT ON period REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_period()""",
        """
CREATE FUNCTION bxl_open_period_balance() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min(n) AS low FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
    ) OR EXISTS (
        SELECT 1 FROM added a LEFT JOIN LATERAL (
            SELECT * FROM entry WHERE book_id = a.book_id AND n >= a.n ORDER BY n LIMIT 1
        ) e ON true
        WHERE (e.n = a.n AND e.type = 'period/1') IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such line of an entry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER period_balance_open AFTER INSERT ON period_balance REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_period_balance()""",
        """
CREATE FUNCTION bxl_open_finding() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT book_id, min(n) AS low FROM added GROUP BY book_id) a
        WHERE a.low <= (SELECT b.last_n FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1)
    ) OR EXISTS (
        SELECT 1 FROM added a LEFT JOIN LATERAL (
            SELECT * FROM entry WHERE book_id = a.book_id AND n >= a.n ORDER BY n LIMIT 1
        ) e ON true
        WHERE (e.n = a.n AND e.type IN ('state/1', 'verdict/1') AND a.line BETWEEN 1 AND e.lines - 1) IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'seal: sealed already, or no such line of an entry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER finding_open AFTER INSERT ON finding REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_finding()""",
        """
CREATE FUNCTION bxl_open_request() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM added a LEFT JOIN LATERAL (
            SELECT b.block FROM block b WHERE b.book_id = a.book_id ORDER BY b.block DESC LIMIT 1
        ) sealed ON true
        WHERE (a.position IS NULL OR a.block IS DISTINCT FROM coalesce(sealed.block, -1) + 1)
        -- a book that is brought in begins with the answers that no block ever sealed
        AND NOT (a.block IS NULL AND a.position IS NULL AND sealed.block IS NULL)
    ) THEN
        RAISE EXCEPTION 'seal: a request belongs to the next block' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER request_open AFTER INSERT ON request REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_request()""",
        """
CREATE FUNCTION bxl_open_attestation() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
BEGIN
    PERFORM 1 FROM head WHERE book_id IN (SELECT book_id FROM added) FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT book_id, state_key FROM added) a, LATERAL (
            SELECT fact_key FROM entry WHERE book_id = a.book_id AND fact_key >= a.state_key ORDER BY fact_key LIMIT 1
        ) e WHERE e.fact_key = a.state_key
    ) THEN
        RAISE EXCEPTION 'seal: that state is entered' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
""",
        """CREATE TRIGGER attestation_open AFTER INSERT ON attestation REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION bxl_open_attestation()""",
        """
CREATE FUNCTION bxl_seal() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
    AS $$
DECLARE
    previous record;
    found record;
    answers record;
    rules record;
    opened bigint;
    kept bigint;
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
        coalesce(sum(e.lines - 1) FILTER (WHERE e.type = 'accounts/1'), 0) AS opened,
        coalesce(sum(e.lines - 1) FILTER (WHERE e.type NOT IN ('posting/1', 'accounts/1') AND e.lines > 0), 0) AS other,
        count(*) FILTER (WHERE e.type IN ('hold/1', 'period/1') OR e.details::json ->> 'hold' IS NOT NULL) AS headed
    INTO found FROM (
        SELECT * FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n ORDER BY n
    ) e;
    IF found.entries <> NEW.entries OR found.last_n <> NEW.last_n OR found.strangers <> 0
        OR NEW.entries <> NEW.last_n - NEW.first_n + 1
    THEN
        RAISE EXCEPTION 'seal: entries do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT count(*) AS requests, coalesce(min(r.position), 0) AS first, coalesce(max(r.position), -1) AS last
    INTO answers FROM (
        SELECT position FROM request WHERE book_id = NEW.book_id AND block = NEW.block ORDER BY block, position
    ) r;
    IF (NEW.requests, 0, NEW.requests - 1) <> (answers.requests, answers.first, answers.last)
        OR NEW.requests + NEW.entries = 0
    THEN
        RAISE EXCEPTION 'seal: requests do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT count(*) INTO opened FROM (
        SELECT 1 FROM account WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n
        ORDER BY opened_n, line
    ) a;
    SELECT count(s.line) INTO kept FROM (
        SELECT line FROM asset WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n
        ORDER BY opened_n, line
    ) s;
    IF opened + kept <> found.opened THEN
        RAISE EXCEPTION 'seal: accounts do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT count(*) FILTER (WHERE r.version = 1) AS first, count(*) FILTER (WHERE r.version > 1) AS later
    INTO rules FROM (
        SELECT version FROM account_rule
        WHERE book_id = NEW.book_id AND from_n BETWEEN NEW.first_n AND NEW.last_n ORDER BY from_n, account_id
    ) r;
    SELECT (
        SELECT count(*) FROM (
            SELECT 1 FROM hold_line WHERE book_id = NEW.book_id AND hold_n BETWEEN NEW.first_n AND NEW.last_n
            ORDER BY hold_n, line
        ) l
    ) + (
        SELECT count(*) FROM (
            SELECT 1 FROM finding WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n ORDER BY n, line
        ) f
    ) INTO kept;
    IF rules.first <> opened OR rules.later + kept <> found.other THEN
        RAISE EXCEPTION 'seal: holds, limits or findings do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT (
        SELECT count(*) FROM (
            SELECT 1 FROM hold WHERE book_id = NEW.book_id AND hold_n BETWEEN NEW.first_n AND NEW.last_n
            ORDER BY hold_n
        ) h
    ) + (
        SELECT count(*) FROM (
            SELECT 1 FROM hold_step WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n ORDER BY n
        ) s
    ) + (
        SELECT count(*) FROM (
            SELECT 1 FROM period WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n ORDER BY n
        ) p
    ) INTO kept;
    IF kept <> found.headed THEN
        RAISE EXCEPTION 'seal: holds, their ends or periods do not agree'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.postings <> found.postings THEN
        RAISE EXCEPTION 'seal: postings do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT coalesce(sum(part.lines), 0) AS postings, coalesce(bool_or(part.difference <> 0), false) AS unbalanced,
        coalesce(bool_or(part.asset IS NULL), false) AS astray
    INTO found FROM (
        SELECT a.asset, count(*) AS lines, sum(p.debit) - sum(p.credit) AS difference
        FROM (
            SELECT * FROM posting WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n ORDER BY n, line
        ) p LEFT JOIN LATERAL (
            SELECT account_id, asset FROM account WHERE book_id = p.book_id AND account_id >= p.account_id
            ORDER BY account_id LIMIT 1
        ) a ON a.account_id = p.account_id
        GROUP BY p.n, a.asset
    ) part;
    IF NEW.postings <> found.postings THEN
        RAISE EXCEPTION 'seal: postings do not agree' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF found.astray THEN
        RAISE EXCEPTION 'seal: a posting to no account' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF found.unbalanced THEN
        RAISE EXCEPTION 'seal: an entry does not balance' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
""",
        """CREATE TRIGGER block_seal BEFORE INSERT ON block FOR EACH ROW EXECUTE FUNCTION bxl_seal()""",
        """
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace = quote_ident(current_schema())::regnamespace AND starts_with(proname, 'bxl_')
    LOOP
        EXECUTE 'ALTER FUNCTION ' || made.name || ' SET search_path = ' || quote_ident(current_schema()) || ', pg_temp';
    END LOOP;
END $$
""",
    ),
}
"""The seal as this revision makes it."""
