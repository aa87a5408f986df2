"""A town with loans moves to another database as a log export, and everything that is attested is there."""

import io
from datetime import timedelta

import pytest
import sqlalchemy as sa

from ledger.attest import attest, relations
from ledger.audit.log_export import write_log
from ledger.audit.log_import import read_log
from ledger.audit.rows import audit_rows
from ledger.book import open_book
from ledger.storage.base import metadata
from ledger.storage.keys import KeyRing
from tests.conftest import MakeEngine
from tests.oracle import check_everything, digest_of
from tests.products_kit import DAY

TRANSPORT = bytes(range(32))


@pytest.mark.postgresql
def test_a_town_with_loans_moves_to_postgresql(sqlite_town, make_engine: MakeEngine, clock) -> None:
    town = sqlite_town
    ada, bob, borrower = town.citizen("Ada"), town.citizen("Bob"), town.enterprise()
    offer_id = town.open_offer(borrower, maximum_cents=150_000)
    for lender in (ada, bob):
        town.pay_pledge(offer_id, lender, 75_000)
    town.go_to(DAY + timedelta(days=5))
    with town.book.unit_of_work(actor="s1") as unit:
        assert attest(unit, key="state:1") > 20
    out = io.BytesIO()
    write_log(town.book, out, TRANSPORT)
    out.seek(0)
    engine, keys = make_engine("postgresql"), KeyRing("main", bytes(32))
    read_log(engine, out, TRANSPORT, keys=keys)
    there = open_book(engine, "main", clock=clock, keys=keys)
    assert digest_of(there) == digest_of(town.book)
    check_everything(there)
    report = audit_rows(there)
    assert report.failure is None, report.to_text()
    for relation in relations():
        table = metadata.tables[relation]
        query = sa.select(table).where(table.c.book_id == "main")
        with town.book.read() as ours, there.read() as theirs:
            assert set(map(repr, theirs.execute(query))) == set(map(repr, ours.execute(query))), relation
