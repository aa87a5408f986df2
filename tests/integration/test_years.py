"""Closing a year under four eyes and opening the next, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa

from frontend.pages.desk import approve_and_do
from ledger import approvals, balances
from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.storage import tables
from ledger.years import YEAR_CLOSE, close_year, open_year, request_year_close
from tests.conftest import MakeEngine, make_book
from tests.entries import entry, post
from tests.oracle import check_everything, digest_of
from tests.statements_kit import (
    FIRST,
    LAST,
    NEXT,
    amounts,
    ask_to_close,
    close,
    go_to,
    income_of,
    keep_books,
    open_next,
    sheet_on,
)


def posted(book: Book, key: str) -> list[tuple[str, int, int]]:
    with book.read() as connection:
        found = balances.entry_by_key(connection, book.book_id, key)
    assert found is not None
    return [(str(line.account), line.debit, line.credit) for line in found.lines]


def balance_of(book: Book, account: str, on: date | None = None) -> int:
    with book.read() as connection:
        return balances.balance(connection, book.book_id, AccountRef.parse(account), on=on)


def result_accounts(book: Book) -> list[int]:
    with book.read() as connection:
        found = [b for prefix in "67" for b in balances.balances(connection, book.book_id, code_prefix=prefix)]
    return [b.signed for b in found]


def refusal_of(book: Book, act) -> Refusal:
    """What `act` is refused with; nothing changed."""
    before = digest_of(book)
    with pytest.raises(Refusal) as refused, book.unit_of_work(actor="s1") as unit:
        act(unit)
    assert digest_of(book) == before
    return refused.value


def test_closing_brings_income_and_expenses_to_zero_against_the_result(book: Book) -> None:
    keep_books(book)
    approval_id = ask_to_close(book)
    assert close(book, LAST, approval_id) == [("year:2025:closed", False)]
    assert posted(book, "year:2025:closed") == [
        ("610000", 0, 300_00),
        ("630000", 0, 120_00),
        ("650000", 0, 70_00),
        ("657000", 0, 20_00),
        ("670000", 0, 100_00),
        ("704000", 1_000_00, 0),
        ("763000", 10_00, 0),
        ("139000", 0, 400_00),
    ]
    with book.read() as connection:
        found = balances.entry_by_key(connection, book.book_id, "year:2025:closed")
    assert found is not None
    assert (found.effective_on, found.purpose, found.actor, found.approvals) == (
        LAST, "year-closed", "s1", (approval_id,)
    )  # fmt: skip
    assert not any(result_accounts(book))


def test_opening_carries_a_profit_forward_on_the_first_day(book: Book) -> None:
    keep_books(book)
    close(book)
    assert open_next(book) == [("year:2026:opened", False)]
    assert posted(book, "year:2026:opened") == [("139000", 400_00, 0), ("140000", 0, 400_00)]
    assert (balance_of(book, "139000", on=LAST), balance_of(book, "139000", on=NEXT)) == (-400_00, 0)
    assert balance_of(book, "140000") == -2_400_00


def test_opening_carries_a_loss_forward_on_its_own_account(book: Book) -> None:
    post(book, entry("rent", ("610000", 30, 0), ("550200", 0, 30), on=LAST))
    close(book)
    assert posted(book, "year:2025:closed") == [("610000", 0, 30), ("139000", 30, 0)]
    open_next(book)
    assert posted(book, "year:2026:opened") == [("139000", 0, 30), ("141000", 30, 0)]
    assert amounts(sheet_on(book, NEXT).liabilities)["14P"] == -30


def test_the_statements_of_the_closed_year_are_unchanged_by_closing_and_opening(book: Book) -> None:
    keep_books(book)
    before = sheet_on(book, LAST), income_of(book), income_of(book, since=date(2025, 4, 1))
    close(book)
    assert (sheet_on(book, LAST), income_of(book), income_of(book, since=date(2025, 4, 1))) == before
    open_next(book)
    assert (sheet_on(book, LAST), income_of(book), income_of(book, since=date(2025, 4, 1))) == before


def test_the_new_year_begins_without_income_or_expenses_and_with_the_result_carried(book: Book) -> None:
    keep_books(book)
    close(book)
    open_next(book)
    sheet, found = sheet_on(book, NEXT), income_of(book, since=NEXT, until=NEXT)
    assert sheet.result_cents == 0
    assert amounts(sheet.liabilities)["14P"] == 2_400_00
    assert (found.result_cents, amounts(found.rows)) == (0, {})
    assert amounts(found.appropriation) == {"9906": 2_400_00, "14P": 2_400_00, "14": 2_400_00}


def test_the_next_year_is_closed_on_its_own_result(book: Book, clock: FixedClock) -> None:
    keep_books(book)
    close(book)
    open_next(book)
    post(book, entry("rent-2026", ("610000", 50, 0), ("550200", 0, 50), on=date(2026, 2, 1)))
    go_to(clock, date(2027, 1, 5))
    assert income_of(book, since=NEXT, until=date(2026, 12, 31)).result_cents == -50
    assert close(book, date(2026, 12, 31)) == [("year:2026:closed", False)]
    assert open_next(book, date(2027, 1, 1)) == [("year:2027:opened", False)]
    assert (balance_of(book, "139000"), balance_of(book, "140000"), balance_of(book, "141000")) == (0, -2_400_00, 50)


def test_the_same_closing_and_opening_again_are_duplicates(book: Book) -> None:
    keep_books(book)
    approval_id = ask_to_close(book)
    close(book, LAST, approval_id)
    open_next(book)
    after = digest_of(book)
    with book.unit_of_work(actor="s7") as unit:  # whoever repeats it
        close_year(unit, ends_on=LAST, approval_id=approval_id)
    assert [(result.key, result.duplicate) for result in unit.results] == [("year:2025:closed", True)]
    assert open_next(book) == [("year:2026:opened", True)]
    assert digest_of(book) == after


def test_more_accounts_than_an_entry_holds_take_several_entries(book: Book) -> None:
    accounts = [f"704000:o{n}" for n in range(1_500)]
    for start in (0, 750):
        legs = [(account, 0, 2) for account in accounts[start : start + 750]]
        post(book, entry(f"fees{start}", *legs, ("550200", 2 * 750, 0), on=LAST))
    approval_id = ask_to_close(book)
    assert close(book, LAST, approval_id) == [("year:2025:closed", False), ("year:2025:closed:2", False)]
    assert [len(posted(book, key)) for key in ("year:2025:closed", "year:2025:closed:2")] == [1_000, 502]
    assert not any(result_accounts(book))
    assert balance_of(book, "139000") == -3_000
    assert [duplicate for _, duplicate in close(book, LAST, approval_id)] == [True, True]


def test_income_that_equals_expenses_leaves_nothing_to_carry_forward(book: Book) -> None:
    post(book, entry("even", ("610000", 5, 0), ("704000", 0, 5), on=LAST))
    close(book)
    assert posted(book, "year:2025:closed") == [("610000", 0, 5), ("704000", 5, 0)]
    assert open_next(book) == []


def test_a_shortened_year_has_its_own_closing_and_opening(book: Book, clock: FixedClock) -> None:
    post(book, entry("rent", ("610000", 30, 0), ("550200", 0, 30), on=date(2025, 5, 1)))
    june = date(2025, 6, 30)
    assert close(book, june) == [("year:2025:closed", False)]
    assert open_next(book, june + timedelta(days=1)) == [("year:2025:opened", False)]
    post(book, entry("rent2", ("610000", 40, 0), ("550200", 0, 40), on=date(2025, 7, 1)))
    approval_id = ask_to_close(book)
    assert close(book, LAST, approval_id) == [("year:2025:closed:2", False)]
    assert open_next(book) == [("year:2026:opened", False)]
    assert close(book, LAST, approval_id) == [("year:2025:closed:2", True)]
    assert open_next(book, june + timedelta(days=1)) == [("year:2025:opened", True)]
    assert balance_of(book, "141000") == 70


def test_what_comes_late_counts_in_the_open_year_and_is_closed_with_it(book: Book, clock: FixedClock) -> None:
    keep_books(book)
    approval_id = ask_to_close(book)
    close(book, LAST, approval_id)
    open_next(book)
    post(book, entry("late", ("610000", 9, 0), ("550200", 0, 9), on=date(2025, 12, 1)))
    assert refusal_of(book, lambda unit: close_year(unit, ends_on=LAST, approval_id=approval_id)) == Refusal(
        "year-already-closed", ends_on="2025-12-31", closed_on="2025-12-31"
    )
    assert income_of(book).result_cents == 400_00 - 9  # the year as it is known now
    assert sheet_on(book, NEXT).result_cents == -9
    go_to(clock, date(2027, 1, 5))
    close(book, date(2026, 12, 31))
    assert balance_of(book, "139000") == 9


def test_a_closing_that_is_reversed_is_left_out_with_its_reversal(book: Book) -> None:
    keep_books(book)
    before = sheet_on(book, LAST), income_of(book)
    close(book)
    mirror = [(account, credit, debit) for account, debit, credit in posted(book, "year:2025:closed")]
    post(book, entry("undone", *mirror, on=LAST, purpose="correction", reverses="year:2025:closed"))
    assert (sheet_on(book, LAST), income_of(book)) == before


def test_the_desk_closes_the_year_that_it_approves(book: Book) -> None:
    keep_books(book)
    approval_id = ask_to_close(book, approved_by=None)
    with book.unit_of_work(actor="s2") as unit:
        approve_and_do(unit, approval_id)
    assert [result.key for result in unit.results] == ["year:2025:closed"]
    assert not any(result_accounts(book))


@pytest.mark.parametrize("today", [date(2025, 12, 31), date(2025, 6, 1)])
def test_a_year_that_is_not_over_is_refused(book: Book, clock: FixedClock, today: date) -> None:
    keep_books(book)
    go_to(clock, today)
    expected = Refusal("year-not-over", ends_on="2025-12-31", today_on=today.isoformat())
    assert refusal_of(book, lambda unit: request_year_close(unit, ends_on=LAST, reason="soon")) == expected
    assert refusal_of(book, lambda unit: close_year(unit, ends_on=LAST, approval_id="a1")) == expected


def test_a_year_is_closed_once_and_no_earlier_one_after_it(book: Book) -> None:
    keep_books(book)
    june = date(2025, 6, 30)
    asked = {june: ask_to_close(book, june), LAST: ask_to_close(book)}
    close(book)
    for ends_on in (LAST, june, date(2023, 12, 31)):
        expected = Refusal("year-already-closed", ends_on=ends_on.isoformat(), closed_on="2025-12-31")
        assert refusal_of(book, lambda unit, d=ends_on: request_year_close(unit, ends_on=d, reason="x")) == expected
        if approval_id := asked.get(ends_on):
            closing = {"ends_on": ends_on, "approval_id": approval_id}
            assert refusal_of(book, lambda unit, c=closing: close_year(unit, **c)) == expected


def test_a_year_without_income_or_expenses_has_nothing_to_close(book: Book) -> None:
    post(book, entry("rent", ("610000", 5, 0), ("550200", 0, 5), on=FIRST))
    approval_id = ask_to_close(book)
    post(book, entry("no-rent", ("610000", 0, 5), ("550200", 5, 0), on=FIRST, reverses="rent"))
    expected = Refusal("year-without-result", ends_on="2025-12-31")
    assert refusal_of(book, lambda unit: request_year_close(unit, ends_on=LAST, reason="x")) == expected
    assert refusal_of(book, lambda unit: close_year(unit, ends_on=LAST, approval_id=approval_id)) == expected


@pytest.mark.parametrize(
    ("legs", "result_cents"),
    [((("610000", 1, 0), ("550200", 0, 1)), 400_00 - 1), ((("610000", 1, 0), ("657000", 0, 1)), 400_00)],
)
def test_a_result_that_changed_after_it_was_approved_is_not_closed(book: Book, legs: tuple, result_cents: int) -> None:
    keep_books(book)
    approval_id = ask_to_close(book)
    post(book, entry("later", *legs, on=LAST))
    assert refusal_of(book, lambda unit: close_year(unit, ends_on=LAST, approval_id=approval_id)) == Refusal(
        "result-changed-since-approval", approval=approval_id, approved_cents=400_00, result_cents=result_cents
    )


def test_money_that_moves_beside_the_result_does_not_void_the_approval(book: Book) -> None:
    keep_books(book)
    approval_id = ask_to_close(book)
    post(book, entry("new-year", ("610000", 1, 0), ("550200", 0, 1), on=NEXT))
    post(book, entry("capital-2", ("550200", 1, 0), ("100000", 0, 1), on=LAST))
    assert close(book, LAST, approval_id) == [("year:2025:closed", False)]


def test_without_the_approval_of_this_year_by_a_second_person_nothing_is_closed(book: Book, clock: FixedClock) -> None:
    keep_books(book)
    unanswered = ask_to_close(book, approved_by=None)
    other_day = ask_to_close(book, date(2025, 11, 30))
    with book.unit_of_work(actor="s1") as unit:
        other_deed = approvals.request(unit, action="publish-offer", body={"offer_id": "o1"}, reason="x")
    for approval_id, code in [
        ("a404", "approval-unknown"),
        (unanswered, "approval-not-given"),
        (other_day, "approval-body-changed"),
        (other_deed, "approval-body-changed"),
    ]:
        refusal = refusal_of(book, lambda unit, a=approval_id: close_year(unit, ends_on=LAST, approval_id=a))
        assert refusal.code == code
    assert refusal_of(book, lambda unit: approvals.approve(unit, unanswered)).code == "approver-is-requester"
    approved = ask_to_close(book)
    go_to(clock, date(2026, 3, 20))
    assert (
        refusal_of(book, lambda unit: close_year(unit, ends_on=LAST, approval_id=approved)).code == "approval-expired"
    )


def test_what_is_approved_names_the_day_the_result_and_every_balance(book: Book) -> None:
    keep_books(book)
    approval_id = ask_to_close(book, approved_by=None)
    with book.read() as connection:
        asked = approvals.find(connection, book.book_id, approval_id)
        rows = connection.execute(sa.select(tables.approval_request.c.action)).scalars().all()
    assert asked is not None
    assert rows == [YEAR_CLOSE]
    assert {name: value for name, value in asked.body.items() if name != "trial_balance_sha256"} == {
        "ends_on": "2025-12-31",
        "result_cents": 400_00,
    }
    assert len(str(asked.body["trial_balance_sha256"])) == 64


def test_only_a_closed_year_is_carried_forward(book: Book) -> None:
    keep_books(book)
    expected = Refusal("year-not-closed", ends_on="2025-12-31")
    assert refusal_of(book, lambda unit: open_year(unit, starts_on=NEXT)) == expected
    close(book)
    assert refusal_of(book, lambda unit: open_year(unit, starts_on=date(2026, 1, 2))) == Refusal(
        "year-not-closed", ends_on="2026-01-01"
    )


def test_a_year_is_not_opened_behind_a_later_one(book: Book, clock: FixedClock) -> None:
    keep_books(book)
    close(book)
    post(book, entry("rent-2026", ("610000", 50, 0), ("550200", 0, 50), on=date(2026, 2, 1)))
    go_to(clock, date(2027, 1, 5))
    close(book, date(2026, 12, 31))
    open_next(book, date(2027, 1, 1))
    assert balance_of(book, "140000") == -(2_400_00 - 50)  # both years at once
    assert refusal_of(book, lambda unit: open_year(unit, starts_on=NEXT)) == Refusal(
        "year-already-opened", starts_on="2026-01-01", opened_on="2027-01-01"
    )


@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgresql), "sqlite"])
def test_two_people_who_close_at_once_close_it_once(make_engine: MakeEngine, clock: FixedClock, database: str) -> None:
    book = make_book(make_engine(database), clock)
    keep_books(book)
    approval_id = ask_to_close(book)
    start = Barrier(4)

    def act(_number: int) -> list[tuple[str, bool]]:
        start.wait(10)
        return close(book, LAST, approval_id)

    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(act, range(4)))
    key = "year:2025:closed"
    assert sorted(outcomes) == [[(key, False)], [(key, True)], [(key, True)], [(key, True)]]
    assert balance_of(book, "139000") == -400_00
    check_everything(book)
