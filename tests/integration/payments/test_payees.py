"""Where money may go: what the bank says of a payee's account, what two people decide, accounts that gave it back."""

from datetime import timedelta

import pytest

from ledger import approvals
from ledger.errors import Refusal
from ledger.payments import payees
from ledger.payments.bank import client_account, configure_bank
from ledger.payments.iso20022.model import Account
from ledger.payments.payees import Standing
from ledger.payments.rail import PayeeAnswer, PayeeMatch
from tests.payments_kit import Shop

ADA = Account("Ada Peeters", "BE71096123456769")


@pytest.fixture
def office(book, clock):
    return Shop(book, None, clock)


def answer(office, match, account=ADA):
    with office.book.unit_of_work(actor=payees.ACTOR) as unit:
        payees.record_check(unit, "c1", PayeeAnswer(account.iban, account.name, match))


def standing(office, account=ADA):
    with office.book.read() as connection:
        return payees.standing(connection, office.book, "c1", account, now=office.book.clock.now())


def held(office):
    with office.book.read() as connection:
        return payees.parked(connection, office.book, now=office.book.clock.now())


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (PayeeMatch.MATCH, Standing.CLEAR),
        (PayeeMatch.CLOSE_MATCH, Standing.PARKED),
        (PayeeMatch.NO_MATCH, Standing.PARKED),
        (PayeeMatch.NOT_POSSIBLE, Standing.PARKED),
    ],
)
def test_money_goes_to_a_match_only_and_a_check_lasts_thirty_days(sqlite_book, clock, match, expected):
    office = Shop(sqlite_book, None, clock)
    assert standing(office) is Standing.UNCHECKED
    answer(office, match)
    assert standing(office) is expected
    assert standing(office, Account("Ada Janssens", ADA.iban)) is Standing.UNCHECKED
    assert standing(office, Account(ADA.name, "BE38091215014572")) is Standing.UNCHECKED
    clock.instant += payees.VALID_FOR + timedelta(seconds=1)
    assert standing(office) is Standing.UNCHECKED


def test_two_people_override_a_check_and_their_names_and_reason_stay(office):
    answer(office, PayeeMatch.NO_MATCH)
    [check] = held(office)
    assert (check.result, check.name_tested, check.iban) == ("no-match", ADA.name, ADA.iban)
    with office.book.unit_of_work(actor="s1") as unit:
        asked = payees.request_override(unit, "c1", check.account, reason="married name, seen on the card")
    with pytest.raises(Refusal, match="approval-not-given"), office.book.unit_of_work(actor="s1") as unit:
        payees.override(unit, "c1", check.account, approval_id=asked)
    with office.book.unit_of_work(actor="s2") as unit:
        approvals.approve(unit, asked)
        payees.override(unit, "c1", check.account, approval_id=asked)
    assert standing(office) is Standing.CLEAR
    assert held(office) == []
    with office.book.read() as connection:
        known = payees.last_check(connection, office.book, "c1", check.account)
    assert known is not None
    assert (known.overridden_by, known.override_reason) == ("s1 s2", "married name, seen on the card")
    with pytest.raises(Refusal, match="payee-not-parked"), office.book.unit_of_work(actor="s1") as unit:
        payees.request_override(unit, "c1", check.account, reason="again")


def test_an_account_that_gave_money_back_is_blocked_whatever_the_bank_says_of_its_name(office):
    answer(office, PayeeMatch.MATCH)
    with office.book.unit_of_work(actor="bank") as unit:
        payees.block_account(unit, "c1", ADA, reason="AC04")
    assert standing(office) is Standing.PARKED
    [check] = held(office)
    assert (check.result, check.reason, check.sequence) == ("returned", "AC04", 2)
    assert standing(office, Account(ADA.name, "BE38091215014572")) is Standing.UNCHECKED


def test_a_book_has_one_client_account_which_may_move(office):
    with pytest.raises(Refusal, match="bank-account-not-configured"), office.book.read() as connection:
        client_account(connection, "main")
    for account in (
        ADA,
        Account("BXL Invest", "BE38091215014572", "AXABBE22", creditor_identifier="BE81ZZZ0801234549"),
    ):
        with office.book.unit_of_work(actor="system") as unit:
            configure_bank(unit, account)
        with office.book.read() as connection:
            assert client_account(connection, "main") == account
