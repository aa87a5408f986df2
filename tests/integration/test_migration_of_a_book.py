"""A book that an earlier program wrote is upgraded: it audits as before, its hashes stay, and posting goes on.

`tests/vectors/migrations` holds small books as the program of each revision left them: a text dump of SQLite, and the
rows of PostgreSQL. They hold a reversal, a second asset, an approval, and answers kept without a block.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command, config

from api import migrations
from ledger import requests
from ledger.accounts import AccountRef
from ledger.attest import attest_old_answers
from ledger.audit.rows import audit_rows
from ledger.book import Book, open_book
from ledger.clock import FixedClock
from ledger.errors import InvariantError
from ledger.facts import Hold, PeriodClose, Release, ReleaseKind, rule_change
from ledger.storage import tables
from ledger.storage.engine import open_engine, write_transaction
from tests.conftest import NOON, make_keys
from tests.entries import back, paid, post
from tests.oracle import check_everything

VECTORS = Path(__file__).parents[1] / "vectors" / "migrations"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def old_book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Book]:
    """The book of revision 0001, not upgraded yet; the clock stands after its last entry."""
    if request.param == "sqlite":
        engine = sqlite_of_0001(tmp_path / "old.sqlite3")
    else:
        engine = postgresql_of_0001(request.getfixturevalue("make_empty_postgresql")())
    yield open_book(engine, "main", clock=FixedClock(NOON + timedelta(days=1)), keys=make_keys())
    engine.dispose()


def sqlite_of_0001(path: Path) -> sa.Engine:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((VECTORS / "0001-book.sql").read_text("utf-8"))
    return open_engine(f"sqlite:///{path}")


def postgresql_of_0001(url: str) -> sa.Engine:
    engine = open_engine(url)
    with write_transaction(engine) as connection:
        settings = config.Config()
        settings.set_main_option("script_location", "api:migrations")
        settings.set_main_option("path_separator", "os")
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0001")
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # no trigger asks: the rows are old
        for line in (VECTORS / "0001-book.jsonl").read_text("utf-8").splitlines():
            stored = json.loads(line)
            row = {column: stored_value(value) for column, value in stored["row"].items()}
            values = ", ".join(f"%({column})s" for column in row)
            connection.exec_driver_sql(f"INSERT INTO {stored['table']} ({', '.join(row)}) VALUES ({values})", row)
    return engine


def stored_value(value: Any) -> Any:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


def hashes_of(book: Book) -> list[Any]:
    """Every number, body hash, leaf and block hash of the book."""
    with book.read() as connection:
        return [
            connection.exec_driver_sql(f"SELECT {columns} FROM {table} ORDER BY 1").all()
            for table, columns in (("entry", "n, body_hash, bytes, leaf"), ("block", "block, root, prev_hash, hash"))
        ]


def test_an_upgraded_book_audits_and_its_hashes_stay(old_book: Book) -> None:
    before = hashes_of(old_book)
    assert len(before[0]) > 5
    migrations.upgrade(old_book.engine)
    assert hashes_of(old_book) == before
    attest_old_answers(old_book)
    check_everything(old_book)


def test_posting_goes_on_after_an_upgrade(old_book: Book) -> None:
    migrations.upgrade(old_book.engine)
    attest_old_answers(old_book)
    assert post(old_book, paid("k1", 100))[0].duplicate  # its old body hash is the one that is computed today
    post(old_book, paid("after", 7), back("back", 5, reverses="k5"))
    check_everything(old_book)


def test_answers_from_before_an_upgrade_are_given_again(old_book: Book) -> None:
    migrations.upgrade(old_book.engine)
    attest_old_answers(old_book)
    with old_book.unit_of_work(actor="s1") as unit:
        unit.remember("r3", body_hash=bytes(32), outcome={"new": True})
    with old_book.read() as connection:
        old = requests.recall(connection, "main", "r1", actor="s1", body_hash=bytes(32))
        new = requests.recall(connection, "main", "r3", actor="s1", body_hash=bytes(32))
        blocks = connection.execute(sa.select(tables.request.c.key, tables.request.c.block)).all()
    assert (old, new) == ({"status": 201, "body": {"n": 5}}, {"new": True})
    assert {key for key, block in blocks if block is None} == {"r1", "r2"}
    check_everything(old_book)


def test_holds_limits_and_periods_work_after_an_upgrade(old_book: Book) -> None:
    migrations.upgrade(old_book.engine)
    attest_old_answers(old_book)
    post(old_book, Hold(back("h1", 10)), PeriodClose("closed", date(2026, 1, 31)))
    post(old_book, back("part", 4, settles="h1"), paid("late", 1, on=date(2026, 1, 20)))
    post(old_book, Release("free", "h1", ReleaseKind.VOID))
    post(old_book, rule_change("rule", AccountRef.parse("550100"), floor=-5, ceiling=None))
    check_everything(old_book)


def test_answers_from_before_are_attested_once(old_book: Book) -> None:
    """They lie under no block's seal, so the book is not whole before."""
    migrations.upgrade(old_book.engine)
    assert audit_rows(old_book).failure.facts["table"] == "request"
    assert attest_old_answers(old_book) > 2
    assert audit_rows(old_book).failure is None
    assert attest_old_answers(old_book) == 0
    check_everything(old_book)


def test_an_upgrade_that_breaks_off_changes_nothing(old_book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    before = hashes_of(old_book)
    monkeypatch.setattr(migrations, "_run", broken(migrations._run))
    with pytest.raises(ZeroDivisionError):
        migrations.upgrade(old_book.engine)
    monkeypatch.undo()
    with old_book.read() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "0001"
    assert hashes_of(old_book) == before
    migrations.upgrade(old_book.engine)
    attest_old_answers(old_book)
    check_everything(old_book)


def broken(run: Callable[..., None]) -> Callable[..., None]:
    """The run of the revisions, and then a failure before the commit."""

    def run_and_fail(*args: Any) -> None:
        run(*args)
        raise ZeroDivisionError

    return run_and_fail


def test_foreign_keys_are_checked_again_after_an_upgrade(tmp_path: Path) -> None:
    engine = sqlite_of_0001(tmp_path / "old.sqlite3")
    migrations.upgrade(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    engine.dispose()


def test_an_upgrade_that_leaves_a_row_without_the_one_it_names_is_undone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.sqlite3")) as connection:
        connection.executescript((VECTORS / "0001-book.sql").read_text("utf-8"))
        connection.execute("INSERT INTO outbox_delivery VALUES ('main', 'a', 'b', 'waiting', 0, 0, NULL, NULL)")
        connection.commit()
    engine = open_engine(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    with pytest.raises(InvariantError, match="outbox_delivery"):
        migrations.upgrade(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "0001"
    engine.dispose()


def test_the_file_of_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    """The files beside it too, which SQLite gives the same rights."""
    engine = open_engine(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    migrations.upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM entry")
        modes = {
            file.name: file.stat().st_mode & 0o777 for file in tmp_path.glob("new.sqlite3*") if ".lock" not in file.name
        }
    engine.dispose()
    assert len(modes) == 3
    assert set(modes.values()) == {0o600}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def engine_of_0006(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database of revision 0006."""
    is_file = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'six.sqlite3'}" if is_file else request.getfixturevalue("make_empty_postgresql")()
    engine = open_engine(url)
    with write_transaction(engine) as connection:
        settings = config.Config()
        settings.set_main_option("script_location", "api:migrations")
        settings.set_main_option("path_separator", "os")
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0006")
    yield engine
    engine.dispose()


def test_what_refunds_have_taken_of_each_payment_is_counted_by_the_upgrade(engine_of_0006: sa.Engine) -> None:
    refunds = [
        ("r1", "y1", 300, "sent"),
        ("r2", "y1", 200, "refunded"),
        ("r3", "y1", 50, "failed"),
        ("r4", "y2", 7, "queued"),
    ]
    with write_transaction(engine_of_0006) as connection:
        for refund_id, payment_id, cents, state in refunds:
            connection.exec_driver_sql(
                "INSERT INTO refund (book_id, refund_id, payment_id, reference, amount_cents, debit, state,"
                f" requested_at, requested_on) VALUES ('main', '{refund_id}', '{payment_id}', 'back', {cents},"
                f" '489400:c1', '{state}', 0, '2026-03-02')"
            )
    migrations.upgrade(engine_of_0006)
    with engine_of_0006.connect() as connection:
        found = connection.exec_driver_sql("SELECT payment_id, left_cents, excess_cents FROM payment_outflow").all()
    assert [tuple(row) for row in found] == [("y1", 500, 0)]
