"""Transfers that an earlier program ordered keep their rows and stay open."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from api import migrations
from ledger.payments import queries
from ledger.payments.model import TransferState
from ledger.storage.engine import schema_transaction
from tests.conftest import make_book
from tests.old_databases import BOTH, old_database

DAY = date(2026, 3, 2)
INSERT = (
    "INSERT INTO transfer_order (book_id, order_id, reference, payee, amount_cents, iban_last4, debit, kind, state,"
    " approval_id, ordered_on) VALUES ('main', 'told', 'loan:l1', 'e1', 5000, '6769', '489500:e1', 'disbursement',"
    " 'ordered', 'a1', '2026-03-02')"
)


@pytest.fixture(params=BOTH)
def old_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database of revision 0003 with one open transfer."""
    with old_database(request, tmp_path, "0003", INSERT) as engine:
        yield engine


def test_open_transfers_stay_open_through_the_upgrade_and_block_a_second_of_their_reference(old_engine, clock):
    migrations.upgrade(old_engine)
    book = make_book(old_engine, clock)
    with book.read() as connection:
        [kept] = queries.transfer_orders(connection, "main")
    assert (kept.order_id, kept.state, kept.text, kept.batch_id) == ("told", TransferState.ORDERED, "loan:l1", None)
    again = INSERT.replace("'told'", "'tnew'").replace("approval_id", "text, approval_id").replace("'a1'", "'x', 'a1'")
    with pytest.raises(sa.exc.IntegrityError), schema_transaction(old_engine) as connection:
        connection.exec_driver_sql(again)
    with schema_transaction(old_engine) as connection:
        connection.exec_driver_sql("UPDATE transfer_order SET state = 'rejected'")
        connection.exec_driver_sql(again)
