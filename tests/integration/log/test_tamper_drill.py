"""The tamper drill: whatever SQL alters in a copy of the record, the audit finds, and no column is left out."""

import json
import re
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

import api.cli.drill as command
from contracts import payouts
from contracts.bonds import board
from contracts.bonds.board import NoticeSide
from contracts.documents.model import DocumentKind
from contracts.documents.service import store_document
from ledger import attest
from ledger.audit import drill as drill_module
from ledger.audit.drill import NOT_COVERED, OUTSIDE, copy_book, drill, operational, targets
from ledger.audit.rows import audit_rows
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.payments.bank import configure_bank
from ledger.payments.iso20022.model import Account
from ledger.storage import tables
from ledger.storage.base import MUTABLE_RECORD_TABLES, RECORD_TABLES, metadata
from tests.bonds_kit import bond_desk
from tests.camt_kit import CLIENT_IBAN, Move
from tests.full_book import full_book as full_book
from tests.full_book import full_sqlite_book as full_sqlite_book
from tests.payments_kit import FakeRail
from tests.products_kit import DAY, Town, make_town
from tests.transfers_kit import Client
from tests.votes_kit import NO, YES, announced

LEDGER = sorted(table.name for table in vars(tables).values() if isinstance(table, sa.Table))


def test_every_column_of_the_ledgers_record_is_tried_and_every_alteration_found(
    full_sqlite_book: Book, tmp_path: Path
) -> None:
    report = drill(full_sqlite_book, tmp_path / "copy.sqlite3", pairs=100, seed=3)
    assert report.undeclared == []
    assert report.share() == "100.00 %"
    for table in targets():
        if table.name in LEDGER:
            assert report.columns[table.name] == {column.name for column in table.columns}, table.name
    assert not [name for name in report.not_tried if name.partition(".")[0] in LEDGER]
    assert sum(report.tried.values()) > 1_000


def test_a_book_on_a_server_is_drilled_in_a_file(full_book: Book, tmp_path: Path) -> None:
    report = drill(full_book, tmp_path / "copy.sqlite3", pairs=30, seed=4, within=False)
    assert report.is_complete
    assert {table for table, _ in report.tried} >= RECORD_TABLES & set(LEDGER)


def test_every_column_of_the_products_record_is_tried_and_every_alteration_found(
    sqlite_book: Book, clock: FixedClock, tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the fake shouts that it is one
        rail = FakeRail()
    live(make_town(sqlite_book, clock, rail))
    report = drill(sqlite_book, tmp_path / "copy.sqlite3", pairs=100, seed=5)
    assert report.undeclared == []
    products = {table.name for table in targets()} - set(LEDGER)
    tried = {table: columns for table, columns in report.columns.items() if table in products}
    assert products == tried.keys()
    assert not [name for name in report.not_tried if name.partition(".")[0] in products]
    assert all(columns == {c.name for c in metadata.tables[table].columns} for table, columns in tried.items())


def live(town: Town) -> None:
    """A loan of two lenders, an instalment paid, pledges withdrawn and transferred, papers, a bond bid for, payouts."""
    ada, bob, borrower = town.citizen("Ada"), town.citizen("Bob"), town.enterprise(number="0403.201.185")
    loan_id = town.fund({ada: 100_000, bob: 50_000}, borrower)
    other = town.open_offer(town.enterprise("Brasserie du Canal", number="0417.497.106"))
    town.withdraw(town.pay_pledge(other, bob, 20_000).pledge_id)
    with town.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, Account("BXL Invest", CLIENT_IBAN))
    client = Client(town, borrower, other)
    client.receive(Move(20_000, ogm=client.pledge(ada, 20_000)), Move(700, text="?"))
    town.jump_to(DAY.replace(year=DAY.year + 1, day=DAY.day + 7))
    town.pay_due(loan_id, 1)
    with town.book.unit_of_work(actor=town.maker) as uow:
        paper = {"kind": DocumentKind.STATEMENT, "language": "fr", "subject": ada, "reference": loan_id}
        first = store_document(uow, **paper, pdf=b"%PDF first")
        store_document(uow, **paper, pdf=b"%PDF second", supersedes=first)
    vote(town, {ada: 100_000, bob: 50_000})
    desk = bond_desk(town)
    desk.bank = client.bank
    cem = town.citizen("Cem")
    series_id = desk.issue({cem: 6})
    desk.serve(series_id, "c1")
    with town.book.unit_of_work(actor=cem) as uow:
        bid: Any = {"side": NoticeSide.BUY, "units": 2, "reference_percent": Decimal("99.5"), "days": 30}
        board.post_notice(uow, series_id, writer=cem, on=town.today, **bid)
    town.bank_provider_money()
    with town.book.unit_of_work(actor=town.maker) as uow:  # who has less is parked
        payouts.request_payouts(uow, on=town.today, reason="run", smallest_cents=20_000)


def vote(town: Town, claims: dict[str, int]) -> None:
    """A vote in which one sends a ballot herself and one under a proxy, which is then revoked."""
    poll, (ada, bob) = announced(town.book, town.clock, claims), claims
    proxy = poll.proxy(bob, ada)
    poll.cast(ada, (YES, 100_000))
    poll.cast(bob, (NO, 50_000), by=ada)
    poll.revoke(proxy, by=bob)
    poll.close()


def test_every_table_is_of_the_record_or_named_as_outside() -> None:
    names = {table.name for table in targets()} | set(operational())
    assert names == set(metadata.tables)
    assert {table.name for table in targets()} == RECORD_TABLES | MUTABLE_RECORD_TABLES
    assert set(OUTSIDE) <= set(operational())
    assert all(column in metadata.tables[table].columns for table, column in NOT_COVERED)


def test_the_drill_sees_a_column_that_nothing_covers(
    full_sqlite_book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With digests that leave one column out, that column and no other is missed."""
    digest_of = attest.digest_of

    def careless(columns, row):
        kept = [i for i, name in enumerate(columns) if name != "reason"]
        return digest_of([columns[i] for i in kept], [row[i] for i in kept])

    monkeypatch.setattr(attest, "digest_of", careless)
    report = drill(full_sqlite_book, tmp_path / "copy.sqlite3", pairs=0, seed=6, within=False)
    missed = {(a.table, a.columns) for a in report.undeclared if a.kind == drill_module.COLUMN}
    assert missed == {("approval_request", ("reason",))}
    assert not report.is_complete
    monkeypatch.setattr(drill_module, "NOT_COVERED", {("approval_request", "reason"): "left out for this test"})
    assert not [a for a in report.undeclared if a.kind == drill_module.COLUMN]


def test_the_book_itself_is_not_touched(full_sqlite_book: Book, tmp_path: Path) -> None:
    before = rows_of(full_sqlite_book)
    drill(full_sqlite_book, tmp_path / "copy.sqlite3", pairs=5, seed=7, within=False)
    assert rows_of(full_sqlite_book) == before


def rows_of(book: Book) -> dict[str, list]:
    with book.read() as connection:
        return {t.name: sorted(map(repr, connection.execute(sa.select(t)))) for t in metadata.sorted_tables}


def test_a_book_that_is_wrong_already_is_refused(full_sqlite_book: Book, tmp_path: Path) -> None:
    engine = copy_book(full_sqlite_book, tmp_path / "wrong.sqlite3")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE posting SET balance_after = balance_after + 1 WHERE n = 4")
    wrong = Book(engine, "main", full_sqlite_book.clock, full_sqlite_book.keys)
    with pytest.raises(Refusal, match="row-differs"):
        drill(wrong, tmp_path / "copy.sqlite3", pairs=0, seed=8)
    engine.dispose()


def test_a_copy_has_the_books_rows_and_passes_the_audit(full_book: Book, tmp_path: Path) -> None:
    engine = copy_book(full_book, tmp_path / "copy.sqlite3")
    copy = Book(engine, "main", full_book.clock, full_book.keys)
    assert audit_rows(copy).failure is None
    assert rows_of(copy) == rows_of(full_book)
    engine.dispose()


@pytest.fixture
def opened(full_sqlite_book: Book, monkeypatch: pytest.MonkeyPatch) -> Book:
    monkeypatch.setattr(command, "open_book", lambda _settings: full_sqlite_book)
    return full_sqlite_book


def test_the_command_prints_a_table_and_the_share(opened: Book, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        command.drill, ["tamper", "--pairs", "5", "--seed", "9"], env={"BXL_DATA": str(tmp_path)}, standalone_mode=False
    )
    assert (result.exception, result.return_value) == (None, 0)
    assert "detected: 100.00 % of" in result.output
    assert "(seed 9)" in result.output
    assert re.search("not tried, for want of a row: .*document \\(11 columns\\), ", result.output)
    assert re.search("free to change: .*business_date.*, checkpoint", result.output)
    [row] = [line.split() for line in result.output.splitlines() if line.startswith("posting ")]
    assert row[1] == str(len(tables.posting.columns))
    assert row[2] == row[3]


def test_the_command_fails_where_something_is_missed(
    opened: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attest, "digest_of", lambda _columns, _row: bytes(32))
    arguments = ["tamper", "--pairs", "0", "--seed", "9", "--json"]
    result = CliRunner().invoke(command.drill, arguments, env={"BXL_DATA": str(tmp_path)}, standalone_mode=False)
    assert (result.exception, result.return_value) == (None, 1)
    figures = json.loads(result.output)
    assert figures["detected"] < figures["altered"]
    assert "outbox: column body" in figures["missed"]
