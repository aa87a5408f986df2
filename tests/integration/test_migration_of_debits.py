"""Dues that were asked for before there were mandates stay payable, and mandates and debits come beside them."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from api import migrations
from ledger.accounts import AccountRef
from ledger.payments import debits, mandates, queries
from ledger.payments.iso20022.model import Account
from ledger.payments.mandates import DebitScheme
from ledger.payments.model import DebitState, PaymentState
from ledger.storage.engine import schema_transaction
from tests.conftest import make_book
from tests.old_databases import BOTH, old_database

DUE = (
    "INSERT INTO payment (book_id, payment_id, reference, payer, amount_cents, credit, state, requested_at,"
    " requested_on, structured_reference) VALUES ('main', 'told', 'due:l1:1', 'e1', 5000, '489600:l1', 'open', 1,"
    " '2026-03-02', '123456789002')"
)
SECOND = (
    "INSERT INTO mandate (book_id, mandate_id, debtor, scheme, sealed, iban_last4, signed_on, state)"
    " SELECT book_id, 'mother', debtor, scheme, sealed, iban_last4, signed_on, state FROM mandate"
)


@pytest.fixture(params=BOTH)
def old_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    with old_database(request, tmp_path, "0007", DUE) as engine:
        yield engine


def test_an_open_due_stays_payable_and_the_next_one_is_collected_under_the_only_active_mandate(old_engine, clock):
    migrations.upgrade(old_engine)
    book = make_book(old_engine, clock)
    theirs = Account("Boulangerie Levain", "BE71096123456769")
    with book.unit_of_work(actor="e1") as unit:
        mandate_id = mandates.record_mandate(
            unit, debtor="e1", account=theirs, scheme=DebitScheme.CORE, signed_on=unit.today()
        )
        known = mandates.mandate(unit.connection, "main", mandate_id)
        ordered = debits.order_debit(
            unit,
            known,
            reference="due:l1:2",
            amount_cents=5000,
            credit=AccountRef("489600", "l1"),
            due_on=date(2026, 4, 1),
        )
    with book.read() as connection:
        [old] = queries.payments_for(connection, "main", "due:l1:1")
        assert debits.debits_for(connection, "main", "due:l1:1") == []
        assert debits.debits_for(connection, "main", "due:l1:2") == [ordered]
        assert mandates.debtor_account(connection, book, mandate_id) == theirs
    assert (old.state, ordered.state) == (PaymentState.OPEN, DebitState.ORDERED)
    assert queries.still_to_pay([old], by_transfer=True) == old
    with pytest.raises(sa.exc.IntegrityError), schema_transaction(old_engine) as connection:
        connection.exec_driver_sql(SECOND)
    with book.unit_of_work(actor="e1") as unit:
        mandates.revoke_mandate(unit, "e1")
    with schema_transaction(old_engine) as connection:
        connection.exec_driver_sql(SECOND)
    with book.read() as connection:
        assert len(mandates.mandates(connection, "main", "e1")) == 2
