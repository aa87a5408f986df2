"""Payments from before the way they were paid was kept: their refunds are tried at the provider, whatever their age."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from api import migrations
from ledger.payments import queries
from ledger.payments import tables as t
from ledger.payments.bank_refunds import goes_by_bank
from ledger.payments.model import PaymentState
from ledger.storage.engine import schema_transaction
from tests.conftest import make_book
from tests.old_databases import BOTH, old_database

PAID = (
    "INSERT INTO payment (book_id, payment_id, reference, payer, amount_cents, credit, state, requested_at,"
    " requested_on, provider_id, checkout_url, paid_on) VALUES ('main', 'told', 'pledge:p1', 'c1', 5000, '489100:c1',"
    " 'paid', 1, '2026-03-02', 'tr_old', 'https://pay.example/1', '2026-03-02')"
)
NEW = PAID.replace("'told'", "'tnew'").replace("'tr_old'", "'tr_new'")
NEW = NEW.replace("paid_on)", "paid_on, method)").replace("'2026-03-02')", "'2026-03-02', 'bancontact')")
DAY_180, DAY_181 = date(2026, 8, 29), date(2026, 8, 30)


@pytest.fixture(params=BOTH)
def old_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    with old_database(request, tmp_path, "0004", PAID) as engine:
        yield engine


def test_a_payment_whose_method_nobody_kept_is_refunded_by_the_provider_and_a_newer_one_by_its_window(
    old_engine, clock
):
    migrations.upgrade(old_engine)
    with schema_transaction(old_engine) as connection:
        connection.exec_driver_sql(NEW)
    book = make_book(old_engine, clock)
    with book.read() as connection:
        kept = {each.payment_id: each for each in queries.payments_for(connection, "main", "pledge:p1")}
        rows = {row.payment_id: row for row in connection.execute(sa.select(t.payment))}
    assert (kept["told"].state, kept["told"].amount_cents) == (PaymentState.PAID, 5000)
    assert [rows["told"].method, rows["told"].provider_id, rows["told"].paid_on] == [None, "tr_old", date(2026, 3, 2)]
    sent_by_bank = [goes_by_bank(rows[which], on) for which in ("told", "tnew") for on in (DAY_180, DAY_181)]
    assert sent_by_bank == [False, False, False, True]
