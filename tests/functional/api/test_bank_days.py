"""The worker at the bank: money that citizens transfer arrives by statement, and orders leave by file."""

from datetime import date

import pytest
import sqlalchemy as sa

from api.demo.story import BEGINS_ON
from api.rails.sandbox.bank.control import BankControl
from api.worker.banking import deal_with_bank
from contracts.servicing.accounts import account_of
from ledger import balances
from ledger.accounts import AccountRef
from ledger.payments import batches, queries
from ledger.payments import tables as t
from ledger.payments.model import BatchState, PaymentState, TransferState
from ledger.payments.rail import OutcomeUnknownError
from tests.api_kit import Desk, moved
from tests.bank_kit import texts


@pytest.fixture
def bank(banked: Desk) -> BankControl:
    """The bank's side; it knows the cast's accounts by their names."""
    control = BankControl(str(banked.wiring.settings.sandbox_url))
    with banked.wiring.book.read() as connection:
        for nick in ("amelie", "marie", "fournil"):
            account = account_of(connection, banked.wiring.book, banked.stage.parties[nick], BEGINS_ON)
            control.keep_account(account.iban, account.name)
    return control


def transfers_asked(desk: Desk) -> dict[str, sa.Row]:
    """What citizens were asked to transfer, by nickname."""
    nicks = {party: nick for nick, party in desk.stage.parties.items()}
    with desk.wiring.book.read() as connection:
        rows = connection.execute(sa.select(t.payment).where(t.payment.c.structured_reference.is_not(None)))
        return {nicks[row.payer]: row for row in rows}


def balance(desk: Desk, account: str) -> int:
    book = desk.wiring.book
    with book.read() as connection:
        return balances.balance(connection, book.book_id, AccountRef.parse(account))


def transfer(desk: Desk, bank: BankControl, who: str) -> None:
    """Somebody pays what was asked, from the account that is known, with the structured communication."""
    row = transfers_asked(desk)[who]
    with desk.wiring.book.read() as connection:
        account = account_of(connection, desk.wiring.book, desk.stage.parties[who], BEGINS_ON)
    bank.credit_transfer(row.amount_cents, name=account.name, iban=account.iban, text=row.structured_reference)


def cases(desk: Desk) -> list[str]:
    with desk.wiring.book.read() as connection:
        return sorted(case.code for case in queries.open_cases(connection, "main"))


def test_a_pledge_paid_by_transfer_is_paid_when_the_statement_of_its_day_has_come(banked: Desk, bank: BankControl):
    banked.stage.pledge("amelie", "oven", 500)
    banked.stage.come_to_rest()
    transfer(banked, bank, "amelie")
    banked.stage.come_to_rest()
    assert transfers_asked(banked)["amelie"].state == PaymentState.OPEN  # the day has not ended
    moved(banked.stage, date(2026, 3, 3))
    paid = transfers_asked(banked)["amelie"]
    assert (paid.state, paid.paid_on) == (PaymentState.PAID, BEGINS_ON)
    assert balance(banked, "550100") == bank.cents() == 50_000
    before = banked.entries()
    assert deal_with_bank(banked.wiring) == 0  # asked again, nothing is new
    assert banked.entries() == before
    assert cases(banked) == []


def test_a_statement_that_is_missing_shows_when_the_next_has_come_and_no_longer_when_it_comes(
    banked: Desk, bank: BankControl
):
    moved(banked.stage, date(2026, 3, 3))
    banked.stage.pledge("amelie", "oven", 500)
    transfer(banked, bank, "amelie")
    bank.spoil_next("missing")
    moved(banked.stage, date(2026, 3, 5))
    assert cases(banked) == ["statement-missing"]
    bank.heal()
    assert deal_with_bank(banked.wiring) > 0
    assert cases(banked) == []
    assert transfers_asked(banked)["amelie"].state == PaymentState.PAID


def test_a_loan_is_paid_out_by_a_file_that_the_bank_takes_answers_and_carries_out(banked: Desk, bank: BankControl):
    stage, book = banked.stage, banked.wiring.book
    for who, euro in (("amelie", 14_000), ("marie", 10_000)):
        stage.pledge(who, "oven", euro)
        stage.come_to_rest()
        transfer(banked, bank, who)
    moved(stage, date(2026, 3, 7))
    moved(stage, date(2026, 3, 9))
    assert balance(banked, "550100") == bank.cents() == 2_400_000
    stage.disburse("oven")
    stage.come_to_rest()  # the payee is checked
    stage.confirm_transfers()
    bank.add_fault("reset-after", path="/bank-api/files")
    with pytest.raises(OutcomeUnknownError):
        stage.come_to_rest()
    stage.come_to_rest()
    with book.read() as connection:
        [batch] = batches.batches(connection, "main")
        file = batches.file_of(connection, book, batch.batch_id)
    assert batch.state is BatchState.SUBMITTED
    assert texts(file, "Nm")[-1] == "Le Fournil des Coteaux"
    moved(stage, date(2026, 3, 10))
    with book.read() as connection:
        [order] = queries.transfer_orders(connection, "main")
        [batch] = batches.batches(connection, "main")
    assert (order.state, order.booked_on) == (TransferState.BOOKED, date(2026, 3, 9))
    assert batch.state is BatchState.ACCEPTED
    assert balance(banked, "550100") == bank.cents() == 0
    assert balance(banked, "580400") == 0
    assert cases(banked) == []


def test_a_file_that_the_bank_does_not_take_is_a_case_and_is_handed_in_again(banked: Desk, bank: BankControl):
    stage = banked.stage
    stage.pledge("amelie", "oven", 24_000)
    stage.come_to_rest()
    transfer(banked, bank, "amelie")
    moved(stage, date(2026, 3, 7))
    moved(stage, date(2026, 3, 9))
    stage.disburse("oven")
    stage.come_to_rest()
    stage.confirm_transfers()
    bank.add_fault("422-without-detail", path="/bank-api/files")
    stage.come_to_rest()
    assert cases(banked) == ["order-file-not-taken"]
    deal_with_bank(banked.wiring)
    with banked.wiring.book.read() as connection:
        assert [each.state for each in batches.batches(connection, "main")] == [BatchState.SUBMITTED]
