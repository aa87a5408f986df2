"""Balances, the trial balance, statements and entries as they are read back."""

from datetime import date

import pytest

from ledger import approvals, balances
from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.errors import Refusal
from ledger.money import Asset
from tests.entries import BANK, PLEDGES, back, entry, paid, post

EARLY, LATE = date(2026, 1, 31), date(2026, 5, 1)


@pytest.fixture
def busy_book(book: Book) -> Book:
    with book.unit_of_work(actor="s1") as unit:
        approval_id = approvals.request(unit, action="post", body={"key": "k2"}, reason="by hand")
    with book.unit_of_work(actor="s2") as unit:
        approvals.approve(unit, approval_id)
    stated = {"evidence": "ab" * 32, "approvals": (approval_id,)}
    post(book, paid("k1", 100, on=EARLY), paid("k2", 50, citizen="c18", **stated))
    post(book, back("k3", 30, on=LATE), paid("k4", 5, on=date(2026, 1, 1), actor="s9"))  # booked last, dated first
    with book.unit_of_work(actor="s1") as unit:
        unit.open_asset(Asset("LOAN-A", 2))
        unit.post(entry("k5", ("020000:c17", 100, 0, "LOAN-A"), ("021000:e5", 0, 100, "LOAN-A"), on=LATE))
        unit.post(back("k6", 50, citizen="c18", on=LATE))
    return book


def shown(found: list[balances.AccountBalance]) -> list[tuple[str, str, int, int]]:
    return [(str(b.account), b.account.asset, b.debit, b.credit) for b in found]


def test_a_balance_follows_the_date_of_effect(busy_book: Book) -> None:
    with busy_book.read() as connection:
        bank = AccountRef(BANK)
        on = {day: balances.balance(connection, "main", bank, on=day) for day in (date(2025, 12, 31), EARLY, LATE)}
        assert on == {date(2025, 12, 31): 0, EARLY: 105, LATE: 75}
        assert balances.balance(connection, "main", bank) == 75
        assert balances.balance(connection, "main", AccountRef.parse(PLEDGES)) == -75
        assert balances.balance(connection, "main", AccountRef("700000")) == 0


def test_the_trial_balance_lists_every_account_with_postings(busy_book: Book) -> None:
    with busy_book.read() as connection:
        assert shown(balances.trial_balance(connection, "main")) == [
            ("020000:c17", "LOAN-A", 100, 0),
            ("021000:e5", "LOAN-A", 0, 100),
            ("489100:c17", "EUR", 0, 75),
            ("489100:c18", "EUR", 0, 0),
            ("550100", "EUR", 75, 0),
        ]
        assert shown(balances.trial_balance(connection, "main", on=EARLY)) == [
            ("489100:c17", "EUR", 0, 105),
            ("550100", "EUR", 105, 0),
        ]
        assert balances.trial_balance(connection, "main", on=date(2025, 12, 31)) == []


def test_balances_are_found_by_code_owner_and_asset(busy_book: Book) -> None:
    with busy_book.read() as connection:
        assert len(balances.balances(connection, "main", code_prefix="489")) == 2
        assert len(balances.balances(connection, "main", owner="c17")) == 2
        assert len(balances.balances(connection, "main", owner="c17", asset="EUR")) == 1
        assert balances.balances(connection, "main", code_prefix="4_9") == []
        assert balances.balances(connection, "main", code_prefix="489", on=date(2025, 1, 1)) == []


def test_a_statement_is_in_booking_order_and_pages_by_sequence(busy_book: Book) -> None:
    with busy_book.read() as connection:
        account = AccountRef.parse(PLEDGES)
        lines = balances.statement(connection, "main", account)
        assert [(x.seq, x.key, x.debit, x.credit, x.balance, x.effective_on) for x in lines] == [
            (1, "k1", 0, 100, -100, EARLY),
            (2, "k3", 30, 0, -70, LATE),
            (3, "k4", 0, 5, -75, date(2026, 1, 1)),
        ]
        assert balances.statement(connection, "main", account, after_seq=1, limit=1) == lines[1:2]
        assert balances.statement(connection, "main", account, after_seq=3) == []
        with pytest.raises(Refusal) as refused:
            balances.statement(connection, "main", AccountRef.parse("489100:c17", "LOAN-A"))
    assert refused.value == Refusal("account-unknown", account=PLEDGES, asset="LOAN-A")


def test_entries_are_read_with_all_that_was_stated(busy_book: Book) -> None:
    with busy_book.read() as connection:
        found = balances.entry_by_key(connection, "main", "k2")
        assert found is not None
        assert (found.evidence, found.actor, found.purpose) == ("ab" * 32, "system", "test")
        [approval_id] = found.approvals
        given = approvals.find(connection, "main", approval_id)
        assert given is not None
        assert given.approver == "s2"
        assert balances.entry_by_key(connection, "main", "nothing") is None
        assert set(balances.entries_by_key(connection, "main", ["k1", "k4", "nothing"])) == {"k1", "k4"}
        upwards = balances.entries(connection, "main", first_n=2, limit=2)
        downwards = balances.entries(connection, "main", limit=3, newest_first=True)
        count = balances.entry_count(connection, "main")
    assert [e.key for e in upwards] == ["k1", "k2"]
    assert [e.key for e in downwards] == ["k6", "k5", None]
    assert downwards[0].n == count - 1


def test_the_first_dates_of_accounts_are_dates_of_effect(busy_book: Book) -> None:
    with busy_book.read() as connection:
        first = balances.first_posting_dates(connection, "main")
    assert first[AccountRef(BANK)] == date(2026, 1, 1)
    assert first[AccountRef.parse("489100:c18")] == date(2026, 3, 2)


def test_amounts_of_different_assets_are_not_added(busy_book: Book) -> None:
    with busy_book.read() as connection:
        assert balances.total(balances.balances(connection, "main", asset="EUR")) == 0
        with pytest.raises(AssertionError, match="different assets"):
            balances.total(balances.balances(connection, "main"))
