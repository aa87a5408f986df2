"""Attesting: the rows that no entry tells of come under a root in the log, and the audit holds them to it."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

import api.cli.audit as command
from api.worker.jobs import JOBS, attest_record
from ledger import attest as attesting
from ledger.attest import HASHED, attest, daily_key, relations
from ledger.audit.drill import copy_book
from ledger.audit.rows import SUMS_ONLY, audit_rows
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.log.encoding import b64
from ledger.log.merkle import leaf_hash, root
from ledger.storage import tables
from ledger.storage.base import RECORD_TABLES
from ledger.verify.report import Report
from tests.entries import paid, post
from tests.full_book import full_book as full_book
from tests.full_book import full_sqlite_book as full_sqlite_book


def attested(book: Book, key: str = "state:1") -> int:
    with book.unit_of_work(actor="auditor") as unit:
        return attest(unit, key=key)


def newer(report: Report) -> list[str]:
    return [sentence for sentence in report.not_checked if sentence.endswith("newer than the last attestation")]


def lines_of(book: Book, key: str) -> list[dict]:
    f, e = tables.finding.c, tables.entry.c
    query = sa.select(f.body).join(tables.entry, sa.and_(e.book_id == f.book_id, e.n == f.n))
    with book.read() as connection:
        return list(connection.scalars(query.where(f.book_id == "main", e.fact_key == key).order_by(f.line)))


def kept(book: Book, relation: str) -> list[tuple[str, bytes]]:
    a = tables.attestation.c
    query = sa.select(a.row_key, a.digest).where(a.book_id == "main", a.relation == relation)
    with book.read() as connection:
        return sorted(map(tuple, connection.execute(query)))


def test_every_row_that_no_entry_tells_of_is_attested_once(full_book: Book) -> None:
    before = audit_rows(full_book)
    assert newer(before) == [
        "1 row of approval_given, newer than the last attestation",
        "2 rows of approval_request, newer than the last attestation",
        "1 row of book, newer than the last attestation",
        "2 rows of outbox, newer than the last attestation",
    ]
    assert attested(full_book) == 6
    assert attested(full_book) == 0  # the state stands
    assert attested(full_book, "state:2") == 0  # nothing is new
    assert lines_of(full_book, "state:2") == []
    report = audit_rows(full_book)
    assert (report.failure, newer(report)) == (None, [])
    assert "6 rows as 1 states attest them" in report.to_text()


def test_a_state_says_per_relation_how_many_rows_and_the_root_over_the_new_ones(full_book: Book) -> None:
    with full_book.read() as connection:
        block = connection.execute(sa.select(tables.block).order_by(tables.block.c.block.desc())).first()
    attested(full_book)
    *lines, last = lines_of(full_book, "state:1")
    assert [line["relation"] for line in lines] == relations() == sorted(RECORD_TABLES - HASHED)
    assert last == {"block": block.block, "hash": b64(block.hash)}
    rows = {line["relation"]: (line["rows"], line["root"]) for line in lines}
    assert rows["party"] == (0, b64(root([])))
    assert rows["outbox"] == (2, b64(root(leaf_hash(digest) for _, digest in kept(full_book, "outbox"))))
    assert [json.loads(key) for key, _ in kept(full_book, "outbox")] == [["topic", "one"], ["topic", "two"]]
    assert kept(full_book, "book")[0][0] == "[]"

    with full_book.unit_of_work(actor="s1") as unit:
        unit.emit("topic", "aaa", {})
    old = kept(full_book, "outbox")
    assert attested(full_book, "state:2") == 1
    [new] = {*kept(full_book, "outbox")} - {*old}
    rows = {line["relation"]: (line["rows"], line["root"]) for line in lines_of(full_book, "state:2")[:-1]}
    assert rows["outbox"] == (3, b64(leaf_hash(new[1])))
    assert rows["book"] == (1, b64(root([])))
    assert audit_rows(full_book).failure is None


def test_a_digest_is_that_of_the_row_as_the_documentation_writes_it(full_book: Book) -> None:
    attested(full_book)
    text = '{"at":1772449200000000,"body":"{\\"a\\":1}","key":"one","position":0,"topic":"topic"}'
    assert kept(full_book, "outbox")[0][1] == hashlib.sha256(text.encode()).digest()


def test_pages_do_not_change_what_is_attested(full_sqlite_book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attesting, "PAGE", 2)
    with full_sqlite_book.unit_of_work(actor="s1") as unit:
        for i in range(7):
            unit.emit("topic", f"page-{i}", {})
    assert attested(full_sqlite_book) == 13
    assert audit_rows(full_sqlite_book).failure is None


FORGERIES = {
    "a row and its digest": [
        "UPDATE outbox SET position = 9 WHERE key = 'one'",
        "UPDATE attestation SET digest = zeroblob(32) WHERE relation = 'outbox' AND row_key LIKE '%one%'",
    ],
    "a row and its attestation are gone": [
        "DELETE FROM outbox WHERE key = 'one'",
        "DELETE FROM attestation WHERE relation = 'outbox' AND row_key LIKE '%one%'",
    ],
    "an attested row is gone": ["DELETE FROM outbox WHERE key = 'one'"],
    "a row under a state that nobody entered": [
        "INSERT INTO attestation VALUES ('main', 'outbox', '[1]', zeroblob(32), 'state:none')"
    ],
    "a row slipped under a state": [
        "INSERT INTO attestation VALUES ('main', 'outbox', '[1]', zeroblob(32), 'state:1')"
    ],
    "a table that is not attested": [
        "INSERT INTO attestation VALUES ('main', 'posting', '[1]', zeroblob(32), 'state:1')"
    ],
    "an answer that no block seals": [
        "INSERT INTO request VALUES ('main', 'k', 's1', zeroblob(32), '{}', 0, NULL, NULL)"
    ],
    "all attestations are gone": ["DELETE FROM attestation"],
}


@pytest.mark.parametrize("name", FORGERIES)
def test_what_differs_from_the_attested_state_is_found(full_sqlite_book: Book, tmp_path: Path, name: str) -> None:
    attested(full_sqlite_book)
    with copied(full_sqlite_book, tmp_path) as copy:
        with copy.engine.begin() as connection:
            for statement in FORGERIES[name]:
                connection.exec_driver_sql(statement)
        assert audit_rows(copy).failure is not None


def test_an_answer_from_before_blocks_sealed_answers_is_attested(full_sqlite_book: Book, tmp_path: Path) -> None:
    with copied(full_sqlite_book, tmp_path) as copy:
        with copy.engine.begin() as connection:
            connection.exec_driver_sql(FORGERIES["an answer that no block seals"][0])
        assert audit_rows(copy).failure.facts["table"] == "request"
        assert attested(copy) == 7
        assert audit_rows(copy).failure is None
        with copy.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE request SET outcome = '{\"a\":1}' WHERE block IS NULL")
        assert audit_rows(copy).failure.facts["table"] == "request"


@contextmanager
def copied(book: Book, folder: Path) -> Iterator[Book]:
    engine = copy_book(book, folder / "copy.sqlite3")
    yield Book(engine, book.book_id, book.clock, book.keys)
    engine.dispose()


def test_the_worker_attests_each_business_date_once(full_book: Book, clock: FixedClock) -> None:
    assert JOBS[-1].run is attest_record
    assert daily_key(date(2026, 4, 3)) == "state:2026-04-03"
    assert attest_record(full_book, date(2026, 4, 3)) == 6
    with full_book.unit_of_work(actor="s1") as unit:
        unit.emit("topic", "later", {})
    assert attest_record(full_book, date(2026, 4, 3)) == 0
    assert attest_record(full_book, date(2026, 4, 4)) == 1


def test_the_commands_attest_and_audit_at_both_levels(
    full_sqlite_book: Book, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("api.bootstrap.open_book", lambda _settings: full_sqlite_book)
    run = runner(tmp_path)
    assert run(command.attest_command, []) == (0, "6 rows attested\n")
    assert run(command.attest_command, ["--key", "state:again"]) == (0, "0 rows attested\n")
    assert lines_of(full_sqlite_book, "state:2026-04-03")
    code, text = run(command.audit, ["--json"])
    assert code == 2  # no log is published here
    assert {check["check"] for check in json.loads(text)["checks"]} >= {"commitments", "attested rows"}
    code, text = run(command.audit, ["--sums", "--json"])
    assert code == 2
    assert not {check["check"] for check in json.loads(text)["checks"]} & {"commitments", "attested rows"}
    assert json.loads(text)["not_checked"][-len(SUMS_ONLY) - 1 : -1] == list(SUMS_ONLY)


def runner(folder: Path) -> Callable[..., tuple[int, str]]:
    def run(which, arguments) -> tuple[int, str]:
        result = CliRunner().invoke(which, arguments, env={"BXL_DATA": str(folder)}, standalone_mode=False)
        assert result.exception is None, result.exc_info
        return result.return_value or 0, result.output

    return run


def test_more_posting_after_a_state_leaves_it_as_it_was(full_book: Book) -> None:
    attested(full_book)
    post(full_book, paid("later", 5))
    report = audit_rows(full_book)
    assert (report.failure, newer(report)) == (None, [])
