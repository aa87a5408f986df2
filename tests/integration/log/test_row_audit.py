"""The audit of the rows against its log: what was published, kept, approved and added. Columns are the drill's part."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger import approvals
from ledger.accounts import AccountRef
from ledger.audit.drill import copy_book
from ledger.audit.rows import MAX_FAILURES, NO_LOG, UNSIGNED, audit_rows
from ledger.book import Book, create_book
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.integrator import copy_checkpoint
from ledger.journal import JournalEntry, Posting
from ledger.money import Asset
from ledger.storage.base import metadata
from ledger.storage.engine import open_engine
from ledger.storage.keys import KeyRing
from ledger.storage.schema import create_schema
from ledger.verify.report import Verdict
from tests.conftest import MakeEngine, make_keys
from tests.full_book import full_sqlite_book as full_sqlite_book
from tests.oracle import check_everything
from tests.proof import ON, PublishedBook, pledge, published_book

DECLARED = {
    ("checkpoint", "book_id"): "a copy that is gone; what is published stands in the folder",
    ("checkpoint", "at"): "when the copy was made; the signatures hold the time of signing",
}


def fill(published: PublishedBook) -> None:
    """A book with every kind of entry and of column, two checkpoints, and entries after the last."""
    published.post(4, citizens=3)
    published.publish()
    copy_checkpoint(published.book, published.log_dir, now=published.book.clock.now())
    with published.book.unit_of_work(actor="s1") as unit:
        approval = approvals.request(unit, action="disburse", body={"amount": 5}, reason="agreed")
    with published.book.unit_of_work(actor="s2") as unit:
        approvals.approve(unit, approval)
    with published.book.unit_of_work(actor="s1") as unit:
        unit.open_asset(Asset("LOAN-L1", 2))
        claim = (
            Posting(AccountRef("020000", "c1", "LOAN-L1"), debit=7),
            Posting(AccountRef("021000", "e1", "LOAN-L1"), credit=7),
        )
        unit.post(JournalEntry("issue", ON, "loan-issued", claim, evidence="a" * 64, approvals=(approval,)))
        back = tuple(Posting(p.account, debit=p.credit, credit=p.debit) for p in claim)
        unit.post(JournalEntry("issue:back", ON, "correction", back, reverses="issue"))
    published.publish()
    copy_checkpoint(published.book, published.log_dir, now=published.book.clock.now())
    published.post(2)


@pytest.fixture
def published(engine: sa.Engine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    published = published_book(engine, tmp_path / "data", clock)
    fill(published)
    return published


@pytest.fixture
def on_sqlite(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    published = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    fill(published)
    return published


def test_a_book_whose_log_was_never_signed_passes_and_the_report_says_so(
    make_engine: MakeEngine, tmp_path: Path, clock: FixedClock
) -> None:
    unsigned = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    unsigned.post(2)
    report = audit_rows(unsigned.book, unsigned.log_dir)
    assert (report.verdict, report.missing) == (Verdict.VERIFIED, [])
    assert UNSIGNED in report.not_checked


def test_a_book_as_it_was_posted_passes(published: PublishedBook) -> None:
    report = audit_rows(published.book, published.log_dir)
    assert (report.verdict, report.exit_code) == (Verdict.VERIFIED, 0), report.to_text()
    assert [check.name for check in report.checks] == [
        "commitments",
        "entries",
        "blocks",
        "answers",
        "postings",
        "holds",
        "periods",
        "approvals",
        "attested rows",
        "totals",
        "balances",
        "signed checkpoints",
    ]
    assert report.checks[-1].detail.startswith("2 signed checkpoints")
    assert "2 entries after the last signed checkpoint against a signature" in report.not_checked
    check_everything(published.book)


def test_without_a_log_the_rows_pass_alone_and_the_report_says_so(on_sqlite: PublishedBook, tmp_path: Path) -> None:
    assert audit_rows(on_sqlite.book, None).verdict is Verdict.INCOMPLETE  # checkpoints are kept, nothing reads them
    report = audit_rows(on_sqlite.book, tmp_path / "nowhere")
    assert (report.exit_code, report.missing) == (2, [NO_LOG])
    assert UNSIGNED not in report.not_checked


def test_a_book_that_never_published_passes_alone(book: Book) -> None:
    with book.unit_of_work(actor="s1") as unit:
        unit.post(pledge("one", "c1", 100))
    assert audit_rows(book).verdict is Verdict.VERIFIED


class Drill:
    """Copies of a SQLite book on which anything can be done."""

    def __init__(self, published: PublishedBook, folder: Path) -> None:
        published.book.engine.dispose()
        self.source = Path(published.book.engine.url.database)
        with closing(sqlite3.connect(self.source)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.published = published
        self.copy = folder / "copy.sqlite3"

    def audit(self, statement: str, parameters: tuple = ()):
        """Run one statement past all triggers and constraints of a copy, and audit that copy."""
        for path in (self.copy, *self.copy.parent.glob("copy.sqlite3-*")):
            path.unlink(missing_ok=True)
        shutil.copy(self.source, self.copy)
        with closing(sqlite3.connect(self.copy)) as connection:
            triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in triggers:
                connection.execute(f'DROP TRIGGER "{name}"')
            connection.execute("PRAGMA ignore_check_constraints = ON")
            changed = connection.execute(statement, parameters).rowcount
            connection.commit()
        assert changed > 0, statement
        engine = open_engine(f"sqlite:///{self.copy}")
        try:
            book = Book(engine, "main", self.published.book.clock, make_keys())
            return audit_rows(book, self.published.log_dir)
        finally:
            engine.dispose()

    def rows(self, table: str) -> list[int]:
        """Row ids of the first, a middle and the last row."""
        with closing(sqlite3.connect(self.source)) as connection:
            ids = [row for (row,) in connection.execute(f"SELECT rowid FROM {table} ORDER BY rowid")]
        return sorted({ids[0], ids[len(ids) // 2], ids[-1]})

    def value(self, table: str, column: str, row: int) -> object:
        with closing(sqlite3.connect(self.source)) as connection:
            return connection.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (row,)).fetchone()[0]


def altered(value: object, kind: sa.types.TypeEngine) -> Iterator[object]:
    """Other values of the column's type."""
    if isinstance(kind, sa.Boolean):
        yield 1 - value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, bytes):
        yield bytes([value[0] ^ 1]) + value[1:]
    elif isinstance(value, str):
        yield value + "0"
        if value[:4].isdecimal():
            yield "2026-03-03"
    else:
        is_text = isinstance(kind, sa.Text) or "Day" in type(kind).__name__ or "Json" in type(kind).__name__
        yield bytes(32) if isinstance(kind, sa.LargeBinary) else "2026-03-03" if is_text else 1
    if value is not None:
        yield None


def test_every_altered_column_of_a_kept_checkpoint_is_found(on_sqlite: PublishedBook, tmp_path: Path) -> None:
    drill, table = Drill(on_sqlite, tmp_path), metadata.tables["checkpoint"]
    assert drill.audit("UPDATE checkpoint SET at = at").verdict is Verdict.VERIFIED
    for column in table.columns:
        for row in drill.rows("checkpoint"):
            for value in altered(drill.value("checkpoint", column.name, row), column.type):
                try:
                    report = drill.audit(f"UPDATE checkpoint SET {column.name} = ? WHERE rowid = ?", (value, row))
                except sqlite3.IntegrityError:  # a key twice, or no value where there must be one
                    continue
                found = report.verdict is Verdict.FORGED
                assert found != (("checkpoint", column.name) in DECLARED), (column.name, row, value)


def test_the_origin_is_that_of_the_published_policy(on_sqlite: PublishedBook, tmp_path: Path) -> None:
    assert Drill(on_sqlite, tmp_path).audit("UPDATE book SET origin = 'other'").failure.facts["column"] == "origin"


ADDED = {
    "asset": {"asset": "'X'", "line": "99"},
    "account": {"account_id": "99", "owner": "'c99'", "line": "99"},
    "account_rule": {"version": "2", "closed": "0"},
    "balance": {"account_id": "99"},
    "block": {"block": "99", "first_n": "99", "last_n": "98", "entries": "0", "postings": "0"},
    "entry": {"n": "99", "fact_key": "'again'"},
    "posting": {"seq": "99", "line": "99"},
    "hold": {"hold_n": "3"},
    "hold_line": {"hold_n": "3"},
    "hold_step": {"n": "99", "step": "3"},
    "period": {"until_on": "'2026-04-30'", "n": "99"},
    "period_balance": {"account_id": "99"},
    "finding": {"line": "99"},
    "request": {"key": "'again'", "position": "9"},
}


@pytest.mark.parametrize("table", ADDED)
def test_every_added_row_is_found(full_sqlite_book: Book, tmp_path: Path, table: str) -> None:
    """A row like the first one, but for what the table's keys would refuse."""
    engine = copy_book(full_sqlite_book, tmp_path / "copy.sqlite3")
    names = [column.name for column in metadata.tables[table].columns]
    shown = ", ".join(ADDED[table].get(name, name) for name in names)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO {table} SELECT {shown} FROM {table} LIMIT 1")
    report = audit_rows(Book(engine, "main", full_sqlite_book.clock, full_sqlite_book.keys))
    assert report.verdict is Verdict.FORGED
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE approval_given SET approver = 's1'",
        "UPDATE approval_request SET body = '{\"amount\":6}'",
        "DELETE FROM approval_given",
    ],
)
def test_an_approval_that_was_not_given_like_this_is_found(
    on_sqlite: PublishedBook, tmp_path: Path, statement: str
) -> None:
    failure = Drill(on_sqlite, tmp_path).audit(statement).failure
    assert failure.code == "row-differs"
    assert failure.file.startswith("approval_")


def test_two_rows_that_agree_with_each_other_are_found_by_the_signed_root(on_sqlite: PublishedBook) -> None:
    """An operator with all keys can write a whole new history; the signed checkpoints are what it can't fit."""
    other = published_book_with_another_history(on_sqlite)
    report = audit_rows(other, on_sqlite.log_dir)
    assert {check.code for check in report.checks if not check.passed} == {"log-root-differs"}


def published_book_with_another_history(published: PublishedBook) -> Book:
    engine = open_engine(f"sqlite:///{published.folder / 'other.sqlite3'}")
    create_schema(engine)
    described = {"name": "x", "origin": published.policy.origin, "policy_hash": published.policy.sha256}
    book = create_book(engine, "main", **described, clock=published.book.clock, keys=make_keys(), business_date=None)
    for number in range(20):
        with book.unit_of_work(actor="s1") as unit:
            unit.post(pledge(f"other:{number}", "c1", 500))
    return book


def test_a_policy_other_than_that_of_the_book_is_found(on_sqlite: PublishedBook) -> None:
    policy = on_sqlite.log_dir / "policy"
    policy.write_bytes(policy.read_bytes() + b"# a remark\n")
    assert audit_rows(on_sqlite.book, on_sqlite.log_dir).failure.code == "policy-differs-from-genesis"


def test_a_false_published_checkpoint_is_found(on_sqlite: PublishedBook) -> None:
    file = on_sqlite.log_dir / "checkpoint"
    file.write_bytes(file.read_bytes().replace(b"AAAA", b"AAAB", 1))
    assert audit_rows(on_sqlite.book, on_sqlite.log_dir).failure.code == "signature-invalid"


def test_a_ruined_table_is_reported_up_to_a_limit(on_sqlite: PublishedBook, tmp_path: Path) -> None:
    report = Drill(on_sqlite, tmp_path).audit("UPDATE posting SET debit = debit + 1, credit = credit + 1")
    assert len([check for check in report.checks if not check.passed]) == MAX_FAILURES
    assert report.not_checked[0] == "what comes after the failures above"


def test_rows_that_cannot_be_read_are_a_finding_not_a_failure_of_the_audit(
    on_sqlite: PublishedBook, tmp_path: Path
) -> None:
    drill = Drill(on_sqlite, tmp_path)
    report = drill.audit("UPDATE entry SET approvals = '{' WHERE approvals IS NOT NULL")
    assert (report.exit_code, report.failure.code) == (1, "row-unreadable")
    report = drill.audit("DELETE FROM head")
    assert (report.exit_code, report.failure.facts["column"]) == (1, "rows")


def test_the_wrong_keys_open_nothing(on_sqlite: PublishedBook) -> None:
    stranger = KeyRing("main", bytes(32))
    book = Book(on_sqlite.book.engine, "main", on_sqlite.book.clock, stranger)
    report = audit_rows(book, on_sqlite.log_dir)
    assert report.failure.code == "wrapping-key-does-not-fit"
    with pytest.raises(Refusal, match="book-unknown"):
        audit_rows(Book(on_sqlite.book.engine, "other", on_sqlite.book.clock, KeyRing("other", bytes(32))))
