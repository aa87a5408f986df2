"""Transfers from before there were runs count beside them, and the rows of a run are sealed like the others."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api import migrations
from ledger.errors import Refusal
from ledger.storage.engine import schema_transaction
from tests.old_databases import BOTH, old_database
from tests.oracle import check_everything
from tests.payout_kit import ask_for_payouts, files_of, order_payouts, payout_town, serve_payouts

INSERT = (
    "INSERT INTO transfer_order (book_id, order_id, reference, payee, amount_cents, iban_last4, debit, kind, state,"
    " approval_id, ordered_on, text) VALUES ('main', 'told', 'loan:l1', 'e1', 5000, '6769', '489500:e1',"
    " 'disbursement', 'ordered', 'a1', '2026-03-02', 'loan:l1')"
)


@pytest.fixture(params=BOTH)
def old_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database of revision 0010 with one open transfer."""
    with old_database(request, tmp_path, "0010", INSERT) as engine:
        yield engine


def test_an_old_open_transfer_keeps_its_money_from_a_run_and_the_rows_of_a_run_are_final(old_engine):
    migrations.upgrade(old_engine)
    book = payout_town(old_engine, 3)
    asked = ask_for_payouts(book)
    with pytest.raises(Refusal) as caught:
        order_payouts(book, asked)
    assert (caught.value.code, caught.value.facts["missing_cents"]) == ("cash-rule-not-met", 5_000)
    with schema_transaction(old_engine) as connection:
        connection.exec_driver_sql("UPDATE transfer_order SET state = 'rejected'")
    run_id = serve_payouts(book)
    assert [state for state, _ in files_of(book, run_id)] == ["released"]
    for table in ("transfer_run", "transfer_run_line"):
        with pytest.raises(sa.exc.DatabaseError, match="final"), schema_transaction(old_engine) as connection:
            connection.exec_driver_sql(f"DELETE FROM {table}")
    check_everything(book)
