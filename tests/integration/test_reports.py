"""The balance sheet and the income statement of a year that can be followed by hand, on both databases."""

from datetime import date, timedelta

import pytest

from ledger.book import Book
from ledger.errors import Refusal
from ledger.reports import Note
from ledger.rubrics import LANGUAGES
from tests.entries import back, entry, paid, post
from tests.oracle import digest_of
from tests.statements_kit import FIRST, LAST, NEXT, amounts, income_of, keep_books, sheet_on


def test_the_balance_sheet_of_the_worked_year(book: Book) -> None:
    keep_books(book)
    sheet = sheet_on(book, LAST)
    assert amounts(sheet.assets) == {
        "21/28": 480_00, "22/27": 480_00, "24": 480_00,  # 600 less 120 of depreciation
        "29/58": 11_213_00,
        "40/41": 1_303_00,
        "40": 1_210_00,  # what e5 owes; what e6 paid too much is a debt
        "41": 93_00,  # 63 of VAT, and 30 paid twice to a supplier
        "54/58": 9_910_00,  # 10 000 - 600 - 20 + 50 - 30 + 10 of its own, 500 of clients
        "20/58": 11_693_00,
    }  # fmt: skip
    assert amounts(sheet.liabilities) == {
        "10/15": 10_400_00, "10/11": 8_000_00, "10": 8_000_00,
        "14": 2_400_00, "14P": 2_000_00, "9905": 400_00,
        "17/49": 1_293_00, "42/48": 1_293_00,
        "43": 70_00,  # the bank account that is overdrawn
        "44": 363_00,
        "45": 310_00, "450/3": 310_00,  # VAT 210, income tax 100
        "47/48": 550_00,  # clients' money 500, e6's 50
        "10/49": 11_693_00,
    }  # fmt: skip
    assert (sheet.on, sheet.total_cents, sheet.result_cents) == (LAST, 11_693_00, 400_00)


def test_the_income_statement_of_the_worked_year(book: Book) -> None:
    keep_books(book)
    found = income_of(book)
    assert amounts(found.rows) == {
        "9900": 710_00, "70/76A": 1_010_00, "70": 1_000_00, "76A": 10_00, "60/61": 300_00,
        "630": 120_00,
        "9901": 590_00,
        "65/66B": 90_00, "65": 90_00,  # 20 of charges, 70 of interest
        "9903": 500_00,
        "67/77": 100_00,
        "9904": 400_00,
        "9905": 400_00,
    }  # fmt: skip
    # the profit brought in on 2 January was no result of the year before, which the book does not know
    assert amounts(found.appropriation) == {"9906": 400_00, "14D": 2_000_00, "14": 2_400_00}
    assert found.result_cents == 400_00
    later = income_of(book, since=date(2025, 1, 3))
    assert amounts(later.appropriation) == {"9906": 2_400_00, "14P": 2_000_00, "14": 2_400_00}


def test_memo_accounts_and_other_assets_are_notes_and_in_no_total(book: Book) -> None:
    keep_books(book)
    notes = [(note.code, note.asset, note.debit, note.credit) for note in sheet_on(book, LAST).notes]
    assert notes == [
        ("020000", "LOAN-L1", 400, 0),
        ("021000", "LOAN-L1", 0, 400),
        ("030100", "EUR", 5_00, 0),
        ("031100", "EUR", 0, 5_00),
    ]
    post(book, entry("loss", ("642000", 7, 0, "LOAN-L1"), ("400000", 0, 7, "LOAN-L1"), on=LAST))
    [note] = income_of(book).notes
    assert isinstance(note, Note)
    assert (note.code, note.asset, note.debit, note.credit) == ("642000", "LOAN-L1", 7, 0)
    assert note.names["fr"] == "Moins-values sur créances"
    assert income_of(book).result_cents == sheet_on(book, LAST).result_cents == 400_00


def test_a_statement_looks_at_dates_of_effect_only(book: Book) -> None:
    keep_books(book)
    assert income_of(book, until=date(2025, 3, 9)).result_cents == 0
    assert income_of(book, since=date(2025, 3, 10), until=date(2025, 3, 10)).result_cents == 1_000_00
    assert sheet_on(book, date(2025, 1, 1)).total_cents == 0
    post(book, entry("late", ("610000", 1_00, 0), ("550200", 0, 1_00), on=date(2025, 3, 10)))
    assert income_of(book, since=date(2025, 3, 10), until=date(2025, 3, 10)).result_cents == 999_00


def test_an_empty_book_has_statements_of_nothing(book: Book) -> None:
    sheet, found = sheet_on(book, LAST), income_of(book, since=date(1, 1, 1))
    assert (sheet.total_cents, sheet.result_cents, sheet.notes) == (0, 0, ())
    assert not amounts([*sheet.assets, *sheet.liabilities, *found.rows, *found.appropriation])
    assert [row.code for row in sheet.assets][-1] == "20/58"
    assert all(set(row.names) == set(LANGUAGES) for row in (*sheet.liabilities, *found.rows))


def test_accounts_are_turned_one_by_one_and_not_as_a_sum(book: Book) -> None:
    post(book, paid("k1", 100), back("k2", 100), entry("k3", ("400000:e1", 60, 0), ("400000:e2", 0, 60)))
    sheet = sheet_on(book, date(2026, 3, 2))
    assert amounts(sheet.assets) == {"29/58": 60, "40/41": 60, "40": 60, "20/58": 60}
    assert amounts(sheet.liabilities) == {"17/49": 60, "42/48": 60, "47/48": 60, "10/49": 60}


def test_a_dividend_and_a_reserve_are_the_appropriation_of_the_year(book: Book) -> None:
    keep_books(book)
    post(
        book,
        entry("reserve", ("692000", 20_00, 0), ("130000", 0, 20_00), on=LAST),
        entry("dividend", ("694000", 80_00, 0), ("471000", 0, 80_00), on=LAST),
        entry("forward", ("693000", 300_00, 0), ("140000", 0, 300_00), on=LAST),
    )
    found, sheet = income_of(book), sheet_on(book, LAST)
    assert found.result_cents == 400_00
    assert amounts(found.appropriation) == {
        "9906": 400_00, "691/2": 20_00, "694/7": 80_00, "14D": 2_000_00, "14": 2_300_00,
    }  # fmt: skip
    assert amounts(sheet.liabilities)["14"] == 2_300_00
    assert sheet.result_cents == 0  # all of it went somewhere


def test_entries_that_mix_memo_accounts_with_others_leave_no_statement(book: Book) -> None:
    post(book, entry("mixed", ("030100", 3, 0), ("550200", 0, 3), on=LAST))
    for read in (lambda: sheet_on(book, LAST), lambda: income_of(book)):
        with pytest.raises(Refusal) as refused:
            read()
        assert refused.value == Refusal("memo-accounts-unbalanced", difference_cents=3)
    assert sheet_on(book, LAST - timedelta(days=1)).total_cents == 0


def test_a_period_that_ends_before_it_begins_is_refused(book: Book) -> None:
    before = digest_of(book)
    with pytest.raises(Refusal) as refused:
        income_of(book, since=NEXT, until=LAST)
    assert refused.value == Refusal("period-reversed", since_on="2026-01-01", until_on="2025-12-31")
    assert digest_of(book) == before


def test_a_closing_brought_in_from_elsewhere_may_end_in_the_result_and_nowhere_else(book: Book) -> None:
    keep_books(book)
    closing = entry("old", ("704000", 1_000_00, 0), ("140000", 0, 1_000_00), on=LAST, purpose="year-closed")
    post(book, closing)
    assert income_of(book).result_cents == 400_00
    post(book, entry("odd", ("763000", 10_00, 0), ("130000", 0, 10_00), on=LAST, purpose="year-closed"))
    with pytest.raises(Refusal) as refused:
        income_of(book)
    assert refused.value == Refusal("year-closed-elsewhere", difference_cents=10_00, until_on="2025-12-31")
    assert income_of(book, since=FIRST, until=LAST - timedelta(days=1)).result_cents == 620_00
