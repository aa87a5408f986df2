"""Payments that an earlier program asked for keep their rows, and the client account's statements come beside them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api import migrations
from ledger.payments import queries
from ledger.payments.model import PaymentState
from ledger.storage.engine import schema_transaction
from tests.conftest import make_book
from tests.old_databases import BOTH, old_database

OLD_PAYMENT = (
    "INSERT INTO payment (book_id, payment_id, reference, payer, amount_cents, credit, state, requested_at,"
    " requested_on) VALUES ('main', 'told', 'pledge:p1', 'c1', 5000, '489100:c1', 'open', 1, '2026-03-02')"
)
LINE = (
    "INSERT INTO bank_line (book_id, line_key, iban, statement_id, amount_cents, booked_on, value_on, bank_code,"
    " servicer_reference, handling) VALUES ('main', 'k', 'BE', 's', 1, '2026-03-02', '2026-03-02', '', 'r', 'charge')"
)


@pytest.fixture(params=BOTH)
def old_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database of the revision before, with one open payment."""
    with old_database(request, tmp_path, "0005", OLD_PAYMENT) as engine:
        yield engine


def test_open_payments_stay_payable_at_the_provider_and_statement_lines_are_final(old_engine, clock):
    migrations.upgrade(old_engine)
    book = make_book(old_engine, clock)
    with book.read() as connection:
        [kept] = queries.payments_for(connection, "main", "pledge:p1")
    assert (kept.payment_id, kept.state, kept.structured_reference) == ("told", PaymentState.OPEN, None)
    assert queries.still_to_pay([kept], by_transfer=False) == kept
    with schema_transaction(old_engine) as connection:
        connection.exec_driver_sql(LINE)
    for change in ("UPDATE bank_line SET amount_cents = 2", "DELETE FROM bank_line"):
        with pytest.raises(sa.exc.DBAPIError, match="final"), schema_transaction(old_engine) as connection:
            connection.exec_driver_sql(change)
